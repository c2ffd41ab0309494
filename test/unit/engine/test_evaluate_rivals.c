/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/evaluate_rivals.h"
#include "test/unit/base/fail_alloc.h"

#define N 100
#define DNS SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS)
#define CPU SLO_DOMAIN_BIT(SLO_DOMAIN_CPU_THROTTLE)

static void put(struct slo_eval_sample *s, unsigned int evid, double value)
{
	s->present |= SLO_EVID_BIT(evid);
	s->value[evid] = value;
}

/* Healthy ones with DNS 10 to 19 ms, and every fifth a DNS fault of 30 ms: below the threshold of 40. */
static void make_samples(struct slo_eval_sample samples[N])
{
	memset(samples, 0, N * sizeof(*samples));
	for (unsigned int i = 0; i < N; i++) {
		samples[i].fold = (uint8_t)(i % SLO_EVAL_FOLDS);
		samples[i].labelled = true;
		put(&samples[i], SLO_SIG_DNS_LATENCY, 10 + i / SLO_EVAL_FOLDS % 10);
		if (i % 25 < 5) {
			samples[i].truth = DNS;
			samples[i].value[SLO_SIG_DNS_LATENCY] = 30;
		}
	}
}

static void always_unknown_says_nothing(void **state)
{
	struct slo_eval_case cases[N] = { 0 };
	struct slo_eval_sample samples[N];

	(void)state;
	make_samples(samples);
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_UNKNOWN, samples, N, cases), 0);
	for (unsigned int i = 0; i < N; i++) {
		assert_int_equal(cases[i].set, 0);
		assert_int_equal(cases[i].top, SLO_DOMAIN_UNKNOWN);
		assert_false(cases[i].probabilistic || cases[i].abstained);
	}
}

/* All of fold 0 is cpu and the commonest of all; folds 1 to 4 are dns: fold 0 must not see its own labels. */
static void majority_never_sees_the_labels_of_its_own_fold(void **state)
{
	struct slo_eval_case cases[N] = { 0 };
	struct slo_eval_sample samples[N] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		samples[i].fold = (uint8_t)(i < 60 ? 0 : 1 + i % 4);
		samples[i].labelled = true;
		samples[i].truth = i < 60 ? CPU : DNS;
	}
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_MAJORITY, samples, N, cases), 0);
	assert_int_equal(cases[0].set, DNS);
	assert_int_equal(cases[0].top, SLO_DOMAIN_NETWORK_DNS);
	assert_int_equal(cases[99].set, CPU);
	for (unsigned int i = 0; i < N; i++)
		samples[i].labelled = false;
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_MAJORITY, samples, N, cases), 0);
	assert_int_equal(cases[0].set, 0);
}

static void threshold_rule_names_the_fault_of_each_raised_kind(void **state)
{
	struct slo_eval_sample samples[4] = { 0 };
	struct slo_eval_case cases[4] = { 0 };

	(void)state;
	put(&samples[0], SLO_SIG_DNS_LATENCY, 40);
	put(&samples[0], SLO_SIG_CFS_THROTTLED, 400);
	put(&samples[1], SLO_SIG_DNS_LATENCY, 39.9);
	put(&samples[3], SLO_EVID_THROTTLED_RATIO, 0.5);
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_THRESHOLD, samples, 4, cases), 0);
	assert_int_equal(cases[0].set, DNS | CPU);
	assert_int_equal(cases[0].top, SLO_DOMAIN_CPU_THROTTLE);
	assert_int_equal(cases[1].set, 0);
	assert_false(cases[1].abstained);
	assert_true(cases[2].abstained);
	assert_int_equal(cases[3].set, SLO_DOMAIN_BIT(SLO_DOMAIN_PROVIDER_THROTTLE));
}

static void learning_rivals_find_what_a_fixed_threshold_misses(void **state)
{
	static const enum slo_eval_rival learning[] = { SLO_RIVAL_N_SIGMA, SLO_RIVAL_MEDIAN_IQR };
	struct slo_eval_case cases[N] = { 0 };
	struct slo_eval_sample samples[N];

	(void)state;
	make_samples(samples);
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_THRESHOLD, samples, N, cases), 0);
	assert_int_equal(cases[0].set, 0);
	for (size_t k = 0; k < SLO_ARRAY_SIZE(learning); k++) {
		assert_int_equal(slo_eval_rival_predict(learning[k], samples, N, cases), 0);
		for (unsigned int i = 0; i < N; i++) {
			/* Mean 14.9 and sd 2.8: 30 is 5.4 sd off. IQR about 4.6: only 3.3 IQRs. */
			assert_int_equal(cases[i].set, samples[i].truth);
			assert_false(cases[i].abstained);
		}
	}
}

