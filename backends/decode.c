/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/decode.h"

#include <errno.h>
#include <string.h>

#include "backends/decode_detail.h"

#define AGREE(abi, model) static_assert((int)(abi) == (int)(model), #abi " is not " #model)
AGREE(SLO_ABI_DNS_LATENCY, SLO_SIG_DNS_LATENCY);
AGREE(SLO_ABI_TCP_RETRANSMITS, SLO_SIG_TCP_RETRANSMITS);
AGREE(SLO_ABI_RUNQUEUE_DELAY, SLO_SIG_RUNQUEUE_DELAY);
AGREE(SLO_ABI_CONNECT_LATENCY, SLO_SIG_CONNECT_LATENCY);
AGREE(SLO_ABI_CONNECT_ERRORS, SLO_SIG_CONNECT_ERRORS);
AGREE(SLO_ABI_TLS_HANDSHAKE, SLO_SIG_TLS_HANDSHAKE);
AGREE(SLO_ABI_TLS_FAIL, SLO_SIG_TLS_FAIL);
AGREE(SLO_ABI_CPU_STEAL, SLO_SIG_CPU_STEAL);
AGREE(SLO_ABI_CFS_THROTTLED, SLO_SIG_CFS_THROTTLED);
AGREE(SLO_ABI_MEM_RECLAIM, SLO_SIG_MEM_RECLAIM);
AGREE(SLO_ABI_DISK_IO, SLO_SIG_DISK_IO);
AGREE(SLO_ABI_SYSCALL, SLO_SIG_SYSCALL);
AGREE(SLO_ABI_SIGNAL_MAX, SLO_SIG_MAX_);
AGREE(SLO_ABI_SAMPLE, SLO_EV_SAMPLE);
AGREE(SLO_ABI_TIMEOUT, SLO_EV_TIMEOUT);
AGREE(SLO_ABI_HIST, SLO_EV_HIST);
AGREE(SLO_ABI_COUNT, SLO_EV_COUNT);
AGREE(SLO_ABI_GAUGE, SLO_EV_GAUGE);
AGREE(SLO_ABI_KIND_MAX, SLO_EV_KIND_MAX_);
AGREE(SLO_ABI_SRC_NONE, SLO_SRC_NONE);
AGREE(SLO_ABI_SRC_CGROUP_SKB, SLO_SRC_CGROUP_SKB);
AGREE(SLO_ABI_SRC_FENTRY, SLO_SRC_FENTRY);
AGREE(SLO_ABI_SRC_TP_BTF, SLO_SRC_TP_BTF);
AGREE(SLO_ABI_SRC_RAW_TP, SLO_SRC_RAW_TP);
AGREE(SLO_ABI_SRC_TRACEPOINT, SLO_SRC_TRACEPOINT);
AGREE(SLO_ABI_SRC_KPROBE, SLO_SRC_KPROBE);
AGREE(SLO_ABI_SRC_UPROBE, SLO_SRC_UPROBE);
AGREE(SLO_ABI_SRC_BCC, SLO_SRC_BCC);
AGREE(SLO_ABI_SRC_PROCFS, SLO_SRC_PROCFS);
AGREE(SLO_ABI_SRC_NETLINK, SLO_SRC_NETLINK);
AGREE(SLO_ABI_SRC_REPLAY, SLO_SRC_REPLAY);
AGREE(SLO_ABI_SRC_SYNTHETIC, SLO_SRC_SYNTHETIC);
AGREE(SLO_ABI_SRC_MAX, SLO_SRC_MAX_);
AGREE(SLO_ABI_RETR_OTHER, SLO_RETR_OTHER);
AGREE(SLO_ABI_RETR_SYN, SLO_RETR_SYN);
AGREE(SLO_ABI_RETR_SYNACK, SLO_RETR_SYNACK);
AGREE(SLO_ABI_RETR_RTO, SLO_RETR_RTO);
AGREE(SLO_ABI_RETR_FAST, SLO_RETR_FAST);
AGREE(SLO_ABI_RETR_TLP, SLO_RETR_TLP);
AGREE(SLO_ABI_RETR_FAILED, SLO_RETR_FAILED);
AGREE(SLO_ABI_RETR_MAX, SLO_RETR_MAX_);
AGREE(SLO_ABI_WAIT_OTHER, SLO_WAIT_OTHER);
AGREE(SLO_ABI_WAIT_OWN, SLO_WAIT_OWN);
AGREE(SLO_ABI_WAIT_QUOTA, SLO_WAIT_QUOTA);
AGREE(SLO_ABI_WAIT_MAX, SLO_WAIT_MAX_);
AGREE(SLO_ABI_TLS_ALERT, SLO_TLS_ALERT);
AGREE(SLO_ABI_TLS_ENCRYPTED_ALERT, SLO_TLS_ENCRYPTED_ALERT);
AGREE(SLO_ABI_TLS_CLOSED, SLO_TLS_CLOSED);
AGREE(SLO_ABI_TLS_RESET, SLO_TLS_RESET);
AGREE(SLO_ABI_TLS_TIMEOUT, SLO_TLS_TIMEOUT);
AGREE(SLO_ABI_TLS_REASON_MAX, SLO_TLS_REASON_MAX_);
AGREE(SLO_ABI_RECLAIM_DIRECT, SLO_RECLAIM_DIRECT);
AGREE(SLO_ABI_RECLAIM_MEMCG, SLO_RECLAIM_MEMCG);
AGREE(SLO_ABI_RECLAIM_COMPACT, SLO_RECLAIM_COMPACT);
AGREE(SLO_ABI_RECLAIM_THROTTLE, SLO_RECLAIM_THROTTLE);
AGREE(SLO_ABI_RECLAIM_MAX, SLO_RECLAIM_MAX_);
AGREE(SLO_ABI_DISK_READ, SLO_DISK_READ);
AGREE(SLO_ABI_DISK_WRITE, SLO_DISK_WRITE);
AGREE(SLO_ABI_DISK_FLUSH, SLO_DISK_FLUSH);
AGREE(SLO_ABI_DISK_DISCARD, SLO_DISK_DISCARD);
AGREE(SLO_ABI_DISK_OTHER, SLO_DISK_OTHER);
AGREE(SLO_ABI_DISK_OP_MAX, SLO_DISK_OP_MAX_);
AGREE(SLO_ABI_SYS_READ, SLO_SYS_READ);
AGREE(SLO_ABI_SYS_WRITE, SLO_SYS_WRITE);
AGREE(SLO_ABI_SYS_SYNC, SLO_SYS_SYNC);
AGREE(SLO_ABI_SYS_FAMILY_MAX, SLO_SYS_FAMILY_MAX_);
AGREE(SLO_ABI_FILE_REGULAR, SLO_FILE_REGULAR);
AGREE(SLO_ABI_FILE_BLOCK, SLO_FILE_BLOCK);
AGREE(SLO_ABI_FILE_DIR, SLO_FILE_DIR);
AGREE(SLO_ABI_FILE_OTHER, SLO_FILE_OTHER);
AGREE(SLO_ABI_FILE_UNKNOWN, SLO_FILE_UNKNOWN);
AGREE(SLO_ABI_FILE_CLASS_MAX, SLO_FILE_CLASS_MAX_);
AGREE(SLO_ABI_SNI_LEN + 1, SLO_SNI_LEN);
AGREE(SLO_ABI_SLOTS, SLO_HIST_SLOTS);
AGREE(SLO_ABI_COMM_LEN, SLO_COMM_LEN);
AGREE(sizeof(((struct slo_abi_trace *)0)->trace_id), SLO_TRACE_ID_LEN);
AGREE(sizeof(((struct slo_abi_trace *)0)->span_id), SLO_SPAN_ID_LEN);

