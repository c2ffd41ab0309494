/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS handshakes timed on the wire, whatever the library: the records that leave and reach a socket, on any port, over
 * IPv4 and IPv6. A handshake is measured at the first socket of this host that carries its ClientHello: the client's
 * where the client is here, else the server's; a proxy that passes it on is not counted again.
 *
 * Begin: ClientHello. End: TLS 1.3, the client's Finished (its first encrypted record after ServerHello); before, the
 * second ChangeCipherSpec, which is the server's, or the client's where a session is resumed.
 */
#include "bpf/tls_records.h"

/* Of one segment; a ClientHello has some 15 extensions. Beyond the first bound only whole records are counted. */
#define TLS_MESSAGE_STEPS 36
#define TLS_STEPS 48

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct slo_abi_tls_conn);
} tls_conns SEC(".maps");

/*
 * Functions that are not static are verified once and by themselves, not anew for every way that leads to them: without
 * that, the steps of a segment multiply. They take numbers only (pointers from 5.12 on), so offset, flags and direction
 * of a segment come as one, and each finds the connection by its cookie.
 */
#define PACK(p, outgoing) ((p)->payload | (__u32)(p)->flags << 16 | (__u32)(outgoing) << 24)
#define SLO_GLOBAL __attribute__((noinline))

static __always_inline void unpack(struct segment *s, const struct slo_abi_tls_conn *c, __u32 seq,
                                   __u32 end, __u32 packed)
{
	s->now = c->head.last_ns;
	s->seq = seq;
	s->end = end;
	s->payload = packed & 0xffff;
	s->flags = packed >> 16;
	s->outgoing = packed >> 24 & 1;
	s->from_client = s->outgoing == !(c->head.flags & SLO_ABI_TLS_F_SERVER);
}

static __always_inline void heat(__u32 bucket, __u32 n)
{
	__u32 zero = 0;
	struct slo_abi_tls_hot *hot = bpf_map_lookup_elem(&tls_hot, &zero);
	__u64 i = bucket;

	slo_opaque(i);
	i &= SLO_ABI_TLS_BUCKETS - 1;
	if (hot)
		__sync_fetch_and_add(&hot->count[i], n);
}

#ifndef SLO_FREE
/* One step through a segment: a record's header, or the next piece of a message that matters. */
SLO_GLOBAL int tls_advance(struct __sk_buff *skb, __u64 cookie, __u32 seq, __u32 end, __u32 packed)
{
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct segment s;

	if (!c)
		return WAIT;
	unpack(&s, c, seq, end, packed);
	return advance(skb, c, dir_of(c, !s.from_client), &s);
}
#endif

/* Goes on at @seq, the begin of a record as far as can be known. */
static __always_inline int resync(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                  const struct segment *s, __u32 seq)
{
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	if (!s->from_client && c->head.state == SLO_ABI_TLS_HELLO)
		return LOST;
	d->need = seq;
	d->left = d->skip = 0;
	d->have = d->hdr_have = 0;
	d->step = STEP_NONE;
	d->flags |= DIR_RESYNC;
	return GO_ON;
}

/*
 * Segments come as they arrive: again, out of order, in part again. Read is what the direction stands at; bytes that
 * passed before their turn are not seen again, and what follows them is taken for the begin of a record.
 */
static __always_inline int seek(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                const struct segment *s)
{
	if (is_before(d->need, s->seq) && s->seq == d->need + d->left &&
	    (s->from_client || c->head.state != SLO_ABI_TLS_HELLO))
		return resync(c, d, s, s->seq);
	return GO_ON;
}

#ifndef SLO_FREE
static __always_inline int read_segment(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                        struct slo_abi_tls_dir *d, const struct segment *s,
                                        __u64 cookie, __u32 packed)
{
	int r = seek(c, d, s);

	if (r != GO_ON || is_before(d->need, s->seq))
		return r;
	for (int i = 0; i < TLS_STEPS && is_before(d->need, s->end) && r == GO_ON; i++) {
		if (i == TLS_MESSAGE_STEPS)
			d->step = STEP_NONE;
		r = tls_advance(skb, cookie, s->seq, s->end, packed);
	}
	return r;
}
#endif

static __always_inline int is_read(const struct slo_abi_tls_dir *d)
{
	return !is_before(d->need, d->seen) || (d->flags & DIR_DEAD);
}

/* One side closed. A handshake that only waits for the verdict on a certificate was good, unless an alert was it. */
static __always_inline int on_close(struct slo_abi_tls_conn *c, const struct segment *s, int reset)
{
	if (c->head.state == SLO_ABI_TLS_CANDIDATE)
		return NOT_OURS;
	if (c->head.short_record)
		return fail(c, SLO_ABI_TLS_ENCRYPTED_ALERT,
		            !(c->head.flags & SLO_ABI_TLS_F_SERVER));
	if (c->head.state == SLO_ABI_TLS_FINISHED)
		return reset || !s->from_client ? DONE : GO_ON;
	return fail(c, reset ? SLO_ABI_TLS_RESET : SLO_ABI_TLS_CLOSED, !s->outgoing);
}

