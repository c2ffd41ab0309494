/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptive statistics, the normal quantile and the correction for many tests. */
#ifndef SLO_ENGINE_STATS_H
#define SLO_ENGINE_STATS_H

#include <stddef.h>

#include "core/base/err.h"
#include "core/engine/stats_sort.h"

/*
 * Of ascending @sorted: linear interpolation at q(n-1), 0-based (type 7 of Hyndman and Fan 1996). @q in [0, 1].
 * NaN where @n is 0.
 */
double slo_stats_quantile(const double *sorted, size_t n, double q);

/* Summed in the order given. NaN where @n is 0. */
double slo_stats_mean(const double *values, size_t n);

/* Of a sample: divided by n-1. NaN where @n is below 2. */
double slo_stats_sd(const double *values, size_t n);

/* 100 sd / |mean|, and 0 where all values are 0. NaN where @n is below 2 or the mean is 0 and the values are not. */
double slo_stats_cv_pct(const double *values, size_t n);

/* z with P(Z <= z) = @p; infinite at 0 and 1. */
double slo_stats_normal_quantile(double p);

/*
 * Adjusted p-values (Benjamini and Hochberg 1995) of the @n tests @p, in their order: rejecting those at or below
 * alpha keeps the expected share of false rejections at or below alpha. Of a non-finite p the adjusted one is 1.
 * @ret may be @p. 0 or -ENOMEM.
 */
int slo_stats_benjamini_hochberg(const double *p, size_t n, double *ret);

/* An interval by one-sided bounds, as the Hodges-Lehmann estimate and the bootstrap give it. */
struct slo_stats_interval {
	double estimate;
	double lower; /* one-sided; -INFINITY where the sample is too small for one */
	double upper; /* one-sided; INFINITY likewise */
};

/*
 * By what the sample must grow until non-inferiority at @margin (the estimate's unit, > 0) is decided with
 * probability @power, should the effect be as estimated: above the margin until the lower bound passes 0, else until
 * the upper one is below the margin. @alpha is the bounds' own. At least 1; INFINITY where no growth decides.
 */
double slo_stats_required_growth(const struct slo_stats_interval *i, double margin, double alpha,
                                 double power);

#endif
