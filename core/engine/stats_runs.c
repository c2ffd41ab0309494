/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats_runs.h"

#include <float.h>
#include <math.h>

#include "core/engine/stats.h"
#include "core/engine/stats_quantile.h"

/* Sums of squares, and how many runs and values they are of. */
struct sums {
	double between, within;
	double runs, values;
	double largest; /* square of a value */
};

static void add_side(const struct slo_stats_runs *side, struct sums *s)
{
	const double *run = side->values;
	double mean_of_all = 0;
	size_t n = 0;

	for (size_t r = 0; r < side->count; r++)
		n += side->sizes[r];
	if (n == 0)
		return;
	mean_of_all = slo_stats_mean(side->values, n);
	for (size_t r = 0; r < side->count; r++) {
		const size_t size = side->sizes[r];
		double mean;

		if (size == 0)
			continue;
		mean = slo_stats_mean(run, size);
		s->between += (double)size * (mean - mean_of_all) * (mean - mean_of_all);
		for (size_t i = 0; i < size; i++) {
			s->within += (run[i] - mean) * (run[i] - mean);
			s->largest = fmax(s->largest, run[i] * run[i]);
		}
		s->runs++;
		run += size;
	}
	s->values += (double)n;
}

double slo_stats_student_tail(double t, double df)
{
	const double both = slo_stats_beta(df / 2, 0.5, df / (df + t * t));

	return t > 0 ? both / 2 : 1 - both / 2;
}

double slo_stats_student_quantile(double tail, double df)
{
	double low = 0;
	double high = 1e6; /* beyond it, one degree of freedom at a tail of 1e-7 */

	for (int i = 0; i < 100; i++) {
		double middle = (low + high) / 2;

		if (slo_stats_student_tail(middle, df) > tail) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return (low + high) / 2;
}

void slo_stats_run_spread(const struct slo_stats_runs *sides, size_t side_count, double level,
                          struct slo_stats_spread *ret)
{
	struct sums s = { 0 };
	double filled = 0;
	double df_within;
	double noise;
	double student;

	*ret = (struct slo_stats_spread){
		.f = NAN, .p = 1, .widening = 1, .bootstrap_widening = 1
	};
	for (size_t i = 0; i < side_count; i++) {
		const double before = s.runs;

		add_side(&sides[i], &s);
		filled += s.runs > before;
	}
	ret->df = s.runs - filled;
	df_within = s.values - s.runs;
	/* A sum of n equal values is off by at most n roundings, and each value from their mean (Higham 2002, 4.2). */
	noise = s.values * DBL_EPSILON;
	noise *= noise * s.values * s.largest;
	/* One run a side tells nothing of runs, and values that are all equal nothing of chance. */
	if (ret->df < 1 || df_within < 1 || !(s.within > noise))
		return;
	ret->f = s.between / ret->df / (s.within / df_within);
	ret->p = slo_stats_beta(df_within / 2, ret->df / 2,
	                        df_within / (df_within + ret->df * ret->f));
	if (!(ret->p <= level && ret->f > 1))
		return;
	student = slo_stats_student_quantile(level, ret->df) / slo_stats_normal_quantile(1 - level);
	ret->widening = sqrt(ret->f) * student;
	ret->bootstrap_widening = sqrt(s.runs / ret->df) * student;
}
