/* SPDX-License-Identifier: Apache-2.0 */
/* Every event's way out: names, status, JSON line, table; and the log lines about signals. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/codec/event_json.h"
#include "core/programs/agent/agent.h"

/* On a slow machine walks of the cgroup tree are seconds apart. */
#define WAIT_NS (3 * SLO_NS_PER_SEC)

static void tell_sink(int r, const struct slo_err *err)
{
	if (r < 0)
		slo_log_err("output fails, events are lost and counted until it recovers: %s",
		            err->msg);
	else if (r > 0)
		slo_log_info("output recovered");
}

static void write_line(struct slo_agent *a, const struct slo_probe_event *ev,
                       const struct slo_identity *who, enum slo_status status)
{
	const struct slo_event_names names = {
		.node = a->node,
		.namespace_ = "",
		.pod = "",
		.container = "",
		.container_id = who->container_id,
		.pod_uid = who->pod_uid,
	};
	const struct slo_event_json_options opt = {
		.v1alpha1 = a->cfg->output.schema == SLO_CONFIG_SCHEMA_V1ALPHA1,
		.names = a->cfg->privacy.names,
	};
	char line[SLO_EVENT_JSON_MAX];
	struct slo_err err = { 0 };
	ssize_t n = slo_event_json_write(line, sizeof(line), ev, status, &names, &opt);

	if (n < 0) {
		a->unencodable++;
		return;
	}
	tell_sink(slo_sink_write(a->sink, line, (size_t)n, &err), &err);
}

/* With each measurement sent on its own, aggregates would say everything twice. */
static bool is_redundant(const struct slo_agent *a, const struct slo_probe_event *ev)
{
	return a->be_cfg.emit_all && !ev->replayed &&
	       (ev->kind == SLO_EV_HIST || ev->kind == SLO_EV_COUNT);
}

static void put_out(struct slo_agent *a, const struct slo_probe_event *ev,
                    const struct slo_identity *who)
{
	enum slo_status status = slo_windows_status(a->windows, ev);

	if (a->view)
		slo_view_add(a->view, ev, who);
	if (a->live)
		slo_live_event(a->live, ev, who, status);
	if (a->sink && !is_redundant(a, ev))
		write_line(a, ev, who, status);
}

/*
 * Cgroups are looked up by a walk that may not run for every event: one whose cgroup is not known yet waits for the next
 * tick, up to WAIT_NS, so that the first moments of a container carry its name too. Without room it goes out as it is.
 */
static bool postpone(struct slo_agent *a, const struct slo_probe_event *ev)
{
	if (!ev->cgroup_id || ev->replayed || a->waiting_count == SLO_AGENT_WAITING_MAX)
		return false;
	a->waiting[a->waiting_count++] = *ev;
	return true;
}

void slo_agent_on_event(void *user, const struct slo_probe_event *ev)
{
	struct slo_agent *a = user;
	const struct slo_identity *who =
		slo_identity_get(a->identity, ev->cgroup_id, ev->tgid, a->now_ns);

	if (a->capture && ev->replayed && !a->capture_dated) {
		slo_capture_writer_set_offset(a->capture, ev->realtime_offset_ns);
		a->capture_dated = true;
	}
	if (slo_identity_is_known(who) || !postpone(a, ev))
		put_out(a, ev, who);
}

static uint64_t age_ns(const struct slo_agent *a, const struct slo_probe_event *ev)
{
	uint64_t end = slo_event_realtime_ns(ev) - ev->realtime_offset_ns;

	return a->now_ns > end ? a->now_ns - end : 0;
}

void slo_agent_put_waiting(struct slo_agent *a, bool all)
{
	size_t n = a->waiting_count, kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct slo_probe_event *ev = &a->waiting[i];
		const struct slo_identity *who =
			slo_identity_get(a->identity, ev->cgroup_id, ev->tgid, a->now_ns);

		if (!all && !slo_identity_is_known(who) && age_ns(a, ev) < WAIT_NS)
			a->waiting[kept++] = *ev;
		else
			put_out(a, ev, who);
	}
	a->waiting_count = kept;
}

void slo_agent_on_record(void *user, const void *record, size_t size)
{
	struct slo_agent *a = user;
	struct slo_err err = { 0 };

	if (slo_capture_write(a->capture, record, size, &err) < 0)
		slo_log_err("record %s: %s", a->opt->record, err.msg);
}

void slo_agent_flush(struct slo_agent *a)
{
	struct slo_err err = { 0 };

	if (a->sink)
		tell_sink(slo_sink_flush(a->sink, &err), &err);
	if (a->capture && slo_capture_flush(a->capture, &err) < 0)
		slo_log_err("record %s: %s", a->opt->record, err.msg);
}

/* Each backend's first reason: what a host lacks for the best one need not be what keeps the next from serving. */
static void log_refused(enum slo_signal sig, const struct slo_choice *c)
{
	const struct slo_verdict *v = &c->verdict;
	char text[4 * sizeof(v->refused[0].why)] = "";
	size_t used = 0;

	if (!slo_signal_desc(sig)->built)
		return;
	for (unsigned int i = 0; i < v->refused_count && used < sizeof(text); i++) {
		const struct slo_refusal *r = &v->refused[i];

		if (strstr(text, r->why))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "; " : "",
		                         r->why);
	}
	slo_log_warn("not measured signal=%s reason=\"%s\"", slo_signal_desc(sig)->name,
	             v->refused_count ? text : "no backend");
}

