/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/attribute_fit.h"
#include "core/engine/attribute_sets.h"
#include "test/random.h"
#include "test/unit/base/near.h"
#include "test/unit/engine/model.h"

#define N 400

static struct slo_attr_model truth, start;
static struct slo_fit_case cases[N];
static double log_p[N][SLO_FAULT_SETS];

/* Incidents drawn from @truth: which kinds are raised follows its q; a raised one is clearly so. */
static void draw_cases(uint64_t number)
{
	uint64_t seed = TEST_RANDOM_SEED + number;

	for (unsigned int k = 0; k < N; k++) {
		struct slo_observation obs = { 0 };
		uint32_t set = 0;

		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			set |= test_random_uniform(&seed) < truth.prior[f] ? SLO_DOMAIN_BIT(f) : 0;
		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
			bool raised = test_random_uniform(&seed) < truth.q[i][set];

			slo_observation_set(
				&obs, i,
				raised ? fmin(slo_evidence_max(i), truth.evidence[i].floor * 3)
				       : truth.evidence[i].median);
		}
		slo_fit_case_init(&cases[k], &truth, &obs);
		cases[k].truth = set;
		cases[k].fold = k % 5;
	}
}

static int prepare(void **state)
{
	(void)state;
	load_model(&truth, "default");
	memset(truth.rho, 0, sizeof(truth.rho));
	assert_int_equal(slo_attr_model_finish(&truth, NULL), 0);
	draw_cases(17);
	start = truth;
	return 0;
}

static double mean_likelihood(const struct slo_attr_model *m, unsigned int fold)
{
	double sum = 0;
	unsigned int n = 0;

	for (unsigned int k = 0; k < N; k++) {
		if (cases[k].fold != fold)
			continue;
		sum += slo_fit_log_likelihood(m, &cases[k]);
		n++;
	}
	return sum / n;
}

/* Parameters that were spoilt come back, and are better on incidents that were not used. */
static void fitting_finds_the_way_back_and_helps_on_unseen_incidents(void **state)
{
	const struct slo_fit_config cfg = { 0 };
	double before;

	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			start.evidence[i].lambda[f] = start.evidence[i].lambda[f] > 0 ? 0.3 : 0;
	}
	assert_int_equal(slo_attr_model_finish(&start, NULL), 0);
	before = mean_likelihood(&start, 0);
	assert_int_equal(slo_fit_lambdas(&start, cases, N, 0, &cfg), N - N / 5);
	assert_true(start.finished);
	assert_true(mean_likelihood(&start, 0) > before + 0.2);
	assert_true(mean_likelihood(&start, 0) > mean_likelihood(&truth, 0) - 0.2);
	assert_true(start.evidence[SLO_SIG_DNS_LATENCY].lambda[SLO_DOMAIN_NETWORK_DNS] > 0.7);
	/* No structure is invented. */
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			assert_int_equal(start.evidence[i].lambda[f] > 0,
			                 truth.evidence[i].lambda[f] > 0);
	}
}

static void one_step_goes_uphill(void **state)
{
	const struct slo_fit_config cfg = { .steps = 1 };
	double *lambda = &start.evidence[SLO_SIG_DNS_LATENCY].lambda[SLO_DOMAIN_NETWORK_DNS];

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		double from = k ? 0.999 : 0.2;

		*lambda = from;
		assert_int_equal(slo_attr_model_finish(&start, NULL), 0);
		(void)slo_fit_lambdas(&start, cases, N, SLO_FIT_NO_FOLD, &cfg);
		assert_true(k ? *lambda < from : *lambda > from); /* the truth is .95 */
	}
}

static void a_strong_pull_keeps_the_parameters(void **state)
{
	const struct slo_fit_config cfg = { .pull = 1e9 };

	(void)state;
	(void)slo_fit_lambdas(&start, cases, N, SLO_FIT_NO_FOLD, &cfg);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		assert_near(start.evidence[i].leak, truth.evidence[i].leak, 0.01);
}

static void no_case_changes_nothing(void **state)
{
	const struct slo_fit_config cfg = { 0 };

	(void)state;
	for (unsigned int k = 0; k < N; k++)
		cases[k].fold = 3;
	assert_int_equal(slo_fit_lambdas(&start, cases, N, 3, &cfg), 0);
	assert_memory_equal(&start, &truth, sizeof(start));
	assert_near(slo_fit_temperature(cases, (const double(*)[SLO_FAULT_SETS])log_p, N, 3), 1, 0);
}

static void temperatures_scale_with_the_odds(void **state)
{
	double one, two;

	(void)state;
	for (unsigned int k = 0; k < N; k++)
		slo_attr_sets(&truth, cases[k].present, cases[k].evidence, log_p[k]);
	one = slo_fit_temperature(cases, (const double(*)[SLO_FAULT_SETS])log_p, N,
	                          SLO_FIT_NO_FOLD);
	for (unsigned int k = 0; k < N; k++) {
		for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
			log_p[k][set] *= 2;
	}
	two = slo_fit_temperature(cases, (const double(*)[SLO_FAULT_SETS])log_p, N,
	                          SLO_FIT_NO_FOLD);
	assert_near(two, 2 * one, 0.01);
	assert_true(one > 0.3 && one < 1.3); /* drawn from that very model */
}

static void the_conformal_quantile_is_the_rank_of_the_paper(void **state)
{
	double scores[19];

	(void)state;
	/* n = 9, alpha .1: the ninth; n = 8 is too few. */
	for (int i = 0; i < 19; i++)
		scores[i] = (double)((i * 7) % 19) / 100;
	assert_near(slo_fit_conformal(scores, 19, 0.1), 0.17, 1e-12); /* ceil(20 * .9) = 18th */
	for (int i = 0; i < 9; i++)
		scores[i] = (9 - i) / 10.0;
	assert_near(slo_fit_conformal(scores, 9, 0.1), 0.9, 1e-12);
	assert_near(slo_fit_conformal(scores, 8, 0.1), 1, 0);
	assert_near(slo_fit_conformal(scores, 0, 0.1), 1, 0);
	assert_int_equal(slo_fit_conformal_needs(0.1), 9);
	assert_int_equal(slo_fit_conformal_needs(0.05), 19);
}

static void the_score_is_that_of_the_least_probable_true_domain(void **state)
{
	const double p[SLO_DOMAIN_MAX_] = { 0.9, 0.3, 0, 0, 0, 0, 0, 0.05 };

	(void)state;
	assert_near(slo_fit_score(p, 1), 0.1, 1e-12);
	assert_near(slo_fit_score(p, 3), 0.7, 1e-12);
	assert_near(slo_fit_score(p, 0), 0.95, 1e-12);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, prepare)
	const struct CMUnitTest tests[] = {
		TEST(fitting_finds_the_way_back_and_helps_on_unseen_incidents),
		TEST(one_step_goes_uphill),
		TEST(a_strong_pull_keeps_the_parameters),
		TEST(no_case_changes_nothing),
		TEST(temperatures_scale_with_the_odds),
		TEST(the_conformal_quantile_is_the_rank_of_the_paper),
		TEST(the_score_is_that_of_the_least_probable_true_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
