/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "core/codec/event_json.h"
#include "core/codec/event_json_detail.h"
#include "core/codec/ip_text.h"
#include "core/codec/json_fields.h"
#include "core/codec/json_load.h"
#include "core/codec/wire_names.h"

/* clang-format off */
static const struct slo_json_field event_fields[] = {
	{ "ts_unix_nano",  SLO_JSON_INTEGER, true,  0, INT64_MAX },
	{ "signal",        SLO_JSON_STRING,  true,  0, 0 },
	{ "node",          SLO_JSON_STRING,  true,  0, 0 },
	{ "namespace",     SLO_JSON_STRING,  true,  0, 0 },
	{ "pod",           SLO_JSON_STRING,  true,  0, 0 },
	{ "container",     SLO_JSON_STRING,  true,  0, 0 },
	{ "pid",           SLO_JSON_INTEGER, true,  0, UINT32_MAX },
	{ "tid",           SLO_JSON_INTEGER, true,  0, UINT32_MAX },
	{ "conn_tuple",    SLO_JSON_OBJECT,  false, 0, 0 },
	{ "value",         SLO_JSON_NUMBER,  true,  0, 0 },
	{ "unit",          SLO_JSON_STRING,  true,  0, 0 },
	{ "status",        SLO_JSON_STRING,  true,  0, 0 },
	{ "trace_id",      SLO_JSON_STRING,  false, 0, 0 },
	{ "span_id",       SLO_JSON_STRING,  false, 0, 0 },
	{ "errno",         SLO_JSON_INTEGER, false, -INT32_MAX, INT32_MAX },
	{ "confidence",    SLO_JSON_NUMBER,  false, 0, 0 },
	{ "source",        SLO_JSON_STRING,  false, 0, 0 },
	{ "comm",          SLO_JSON_STRING,  false, 0, 0 },
	{ "cgroup_id",     SLO_JSON_INTEGER, false, 0, INT64_MAX },
	{ "container_id",  SLO_JSON_STRING,  false, 0, 0 },
	{ "pod_uid",       SLO_JSON_STRING,  false, 0, 0 },
	{ "netns",         SLO_JSON_INTEGER, false, 0, UINT32_MAX },
	{ "count",         SLO_JSON_INTEGER, false, 0, INT64_MAX },
	{ "interval_ms",   SLO_JSON_NUMBER,  false, 0, 0 },
	{ "sample_weight", SLO_JSON_INTEGER, false, 0, UINT32_MAX },
	{ "detail",        SLO_JSON_OBJECT,  false, 0, 0 },
};

static const struct slo_json_field tuple_fields[] = {
	{ "src_ip",   SLO_JSON_STRING,  true, 0, 0 },
	{ "dst_ip",   SLO_JSON_STRING,  true, 0, 0 },
	{ "src_port", SLO_JSON_INTEGER, true, 0, UINT16_MAX },
	{ "dst_port", SLO_JSON_INTEGER, true, 0, UINT16_MAX },
	{ "protocol", SLO_JSON_STRING,  true, 0, 0 },
};
/* clang-format on */

static void json_put(json_t **root)
{
	json_decref(*root);
}

static int read_tuple(json_t *object, struct slo_conn_tuple *t, struct slo_err *err)
{
	int family;
	int other;
	int proto;
	int r = slo_json_check_object(object, tuple_fields, SLO_ARRAY_SIZE(tuple_fields), err);

	if (r < 0)
		return slo_err_wrap(err, r, "conn_tuple");
	family = slo_ip_parse(slo_json_get_str(object, "src_ip"), t->saddr);
	if (family < 0) {
		return slo_err_set(err, -EINVAL,
		                   "conn_tuple.src_ip: " SLO_JSON_QUOTED " is no IP address",
		                   slo_json_get_str(object, "src_ip"));
	}
	other = slo_ip_parse(slo_json_get_str(object, "dst_ip"), t->daddr);
	if (other < 0) {
		return slo_err_set(err, -EINVAL,
		                   "conn_tuple.dst_ip: " SLO_JSON_QUOTED " is no IP address",
		                   slo_json_get_str(object, "dst_ip"));
	}
	if (family != other)
		return slo_err_set(err, -EINVAL, "conn_tuple: one address is IPv4, the other IPv6");
	proto = slo_wire_value(SLO_WIRE_PROTO, slo_json_get_str(object, "protocol"));
	if (proto < 0 || proto > UINT8_MAX) {
		return slo_err_set(err, -EINVAL,
		                   "conn_tuple.protocol: " SLO_JSON_QUOTED
		                   " is neither a protocol's name nor a number up to 255",
		                   slo_json_get_str(object, "protocol"));
	}
	t->family = (uint8_t)family;
	t->proto = (uint8_t)proto;
	t->sport = (uint16_t)slo_json_get_i64(object, "src_port");
	t->dport = (uint16_t)slo_json_get_i64(object, "dst_port");
	return 0;
}

