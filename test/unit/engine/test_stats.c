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
#include "core/engine/stats_quantile.h"
#include "core/engine/stats_random.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/engine/near.h"

/* Values without another source named are those of numpy 2 and scipy 1.17. */

static void quantiles_interpolate_at_q_times_n_less_one(void **state)
{
	const double v[] = { 1, 2, 3, 4, 10 };

	(void)state;
	assert_near(slo_stats_quantile(v, 5, 0), 1, 0);
	assert_near(slo_stats_quantile(v, 5, 0.5), 3, 0);
	assert_near(slo_stats_quantile(v, 5, 0.95), 8.8, 1e-12);
	assert_near(slo_stats_quantile(v, 5, 1), 10, 0);
	assert_near(slo_stats_quantile(v, 1, 0.95), 1, 0);
	assert_true(isnan(slo_stats_quantile(v, 0, 0.5)));
}

static void spread_is_that_of_a_sample(void **state)
{
	double v[333];
	const double same[] = { 2, 2, 2 };
	const double zero[] = { 0, 0 };
	const double around[] = { -1, 1 };

	(void)state;
	for (int i = 0; i < 333; i++)
		v[i] = (i * 7919 % 1000) / 10.0 + i * 31 % 17;
	assert_near(slo_stats_mean(v, 333), 58.012612612612614, 1e-12);
	assert_near(slo_stats_sd(v, 333), 29.1496888236417, 1e-12);
	assert_near(slo_stats_cv_pct(v, 333), 100 * 29.1496888236417 / 58.012612612612614, 1e-12);
	assert_near(slo_stats_cv_pct(same, 3), 0, 0);
	assert_near(slo_stats_cv_pct(zero, 2), 0, 0);
	assert_true(isnan(slo_stats_cv_pct(around, 2)));
	assert_true(isnan(slo_stats_sd(v, 1)));
	assert_true(isnan(slo_stats_mean(v, 0)));
	slo_stats_sort(v, 333);
	assert_near(slo_stats_quantile(v, 333, 0.95), 104.46, 1e-12);
}

static void normal_quantiles_are_exact_in_both_tails(void **state)
{
	(void)state;
	assert_near(slo_stats_normal_quantile(0.95), 1.6448536269514722, 1e-14);
	assert_near(slo_stats_normal_quantile(0.8), 0.8416212335729143, 1e-14);
	assert_near(slo_stats_normal_quantile(1e-10), -6.361340902404056, 1e-13);
	assert_near(slo_stats_normal_quantile(0.5), 0, 1e-15);
	assert_true(isinf(slo_stats_normal_quantile(1)));
	assert_true(slo_stats_normal_quantile(0) < 0);
}

