/* SPDX-License-Identifier: Apache-2.0 */
/* Expected figures: numpy, scipy (binomtest) and scikit-learn (brier_score_loss) on the same forecasts. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/calibration.h"
#include "test/unit/base/fail_alloc.h"

#define N 53

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-12)

/* With ties, by a formula that the script of the expected figures has too. */
static void make_forecasts(struct slo_forecast f[N])
{
	for (uint32_t i = 0; i < N; i++) {
		double p = (double)((i * 37 + 11) % 101) / 100;
		bool hit = (double)((i * 53 + 7) % 97) / 97 < p * 0.6 + 0.2;

		f[i] = (struct slo_forecast){ i % 9 ? p : 0.5, i, hit };
	}
}

static void reverse(struct slo_forecast *f, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct slo_forecast t = f[i];

		f[i] = f[n - 1 - i];
		f[n - 1 - i] = t;
	}
}

static void bins_have_equal_mass_and_never_part_equal_forecasts(void **state)
{
	static const unsigned int mass[] = { 6, 6, 6, 5, 7, 5, 5, 5, 4, 4 };
	static const double mean[] = {
		0.07166666666666667, 0.185, 0.31, 0.444, 0.5, 0.562, 0.686, 0.8, 0.8775, 0.96
	};
	static const double rate[] = { 0, 2. / 3, 0.5, 0.8, 2. / 7, 0.4, 0.6, 0.6, 1, 0.5 };
	const struct slo_calibration_config cfg = { .units = N };
	struct slo_forecast f[N];
	struct slo_calibration c;

	(void)state;
	make_forecasts(f);
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, NULL), 0);
	assert_int_equal(c.bins, 10);
	for (unsigned int b = 0; b < c.bins; b++) {
		assert_int_equal(c.bin[b].n, mass[b]);
		assert_near(c.bin[b].mean, mean[b]);
		assert_near(c.bin[b].rate, rate[b]);
		assert_true(c.bin[b].low <= mean[b] && mean[b] <= c.bin[b].high);
	}
	assert_near(c.bin[4].low, 0.5);
	assert_near(c.bin[4].high, 0.5);
	assert_near(c.bin[0].rate_low, 0);
	assert_near(c.bin[0].rate_high, 0.3903342879021653);
}

static void figures_are_those_of_numpy_in_any_order(void **state)
{
	const struct slo_calibration_config cfg = { .units = N };
	struct slo_forecast f[N];
	struct slo_calibration c;

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		make_forecasts(f);
		if (turn)
			reverse(f, N);
		assert_int_equal(slo_calibration_of(f, N, &cfg, &c, NULL), 0);
		assert_near(c.ece, 0.23226415094339625);
		assert_near(c.brier, 0.25269245283018865);
		assert_near(c.reliability, 0.07300314914645104);
		assert_near(c.resolution, 0.06761091050873892);
		assert_near(c.uncertainty, 0.24991100035599859);
		assert_near(c.within_bin, -0.002610786163522011);
		assert_true(isnan(c.ece_low) && isnan(c.ece_high));
	}
}

/* numpy, 20000 replicates: .15887 to .37038; of 4000 a bound's own standard deviation is below .004. */
static void interval_is_that_of_an_independent_bootstrap(void **state)
{
	const struct slo_calibration_config cfg = { .units = N, .replicates = 4000, .seed = 42 };
	struct slo_forecast f[N];
	struct slo_calibration c, again;

	(void)state;
	make_forecasts(f);
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, NULL), 0);
	assert_true(fabs(c.ece_low - 0.15886792) < 0.016);
	assert_true(fabs(c.ece_high - 0.37037736) < 0.016);
	assert_int_equal(slo_calibration_of(f, N, &cfg, &again, NULL), 0);
	assert_true(c.ece_low == again.ece_low && c.ece_high == again.ece_high);
}

