/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do runs of one thing differ by more than their samples explain? Samples of a run share its machine, its caches, its
 * hour: a comparison of pooled samples is then surer of itself than it may be.
 */
#ifndef SLO_ENGINE_STATS_RUNS_H
#define SLO_ENGINE_STATS_RUNS_H

#include <stddef.h>

/* Values of one side, run after run. Runs without values are passed over. */
struct slo_stats_runs {
	const double *values;
	const size_t *sizes; /* [count] */
	size_t count;
};

struct slo_stats_spread {
	double f; /* variance between runs over that within, both sides pooled (one-way analysis of variance) */
	double p; /* of so large an f by chance */
	double df; /* degrees of freedom between runs: runs less sides */
	double widening; /* what one-sided bounds of pooled samples are to be multiplied by; 1 where p is above the level */
	/*
	 * The same for a bootstrap that draws runs: it knows that they differ, but takes their spread from so few of
	 * them, and too small by df / runs.
	 */
	double bootstrap_widening;
};

/*
 * @level is that of the F test and of the bounds, one-sided. Where runs differ, the bounds' variance is f times as large
 * (the design effect of equal runs, Kish 1965) and known from df runs only, hence Student's quantile over the normal's.
 */
void slo_stats_run_spread(const struct slo_stats_runs *sides, size_t side_count, double level,
                          struct slo_stats_spread *ret);

/* P(T > @t) of Student's distribution. @df > 0. */
double slo_stats_student_tail(double t, double df);
/* t >= 0 with P(T > t) = @tail, which is at most .5. */
double slo_stats_student_quantile(double tail, double df);

#endif
