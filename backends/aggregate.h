/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the cumulative in-kernel aggregates of one object and gives their changes since the last read. */
#ifndef SLO_BACKENDS_AGGREGATE_H
#define SLO_BACKENDS_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/slo_abi.h"
#include "core/base/err.h"

struct slo_agg;

struct slo_agg_config {
	int fd; /* of the BPF map; borrowed until free */
	bool is_hist; /* else counts */
	unsigned int cpus; /* possible CPUs where the map is per-CPU, else 1 */
	uint32_t max; /* entries of the BPF map */
	bool by_signal; /* the map holds several signals' histograms, each named in its tags (SLO_ABI_TAG_SIGNAL_SHIFT) */
	uint8_t signal; /* enum slo_abi_signal */
	uint8_t source; /* enum slo_abi_source */
};

/* Takes a borrowed record. */
typedef void (*slo_agg_fn)(void *user, const struct slo_abi_agg *agg);

int slo_agg_new(struct slo_agg **ret_agg, const struct slo_agg_config *cfg, struct slo_err *err);
void slo_agg_freep(struct slo_agg **agg);

/*
 * One record for each key that changed in [start_ns, start_ns + interval_ns). @epoch is that of the interval: only
 * maxima of it are taken. Number of records, or negative errno.
 */
int slo_agg_read(struct slo_agg *agg, uint64_t start_ns, uint64_t interval_ns, uint32_t epoch,
                 slo_agg_fn fn, void *user);

#endif
