/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents, to everybody who is to know: the log, the collector, the webhook. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/codec/incident_json.h"
#include "core/net/webhook_format.h"
#include "core/programs/agent/live.h"
#include "core/programs/secret.h"
#include "core/programs/webhook_config.h"

#define TOLD_EVERY_NS (60 * SLO_NS_PER_SEC)

static const struct {
	const char *status; /* on the wire */
	enum slo_notice_kind kind;
} steps[] = {
	[SLO_INCIDENT_NOTHING] = { "", SLO_NOTICE_UPDATE },
	[SLO_INCIDENT_OPEN] = { "open", SLO_NOTICE_OPEN },
	[SLO_INCIDENT_UPDATE] = { "update", SLO_NOTICE_UPDATE },
	[SLO_INCIDENT_RESOLVE] = { "resolved", SLO_NOTICE_RESOLVE },
	[SLO_INCIDENT_REMIND] = { "update", SLO_NOTICE_UPDATE },
};
SLO_TABLE_COMPLETE(steps, SLO_INCIDENT_STEP_MAX_);

struct slo_live_incident *slo_live_incident_find(struct slo_live *l, const char *id)
{
	for (size_t i = 0; i < l->history_count; i++) {
		if (*id && strcmp(l->history[i].id, id) == 0)
			return &l->history[i];
	}
	return NULL;
}

struct slo_live_incident *slo_live_incident_add(struct slo_live *l)
{
	static_assert(SLO_LIVE_HISTORY > SLO_LIVE_OBJECTIVES, "one of them has always ended");
	struct slo_live_incident *h = l->history;
	size_t oldest = 0;

	if (l->history_count == SLO_LIVE_HISTORY) {
		while (oldest < SLO_LIVE_HISTORY - 1 && h[oldest].open)
			oldest++;
		l->history_count--;
		memmove(h + oldest, h + oldest + 1, (l->history_count - oldest) * sizeof(*h));
	}
	return &h[l->history_count++];
}

void slo_live_incident_record(const struct slo_live *l, const struct slo_live_incident *in,
                              struct slo_incident *ret)
{
	*ret = (struct slo_incident){
		.incident_id = in->id,
		.cluster = l->cfg->agent.cluster,
		.namespace_ = in->namespace_,
		.service = in->service,
		.sli = in->sli,
		.request_id = "",
		.trace_id = in->trace_id,
		.source = strcmp(l->c.mode, "minimal") == 0 ? "procfs" : "ebpf",
		.model = l->model->name,
		.capability_mode = l->c.mode,
		.status = in->open ? "open" : "resolved",
		.slo = in->objective,
		.dedup_key = in->dedup_key,
		.started_ns = in->opened_ns,
		.ended_ns = in->ended_ns,
		.timestamp_ns = in->updated_ns,
		.burn_rate = in->burn,
		.window_minutes = in->window_minutes,
		.observation = &in->observation,
		.verdict = &in->verdict,
	};
}

static void summarise(const struct slo_live_incident *in, enum slo_incident_step step, char *buf,
                      size_t size)
{
	const struct slo_attribution *v = &in->verdict;
	const char *top = slo_domain_name(v->top);
	char why[96];

	if (step == SLO_INCIDENT_RESOLVE && in->withdrawn) {
		(void)snprintf(buf, size, "%s: %s is no objective any more (was %s)", in->service,
		               in->objective, top);
		return;
	}
	if (in->silent) {
		(void)snprintf(
			buf, size, "%s: %s cannot be judged any more, %s (was %s)", in->service,
			in->objective,
			step == SLO_INCIDENT_RESOLVE
				? "for an hour there were too few requests: closed, not recovered"
				: "there are too few requests: it may be down, or nobody asks",
			top);
		return;
	}
	if (step == SLO_INCIDENT_RESOLVE) {
		(void)snprintf(buf, size, "%s: %s is within its objective again (was %s)",
		               in->service, in->objective, top);
		return;
	}
	if (v->asserted)
		(void)snprintf(why, sizeof(why), "%s, probability %.2f", top, v->confidence);
	else
		(void)snprintf(why, sizeof(why), "cause not known yet (%s)",
		               slo_abstain_name(v->abstain));
	(void)snprintf(buf, size, "%s: %s burns its error budget %.3g times too fast: %s",
	               in->service, in->objective, in->burn, why);
}