/* Linux's numbers of AF_INET and AF_INET6, the same on every architecture. */
#define WIRE_AF_INET 2
#define WIRE_AF_INET6 10

#define TIME_MAX ((uint64_t)INT64_MAX)
#define ERRNO_MAX 4095 /* MAX_ERRNO, include/linux/err.h */
#define TCP_STATE_MAX 0xf /* TCP_STATE_MASK, include/net/tcp_states.h */
#define DNS_LABEL_MAX 63
#define GAUGE_SCALE 1e6
/* Above it a double no longer tells millionths apart. */
#define GAUGE_MAX ((uint64_t)1 << 53)

#define OF(unit) (1U << SLO_UNIT_##unit)

/* Where a kind may stand: with the signals of these units, in a plain record, in an aggregate. */
static const struct {
	unsigned int units;
	bool event;
	bool agg;
} kinds[] = {
	[SLO_EV_SAMPLE] = { OF(MS) | OF(COUNT), true, false },
	[SLO_EV_TIMEOUT] = { OF(MS) | OF(COUNT), true, false },
	[SLO_EV_HIST] = { OF(MS), false, true },
	[SLO_EV_COUNT] = { OF(MS) | OF(COUNT) | OF(PCT), false, true },
	[SLO_EV_GAUGE] = { OF(MS) | OF(COUNT) | OF(PCT), true, true },
};
SLO_TABLE_COMPLETE(kinds, SLO_EV_KIND_MAX_);

