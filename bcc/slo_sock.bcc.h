/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a TCP socket is, remembered in its owner's own context, as bpf/slo_sock.h: both signals of TCP need it. */
#ifndef SLO_SOCK_BCC_H
#define SLO_SOCK_BCC_H

/* Keyed by the socket's address: a socket always passes CLOSE before its memory is used again. */
BPF_TABLE(SLO_LRU, __u64, struct slo_abi_sock, slo_socks, 16384);
BPF_TABLE(SLO_LRU, struct slo_abi_listener, struct slo_abi_owner, slo_listeners, 1024);

static __always_inline void slo_listener_key(struct slo_abi_listener *l, struct sock *sk)
{
	__u16 port = 0;

	slo_read(&port, &sk->__sk_common.skc_num);
	l->netns = slo_sock_netns(sk);
	l->port = port;
}

static __always_inline void slo_sock_owner(void *ctx, struct sock *sk, struct slo_abi_owner *o)
{
	slo_owner_current(ctx, o);
	o->netns = slo_sock_netns(sk);
}

static __always_inline void slo_sock_listens(void *ctx, struct sock *sk)
{
	struct slo_abi_listener l = {};
	struct slo_abi_owner o = {};

	slo_listener_key(&l, sk);
	slo_sock_owner(ctx, sk, &o);
	if (slo_listeners.update(&l, &o))
		slo_stat_inc(SLO_ABI_TCP_RETRANSMITS, inflight_full);
}

#endif