/* All of a segment that can be read has been, with the outcome @r. */
static __always_inline int end_segment(struct slo_abi_tls_conn *c, struct slo_abi_tls_dir *d,
                                       const struct segment *s, int r)
{
	if (is_before(d->seen, s->end))
		d->seen = s->end;
	if (r > WAIT)
		return r;
	if (is_before(s->seq, s->end) && !is_before(d->need, s->seq) && !is_read(d))
		r = resync(c, d, s, d->seen);
	if (r > WAIT)
		return r;
	if (s->flags & SLO_TCP_FIN)
		d->flags |= DIR_FIN;
	if (s->flags & SLO_TCP_RST)
		return on_close(c, s, 1);
	return (d->flags & DIR_FIN) && is_read(d) ? on_close(c, s, 0) : GO_ON;
}

static __always_inline int is_unread(const struct slo_abi_tls_dir *d, const struct segment *s)
{
	return is_before(d->need, s->end) && !(d->flags & DIR_DEAD);
}

#ifndef SLO_FREE
static struct slo_abi_tls_conn tls_zero;

static __always_inline int on_segment(struct __sk_buff *skb, struct slo_abi_tls_conn *c,
                                      const struct segment *s, __u64 cookie, __u32 packed)
{
	struct slo_abi_tls_dir *d = dir_of(c, !s->from_client);
	int r = GO_ON;

	if (is_unread(d, s))
		r = read_segment(skb, c, d, s, cookie, packed);
	return end_segment(c, d, s, r);
}

static __always_inline void fill(struct slo_abi_event *e, const struct slo_abi_tls_head *h)
{
	e->source = SLO_ABI_SRC_CGROUP_SKB;
	e->family = h->family;
	e->proto = SLO_IPPROTO_TCP;
	e->sport = h->lport;
	e->dport = h->rport;
	slo_copy16(e->saddr, h->laddr);
	slo_copy16(e->daddr, h->raddr);
	if (h->server_ns)
		e->extra.tls.server_ns = h->server_ns - h->start_ns;
	e->extra.tls.version = h->version;
	e->extra.tls.flags = h->flags;
	e->extra.tls.sni_len = h->sni_len;
	__builtin_memcpy(e->extra.tls.sni, h->sni, SLO_ABI_SNI_LEN);
}

static __always_inline void count_failure(const struct slo_abi_tls_head *h, __u64 cookie)
{
	struct slo_abi_count_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.family = h->family,
		.netns = h->owner.netns,
		.tag = h->reason,
	};
	struct slo_abi_event *e;

	slo_copy16(key.daddr, h->raddr);
	if (h->flags & SLO_ABI_TLS_F_SERVER)
		key.tag |= SLO_ABI_TLS_TAG_SERVER;
	else
		key.dport = h->rport;
	e = slo_count(SLO_ABI_TLS_FAIL, &h->owner, &key, 1);
	if (!e)
		return;
	fill(e, h);
	e->extra.tls.after_ns = h->last_ns - h->start_ns;
	e->extra.tls.reason = h->reason;
	e->extra.tls.alert = h->alert;
	slo_trace_end(e, cookie, h->start_ns);
	slo_submit(e);
}

static __always_inline void measure(const struct slo_abi_tls_head *h, __u64 cookie)
{
	struct slo_measure m = {
		.start_ns = h->start_ns,
		.ns = h->end_ns - h->start_ns,
		.tag = h->flags & SLO_ABI_TLS_F_SERVER,
	};
	struct slo_abi_event *e = slo_latency(SLO_ABI_TLS_HANDSHAKE, &h->owner, &m);

	if (!e)
		return;
	fill(e, h);
	slo_trace_end(e, cookie, h->start_ns);
	slo_submit(e);
}

/* Of two ends at once, one wins. */
SLO_GLOBAL int tls_finish(__u64 cookie, __u32 verdict)
{
	const struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct slo_abi_tls_head h;

	if (!c)
		return 0;
	h = c->head;
	if (bpf_map_delete_elem(&tls_conns, &cookie))
		return 0;
	heat(h.bucket, -1);
	if (verdict == LOST)
		slo_stat_inc(SLO_ABI_TLS_HANDSHAKE, unmatched);
	if (verdict >= NOT_OURS || (!h.admitted && !slo_admit(SLO_ABI_TLS_HANDSHAKE, &h.owner)))
		return 0;
	if (verdict == DONE)
		measure(&h, cookie);
	else
		count_failure(&h, cookie);
	return 0;
}

#endif

