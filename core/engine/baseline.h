/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is normal, per workload and kind of evidence: a histogram of g(x) with exponential decay, learnt outside
 * incidents. Bounded: so many workloads, all memory taken when made.
 */
#ifndef SLO_ENGINE_BASELINE_H
#define SLO_ENGINE_BASELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/evidence.h"

/* In the scale of slo_evidence_scale(). */
struct slo_baseline_stat {
	double n; /* windows learnt from, old ones decayed; 0: nothing known */
	double median;
	double spread; /* IQR / 1.349: the standard deviation of a normal distribution with that IQR */
};

/* Learnt baselines count n/(n+30), the shipped one 30/(n+30). */
#define SLO_BASELINE_COLD_N 30.0

/* g(x) from -8 to 24 in steps of 0.1; beyond is counted in the outermost ones. */
#define SLO_BASELINE_SLOTS 320

struct slo_baseline {
	float slot[SLO_BASELINE_SLOTS];
	float unit; /* weight of the next value: grows, so that old ones need not be touched */
	float total; /* sum of slots */
};

/* One value outside incidents. @half_life in values, >= 1. Allocates nothing. */
void slo_baseline_add(struct slo_baseline *b, unsigned int evid, double value, double half_life);
/* Quantiles interpolate inside their slot; n 0 for an empty one. */
struct slo_baseline_stat slo_baseline_stat(const struct slo_baseline *b);

struct slo_baselines_config {
	size_t workloads; /* at most; 1 to 4096; 23 KiB each */
	double half_life; /* values; >= 1 */
};

struct slo_baselines;

/* 0, -EINVAL or -ENOMEM. */
int slo_baselines_new(struct slo_baselines **ret_b, const struct slo_baselines_config *cfg,
                      struct slo_err *err);
void slo_baselines_freep(struct slo_baselines **b); /* NULL-safe, sets *b = NULL */
#define slo_baselines_auto slo_cleanup(slo_baselines_freep)

/*
 * @workload: any number that names one. False where nothing was learnt: an incident is open, or the table is full
 * (counted).
 */
bool slo_baselines_add(struct slo_baselines *b, uint64_t workload, unsigned int evid, double value);
/* While an incident is open, its own values would become the normal ones. False where the table is full (counted). */
bool slo_baselines_freeze(struct slo_baselines *b, uint64_t workload, bool frozen);
/* n 0 where nothing is known. */
struct slo_baseline_stat slo_baselines_get(const struct slo_baselines *b, uint64_t workload,
                                           unsigned int evid);
/* To a file and back: SLO_EVID_MAX_ of them, one a kind, borrowed until the next call; NULL: nothing is known of it. */
const struct slo_baseline *slo_baselines_peek(const struct slo_baselines *b, uint64_t workload);
/* Replaces what is known. False, and nothing changed, where one is unsound (not finite, negative) or there is no room. */
bool slo_baselines_restore(struct slo_baselines *b, uint64_t workload,
                           const struct slo_baseline of[SLO_EVID_MAX_]);
/* Forget a workload that went away. */
void slo_baselines_erase(struct slo_baselines *b, uint64_t workload);
uint64_t slo_baselines_dropped(const struct slo_baselines *b);

#endif
