/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for /metrics and the collector, the listener that gives them, and the answers to health checks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/export/otlp_target.h"
#include "core/export/prometheus.h"
#include "core/programs/agent/live.h"
#include "core/programs/secret.h"

/* An agent whose loop has not turned for so long is not well. */
#define HEARTBEAT_NS (15 * SLO_NS_PER_SEC)

static void set(struct slo_live *l, enum slo_metric id, const char *a, const char *b, double value)
{
	(void)slo_metrics_set(l->metrics, id, SLO_LABELS(a, b), value);
}

static const char *window_name(uint64_t ms, char buf[24])
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(units); i++) {
		if (ms % units[i].ms == 0) {
			(void)snprintf(buf, 24, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
			return buf;
		}
	}
	(void)snprintf(buf, 24, "%" PRIu64 "ms", ms);
	return buf;
}

static void fill_objectives(struct slo_live *l)
{
	slo_metrics_clear(l->metrics, SLO_MET_BURN_RATE);
	slo_metrics_clear(l->metrics, SLO_MET_BUDGET);
	slo_metrics_clear(l->metrics, SLO_MET_SLO_REQUESTS);
	slo_metrics_clear(l->metrics, SLO_MET_SLO_BAD);
	slo_metrics_clear(l->metrics, SLO_MET_SLO_STATE);
	for (size_t i = 0; i < l->objective_count; i++) {
		const struct slo_live_objective *o = &l->objective[i];
		char name[24];

		for (size_t k = 0; k < o->burn.window_count; k++) {
			(void)slo_metrics_set(l->metrics, SLO_MET_BURN_RATE,
			                      SLO_LABELS(o->name, o->service->name,
			                                 window_name(o->burn.window_ms[k], name),
			                                 o->service->namespace_),
			                      o->result.window[k].burn);
		}
		(void)slo_metrics_set(l->metrics, SLO_MET_BUDGET,
		                      SLO_LABELS(o->name, o->service->name, o->service->namespace_),
		                      o->result.budget_remaining);
		(void)slo_metrics_set(l->metrics, SLO_MET_SLO_REQUESTS,
		                      SLO_LABELS(o->name, o->service->name, o->service->namespace_),
		                      (double)o->valid);
		(void)slo_metrics_set(l->metrics, SLO_MET_SLO_BAD,
		                      SLO_LABELS(o->name, o->service->name, o->service->namespace_),
		                      (double)o->bad);
		(void)slo_metrics_set(l->metrics, SLO_MET_SLO_STATE,
		                      SLO_LABELS(o->name, o->service->name,
		                                 slo_burn_state_name(o->result.state),
		                                 o->service->namespace_),
		                      1);
	}
}

static void fill_incidents(struct slo_live *l)
{
	slo_metrics_clear(l->metrics, SLO_MET_INCIDENTS_OPEN);
	for (size_t i = 0; i < l->history_count; i++) {
		const struct slo_live_incident *in = &l->history[i];

		if (!in->open)
			continue;
		(void)slo_metrics_add(l->metrics, SLO_MET_INCIDENTS_OPEN,
		                      SLO_LABELS(in->objective, in->service,
		                                 slo_domain_name(in->verdict.top), in->namespace_),
		                      1);
	}
}

static void fill_correlation(struct slo_live *l)
{
	struct slo_correlator_stats st;

	slo_correlator_stats_get(l->correlator, &st);
	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		const char *tier = slo_corr_tier_desc((enum slo_corr_tier)t)->name;

		set(l, SLO_MET_CORRELATION, tier, "true", (double)st.enriched[t]);
		set(l, SLO_MET_CORRELATION, tier, "false",
		    (double)(st.matched[t] - st.enriched[t]));
	}
	set(l, SLO_MET_DROPPED_EVENTS, "signals_evicted", NULL, (double)st.signals_evicted);
	set(l, SLO_MET_DROPPED_EVENTS, "spans_evicted", NULL, (double)st.spans_evicted);
	set(l, SLO_MET_RETAINED, "signal", NULL,
	    (double)(st.signals - st.signals_evicted - st.signals_expired));
	set(l, SLO_MET_RETAINED, "span", NULL,
	    (double)(st.spans - st.spans_evicted - st.spans_expired));
}

