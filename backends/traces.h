/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map by which others say what each thread works for: OpenTelemetry's eBPF instrumentation pins it (OTEP 4855). It comes
 * and goes with its publisher, so it is looked for again and again, and the programs follow without being attached anew.
 */
#ifndef SLO_BACKENDS_TRACES_H
#define SLO_BACKENDS_TRACES_H

#include <linux/types.h>

#include "core/backend.h"

struct bpf_map_info;

#define SLO_TRACES_LOOK_NS (30 * UINT64_C(1000000000))

struct slo_traces {
	int root; /* dirfd of the host's root; borrowed */
	int outer; /* the programs' slo_traces map; borrowed */
	char path[256]; /* of the pin, below @root; "": never looked for */
	uint64_t looked_ns; /* CLOCK_MONOTONIC; 0: not yet */
	struct slo_trace_source source;
};

/* Only fills @ret; nothing is looked for yet. @path NULL or "": it never is. */
void slo_traces_init(struct slo_traces *ret, int root, int outer, const char *path);

/* Looks for the map, at most every SLO_TRACES_LOOK_NS, and gives it to the programs or takes it from them; source says. */
void slo_traces_look(struct slo_traces *t, uint64_t now_ns);
/* Likewise, at once. */
void slo_traces_look_now(struct slo_traces *t, uint64_t now_ns);

/* As slo_traces_look_now(), for those who only want to know: no program gets anything. @ret_filled: some thread is in it. */
void slo_traces_probe(int root, const char *path, struct slo_trace_source *ret, bool *ret_filled);

/* Is it a map that the programs can ask? False with @why (of @size bytes) where not. */
bool slo_traces_fits(const struct bpf_map_info *info, char *why, size_t size);

#endif