static bool in_ms(unsigned int signal)
{
	return slo_signal_desc((enum slo_signal)signal)->unit == SLO_UNIT_MS;
}

/* The enumerators that index tables; what is behind may rely on them. */
static int check_enums(const struct slo_abi_event *h, struct slo_err *err)
{
	if (h->signal >= SLO_ABI_SIGNAL_MAX)
		return slo_err_set(err, -EBADMSG, "record of unknown signal %u", h->signal);
	if (h->kind >= SLO_ABI_KIND_MAX)
		return slo_err_set(err, -EBADMSG, "record of unknown kind %u", h->kind);
	if (h->source >= SLO_ABI_SRC_MAX)
		return slo_err_set(err, -EBADMSG, "record of unknown source %u", h->source);
	if (h->family && h->family != WIRE_AF_INET && h->family != WIRE_AF_INET6)
		return slo_err_set(err, -EBADMSG, "record of unknown address family %u", h->family);
	return 0;
}

static int check_size(const struct slo_abi_event *h, size_t size, struct slo_err *err)
{
	bool event = (h->size == sizeof(struct slo_abi_event) ||
	              (h->size == sizeof(struct slo_abi_traced) && h->version > 1)) &&
	             kinds[h->kind].event;
	bool agg = h->size == sizeof(struct slo_abi_agg) && kinds[h->kind].agg;

	if (!event && !agg)
		return slo_err_set(err, -EBADMSG, "record of kind %u has %u bytes, not %zu",
		                   h->kind, h->size,
		                   kinds[h->kind].event ? sizeof(struct slo_abi_event)
		                                        : sizeof(struct slo_abi_agg));
	if (h->size > size)
		return slo_err_set(err, -EBADMSG, "record says %u bytes, %zu are there", h->size,
		                   size);
	return 0;
}

static int check_values(const struct slo_abi_event *h, struct slo_err *err)
{
	const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)h->signal);
	uint64_t max = h->kind == SLO_ABI_GAUGE ? GAUGE_MAX : TIME_MAX;

	if (!(kinds[h->kind].units & 1U << d->unit))
		return slo_err_set(err, -EBADMSG, "record of kind %u cannot be of %s", h->kind,
		                   d->name);
	if (h->start_ns > TIME_MAX || h->value > max)
		return slo_err_set(err, -EBADMSG, "%s record: start %#llx or value %#llx too large",
		                   d->name, (unsigned long long)h->start_ns,
		                   (unsigned long long)h->value);
	if (h->err < 0 || h->err > ERRNO_MAX)
		return slo_err_set(err, -EBADMSG, "%s record: %d is no errno", d->name, h->err);
	return 0;
}

static int check_extra(const struct slo_abi_event *h, struct slo_err *err)
{
	const union slo_abi_extra *x = &h->extra;

	if (h->signal == SLO_ABI_DNS_LATENCY && x->dns.name_len > SLO_ABI_NAME_LEN)
		return slo_err_set(err, -EBADMSG, "DNS record: name of %u bytes, %d is the most",
		                   x->dns.name_len, SLO_ABI_NAME_LEN);
	if (h->signal == SLO_ABI_TCP_RETRANSMITS &&
	    (x->retr.kind >= SLO_ABI_RETR_MAX || x->retr.tcp_state > TCP_STATE_MAX))
		return slo_err_set(err, -EBADMSG, "retransmit record: kind %u or TCP state %u",
		                   x->retr.kind, x->retr.tcp_state);
	return slo_detail_check(h, err);
}