static void fill_receiver(struct slo_live *l)
{
	struct slo_otlp_receiver_stats st = { 0 };

	if (!l->receiver)
		return;
	slo_otlp_receiver_stats(l->receiver, &st);
	set(l, SLO_MET_RECEIVED, "span", "accepted", (double)st.spans);
	set(l, SLO_MET_RECEIVED, "span", "rejected", (double)st.rejected_spans);
	set(l, SLO_MET_RECEIVED, "span", "lost", (double)l->count.splice_failed);
	set(l, SLO_MET_HTTP_REQUESTS, "otlp", "accepted", (double)st.requests);
	set(l, SLO_MET_HTTP_REQUESTS, "otlp", "bad", (double)st.bad_requests);
	set(l, SLO_MET_HTTP_REQUESTS, "otlp", "throttled", (double)st.throttled);
	set(l, SLO_MET_HTTP_REQUESTS, "otlp", "refused", (double)st.refused);
	set(l, SLO_MET_HTTP_REQUESTS, "otlp", "aborted", (double)st.aborted);
	set(l, SLO_MET_HTTP_CONNECTIONS, "otlp", NULL, (double)st.connections);
}

static void fill_input(struct slo_live *l)
{
	struct slo_live_input_stats st;

	if (l->receiver || l->input) {
		set(l, SLO_MET_RECEIVED, "request", "unowned", (double)l->count.unowned_requests);
		set(l, SLO_MET_RECEIVED, "request", "late", (double)l->count.late_requests);
	}
	if (!l->input)
		return;
	slo_live_input_stats(l, &st);
	set(l, SLO_MET_RECEIVED, "slo_event", "accepted", (double)st.events);
	set(l, SLO_MET_RECEIVED, "slo_event", "rejected", (double)st.rejected);
	set(l, SLO_MET_RECEIVED, "slo_event_byte", "truncated", (double)st.cut_bytes);
	set(l, SLO_MET_RECEIVED, "slo_event_byte", "skipped", (double)st.skipped_bytes);
	set(l, SLO_MET_RECEIVED, "slo_event_file", "lost", (double)st.lost_files);
}

static void fill_exporter(struct slo_live *l)
{
	static const char *const kinds[] = { "span", "log", "metric_point" };
	struct slo_otlp_exporter_stats st;

	SLO_TABLE_COMPLETE(kinds, SLO_OTLP_KIND_MAX_);
	if (!l->exporter)
		return;
	slo_otlp_exporter_stats(l->exporter, &st);
	for (int k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		set(l, SLO_MET_EXPORTED, kinds[k], "exported", (double)st.exported[k]);
		set(l, SLO_MET_EXPORTED, kinds[k], "rejected", (double)st.rejected[k]);
		set(l, SLO_MET_EXPORTED, kinds[k], "dropped", (double)st.dropped[k]);
	}
	set(l, SLO_MET_EXPORTED, "request", "retried", (double)st.retried);
	set(l, SLO_MET_EXPORTED, "request", "damaged", (double)st.spool_damaged);
	set(l, SLO_MET_EXPORTED, "spool_byte", "cut", (double)st.spool_cut_bytes);
	set(l, SLO_MET_EXPORT_QUEUE, "memory", NULL, (double)st.queue_bytes);
	set(l, SLO_MET_EXPORT_QUEUE, "disk", NULL, (double)st.spool_bytes);
}

static void fill_webhook(struct slo_live *l)
{
	struct slo_webhook_stats st;

	if (!l->webhook)
		return;
	slo_webhook_stats(l->webhook, &st);
	set(l, SLO_MET_WEBHOOK_MESSAGES, "delivered", NULL, (double)st.delivered);
	set(l, SLO_MET_WEBHOOK_MESSAGES, "retried", NULL, (double)st.retried);
	set(l, SLO_MET_WEBHOOK_MESSAGES, "dead", NULL, (double)st.dead);
	set(l, SLO_MET_WEBHOOK_MESSAGES, "dropped", NULL, (double)st.dropped);
	(void)slo_metrics_set(l->metrics, SLO_MET_WEBHOOK_WAITING, SLO_LABELS(NULL),
	                      (double)st.waiting);
	set(l, SLO_MET_WEBHOOK_DISABLED, "gone", NULL, st.disabled);
	set(l, SLO_MET_WEBHOOK_DISABLED, "open_circuit", NULL, st.open_circuit);
}

