/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/stats_random.h"
#include "core/engine/stats_rank.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/engine/near.h"

#define SIDE_MAX 120

static double x_sorted[SIDE_MAX], y_sorted[SIDE_MAX];

static struct slo_stats_pair pair_of(const double *x, size_t nx, const double *y, size_t ny)
{
	assert_true(nx <= SIDE_MAX && ny <= SIDE_MAX);
	memcpy(x_sorted, x, nx * sizeof(*x));
	memcpy(y_sorted, y, ny * sizeof(*y));
	slo_stats_sort(x_sorted, nx);
	slo_stats_sort(y_sorted, ny);
	return (struct slo_stats_pair){ x_sorted, y_sorted, nx, ny };
}

#define PAIR(x, y) pair_of(x, SLO_ARRAY_SIZE(x), y, SLO_ARRAY_SIZE(y))

static const double scipy_x[] = { 19, 22, 16, 29, 24 };
static const double scipy_y[] = { 20, 11, 17, 12 };
static const double tied_x[] = { 1, 2, 2, 3, 3, 3, 4 };
static const double tied_y[] = { 2, 3, 3, 4, 4, 5, 5, 5 };

/* scipy 1.17 mannwhitneyu; exact p of tied samples: all choices counted by itertools. */
static void mann_whitney_is_scipys(void **state)
{
	const double cross_x[] = { 1, 4 };
	const double cross_y[] = { 2, 3 };
	const double mixed_x[] = { 1.5, 1.5, 1.5, 9, 12, 7.25 };
	const double mixed_y[] = { 1.5, 2, 2, 2, 7.25, 7.25, 3, 0.5, 0.5 };
	const double wide_x[] = { 3.1, 2.2, 9.9, 4.4, 7.7, 8.8, 1.1 };
	const double wide_y[] = { 0.3, 2.0, 5.5, 6.6 };
	const struct {
		const double *x;
		size_t nx;
		const double *y;
		size_t ny;
		double u, two_sided, greater, exact_two_sided, exact_greater;
	} rows[] = {
		{ scipy_x, 5, scipy_y, 4, 17, 0.1113468865331404, 0.0556734432665702, 14.0 / 126,
		  7.0 / 126 },
		{ tied_x, 7, tied_y, 8, 11, 0.04923896783855339, 0.9814970702168354, 342.0 / 6435,
		  6345.0 / 6435 },
		{ cross_x, 2, cross_y, 2, 2, 1, 0.6507323208483307, 1, 4.0 / 6 },
		{ mixed_x, 6, mixed_y, 9, 33.5, 0.4718843447959261, 0.23594217239796306,
		  2364.0 / 5005, 1183.0 / 5005 },
		{ wide_x, 7, wide_y, 4, 19, 0.3950915849041501, 0.19754579245207504, 136.0 / 330,
		  68.0 / 330 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct slo_stats_pair p =
			pair_of(rows[i].x, rows[i].nx, rows[i].y, rows[i].ny);
		struct slo_stats_mann_whitney w;

		slo_stats_mann_whitney(&p, &w);
		assert_false(w.exact);
		assert_near(w.u, rows[i].u, 0);
		assert_near(w.p_two_sided, rows[i].two_sided, 1e-15);
		assert_near(w.p_greater, rows[i].greater, 1e-15);
		assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
		assert_true(w.exact);
		assert_near(w.u, rows[i].u, 0);
		assert_near(w.p_two_sided, rows[i].exact_two_sided, 1e-15);
		assert_near(w.p_greater, rows[i].exact_greater, 1e-15);
	}
}

static void deltas_are_shares_of_pairs(void **state)
{
	const double low[] = { 1, 2 };
	const double high[] = { 3, 4, 5 };
	struct slo_stats_pair p = PAIR(scipy_x, scipy_y);

	(void)state;
	assert_near(slo_stats_cliffs_delta(&p), 0.7, 1e-16);
	p = PAIR(tied_x, tied_y);
	assert_near(slo_stats_cliffs_delta(&p), -0.6071428571428571, 1e-16);
	p = PAIR(low, high);
	assert_near(slo_stats_cliffs_delta(&p), -1, 0);
	p = PAIR(high, low);
	assert_near(slo_stats_cliffs_delta(&p), 1, 0);
}

static void equal_values_differ_in_nothing(void **state)
{
	const double x[] = { 5, 5, 5 };
	const double y[] = { 5, 5, 5, 5 };
	const struct slo_stats_pair p = PAIR(x, y);
	struct slo_stats_mann_whitney w;
	struct slo_stats_interval i;

	(void)state;
	slo_stats_mann_whitney(&p, &w);
	assert_near(w.p_two_sided, 1, 0);
	assert_near(w.p_greater, 1, 0);
	assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
	assert_near(w.p_two_sided, 1, 0);
	assert_near(w.p_greater, 1, 0);
	assert_near(slo_stats_cliffs_delta(&p), 0, 0);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 0, 0);
	assert_near(i.lower, 0, 0);
	assert_near(i.upper, 0, 0);
}

