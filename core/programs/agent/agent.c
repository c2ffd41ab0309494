/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "compat/cgroup.h"
#include "compat/host.h"
#include "compat/targets.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/plain.h"
#include "core/codec/event_json.h"
#include "core/programs/session_config.h"

#define TARGET_CGROUPS_MAX 4096
#define WINDOW_KEYS_MAX 4096

static bool touches_kernel(const struct slo_config *cfg)
{
	return cfg->agent.backend != SLO_CONFIG_BACKEND_REPLAY &&
	       cfg->agent.backend != SLO_CONFIG_BACKEND_NULL;
}

static int expand_cgroups(struct slo_agent *a, const struct slo_config *cfg, struct slo_err *err)
{
	const char *cgroups[SLO_CONFIG_LIST_MAX], *pods[SLO_CONFIG_LIST_MAX];
	const struct slo_target_names names = {
		.cgroups = cgroups,
		.cgroup_count = cfg->targets.cgroup.count,
		.pod_uids = pods,
		.pod_count = cfg->targets.pod_uid.count,
		.controller = a->controller,
	};

	for (size_t i = 0; i < names.cgroup_count; i++)
		cgroups[i] = cfg->targets.cgroup.item[i];
	for (size_t i = 0; i < names.pod_count; i++)
		pods[i] = cfg->targets.pod_uid.item[i];
	if (!names.cgroup_count && !names.pod_count)
		return 0;
	return slo_targets_expand(a->host_root, &names, a->cgroup_ids, TARGET_CGROUPS_MAX, err);
}

/* All that needs no look at the host; the lists stay @cfg's. */
static void borrow(struct slo_agent *a, const struct slo_config *cfg)
{
	struct slo_targets *t = &a->be_cfg.targets;

	t->tgids = cfg->targets.pid.pid;
	t->tgid_count = cfg->targets.pid.count;
	memset(a->comms, 0, SLO_CONFIG_LIST_MAX * sizeof(*a->comms));
	/* The kernel cuts names to 15 characters: so must a longer name asked for. */
	for (size_t i = 0; i < cfg->targets.comm.count; i++)
		memcpy(a->comms[i], cfg->targets.comm.item[i],
		       strnlen(cfg->targets.comm.item[i], SLO_COMM_LEN - 1));
	t->comms = (const char(*)[SLO_COMM_LEN])a->comms;
	t->comm_count = cfg->targets.comm.count;
	a->be_cfg.emit_all = cfg->agent.emit == SLO_CONFIG_EMIT_ALL;
	a->be_cfg.events_per_second = cfg->sampling.events_per_second_limit;
	a->be_cfg.burst = cfg->sampling.burst_limit;
	memcpy(a->be_cfg.threshold, cfg->thresholds, sizeof(a->be_cfg.threshold));
}

int slo_agent_target(struct slo_agent *a, const struct slo_config *cfg, struct slo_err *err)
{
	int r = expand_cgroups(a, cfg, err);

	if (r < 0)
		return r;
	a->be_cfg.targets.cgroup_ids = a->cgroup_ids;
	a->be_cfg.targets.cgroup_count = (size_t)r;
	borrow(a, cfg);
	return 0;
}

void slo_agent_follow_targets(struct slo_agent *a)
{
	const struct slo_config *cfg = a->cfg;
	struct slo_err err = { 0 };
	uint64_t sum = 0, before = a->targets_sum;
	int r;

	if (!cfg->targets.cgroup.count && !cfg->targets.pod_uid.count)
		return;
	r = expand_cgroups(a, cfg, &err);
	/* Gone for now: the old ids match nobody, and the next look may find it again. */
	if (r < 0)
		return;
	for (int i = 0; i < r; i++)
		sum = sum * 31 + a->cgroup_ids[i];
	a->be_cfg.targets.cgroup_count = (size_t)r;
	a->targets_sum = sum;
	if (sum != before && slo_session_retarget(a->session, &a->be_cfg, &err) < 0)
		slo_log_err("following targets: %s", err.msg);
}

static int open_host(struct slo_agent *a, struct slo_err *err)
{
	const char *root = a->cfg->agent.host_root;
	struct slo_cgroups cgroups;

	a->host_root = slo_host_open_root(*root ? root : NULL, err);
	if (a->host_root < 0)
		return a->host_root;
	/* As the libbpf backend decides which hierarchy's ids it gives. */
	if (slo_cgroups_read(a->host_root, &cgroups, NULL) == 0 &&
	    cgroups.layout == SLO_CGROUP_V1 && slo_cgroups_mount(&cgroups, "pids"))
		a->controller = "pids";
	if (*a->cfg->agent.node)
		(void)snprintf(a->node, sizeof(a->node), "%.255s", a->cfg->agent.node);
	else if (gethostname(a->node, sizeof(a->node) - 1))
		(void)snprintf(a->node, sizeof(a->node), "unknown");
	return 0;
}

