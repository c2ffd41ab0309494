/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/event_fields.h"

#include <errno.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/codec/ip_text.h"
#include "core/codec/wire_names.h"
#include "core/model/detail.h"

#define SHORT_ID_LEN 12
#define ERRNO_MAX 4095 /* include/linux/err.h */
#define NS_DECIMALS 6 /* nanoseconds in milliseconds */

/* 2^53: below it nanoseconds are exact as doubles. */
#define EXACT_NS 9007199254740992.0

struct out {
	const struct slo_event_fields *f;
	void *to;
};

static bool is_aggregate(const struct slo_probe_event *ev)
{
	return ev->kind == SLO_EV_HIST || ev->kind == SLO_EV_COUNT || ev->kind == SLO_EV_GAUGE;
}

/* JSON readers, jansson among them, take integers up to 2^63 - 1. */
static int64_t clamp_i64(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void put_u64(const struct out *o, const char *key, uint64_t v)
{
	o->f->number(o->to, key, v);
}

static void put_ms(const struct out *o, const char *key, uint64_t ns)
{
	o->f->decimal(o->to, key, clamp_i64(ns), NS_DECIMALS);
}

static void put_ms_known(const struct out *o, const char *key, uint64_t ns)
{
	if (ns)
		put_ms(o, key, ns);
}

static void put_true(const struct out *o, const char *key, bool v)
{
	if (v)
		o->f->truth(o->to, key, true);
}

/* Text of our own tables. */
static void put_ours(const struct out *o, const char *key, const char *s)
{
	o->f->name(o->to, key, s, strlen(s));
}

static void put_text(const struct out *o, const char *key, const char *s)
{
	o->f->text(o->to, key, s, strlen(s));
}

/* The same for an array that may lack its NUL. */
static void put_array(const struct out *o, const char *key, const char *s, size_t size)
{
	o->f->text(o->to, key, s, strnlen(s, size));
}

static void put_hex(const struct out *o, const char *key, const uint8_t *id, size_t size)
{
	char text[2 * SLO_TRACE_ID_LEN];

	assert(2 * size <= sizeof(text));
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = "0123456789abcdef"[id[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	o->f->name(o->to, key, text, 2 * size);
}

static void put_wire(const struct out *o, const char *key, enum slo_wire_set set, unsigned int v)
{
	char text[SLO_WIRE_TEXT_SIZE];

	put_ours(o, key, slo_wire_text(set, v, text));
}

static void put_identity(const struct out *o, const struct slo_event_names *names)
{
	put_text(o, "node", names->node);
	put_text(o, "namespace", names->namespace_);
	put_text(o, "pod", names->pod);
	if (*names->container) {
		put_text(o, "container", names->container);
	} else {
		put_array(o, "container", names->container_id, SHORT_ID_LEN);
	}
}

static void put_address(const struct out *o, const char *key, uint8_t family, const uint8_t *addr)
{
	char text[SLO_IP_TEXT_SIZE];

	o->f->name(o->to, key, text, slo_ip_text(family, addr, text));
}

static void put_tuple(const struct out *o, const struct slo_conn_tuple *t)
{
	if (t->family != 4 && t->family != 6)
		return;
	o->f->begin(o->to, "conn_tuple");
	put_address(o, "src_ip", t->family, t->saddr);
	put_address(o, "dst_ip", t->family, t->daddr);
	put_u64(o, "src_port", t->sport);
	put_u64(o, "dst_port", t->dport);
	put_wire(o, "protocol", SLO_WIRE_PROTO, t->proto);
	o->f->end(o->to);
}

/*
 * Milliseconds to the nanosecond: what is derived (percentiles, means) has no more digits than what
 * is measured.
 */
static void put_rounded_ms(const struct out *o, const char *key, double ms)
{
	double ns = ms * 1e6;

	if (ns > -EXACT_NS && ns < EXACT_NS) {
		o->f->decimal(o->to, key, (int64_t)(ns + (ns < 0 ? -0.5 : 0.5)), NS_DECIMALS);
	} else {
		o->f->real(o->to, key, ms);
	}
}

static void put_value(const struct out *o, const struct slo_probe_event *ev)
{
	static const char key[] = "value";
	bool in_ms = slo_signal_desc(ev->signal)->unit == SLO_UNIT_MS;

	switch (ev->kind) {
	case SLO_EV_HIST:
		put_rounded_ms(o, key, slo_event_value(ev));
		return;
	case SLO_EV_GAUGE:
		if (in_ms) {
			put_rounded_ms(o, key, ev->gauge);
		} else {
			o->f->real(o->to, key, ev->gauge);
		}
		return;
	case SLO_EV_COUNT:
		put_u64(o, key, (uint64_t)clamp_i64(ev->count));
		return;
	case SLO_EV_SAMPLE:
	case SLO_EV_TIMEOUT:
	case SLO_EV_KIND_MAX_:
		break;
	}
	if (in_ms) {
		put_ms(o, key, ev->value_ns);
	} else {
		put_u64(o, key, (uint64_t)clamp_i64(ev->count));
	}
}

static void put_dns(const struct out *o, const struct slo_probe_event *ev, bool names)
{
	if (!is_aggregate(ev)) {
		if (names && ev->detail.dns.qname[0])
			put_array(o, "qname", ev->detail.dns.qname, sizeof(ev->detail.dns.qname));
		if (ev->detail.dns.qtype)
			put_wire(o, "qtype", SLO_WIRE_QTYPE, ev->detail.dns.qtype);
		if (ev->kind == SLO_EV_SAMPLE)
			put_wire(o, "rcode", SLO_WIRE_RCODE, ev->detail.dns.rcode);
		put_u64(o, "retries", ev->detail.dns.retries);
		put_ms_known(o, "server_ms", ev->detail.dns.server_ns);
	}
	put_ours(o, "hop", ev->detail.dns.upstream ? "upstream" : "client");
	put_true(o, "truncated", ev->detail.dns.truncated);
}

static void put_retransmit(const struct out *o, const struct slo_probe_event *ev)
{
	put_ours(o, "kind", slo_retr_kind_name(ev->detail.retr.kind));
	if (ev->detail.retr.tcp_state)
		put_wire(o, "tcp_state", SLO_WIRE_TCP_STATE, ev->detail.retr.tcp_state);
	put_true(o, "passive", ev->detail.retr.passive);
}

static void put_connect(const struct out *o, const struct slo_probe_event *ev)
{
	if (is_aggregate(ev))
		return;
	put_u64(o, "syn_retrans", ev->detail.conn.syn_retrans);
	if (ev->detail.conn.srtt_us)
		o->f->decimal(o->to, "srtt_ms", ev->detail.conn.srtt_us, 3);
}

static void put_connect_error(const struct out *o, const struct slo_probe_event *ev)
{
	if (ev->err > 0 && ev->err <= ERRNO_MAX)
		put_wire(o, "error", SLO_WIRE_ERRNO, (unsigned int)ev->err);
	/* An aggregate whose key has no error cannot tell whose they were. */
	if (!is_aggregate(ev) || ev->err)
		put_ours(o, "origin", ev->detail.conn.local ? "local" : "remote");
	if (!is_aggregate(ev))
		put_u64(o, "syn_retrans", ev->detail.conn.syn_retrans);
	put_ms_known(o, "after_ms", ev->detail.conn.after_ns);
	put_true(o, "aborted", ev->detail.conn.aborted);
}

static void put_number(const struct out *o, const struct slo_detail_field *f, uint64_t v)
{
	if (v || !f->optional)
		put_u64(o, f->key, v);
}

static void put_field(const struct out *o, const struct slo_detail_field *f,
                      const struct slo_probe_event *ev, bool names)
{
	const void *at = (const char *)ev + f->offset;
	uint32_t n;

	switch (f->type) {
	case SLO_DETAIL_U32:
		put_number(o, f, *(const uint32_t *)at);
		break;
	case SLO_DETAIL_U64:
		put_number(o, f, *(const uint64_t *)at);
		break;
	case SLO_DETAIL_MS:
		put_ms_known(o, f->key, *(const uint64_t *)at);
		break;
	case SLO_DETAIL_TRUE:
		put_true(o, f->key, *(const bool *)at);
		break;
	case SLO_DETAIL_ENUM:
		n = *(const uint32_t *)at;
		if (n < f->max && (n || !f->optional))
			put_ours(o, f->key, f->names[n]);
		break;
	case SLO_DETAIL_TEXT:
		if (*(const char *)at && (names || !f->is_name))
			put_array(o, f->key, at, f->max);
		break;
	case SLO_DETAIL_CODED:
	case SLO_DETAIL_TYPE_MAX_:
		break;
	}
}

static void put_fields(const struct out *o, const struct slo_probe_event *ev, bool names)
{
	size_t count;
	const struct slo_detail_field *f = slo_detail_fields(&count);

	for (size_t i = 0; i < count; i++) {
		if (slo_detail_applies(&f[i], ev))
			put_field(o, &f[i], ev, names);
	}
}

static void put_slots(const struct out *o, const struct slo_hist *h)
{
	char text[SLO_HIST_SLOTS * 14];
	struct slo_jsonw list;

	/* "0:5,3:17": a list of our own, written by the digits of the JSON writer. */
	slo_jsonw_init(&list, text, sizeof(text));
	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		if (!h->slot[i])
			continue;
		slo_jsonw_u64(&list, i);
		list.comma = false;
		slo_jsonw_raw(&list, ":", 1);
		list.comma = false;
		slo_jsonw_u64(&list, h->slot[i]);
	}
	assert(!list.overflow);
	o->f->name(o->to, "slots", text, list.len);
}

static void put_hist(const struct out *o, const struct slo_probe_event *ev)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = { { "p50_ms", 0.5 }, { "p95_ms", 0.95 }, { "p99_ms", 0.99 } };

	for (size_t i = 0; ev->hist.count && i < SLO_ARRAY_SIZE(quantiles); i++)
		put_rounded_ms(o, quantiles[i].key,
		               slo_hist_quantile(&ev->hist, quantiles[i].q) / 1e6);
	put_ms_known(o, "max_ms", ev->hist.max_ns);
	put_ms(o, "sum_ms", ev->hist.sum_ns);
	put_slots(o, &ev->hist);
	if (ev->tgid)
		put_u64(o, "worst_pid", ev->tgid);
	if (ev->comm[0])
		put_array(o, "worst_comm", ev->comm, sizeof(ev->comm));
}

static void put_signal_detail(const struct out *o, const struct slo_probe_event *ev, bool names)
{
	switch (ev->signal) {
	case SLO_SIG_DNS_LATENCY:
		put_dns(o, ev, names);
		break;
	case SLO_SIG_TCP_RETRANSMITS:
		put_retransmit(o, ev);
		break;
	case SLO_SIG_CONNECT_LATENCY:
		put_connect(o, ev);
		break;
	case SLO_SIG_CONNECT_ERRORS:
		put_connect_error(o, ev);
		break;
	case SLO_SIG_RUNQUEUE_DELAY:
	case SLO_SIG_TLS_HANDSHAKE:
	case SLO_SIG_TLS_FAIL:
	case SLO_SIG_CPU_STEAL:
	case SLO_SIG_CFS_THROTTLED:
	case SLO_SIG_MEM_RECLAIM:
	case SLO_SIG_DISK_IO:
	case SLO_SIG_SYSCALL:
	case SLO_SIG_MAX_:
		break;
	}
}

static void put_detail(const struct out *o, const struct slo_probe_event *ev, bool names)
{
	o->f->begin(o->to, "detail");
	put_signal_detail(o, ev, names);
	put_fields(o, ev, names);
	put_true(o, "timeout", ev->kind == SLO_EV_TIMEOUT);
	if (ev->kind == SLO_EV_HIST)
		put_hist(o, ev);
	put_true(o, "replayed", ev->replayed);
	o->f->end(o->to);
}

/* What v1beta1 has beyond v1alpha1. */
static void put_additions(const struct out *o, const struct slo_probe_event *ev,
                          const struct slo_event_names *names, bool dns_names)
{
	enum slo_source source = ev->source;

	if (source == SLO_SRC_NONE && ev->replayed)
		source = SLO_SRC_REPLAY;
	if (source != SLO_SRC_NONE)
		put_ours(o, "source", slo_source_name(source));
	if (ev->comm[0] && ev->kind != SLO_EV_HIST)
		put_array(o, "comm", ev->comm, sizeof(ev->comm));
	if (ev->cgroup_id)
		put_u64(o, "cgroup_id", ev->cgroup_id);
	if (names && *names->container_id)
		put_text(o, "container_id", names->container_id);
	if (names && *names->pod_uid)
		put_text(o, "pod_uid", names->pod_uid);
	if (ev->netns)
		put_u64(o, "netns", ev->netns);
	if (ev->kind == SLO_EV_HIST || ev->kind == SLO_EV_COUNT ||
	    (ev->kind == SLO_EV_GAUGE && ev->count))
		put_u64(o, "count", (uint64_t)clamp_i64(ev->count));
	if (is_aggregate(ev))
		put_ms_known(o, "interval_ms", ev->interval_ns);
	if (ev->sample_weight > 1)
		put_u64(o, "sample_weight", ev->sample_weight);
	put_detail(o, ev, dns_names);
}

static int check_event(const struct slo_probe_event *ev, enum slo_status status)
{
	if ((unsigned int)ev->signal >= SLO_SIG_MAX_ ||
	    (unsigned int)ev->kind >= SLO_EV_KIND_MAX_ ||
	    (unsigned int)ev->source >= SLO_SRC_MAX_ || (unsigned int)status >= SLO_STATUS_MAX_)
		return -EINVAL;
	if (ev->signal == SLO_SIG_TCP_RETRANSMITS &&
	    (unsigned int)ev->detail.retr.kind >= SLO_RETR_MAX_)
		return -EINVAL;
	if (ev->kind == SLO_EV_GAUGE && !__builtin_isfinite(ev->gauge))
		return -EDOM;
	return 0;
}

int slo_event_fields(const struct slo_event_fields *fields, void *to,
                     const struct slo_probe_event *ev, enum slo_status status,
                     const struct slo_event_names *names, const struct slo_event_json_options *opt)
{
	bool whose = ev->kind != SLO_EV_HIST; /* a histogram is nobody's in particular */
	const struct out out = { fields, to }, *o = &out;
	int r = check_event(ev, status);

	if (r < 0)
		return r;
	if (names)
		put_u64(o, "ts_unix_nano", (uint64_t)clamp_i64(slo_event_realtime_ns(ev)));
	put_ours(o, "signal", slo_signal_desc(ev->signal)->name);
	if (names)
		put_identity(o, names);
	put_u64(o, "pid", whose ? ev->tgid : 0);
	put_u64(o, "tid", whose ? ev->tid : 0);
	put_tuple(o, &ev->tuple);
	put_value(o, ev);
	put_ours(o, "unit", slo_unit_name(slo_signal_desc(ev->signal)->unit));
	put_ours(o, "status", slo_status_name(status));
	if (whose && slo_event_is_traced(ev)) {
		put_hex(o, "trace_id", ev->trace_id, sizeof(ev->trace_id));
		put_hex(o, "span_id", ev->span_id, sizeof(ev->span_id));
	}
	if (ev->err)
		fields->decimal(to, "errno", ev->err, 0);
	if (!opt->v1alpha1)
		put_additions(o, ev, names, opt->names);
	return 0;
}
