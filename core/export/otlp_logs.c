/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_logs.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/jsonw.h"
#include "core/codec/event_fields.h"
#include "core/export/otlp_fields.h"
#include "core/export/otlp_pairs.h"
#include "core/export/wire.h"

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

/* What becomes a LogRecord. Ids are borrowed; NULL: none. */
struct record {
	int64_t unix_ns;
	enum severity severity;
	const uint8_t *trace_id, *span_id;
	struct slo_otlp_pairs attrs;
	char name[64];
	char text[160];
};

static void begin(struct record *r, int64_t unix_ns, enum severity severity)
{
	slo_otlp_pairs_init(&r->attrs, SLO_OTLP_LOG_ATTRIBUTES);
	r->unix_ns = unix_ns;
	r->severity = severity;
	r->trace_id = r->span_id = NULL;
}

/* Of a field with a tag of one byte. */
static size_t bytes_size(size_t len)
{
	return 1 + slo_wire_varint_size(len) + len;
}

static uint8_t *put_time(uint8_t *p, uint32_t field, uint64_t ns)
{
	return ns ? slo_wire_put_fixed64(slo_wire_put_tag(p, field, SLO_WIRE_FIXED64), ns) : p;
}

/* A record is made for each event of the kernel's: by hand it takes a quarter of what protobuf-c does, for the same bytes. */
static int end(struct slo_otlp_group *g, const struct record *r, const char *body)
{
	const char *severity = severity_text(r->severity);
	size_t body_len = strlen(body), text_len = slo_otlp_utf8(NULL, body, body_len);
	size_t severity_len = strlen(severity), name_len = strlen(r->name);
	size_t dropped = r->attrs.dropped ? 1 + slo_wire_varint_size(r->attrs.dropped) : 0;
	uint64_t observed = slo_clock_realtime_ns();
	size_t len = (r->unix_ns ? 9 : 0) + (observed ? 9 : 0) + 2 + bytes_size(severity_len) +
	             bytes_size(bytes_size(text_len)) + r->attrs.len + dropped +
	             (r->trace_id ? bytes_size(SLO_TRACE_ID_LEN) : 0) +
	             (r->span_id ? bytes_size(SLO_SPAN_ID_LEN) : 0) + bytes_size(name_len);
	uint8_t *p;

	slo_pb_put_head(&g->records, SLO_OTLP_RECORD_FIELD, len);
	p = slo_pb_put_room(&g->records, len);
	if (!p)
		return -ENOMEM;
	p = put_time(p, SLO_OTLP_LOG_TIME, (uint64_t)r->unix_ns);
	p = slo_wire_put_tag(p, SLO_OTLP_LOG_SEVERITY_NUMBER, SLO_WIRE_VARINT);
	p = slo_wire_put_varint(p, (uint64_t)r->severity);
	p = slo_wire_put_bytes(p, SLO_OTLP_LOG_SEVERITY_TEXT, severity, severity_len);
	p = slo_wire_put_head(p, SLO_OTLP_LOG_BODY, bytes_size(text_len));
	p = slo_wire_put_head(p, SLO_OTLP_ANY_STRING, text_len);
	p += slo_otlp_utf8((char *)p, body, body_len);
	memcpy(p, r->attrs.bytes, r->attrs.len);
	p += r->attrs.len;
	if (dropped)
		p = slo_wire_put_varint(slo_wire_put_tag(p, SLO_OTLP_LOG_DROPPED, SLO_WIRE_VARINT),
		                        r->attrs.dropped);
	if (r->trace_id)
		p = slo_wire_put_bytes(p, SLO_OTLP_LOG_TRACE_ID, r->trace_id, SLO_TRACE_ID_LEN);
	if (r->span_id)
		p = slo_wire_put_bytes(p, SLO_OTLP_LOG_SPAN_ID, r->span_id, SLO_SPAN_ID_LEN);
	p = put_time(p, SLO_OTLP_LOG_OBSERVED, observed);
	p = slo_wire_put_bytes(p, SLO_OTLP_LOG_EVENT_NAME, r->name, name_len);
	assert(p == g->records.data + g->records.len);
	return 0;
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
	r->trace_id = link->trace_id;
	if (!is_zero(link->span_id, sizeof(link->span_id)))
		r->span_id = link->span_id;
	if (link->confidence > 0)
		slo_otlp_pairs_double(&r->attrs, "llm.ebpf.correlation_confidence",
		                      link->confidence);
}

/* Cut where there is no room. */
static char *append(char *to, const char *end, const char *s)
{
	size_t n = strlen(s), room = (size_t)(end - to) - 1;

	n = n < room ? n : room;
	memcpy(to, s, n);
	to[n] = '\0';
	return to + n;
}

static void put_name(struct record *r, const char *family, const char *name)
{
	const char *end = r->name + sizeof(r->name);

	(void)append(append(r->name, end, family), end, name);
}

#define NUMBER_LEN 32