/* The connection as it begins, @o its owner as far as known. */
static __always_inline void describe(struct __sk_buff *skb, const struct slo_packet *p,
                                     int outgoing, const struct slo_abi_owner *o,
                                     struct slo_abi_tls_conn *c)
{
	c->head.owner = *o;
	c->head.admitted = outgoing;
	c->head.flags = outgoing ? 0 : SLO_ABI_TLS_F_SERVER;
	c->head.bucket = bucket_of(p);
	c->head.family = p->family;
	c->head.lport = outgoing ? p->sport : p->dport;
	c->head.rport = outgoing ? p->dport : p->sport;
	slo_packet_addresses(skb, p, outgoing ? c->head.laddr : c->head.raddr,
	                     outgoing ? c->head.raddr : c->head.laddr);
	c->dir[0].need = c->dir[0].seen = p->seq;
	/* What the hello acknowledges is where the server goes on. */
	c->dir[1].need = c->dir[1].seen = p->ack;
	c->head.start_ns = bpf_ktime_get_ns();
	c->head.last_ns = c->head.start_ns;
}

#ifndef SLO_FREE
static __always_inline struct slo_abi_tls_conn *insert(__u64 cookie, __u32 bucket)
{
	if (bpf_map_update_elem(&tls_conns, &cookie, &tls_zero, BPF_NOEXIST)) {
		slo_stat_inc(SLO_ABI_TLS_HANDSHAKE, inflight_full);
		return 0;
	}
	heat(bucket, 1);
	return bpf_map_lookup_elem(&tls_conns, &cookie);
}

static __noinline int begin(struct __sk_buff *skb, const struct slo_packet *p, int outgoing,
                            __u64 cookie)
{
	struct slo_abi_owner o = {};
	struct slo_abi_tls_conn *c;

	o.cgroup_id = slo_skb_cgroup(skb);
	if (outgoing)
		slo_owner_sender(&o);
	if (outgoing && !slo_admit(SLO_ABI_TLS_HANDSHAKE, &o))
		return 0;
	c = insert(cookie, bucket_of(p));
	if (!c)
		return 0;
	describe(skb, p, outgoing, &o, c);
	if (outgoing)
		slo_trace_sent(cookie, c->head.start_ns, &o);
	return 1;
}

/* A server is known by what it sends: only there its process runs. */
static __always_inline int admit_server(struct slo_abi_tls_conn *c)
{
	slo_owner_sender(&c->head.owner);
	c->head.admitted = 1;
	return slo_admit(SLO_ABI_TLS_HANDSHAKE, &c->head.owner);
}

/* A packet of a connection whose handshake may be under way. 1: it is. */
SLO_GLOBAL int tls_go_on(struct __sk_buff *skb, __u64 cookie, __u32 seq, __u32 end, __u32 packed)
{
	struct slo_abi_tls_conn *c = bpf_map_lookup_elem(&tls_conns, &cookie);
	struct segment s;
	int r;

	if (!c)
		return 0;
	c->head.last_ns = bpf_ktime_get_ns();
	unpack(&s, c, seq, end, packed);
	if (!c->head.admitted && s.outgoing && s.seq != s.end && !admit_server(c))
		r = NOT_OURS;
	else
		r = on_segment(skb, c, &s, cookie, packed);
	if (r > WAIT)
		tls_finish(cookie, r);
	return 1;
}
#endif

static __always_inline int begins(struct __sk_buff *skb, const struct slo_packet *p)
{
	return p->payload_len && may_begin(skb, p) &&
	       !(slo_is_off(SLO_ABI_TLS_HANDSHAKE) && slo_is_off(SLO_ABI_TLS_FAIL));
}

#ifdef SLO_FREE
#include "bpf/tls_free.h"
#else
static __always_inline void packet(struct __sk_buff *skb, int outgoing)
{
	struct slo_packet p = {};
	__u64 cookie;

	if (slo_packet_parse(skb, &p) || !is_of_interest(&p))
		return;
	if (is_hot(bucket_of(&p))) {
		cookie = bpf_get_socket_cookie(skb);
		if (tls_go_on(skb, cookie, p.seq, p.seq + p.payload_len, PACK(&p, outgoing)))
			return;
	}
	if (!begins(skb, &p))
		return;
	cookie = bpf_get_socket_cookie(skb);
	if (begin(skb, &p, outgoing, cookie))
		tls_go_on(skb, cookie, p.seq, p.seq + p.payload_len, PACK(&p, outgoing));
}

SEC("cgroup_skb/egress")
int SLO_TIMED(tls_egress, struct __sk_buff *, skb)
{
	packet(skb, 1);
	return 1;
}

SEC("cgroup_skb/ingress")
int SLO_TIMED(tls_ingress, struct __sk_buff *, skb)
{
	packet(skb, 0);
	return 1;
}
#endif
