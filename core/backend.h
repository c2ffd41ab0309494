/* SPDX-License-Identifier: Apache-2.0 */
/* What a probe backend owes the agent. The core never includes a backend's own header. */
#ifndef SLO_CORE_BACKEND_H
#define SLO_CORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/event.h"
#include "core/model/verdict.h"

/* Takes a borrowed event, valid only during the call. Must not call back into the backend. */
typedef void (*slo_event_fn)(void *user, const struct slo_probe_event *ev);

/* Takes a borrowed record in the format of bpf/slo_abi.h, as it came, before it is decoded (for captures). */
typedef void (*slo_record_fn)(void *user, const void *record, size_t size);

/*
 * Parses one JSONL probe event for replay (core/codec gives it; backends know no JSON). 0, -ENODATA for a line to
 * skip (blank), or a negative errno with @err. */
typedef int (*slo_event_parse_fn)(const char *line, size_t len, struct slo_probe_event *ret_ev,
                                  struct slo_err *err);

/* What taxes every process of the host is measured one interval in so many, and each record stands for so many. */
#define SLO_TURN_INTERVALS 10

/* What to measure, filtered where it is cheapest. All pointers are borrowed during open() only. */
struct slo_targets {
	const uint64_t *cgroup_ids; /* with their descendants, expanded by the caller */
	size_t cgroup_count;
	const uint32_t *tgids;
	size_t tgid_count;
	const char (*comms)[SLO_COMM_LEN];
	size_t comm_count;
};

struct slo_backend_config {
	uint64_t signals; /* SLO_SIG_BIT of each wanted */
	slo_event_fn on_event; /* required */
	slo_record_fn on_record; /* nullable */
	void *user; /* for both */
	bool measure_cost; /* programs that do not time themselves: by the kernel's account (Linux 5.8, CAP_SYS_ADMIN at open()) */
	uint64_t
		events_per_second; /* single events sent at most, after a burst of @burst; 0: no limit */
	uint64_t burst;
	bool emit_all; /* an event for each measurement, not only above threshold or on error */
	bool by_turns; /* the caller enables signals whose verdict says by_turns only now and then: see SLO_TURN_* */
	bool tell; /* fill every refused row's reason, also below the one that serves (prereq) */
	double threshold[SLO_SIG_MAX_]; /* in the signal's unit; events at or above. 0: each */
	struct slo_targets targets; /* none: everything */
	int host_root; /* dirfd of the host's root (for /proc, /sys); AT_FDCWD-like -1: this one's "/" */
	const char
		*btf_path; /* external BTF; NULL: the kernel's own, or what is in one of these: */
	const char *const *btf_dirs; /* folders of such files, see compat/btf.h */
	size_t btf_dir_count;
	const char *state_dir; /* bcc: compiled programs are kept below it; NULL: nowhere */
	const char *
		bcc_helper; /* bcc: path of llm-slo-bcc; NULL: beside this program, or where packages put it */
	const char *kernel_headers; /* bcc: folder of the kernel's headers; NULL: looked for */
	const char
		*trace_map; /* where others pin what each thread works for; NULL or "": not asked */
	bool thread_context; /* look for processes whose threads say themselves what they work for */
	const char *replay_path; /* replay only; "-" is stdin */
	slo_event_parse_fn parse_event; /* replay only; NULL: binary captures only */
	bool replay_fast; /* replay only: as fast as it goes, else at recorded speed */
};

/* Cumulative since open(), exact: made = sent + aggregated + lost_ring + lost_map + shed. */
struct slo_signal_stats {
	uint64_t made; /* measurements finished, inside the targets */
	uint64_t sent; /* events handed to user space */
	uint64_t delivered; /* of those, given to on_event; equals sent once drained */
	uint64_t aggregated; /* in an aggregate only, as meant */
	uint64_t lost_ring; /* event meant, ring full */
	uint64_t lost_map; /* aggregate meant, map full */
	uint64_t shed; /* dropped by rate limit */
	uint64_t agg_lost; /* of made: missing from the aggregate */
	uint64_t inflight_full; /* begun, never measured: in-flight map full */
	uint64_t unmatched; /* ended without a known beginning */
	uint64_t filtered; /* outside the targets */
	uint64_t
		missed; /* hook fired while the same program ran on that CPU: up to so many were never seen */
	/* Of the program that measures it; where several signals share one, with the first of them only. */
	uint64_t run_count; /* BPF program runs; 0 unknown */
	uint64_t run_ns; /* BPF program time; 0 unknown */
	uint64_t cost_ns; /* with the calibrated cost of getting there; 0 unknown */
};