static int read_enums(const json_t *root, struct slo_probe_event *ev, struct slo_err *err)
{
	const char *signal = slo_json_get_str(root, "signal");
	const char *source = slo_json_get_str(root, "source");
	const char *status = slo_json_get_str(root, "status");
	const char *unit;
	int known = 0;

	if (slo_signal_from_name(signal, &ev->signal) < 0) {
		return slo_err_set(err, -EINVAL,
		                   "field \"signal\": " SLO_JSON_QUOTED " is not a signal", signal);
	}
	unit = slo_unit_name(slo_signal_desc(ev->signal)->unit);
	if (strcmp(slo_json_get_str(root, "unit"), unit) != 0) {
		return slo_err_set(err, -EINVAL,
		                   "field \"unit\": " SLO_JSON_QUOTED ", but %s is in %s",
		                   slo_json_get_str(root, "unit"), signal, unit);
	}
	while (known < SLO_STATUS_MAX_ &&
	       strcmp(slo_status_name((enum slo_status)known), status) != 0)
		known++;
	if (known == SLO_STATUS_MAX_) {
		return slo_err_set(err, -EINVAL,
		                   "field \"status\": " SLO_JSON_QUOTED
		                   " is not ok, warning or error",
		                   status);
	}
	if (json_object_get(root, "source") &&
	    (slo_source_from_name(source, &ev->source) < 0 || ev->source == SLO_SRC_NONE)) {
		return slo_err_set(
			err, -EINVAL,
			"field \"source\": " SLO_JSON_QUOTED " is not a mechanism we know", source);
	}
	return 0;
}

/*
 * What of v1beta1 tells a histogram, count, mean, timeout and sample apart; without it the unit
 * decides. An interval or count of 0 tells as little as none, and the writer leaves it out, but for
 * a COUNT of 0.
 */
static enum slo_event_kind kind_of(const json_t *root, enum slo_unit unit, uint64_t interval_ns)
{
	const json_t *detail = json_object_get(root, "detail");
	const json_t *value = json_object_get(root, "value");
	bool has_count = json_object_get(root, "count") != NULL;
	int64_t count = slo_json_get_i64(root, "count");
	int64_t whole = 0;
	bool is_whole = slo_json_to_i64(value, &whole) == 0;

	if (json_object_get(detail, "slots"))
		return SLO_EV_HIST;
	if (has_count && is_whole && whole == count)
		return SLO_EV_COUNT;
	if (interval_ns || count || (unit == SLO_UNIT_COUNT && !is_whole))
		return SLO_EV_GAUGE;
	if (json_is_true(json_object_get(detail, "timeout")))
		return SLO_EV_TIMEOUT;
	return unit == SLO_UNIT_PCT ? SLO_EV_GAUGE : SLO_EV_SAMPLE;
}

static int read_value(const json_t *root, struct slo_probe_event *ev, struct slo_err *err)
{
	const json_t *value = json_object_get(root, "value");
	const json_t *interval = json_object_get(root, "interval_ms");
	enum slo_unit unit = slo_signal_desc(ev->signal)->unit;
	uint64_t ns = 0;
	int64_t whole = 0;
	int r = 0;

	if (json_number_value(value) < 0) {
		return slo_err_set(err, -EINVAL, "field \"value\": %g is below 0",
		                   json_number_value(value));
	}
	if (interval)
		r = slo_json_ms_to_ns("interval_ms", interval, &ev->interval_ns, err);
	ev->kind = kind_of(root, unit, ev->interval_ns);
	if (r == 0 && unit == SLO_UNIT_MS && ev->kind != SLO_EV_COUNT)
		r = slo_json_ms_to_ns("value", value, &ns, err);
	if (r < 0)
		return r;

	ev->count = (uint64_t)slo_json_get_i64(root, "count");
	if (ev->kind == SLO_EV_GAUGE) {
		ev->gauge = json_number_value(value) + 0.0; /* no -0 */
	} else if (ev->kind != SLO_EV_SAMPLE && ev->kind != SLO_EV_TIMEOUT) {
		return 0;
	} else if (unit == SLO_UNIT_MS) {
		ev->value_ns = ns;
	} else if (slo_json_to_i64(value, &whole) == 0) {
		ev->count = (uint64_t)whole;
	}
	return 0;
}