/* The escape of everything that could confuse a reader: \DDD as in zone files (RFC 1035, 5.1). */
static bool is_plain(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '.' && c != '\\';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

struct name_out {
	char *text; /* SLO_QNAME_LEN bytes */
	size_t used;
};

/* False where it does not fit: nothing is put then, so that no escape is cut. */
static bool put_byte(struct name_out *o, uint8_t c)
{
	if (is_plain(c)) {
		if (o->used + 1 >= SLO_QNAME_LEN)
			return false;
		o->text[o->used++] = (char)lower(c);
		return true;
	}
	if (o->used + 4 >= SLO_QNAME_LEN)
		return false;
	o->text[o->used++] = '\\';
	o->text[o->used++] = (char)('0' + c / 100);
	o->text[o->used++] = (char)('0' + c / 10 % 10);
	o->text[o->used++] = (char)('0' + c % 10);
	return true;
}

/* Labels of @wire as dotted text. Bytes used up to and with the closing 0, or 0 where the name is cut or broken. */
static size_t put_name(struct name_out *o, const uint8_t *wire, size_t len)
{
	size_t at = 0;

	while (at < len && wire[at]) {
		size_t label = wire[at++];

		/* A compression pointer has no place in a question, nor is any label longer. */
		if (label > DNS_LABEL_MAX)
			return 0;
		if (o->used && at < len) {
			if (o->used + 2 >= SLO_QNAME_LEN)
				return 0;
			o->text[o->used++] = '.';
		}
		for (; label && at < len; label--) {
			if (!put_byte(o, wire[at++]))
				return 0;
		}
	}
	return at < len ? at + 1 : 0;
}

static void decode_dns(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	const struct slo_abi_dns *x = &h->extra.dns;
	struct name_out o = { .text = ret->detail.dns.qname };
	size_t used = put_name(&o, x->name, x->name_len);
	uint64_t end_ns = h->start_ns + h->value;
	bool answered =
		h->kind == SLO_ABI_SAMPLE && x->last_ns >= h->start_ns && x->last_ns <= end_ns;

	if (used == 1)
		o.text[o.used++] = '.'; /* the root */
	else if (!used && o.used && o.text[o.used - 1] == '.')
		o.used--; /* nothing of the next label fitted */
	o.text[o.used] = '\0';
	ret->detail.dns.server_ns = answered ? end_ns - x->last_ns : 0;
	ret->detail.dns.qtype = x->qtype;
	if (!x->qtype && used && x->name_len >= used + 2)
		ret->detail.dns.qtype = (uint16_t)(x->name[used] << 8 | x->name[used + 1]);
	ret->detail.dns.rcode = x->rcode;
	ret->detail.dns.retries = x->retries;
	ret->detail.dns.upstream = h->flags & SLO_ABI_F_UPSTREAM;
	ret->detail.dns.truncated = (h->flags & SLO_ABI_F_TRUNCATED) || (x->name_len && !used);
}

static void decode_detail(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	const union slo_abi_extra *x = &h->extra;

	switch (h->signal) {
	case SLO_ABI_DNS_LATENCY:
		decode_dns(h, ret);
		break;
	case SLO_ABI_TCP_RETRANSMITS:
		ret->detail.retr.kind = (enum slo_retr_kind)x->retr.kind;
		ret->detail.retr.tcp_state = (uint8_t)x->retr.tcp_state;
		ret->detail.retr.passive = h->flags & SLO_ABI_F_PASSIVE;
		break;
	case SLO_ABI_CONNECT_LATENCY:
	case SLO_ABI_CONNECT_ERRORS:
		ret->detail.conn.syn_retrans = x->conn.syn_retrans;
		ret->detail.conn.srtt_us = x->conn.srtt_us;
		ret->detail.conn.after_ns = x->conn.after_ns;
		ret->detail.conn.local = h->flags & SLO_ABI_F_LOCAL;
		ret->detail.conn.aborted = h->flags & SLO_ABI_F_ABORTED;
		break;
	default:
		slo_detail_decode(h, ret);
		break;
	}
}

static void decode_owner(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	ret->tgid = h->tgid;
	ret->tid = h->tid;
	ret->cgroup_id = h->cgroup_id;
	ret->netns = h->netns;
	ret->err = h->err;
	ret->sample_weight = h->sample_weight;
	ret->tuple.family = 0;
	if (h->family)
		ret->tuple.family = h->family == WIRE_AF_INET ? 4 : 6;
	ret->tuple.proto = h->proto;
	ret->tuple.sport = h->sport;
	ret->tuple.dport = h->dport;
	memcpy(ret->tuple.saddr, h->saddr, sizeof(ret->tuple.saddr));
	memcpy(ret->tuple.daddr, h->daddr, sizeof(ret->tuple.daddr));
	memcpy(ret->comm, h->comm, SLO_COMM_LEN);
	ret->comm[SLO_COMM_LEN] = '\0';
}

static void decode_trace(const struct slo_abi_event *h, const void *rec,
                         struct slo_probe_event *ret)
{
	struct slo_abi_trace t = { 0 };

	if (h->size == sizeof(struct slo_abi_traced))
		memcpy(&t, (const uint8_t *)rec + offsetof(struct slo_abi_traced, trace),
		       sizeof(t));
	memcpy(ret->trace_id, t.trace_id, sizeof(ret->trace_id));
	memcpy(ret->span_id, t.span_id, sizeof(ret->span_id));
}

/*
 * The count is that of the slots: the kernel adds to slots and count one after the other, so a reading may hold
 * one more of either, and the quantiles need the former.
 */
static void decode_hist(const struct slo_abi_agg *a, struct slo_probe_event *ret)
{
	ret->count = 0;
	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		ret->hist.slot[i] = a->slot[i];
		ret->count += a->slot[i];
	}
	ret->hist.count = ret->count;
	ret->hist.sum_ns = a->head.value;
	ret->hist.max_ns = a->max;
}

