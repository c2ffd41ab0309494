/* SPDX-License-Identifier: Apache-2.0 */
/* Quantile estimates as weighted sums of order statistics: linear interpolation, and Harrell-Davis. */
#ifndef SLO_ENGINE_STATS_QUANTILE_H
#define SLO_ENGINE_STATS_QUANTILE_H

#include <stddef.h>

enum slo_quantile_kind {
	SLO_QUANTILE_LINEAR, /* slo_stats_quantile()'s */
	/*
	 * Harrell and Davis 1982: all order statistics, weighted by the Beta((n+1)q, (n+1)(1-q)) distribution over
	 * their ranks. Less variance than one or two order statistics, above all in the tail of a small sample.
	 */
	SLO_QUANTILE_HARRELL_DAVIS,
	SLO_QUANTILE_KIND_MAX_,
};

/*
 * The regularised incomplete beta function I_x(a, b), a and b > 0, by its continued fraction (DLMF 8.17.22, evaluated
 * by the modified Lentz algorithm). Relative error about 1e-13 up to a + b of 100, growing with lgamma's to 1e-9 at
 * 1e6; what is below 1e-30 is 0.
 */
double slo_stats_beta(double a, double b, double x);

/*
 * Cumulative weights of the order statistics: ret_cumulative[k] (k of 0 to @n) is the weight of the k smallest. @q in
 * (0, 1), @n >= 1.
 */
void slo_stats_quantile_weights(enum slo_quantile_kind kind, double q, size_t n,
                                double *ret_cumulative);

/* Of ascending @sorted, @n >= 1. */
double slo_stats_harrell_davis(const double *sorted, size_t n, double q);

#endif
