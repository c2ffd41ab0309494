/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are no library, so the modules under test are included as text. */
#include "core/programs/sloctl/bench_figures.c" /* NOLINT(bugprone-suspicious-include) */
#include "core/programs/sloctl/bench_measure.c" /* NOLINT(bugprone-suspicious-include) */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/base/fail_alloc.h"

#define DNS SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS)
#define CPU SLO_DOMAIN_BIT(SLO_DOMAIN_CPU_THROTTLE)

static void add(struct bench_data *d, uint32_t truth, double dns_ms, double connect_ms)
{
	struct slo_eval_sample s = { .truth = truth, .labelled = true };

	if (dns_ms >= 0) {
		s.present =
			SLO_EVID_BIT(SLO_SIG_DNS_LATENCY) | SLO_EVID_BIT(SLO_SIG_CONNECT_LATENCY);
		s.value[SLO_SIG_DNS_LATENCY] = dns_ms;
		s.value[SLO_SIG_CONNECT_LATENCY] = connect_ms;
	}
	s.fold = (uint8_t)(d->count % SLO_EVAL_FOLDS);
	assert_int_equal(bench_data_add(d, &s, "inc"), 0);
}

/*
 * The reference model: DNS 220 with connect 130 is network_dns at .93327, nothing raised is unknown (contracts), and
 * without a signal it abstains. So: one hit, one accusation, one right silence, one abstention.
 */
static void four_cases(struct bench_data *d)
{
	add(d, DNS, 220, 130);
	add(d, 0, 220, 130);
	add(d, 0, 5, 5);
	add(d, CPU, -1, -1);
}

static struct bench of_mode(enum slo_attribution_mode mode)
{
	return (struct bench){ .mode = mode,
		               .predicts = mode != SLO_ATTR_RULE,
		               .samples = 4,
		               .labelled = 4,
		               .has_kernel = true,
		               .model = "default",
		               .seed = 1 };
}

static const struct bench_method *find(const struct bench *b, const char *name)
{
	for (unsigned int i = 0; i < b->methods; i++) {
		if (strcmp(b->method[i].name, name) == 0)
			return &b->method[i];
	}
	return NULL;
}

static void figures_are_what_one_counts_by_hand(void **state)
{
	struct bench b slo_cleanup(bench_fini) = of_mode(SLO_ATTR_BAYES);
	struct bench_data d slo_cleanup(bench_data_fini) = { 0 };
	const struct bench_method *m = &b.method[0];

	(void)state;
	b.model[0] = '\0';
	four_cases(&d);
	assert_int_equal(bench_measure(&b, &d, NULL, NULL), 0);
	assert_string_equal(m->name, "bayes");
	assert_true(m->partial == 0.5);
	assert_true(m->selective_right == 2. / 3);
	assert_true(m->abstain == 0.5);
	assert_true(m->accused == 0.5);
	/* dns: one hit, one false alarm; cpu: one miss. */
	assert_true(m->micro.f1 == 2. / 4);
	assert_true(m->single_macro_f1 == 0.5);
	assert_int_equal(b.confusion.cell[SLO_DOMAIN_UNKNOWN][SLO_DOMAIN_NETWORK_DNS], 1);
	assert_int_equal(b.confusion.cell[SLO_DOMAIN_CPU_THROTTLE][SLO_EVAL_ABSTAIN], 1);
	/* Two ties, each half right: every coverage has the same risk. */
	assert_true(fabs(m->risk.aurc - 0.5) < 1e-12);
	assert_non_null(b.risk);
	/* It gives no reasons to draw. */
	assert_null(b.shown);
}

static void every_rival_and_model_is_measured_once(void **state)
{
	static const char *const want[] = { "noisy-or default",   "two signals only",
		                            "noisy-or reference", "bayes",
		                            "always-unknown",     "majority",
		                            "threshold-rule",     "n-sigma",
		                            "median-iqr" };
	struct slo_attr_model *model slo_cleanup(slo_freep) = calloc(1, sizeof(*model));
	struct bench b slo_cleanup(bench_fini) = of_mode(SLO_ATTR_NOISY_OR);
	struct bench_data d slo_cleanup(bench_data_fini) = { 0 };

	(void)state;
	four_cases(&d);
	assert_int_equal(slo_model_load(model, "default", NULL), 0);
	assert_int_equal(bench_measure(&b, &d, model, NULL), 0);
	assert_int_equal(b.methods, SLO_ARRAY_SIZE(want));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(want); i++)
		assert_non_null(find(&b, want[i]));
	assert_true(find(&b, "always-unknown")->micro.f1 == 0);
	assert_false(find(&b, "majority")->probabilistic);
	/* The incident without a signal has no evidence to draw. */
	assert_int_equal(b.shown_count, 3);
}