static void log_step(const struct slo_live_incident *in, enum slo_incident_step step,
                     const char *summary)
{
	slo_log_write(NULL, step == SLO_INCIDENT_RESOLVE ? SLO_LOG_INFO : SLO_LOG_WARN,
	              "incident %s id=%s service=\"%s\" slo=\"%s\" burn=%.3g domain=%s "
	              "probability=%.3f abstained=%s summary=\"%s\"",
	              steps[step].status, in->id, in->service, in->objective, in->burn,
	              slo_domain_name(in->verdict.top), in->verdict.confidence,
	              slo_abstain_name(in->verdict.abstain), summary);
}

static const char *first_step(const struct slo_attribution *v)
{
	uint32_t suspects = slo_incident_suspects(v);

	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		if ((suspects & SLO_DOMAIN_BIT(d)) && slo_domain_desc((enum slo_domain)d)->steps[0])
			return slo_domain_desc((enum slo_domain)d)->steps[0];
	}
	return "";
}

/* The record as one object, and to whom it goes in that form; @n is whole during the call alone. */
static int write_record(char json[SLO_INCIDENT_JSON_MAX], const struct slo_incident *record,
                        bool v1, struct slo_notice *n)
{
	ssize_t len = slo_incident_json_write(json, SLO_INCIDENT_JSON_MAX, record, v1);

	if (len < 0) {
		slo_log_err("incident %s could not be written: %s", record->incident_id,
		            strerror((int)-len));
		return (int)len;
	}
	n->json = json;
	n->json_len = (size_t)len - 1;
	json[n->json_len] = '\0';
	return 0;
}

static void send(struct slo_live *l, const struct slo_notice *notice,
                 const struct slo_incident *record)
{
	bool v1 = l->cfg->webhook.schema == SLO_CONFIG_INCIDENT_V1;
	struct slo_workload who = l->self;
	struct slo_notice n = *notice;
	char json[SLO_INCIDENT_JSON_MAX];
	struct slo_err err = { 0 };

	who.service = record->service;
	who.namespace_ = record->namespace_;
	if (write_record(json, record, false, &n) < 0)
		return;
	if (l->exporter)
		slo_otlp_exporter_notice(l->exporter, &n, &who);
	if (!l->webhook || (v1 && write_record(json, record, true, &n) < 0))
		return;
	if (slo_webhook_send(l->webhook, &n, &err) < 0)
		slo_log_err("webhook: incident %s is not queued: %s", n.incident_id, err.msg);
}

static bool is_forgetful(const struct slo_live *l)
{
	return l->webhook &&
	       slo_webhook_format_desc((enum slo_webhook_format)l->cfg->webhook.format)->expires;
}

void slo_live_tell(struct slo_live *l, const struct slo_incident_track *track,
                   enum slo_incident_step step, const struct slo_live_incident *in)
{
	char id[48], summary[400];
	struct slo_incident record;
	struct slo_notice n = {
		.kind = steps[step].kind,
		.severity = slo_incident_severity(in->ticket ? SLO_BURN_TICKET : SLO_BURN_PAGE,
		                                  in->burn),
		.id = id,
		.dedup_key = in->dedup_key,
		.incident_id = in->id,
		.summary = summary,
		.cluster = l->cfg->agent.cluster,
		.namespace_ = in->namespace_,
		.service = in->service,
		.slo = in->objective,
		.sli = in->sli,
		.domain = slo_domain_name(in->verdict.top),
		.next_step = first_step(&in->verdict),
		.confidence = in->verdict.confidence,
		.burn_rate = in->burn,
		.started_unix_ns = in->opened_ns,
		.unix_ns = in->updated_ns,
		.ended_unix_ns = in->ended_ns,
	};

	l->count.opened += step == SLO_INCIDENT_OPEN;
	l->count.updated += step == SLO_INCIDENT_UPDATE;
	l->count.resolved += step == SLO_INCIDENT_RESOLVE;
	if (step == SLO_INCIDENT_OPEN)
		(void)slo_metrics_add(l->metrics, SLO_MET_INCIDENTS,
		                      SLO_LABELS(in->objective, in->service,
		                                 slo_domain_name(in->verdict.top), in->namespace_),
		                      1);
	if (step == SLO_INCIDENT_REMIND && !is_forgetful(l))
		return;
	slo_incident_notice_id(track, id, sizeof(id));
	summarise(in, step, summary, sizeof(summary));
	log_step(in, step, summary);
	slo_live_incident_record(l, in, &record);
	record.status = steps[step].status;
	send(l, &n, &record);
}

/* --- what does not arrive ---------------------------------------------------------------------------------------- */