/*
 * The line has the end, the event its beginning. What a line cannot have had (a beginning before
 * 1970, in lines made by hand) goes into the offset, so that the beginning stays a sane number and
 * the end is kept.
 */
static void set_start(struct slo_probe_event *ev, uint64_t end_ns)
{
	bool single = ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT;
	uint64_t length = single ? ev->value_ns : ev->interval_ns;

	if (length <= end_ns) {
		ev->start_ns = end_ns - length;
	} else {
		ev->realtime_offset_ns = end_ns - length;
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The schema takes any text. False with @ret all zero where it is not @size bytes in lower-case hexadecimal. */
static bool read_hex(const json_t *root, const char *key, uint8_t *ret, size_t size)
{
	const char *text = slo_json_get_str(root, key);
	bool good = strlen(text) == 2 * size;

	for (size_t i = 0; good && i < size; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		good = high >= 0 && low >= 0;
		ret[i] = (uint8_t)(good ? high << 4 | low : 0);
	}
	if (!good)
		memset(ret, 0, size);
	return good;
}

static int read_event(json_t *root, struct slo_probe_event *ev, struct slo_err *err)
{
	json_t *tuple = json_object_get(root, "conn_tuple");
	int64_t error = slo_json_get_i64(root, "errno");
	double confidence = json_number_value(json_object_get(root, "confidence"));
	int r = read_enums(root, ev, err);

	if (r == 0)
		r = read_value(root, ev, err);
	if (r == 0 && tuple)
		r = read_tuple(tuple, &ev->tuple, err);
	if (r == 0 && !(confidence >= 0 && confidence <= 1)) {
		r = slo_err_set(err, -EINVAL, "field \"confidence\": %g is outside 0 to 1",
		                confidence);
	}
	if (r < 0)
		return r;

	ev->tgid = (uint32_t)slo_json_get_i64(root, "pid");
	ev->tid = (uint32_t)slo_json_get_i64(root, "tid");
	ev->err = (int)(error < 0 ? -error : error); /* some write it the kernel's way */
	slo_json_copy_text(ev->comm, sizeof(ev->comm), slo_json_get_str(root, "comm"));
	ev->cgroup_id = (uint64_t)slo_json_get_i64(root, "cgroup_id");
	ev->netns = (uint32_t)slo_json_get_i64(root, "netns");
	ev->sample_weight = (uint32_t)slo_json_get_i64(root, "sample_weight");
	if (read_hex(root, "trace_id", ev->trace_id, sizeof(ev->trace_id)))
		(void)read_hex(root, "span_id", ev->span_id, sizeof(ev->span_id));
	r = slo_event_json_read_detail(json_object_get(root, "detail"), ev, err);
	if (r < 0)
		return r;
	if (ev->kind == SLO_EV_HIST && !json_object_get(root, "count"))
		ev->count = ev->hist.count;
	set_start(ev, (uint64_t)slo_json_get_i64(root, "ts_unix_nano"));
	return 0;
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(" \t\r\n", line[i]) || !line[i])
			return false;
	}
	return true;
}

int slo_event_json_parse(const char *line, size_t len, struct slo_probe_event *ret_ev,
                         struct slo_err *err)
{
	slo_cleanup(json_put) json_t *root = NULL;
	struct slo_probe_event ev = { 0 };
	json_error_t cause = { 0 };
	int r;

	if (len > SLO_EVENT_JSON_LINE_MAX) {
		return slo_err_set(err, -EMSGSIZE, "line of %zu bytes: an event has at most %u",
		                   len, SLO_EVENT_JSON_LINE_MAX);
	}
	if (is_blank(line, len))
		return -ENODATA;
	r = slo_json_load(&root, line, len, JSON_REJECT_DUPLICATES, &cause);
	if (r == -ENOMEM)
		return slo_err_set(err, r, "no memory to read a line of %zu bytes", len);
	if (r < 0) {
		return slo_err_set(err, -EBADMSG, "not JSON at byte %d: %.120s", cause.position,
		                   cause.text);
	}
	if (!json_is_object(root))
		return slo_err_set(err, -EINVAL, "not a probe event: no JSON object");

	r = slo_json_check_object(root, event_fields, SLO_ARRAY_SIZE(event_fields), err);
	if (r == 0)
		r = read_event(root, &ev, err);
	if (r < 0)
		return slo_err_wrap(err, r, "not a probe event");
	*ret_ev = ev;
	return 0;
}