/* The edges themselves: mean 0 and sd 1 (n - 1) of the training values, so 3 is in and 2.999 is out. */
static void n_sigma_is_three_sample_standard_deviations(void **state)
{
	struct slo_eval_sample samples[22] = { 0 };
	struct slo_eval_case cases[22] = { 0 };
	double sd = sqrt(20. * 4 / 19); /* twenty values, 2 off their mean of 12 */

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		samples[i].fold = 1;
		put(&samples[i], SLO_SIG_DNS_LATENCY, i % 2 ? 10 : 14);
	}
	put(&samples[20], SLO_SIG_DNS_LATENCY, 12 + 3 * sd + 1e-9);
	put(&samples[21], SLO_SIG_DNS_LATENCY, 12 + 3 * sd - 1e-9);
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_N_SIGMA, samples, 22, cases), 0);
	assert_int_equal(cases[20].set, DNS);
	assert_int_equal(cases[21].set, 0);
	/* Median 12, quartiles 10 and 14. */
	samples[20].value[SLO_SIG_DNS_LATENCY] = 24;
	samples[21].value[SLO_SIG_DNS_LATENCY] = 23.999;
	assert_int_equal(slo_eval_rival_predict(SLO_RIVAL_MEDIAN_IQR, samples, 22, cases), 0);
	assert_int_equal(cases[20].set, DNS);
	assert_int_equal(cases[21].set, 0);
}

static void too_little_to_learn_from_is_an_abstention(void **state)
{
	struct slo_eval_sample samples[SLO_RIVAL_TRAIN_MIN] = { 0 };
	struct slo_eval_case cases[SLO_RIVAL_TRAIN_MIN] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < SLO_RIVAL_TRAIN_MIN; i++) {
		samples[i].fold = i ? 1 : 0;
		put(&samples[i], SLO_SIG_DNS_LATENCY, i ? 10 : 1000);
	}
	assert_int_equal(
		slo_eval_rival_predict(SLO_RIVAL_N_SIGMA, samples, SLO_RIVAL_TRAIN_MIN, cases), 0);
	assert_true(cases[0].abstained);
	assert_int_equal(cases[0].set, 0);
}

static void every_rival_has_a_name_and_every_kind_at_most_one_fault(void **state)
{
	(void)state;
	for (unsigned int r = 0; r < SLO_RIVAL_MAX_; r++) {
		assert_non_null(slo_eval_rival_name((enum slo_eval_rival)r));
		assert_non_null(slo_eval_rival_help((enum slo_eval_rival)r));
	}
	assert_int_equal(slo_eval_rival_domain(SLO_SIG_DNS_LATENCY), SLO_DOMAIN_NETWORK_DNS);
	assert_int_equal(slo_eval_rival_domain(SLO_SIG_CONNECT_LATENCY), SLO_DOMAIN_NETWORK_EGRESS);
	assert_int_equal(slo_eval_rival_domain(SLO_EVID_SERVER_ERROR_RATIO),
	                 SLO_DOMAIN_PROVIDER_ERROR);
	assert_int_equal(slo_eval_rival_domain(SLO_EVID_RETRIEVAL_SHARE),
	                 SLO_DOMAIN_RETRIEVAL_BACKEND);
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
#if FAIL_ALLOC
	struct slo_eval_case cases[N] = { 0 };
	struct slo_eval_sample samples[N];
	int r = -1;

	make_samples(samples);
	for (int n = 0; r != 0; n++) {
		assert_in_range(n, 0, 9);
		fail_alloc_after = n;
		r = slo_eval_rival_predict(SLO_RIVAL_N_SIGMA, samples, N, cases);
		fail_alloc_after = -1;
		assert_true(r == 0 || n < 2);
	}
#else
	fail_alloc_after = -1;
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(always_unknown_says_nothing),
		cmocka_unit_test(majority_never_sees_the_labels_of_its_own_fold),
		cmocka_unit_test(threshold_rule_names_the_fault_of_each_raised_kind),
		cmocka_unit_test(learning_rivals_find_what_a_fixed_threshold_misses),
		cmocka_unit_test(n_sigma_is_three_sample_standard_deviations),
		cmocka_unit_test(too_little_to_learn_from_is_an_abstention),
		cmocka_unit_test(every_rival_has_a_name_and_every_kind_at_most_one_fault),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