static void warn_refused(const struct slo_live *l, const struct slo_webhook_stats *st)
{
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	bool kept = slo_live_path(l, "webhook", dir, sizeof(dir));

	slo_log_warn("webhook: refused for good, %s%s%s: %s (are [webhook] url, format and secret "
	             "those of the receiver? sloctl webhook test tries them) messages=%" PRIu64,
	             kept ? "kept in " : "and lost, as there is no state_dir", kept ? dir : "",
	             kept ? "/dead-letter.jsonl" : "", st->why, st->dead - l->webhook_told.dead);
}

static void warn_webhook(const struct slo_live *l, const struct slo_webhook_stats *st)
{
	const struct slo_live_told *t = &l->webhook_told;

	if (st->disabled && !t->disabled) {
		slo_log_warn("webhook: the receiver is gone, nothing is sent to it until the next "
		             "start: %s (set [webhook] url to one that is there, and restart) "
		             "waiting=%" PRIu64,
		             st->why, st->waiting);
	} else if (st->dead > t->dead) {
		warn_refused(l, st);
	}
	if (st->open_circuit && !t->open_circuit) {
		slo_log_warn("webhook: fails, and is tried again once a minute: %s (can [webhook] "
		             "url be reached from here?) waiting=%" PRIu64,
		             st->why, st->waiting);
	}
	if (st->dropped > t->dropped)
		slo_log_warn(
			"webhook: messages are lost, unsent%s%s (more than may wait, older than "
			"[spool] max_age_ms, or damaged on disk) messages=%" PRIu64,
			*st->why ? ": " : "", st->why, st->dropped - t->dropped);
}

/* Who waits to be told of incidents hears nothing of this otherwise. At most every minute. */
static void tell_webhook(struct slo_live *l)
{
	struct slo_live_told *t = &l->webhook_told;
	struct slo_webhook_stats st;
	bool fails, works;

	slo_webhook_stats(l->webhook, &st);
	if (t->ns && l->now_ns - t->ns < TOLD_EVERY_NS)
		return;
	fails = (st.disabled && !t->disabled) || (st.open_circuit && !t->open_circuit) ||
	        st.dead > t->dead || st.dropped > t->dropped;
	works = t->fails && !fails && !st.disabled && !st.open_circuit &&
	        st.delivered > t->delivered;
	if (!fails && !works)
		return;
	if (fails)
		warn_webhook(l, &st);
	else
		slo_log_info("webhook works again");
	*t = (struct slo_live_told){ .ns = l->now_ns,
		                     .dead = st.dead,
		                     .dropped = st.dropped,
		                     .delivered = st.delivered,
		                     .disabled = st.disabled,
		                     .open_circuit = st.open_circuit,
		                     .fails = fails };
}

static void tell_spool(struct slo_live *l)
{
	struct slo_otlp_exporter_stats st;

	slo_otlp_exporter_stats(l->exporter, &st);
	if (!st.spool_unread || (l->spool_told_ns && l->now_ns - l->spool_told_ns < TOLD_EVERY_NS))
		return;
	l->spool_told_ns = l->now_ns;
	slo_log_warn("export: what waits on disk cannot be read now, and is tried again: %s "
	             "waiting_bytes=%" PRIu64,
	             strerror(st.spool_unread), st.spool_bytes);
}

void slo_live_tell_tick(struct slo_live *l)
{
	if (l->exporter)
		tell_spool(l);
	if (l->webhook)
		tell_webhook(l);
}

/* What a restart has found broken; nothing is said of what is whole. */
static void tell_cut(const char *whose, uint64_t bytes, uint64_t records)
{
	if (bytes || records)
		slo_log_warn(
			"%s: what waited on disk was broken in part, the rest is sent: a crash, "
			"or a disk that fails cut_bytes=%" PRIu64 " lost_records=%" PRIu64,
			whose, bytes, records);
}

static void tell_export_cut(const struct slo_live *l)
{
	struct slo_otlp_exporter_stats st;

	slo_otlp_exporter_stats(l->exporter, &st);
	tell_cut("export", st.spool_cut_bytes, st.spool_damaged);
}

/* --- setting up ------------------------------------------------------------------------------------------------- */

