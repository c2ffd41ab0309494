/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP segments sent again, with the reason and the socket's owner, as bpf/retransmit.bpf.c. From 4.15 by the tracepoints,
 * which fire for what was sent; before that by kprobes, which also see attempts that fail on this host.
 */
#include "bcc/slo_bcc.h"
#include "bcc/slo_sock.bcc.h"

#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#define SLO_CA_RECOVERY 3
#define SLO_CA_LOSS 4
#define SLO_ICSK_TIME_LOSS_PROBE 5

BPF_TABLE("hash", struct slo_abi_count_key, struct slo_abi_count_val, slo_counts_retr, 4096);

static __always_inline void retr_owner(struct sock *sk, struct slo_abi_owner *o)
{
	__u64 key = (__u64)sk, cgroup_id = slo_sock_cgroup_id(sk);
	struct slo_abi_listener l = {};
	struct slo_abi_sock *connected = slo_socks.lookup(&key);
	struct slo_abi_owner *known = 0;
	int is_known = 0;

	if (connected) {
		*o = connected->owner;
		is_known = 1;
	}
	slo_listener_key(&l, sk);
	if (!is_known) {
		known = slo_listeners.lookup(&l);
		if (known) {
			*o = *known;
			o->flags = SLO_ABI_F_PASSIVE;
		}
	}
	if (cgroup_id)
		o->cgroup_id = cgroup_id;
	o->netns = l.netns;
}

/*
 * A bit-field has no address. icsk_ca_state is the low bits of the byte before icsk_retransmits, 6 of them in 4.4 and 5 in
 * 5.10; its largest value is 4.
 */
static __always_inline __u32 retr_reason(struct sock *sk)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	__u8 state = 0, ca = 0, pending = 0;

	bpf_probe_read(&state, 1, (void *)&sk->__sk_common.skc_state);
	if (state == TCP_SYN_SENT)
		return SLO_ABI_RETR_SYN;
	bpf_probe_read(&ca, 1, (char *)&icsk->icsk_retransmits - 1);
	ca &= 0x1f;
	if (ca == SLO_CA_LOSS)
		return SLO_ABI_RETR_RTO;
	if (ca == SLO_CA_RECOVERY)
		return SLO_ABI_RETR_FAST;
	bpf_probe_read(&pending, 1, &icsk->icsk_pending);
	return pending == SLO_ICSK_TIME_LOSS_PROBE ? SLO_ABI_RETR_TLP : SLO_ABI_RETR_OTHER;
}

static __always_inline int retr_aggregate(struct slo_abi_event *zero, struct slo_abi_count_key *key,
                                          __u64 n, const struct slo_abi_owner *o)
{
	struct slo_abi_count_val *c = slo_counts_retr.lookup(key);

	if (!c) {
		slo_counts_retr.insert(key, (struct slo_abi_count_val *)zero);
		c = slo_counts_retr.lookup(key);
		if (!c)
			return -1;
	}
	slo_count_add(c, n, o);
	return 0;
}

static __always_inline void retr_report(void *ctx, struct sock_common *c, struct slo_abi_owner *o,
                                        __u32 kind, __u32 segs)
{
	struct slo_abi_count_key key = { .cgroup_id = o->cgroup_id, .netns = o->netns };
	struct slo_abi_event e = {};
	__u8 state = 0;
	__u16 dport = 0;
	int aggregated;

	if (!slo_admit(SLO_ABI_TCP_RETRANSMITS, o))
		return;
	slo_read(&dport, &c->skc_dport);
	key.tag = (__u8)kind;
	/* The remote port of an accepted socket is anybody's: keep the number of keys down. */
	key.dport = o->flags & SLO_ABI_F_PASSIVE ? 0 : ntohs(dport);
	key.family = slo_sock_remote(c, key.daddr);
	aggregated = retr_aggregate(&e, &key, segs, o);
	if (!slo_count(&e, SLO_ABI_TCP_RETRANSMITS, o, aggregated, segs))
		return;
	slo_event_sock(&e, c);
	bpf_probe_read(&state, 1, (void *)&c->skc_state);
	e.flags = (__u8)o->flags;
	e.extra.retr.kind = kind;
	e.extra.retr.tcp_state = state;
	e.extra.retr.segs = segs;
	slo_submit(ctx, &e);
}

/* A lone segment may say 0 or 1. */
static __always_inline __u32 retr_segments(struct sk_buff *skb)
{
	__u16 segs = 0;

	bpf_probe_read(&segs, sizeof(segs), &((struct tcp_skb_cb *)&skb->cb[0])->tcp_gso_segs);
	return segs ? segs : 1;
}

static __always_inline void retr_segment(void *ctx, struct sock *sk, __u32 segs, __u32 reason)
{
	struct slo_abi_owner owner = {}, *o = &owner;

	slo_keep(o);
	retr_owner(sk, o);
	retr_report(ctx, &sk->__sk_common, o, reason, segs);
}

static __always_inline void retr_answer(void *ctx, struct sock *sk, struct request_sock *req)
{
	struct slo_abi_owner owner = {}, *o = &owner;

	slo_keep(o);
	retr_owner(sk, o);
	o->flags |= SLO_ABI_F_PASSIVE;
	retr_report(ctx, &req->__req_common, o, SLO_ABI_RETR_SYNACK, 1);
}

#ifdef SLO_OFF_RETR_SK
int retr_skb_tp(void *ctx)
{
	struct sock *sk = slo_field(struct sock *, ctx, SLO_OFF_RETR_SK);
	int err = 0;

#ifdef SLO_OFF_RETR_ERR
	err = slo_field(int, ctx, SLO_OFF_RETR_ERR);
#endif
	retr_segment(ctx, sk, retr_segments(slo_field(struct sk_buff *, ctx, SLO_OFF_RETR_SKB)),
	             err ? SLO_ABI_RETR_FAILED : retr_reason(sk));
	return 0;
}
#endif

#ifdef SLO_OFF_SYNACK_SK
int retr_synack_tp(void *ctx)
{
	retr_answer(ctx, slo_field(struct sock *, ctx, SLO_OFF_SYNACK_SK),
	            slo_field(struct request_sock *, ctx, SLO_OFF_SYNACK_REQ));
	return 0;
}
#endif

/*
 * From 4.7 as many segments as the caller says are cut off and sent, before that one. A tail loss probe comes by the inner
 * function alone.
 */
static __always_inline void retr_asked(struct pt_regs *ctx, int is_inner)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1(ctx);
	__u32 segs = 1, reason = retr_reason(sk);

	if (is_inner != (reason == SLO_ABI_RETR_TLP))
		return;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 7, 0)
	segs = retr_segments((struct sk_buff *)PT_REGS_PARM2(ctx));
	if (segs > (__u32)PT_REGS_PARM3(ctx))
		segs = (__u32)PT_REGS_PARM3(ctx);
#endif
	retr_segment(ctx, sk, segs, reason);
}

int retr_skb_kp(struct pt_regs *ctx)
{
	retr_asked(ctx, 0);
	return 0;
}

int retr_probe_kp(struct pt_regs *ctx)
{
	retr_asked(ctx, 1);
	return 0;
}

int retr_synack_kp(struct pt_regs *ctx)
{
	retr_answer(ctx, (struct sock *)PT_REGS_PARM1(ctx),
	            (struct request_sock *)PT_REGS_PARM2(ctx));
	return 0;
}
