/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP segments sent again, from the tracepoints' records alone: whether it was a SYN is known, whether a timeout or
 * duplicate ACKs were the reason is not, unless the socket can be read (SLO_EXT).
 */
#include "bpf/slo_sock.h"

#ifdef SLO_EXT
#define SLO_CA_RECOVERY 3
#define SLO_CA_LOSS 4
#define SLO_ICSK_TIME_LOSS_PROBE 5

/* As in bpf/retransmit.bpf.c. */
static __always_inline __u32 reason(const struct sock *sk)
{
	const struct inet_connection_sock *icsk = (const void *)sk;
	__u32 ca_state = BPF_CORE_READ_BITFIELD_PROBED(icsk, icsk_ca_state);

	if (ca_state == SLO_CA_LOSS)
		return SLO_ABI_RETR_RTO;
	if (ca_state == SLO_CA_RECOVERY)
		return SLO_ABI_RETR_FAST;
	if (BPF_CORE_READ(icsk, icsk_pending) == SLO_ICSK_TIME_LOSS_PROBE)
		return SLO_ABI_RETR_TLP;
	return SLO_ABI_RETR_OTHER;
}

static __always_inline __u32 segments(const struct sk_buff *skb)
{
	__u16 n = 0;

	if (bpf_core_field_exists(struct tcp_skb_cb, tcp_gso_segs))
		bpf_probe_read(&n, sizeof(n),
		               (void *)skb + bpf_core_field_offset(struct sk_buff, cb) +
		                       bpf_core_field_offset(struct tcp_skb_cb, tcp_gso_segs));
	return n ? n : 1;
}

static __always_inline __u16 read_state(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
}

static __always_inline void read_owner(const struct sock *sk, struct slo_abi_owner *o)
{
	__u64 cgroup_id = slo_sock_cgroup_id(sk);

	o->netns = slo_sock_netns(sk);
	if (cgroup_id)
		o->cgroup_id = cgroup_id;
}
#else
#define reason(sk) SLO_ABI_RETR_OTHER
#define segments(skb) 1
/* What has begun to connect and is not measured yet is still sending SYNs; of others the state is unknown. */
static __always_inline __u16 read_state(const struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct slo_abi_sock *known = bpf_map_lookup_elem(&slo_socks, &key);

	return known && known->start_ns ? SLO_TCP_SYN_SENT : 0;
}
#define read_owner(sk, o) ((void)0)
#endif

static __always_inline void find_owner(__u64 sk, __u16 sport, struct slo_abi_owner *o)
{
	struct slo_abi_sock *connected = bpf_map_lookup_elem(&slo_socks, &sk);
	struct slo_abi_listener l = { .port = sport };
	struct slo_abi_owner *known;

	if (connected) {
		*o = connected->owner;
		return;
	}
	if (sk)
		l.netns = slo_sock_netns((const struct sock *)sk);
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
	__u32 segs;
};

static __always_inline void report(void *ctx, const struct again *a, const struct slo_abi_owner *o)
{
	struct slo_abi_count_key key = { .cgroup_id = o->cgroup_id, .netns = o->netns };
	struct slo_abi_event *e;

	if (!slo_admit(SLO_ABI_TCP_RETRANSMITS, o))
		return;
	key.tag = a->kind;
	key.family = a->family;
	/* The remote port of an accepted socket is anybody's: keep the number of keys down. */
	key.dport = o->flags & SLO_ABI_F_PASSIVE ? 0 : a->dport;
	slo_copy16(key.daddr, a->daddr);
	e = slo_count(SLO_ABI_TCP_RETRANSMITS, o, &key, a->segs);
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
	e->extra.retr.segs = a->segs;
	slo_output(ctx, e);
}

SEC("tracepoint/tcp/tcp_retransmit_skb")
int retr_skb(void *ctx)
{
	__u64 sk = slo_field_u64(ctx, RETR_SK);
	struct again a = { .state = (__u16)slo_field_u32(ctx, RETR_STATE),
		           .segs = segments((const struct sk_buff *)slo_field_u64(ctx, RETR_SKB)) };
	struct slo_abi_owner o = {};

	/* Records of 4.19 have none, those of 5.4 do. */
	if (!a.state)
		a.state = read_state((const struct sock *)sk);
	a.sport = slo_field_u16(ctx, RETR_SPORT);
	a.dport = slo_field_u16(ctx, RETR_DPORT);
	a.family = slo_field_addresses(ctx, RETR, a.saddr, a.daddr);
	if (slo_field_u32(ctx, RETR_ERR))
		a.kind = SLO_ABI_RETR_FAILED;
	else if (a.state == SLO_TCP_SYN_SENT)
		a.kind = SLO_ABI_RETR_SYN;
	else
		a.kind = reason((const struct sock *)sk);
	find_owner(sk, a.sport, &o);
	read_owner((const struct sock *)sk, &o);
	report(ctx, &a, &o);
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_synack")
int retr_synack(void *ctx)
{
	struct again a = { .kind = SLO_ABI_RETR_SYNACK, .state = SLO_TCP_SYN_RECV, .segs = 1 };
	struct slo_abi_owner o = {};

	a.sport = slo_field_u16(ctx, SYNACK_SPORT);
	a.dport = slo_field_u16(ctx, SYNACK_DPORT);
	a.family = slo_field_addresses(ctx, SYNACK, a.saddr, a.daddr);
	find_owner(slo_field_u64(ctx, SYNACK_SK), a.sport, &o);
	read_owner((const struct sock *)slo_field_u64(ctx, SYNACK_SK), &o);
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
	struct slo_abi_sock *known, s = {};

	if ((slo_field_u8(ctx, STATE_PROTO1, 0) | slo_field_u16(ctx, STATE_PROTO2)) !=
	    SLO_IPPROTO_TCP)
		return 0;
	if (newstate == SLO_TCP_CLOSE) {
		bpf_map_delete_elem(&slo_socks, &key);
	} else if (newstate == SLO_TCP_LISTEN) {
		slo_sock_listens((const struct sock *)key, slo_field_u16(ctx, STATE_SPORT));
	} else if (newstate == SLO_TCP_SYN_SENT) {
		slo_sock_owner((const struct sock *)key, &s.owner);
		s.start_ns = bpf_ktime_get_ns();
		bpf_map_update_elem(&slo_socks, &key, &s, BPF_ANY);
	} else {
		known = bpf_map_lookup_elem(&slo_socks, &key);
		if (known)
			known->start_ns = 0;
	}
	return 0;
}
