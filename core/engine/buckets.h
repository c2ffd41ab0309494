/* SPDX-License-Identifier: Apache-2.0 */
/* Counts of a histogram with arbitrary bounds, filled from single values and from log2 histograms; they never go down. */
#ifndef SLO_ENGINE_BUCKETS_H
#define SLO_ENGINE_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "core/model/hist.h"

struct slo_buckets {
	const double *bounds; /* ascending, inclusive upper bounds */
	size_t bound_count;
	double unit_ns; /* nanoseconds in one unit of the bounds */
	uint64_t *count; /* bound_count + 1, each its own */
	float *owed; /* bound_count + 1: parts of a measurement that are still to be counted; they sum up to 0 */
};

/* Index of the bucket that holds @value, in the bounds' unit. */
size_t slo_buckets_find(const double *bounds, size_t bound_count, double value);

/*
 * Adds @weight times the measurements of @h. One or two, and the largest where it is known, are placed exactly; else those
 * of a log2 slot that spans several buckets are taken as spread evenly over it, whole measurements each, none lost.
 */
void slo_buckets_add(struct slo_buckets *b, const struct slo_hist *h, uint64_t weight);

#endif
