/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_logs.h"

#include <errno.h>
#include <logs.pb-c.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/codec/event_json.h"
#include "core/export/otlp_attrs.h"

#define TRACE_DIGITS ((size_t)2 * SLO_TRACE_ID_LEN)

/* SeverityNumber of the log data model. */
enum severity {
	INFO = 9,
	WARN = 13,
	ERROR = 17,
	CRITICAL = 18, /* as its mapping of syslog has it */
};

static const char *severity_text(enum severity s)
{
	return s == INFO ? "INFO" : s == WARN ? "WARN" : s == ERROR ? "ERROR" : "CRITICAL";
}

struct record {
	SloProto__LogRecord log;
	SloProto__AnyValue body;
	struct slo_otlp_attr_list attrs;
	char name[64];
	char text[160];
};

static void begin(struct record *r, int64_t unix_ns, enum severity severity)
{
	slo_proto__log_record__init(&r->log);
	slo_proto__any_value__init(&r->body);
	slo_otlp_attr_list_init(&r->attrs);
	r->log.time_unix_nano = (uint64_t)unix_ns;
	r->log.observed_time_unix_nano = slo_clock_realtime_ns();
	r->log.severity_number = (int32_t)severity;
	r->log.severity_text = (char *)(uintptr_t)severity_text(severity);
	r->log.event_name = r->name;
}

static int end(struct slo_otlp_group *g, struct record *r, const char *body)
{
	r->body.value_case = SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE;
	r->body.string_value = (char *)(uintptr_t)slo_otlp_attr_text(&r->attrs, body, strlen(body));
	r->log.body = &r->body;
	r->log.attributes = r->attrs.row;
	r->log.n_attributes = r->attrs.count;
	r->log.dropped_attributes_count = r->attrs.dropped;
	slo_pb_put_message(&g->records, SLO_OTLP_RECORD_FIELD, &r->log.base);
	return g->records.failed ? -ENOMEM : 0;
}

static bool is_zero(const uint8_t *id, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (id[i])
			return false;
	}
	return true;
}

static void put_link(struct record *r, const struct slo_otlp_link *link)
{
	if (is_zero(link->trace_id, sizeof(link->trace_id)))
		return;
	r->log.trace_id.data = (uint8_t *)(uintptr_t)link->trace_id;
	r->log.trace_id.len = sizeof(link->trace_id);
	if (!is_zero(link->span_id, sizeof(link->span_id))) {
		r->log.span_id.data = (uint8_t *)(uintptr_t)link->span_id;
		r->log.span_id.len = sizeof(link->span_id);
	}
	if (link->confidence > 0)
		slo_otlp_attr_double(&r->attrs, "llm.ebpf.correlation_confidence",
		                     link->confidence);
}

int slo_otlp_log_event(struct slo_otlp_group *g, const struct slo_probe_event *ev,
                       enum slo_status status, const struct slo_otlp_link *link, bool names)
{
	/* What the record's own fields and the resource say. */
	static const char *const elsewhere[] = {
		"ts_unix_nano", "node",         "namespace", "pod",
		"container",    "container_id", "pod_uid",   NULL
	};
	static const struct slo_event_names nobody = { "", "", "", "", "", "" };
	const struct slo_event_json_options opt = { .names = names };
	char json[SLO_EVENT_JSON_MAX];
	ssize_t len = slo_event_json_write(json, sizeof(json), ev, status, &nobody, &opt);
	const struct slo_signal_desc *signal;
	struct record r;

	if (len < 0)
		return -EINVAL;
	signal = slo_signal_desc(ev->signal);
	begin(&r, (int64_t)slo_event_realtime_ns(ev),
	      status == SLO_STATUS_ERROR     ? ERROR
	      : status == SLO_STATUS_WARNING ? WARN
	                                     : INFO);
	(void)snprintf(r.name, sizeof(r.name), "llm.ebpf.%s", signal->name);
	(void)snprintf(r.text, sizeof(r.text), "%s %.6g %s (%s)", signal->name, slo_event_value(ev),
	               slo_unit_name(signal->unit), slo_status_name(status));
	if (slo_otlp_attr_json(&r.attrs, json, (size_t)len, elsewhere) < 0)
		return -EINVAL;
	if (link)
		put_link(&r, link);
	return end(g, &r, r.text);
}

