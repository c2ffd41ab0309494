/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was measured lately, by place (a cgroup of this node) and by service, in slots of time: from it an observation is
 * made, the p90 of the times at which requests went bad. Bounded: so many places and services, all memory taken when
 * they are first followed.
 */
#ifndef SLO_ENGINE_EVIDENCE_WINDOW_H
#define SLO_ENGINE_EVIDENCE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/engine/attribute.h"
#include "core/model/event.h"
#include "core/model/span.h"

#define SLO_EVIDENCE_SLOTS 64
/*
 * The node itself: what belongs to no cgroup. Steal is everybody's, and so is what a mechanism tells of nobody in particular: a
 * signal of which no record has named a cgroup yet. Where some have, one that names none is of somebody unknown.
 */
#define SLO_EVIDENCE_NODE UINT64_C(0)
/* Thresholds of counts and percentages apply to 10 s (contracts): so do their values here. */
#define SLO_EVIDENCE_SUM_NS UINT64_C(10000000000)

struct slo_evidence_windows;

struct slo_evidence_config {
	size_t places; /* at most; 1 to 4096, 70 KiB each while followed */
	size_t services; /* at most; 1 to 4096, 5 KiB each */
	uint64_t slot_ns; /* SLO_EVIDENCE_SLOTS of them are kept */
};

int slo_evidence_windows_new(struct slo_evidence_windows **ret,
                             const struct slo_evidence_config *cfg, struct slo_err *err);
void slo_evidence_windows_freep(struct slo_evidence_windows **w); /* NULL-safe, sets *w = NULL */
#define slo_evidence_windows_auto slo_cleanup(slo_evidence_windows_freep)

/* From now on events of @place are kept. False: no room (counted). The node is followed from the start. */
bool slo_evidence_follow(struct slo_evidence_windows *w, uint64_t place);
void slo_evidence_forget(struct slo_evidence_windows *w, uint64_t place);
/* The clock was set by @step_ns: from now on times given are of the new one, and what is kept keeps its age. */
void slo_evidence_follow_clock(struct slo_evidence_windows *w, int64_t step_ns);
/*
 * Aggregates and timeouts count, by the time they end; single events are in their aggregate already. Events of places
 * that are not followed are passed over.
 */
void slo_evidence_event(struct slo_evidence_windows *w, uint64_t place,
                        const struct slo_probe_event *ev);

/*
 * One request of @service; or (is_retrieval) a retrieval inside one; or (neither) a reply inside one, which a client may
 * have tried again: its error alone counts. CLOCK_REALTIME ns.
 */
void slo_evidence_request(struct slo_evidence_windows *w, uint64_t service, int64_t start_ns,
                          int64_t end_ns, const struct slo_llm_request *req, bool bad);

struct slo_evidence_query {
	uint64_t service;
	const uint64_t *places;
	size_t place_count;
	int64_t from_ns, to_ns; /* CLOCK_REALTIME */
	/*
	 * SLO_SIG_BIT: of these, silence means zero; others are missing. But a cgroup that was never seen throttled may
	 * have no quota, and one without handshakes may not speak TLS: their silence is no zero. And beside the run queue,
	 * which sees every wait for a CPU, throttling and steal are given only where there is some.
	 */
	uint64_t measured;
	bool bad_only; /* slots in which a request was going on that went bad; all, where there are none */
};

/* Sets present and value; learnt is left alone. Number of slots that were looked at. */
unsigned int slo_evidence_observe(const struct slo_evidence_windows *w,
                                  const struct slo_evidence_query *q, struct slo_observation *ret);

/*
 * Of the requests of @service that were going on in the slot of @unix_ns (CLOCK_REALTIME), how many went bad: 0 to 1. A
 * request is known once it ended, so a slot is better asked about some slots later.
 */
double slo_evidence_bad_share(const struct slo_evidence_windows *w, uint64_t service,
                              int64_t unix_ns);

/* Places and services refused for want of room. */
uint64_t slo_evidence_dropped(const struct slo_evidence_windows *w);

#endif