static void decode_value(const struct slo_abi_event *h, struct slo_probe_event *ret)
{
	ret->value_ns = 0;
	ret->gauge = 0;
	if (h->kind == SLO_ABI_GAUGE)
		ret->gauge = (double)h->value / GAUGE_SCALE;
	else if (h->kind == SLO_ABI_COUNT || !in_ms(h->signal))
		ret->count = h->value;
	else if (h->kind != SLO_ABI_HIST)
		ret->value_ns = h->value;
}

static int check(const struct slo_abi_event *h, size_t size, struct slo_err *err)
{
	int r;

	if (h->version < SLO_ABI_VERSION_OLDEST || h->version > SLO_ABI_VERSION)
		return slo_err_set(err, -EBADMSG,
		                   "record of format %u, this program reads %d to %d", h->version,
		                   SLO_ABI_VERSION_OLDEST, SLO_ABI_VERSION);
	r = check_enums(h, err);
	if (!r)
		r = check_size(h, size, err);
	if (!r)
		r = check_values(h, err);
	return r ? r : check_extra(h, err);
}

int slo_decode(const void *rec, size_t size, uint64_t realtime_offset_ns,
               struct slo_probe_event *ret, struct slo_err *err)
{
	/* A copy: the bytes may be unaligned, and what was checked must not change before it is used. */
	struct slo_abi_agg a;
	struct slo_abi_event *h = &a.head;
	bool agg;
	int r;

	if (size < sizeof(*h))
		return slo_err_set(err, -EBADMSG, "record of %zu bytes, %zu are the least", size,
		                   sizeof(*h));
	memcpy(h, rec, sizeof(*h));
	r = check(h, size, err);
	if (r)
		return r;
	agg = h->size == sizeof(a);
	if (agg)
		memcpy((uint8_t *)&a + sizeof(*h), (const uint8_t *)rec + sizeof(*h),
		       sizeof(a) - sizeof(*h));
	if (agg && (a.interval_ns > TIME_MAX || a.count > TIME_MAX || a.max > TIME_MAX))
		return slo_err_set(err, -EBADMSG,
		                   "aggregate: interval %#llx, count %#llx or max %#llx too large",
		                   (unsigned long long)a.interval_ns, (unsigned long long)a.count,
		                   (unsigned long long)a.max);