static int make_tables(struct slo_agent *a, struct slo_err *err)
{
	const struct slo_identity_cache_config id = { .root = a->host_root,
		                                      .controller = a->controller };
	struct slo_err note = { 0 };
	int r = slo_identity_cache_new(&a->identity, &id, &note);

	if (r < 0)
		return slo_err_set(err, r, "identity: %s", note.msg);
	if (note.code)
		slo_log_warn("containers are told by process only reason=\"%s\"", note.msg);
	a->cgroup_ids = calloc(TARGET_CGROUPS_MAX, sizeof(*a->cgroup_ids));
	a->comms = calloc(SLO_CONFIG_LIST_MAX, sizeof(*a->comms));
	a->waiting = calloc(SLO_AGENT_WAITING_MAX, sizeof(*a->waiting));
	if (!a->cgroup_ids || !a->comms || !a->waiting)
		return slo_err_set(err, -ENOMEM, "tables: out of memory");
	return slo_windows_new(&a->windows, WINDOW_KEYS_MAX, err);
}

static enum slo_config_output output_kind(const struct slo_config *cfg)
{
	return slo_config_output_kind(cfg, isatty(STDOUT_FILENO));
}

static int open_sink(const struct slo_agent *a, const struct slo_config *cfg,
                     struct slo_sink **ret_sink, struct slo_err *err)
{
	const struct slo_sink_config sink = {
		.path = cfg->output.kind != SLO_CONFIG_OUTPUT_STDOUT && *cfg->output.path
		                ? cfg->output.path
		                : NULL,
		.max_bytes = cfg->output.rotate_bytes,
		.keep = (unsigned int)cfg->output.rotate_keep,
		/* A replay has nobody to keep waiting; the kernel's ring does not wait. */
		.wait_ms = a->opt->replay ? -1 : 0,
	};

	return slo_sink_open(ret_sink, &sink, err);
}

static int open_outputs(struct slo_agent *a, struct slo_err *err)
{
	bool tty = isatty(STDOUT_FILENO);
	int r, fd;

	if (output_kind(a->cfg) == SLO_CONFIG_OUTPUT_TABLE)
		r = slo_view_new(&a->view, stdout, tty, slo_wants_colour(STDOUT_FILENO), err);
	else
		r = slo_view_new(&a->view, NULL, false, false, err);
	if (!r && output_kind(a->cfg) != SLO_CONFIG_OUTPUT_TABLE)
		r = open_sink(a, a->cfg, &a->sink, err);
	if (r < 0)
		return slo_err_wrap(err, r, "output");
	if (!a->opt->record)
		return 0;
	fd = open(a->opt->record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return slo_err_set(err, -errno, "record %s: %s", a->opt->record, strerror(errno));
	r = slo_capture_writer_new(&a->capture, fd, slo_clock_realtime_offset_ns(), a->node, err);
	if (r < 0)
		(void)close(fd);
	return r;
}

static int open_session(struct slo_agent *a, struct slo_err *err)
{
	struct slo_backend_config *be = &a->be_cfg;

	be->signals =
		a->cfg->agent.backend == SLO_CONFIG_BACKEND_NULL ? 0 : a->cfg->agent.signal_set;
	be->on_event = slo_agent_on_event;
	be->on_record = a->capture ? slo_agent_on_record : NULL;
	be->user = a;
	slo_session_config(a->cfg, a->host_root, a->btf_dirs, be);
	be->measure_cost = touches_kernel(a->cfg) && a->cfg->safety.max_overhead_pct > 0;
	be->replay_path = a->opt->replay;
	be->replay_fast = a->opt->replay_fast;
	be->parse_event = slo_event_json_parse;
	be->by_turns = output_kind(a->cfg) == SLO_CONFIG_OUTPUT_TABLE;
	if (touches_kernel(a->cfg)) {
		int r = slo_guard_new(&a->guard.guard, a->cfg->safety.max_overhead_pct, err);

		if (r < 0)
			return r;
	}
	return slo_session_open(&a->session, be, slo_session_backend(a->cfg), err);
}

/* What is measured right now: silence of these means that nothing happened. */
static uint64_t measured(void *user)
{
	const struct slo_agent *a = user;
	uint64_t set = 0;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_choice *c = slo_session_choice(a->session, (enum slo_signal)i);
		bool by_turns = c->verdict.by_turns && a->be_cfg.by_turns;

		if (c->backend && !by_turns && !(a->guard.shed & SLO_SIG_BIT(i)))
			set |= SLO_SIG_BIT(i);
	}
	return set;
}