static bool is_refused_for(const struct slo_agent *a, int sig, const struct slo_refusal *r)
{
	const struct slo_verdict *v =
		&slo_session_choice(a->session, (enum slo_signal)sig)->verdict;

	for (unsigned int i = 0; i < v->refused_count; i++) {
		if (strcmp(v->refused[i].why, r->why) == 0)
			return true;
	}
	return false;
}

/* Of all signals that are measured, in a coarser way than this reason keeps from. Once: with the first of them. */
static void log_not_used(const struct slo_agent *a, int sig, const struct slo_refusal *r)
{
	enum slo_log_level level =
		r->code == -EPERM || r->code == -EACCES ? SLO_LOG_WARN : SLO_LOG_INFO;
	char names[SLO_SIG_MAX_ * 32] = "";
	size_t used = 0;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(a->be_cfg.signals & SLO_SIG_BIT(i)) ||
		    !slo_session_choice(a->session, (enum slo_signal)i)->backend ||
		    !is_refused_for(a, i, r))
			continue;
		if (i < sig)
			return;
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
		                         used ? "," : "",
		                         slo_signal_desc((enum slo_signal)i)->name);
	}
	slo_log(level, "not used mechanism=\"%s\" signals=%s reason=\"%s\"", r->mechanism, names,
	        r->why);
}

/* What keeps a better rung or mechanism from measuring, each reason once. */
static void log_better(const struct slo_agent *a)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_choice *c = slo_session_choice(a->session, (enum slo_signal)i);
		const struct slo_verdict *v = &c->verdict;

		/* What the kernel counts by itself has nothing better. */
		if (!(a->be_cfg.signals & SLO_SIG_BIT(i)) || !c->backend ||
		    slo_signal_desc((enum slo_signal)i)->counted)
			continue;
		for (unsigned int k = 0; k < v->refused_count; k++) {
			if (!k || strcmp(v->refused[k].why, v->refused[k - 1].why) != 0)
				log_not_used(a, i, &v->refused[k]);
		}
	}
}

/* Meant to serve and of no use: a lower rung that serves says nothing of it. */
static void log_bad_file(const struct slo_session *s)
{
	unsigned int count;
	const struct slo_backend_report *reports = slo_session_reports(s, &count);

	for (unsigned int i = 0; i < count; i++) {
		if (*reports[i].bad_file)
			slo_log_warn("not used mechanism=\"%s\" reason=\"%s\"", reports[i].rung,
			             reports[i].bad_file);
	}
}

void slo_agent_log_choice(const struct slo_agent *a)
{
	char text[512] = "";
	size_t used = 0;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_choice *c = slo_session_choice(a->session, (enum slo_signal)i);
		const char *name = slo_signal_desc((enum slo_signal)i)->name;

		if (!(a->be_cfg.signals & SLO_SIG_BIT(i)))
			continue;
		if (!c->backend) {
			log_refused((enum slo_signal)i, c);
			continue;
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s=%s/%s", name,
		                         c->backend, slo_source_name(c->verdict.source));
		if (used >= sizeof(text))
			used = sizeof(text) - 1;
		if (*c->verdict.note)
			slo_log_warn("limited signal=%s note=\"%s\"", name, c->verdict.note);
	}
	log_better(a);
	log_bad_file(a->session);
	slo_log_info("agent ready mode=%s%s", slo_session_mode(a->session), text);
}

void slo_agent_tell_traces(struct slo_agent *a, const struct slo_trace_source *now)
{
	const struct slo_trace_source before = a->traces;
	const char *path = a->cfg->agent.trace_map;

	a->traces = *now;
	if (!now->publishers != !before.publishers)
		slo_log_info("trace ids of threads that say them themselves %s processes=%u",
		             now->publishers ? "begin" : "end", now->publishers);
	if (now->state == before.state && now->map_id == before.map_id)
		return;
	if (now->state == SLO_TRACES_USED)
		slo_log_info("trace ids begin map=%s id=%u", path, now->map_id);
	else if (now->state == SLO_TRACES_REFUSED)
		slo_log_warn("no trace ids map=%s id=%u reason=\"%s\"; spans are matched by "
		             "process, connection and time",
		             path, now->map_id, now->why);
	else if (before.state == SLO_TRACES_USED)
		slo_log_info("trace ids end map=%s reason=\"it is gone\"", path);
}

void slo_agent_log_stats(const struct slo_agent *a)
{
	struct slo_backend_stats st;

	slo_session_stats(a->session, &st);
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_stats *s = &st.signal[i];

		if (!slo_session_choice(a->session, (enum slo_signal)i)->backend)
			continue;
		slo_log_write(NULL, SLO_LOG_INFO,
		              "stats signal=%s made=%" PRIu64 " sent=%" PRIu64 " delivered=%" PRIu64
		              " aggregated=%" PRIu64 " lost_ring=%" PRIu64 " lost_map=%" PRIu64
		              " shed=%" PRIu64 " agg_lost=%" PRIu64 " inflight_full=%" PRIu64
		              " unmatched=%" PRIu64 " filtered=%" PRIu64 " missed=%" PRIu64
		              " run_count=%" PRIu64 " run_ns=%" PRIu64,
		              slo_signal_desc((enum slo_signal)i)->name, s->made, s->sent,
		              s->delivered, s->aggregated, s->lost_ring, s->lost_map, s->shed,
		              s->agg_lost, s->inflight_full, s->unmatched, s->filtered, s->missed,
		              s->run_count, s->run_ns);
	}
	if (st.rejected || a->unencodable)
		slo_log_write(NULL, SLO_LOG_WARN,
		              "records lost undecodable=%" PRIu64 " unencodable=%" PRIu64,
		              st.rejected, a->unencodable);
}