static void fill_agent(struct slo_live *l)
{
	struct slo_live_health h = { 0 };
	uint64_t measured = l->c.measured(l->c.user);

	l->c.health(l->c.user, &h);
	set(l, SLO_MET_UP, NULL, NULL, 1);
	set(l, SLO_MET_HEARTBEAT, NULL, NULL, (double)slo_clock_realtime_ns() / 1e9);
	set(l, SLO_MET_BUILD_INFO, SLO_VERSION, NULL, 1);
	if (h.overhead_pct >= 0)
		set(l, SLO_MET_CPU_OVERHEAD, NULL, NULL, h.overhead_pct);
	slo_metrics_clear(l->metrics, SLO_MET_CAPABILITY_MODE);
	set(l, SLO_MET_CAPABILITY_MODE, l->c.mode, NULL, 1);
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		set(l, SLO_MET_SIGNAL_ENABLED, slo_signal_desc((enum slo_signal)i)->name, NULL,
		    (double)(measured >> i & 1));
	set(l, SLO_MET_DROPPED_EVENTS, "ring_full", NULL, (double)h.lost_ring);
	set(l, SLO_MET_DROPPED_EVENTS, "map_full", NULL, (double)h.lost_map);
	set(l, SLO_MET_DROPPED_EVENTS, "rate_limit", NULL, (double)h.shed);
	set(l, SLO_MET_DROPPED_EVENTS, "undecodable", NULL, (double)h.rejected);
	set(l, SLO_MET_NO_ROOM, NULL, NULL, (double)slo_metrics_dropped(l->metrics));
}

static void fill_pods(struct slo_live *l)
{
	struct slo_kubernetes_stats st;

	if (!l->pods)
		return;
	slo_kubernetes_stats(l->pods, &st);
	set(l, SLO_MET_KUBERNETES_PODS, NULL, NULL, (double)slo_kubernetes_pods(l->pods));
	set(l, SLO_MET_KUBERNETES_EVENTS, "list", NULL, (double)st.lists);
	set(l, SLO_MET_KUBERNETES_EVENTS, "event", NULL, (double)st.events);
	set(l, SLO_MET_KUBERNETES_EVENTS, "relist", NULL, (double)st.relists);
	set(l, SLO_MET_KUBERNETES_EVENTS, "failure", NULL, (double)st.failures);
}

static void fill(struct slo_live *l)
{
	fill_agent(l);
	fill_objectives(l);
	fill_incidents(l);
	fill_correlation(l);
	fill_receiver(l);
	fill_input(l);
	fill_exporter(l);
	fill_webhook(l);
	fill_pods(l);
}

/* --- answers ---------------------------------------------------------------------------------------------------- */

static void say(struct slo_http_out *out, unsigned int status, const char *text)
{
	out->status = status;
	out->body = strdup(text);
	out->body_len = out->body ? strlen(text) : 0;
}

static void on_metrics(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	enum slo_prometheus_format format = slo_prometheus_negotiate(in->accept);
	struct slo_live *l = user;
	struct slo_prometheus p;

	fill(l);
	slo_prometheus_init(&p, format);
	slo_metrics_visit(l->metrics, (int64_t)slo_clock_realtime_ns(), slo_prometheus_series, &p);
	out->content_type = slo_prometheus_content_type(format);
	if (slo_prometheus_finish(&p, &out->body, &out->body_len) < 0)
		say(out, 500, "out of memory\n");
}

static void on_health(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	(void)user;
	(void)in;
	say(out, 200, "ok\n");
}

static void on_ready(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	struct slo_live *l = user;
	struct slo_live_health h = { 0 };

	(void)in;
	l->c.health(l->c.user, &h);
	if (!l->c.measured(l->c.user))
		say(out, 503, "not ready: no signal is measured\n");
	else if (slo_clock_monotonic_ns() - h.heard_ns > HEARTBEAT_NS)
		say(out, 503, "not ready: the backends have been silent for 15 s\n");
	else
		say(out, 200, "ready\n");
}

static const struct slo_http_route routes[] = {
	{ "GET", "/metrics", 0, false, on_metrics },
	{ "GET", "/healthz", 0, true, on_health },
	{ "GET", "/readyz", 0, true, on_ready },
	{ NULL, NULL, 0, false, NULL },
};

