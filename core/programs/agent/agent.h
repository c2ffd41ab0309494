/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: one session of backends, one loop, the ways out. */
#ifndef SLO_AGENT_AGENT_H
#define SLO_AGENT_AGENT_H

#include <signal.h>

#include "backends/capture.h"
#include "backends/session.h"
#include "compat/identity_cache.h"
#include "compat/notify.h"
#include "core/config/config.h"
#include "core/engine/guard.h"
#include "core/engine/window.h"
#include "core/programs/agent/control.h"
#include "core/programs/agent/live.h"
#include "core/programs/agent/view.h"
#include "core/programs/options.h"
#include "core/programs/session_config.h"
#include "core/store/sink.h"

#define SLO_AGENT_WAITING_MAX 256

/* The overhead guard and what it has done. */
struct slo_agent_guard {
	struct slo_guard *guard; /* NULL: nothing to guard (replay, null) */
	bool told; /* the first tick was */
	uint64_t shed; /* SLO_SIG_BIT of each that is off for now */
	uint64_t stuck; /* of those, which could not be switched on again: told */
	uint64_t sheds, restores;
	uint64_t process_ns; /* CPU time at the last tick */
	uint64_t delivered[SLO_SIG_MAX_]; /* at the last tick */
	uint64_t own_ns[SLO_SIG_MAX_]; /* the process' time that went into the signal */
};

struct slo_agent {
	const struct slo_agent_options *opt;
	struct slo_config *cfg;
	struct slo_backend_config be_cfg; /* its targets borrow the arrays below */
	uint64_t *cgroup_ids;
	char (*comms)[SLO_COMM_LEN];
	uint64_t targets_sum; /* of cgroup_ids as last given to the backends */
	struct slo_session *session;
	struct slo_identity_cache *identity;
	struct slo_windows *windows;
	struct slo_view *view; /* prints a table, or only keeps it for those who ask */
	struct slo_sink *sink; /* NULL: no JSONL */
	struct slo_capture_writer *capture; /* NULL: not recording */
	struct slo_live *live; /* NULL: signals alone */
	struct slo_control *control; /* NULL: nobody can ask */
	uint64_t begin_ns; /* CLOCK_MONOTONIC of the start */
	int host_root;
	int lock;
	char node[256];
	const char *btf_dirs[SLO_CONFIG_LIST_MAX]; /* borrowed from @cfg */
	const char *controller; /* hierarchy of cgroup ids; NULL: v2 */
	uint64_t now_ns; /* CLOCK_MONOTONIC of this turn of the loop */
	struct slo_probe_event
		*waiting; /* SLO_AGENT_WAITING_MAX events whose cgroup is not known yet */
	size_t waiting_count;
	struct slo_agent_guard guard;
	bool capture_dated; /* the capture's clock offset is that of its first replayed event */
	uint64_t turn; /* intervals so far */
	struct slo_trace_source traces; /* as last told */
	struct slo_notify notify;
	uint64_t notified_ns; /* when the watchdog was last told */
	uint64_t unencodable; /* events that could not be written as JSON */
};

/* Builds everything from agent->cfg. 0 or negative errno with @err; slo_agent_fini() in both cases. */
int slo_agent_init(struct slo_agent *agent, struct slo_err *err);
/* 0; -EIO, logged: the last lines could not be written. */
int slo_agent_fini(struct slo_agent *agent);

/*
 * From here on signals wait for the loop. First SIGHUP alone: a start that takes minutes (a compile) is ended by the others,
 * but not by a reload that comes early. @all: they too, before it is said that the agent is ready.
 */
sigset_t slo_agent_hold_signals(bool all);

/* Runs until a signal, the end of --seconds or of a replay. 0 or negative errno. */
int slo_agent_loop(struct slo_agent *agent, struct slo_err *err);

/* Takes targets (expanded to cgroup ids), thresholds and flags from @cfg into agent->be_cfg. */
int slo_agent_target(struct slo_agent *agent, const struct slo_config *cfg, struct slo_err *err);

/* Once a tick: cgroups made below the targets since, and pods that came back, are targets too. */
void slo_agent_follow_targets(struct slo_agent *agent);

/* slo_event_fn, slo_record_fn: an event's and a record's ways out. @user: struct slo_agent. */
void slo_agent_on_event(void *user, const struct slo_probe_event *ev);
void slo_agent_on_record(void *user, const void *record, size_t size);
/* Once a tick: the events that waited for their cgroup's name and have it now, or waited long enough; @all at the end. */
void slo_agent_put_waiting(struct slo_agent *agent, bool all);
/* Once a tick: weighs what the agent costs, sheds or restores a program where the limit says so. */
void slo_agent_guard_tick(struct slo_agent *agent);
/* One log line: overhead, what was shed and restored. */
void slo_agent_guard_stats(const struct slo_agent *agent);

/* slo_control_answer_fn: what sloctl top, incidents and explain ask. @user: struct slo_agent. */
int slo_agent_answer(void *user, const char *cmd, const char *id, struct slo_jsonw *w);

/* Flushes the ways out; logs an outage once. */
void slo_agent_flush(struct slo_agent *agent);

/* Once a tick: signals that tax every process are on for one interval in SLO_TURN_INTERVALS. */
void slo_agent_take_turns(struct slo_agent *agent);

/* To the service manager, where there is one: the loop runs, reads its configuration again, turns still, ends. */
void slo_agent_notify_open(struct slo_agent *agent);
void slo_agent_notify_ready(struct slo_agent *agent);
void slo_agent_notify_reloading(struct slo_agent *agent);
void slo_agent_notify_alive(struct slo_agent *agent);
void slo_agent_notify_stopping(struct slo_agent *agent);

/* Reads the configuration again and applies what can change at run time. */
void slo_agent_reload(struct slo_agent *agent);

/* Loads, logging every issue. 0 or negative errno. */
int slo_agent_load_config(const struct slo_agent_options *opt, struct slo_config **ret_cfg,
                          struct slo_err *err);

/* One log line with the choice, one per signal that cannot be had. */
void slo_agent_log_choice(const struct slo_agent *agent);
/* One log line whenever the source of trace ids comes, goes or cannot be used. */
void slo_agent_tell_traces(struct slo_agent *agent, const struct slo_trace_source *now);
/* The exact account of every signal, as log lines. */
void slo_agent_log_stats(const struct slo_agent *agent);

/*
 * One agent per host and @instance, by a lock file in /run/llm-slo. Descriptor that holds the lock, or -EBUSY with @err
 * naming the first agent, or -EROFS where no folder can be written: nothing to lock by, @err says so.
 */
int slo_agent_lock(const char *instance, struct slo_err *err);

/* Gives up every capability but those that detaching, re-attaching and reading maps need. */
int slo_agent_drop_privileges(int host_root, bool sees_processes, struct slo_err *err);

#endif