/* Seven forecasts of one case are no seven observations: its interval is wider than that of 7 N cases. */
static void interval_draws_whole_cases(void **state)
{
	struct slo_calibration_config cfg = { .units = N, .replicates = 1000, .seed = 1 };
	struct slo_forecast f[N], seven[7 * N];
	struct slo_calibration cases, apart;

	(void)state;
	make_forecasts(f);
	for (uint32_t i = 0; i < 7 * N; i++)
		seven[i] = f[i / 7];
	assert_int_equal(slo_calibration_of(seven, 7 * (size_t)N, &cfg, &cases, NULL), 0);
	for (uint32_t i = 0; i < 7 * N; i++) {
		seven[i] = f[i / 7];
		seven[i].unit = i;
	}
	cfg.units = 7 * N;
	assert_int_equal(slo_calibration_of(seven, 7 * (size_t)N, &cfg, &apart, NULL), 0);
	assert_true(cases.ece_high - cases.ece_low > 1.5 * (apart.ece_high - apart.ece_low));
}

static void few_forecasts_have_few_bins(void **state)
{
	const struct slo_calibration_config cfg = { .units = N, .replicates = 50, .seed = 9 };
	struct slo_forecast f[N];
	struct slo_calibration c;

	(void)state;
	make_forecasts(f);
	assert_int_equal(slo_calibration_of(f, 12, &cfg, &c, NULL), 0);
	assert_int_equal(c.bins, 2);
	make_forecasts(f);
	assert_int_equal(slo_calibration_of(f, 1, &cfg, &c, NULL), 0);
	assert_int_equal(c.bins, 1);
	assert_near(c.brier, (0.5 - f[0].hit) * (0.5 - f[0].hit));
	for (uint32_t i = 0; i < N; i++)
		f[i].p = 0.25;
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, NULL), 0);
	assert_int_equal(c.bins, 1);
	assert_near(c.within_bin, 0);
}

static void bad_forecasts_are_refused_and_leave_the_result_alone(void **state)
{
	const struct slo_calibration_config cfg = { .units = N };
	struct slo_calibration c = { .n = 77 };
	struct slo_forecast f[N];
	struct slo_err err;

	(void)state;
	make_forecasts(f);
	assert_int_equal(slo_calibration_of(f, 0, &cfg, &c, &err), -ENODATA);
	f[7].p = NAN;
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, &err), -EINVAL);
	f[7].p = 1.0001;
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "forecast 7"));
	f[7].p = 1;
	f[7].unit = N;
	assert_int_equal(slo_calibration_of(f, N, &cfg, &c, &err), -EINVAL);
	assert_int_equal(c.n, 77);
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
#if FAIL_ALLOC
	const struct slo_calibration_config cfg = { .units = N, .replicates = 10 };
	struct slo_calibration c = { .n = 77 };
	struct slo_forecast f[N];
	int r = -ENOMEM;

	make_forecasts(f);
	for (int n = 0; r != 0; n++) {
		assert_in_range(n, 0, 9);
		fail_alloc_after = n;
		r = slo_calibration_of(f, N, &cfg, &c, NULL);
		fail_alloc_after = -1;
		assert_true(r == 0 || (r == -ENOMEM && c.n == 77));
	}
#else
	fail_alloc_after = -1;
	skip();
#endif
}

/* Ties share their errors: the order of the input changes nothing. */
static void area_under_risk_over_coverage_is_that_of_numpy_in_any_order(void **state)
{
	struct slo_risk_point points[N];
	struct slo_risk_curve curve;
	struct slo_forecast f[N];

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		make_forecasts(f);
		if (turn)
			reverse(f, N);
		assert_int_equal(slo_risk_curve_of(f, N, points, &curve), 0);
		assert_near(curve.aurc, 0.41273743427582366);
		assert_near(curve.best, 0.15156059823982915);
		assert_near(curve.error_rate, 26. / 53);
		assert_int_equal(curve.points, 47);
		assert_near(points[46].coverage, 1);
		assert_near(points[46].risk, 26. / 53);
		for (size_t i = 1; i < curve.points; i++) {
			assert_true(points[i].threshold < points[i - 1].threshold);
			assert_true(points[i].coverage > points[i - 1].coverage);
		}
	}
	assert_int_equal(slo_risk_curve_of(f, 0, points, &curve), -ENODATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bins_have_equal_mass_and_never_part_equal_forecasts),
		cmocka_unit_test(figures_are_those_of_numpy_in_any_order),
		cmocka_unit_test(interval_is_that_of_an_independent_bootstrap),
		cmocka_unit_test(interval_draws_whole_cases),
		cmocka_unit_test(few_forecasts_have_few_bins),
		cmocka_unit_test(bad_forecasts_are_refused_and_leave_the_result_alone),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(area_under_risk_over_coverage_is_that_of_numpy_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