static enum slo_source source(void *user, enum slo_signal sig)
{
	const struct slo_agent *a = user;

	return slo_session_choice(a->session, sig)->verdict.source;
}

static void health(void *user, struct slo_live_health *ret)
{
	const struct slo_agent *a = user;
	struct slo_backend_stats st;

	*ret = (struct slo_live_health){ .overhead_pct = -1, .heard_ns = a->now_ns };
	if (a->guard.guard)
		ret->overhead_pct = slo_guard_overhead_pct(a->guard.guard);
	slo_session_stats(a->session, &st);
	ret->rejected = st.rejected;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		ret->lost_ring += st.signal[i].lost_ring;
		ret->lost_map += st.signal[i].lost_map + st.signal[i].inflight_full;
		ret->shed += st.signal[i].shed;
	}
}

/* The socket is a convenience: without it the agent measures all the same, unless somebody named its place. */
static int open_control(struct slo_agent *a, struct slo_err *err)
{
	const struct slo_control_config control = { .path = a->cfg->agent.control,
		                                    .answer = slo_agent_answer,
		                                    .user = a };
	struct slo_err why = { 0 };
	int r;

	/* Nobody looks for a replay, unless its place was named. */
	if (!*a->cfg->agent.control ||
	    (!touches_kernel(a->cfg) && slo_config_is_default(a->cfg, "agent", "control")))
		return 0;
	r = slo_control_open(&a->control, &control, &why);
	if (r < 0 && !slo_config_is_default(a->cfg, "agent", "control"))
		return slo_err_set(err, r, "[agent] control: %s", why.msg);
	if (r < 0)
		slo_log_warn("sloctl cannot ask this agent: %s", why.msg);
	return 0;
}

extern char **environ;

/* A replay is a look at the past; spans come to one only where they are asked for. */
static int open_live(struct slo_agent *a, struct slo_err *err)
{
	const struct slo_live_config live = {
		.cfg = a->cfg,
		.node = a->node,
		.mode = slo_session_mode(a->session),
		.identity = a->identity,
		.host_root = a->host_root,
		.controller = a->controller,
		.environment = environ,
		.measured = measured,
		.health = health,
		.source = source,
		.user = a,
	};

	if (!touches_kernel(a->cfg) && slo_config_is_default(a->cfg, "receiver", "listen") &&
	    !*a->cfg->receiver.slo_input)
		return 0;
	if (a->opt->replay && strcmp(a->opt->replay, "-") == 0 &&
	    strcmp(a->cfg->receiver.slo_input, "-") == 0)
		return slo_err_set(
			err, -EINVAL,
			"[receiver] slo_input = -: --replay reads standard input already "
			"(accepted: a file)");
	return slo_live_new(&a->live, &live, err);
}

int slo_agent_init(struct slo_agent *a, struct slo_err *err)
{
	int r;

	slo_log_set_level((enum slo_log_level)a->cfg->agent.log_level);
	if (touches_kernel(a->cfg)) {
		a->lock = slo_agent_lock(a->cfg->agent.instance, err);
		if (a->lock == -EROFS)
			slo_log_warn("%s", err->msg);
		else if (a->lock < 0)
			return a->lock;
	}
	r = open_host(a, err);
	if (!r)
		r = make_tables(a, err);
	if (!r)
		r = open_outputs(a, err);
	if (!r)
		r = slo_agent_target(a, a->cfg, err);
	if (!r && touches_kernel(a->cfg))
		r = slo_live_state_try(a->cfg, err);
	if (!r)
		r = open_session(a, err);
	a->begin_ns = a->now_ns = slo_clock_monotonic_ns();
	if (!r)
		r = open_live(a, err);
	if (!r)
		r = open_control(a, err);
	if (r < 0)
		return r;
	if (touches_kernel(a->cfg))
		r = slo_agent_drop_privileges(a->host_root, a->cfg->agent.thread_context, err);
	if (r < 0)
		return slo_err_wrap(err, r, "dropping privileges");
	if (a->live)
		slo_live_state_check(a->live);
	(void)slo_agent_hold_signals(true);
	slo_agent_log_choice(a);
	return 0;
}