enum slo_trace_state {
	SLO_TRACES_UNASKED, /* by this backend, or by configuration */
	SLO_TRACES_ABSENT, /* nobody has pinned a map */
	SLO_TRACES_USED,
	SLO_TRACES_REFUSED, /* there is one, see why */
	SLO_TRACES_STATE_MAX_,
};

/* Where the trace ids of events come from. */
struct slo_trace_source {
	enum slo_trace_state state;
	uint32_t map_id; /* 0 none */
	char why[160]; /* REFUSED */
	uint32_t
		publishers; /* processes whose threads say themselves what they work for, beside the map */
};

struct slo_backend_stats {
	struct slo_signal_stats signal[SLO_SIG_MAX_];
	uint64_t program
		[SLO_SIG_MAX_]; /* SLO_SIG_BIT of all that the program of this one measures; 0 not served */
	const char *cost_by; /* static: who measures run_ns and cost_ns; NULL nobody */
	double entry_ns; /* calibrated cost of getting into a program; 0 unknown */
	uint64_t rejected; /* records that could not be decoded */
	struct slo_trace_source traces;
	uint64_t map_bytes; /* kernel memory of the maps, estimated from their sizes */
};

/*
 * Life of a backend: probe() alone, or open() -> { enable(), fd(), poll(), interval(), stats() }* -> close().
 * Every op is set. No op logs: each says why in @err. A backend may be opened twice in one process.
 */
struct slo_backend_ops {
	const char *name;

	/*
	 * Tries for real (loads, attaches, detaches) what open() would do with @cfg and fills one verdict per
	 * signal of cfg->signals; leaves nothing behind. 0, or a negative errno where the backend as a whole
	 * cannot work here, with @err; the verdicts are filled even then.
	 */
	int (*probe)(const struct slo_backend_config *cfg,
	             struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err);
	/*
	 * Opens, attaches every signal of cfg->signals that it can and fills their verdicts. 0 where at least one
	 * signal is served or none was asked for; else negative and nothing is left behind and *@ret_be untouched.
	 * *@ret_be is the caller's until close().
	 */
	int (*open)(const struct slo_backend_config *cfg, struct slo_verdict verdicts[SLO_SIG_MAX_],
	            void **ret_be, struct slo_err *err);
	/* Attach or detach one signal at run time; idempotent. -ENOTSUP where its verdict does not serve. */
	int (*enable)(void *be, enum slo_signal sig, bool on, struct slo_err *err);
	/*
	 * Replace thresholds, emit_all, the rate limit and targets at run time, nothing is detached; other fields of @cfg
	 * ignored. What the host may have got meanwhile (trace_map) is looked for.
	 */
	int (*retarget)(void *be, const struct slo_backend_config *cfg, struct slo_err *err);
	/* Descriptor for the caller's epoll set (readable: call poll), owned by the backend; -1: none. */
	int (*fd)(void *be);
	/* Deliver the events that are ready; never blocks. Number delivered, -ENODATA at the end of a replay, or errno. */
	int (*poll)(void *be, struct slo_err *err);
	/* Called once a second with the CLOCK_MONOTONIC time: deliver aggregates, gauges and timeouts. As poll. */
	int (*interval)(void *be, uint64_t now_ns, struct slo_err *err);
	void (*stats)(void *be, struct slo_backend_stats *ret);
	/* Detaches and frees. What is still undelivered is lost: poll() first. */
	void (*close)(void *be);
};

#endif
