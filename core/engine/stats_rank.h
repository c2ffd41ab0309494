/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two samples compared by ranks: Mann-Whitney, Cliff's delta, Hodges-Lehmann. All take both samples in ascending
 * order, so that one merge in O(n + m) gives the ranks; values are finite.
 */
#ifndef SLO_ENGINE_STATS_RANK_H
#define SLO_ENGINE_STATS_RANK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/engine/stats.h"

/* Samples up to this size together get exact distributions: at most 25 MB and some 0.1 s at the limit. */
#define SLO_STATS_EXACT_MAX 200

/* Of one pair of samples, x and y. */
struct slo_stats_pair {
	const double *x; /* ascending */
	const double *y; /* ascending */
	size_t nx, ny; /* at least 1 */
};

struct slo_stats_mann_whitney {
	double u; /* pairs with x > y, and half of those with x = y */
	double p_two_sided;
	double p_greater; /* of: x tends to be larger */
	double z; /* asymptotic: distance of U from its mean in standard deviations, less the continuity; else 0 */
	bool exact;
};

/*
 * The normal approximation: variance corrected for ties, continuity 0.5, and p = 1 where U is its mean (Hollander and
 * Wolfe; as scipy's mannwhitneyu and R's wilcox.test).
 */
void slo_stats_mann_whitney(const struct slo_stats_pair *pair, struct slo_stats_mann_whitney *ret);

/*
 * Exact: the permutation distribution of the rank sum over the mid-ranks at hand, ties and all, by dynamic programming
 * over doubled ranks; two-sided p is that of a rank sum as far from its mean or farther. 0, -E2BIG above
 * SLO_STATS_EXACT_MAX, -ENOMEM.
 */
int slo_stats_mann_whitney_exact(const struct slo_stats_pair *pair,
                                 struct slo_stats_mann_whitney *ret);

/* P(x > y) - P(x < y), in [-1, 1] (Cliff 1993). */
double slo_stats_cliffs_delta(const struct slo_stats_pair *pair);

/*
 * By how much x exceeds y: the median of all differences, with one-sided bounds of confidence 1 - @alpha each, which
 * are differences too (Hodges and Lehmann 1963). Of logarithms: ln of the ratio. The rank of a bound is exact up to
 * SLO_STATS_EXACT_MAX (the distribution without ties, which ties make conservative), then by the normal approximation.
 * O((n + m) log(range)), no table of differences. 0 or -ENOMEM.
 */
int slo_stats_hodges_lehmann(const struct slo_stats_pair *pair, double alpha,
                             struct slo_stats_interval *ret);

#endif
