/* SPDX-License-Identifier: Apache-2.0 */
/* A log2 histogram of nanoseconds: slot i holds 2^(i+9) <= v < 2^(i+10); slot 0 all below 1024 ns, the last all above. */
#ifndef SLO_MODEL_HIST_H
#define SLO_MODEL_HIST_H

#include <stdint.h>

#define SLO_HIST_SLOTS 28

struct slo_hist {
	uint64_t count; /* sum of slots */
	uint64_t sum_ns;
	uint64_t max_ns; /* largest value; 0 unknown */
	uint32_t slot[SLO_HIST_SLOTS];
};

void slo_hist_add(struct slo_hist *h, uint64_t ns);
void slo_hist_merge(struct slo_hist *into, const struct slo_hist *from);

/*
 * @q in [0, 1]; ns; 0 for an empty histogram. Linear interpolation inside the slot that holds rank
 * q * count, so at most a factor of two off; never above max_ns where that is known.
 */
double slo_hist_quantile(const struct slo_hist *h, double q);

/*
 * The same with each value counting for its own length: of the time spent in all of them, the share @q went into values
 * up to this one. What somebody who waits is in the middle of, where most waits are short and most waiting is not.
 */
double slo_hist_time_quantile(const struct slo_hist *h, double q);
/* Index of the slot that holds @ns. */
unsigned int slo_hist_slot(uint64_t ns);

#endif