static int open_webhook(struct slo_live *l, struct slo_err *err)
{
	const struct slo_config *cfg = l->cfg;
	char secret[SLO_CONFIG_TEXT_LEN], dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_webhook_stats st;
	struct slo_webhook_config w;
	int r;

	if (!cfg->webhook.enabled)
		return 0;
	r = slo_live_client(l, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[webhook]");
	r = slo_webhook_config_of(cfg, secret, &w, err);
	if (r < 0)
		return r;
	w.client = l->client;
	w.spool_bytes = cfg->spool.max_bytes;
	w.spool_age_ms = cfg->spool.max_age_ms;
	if (slo_live_path(l, "webhook", dir, sizeof(dir)))
		w.dir = dir;
	r = slo_webhook_new(&l->webhook, &w, err);
	explicit_bzero(secret, sizeof(secret));
	if (r < 0)
		return slo_err_wrap(err, r, "[webhook]");
	slo_webhook_stats(l->webhook, &st);
	tell_cut("webhook", st.cut_bytes, st.damaged);
	l->webhook_told.dropped = st.damaged;
	return 0;
}

static bool wants_export(const struct slo_live *l)
{
	if (*l->cfg->otlp.endpoint)
		return true;
	for (char *const *e = l->c.environment; e && *e; e++) {
		if (strncmp(*e, "OTEL_EXPORTER_OTLP_", 19) == 0 && strstr(*e, "ENDPOINT="))
			return true;
	}
	return false;
}

static int open_exporter(struct slo_live *l, struct slo_err *err)
{
	const struct slo_config *cfg = l->cfg;
	char dir[2 * SLO_CONFIG_TEXT_LEN];
	struct slo_err ignored = { 0 };
	struct slo_otlp_exporter_config x = {
		.endpoint = cfg->otlp.endpoint,
		.headers = cfg->otlp.headers,
		.gzip = cfg->otlp.gzip,
		/* 0: the environment's, as in an SDK. */
		.timeout_ms =
			slo_config_is_default(cfg, "otlp", "timeout_ms") ? 0 : cfg->otlp.timeout_ms,
		.tls = { cfg->otlp.ca_file, cfg->otlp.cert_file, cfg->otlp.key_file },
		.environment = l->c.environment,
		.ignored = &ignored,
		.queue_bytes = cfg->otlp.queue_bytes,
		.spool_dir = dir,
		.spool_bytes = cfg->spool.max_bytes,
		.spool_age_ms = cfg->spool.max_age_ms,
		.self = &l->self,
		.version = SLO_VERSION,
	};
	int r;

	if (!wants_export(l))
		return 0;
	r = slo_live_client(l, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[otlp] endpoint");
	x.client = l->client;
	if (!slo_live_path(l, "otlp", dir, sizeof(dir)))
		dir[0] = '\0';
	r = slo_otlp_exporter_new(&l->exporter, &x, err);
	if (r == 0 && *ignored.msg)
		slo_log_warn("otlp: %s", ignored.msg);
	if (r == 0)
		tell_export_cut(l);
	return r;
}

/* The usual port may be a collector's: then the agent goes without, unless somebody asked for it. */
static int open_receiver(struct slo_live *l, struct slo_err *err)
{
	const struct slo_otlp_receiver_config r_cfg = {
		.listen = l->cfg->receiver.listen,
		.token = l->token,
		.max_body = (size_t)l->cfg->receiver.max_body_bytes,
		.on_batch = slo_live_take_batch,
		.user = l,
	};
	struct slo_err why = { 0 };
	int r;

	if (!*l->cfg->receiver.listen)
		return 0;
	r = slo_secret_read(l->cfg->receiver.token_file, l->token, sizeof(l->token), err);
	if (r < 0)
		return slo_err_wrap(err, r, "[receiver] token_file");
	r = slo_otlp_receiver_open(&l->receiver, &r_cfg, &why);
	if (r == -EADDRINUSE && slo_config_is_default(l->cfg, "receiver", "listen")) {
		slo_log_warn("no spans are received: %s", why.msg);
		return 0;
	}
	if (r < 0)
		return slo_err_set(err, r, "[receiver] listen: %s", why.msg);
	slo_log_info("receiving spans address=\"%s\" port=%u", l->cfg->receiver.listen,
	             slo_otlp_receiver_port(l->receiver));
	return 0;
}

int slo_live_client(struct slo_live *l, struct slo_err *err)
{
	const struct slo_http_client_config http = { .max_requests = 32,
		                                     .user_agent = SLO_OTLP_AGENT SLO_VERSION };

	return l->client ? 0 : slo_http_client_new(&l->client, &http, err);
}

int slo_live_tell_init(struct slo_live *l, struct slo_err *err)
{
	int r = open_exporter(l, err);

	if (!r)
		r = open_webhook(l, err);
	if (!r)
		r = open_receiver(l, err);
	return r;
}
