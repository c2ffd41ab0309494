/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/baseline.h"
#include "test/random.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/base/near.h"

/* A fixed sequence that looks normal: the sum of 12 uniform numbers less 6. */
static double next_normal(uint64_t *state)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += test_random_uniform(state);
	return sum;
}

static struct slo_baseline_stat learn(unsigned int evid, double median_g, double sd, unsigned int n,
                                      double half_life)
{
	struct slo_baseline b = { 0 };
	uint64_t seed = TEST_RANDOM_SEED + 7;

	for (unsigned int i = 0; i < n; i++)
		slo_baseline_add(&b, evid, expm1(median_g + sd * next_normal(&seed)), half_life);
	return slo_baseline_stat(&b);
}

static void an_empty_one_knows_nothing(void **state)
{
	struct slo_baseline b = { 0 };

	(void)state;
	assert_true(slo_baseline_stat(&b).n == 0);
}

static void median_and_spread_are_those_of_the_values(void **state)
{
	struct slo_baseline_stat s = learn(SLO_SIG_DNS_LATENCY, 2, 0.5, 5000, 1e6);

	(void)state;
	assert_near(s.median, 2, 0.03);
	assert_near(s.spread, 0.5, 0.03);
	assert_near(s.n, 5000, 20);
}

static void old_values_fade(void **state)
{
	struct slo_baseline b = { 0 };
	struct slo_baseline_stat s;

	(void)state;
	for (int i = 0; i < 1000; i++)
		slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, 5, 50);
	s = slo_baseline_stat(&b);
	assert_near(s.median, log(6), 0.06);
	assert_near(s.n, 50 / log(2), 1.5); /* the sum of 2^(-i/50) */
	for (int i = 0; i < 200; i++)
		slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, 50, 50);
	assert_near(slo_baseline_stat(&b).median, log(51), 0.06);
}

/* The growing unit is brought back many times here. */
static void a_million_values_lose_no_precision(void **state)
{
	struct slo_baseline_stat s = learn(SLO_SIG_RUNQUEUE_DELAY, 1, 0.3, 1000000, 500);

	(void)state;
	assert_near(s.median, 1, 0.05);
	assert_near(s.spread, 0.3, 0.05);
	assert_near(s.n, 500 / log(2), 5);
}

static void values_that_are_no_numbers_or_far_off_do_no_harm(void **state)
{
	struct slo_baseline b = { 0 };

	(void)state;
	slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, NAN, 10);
	slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, INFINITY, 10);
	assert_true(slo_baseline_stat(&b).n == 0);
	slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, 1e300, 10);
	slo_baseline_add(&b, SLO_SIG_DNS_LATENCY, -5, 10);
	assert_true(isfinite(slo_baseline_stat(&b).median));
	assert_true(slo_baseline_stat(&b).n > 1);
}

static struct slo_baselines *make(size_t workloads)
{
	const struct slo_baselines_config cfg = { .workloads = workloads, .half_life = 100 };
	struct slo_baselines *b = NULL;

	assert_int_equal(slo_baselines_new(&b, &cfg, NULL), 0);
	return b;
}

static void nothing_is_learnt_while_an_incident_is_open(void **state)
{
	struct slo_baselines *b = make(4);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(slo_baselines_add(b, 1, SLO_SIG_DNS_LATENCY, 5));
	assert_true(slo_baselines_freeze(b, 1, true));
	for (int i = 0; i < 500; i++)
		assert_false(slo_baselines_add(b, 1, SLO_SIG_DNS_LATENCY, 500));
	assert_near(slo_baselines_get(b, 1, SLO_SIG_DNS_LATENCY).median, log(6), 0.06);
	assert_true(slo_baselines_freeze(b, 1, false));
	assert_true(slo_baselines_add(b, 1, SLO_SIG_DNS_LATENCY, 5));
	slo_baselines_freep(&b);
	assert_null(b);
}

static void workloads_and_kinds_are_apart_and_the_table_is_bounded(void **state)
{
	struct slo_baselines *b = make(2);

	(void)state;
	assert_true(slo_baselines_add(b, 1, SLO_SIG_DNS_LATENCY, 5));
	assert_true(slo_baselines_add(b, 2, SLO_SIG_DISK_IO, 5));
	assert_true(slo_baselines_get(b, 2, SLO_SIG_DNS_LATENCY).n == 0);
	assert_true(slo_baselines_get(b, 3, SLO_SIG_DNS_LATENCY).n == 0);
	assert_false(slo_baselines_add(b, 3, SLO_SIG_DNS_LATENCY, 5));
	assert_false(slo_baselines_freeze(b, 3, true));
	assert_int_equal(slo_baselines_dropped(b), 2);
	slo_baselines_erase(b, 1);
	assert_true(slo_baselines_get(b, 1, SLO_SIG_DNS_LATENCY).n == 0);
	assert_true(slo_baselines_add(b, 3, SLO_SIG_DNS_LATENCY, 5));
	slo_baselines_freep(&b);
}

static void senseless_settings_are_refused(void **state)
{
	static const struct slo_baselines_config bad[] = {
		{ .workloads = 0, .half_life = 10 },
		{ .workloads = 4097, .half_life = 10 },
		{ .workloads = 1, .half_life = 0.5 },
		{ .workloads = 1, .half_life = NAN },
	};
	struct slo_baselines *b = NULL;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(slo_baselines_new(&b, &bad[i], &err), -EINVAL);
		assert_null(b);
		assert_true(strlen(err.msg) > 0);
	}
}

static void each_failed_allocation_leaves_nothing(void **state)
{
	const struct slo_baselines_config cfg = { .workloads = 4, .half_life = 100 };
	struct slo_baselines *b = NULL;
	int fail = 0, r;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	do {
		fail_alloc_after = fail++;
		r = slo_baselines_new(&b, &cfg, NULL);
		fail_alloc_after = -1;
		if (r < 0) {
			assert_int_equal(r, -ENOMEM);
			assert_null(b);
		}
	} while (r < 0 && fail < 50);
	assert_int_equal(r, 0);
	assert_true(fail > 2);
	slo_baselines_freep(&b);
}

static void what_could_not_have_been_learnt_is_not_restored(void **state)
{
	const struct slo_baselines_config cfg = { .workloads = 2, .half_life = 10 };
	static const struct {
		float unit;
		bool sound;
	} rows[] = { { 1, true }, { 0.5F, false }, { 1e-40F, false }, { 3e38F, false } };
	static struct slo_baseline of[SLO_EVID_MAX_];
	struct slo_baselines *b = NULL;

	(void)state;
	assert_int_equal(slo_baselines_new(&b, &cfg, NULL), 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		of[0] = (struct slo_baseline){ .unit = rows[i].unit, .total = 1, .slot[3] = 1 };
		assert_int_equal(slo_baselines_restore(b, 7, of), rows[i].sound);
	}
	slo_baselines_freep(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_knows_nothing),
		cmocka_unit_test(median_and_spread_are_those_of_the_values),
		cmocka_unit_test(old_values_fade),
		cmocka_unit_test(a_million_values_lose_no_precision),
		cmocka_unit_test(values_that_are_no_numbers_or_far_off_do_no_harm),
		cmocka_unit_test(nothing_is_learnt_while_an_incident_is_open),
		cmocka_unit_test(workloads_and_kinds_are_apart_and_the_table_is_bounded),
		cmocka_unit_test(senseless_settings_are_refused),
		cmocka_unit_test(each_failed_allocation_leaves_nothing),
		cmocka_unit_test(what_could_not_have_been_learnt_is_not_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
