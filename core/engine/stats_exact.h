/* SPDX-License-Identifier: Apache-2.0 */
/* The distribution of the sum of k of n ranks, all choices alike: what exact rank tests ask. */
#ifndef SLO_ENGINE_STATS_EXACT_H
#define SLO_ENGINE_STATS_EXACT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"

struct slo_rank_sums;

/*
 * Counts the choices of @k (1 to @n) of the @n ascending @ranks by their sum. Memory: 8 (k + 1) (largest sum - smallest)
 * bytes over the greatest common divisor of the ranks' distances. Exact while the counts are below 2^53, then to 1e-14
 * of each. 0 or -ENOMEM.
 */
int slo_rank_sums_new(struct slo_rank_sums **ret, const uint32_t *ranks, size_t n, size_t k);
void slo_rank_sums_freep(struct slo_rank_sums **s);
#define slo_rank_sums_auto slo_cleanup(slo_rank_sums_freep)

/* The share of choices with a sum of at most, of at least @sum. */
double slo_rank_sums_at_most(const struct slo_rank_sums *s, uint64_t sum);
double slo_rank_sums_at_least(const struct slo_rank_sums *s, uint64_t sum);

#endif
