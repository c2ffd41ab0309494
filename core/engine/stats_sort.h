/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts samples by the ten thousand, and says where each of them went. */
#ifndef SLO_ENGINE_STATS_SORT_H
#define SLO_ENGINE_STATS_SORT_H

#include <stddef.h>
#include <stdint.h>

struct slo_stats_item {
	double value;
	uint32_t index; /* the caller's */
};

/* Ascending. Values are finite: the order of NaN is none. */
void slo_stats_sort(double *values, size_t n);

/* By value; equal ones in the order of their @index. Values are finite, and @index ascends as given. */
void slo_stats_sort_items(struct slo_stats_item *items, size_t n);

#endif
