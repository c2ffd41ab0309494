/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/stats.h"
#include "core/engine/stats_boot.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/engine/near.h"

#define DRAWS 4000

static double drawn[DRAWS];

static void draw_all(struct slo_boot *b, uint64_t seed)
{
	struct slo_random random;

	slo_random_init(&random, seed);
	for (int i = 0; i < DRAWS; i++)
		drawn[i] = slo_boot_draw(b, &random);
}

static struct slo_boot *boot_of(const double *values, const size_t *sizes, size_t runs,
                                enum slo_quantile_kind kind, double q)
{
	const struct slo_boot_config cfg = { values, sizes, runs, kind, q };
	struct slo_boot *b = NULL;

	assert_int_equal(slo_boot_new(&b, &cfg), 0);
	return b;
}

static void estimate_is_the_quantile_of_all_runs(void **state)
{
	const double v[] = { 30, 1, 3, 10, 2, 4, 11 };
	const double sorted[] = { 1, 2, 3, 4, 10, 11, 30 };
	const size_t sizes[] = { 3, 0, 4 };
	slo_boot_auto struct slo_boot *linear = boot_of(v, sizes, 3, SLO_QUANTILE_LINEAR, .95);
	slo_boot_auto struct slo_boot *hd = boot_of(v, sizes, 3, SLO_QUANTILE_HARRELL_DAVIS, .95);

	(void)state;
	assert_near(slo_boot_estimate(linear), slo_stats_quantile(sorted, 7, .95), 1e-12);
	assert_near(slo_boot_estimate(hd), slo_stats_harrell_davis(sorted, 7, .95), 1e-12);
}

/*
 * The k-th of n draws from 1..n is at most j where k or more of them are, so binomially: of the median of 5 of 1..5,
 * P(1) = .05792, P(2) = .25952, P(3) = .36512. 4000 draws err by .0076 (one sd) at most.
 */
static void ordinary_bootstrap_has_the_binomial_distribution(void **state)
{
	const double v[] = { 5, 3, 1, 2, 4 };
	const size_t sizes[] = { 5 };
	const double want[] = { .05792, .25952, .36512, .25952, .05792 };
	double seen[5] = { 0 };
	slo_boot_auto struct slo_boot *b = boot_of(v, sizes, 1, SLO_QUANTILE_LINEAR, .5);

	(void)state;
	draw_all(b, 1);
	for (int i = 0; i < DRAWS; i++)
		seen[(int)drawn[i] - 1] += 1.0 / DRAWS;
	for (int i = 0; i < 5; i++)
		assert_near(seen[i], want[i], 4 * sqrt(want[i] * (1 - want[i]) / DRAWS));
}

/* What a resample that counts all would say: drawn naively, sorted, interpolated. */
static double naive_sd(const double *v, size_t n, double q, uint64_t seed)
{
	double *values = calloc(n, sizeof(*values));
	struct slo_random random;

	assert_non_null(values);
	slo_random_init(&random, seed);
	for (int i = 0; i < 500; i++) {
		for (size_t k = 0; k < n; k++)
			values[k] = v[slo_random_below(&random, (uint32_t)n)];
		slo_stats_sort(values, n);
		drawn[i] = slo_stats_quantile(values, n, q);
	}
	free(values);
	return slo_stats_sd(drawn, 500);
}

static void uncounted_draws_change_nothing(void **state)
{
	enum {
		N = 2000
	};
	static double v[N];
	const size_t sizes[] = { N };
	struct slo_random random;
	slo_boot_auto struct slo_boot *b = NULL;
	struct slo_random from, until;
	double naive;

	(void)state;
	slo_random_init(&random, 5);
	for (int i = 0; i < N; i++)
		v[i] = -log(1 - slo_random_unit(&random));
	b = boot_of(v, sizes, 1, SLO_QUANTILE_LINEAR, .95);
	naive = naive_sd(v, N, .95, 9);
	draw_all(b, 10);
	/* Two estimates of one standard deviation, 500 and 4000 draws: 3.4 % off each other, one sd. */
	assert_near(slo_stats_sd(drawn, DRAWS) / naive, 1, 0.14);
	/* The very same draws, by hand. */
	slo_random_init(&from, 77);
	until = from;
	{
		static double by_hand[N];
		static double sorted[N];

		memcpy(sorted, v, sizeof(v));
		slo_stats_sort(sorted, N);
		/* Two draws of each 64 bits. */
		for (int k = 0; k < N; k += 2) {
			uint64_t bits = slo_random_u64(&until);

			by_hand[k] = sorted[slo_random_scale(&until, (uint32_t)(bits >> 32), N)];
			by_hand[k + 1] = sorted[slo_random_scale(&until, (uint32_t)bits, N)];
		}
		slo_stats_sort(by_hand, N);
		assert_near(slo_boot_draw(b, &from), slo_stats_quantile(by_hand, N, .95), 1e-12);
		assert_memory_equal(&from, &until, sizeof(from));
	}
}

