/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/attribute.h"
#include "test/unit/base/near.h"
#include "test/unit/engine/model.h"

static struct slo_attr_model model;

static int load_default(void **state)
{
	(void)state;
	load_model(&model, "default");
	return 0;
}

static void both_embedded_sets_are_complete(void **state)
{
	static const char *const names[] = { "default", "reference" };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(names); i++) {
		load_model(&model, names[i]);
		assert_true(model.finished);
		assert_string_equal(model.name, names[i]);
		for (unsigned int s = 0; s < SLO_SIG_MAX_; s++)
			assert_true(model.evidence[s].used);
		for (unsigned int s = SLO_SIG_MAX_; s < SLO_EVID_MAX_; s++)
			assert_int_equal(model.evidence[s].used, i == 0);
	}
}

/* What the head of reference.ini says of itself. */
static void reference_follows_from_the_table_by_its_rule(void **state)
{
	(void)state;
	load_model(&model, "reference");
	for (unsigned int g = 0; g < SLO_EVID_GROUP_MAX_; g++)
		assert_true(model.rho[g] == 0);
	for (unsigned int s = 0; s < SLO_SIG_MAX_; s++) {
		const struct slo_attr_model_evidence *e = &model.evidence[s];
		double leak =
			slo_attribute_bayes_likelihood((enum slo_signal)s, SLO_DOMAIN_UNKNOWN);
		double warn = slo_signal_desc((enum slo_signal)s)->warn;

		assert_near(e->leak, leak, 1e-12);
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			double p = slo_attribute_bayes_likelihood((enum slo_signal)s,
			                                          (enum slo_domain)f);

			assert_near(e->lambda[f], fmax(0, 1 - (1 - p) / (1 - leak)), 5e-5);
			assert_near(model.q[s][SLO_DOMAIN_BIT(f)], fmax(p, leak), 5e-5);
		}
		assert_near(e->median, warn * 0.99, 1e-9);
		assert_near(e->floor, warn, 0);
		assert_near((slo_evidence_scale(s, warn) - model.shipped_g[s]) / e->spread, 64,
		            0.01);
	}
}

static void every_threshold_lies_4_deviations_above_the_shipped_median(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		const struct slo_attr_model_evidence *e = &model.evidence[i];

		assert_near((slo_evidence_scale(i, e->floor) - model.shipped_g[i]) / e->spread, 4,
		            2e-3);
	}
}

/* What speaks for a fault in the table of roles has a lambda, and what exculpates it has none. */
static void default_agrees_with_the_table_of_roles(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		struct slo_evidence_desc d = slo_evidence_desc(i);

		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			double lambda = model.evidence[i].lambda[f];

			if (d.role[f] == SLO_EVID_ROLE_SPECIFIC)
				assert_true(lambda >= 0.3);
			if (d.role[f] == SLO_EVID_ROLE_SHARED)
				assert_true(lambda >= 0.1);
			if (d.role[f] == SLO_EVID_ROLE_EXCULPATES)
				assert_true(lambda == 0);
		}
	}
}

static void the_likelihood_ratio_never_falls_and_stays_within_its_limits(void **state)
{
	double last = SLO_ATTR_LOG_LR_MIN;

	(void)state;
	for (double z = -50; z <= 200; z += 0.01) {
		double l = slo_attr_log_lr(&model, z);

		assert_true(l >= last && l >= SLO_ATTR_LOG_LR_MIN && l <= SLO_ATTR_LOG_LR_MAX);
		last = l;
	}
	assert_near(slo_attr_log_lr(&model, 4), log(9), 0.1); /* 9:1 at the threshold */
	assert_true(slo_attr_log_lr(&model, 2) < 0);
	assert_true(slo_attr_log_lr(&model, 0) < -3);
	assert_true(slo_attr_log_lr(&model, 1e300) == slo_attr_log_lr(&model, 64));
	assert_near(last, SLO_ATTR_LOG_LR_MAX, 0.1);
}

/* Between the steps of the table it is the mixture itself. */
static void the_table_is_the_mixture(void **state)
{
	(void)state;
	for (double z = 0; z < 6; z += 0.037) {
		double raised = 0, normal;

		for (double mean = 4; mean <= 32; mean *= 2)
			raised +=
				0.25 * exp(-0.5 * pow((z - mean) / (0.4 * mean), 2)) / (0.4 * mean);
		normal = 0.95 * exp(-0.5 * pow(z / 1.5, 2)) / 1.5 +
		         0.05 * exp(-0.5 * pow(z / 12.0, 2)) / 12;
		assert_near(slo_attr_log_lr(&model, z), fmax(log(raised / normal), -4.6), 0.02);
	}
}

static void bad_parameters_are_refused_by_name(void **state)
{
	struct {
		double *field;
		double value;
		const char *part;
	} rows[] = {
		{ &model.evidence[0].leak, 0, "dns_latency_ms: leak" },
		{ &model.evidence[0].leak, 1, "dns_latency_ms: leak" },
		{ &model.evidence[0].leak, NAN, "dns_latency_ms: leak" },
		{ &model.evidence[0].lambda[2], 1, "cpu_throttle" },
		{ &model.evidence[0].lambda[2], -0.1, "cpu_throttle" },
		{ &model.evidence[0].median, -1, "median" },
		{ &model.evidence[0].spread, 0, "spread" },
		{ &model.evidence[0].min_spread, 0, "min_spread" },
		{ &model.evidence[0].floor, -1, "floor" },
		{ &model.temperature, 0, "temperature" },
		{ &model.assert_at, 1, "assert" },
		{ &model.unexplained_z, 0, "limits" },
		{ &model.prior[3], 0, "memory_pressure" },
		{ &model.rho[0], 1.1, "network" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		double kept = *rows[i].field;
		struct slo_err err = { 0 };

		*rows[i].field = rows[i].value;
		assert_int_equal(slo_attr_model_finish(&model, &err), -ERANGE);
		assert_false(model.finished);
		assert_non_null(strstr(err.msg, rows[i].part));
		*rows[i].field = kept;
	}
	assert_int_equal(slo_attr_model_finish(&model, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, load_default)
	const struct CMUnitTest tests[] = {
		TEST(both_embedded_sets_are_complete),
		TEST(reference_follows_from_the_table_by_its_rule),
		TEST(every_threshold_lies_4_deviations_above_the_shipped_median),
		TEST(default_agrees_with_the_table_of_roles),
		TEST(the_likelihood_ratio_never_falls_and_stays_within_its_limits),
		TEST(the_table_is_the_mixture),
		TEST(bad_parameters_are_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
