/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connect from the tracepoints' records alone. A failure's errno is in none of them: a reset is told by a tracepoint
 * of its own, time-outs by who closes; of the rest the cause stays unknown.
 */
#include "bpf/slo_sock.h"

#define SLO_ETIMEDOUT 110
#define SLO_ECONNREFUSED 111

/* Of struct slo_abi_sock.pad: what has been seen since the SYN. */
#define SEEN_RESET 0x1
#define SEEN_SYN_AGAIN 0x100 /* and above: how often */

struct change {
	__u64 sk;
	__u32 oldstate;
	__u32 newstate;
	__u16 sport;
	__u16 dport;
};

struct where {
	__u8 saddr[16];
	__u8 daddr[16];
	__u8 family;
};

/* What the socket itself says, where it can be read. */
struct told {
	__u32 retrans;
	__u32 srtt_us;
	__s32 err;
	__u32 unsent; /* no segment ever left */
};

#ifdef SLO_EXT
#define SLO_EADDRNOTAVAIL 99

static __always_inline void ask(const struct sock *sk, struct told *t)
{
	const struct tcp_sock *tp = (const void *)sk;

	t->retrans = BPF_CORE_READ(tp, total_retrans);
	t->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	t->err = BPF_CORE_READ(sk, sk_err);
	t->unsent = !BPF_CORE_READ(tp, segs_out);
}
#endif

static __always_inline void begin(__u64 key)
{
	struct slo_abi_sock s = { .start_ns = bpf_ktime_get_ns() };

	slo_sock_owner((const struct sock *)key, &s.owner);
	s.admitted = slo_admit(SLO_ABI_CONNECT_LATENCY, &s.owner);
	if (bpf_map_update_elem(&slo_socks, &key, &s, BPF_ANY))
		slo_stat_inc(SLO_ABI_CONNECT_LATENCY, inflight_full);
}

static __always_inline void fill(struct slo_abi_event *e, const struct change *c,
                                 const struct where *w, __u32 seen)
{
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->proto = SLO_IPPROTO_TCP;
	e->sport = c->sport;
	e->dport = c->dport;
	e->family = w->family;
	slo_copy16(e->saddr, w->saddr);
	slo_copy16(e->daddr, w->daddr);
	e->extra.conn.syn_retrans = seen / SEEN_SYN_AGAIN;
}

static __always_inline void established(void *ctx, const struct change *c, const struct where *w,
                                        const struct slo_abi_sock *b)
{
	struct slo_measure m = { .start_ns = b->start_ns, .ns = bpf_ktime_get_ns() - b->start_ns };
	struct slo_abi_event *e = slo_latency(SLO_ABI_CONNECT_LATENCY, &b->owner, &m);

	if (!e)
		return;
	fill(e, c, w, b->pad);
#ifdef SLO_EXT
	struct told t = {};

	ask((const struct sock *)c->sk, &t);
	e->extra.conn.syn_retrans = t.retrans;
	e->extra.conn.srtt_us = t.srtt_us;
#endif
	slo_output(ctx, e);
}

/*
 * Who closes tells: its own process gives up (and before any repeated SYN it raced another address), the kernel ends it
 * for a reset, for time, or for what a router said. An interrupt may run on top of the very process, hence only then.
 */
#ifndef SLO_EXT
static __always_inline int judge(const struct slo_abi_sock *b, struct told *t, __u8 *flags)
{
	int by_owner = (__u32)(bpf_get_current_pid_tgid() >> 32) == b->owner.tgid;

	t->retrans = b->pad / SEEN_SYN_AGAIN;
	if (b->pad & SEEN_RESET)
		t->err = SLO_ECONNREFUSED;
	else if (by_owner && !t->retrans)
		return 0;
	else if (t->retrans && !by_owner)
		t->err = SLO_ETIMEDOUT;
	*flags = by_owner && !t->err ? SLO_ABI_F_ABORTED : 0;
	return 1;
}
#else
/* As in bpf/connect.bpf.c. */
static __always_inline int judge_told(struct told *t, __u8 *flags)
{
	if (!t->err && t->unsent) {
		t->err = SLO_EADDRNOTAVAIL;
		*flags = SLO_ABI_F_LOCAL;
	} else if (!t->err && !t->retrans) {
		return 0;
	} else if (!t->err) {
		*flags = SLO_ABI_F_ABORTED;
	}
	return 1;
}
#endif