/* 32 digits of a trace id; anything else is none. */
static void put_trace_id(struct record *r, const char *hex, uint8_t id[SLO_TRACE_ID_LEN])
{
	if (strlen(hex) != TRACE_DIGITS || strspn(hex, "0123456789abcdefABCDEF") != TRACE_DIGITS)
		return;
	for (size_t i = 0; i < SLO_TRACE_ID_LEN; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		id[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	r->log.trace_id.data = id;
	r->log.trace_id.len = SLO_TRACE_ID_LEN;
}

/* A text of a record, as an attribute where it is known. */
struct text_row {
	const char *key;
	size_t offset; /* of a const char * */
};

static void put_texts(struct record *r, const void *from, const struct text_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *text;

		memcpy(&text, (const char *)from + rows[i].offset, sizeof(text));
		slo_otlp_attr_known(&r->attrs, rows[i].key, text);
	}
}

#define EVENT(field) offsetof(struct slo_sli_event, field)

static const struct text_row event_texts[] = {
	{ "event_id", EVENT(event_id) },
	{ "workload", EVENT(workload) },
	{ "request_id", EVENT(request_id) },
};

int slo_otlp_log_sli(struct slo_otlp_group *g, const struct slo_sli_event *ev)
{
	const struct slo_sli_desc *sli = slo_sli_desc(ev->sli);
	uint8_t id[SLO_TRACE_ID_LEN];
	struct record r;

	begin(&r, ev->unix_ns,
	      ev->status == SLO_SLI_BREACH    ? ERROR
	      : ev->status == SLO_SLI_WARNING ? WARN
	                                      : INFO);
	(void)snprintf(r.name, sizeof(r.name), "llm.slo.%s", sli->name);
	(void)snprintf(r.text, sizeof(r.text), "%s %.6g %s (%s)", sli->name, ev->value, sli->unit,
	               slo_sli_status_name(ev->status));
	put_trace_id(&r, ev->trace_id, id);
	put_texts(&r, ev, event_texts, SLO_ARRAY_SIZE(event_texts));
	slo_otlp_attr_str(&r.attrs, "sli_name", sli->name);
	slo_otlp_attr_double(&r.attrs, "sli_value", ev->value);
	slo_otlp_attr_str(&r.attrs, "unit", sli->unit);
	slo_otlp_attr_str(&r.attrs, "status", slo_sli_status_name(ev->status));
	return end(g, &r, r.text);
}

static enum severity severity_of(const struct slo_notice *n)
{
	static const enum severity rows[] = {
		[SLO_SEVERITY_CRITICAL] = CRITICAL,
		[SLO_SEVERITY_ERROR] = ERROR,
		[SLO_SEVERITY_WARNING] = WARN,
		[SLO_SEVERITY_INFO] = INFO,
	};
	SLO_TABLE_COMPLETE(rows, SLO_SEVERITY_MAX_);

	return n->kind == SLO_NOTICE_RESOLVE || n->kind == SLO_NOTICE_TEST ? INFO
	                                                                   : rows[n->severity];
}

#define NOTICE(field) offsetof(struct slo_notice, field)

static const struct text_row notice_texts[] = {
	{ "notice_id", NOTICE(id) },
	{ "incident_id", NOTICE(incident_id) },
	{ "dedup_key", NOTICE(dedup_key) },
	{ "cluster", NOTICE(cluster) },
	{ "namespace", NOTICE(namespace_) },
	{ "service", NOTICE(service) },
	{ "slo", NOTICE(slo) },
	{ "sli", NOTICE(sli) },
	{ "predicted_fault_domain", NOTICE(domain) },
	{ "next_step", NOTICE(next_step) },
};

int slo_otlp_log_notice(struct slo_otlp_group *g, const struct slo_notice *n)
{
	struct record r;

	begin(&r, n->unix_ns, severity_of(n));
	(void)snprintf(r.name, sizeof(r.name), "llm.slo.incident.%s",
	               slo_notice_kind_name(n->kind));
	put_texts(&r, n, notice_texts, SLO_ARRAY_SIZE(notice_texts));
	slo_otlp_attr_str(&r.attrs, "severity", slo_notice_severity_name(n->severity));
	slo_otlp_attr_double(&r.attrs, "confidence", n->confidence);
	slo_otlp_attr_double(&r.attrs, "burn_rate", n->burn_rate);
	slo_otlp_attr_i64(&r.attrs, "started_unix_nano", n->started_unix_ns);
	if (n->ended_unix_ns)
		slo_otlp_attr_i64(&r.attrs, "ended_unix_nano", n->ended_unix_ns);
	if (n->synthetic || n->kind == SLO_NOTICE_TEST)
		slo_otlp_attr_str(&r.attrs, "source", "synthetic");
	return end(g, &r, n->summary);
}
