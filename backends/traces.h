/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others say of what each thread works for: a map that OpenTelemetry's eBPF instrumentation pins (OTEP 4855), and the
 * processes whose threads say it themselves (OTEP 4947). Both come and go, so they are looked for again and again, and the
 * programs follow without being attached anew.
 */
#ifndef SLO_BACKENDS_TRACES_H
#define SLO_BACKENDS_TRACES_H

#include <linux/types.h>

#include "core/backend.h"

struct bpf_map_info;
struct slo_thread_ctx_walk;

#define SLO_TRACES_LOOK_NS (30 * UINT64_C(1000000000))

struct slo_traces {
	int root; /* dirfd of the host's root; borrowed */
	int outer; /* the programs' slo_traces map; borrowed */
	char path[256]; /* of the pin, below @root; "": never looked for */
	bool asks_threads; /* and for publishers among the processes */
	uint64_t looked_ns; /* CLOCK_MONOTONIC; 0: not yet */
	struct slo_thread_ctx_walk *walk; /* NULL: not begun */
	int threads; /* map of the publishers; -1: there was none yet */
	uint64_t pass,
		pass_ns; /* number and beginning (CLOCK_MONOTONIC) of the look through all processes */
	bool is_walking; /* the pass is not over */
	uint32_t found; /* publishers of this pass */
	struct slo_trace_source source;
};

/* Only fills @ret; nothing is looked for yet. @path NULL or "": no map ever is. */
void slo_traces_init(struct slo_traces *ret, int root, int outer, const char *path,
                     bool asks_threads);

/* Frees what it owns; @t may be all 0. */
void slo_traces_fini(struct slo_traces *t);

/*
 * Looks for the map, at most every SLO_TRACES_LOOK_NS, and gives it to the programs or takes it from them; source says. Looks
 * through the processes for publishers, a few milliseconds a call, and begins again as often.
 */
void slo_traces_look(struct slo_traces *t, uint64_t now_ns);
/* Likewise, at once. */
void slo_traces_look_now(struct slo_traces *t, uint64_t now_ns);

/* As slo_traces_look_now(), for those who only want to know: no program gets anything. @ret_filled: some thread is in it. */
void slo_traces_probe(int root, const char *path, struct slo_trace_source *ret, bool *ret_filled);

/* Is it a map that the programs can ask? False with @why (of @size bytes) where not. */
bool slo_traces_fits(const struct bpf_map_info *info, char *why, size_t size);

#endif