static __always_inline void failed(void *ctx, const struct change *c, const struct where *w,
                                   const struct slo_abi_sock *b)
{
	struct slo_abi_count_key key = { .cgroup_id = b->owner.cgroup_id, .netns = b->owner.netns };
	struct slo_abi_event *e;
	struct told t = {};
	__u8 flags = 0;

#ifdef SLO_EXT
	ask((const struct sock *)c->sk, &t);
	if (!judge_told(&t, &flags))
		return;
#else
	if (!judge(b, &t, &flags))
		return;
#endif
	key.tag = (__u8)t.err;
	key.family = w->family;
	key.dport = c->dport;
	slo_copy16(key.daddr, w->daddr);
	e = slo_count(SLO_ABI_CONNECT_ERRORS, &b->owner, &key, 1);
	if (!e)
		return;
	fill(e, c, w, b->pad);
	e->err = t.err;
	e->flags = flags;
	e->extra.conn.syn_retrans = t.retrans;
	e->extra.conn.after_ns = e->start_ns - b->start_ns;
	slo_output(ctx, e);
}

/* Its own copy of what begins a measurement; no measurement: 0. */
static __always_inline int take(const struct change *c, struct slo_abi_sock *ret)
{
	__u64 key = c->sk;
	struct slo_abi_sock *found = bpf_map_lookup_elem(&slo_socks, &key);

	if (!found || !found->start_ns) {
		if (c->oldstate == SLO_TCP_SYN_SENT)
			slo_stat_inc(SLO_ABI_CONNECT_LATENCY, unmatched);
		else if (found)
			bpf_map_delete_elem(&slo_socks, &key);
		return 0;
	}
	*ret = *found;
	/* Measured once; the owner stays, for retransmits. */
	found->start_ns = 0;
	return ret->admitted;
}

#define ON_CHANGE(ctx, c, id)                                                                      \
	do {                                                                                       \
		struct slo_abi_sock s_;                                                            \
		struct where w_ = {};                                                              \
		__u64 key_ = (c).sk;                                                               \
                                                                                                   \
		if ((c).newstate == SLO_TCP_SYN_SENT) {                                            \
			begin(key_);                                                               \
		} else if ((c).newstate == SLO_TCP_LISTEN) {                                       \
			slo_sock_listens((const struct sock *)key_, (c).sport);                    \
		} else if ((c).newstate == SLO_TCP_ESTABLISHED || (c).newstate == SLO_TCP_CLOSE) { \
			if (((c).oldstate == SLO_TCP_SYN_SENT ||                                   \
			     (c).oldstate == SLO_TCP_SYN_RECV) &&                                  \
			    take(&(c), &s_)) {                                                     \
				w_.family = slo_field_addresses(ctx, id, w_.saddr, w_.daddr);      \
				if ((c).newstate == SLO_TCP_ESTABLISHED)                           \
					established(ctx, &(c), &w_, &s_);                          \
				else                                                               \
					failed(ctx, &(c), &w_, &s_);                               \
			}                                                                          \
			if ((c).newstate == SLO_TCP_CLOSE)                                         \
				bpf_map_delete_elem(&slo_socks, &key_);                            \
		}                                                                                  \
	} while (0)

#define CHANGE(ctx, id)                                                                            \
	{                                                                                          \
		.sk = slo_field_u64(ctx, id##_SK), .oldstate = slo_field_u32(ctx, id##_OLD),       \
		.newstate = slo_field_u32(ctx, id##_NEW), .sport = slo_field_u16(ctx, id##_SPORT), \
		.dport = slo_field_u16(ctx, id##_DPORT),                                           \
	}

SEC("tracepoint/sock/inet_sock_set_state")
int conn_set_state(void *ctx)
{
	struct change c = CHANGE(ctx, STATE);

	/* One byte before 5.6, two since. */
	if ((slo_field_u8(ctx, STATE_PROTO1, 0) | slo_field_u16(ctx, STATE_PROTO2)) ==
	    SLO_IPPROTO_TCP)
		ON_CHANGE(ctx, c, STATE);
	return 0;
}

/* 4.15 had it under another name. */
SEC("tracepoint/tcp/tcp_set_state")
int conn_tcp_set_state(void *ctx)
{
	struct change c = CHANGE(ctx, TSTATE);

	ON_CHANGE(ctx, c, TSTATE);
	return 0;
}

static __always_inline void note(__u64 sk, __u32 what)
{
	struct slo_abi_sock *s = bpf_map_lookup_elem(&slo_socks, &sk);

	if (s && s->start_ns)
		s->pad = what == SEEN_RESET ? s->pad | SEEN_RESET : s->pad + what;
}

SEC("tracepoint/tcp/tcp_receive_reset")
int conn_reset(void *ctx)
{
	note(slo_field_u64(ctx, RESET_SK), SEEN_RESET);
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_skb")
int conn_syn_again(void *ctx)
{
	note(slo_field_u64(ctx, RETR_SK), SEEN_SYN_AGAIN);
	return 0;
}