static size_t fill_big(double *x, double *y)
{
	for (int i = 0; i < 60; i++)
		x[i] = i * 37 % 101 + 0.25;
	for (int i = 0; i < 70; i++)
		y[i] = i * 53 % 97 + 0.5 - 8;
	return 60;
}

static void exact_stays_exact_beyond_what_can_be_enumerated(void **state)
{
	double x[60];
	double y[70];
	const size_t n = fill_big(x, y);
	const struct slo_stats_pair p = pair_of(x, n, y, 70);
	const struct slo_stats_pair mirrored = { p.y, p.x, p.ny, p.nx };
	struct slo_stats_mann_whitney w;

	(void)state;
	assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
	assert_near(w.u, 2526, 0);
	assert_near(w.p_two_sided, 0.046658818094434534, 1e-15);
	assert_near(w.p_greater, 0.023329409047217267, 1e-15);
	slo_stats_mann_whitney(&p, &w);
	assert_near(w.p_two_sided, 0.04690616033033289, 1e-15);
	/* The other way round the larger side is the first: the same test. */
	assert_int_equal(slo_stats_mann_whitney_exact(&mirrored, &w), 0);
	assert_near(w.p_two_sided, 0.046658818094434534, 1e-15);
	assert_true(w.p_greater > .97);
}

static void exact_has_a_limit(void **state)
{
	double v[SIDE_MAX];
	struct slo_stats_pair p;
	struct slo_stats_mann_whitney w;

	(void)state;
	for (int i = 0; i < SIDE_MAX; i++)
		v[i] = i / 2;
	p = pair_of(v, 100, v, 101);
	assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), -E2BIG);
	p = pair_of(v, 100, v, 100);
	assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
	assert_near(w.p_two_sided, 1, 0);
	p = pair_of(v, 119, v, 81);
	assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
}

/* numpy: the sorted differences; ranks of the bounds from the counted distribution of U. */
static void hodges_lehmann_is_the_median_difference_with_exact_bounds(void **state)
{
	const double wide_x[] = { 3.1, 2.2, 9.9, 4.4, 7.7, 8.8, 1.1 };
	const double wide_y[] = { 0.3, 2.0, 5.5, 6.6 };
	const double two_x[] = { 1, 4 };
	const double two_y[] = { 2, 3 };
	double x[60];
	double y[70];
	struct slo_stats_interval i;
	struct slo_stats_pair p = PAIR(wide_x, wide_y);

	(void)state;
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 2.05, 1e-14);
	assert_near(i.lower, -3.3, 1e-14);
	assert_near(i.upper, 6.8, 1e-14);
	p = PAIR(scipy_x, scipy_y);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 7, 0);
	assert_near(i.lower, -1, 0);
	assert_near(i.upper, 13, 0);
	p = PAIR(two_x, two_y);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 0, 0);
	assert_true(isinf(i.lower) && i.lower < 0 && isinf(i.upper) && i.upper > 0);
	p = pair_of(x, fill_big(x, y), y, 70);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 10.75, 0);
	assert_near(i.lower, 1.75, 0);
	assert_near(i.upper, 19.75, 0);
}

static double brute_difference(const struct slo_stats_pair *p, size_t rank)
{
	static double d[SIDE_MAX * SIDE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < p->nx; i++) {
		for (size_t j = 0; j < p->ny; j++)
			d[n++] = p->x[i] - p->y[j];
	}
	slo_stats_sort(d, n);
	return d[rank - 1];
}

