/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the TCP programs without BTF share: sockets and their owners, by the addresses that tracepoints give. */
#ifndef SLO_BPF_TCP_FREE_H
#define SLO_BPF_TCP_FREE_H

#include "bpf/slo_bpf.h"

/* As in slo_sock.h. */
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

#ifndef SLO_EXT
/* The network namespace is in no tracepoint: 0 for all, so that listeners are told by their port alone. */
#define slo_sock_netns(sk) 0
#endif

static __always_inline void remember_listener(__u64 sk, __u16 port)
{
	struct slo_abi_listener l = { .port = port };
	struct slo_abi_owner o = {};

	slo_owner_current(&o);
	o.netns = l.netns = slo_sock_netns((const struct sock *)sk);
	bpf_map_update_elem(&slo_listeners, &l, &o, BPF_ANY);
}

#endif