static void what_was_not_measured_is_absent(void **state)
{
	struct bench b slo_cleanup(bench_fini) = of_mode(SLO_ATTR_RULE);
	struct bench_data d slo_cleanup(bench_data_fini) = { 0 };
	struct bench_figure figure[BENCH_FIGURES_MAX];

	(void)state;
	four_cases(&d);
	assert_int_equal(bench_measure(&b, &d, NULL, NULL), 0);
	assert_int_equal(b.methods, 0);
	assert_int_equal(bench_figures(&b, figure), 0);
	assert_non_null(bench_unmeasured(&b));

	b = of_mode(SLO_ATTR_BAYES);
	for (size_t i = 0; i < d.count; i++)
		d.samples[i].labelled = false;
	b.labelled = 0;
	assert_int_equal(bench_measure(&b, &d, NULL, NULL), 0);
	assert_int_equal(b.methods, 0);
	assert_non_null(bench_unmeasured(&b));
}

/* A wrong verdict is worth more room than a right one, and a right silence the least. */
static void wrong_verdicts_are_drawn_first(void **state)
{
	struct slo_attr_model *model slo_cleanup(slo_freep) = calloc(1, sizeof(*model));
	struct bench b slo_cleanup(bench_fini) = of_mode(SLO_ATTR_NOISY_OR);
	struct bench_data d slo_cleanup(bench_data_fini) = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 2 * BENCH_SHOWN_MAX; i++)
		add(&d, i % 2 ? CPU : 0, 5, 5);
	assert_int_equal(slo_model_load(model, "default", NULL), 0);
	assert_int_equal(bench_measure(&b, &d, model, NULL), 0);
	assert_int_equal(b.shown_count, BENCH_SHOWN_MAX);
	for (unsigned int i = 0; i < BENCH_SHOWN_MAX; i++)
		assert_int_equal(b.shown[i].truth, i < BENCH_SHOWN_MAX / 2 ? CPU : 0);
}

static void samples_past_the_maximum_are_refused(void **state)
{
	struct bench_data d = { .count = BENCH_SAMPLES_MAX };
	struct slo_eval_sample s = { 0 };

	(void)state;
	assert_int_equal(bench_data_add(&d, &s, "inc"), -ENOSPC);
	assert_int_equal(d.count, BENCH_SAMPLES_MAX);
}

static void numbers_and_sets_have_a_text(void **state)
{
	char buf[BENCH_NUMBER_LEN], set[64], small[12];

	(void)state;
	assert_string_equal(bench_number(0.12345, buf), "0.123");
	assert_string_equal(bench_number(NAN, buf), "-");
	assert_string_equal(bench_set_text(0, set, sizeof(set)), "unknown");
	assert_string_equal(bench_set_text(DNS | CPU, set, sizeof(set)),
	                    "network_dns + cpu_throttle");
	assert_string_equal(bench_set_text(DNS | CPU, small, sizeof(small)), "network_dns");
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
#if FAIL_ALLOC
	struct slo_attr_model *model slo_cleanup(slo_freep) = calloc(1, sizeof(*model));
	struct bench_data d slo_cleanup(bench_data_fini) = { 0 };
	struct slo_err err;
	int r = -ENOMEM;

	four_cases(&d);
	assert_int_equal(slo_model_load(model, "default", NULL), 0);
	for (int n = 0; r != 0; n++) {
		struct bench b slo_cleanup(bench_fini) = of_mode(SLO_ATTR_NOISY_OR);

		assert_in_range(n, 0, 200);
		fail_alloc_after = n;
		r = bench_measure(&b, &d, model, &err);
		fail_alloc_after = -1;
		assert_true(r == 0 || r == -ENOMEM);
		assert_true(r == 0 || *err.msg);
	}
#else
	fail_alloc_after = -1;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_what_one_counts_by_hand),
		cmocka_unit_test(every_rival_and_model_is_measured_once),
		cmocka_unit_test(what_was_not_measured_is_absent),
		cmocka_unit_test(wrong_verdicts_are_drawn_first),
		cmocka_unit_test(samples_past_the_maximum_are_refused),
		cmocka_unit_test(numbers_and_sets_have_a_text),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
