/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/event_json.h"

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

const char slo_event_common_detail[] =
	"replayed,timeout,p50_ms,p95_ms,p99_ms,max_ms,sum_ms,slots,worst_pid,worst_comm";

static bool is_aggregate(const struct slo_probe_event *ev)
{
	return ev->kind == SLO_EV_HIST || ev->kind == SLO_EV_COUNT || ev->kind == SLO_EV_GAUGE;
}

/* JSON readers, jansson among them, take integers up to 2^63 - 1. */
static int64_t clamp_i64(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static void put_ms(struct slo_jsonw *w, uint64_t ns)
{
	slo_jsonw_decimal(w, clamp_i64(ns), NS_DECIMALS);
}

/* The same for text of our own tables. */
static void put_ours(struct slo_jsonw *w, const char *key, const char *s)
{
	slo_jsonw_key(w, key);
	slo_jsonw_plain(w, s, strlen(s));
}

/* The same for an array that may lack its NUL. */
static void put_array(struct slo_jsonw *w, const char *key, const char *s, size_t size)
{
	slo_jsonw_key(w, key);
	slo_jsonw_strn(w, s, strnlen(s, size));
}

static void put_hex(struct slo_jsonw *w, const char *key, const uint8_t *id, size_t size)
{
	char text[2 * SLO_TRACE_ID_LEN];

	assert(2 * size <= sizeof(text));
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = "0123456789abcdef"[id[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	slo_jsonw_key(w, key);
	slo_jsonw_plain(w, text, 2 * size);
}

static void put_true(struct slo_jsonw *w, const char *key, bool v)
{
	if (!v)
		return;
	slo_jsonw_member_bool(w, key, true);
}

static void put_ms_known(struct slo_jsonw *w, const char *key, uint64_t ns)
{
	if (!ns)
		return;
	slo_jsonw_key(w, key);
	put_ms(w, ns);
}

static void put_wire(struct slo_jsonw *w, const char *key, enum slo_wire_set set, unsigned int v)
{
	char text[SLO_WIRE_TEXT_SIZE];

	put_ours(w, key, slo_wire_text(set, v, text));
}

static void put_identity(struct slo_jsonw *w, const struct slo_event_names *names)
{
	slo_jsonw_member_str(w, "node", names->node);
	slo_jsonw_member_str(w, "namespace", names->namespace_);
	slo_jsonw_member_str(w, "pod", names->pod);
	if (*names->container) {
		slo_jsonw_member_str(w, "container", names->container);
	} else {
		put_array(w, "container", names->container_id, SHORT_ID_LEN);
	}
}

static void put_address(struct slo_jsonw *w, const char *key, uint8_t family, const uint8_t *addr)
{
	char text[SLO_IP_TEXT_SIZE];

	slo_jsonw_key(w, key);
	slo_jsonw_plain(w, text, slo_ip_text(family, addr, text));
}

static void put_tuple(struct slo_jsonw *w, const struct slo_conn_tuple *t)
{
	if (t->family != 4 && t->family != 6)
		return;
	slo_jsonw_key(w, "conn_tuple");
	slo_jsonw_object_begin(w);
	put_address(w, "src_ip", t->family, t->saddr);
	put_address(w, "dst_ip", t->family, t->daddr);
	slo_jsonw_member_u64(w, "src_port", t->sport);
	slo_jsonw_member_u64(w, "dst_port", t->dport);
	put_wire(w, "protocol", SLO_WIRE_PROTO, t->proto);
	slo_jsonw_object_end(w);
}

/*
 * Milliseconds to the nanosecond: what is derived (percentiles, means) has no more digits than what
 * is measured.
 */
static void put_rounded_ms(struct slo_jsonw *w, double ms)
{
	double ns = ms * 1e6;

	if (ns > -EXACT_NS && ns < EXACT_NS) {
		slo_jsonw_decimal(w, (int64_t)(ns + (ns < 0 ? -0.5 : 0.5)), NS_DECIMALS);
	} else {
		slo_jsonw_double(w, ms);
	}
}

static void put_value(struct slo_jsonw *w, const struct slo_probe_event *ev)
{
	bool in_ms = slo_signal_desc(ev->signal)->unit == SLO_UNIT_MS;

	slo_jsonw_key(w, "value");
	switch (ev->kind) {
	case SLO_EV_HIST:
		put_rounded_ms(w, slo_event_value(ev));
		return;
	case SLO_EV_GAUGE:
		if (in_ms) {
			put_rounded_ms(w, ev->gauge);
		} else {
			slo_jsonw_double(w, ev->gauge);
		}
		return;
	case SLO_EV_COUNT:
		slo_jsonw_i64(w, clamp_i64(ev->count));
		return;
	case SLO_EV_SAMPLE:
	case SLO_EV_TIMEOUT:
	case SLO_EV_KIND_MAX_:
		break;
	}
	if (in_ms) {
		put_ms(w, ev->value_ns);
	} else {
		slo_jsonw_i64(w, clamp_i64(ev->count));
	}
}

static void put_dns(struct slo_jsonw *w, const struct slo_probe_event *ev, bool names)
{
	if (!is_aggregate(ev)) {
		if (names && ev->detail.dns.qname[0])
			put_array(w, "qname", ev->detail.dns.qname, sizeof(ev->detail.dns.qname));
		if (ev->detail.dns.qtype)
			put_wire(w, "qtype", SLO_WIRE_QTYPE, ev->detail.dns.qtype);
		if (ev->kind == SLO_EV_SAMPLE)
			put_wire(w, "rcode", SLO_WIRE_RCODE, ev->detail.dns.rcode);
		slo_jsonw_member_u64(w, "retries", ev->detail.dns.retries);
		put_ms_known(w, "server_ms", ev->detail.dns.server_ns);
	}
	put_ours(w, "hop", ev->detail.dns.upstream ? "upstream" : "client");
	put_true(w, "truncated", ev->detail.dns.truncated);
}

static void put_retransmit(struct slo_jsonw *w, const struct slo_probe_event *ev)
{
	put_ours(w, "kind", slo_retr_kind_name(ev->detail.retr.kind));
	if (ev->detail.retr.tcp_state)
		put_wire(w, "tcp_state", SLO_WIRE_TCP_STATE, ev->detail.retr.tcp_state);
	put_true(w, "passive", ev->detail.retr.passive);
}

static void put_connect(struct slo_jsonw *w, const struct slo_probe_event *ev)
{
	if (is_aggregate(ev))
		return;
	slo_jsonw_member_u64(w, "syn_retrans", ev->detail.conn.syn_retrans);
	if (ev->detail.conn.srtt_us) {
		slo_jsonw_key(w, "srtt_ms");
		slo_jsonw_decimal(w, ev->detail.conn.srtt_us, 3);
	}
}

static void put_connect_error(struct slo_jsonw *w, const struct slo_probe_event *ev)
{
	if (ev->err > 0 && ev->err <= ERRNO_MAX)
		put_wire(w, "error", SLO_WIRE_ERRNO, (unsigned int)ev->err);
	/* An aggregate whose key has no error cannot tell whose they were. */
	if (!is_aggregate(ev) || ev->err)
		put_ours(w, "origin", ev->detail.conn.local ? "local" : "remote");
	if (!is_aggregate(ev))
		slo_jsonw_member_u64(w, "syn_retrans", ev->detail.conn.syn_retrans);
	put_ms_known(w, "after_ms", ev->detail.conn.after_ns);
	put_true(w, "aborted", ev->detail.conn.aborted);
}

static void put_number(struct slo_jsonw *w, const struct slo_detail_field *f, uint64_t v)
{
	if (v || !f->optional)
		slo_jsonw_member_u64(w, f->key, v);
}

static void put_field(struct slo_jsonw *w, const struct slo_detail_field *f,
                      const struct slo_probe_event *ev, bool names)
{
	const void *at = (const char *)ev + f->offset;
	uint32_t n;

	switch (f->type) {
	case SLO_DETAIL_U32:
		put_number(w, f, *(const uint32_t *)at);
		break;
	case SLO_DETAIL_U64:
		put_number(w, f, *(const uint64_t *)at);
		break;
	case SLO_DETAIL_MS:
		put_ms_known(w, f->key, *(const uint64_t *)at);
		break;
	case SLO_DETAIL_TRUE:
		put_true(w, f->key, *(const bool *)at);
		break;
	case SLO_DETAIL_ENUM:
		n = *(const uint32_t *)at;
		if (n < f->max && (n || !f->optional))
			put_ours(w, f->key, f->names[n]);
		break;
	case SLO_DETAIL_TEXT:
		if (*(const char *)at && (names || !f->is_name))
			put_array(w, f->key, at, f->max);
		break;
	case SLO_DETAIL_CODED:
	case SLO_DETAIL_TYPE_MAX_:
		break;
	}
}

static void put_fields(struct slo_jsonw *w, const struct slo_probe_event *ev, bool names)
{
	size_t count;
	const struct slo_detail_field *f = slo_detail_fields(&count);

	for (size_t i = 0; i < count; i++) {
		if (slo_detail_applies(&f[i], ev))
			put_field(w, &f[i], ev, names);
	}
}

static void put_slots(struct slo_jsonw *w, const struct slo_hist *h)
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
	slo_jsonw_key(w, "slots");
	slo_jsonw_plain(w, text, list.len);
}

static void put_hist(struct slo_jsonw *w, const struct slo_probe_event *ev)
{
	static const struct {
		const char *key;
		double q;
	} quantiles[] = { { "p50_ms", 0.5 }, { "p95_ms", 0.95 }, { "p99_ms", 0.99 } };

	for (size_t i = 0; ev->hist.count && i < SLO_ARRAY_SIZE(quantiles); i++) {
		slo_jsonw_key(w, quantiles[i].key);
		put_rounded_ms(w, slo_hist_quantile(&ev->hist, quantiles[i].q) / 1e6);
	}
	put_ms_known(w, "max_ms", ev->hist.max_ns);
	slo_jsonw_key(w, "sum_ms");
	put_ms(w, ev->hist.sum_ns);
	put_slots(w, &ev->hist);
	if (ev->tgid)
		slo_jsonw_member_u64(w, "worst_pid", ev->tgid);
	if (ev->comm[0])
		put_array(w, "worst_comm", ev->comm, sizeof(ev->comm));
}

static void put_signal_detail(struct slo_jsonw *w, const struct slo_probe_event *ev, bool names)
{
	switch (ev->signal) {
	case SLO_SIG_DNS_LATENCY:
		put_dns(w, ev, names);
		break;
	case SLO_SIG_TCP_RETRANSMITS:
		put_retransmit(w, ev);
		break;
	case SLO_SIG_CONNECT_LATENCY:
		put_connect(w, ev);
		break;
	case SLO_SIG_CONNECT_ERRORS:
		put_connect_error(w, ev);
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

static void put_detail(struct slo_jsonw *w, const struct slo_probe_event *ev, bool names)
{
	struct slo_jsonw before = *w;

	slo_jsonw_key(w, "detail");
	slo_jsonw_object_begin(w);
	put_signal_detail(w, ev, names);
	put_fields(w, ev, names);
	put_true(w, "timeout", ev->kind == SLO_EV_TIMEOUT);
	if (ev->kind == SLO_EV_HIST)
		put_hist(w, ev);
	put_true(w, "replayed", ev->replayed);
	/* A comma is due where there is a key. */
	if (w->comma) {
		slo_jsonw_object_end(w);
	} else {
		*w = before;
	}
}

/* What v1beta1 has beyond v1alpha1. */
static void put_additions(struct slo_jsonw *w, const struct slo_probe_event *ev,
                          const struct slo_event_names *names, bool dns_names)
{
	enum slo_source source = ev->source;

	if (source == SLO_SRC_NONE && ev->replayed)
		source = SLO_SRC_REPLAY;
	if (source != SLO_SRC_NONE)
		put_ours(w, "source", slo_source_name(source));
	if (ev->comm[0] && ev->kind != SLO_EV_HIST)
		put_array(w, "comm", ev->comm, sizeof(ev->comm));
	if (ev->cgroup_id)
		slo_jsonw_member_u64(w, "cgroup_id", ev->cgroup_id);
	if (*names->container_id)
		slo_jsonw_member_str(w, "container_id", names->container_id);
	if (*names->pod_uid)
		slo_jsonw_member_str(w, "pod_uid", names->pod_uid);
	if (ev->netns)
		slo_jsonw_member_u64(w, "netns", ev->netns);
	if (ev->kind == SLO_EV_HIST || ev->kind == SLO_EV_COUNT ||
	    (ev->kind == SLO_EV_GAUGE && ev->count))
		slo_jsonw_member_u64(w, "count", (uint64_t)clamp_i64(ev->count));
	if (is_aggregate(ev))
		put_ms_known(w, "interval_ms", ev->interval_ns);
	if (ev->sample_weight > 1)
		slo_jsonw_member_u64(w, "sample_weight", ev->sample_weight);
	put_detail(w, ev, dns_names);
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

ssize_t slo_event_json_write(char *buf, size_t size, const struct slo_probe_event *ev,
                             enum slo_status status, const struct slo_event_names *names,
                             const struct slo_event_json_options *opt)
{
	bool whose = ev->kind != SLO_EV_HIST; /* a histogram is nobody's in particular */
	struct slo_jsonw w;
	int r = check_event(ev, status);

	if (r < 0)
		return r;
	slo_jsonw_init(&w, buf, size);
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_u64(&w, "ts_unix_nano", (uint64_t)clamp_i64(slo_event_realtime_ns(ev)));
	put_ours(&w, "signal", slo_signal_desc(ev->signal)->name);
	put_identity(&w, names);
	slo_jsonw_member_u64(&w, "pid", whose ? ev->tgid : 0);
	slo_jsonw_member_u64(&w, "tid", whose ? ev->tid : 0);
	put_tuple(&w, &ev->tuple);
	put_value(&w, ev);
	put_ours(&w, "unit", slo_unit_name(slo_signal_desc(ev->signal)->unit));
	put_ours(&w, "status", slo_status_name(status));
	if (whose && slo_event_is_traced(ev)) {
		put_hex(&w, "trace_id", ev->trace_id, sizeof(ev->trace_id));
		put_hex(&w, "span_id", ev->span_id, sizeof(ev->span_id));
	}
	if (ev->err) {
		slo_jsonw_key(&w, "errno");
		slo_jsonw_i64(&w, ev->err);
	}
	if (!opt->v1alpha1)
		put_additions(&w, ev, names, opt->names);
	slo_jsonw_object_end(&w);
	w.comma = false;
	slo_jsonw_raw(&w, "\n", 1);
	return slo_jsonw_finish(&w);
}
