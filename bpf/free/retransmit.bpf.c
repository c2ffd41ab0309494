/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP segments sent again, from the tracepoints' records alone: whether it was a SYN is known, whether a timeout or
 * duplicate ACKs were the reason is not.
 */
#include "bpf/free/tcp_free.h"

static __always_inline void find_owner(__u64 sk, __u16 sport, struct slo_abi_owner *o)
{
	struct slo_abi_sock *connected = bpf_map_lookup_elem(&slo_socks, &sk);
	struct slo_abi_listener l = { .port = sport };
	struct slo_abi_owner *known;

	if (connected) {
		*o = connected->owner;
		return;
	}
	known = bpf_map_lookup_elem(&slo_listeners, &l);
	if (!known)
		return;
	*o = *known;
	o->flags |= SLO_ABI_F_PASSIVE;
}

struct again {
	__u8 saddr[16];
	__u8 daddr[16];
	__u16 sport;
	__u16 dport;
	__u8 family;
	__u8 kind;
	__u16 state;
};

static __always_inline void report(void *ctx, const struct again *a, const struct slo_abi_owner *o)
{
	struct slo_abi_count_key key = { .cgroup_id = o->cgroup_id };
	struct slo_abi_event *e;

	if (!slo_admit(SLO_ABI_TCP_RETRANSMITS, o))
		return;
	key.tag = a->kind;
	key.family = a->family;
	/* The remote port of an accepted socket is anybody's: keep the number of keys down. */
	key.dport = o->flags & SLO_ABI_F_PASSIVE ? 0 : a->dport;
	slo_copy16(key.daddr, a->daddr);
	e = slo_count(SLO_ABI_TCP_RETRANSMITS, o, &key, 1);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->proto = SLO_IPPROTO_TCP;
	e->family = a->family;
	e->sport = a->sport;
	e->dport = a->dport;
	slo_copy16(e->saddr, a->saddr);
	slo_copy16(e->daddr, a->daddr);
	e->flags = o->flags & SLO_ABI_F_PASSIVE;
	e->extra.retr.kind = a->kind;
	e->extra.retr.tcp_state = a->state;
	e->extra.retr.segs = 1;
	slo_output(ctx, e);
}

SEC("tracepoint/tcp/tcp_retransmit_skb")
int retr_skb(void *ctx)
{
	__u64 sk = slo_field_u64(ctx, RETR_SK);
	struct again a = { .state = (__u16)slo_field_u32(ctx, RETR_STATE) };
	struct slo_abi_owner o = {};

	a.sport = slo_field_u16(ctx, RETR_SPORT);
	a.dport = slo_field_u16(ctx, RETR_DPORT);
	a.family = slo_field_addresses(ctx, RETR, a.saddr, a.daddr);
	if (slo_field_u32(ctx, RETR_ERR))
		a.kind = SLO_ABI_RETR_FAILED;
	else if (a.state == SLO_TCP_SYN_SENT)
		a.kind = SLO_ABI_RETR_SYN;
	find_owner(sk, a.sport, &o);
	report(ctx, &a, &o);
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_synack")
int retr_synack(void *ctx)
{
	struct again a = { .kind = SLO_ABI_RETR_SYNACK, .state = SLO_TCP_SYN_RECV };
	struct slo_abi_owner o = {};

	a.sport = slo_field_u16(ctx, SYNACK_SPORT);
	a.dport = slo_field_u16(ctx, SYNACK_DPORT);
	a.family = slo_field_addresses(ctx, SYNACK, a.saddr, a.daddr);
	find_owner(0, a.sport, &o);
	o.flags |= SLO_ABI_F_PASSIVE;
	report(ctx, &a, &o);
	return 0;
}

/* Only where the connect signal's program, which does the same, is not attached. */
SEC("tracepoint/sock/inet_sock_set_state")
int retr_set_state(void *ctx)
{
	__u64 key = slo_field_u64(ctx, STATE_SK);
	__u32 newstate = slo_field_u32(ctx, STATE_NEW);
	struct slo_abi_sock s = {};

	if ((slo_field_u8(ctx, STATE_PROTO1, 0) | slo_field_u16(ctx, STATE_PROTO2)) !=
	    SLO_IPPROTO_TCP)
		return 0;
	if (newstate == SLO_TCP_CLOSE) {
		bpf_map_delete_elem(&slo_socks, &key);
	} else if (newstate == SLO_TCP_LISTEN) {
		remember_listener(slo_field_u16(ctx, STATE_SPORT));
	} else if (newstate == SLO_TCP_SYN_SENT) {
		slo_owner_current(&s.owner);
		bpf_map_update_elem(&slo_socks, &key, &s, BPF_ANY);
	}
	return 0;
}