int slo_live_metrics_init(struct slo_live *l, struct slo_err *err)
{
	const struct slo_metrics_config m = { .aggregates = l->cfg->agent.backend !=
		                                            SLO_CONFIG_BACKEND_REPLAY,
		                              .start_unix_ns = (int64_t)slo_clock_realtime_ns() };
	const struct slo_http_server_config http = { .listen = l->cfg->metrics.listen,
		                                     .token = l->metrics_token,
		                                     .routes = routes,
		                                     .user = l };
	struct slo_err why = { 0 };
	int r = slo_metrics_new(&l->metrics, &m, err);

	if (r < 0 || !*l->cfg->metrics.listen)
		return r;
	r = slo_secret_read(l->cfg->metrics.token_file, l->metrics_token, sizeof(l->metrics_token),
	                    err);
	if (r < 0)
		return slo_err_wrap(err, r, "[metrics] token_file");
	r = slo_http_server_open(&l->http, &http, &why);
	if (r == -EADDRINUSE && slo_config_is_default(l->cfg, "metrics", "listen")) {
		slo_log_warn("no metrics are served: %s", why.msg);
		return 0;
	}
	return r < 0 ? slo_err_set(err, r, "[metrics] listen: %s", why.msg) : 0;
}

/* One kind of @st, by its last verdict. */
static void say_export(const struct slo_otlp_exporter_stats *st, enum slo_otlp_kind kind)
{
	const char *name = slo_otlp_kind_name(kind), *why = st->last[kind].why;

	switch (st->last[kind].verdict) {
	case SLO_OTLP_AGAIN:
		slo_log_warn(
			"export fails, and is tried again: %s: %s (is a collector there? [otlp] endpoint "
			"is its port for OTLP over HTTP, mostly 4318) waiting_bytes=%" PRIu64,
			name, why, st->queue_bytes + st->spool_bytes);
		break;
	case SLO_OTLP_REFUSED:
		slo_log_warn(
			"export is refused, %" PRIu64
			" items are lost: %s: %s (they are not sent again: does the collector take "
			"%s there, and are [otlp] endpoint and headers right?)",
			st->rejected[kind], name, why, name);
		break;
	case SLO_OTLP_ACCEPTED:
		slo_log_info("export works again: %s", name);
		break;
	}
}

/* Each kind where it begins to fail, to be refused, or to work again, at most every minute: nobody else says so. */
static void tell_export(struct slo_live *l)
{
	struct slo_otlp_exporter_stats st;

	slo_otlp_exporter_stats(l->exporter, &st);
	for (enum slo_otlp_kind k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		uint64_t *at_ns = &l->export_told[k].at_ns;

		if (st.last[k].verdict == l->export_told[k].verdict ||
		    (*at_ns && l->now_ns - *at_ns < 60 * SLO_NS_PER_SEC))
			continue;
		l->export_told[k].verdict = st.last[k].verdict;
		*at_ns = l->now_ns;
		say_export(&st, k);
	}
}

void slo_live_metrics_stop(struct slo_live *l, uint64_t timeout_ms)
{
	struct slo_otlp_exporter_stats before, after;

	if (!l->exporter)
		return;
	slo_otlp_exporter_stats(l->exporter, &before);
	slo_otlp_exporter_drain(l->exporter, timeout_ms);
	slo_otlp_exporter_stats(l->exporter, &after);
	for (enum slo_otlp_kind k = 0; k < SLO_OTLP_KIND_MAX_; k++) {
		if (after.dropped[k] > before.dropped[k]) {
			slo_log_warn(
				"%" PRIu64
				" items were not sent before the end, and are lost: %s (does [agent] "
				"state_dir name a folder with room?)",
				after.dropped[k] - before.dropped[k], slo_otlp_kind_name(k));
		}
	}
}

void slo_live_metrics_tick(struct slo_live *l)
{
	int64_t now;

	if (!l->exporter)
		return;
	tell_export(l);
	if (l->now_ns < l->next_metrics_ns)
		return;
	/* The first at once: a collector that is not there is told before there are spans to lose. */
	now = (int64_t)slo_clock_realtime_ns();
	fill(l);
	slo_otlp_exporter_metrics_begin(l->exporter, now);
	slo_metrics_visit(l->metrics, now, slo_otlp_exporter_metric, l->exporter);
	slo_otlp_exporter_metrics_end(l->exporter);
	l->next_metrics_ns = l->now_ns + l->cfg->otlp.metrics_interval_ms * SLO_NS_PER_MS;
}
