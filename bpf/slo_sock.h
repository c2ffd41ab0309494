/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a TCP socket is, remembered in its owner's own context: when it is connected or begins to listen. Both signals of
 * TCP need it, so the maps are shared, and one program fills them for both (SLO_OBJ_CONNECT's where that is attached).
 */
#ifndef SLO_BPF_SLO_SOCK_H
#define SLO_BPF_SLO_SOCK_H

#include "bpf/slo_bpf.h"

/* Keyed by the socket's address: a socket always passes CLOSE before its memory is used again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct slo_abi_sock);
} slo_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct slo_abi_listener);
	__type(value, struct slo_abi_owner);
} slo_listeners SEC(".maps");

#ifndef SLO_FREE
/*
 * At CLOSE a record is marked, and written anew for the next socket there: an update and a delete cost as much as ten look-ups.
 * Programs without BTF delete it: what they have seen of a connect stands in pad (free/connect.bpf.c).
 */
#define SLO_SOCK_CLOSED 1 /* of struct slo_abi_sock.pad */

/* The socket's record, or NULL. */
static __always_inline struct slo_abi_sock *slo_sock_known(__u64 key)
{
	struct slo_abi_sock *s = bpf_map_lookup_elem(&slo_socks, &key);

	return s && s->pad != SLO_SOCK_CLOSED ? s : 0;
}

static __always_inline long slo_sock_keep(__u64 key, const struct slo_abi_sock *s)
{
	struct slo_abi_sock *room = bpf_map_lookup_elem(&slo_socks, &key);

	if (!room)
		return bpf_map_update_elem(&slo_socks, &key, s, BPF_ANY);
	*room = *s;
	return 0;
}

static __always_inline void slo_sock_closes(__u64 key)
{
	struct slo_abi_sock *s = bpf_map_lookup_elem(&slo_socks, &key);

	if (s)
		s->pad = SLO_SOCK_CLOSED;
}
#endif

static __always_inline void slo_listener_key(struct slo_abi_listener *l, const struct sock *sk,
                                             __u16 port)
{
	l->netns = slo_sock_netns(sk);
	l->port = port;
}

/* The running task is the socket's: true at the transitions to SYN_SENT and LISTEN, which the owner makes itself. */
static __always_inline void slo_sock_owner(const struct sock *sk, struct slo_abi_owner *o)
{
	slo_owner_current(o);
	o->netns = slo_sock_netns(sk);
}

static __always_inline void slo_sock_listens(const struct sock *sk, __u16 port)
{
	struct slo_abi_listener l = {};
	struct slo_abi_owner o = {};

	slo_sock_owner(sk, &o);
	l.netns = o.netns;
	l.port = port;
	bpf_map_update_elem(&slo_listeners, &l, &o, BPF_ANY);
}

#endif