	ret->signal = (enum slo_signal)h->signal;
	ret->kind = (enum slo_event_kind)h->kind;
	ret->source = (enum slo_source)h->source;
	ret->replayed = false;
	ret->start_ns = h->start_ns;
	ret->realtime_offset_ns = realtime_offset_ns;
	ret->interval_ns = agg ? a.interval_ns : 0;
	ret->count = agg ? a.count : 0;
	decode_value(h, ret);
	if (h->kind == SLO_ABI_HIST)
		decode_hist(&a, ret);
	decode_owner(h, ret);
	decode_trace(h, rec, ret);
	decode_detail(h, ret);
	return 0;
}

static uint64_t at_most(uint64_t v, uint64_t max)
{
	return v < max ? v : max;
}

/* One byte of dotted text, escapes resolved; *@at moves on. */
static uint8_t take_byte(const char *text, size_t *at)
{
	const char *t = text + *at;
	unsigned int v = 0;

	if (t[0] != '\\') {
		(*at)++;
		return (uint8_t)t[0];
	}
	for (unsigned int i = 1; i <= 3; i++) {
		if (t[i] < '0' || t[i] > '9') {
			(*at)++;
			return '\\';
		}
		v = v * 10 + (unsigned int)(t[i] - '0');
	}
	if (v > UINT8_MAX) {
		(*at)++;
		return '\\';
	}
	*at += 4;
	return (uint8_t)v;
}

/* The wire form of @qname as far as it fits. False where it was cut. */
static bool encode_name(const char *qname, struct slo_abi_dns *x)
{
	size_t at = 0, used = 0, length_at = 0;

	while (qname[at] && strcmp(qname + at, ".") != 0) {
		if (used >= SLO_ABI_NAME_LEN) {
			x->name_len = (uint8_t)used;
			return false;
		}
		length_at = used++;
		while (qname[at] && qname[at] != '.' && used < SLO_ABI_NAME_LEN &&
		       used - length_at <= DNS_LABEL_MAX)
			x->name[used++] = take_byte(qname, &at);
		x->name[length_at] = (uint8_t)(used - length_at - 1);
		if (qname[at] && qname[at] != '.') {
			x->name_len = (uint8_t)used;
			return false;
		}
		at += qname[at] == '.';
	}
	x->name_len = (uint8_t)used;
	if (!*qname)
		return true;
	if (used == SLO_ABI_NAME_LEN)
		return false;
	x->name[x->name_len++] = 0;
	return true;
}

static void encode_dns(const struct slo_probe_event *ev, struct slo_abi_event *h)
{
	struct slo_abi_dns *x = &h->extra.dns;

	x->qtype = ev->detail.dns.qtype;
	x->rcode = ev->detail.dns.rcode;
	x->retries = ev->detail.dns.retries;
	if (ev->detail.dns.server_ns && ev->detail.dns.server_ns <= h->value)
		x->last_ns = h->start_ns + h->value - ev->detail.dns.server_ns;
	if (ev->detail.dns.upstream)
		h->flags |= SLO_ABI_F_UPSTREAM;
	if (!encode_name(ev->detail.dns.qname, x) || ev->detail.dns.truncated)
		h->flags |= SLO_ABI_F_TRUNCATED;
}

static void encode_detail(const struct slo_probe_event *ev, struct slo_abi_event *h)
{
	union slo_abi_extra *x = &h->extra;

	switch (h->signal) {
	case SLO_ABI_DNS_LATENCY:
		encode_dns(ev, h);
		break;
	case SLO_ABI_TCP_RETRANSMITS:
		x->retr.kind = (uint32_t)ev->detail.retr.kind;
		x->retr.tcp_state = ev->detail.retr.tcp_state;
		x->retr.segs = (uint32_t)at_most(h->value, UINT32_MAX);
		h->flags |= ev->detail.retr.passive ? SLO_ABI_F_PASSIVE : 0;
		break;
	case SLO_ABI_CONNECT_LATENCY:
	case SLO_ABI_CONNECT_ERRORS:
		x->conn.syn_retrans = ev->detail.conn.syn_retrans;
		x->conn.srtt_us = ev->detail.conn.srtt_us;
		x->conn.after_ns = ev->detail.conn.after_ns;
		h->flags |= ev->detail.conn.local ? SLO_ABI_F_LOCAL : 0;
		h->flags |= ev->detail.conn.aborted ? SLO_ABI_F_ABORTED : 0;
		break;
	default:
		slo_detail_encode(ev, h);
		break;
	}
}