/* Above the exact limit the rank is that of the normal approximation, 0.5 + nm/2 - z sd rounded down. */
static void large_samples_take_the_approximate_rank(void **state)
{
	struct slo_random random;
	double x[SIDE_MAX];
	double y[SIDE_MAX];
	struct slo_stats_pair p;
	struct slo_stats_interval i;
	size_t rank;

	(void)state;
	slo_random_init(&random, 3);
	for (int k = 0; k < SIDE_MAX; k++) {
		x[k] = log(1 + (double)slo_random_below(&random, 1000));
		y[k] = log(1 + (double)slo_random_below(&random, 900)) - 3;
	}
	p = pair_of(x, SIDE_MAX, y, SIDE_MAX);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	rank = (size_t)(7200.5 - 1.6448536269514722 * sqrt(14400.0 * 241 / 12));
	assert_near(i.lower, brute_difference(&p, rank), 0);
	assert_near(i.upper, brute_difference(&p, 14401 - rank), 0);
	assert_near(i.estimate, (brute_difference(&p, 7200) + brute_difference(&p, 7201)) / 2, 0);
}

/* Whole milliseconds: most differences are equal, more than are ever picked from. */
static void many_ties_end_at_the_tied_value(void **state)
{
	double x[SIDE_MAX];
	double y[SIDE_MAX];
	struct slo_stats_pair p;
	struct slo_stats_interval i;

	(void)state;
	for (int k = 0; k < SIDE_MAX; k++) {
		x[k] = k < 100 ? 7 : k;
		y[k] = k < 90 ? 7 : 3 + k % 5;
	}
	p = pair_of(x, SIDE_MAX, y, SIDE_MAX);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, brute_difference(&p, 7200), 0);
	assert_near(i.estimate, 0, 0);
	assert_near(i.lower, 0, 0);
	for (int k = 0; k < SIDE_MAX; k++)
		x[k] = y[k] = 1e-300 * (k % 2);
	p = pair_of(x, SIDE_MAX, y, SIDE_MAX);
	assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
	assert_near(i.estimate, 0, 0);
	assert_near(i.lower, brute_difference(&p, 6316), 0);
}

/* A lower bound above zero and a one-sided p at most alpha are the same decision where there are no ties. */
static void bounds_and_test_agree(void **state)
{
	struct slo_random random;
	int rejected = 0;

	(void)state;
	slo_random_init(&random, 11);
	for (int round = 0; round < 300; round++) {
		double x[12];
		double y[9];
		struct slo_stats_pair p;
		struct slo_stats_mann_whitney w;
		struct slo_stats_interval i;

		for (int k = 0; k < 12; k++)
			x[k] = slo_random_unit(&random) + 0.25;
		for (int k = 0; k < 9; k++)
			y[k] = slo_random_unit(&random);
		p = pair_of(x, 12, y, 9);
		assert_int_equal(slo_stats_mann_whitney_exact(&p, &w), 0);
		assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), 0);
		assert_int_equal(w.p_greater <= .05, i.lower > 0);
		assert_true(i.lower <= i.estimate && i.estimate <= i.upper);
		rejected += w.p_greater <= .05;
	}
	assert_true(rejected > 50 && rejected < 290);
}

static void each_allocation_may_fail(void **state)
{
	const struct slo_stats_pair p = PAIR(scipy_x, scipy_y);
	struct slo_stats_mann_whitney w = { .u = -1 };
	struct slo_stats_interval i = { .estimate = -1 };
	int failed = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0;; n++) {
		int r;

		fail_alloc_after = n;
		r = slo_stats_mann_whitney_exact(&p, &w);
		fail_alloc_after = -1;
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_near(w.u, -1, 0);
		fail_alloc_after = n;
		assert_int_equal(slo_stats_hodges_lehmann(&p, .05, &i), -ENOMEM);
		fail_alloc_after = -1;
		assert_near(i.estimate, -1, 0);
		failed++;
	}
	assert_int_equal(failed, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mann_whitney_is_scipys),
		cmocka_unit_test(deltas_are_shares_of_pairs),
		cmocka_unit_test(equal_values_differ_in_nothing),
		cmocka_unit_test(exact_stays_exact_beyond_what_can_be_enumerated),
		cmocka_unit_test(exact_has_a_limit),
		cmocka_unit_test(hodges_lehmann_is_the_median_difference_with_exact_bounds),
		cmocka_unit_test(large_samples_take_the_approximate_rank),
		cmocka_unit_test(many_ties_end_at_the_tied_value),
		cmocka_unit_test(bounds_and_test_agree),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("stats_rank", tests, NULL, NULL);
}