/* %.6g, which by snprintf() takes as long as the rest of a record. */
static const char *six_digits(char buf[NUMBER_LEN], double v)
{
	static const uint32_t scale[] = { 1,      10,      100,      1000,      10000,
		                          100000, 1000000, 10000000, 100000000, 1000000000 };
	unsigned int decimals = 5;
	char *to = &buf[NUMBER_LEN - 1];
	double rest;
	uint64_t digits;

	while (decimals > 0 && v >= scale[6 - decimals])
		decimals--;
	while (decimals < 9 && v * scale[decimals] < 100000)
		decimals++;
	rest = v * scale[decimals] - floor(v * scale[decimals]);
	/* Where the product may have come to lie on the other side of a half, too. */
	if (!(v >= 1e-4 && v < 999999) || fabs(rest - 0.5) < 1e-6) {
		(void)snprintf(buf, NUMBER_LEN, "%.6g", v);
		return buf;
	}
	digits = (uint64_t)(v * scale[decimals] + 0.5);
	for (; decimals > 0 && digits % 10 == 0; decimals--)
		digits /= 10;
	*to = '\0';
	for (unsigned int i = 0; i < decimals; i++, digits /= 10)
		*--to = (char)('0' + digits % 10);
	if (decimals)
		*--to = '.';
	return slo_print_u64(to, digits);
}

static void put_summary(struct record *r, const char *name, double value, const char *unit,
                        const char *status)
{
	char number[NUMBER_LEN];
	const char *const part[] = { name,   " ", six_digits(number, value), " ", unit, " (",
		                     status, ")" };
	char *to = r->text;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(part); i++)
		to = append(to, r->text + sizeof(r->text), part[i]);
}

/* --- an event's fields as attributes: a number's type is its field's, whatever its value ------------------------- */

static void field_begin(void *to, const char *key)
{
	((struct slo_otlp_pairs *)to)->outer = key;
}

static void field_end(void *to)
{
	((struct slo_otlp_pairs *)to)->outer = NULL;
}

static void field_name(void *to, const char *key, const char *s, size_t n)
{
	slo_otlp_pairs_plain(to, key, s, n);
}

static void field_text(void *to, const char *key, const char *s, size_t n)
{
	slo_otlp_pairs_strn(to, key, s, n);
}

static void field_number(void *to, const char *key, uint64_t v)
{
	slo_otlp_pairs_i64(to, key, v < INT64_MAX ? (int64_t)v : INT64_MAX);
}

static void field_decimal(void *to, const char *key, int64_t v, unsigned int decimals)
{
	static const double scale[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6 };

	assert(decimals < SLO_ARRAY_SIZE(scale));
	if (decimals)
		slo_otlp_pairs_double(to, key, (double)v / scale[decimals]);
	else
		slo_otlp_pairs_i64(to, key, v);
}

static void field_real(void *to, const char *key, double v)
{
	slo_otlp_pairs_double(to, key, v);
}

static void field_truth(void *to, const char *key, bool v)
{
	slo_otlp_pairs_bool(to, key, v);
}

static const struct slo_event_fields as_attributes = { field_begin, field_end,    field_name,
	                                               field_text,  field_number, field_decimal,
	                                               field_real,  field_truth };

int slo_otlp_log_event(struct slo_otlp_group *g, const struct slo_probe_event *ev,
                       enum slo_status status, const struct slo_otlp_link *link, bool names)
{
	const struct slo_event_json_options opt = { .names = names };
	const struct slo_signal_desc *signal;
	struct record r;

	begin(&r, (int64_t)slo_event_realtime_ns(ev),
	      status == SLO_STATUS_ERROR     ? ERROR
	      : status == SLO_STATUS_WARNING ? WARN
	                                     : INFO);
	/* The rest is the record's own fields', and the resource's. */
	if (slo_event_fields(&as_attributes, &r.attrs, ev, status, NULL, &opt) < 0)
		return -EINVAL;
	signal = slo_signal_desc(ev->signal);
	put_name(&r, "llm.ebpf.", signal->name);
	put_summary(&r, signal->name, slo_event_value(ev), slo_unit_name(signal->unit),
	            slo_status_name(status));
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
	r->trace_id = id;
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
		slo_otlp_pairs_known(&r->attrs, rows[i].key, text);
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
	put_name(&r, "llm.slo.", sli->name);
	put_summary(&r, sli->name, ev->value, sli->unit, slo_sli_status_name(ev->status));
	put_trace_id(&r, ev->trace_id, id);
	put_texts(&r, ev, event_texts, SLO_ARRAY_SIZE(event_texts));
	slo_otlp_pairs_str(&r.attrs, "sli_name", sli->name);
	slo_otlp_pairs_double(&r.attrs, "sli_value", ev->value);
	slo_otlp_pairs_str(&r.attrs, "unit", sli->unit);
	slo_otlp_pairs_str(&r.attrs, "status", slo_sli_status_name(ev->status));
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
	put_name(&r, "llm.slo.incident.", slo_notice_kind_name(n->kind));
	put_texts(&r, n, notice_texts, SLO_ARRAY_SIZE(notice_texts));
	slo_otlp_pairs_str(&r.attrs, "severity", slo_notice_severity_name(n->severity));
	slo_otlp_pairs_double(&r.attrs, "confidence", n->confidence);
	slo_otlp_pairs_double(&r.attrs, "burn_rate", n->burn_rate);
	slo_otlp_pairs_i64(&r.attrs, "started_unix_nano", n->started_unix_ns);
	if (n->ended_unix_ns)
		slo_otlp_pairs_i64(&r.attrs, "ended_unix_nano", n->ended_unix_ns);
	if (n->synthetic || n->kind == SLO_NOTICE_TEST)
		slo_otlp_pairs_str(&r.attrs, "source", "synthetic");
	return end(g, &r, n->summary);
}