static uint64_t encode_value(const struct slo_probe_event *ev)
{
	switch (ev->kind) {
	case SLO_EV_HIST:
		return ev->hist.sum_ns;
	case SLO_EV_COUNT:
		return ev->count;
	case SLO_EV_GAUGE:
		/* NaN fails the comparison too. */
		if (!(ev->gauge > 0))
			return 0;
		if (ev->gauge >= (double)GAUGE_MAX / GAUGE_SCALE)
			return GAUGE_MAX;
		return (uint64_t)(ev->gauge * GAUGE_SCALE + 0.5);
	case SLO_EV_SAMPLE:
	case SLO_EV_TIMEOUT:
	case SLO_EV_KIND_MAX_:
		break;
	}
	return in_ms(ev->signal) ? ev->value_ns : ev->count;
}

static void encode_owner(const struct slo_probe_event *ev, struct slo_abi_event *h)
{
	h->tgid = ev->tgid;
	h->tid = ev->tid;
	h->cgroup_id = ev->cgroup_id;
	h->netns = ev->netns;
	h->err = ev->err < 0 ? 0 : (int32_t)at_most((uint64_t)ev->err, ERRNO_MAX);
	h->sample_weight = (uint16_t)at_most(ev->sample_weight, UINT16_MAX);
	if (ev->tuple.family)
		h->family = ev->tuple.family == 4 ? WIRE_AF_INET : WIRE_AF_INET6;
	h->proto = ev->tuple.proto;
	h->sport = ev->tuple.sport;
	h->dport = ev->tuple.dport;
	memcpy(h->saddr, ev->tuple.saddr, sizeof(h->saddr));
	memcpy(h->daddr, ev->tuple.daddr, sizeof(h->daddr));
	memcpy(h->comm, ev->comm, strnlen(ev->comm, SLO_COMM_LEN));
}

static void encode_agg(const struct slo_probe_event *ev, struct slo_abi_agg *a)
{
	a->interval_ns = at_most(ev->interval_ns, TIME_MAX);
	a->count = at_most(ev->count, TIME_MAX);
	if (ev->kind != SLO_EV_HIST)
		return;
	a->count = at_most(ev->hist.count, TIME_MAX);
	a->max = at_most(ev->hist.max_ns, TIME_MAX);
	memcpy(a->slot, ev->hist.slot, sizeof(a->slot));
}

size_t slo_encode(const struct slo_probe_event *ev, struct slo_abi_agg *ret_rec)
{
	struct slo_abi_event *h = &ret_rec->head;
	struct slo_abi_traced *traced = (struct slo_abi_traced *)ret_rec;
	bool agg = kinds[ev->kind].agg, is_traced = !agg && slo_event_is_traced(ev);

	static_assert(sizeof(*traced) <= sizeof(*ret_rec), "room for the largest record");
	memset(ret_rec, 0, agg ? sizeof(*ret_rec) : sizeof(*traced));
	h->version = SLO_ABI_VERSION;
	h->size = agg ? sizeof(*ret_rec) : is_traced ? sizeof(*traced) : sizeof(*h);
	if (is_traced) {
		memcpy(traced->trace.trace_id, ev->trace_id, sizeof(ev->trace_id));
		memcpy(traced->trace.span_id, ev->span_id, sizeof(ev->span_id));
	}
	h->signal = (uint8_t)ev->signal;
	h->kind = (uint8_t)ev->kind;
	h->source = (uint8_t)ev->source;
	h->start_ns = at_most(ev->start_ns, TIME_MAX);
	h->value = at_most(encode_value(ev), TIME_MAX);
	encode_owner(ev, h);
	encode_detail(ev, h);
	if (agg)
		encode_agg(ev, ret_rec);
	return h->size;
}