/*
 * Three runs of equal values each: a resample is all ones, twos or threes in its upper part, so its median tells the
 * runs drawn. One level would always see a third of each and say 2.
 */
static void two_levels_see_the_spread_between_runs(void **state)
{
	double v[300];
	const size_t sizes[] = { 100, 100, 100 };
	const size_t all[] = { 300 };
	slo_boot_auto struct slo_boot *two = NULL;
	slo_boot_auto struct slo_boot *one = NULL;
	double low = 0;

	(void)state;
	for (int i = 0; i < 300; i++)
		v[i] = 1 + i / 100;
	two = boot_of(v, sizes, 3, SLO_QUANTILE_LINEAR, .5);
	one = boot_of(v, all, 1, SLO_QUANTILE_LINEAR, .5);
	draw_all(one, 2);
	for (int i = 0; i < DRAWS; i++)
		assert_near(drawn[i], 2, 0);
	draw_all(two, 2);
	for (int i = 0; i < DRAWS; i++)
		low += drawn[i] == 1;
	/* Two or three of the three runs are the first: 7/27. */
	assert_near(low / DRAWS, 7.0 / 27, 0.03);
}

/* Runs of other sizes weigh by them: the small one's values alone never make the median of all. */
static void runs_weigh_by_their_size(void **state)
{
	double v[110];
	const size_t sizes[] = { 10, 100 };
	slo_boot_auto struct slo_boot *b = NULL;
	double small = 0;

	(void)state;
	for (int i = 0; i < 110; i++)
		v[i] = i < 10 ? 5 : 1;
	b = boot_of(v, sizes, 2, SLO_QUANTILE_LINEAR, .5);
	draw_all(b, 4);
	for (int i = 0; i < DRAWS; i++)
		small += drawn[i] == 5;
	/* Only where both drawn runs are the small one. */
	assert_near(small / DRAWS, 0.25, 0.03);
}

static void the_same_seed_gives_the_same_resamples(void **state)
{
	const double v[] = { 1, 2, 3, 4, 10, 11, 30 };
	const size_t sizes[] = { 3, 4 };
	slo_boot_auto struct slo_boot *b = boot_of(v, sizes, 2, SLO_QUANTILE_HARRELL_DAVIS, .9);
	double first[3];

	(void)state;
	draw_all(b, 8);
	memcpy(first, drawn, sizeof(first));
	draw_all(b, 8);
	assert_memory_equal(first, drawn, sizeof(first));
	draw_all(b, 9);
	assert_memory_not_equal(first, drawn, sizeof(first));
}

static void nothing_to_draw_from_is_refused(void **state)
{
	const size_t none[] = { 0, 0 };
	const size_t many[] = { SLO_BOOT_SAMPLES_MAX, 1 };
	struct slo_boot_config cfg = { NULL, none, 2, SLO_QUANTILE_LINEAR, .5 };
	struct slo_boot *b = NULL;

	(void)state;
	assert_int_equal(slo_boot_new(&b, &cfg), -EINVAL);
	cfg.run_sizes = many;
	assert_int_equal(slo_boot_new(&b, &cfg), -EINVAL);
	assert_null(b);
}

static void each_allocation_may_fail(void **state)
{
	const double v[] = { 1, 2, 3 };
	const size_t sizes[] = { 3 };
	const struct slo_boot_config cfg = { v, sizes, 1, SLO_QUANTILE_LINEAR, .5 };
	struct slo_boot *b = NULL;
	int n = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (; !b; n++) {
		int r;

		assert_true(n < 20);
		fail_alloc_after = n;
		r = slo_boot_new(&b, &cfg);
		fail_alloc_after = -1;
		assert_int_equal(r, b ? 0 : -ENOMEM);
	}
	assert_true(n > 7);
	slo_boot_freep(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(estimate_is_the_quantile_of_all_runs),
		cmocka_unit_test(ordinary_bootstrap_has_the_binomial_distribution),
		cmocka_unit_test(uncounted_draws_change_nothing),
		cmocka_unit_test(two_levels_see_the_spread_between_runs),
		cmocka_unit_test(runs_weigh_by_their_size),
		cmocka_unit_test(the_same_seed_gives_the_same_resamples),
		cmocka_unit_test(nothing_to_draw_from_is_refused),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("stats_boot", tests, NULL, NULL);
}