static void incomplete_beta_is_scipys(void **state)
{
	static const struct {
		double a, b, x, want, tolerance;
	} rows[] = {
		{ 2, 3, .4, 0.5248, 1e-14 },
		{ .5, .5, .1, 0.20483276469913345, 1e-14 },
		{ 1, 1, .3, .3, 1e-14 },
		{ 10, 2, .999, 0.9999453290118457, 1e-14 },
		{ .3, 8, .02, 0.6147362454839913, 1e-13 },
		{ 500, 500, .5, .5, 1e-12 },
		{ 95.95, 5.05, .95, 0.4452559509318755, 1e-12 },
		{ 95.95, 5.05, .99, 0.9968596036079712, 1e-12 },
		{ 28501, 1501, .9502, 0.5694819293011597, 1e-9 },
		{ 28501, 1501, .945, 6.162002615080388e-05, 1e-13 },
		{ 2, 3, 0, 0, 0 },
		{ 2, 3, 1, 1, 0 },
		{ 28501, 1501, .5, 0, 0 },
		{ 28501, 1501, .9999, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		assert_near(slo_stats_beta(rows[i].a, rows[i].b, rows[i].x), rows[i].want,
		            rows[i].tolerance);
}

static void harrell_davis_is_the_published_estimate(void **state)
{
	const double five[] = { 1, 2, 3, 4, 10 };
	double v[333];

	(void)state;
	for (int i = 0; i < 100; i++)
		v[i] = i + 1;
	assert_near(slo_stats_harrell_davis(v, 100, 0.95), 95.49997987839976, 1e-10);
	assert_near(slo_stats_harrell_davis(five, 5, 0.5), 3.2896, 1e-12);
	assert_near(slo_stats_harrell_davis(five, 1, 0.5), 1, 1e-15);
	for (int i = 0; i < 333; i++)
		v[i] = (i * 7919 % 1000) / 10.0 + i * 31 % 17;
	slo_stats_sort(v, 333);
	assert_near(slo_stats_harrell_davis(v, 333, 0.95), 104.38720953134174, 1e-10);
	assert_near(slo_stats_harrell_davis(v, 333, 0.5), 57.81323777695077, 1e-10);
}

static void weights_of_both_kinds_give_their_quantile(void **state)
{
	const double v[] = { 1, 2, 3, 4, 10, 11, 30 };
	double weights[8];

	(void)state;
	for (int kind = 0; kind < SLO_QUANTILE_KIND_MAX_; kind++) {
		for (double q = 0.05; q < 1; q += 0.05) {
			double sum = 0;

			slo_stats_quantile_weights((enum slo_quantile_kind)kind, q, 7, weights);
			assert_near(weights[0], 0, 0);
			assert_near(weights[7], 1, 0);
			for (int i = 0; i < 7; i++)
				sum += v[i] * (weights[i + 1] - weights[i]);
			assert_near(sum,
			            kind == SLO_QUANTILE_LINEAR ? slo_stats_quantile(v, 7, q)
			                                        : slo_stats_harrell_davis(v, 7, q),
			            1e-12);
		}
	}
}

/* The fifteen p-values of Benjamini and Hochberg 1995, section 4.1. */
static void benjamini_hochberg_is_the_papers_example(void **state)
{
	const double p[] = { .0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344,
		             .0459, .3240, .4262, .5719, .6528, .7590, 1 };
	const double want[] = { .0015,     .003,      .0095,     .035625,   .0603,
		                .06385714, .06385714, .0645,     .0765,     .486,
		                .58118182, .714875,   .75323077, .81321429, 1 };
	const size_t order[] = { 7, 0, 14, 3, 9, 1, 12, 5, 10, 2, 13, 6, 8, 4, 11 };
	double mixed[15];
	double got[15];

	(void)state;
	assert_int_equal(slo_stats_benjamini_hochberg(p, 15, got), 0);
	for (size_t i = 0; i < 15; i++)
		assert_near(got[i], want[i], 5e-9);
	for (size_t i = 0; i < 15; i++)
		mixed[i] = p[order[i]];
	assert_int_equal(slo_stats_benjamini_hochberg(mixed, 15, mixed), 0);
	for (size_t i = 0; i < 15; i++)
		assert_near(mixed[i], want[order[i]], 5e-9);
}

static void a_test_without_p_value_counts_as_one(void **state)
{
	const double p[] = { .01, NAN };
	double got[2];

	(void)state;
	assert_int_equal(slo_stats_benjamini_hochberg(p, 2, got), 0);
	assert_near(got[0], .02, 1e-15);
	assert_near(got[1], 1, 0);
	assert_int_equal(slo_stats_benjamini_hochberg(p, 0, NULL), 0);
}

static void benjamini_hochberg_tells_that_there_is_no_memory(void **state)
{
	const double p[] = { .01, .02 };
	double got[2] = { 7, 7 };

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	fail_alloc_after = 0;
	assert_int_equal(slo_stats_benjamini_hochberg(p, 2, got), -ENOMEM);
	fail_alloc_after = -1;
	assert_near(got[0], 7, 0);
}

/* (z(.95) + z(.8)) / z(.95) squared is 2.2851. */
static void required_growth_is_the_ratio_of_width_and_room_squared(void **state)
{
	const double power = 2.285145;
	const struct slo_stats_interval pass = { .02, -.08, .12 }; /* room .08 to the margin */
	const struct slo_stats_interval fail = { .20, -.05, .45 }; /* .20 to zero */
	const struct slo_stats_interval clear = { .01, 0, .02 };
	const struct slo_stats_interval on_margin = { .1, 0, .2 };
	const struct slo_stats_interval unbounded = { .02, -INFINITY, INFINITY };

	(void)state;
	assert_near(slo_stats_required_growth(&pass, .1, .05, .8), power * (.1 / .08) * (.1 / .08),
	            1e-4);
	assert_near(slo_stats_required_growth(&fail, .1, .05, .8), power * (.25 / .2) * (.25 / .2),
	            1e-4);
	assert_near(slo_stats_required_growth(&clear, .1, .05, .8), 1, 0);
	assert_true(isinf(slo_stats_required_growth(&on_margin, .1, .05, .8)));
	assert_true(isinf(slo_stats_required_growth(&unbounded, .1, .05, .8)));
}

/* The state 1, 2, 3, 4 of the reference implementation gives 11520, 0, 1509978240, 1215971899390074240. */
static void random_numbers_are_the_reference_sequence(void **state)
{
	struct slo_random r = { { 1, 2, 3, 4 } };

	(void)state;
	assert_true(slo_random_u64(&r) == 11520);
	assert_true(slo_random_u64(&r) == 0);
	assert_true(slo_random_u64(&r) == 1509978240);
	assert_true(slo_random_u64(&r) == UINT64_C(1215971899390074240));
	/* splitmix64 from 0 begins so. */
	slo_random_init(&r, 0);
	assert_true(r.s[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(r.s[1] == UINT64_C(0x6e789e6aa1b965f4));
}

/* Chi-squared with 6 degrees of freedom stays below 33.1 but once in 10^5 seeds; the seed is fixed. */
static void bounded_draws_are_uniform(void **state)
{
	struct slo_random r;
	double chi2 = 0;
	double sum = 0;
	size_t seen[7] = { 0 };

	(void)state;
	slo_random_init(&r, 1);
	for (int i = 0; i < 70000; i++)
		seen[slo_random_below(&r, 7)]++;
	for (int i = 0; i < 7; i++) {
		assert_true(seen[i] > 0);
		chi2 += ((double)seen[i] - 10000) * ((double)seen[i] - 10000) / 10000;
	}
	assert_true(chi2 < 33.1);
	/* Where a plain modulo would fold: two thirds of the range. */
	for (int i = 0; i < 100000; i++)
		sum += slo_random_below(&r, UINT32_C(0xaaaaaaab)) / (double)UINT32_C(0xaaaaaaab);
	assert_near(sum / 100000, 0.5, 0.005);
	for (int i = 0; i < 1000; i++)
		assert_true(slo_random_unit(&r) < 1 && slo_random_unit(&r) >= 0);
	assert_int_equal(slo_random_below(&r, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_interpolate_at_q_times_n_less_one),
		cmocka_unit_test(spread_is_that_of_a_sample),
		cmocka_unit_test(normal_quantiles_are_exact_in_both_tails),
		cmocka_unit_test(incomplete_beta_is_scipys),
		cmocka_unit_test(harrell_davis_is_the_published_estimate),
		cmocka_unit_test(weights_of_both_kinds_give_their_quantile),
		cmocka_unit_test(benjamini_hochberg_is_the_papers_example),
		cmocka_unit_test(a_test_without_p_value_counts_as_one),
		cmocka_unit_test(benjamini_hochberg_tells_that_there_is_no_memory),
		cmocka_unit_test(required_growth_is_the_ratio_of_width_and_room_squared),
		cmocka_unit_test(random_numbers_are_the_reference_sequence),
		cmocka_unit_test(bounded_draws_are_uniform),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
