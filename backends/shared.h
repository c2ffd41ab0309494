/* SPDX-License-Identifier: Apache-2.0 */
/* The maps that all BPF programs share, whoever made them: events, control, statistics, targets. */
#ifndef SLO_BACKENDS_SHARED_H
#define SLO_BACKENDS_SHARED_H

#include "bpf/slo_abi.h"
#include "core/backend.h"

enum slo_shared_id {
	SLO_SHARED_EVENTS,
	SLO_SHARED_CTL,
	SLO_SHARED_STATS,
	SLO_SHARED_BUCKET,
	SLO_SHARED_TGT_CGROUPS,
	SLO_SHARED_TGT_PIDS,
	SLO_SHARED_TGT_COMMS,
	SLO_SHARED_SOCKS,
	SLO_SHARED_LISTENERS,
	SLO_SHARED_TRACES, /* not where @old; see backends/traces.h */
	SLO_SHARED_BEGUN, /* likewise */
	SLO_SHARED_MAX_,
};

/* By name, for objects that share them. */
struct slo_shared_map {
	const char *name;
	int fd;
};

/* What BPF of before Linux 5.8 lacks is done without: perf buffers for the ring, system calls for mapped maps. */
struct slo_shared {
	struct slo_shared_map
		map[SLO_SHARED_MAX_ +
	            1]; /* ends with name NULL, for objects; fd -1: not on this kernel */
	unsigned int cpus; /* possible CPUs; 1 where the statistics are not per CPU */
	uint64_t bytes; /* kernel memory, estimated */
	bool old; /* made for old kernels */
	struct slo_abi_bucket *bucket; /* the map's memory; NULL where @old */
	uint64_t rate, burst; /* tokens a second, and at most; 0: no limit */
	uint64_t filled_ns; /* CLOCK_MONOTONIC up to which tokens were given */
};

/* Maps can be made here, and ring buffers are none of them: before 5.8, whatever the release says. */
bool slo_shared_lacks_ring(void);

/* 0, or negative errno with everything closed and @err saying what the kernel refused. */
int slo_shared_open(struct slo_shared *ret, bool old, struct slo_err *err);
void slo_shared_close(struct slo_shared *s);

/* Writes thresholds, flags and targets of @cfg; @epoch is kept by the caller. */
int slo_shared_control(const struct slo_shared *s, const struct slo_backend_config *cfg,
                       uint64_t enabled, uint32_t epoch, struct slo_err *err);

/* Limits single events to @rate a second after a burst of @burst; 0: no limit. */
void slo_shared_limit(struct slo_shared *s, uint64_t rate, uint64_t burst, uint64_t now_ns);
/* Gives the tokens due since the last call; to be called some times a second. */
void slo_shared_refill(struct slo_shared *s, uint64_t now_ns);

/* Takes one token for an event that user space makes; false where there is none. */
bool slo_shared_may_send(const struct slo_shared *s);

/*
 * Gives @e, which has a plain event's size, the trace that @of had when it began at @start_ns (struct slo_abi_begun) where one is
 * known; event.size says.
 */
void slo_shared_trace(const struct slo_shared *s, uint64_t of, uint64_t start_ns,
                      struct slo_abi_traced *e);

/* Removes at most @max entries of a map, whose keys have @key_size (at most 64) bytes: all, where no program adds any meanwhile. */
void slo_shared_forget(int fd, size_t key_size, uint32_t max);

/* Sums the CPUs. */
void slo_shared_stats(const struct slo_shared *s, enum slo_signal sig, struct slo_abi_stats *ret);

#endif