void slo_agent_take_turns(struct slo_agent *a)
{
	/* The first interval, before any tick, is one of them. */
	bool turn = ++a->turn % SLO_TURN_INTERVALS == 0;
	struct slo_err err = { 0 };

	/* Each tick, for the guard may have restored one out of its turn; what it shed stays off. */
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_choice *c = slo_session_choice(a->session, (enum slo_signal)i);
		bool on = turn && !(a->guard.shed & SLO_SIG_BIT(i));

		if (c->backend && c->verdict.by_turns &&
		    slo_session_enable(a->session, (enum slo_signal)i, on, &err) < 0)
			slo_log_err("turns: %s", err.msg);
	}
}

static int close_sink(struct slo_agent *a)
{
	struct slo_sink_stats st = { 0 };
	struct slo_err err = { 0 };
	int r = a->sink ? slo_sink_close(&a->sink, &st, &err) : 0;

	if (r < 0)
		slo_log_err("output: %s", err.msg);
	if (st.lost_lines)
		slo_log_warn("output incomplete written=%" PRIu64 " lost=%" PRIu64,
		             st.written_lines, st.lost_lines);
	return r;
}

int slo_agent_fini(struct slo_agent *a)
{
	int r;

	slo_control_freep(&a->control);
	slo_live_freep(&a->live);
	slo_session_freep(&a->session);
	slo_capture_writer_freep(&a->capture);
	r = close_sink(a);
	slo_view_freep(&a->view);
	slo_windows_freep(&a->windows);
	slo_guard_freep(&a->guard.guard);
	slo_identity_cache_freep(&a->identity);
	slo_freep(&a->cgroup_ids);
	slo_freep(&a->comms);
	slo_freep(&a->waiting);
	slo_config_freep(&a->cfg);
	slo_closep(&a->host_root);
	slo_closep(&a->lock);
	slo_notify_close(&a->notify);
	return r;
}

static void log_changes(const struct slo_config *from, const struct slo_config *to)
{
	struct slo_config_change change[32];
	size_t n = slo_config_diff(from, to, change, SLO_ARRAY_SIZE(change));

	for (size_t i = 0; i < n && i < SLO_ARRAY_SIZE(change); i++)
		slo_log_info("reload key=%s from=\"%s\" to=\"%s\"%s", change[i].name,
		             change[i].from, change[i].to,
		             change[i].live ? "" : " effective=\"at the next start\"");
}

static int retarget(struct slo_agent *a, const struct slo_config *cfg, struct slo_err *err)
{
	int r = slo_agent_target(a, cfg, err);

	return r < 0 ? r : slo_session_retarget(a->session, &a->be_cfg, err);
}

/* Also where the path stays: whoever rotated the file wants a new one. The old one serves where that fails. */
static void replace_sink(struct slo_agent *a, const struct slo_config *next)
{
	slo_sink_auto struct slo_sink *sink = NULL;
	struct slo_err err = { 0 };

	if (slo_sink_flush(a->sink, &err) < 0 || open_sink(a, next, &sink, &err) < 0) {
		slo_log_err("output stays as it is: %s", err.msg);
		return;
	}
	close_sink(a);
	a->sink = slo_take_ptr(sink);
}

void slo_agent_reload(struct slo_agent *a)
{
	slo_config_auto struct slo_config *next = NULL;
	struct slo_err err = { 0 };

	if (slo_agent_load_config(a->opt, &next, &err) < 0) {
		slo_log_err("reload refused, the old configuration stays: %s", err.msg);
		return;
	}
	if (retarget(a, next, &err) < 0 || (a->live && slo_live_reload(a->live, next, &err) < 0)) {
		slo_log_err("reload refused, the old configuration stays: %s", err.msg);
		/* Also where an old target is gone by now: nothing may point into what is freed here. */
		borrow(a, a->cfg);
		if (retarget(a, a->cfg, &err) < 0)
			slo_log_err("the old targets come back when they are there: %s", err.msg);
		return;
	}
	log_changes(a->cfg, next);
	slo_log_set_level((enum slo_log_level)next->agent.log_level);
	if (a->sink)
		replace_sink(a, next);
	/* The targets borrow from the new configuration by now. */
	slo_config_freep(&a->cfg);
	a->cfg = slo_take_ptr(next);
}
