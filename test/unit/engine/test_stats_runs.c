/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/engine/stats_random.h"
#include "core/engine/stats_runs.h"
#include "test/unit/engine/near.h"

/* scipy 1.17: stats.f.sf, stats.t.isf, stats.f_oneway. */
static const double first[] = { 1, 2, 3, 2, 3, 4, 5, 9, 8 };
static const size_t first_sizes[] = { 3, 4, 0, 2 };
static const double second[] = { 1, 1, 2, 4, 5, 6 };
static const size_t second_sizes[] = { 3, 3 };

static void analysis_of_variance_is_scipys(void **state)
{
	const struct slo_stats_runs sides[] = { { first, first_sizes, 4 },
		                                { second, second_sizes, 2 } };
	struct slo_stats_spread s;

	(void)state;
	slo_stats_run_spread(sides, 1, .05, &s);
	assert_near(s.f, 21.355555555555554, 1e-12);
	assert_near(s.p, 0.001868829336880234, 1e-14);
	assert_near(s.df, 2, 0);
	slo_stats_run_spread(sides, 2, .05, &s);
	assert_near(s.f, 24.116575591985427, 1e-12);
	assert_near(s.p, 6.776350879824385e-05, 1e-15);
	assert_near(s.df, 3, 0);
	assert_near(s.widening, 7.026184745568666, 1e-9);
	assert_near(s.bootstrap_widening, s.widening / sqrt(s.f) * sqrt(5.0 / 3), 1e-9);
	/* At a level that p does not reach nothing is widened. */
	slo_stats_run_spread(sides, 2, 1e-6, &s);
	assert_near(s.widening, 1, 0);
}

static void students_tail_is_scipys(void **state)
{
	(void)state;
	assert_near(slo_stats_student_tail(2.1, 4), 0.05182664315880109, 1e-14);
	assert_near(slo_stats_student_tail(-1, 3), 0.8044988905221148, 1e-14);
	assert_near(slo_stats_student_tail(30, 1), 0.010606402405535426, 1e-14);
	assert_near(slo_stats_student_tail(0, 5), .5, 1e-14);
	assert_near(slo_stats_student_quantile(0.05182664315880109, 4), 2.1, 1e-9);
	assert_near(slo_stats_student_tail(INFINITY, 5), 0, 0);
}

static void nothing_is_widened_where_nothing_can_be_told(void **state)
{
	const double same[] = { 5, 5, 5, 5 };
	const size_t two[] = { 2, 2 };
	const size_t ones[] = { 1, 1, 1, 1 };
	const struct slo_stats_runs rows[] = {
		{ first, first_sizes, 1 }, /* one run */
		{ same, two, 2 }, /* nothing varies */
		{ first, ones, 4 }, /* runs of one sample */
		{ NULL, NULL, 0 },
	};
	struct slo_stats_spread s;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		slo_stats_run_spread(&rows[i], 1, .05, &s);
		assert_near(s.widening, 1, 0);
		assert_near(s.p, 1, 0);
		assert_true(isnan(s.f));
	}
}

/* log(100) and its like are no sums of powers of two: the mean of n of them is a rounding off. */
static void roundings_are_no_variance(void **state)
{
	const size_t sizes[] = { 1, 29, 30, 40, 7, 93 };
	double v[200];
	const struct slo_stats_runs side = { v, sizes, SLO_ARRAY_SIZE(sizes) };
	struct slo_stats_spread s;

	(void)state;
	for (double ms = 1; ms < 2000; ms *= 1.07) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(v); i++)
			v[i] = log(ms);
		slo_stats_run_spread(&side, 1, .05, &s);
		assert_near(s.widening, 1, 0);
		assert_true(isnan(s.f));
		/* One that is a millionth off is a value of its own. */
		v[77] += 1e-6;
		slo_stats_run_spread(&side, 1, .05, &s);
		assert_false(isnan(s.f));
	}
}

/* Of runs that do not differ one in twenty is widened: 400 tries, seven standard deviations. */
static void like_runs_are_rarely_widened(void **state)
{
	const size_t sizes[] = { 20, 20, 20 };
	struct slo_random random;
	int widened = 0;

	(void)state;
	slo_random_init(&random, 6);
	for (int round = 0; round < 400; round++) {
		double v[2][60];
		const struct slo_stats_runs sides[] = { { v[0], sizes, 3 }, { v[1], sizes, 3 } };
		struct slo_stats_spread s;

		for (int i = 0; i < 120; i++)
			v[i / 60][i % 60] = log(1 - slo_random_unit(&random));
		slo_stats_run_spread(sides, 2, .05, &s);
		widened += s.widening > 1;
	}
	assert_in_range(widened, 1, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(analysis_of_variance_is_scipys),
		cmocka_unit_test(students_tail_is_scipys),
		cmocka_unit_test(nothing_is_widened_where_nothing_can_be_told),
		cmocka_unit_test(roundings_are_no_variance),
		cmocka_unit_test(like_runs_are_rarely_widened),
	};

	return cmocka_run_group_tests_name("stats_runs", tests, NULL, NULL);
}
