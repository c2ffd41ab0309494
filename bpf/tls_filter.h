/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which packets matter to TLS: those that may begin a handshake, and all that may be of one under way. */
#ifndef SLO_BPF_TLS_FILTER_H
#define SLO_BPF_TLS_FILTER_H

#include "bpf/slo_skb.h"

/* Bytes that tell a ClientHello from nearly everything: record header and message type. */
#define TLS_PEEK 6

enum {
	RECORD_CCS = 20,
	RECORD_ALERT,
	RECORD_HANDSHAKE,
	RECORD_DATA,
	RECORD_HEARTBEAT,
};

enum {
	HELLO_CLIENT = 1,
	HELLO_SERVER = 2,
	EXT_SERVER_NAME = 0,
	EXT_SUPPORTED_VERSIONS = 43,
};

/* User space, which ends what nobody answers, counts down too. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, SLO_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slo_abi_tls_hot);
} tls_hot SEC(".maps");

#ifdef SLO_FREE
/* Where maps cannot be mapped, user space counts ends apart: one writer each. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLO_ABI_TLS_BUCKETS);
	__type(key, __u32);
	__type(value, __u32);
} tls_cold SEC(".maps");

static __always_inline int is_hot(__u32 bucket)
{
	__u32 zero = 0, key = bucket & (SLO_ABI_TLS_BUCKETS - 1);
	struct slo_abi_tls_hot *hot = bpf_map_lookup_elem(&tls_hot, &zero);
	__u32 *ended = bpf_map_lookup_elem(&tls_cold, &key);
	__u64 i = bucket;

	/* Bounded again, in one register that the compiler does not know to be: old verifiers forget the first bound. */
	slo_opaque(i);
	i &= SLO_ABI_TLS_BUCKETS - 1;
	return hot && ended && hot->count[i] != *ended;
}
#else
static __always_inline int is_hot(__u32 bucket)
{
	__u32 zero = 0;
	struct slo_abi_tls_hot *hot = bpf_map_lookup_elem(&tls_hot, &zero);
	__u64 i = bucket;

	/* As above: 5.10's verifier forgets it too. */
	slo_opaque(i);
	i &= SLO_ABI_TLS_BUCKETS - 1;
	return hot && hot->count[i];
}
#endif

/* What may be the begin of a ClientHello. Where the application writes less than the first six bytes, its first byte. */
static __always_inline int may_begin(struct __sk_buff *skb, const struct slo_packet *p)
{
	__u8 b[TLS_PEEK];

	if (p->payload_len < TLS_PEEK)
		return !bpf_skb_load_bytes(skb, p->payload, b, 1) && b[0] == RECORD_HANDSHAKE;
	return !bpf_skb_load_bytes(skb, p->payload, b, TLS_PEEK) && b[0] == RECORD_HANDSHAKE &&
	       b[1] == 3 && b[2] <= 4 && b[5] == HELLO_CLIENT;
}

static __always_inline __u32 bucket_of(const struct slo_packet *p)
{
	return (p->sport ^ p->dport) & (SLO_ABI_TLS_BUCKETS - 1);
}

static __always_inline int is_of_interest(const struct slo_packet *p)
{
	/* A hello inside a SYN (TCP fast open) says nothing of where the server's bytes begin: not measured. */
	return p->proto == SLO_IPPROTO_TCP && !(p->flags & SLO_TCP_SYN) &&
	       (p->payload_len || (p->flags & (SLO_TCP_FIN | SLO_TCP_RST)));
}

#endif
