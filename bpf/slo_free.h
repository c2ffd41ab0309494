/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What stands in for the features of newer kernels where an object is built with SLO_FREE: no BTF, no global data, no
 * loops, no calls between programs' functions, instructions of the first set. Included by slo_bpf.h. With SLO_EXT besides,
 * BTF of the kernel is at hand in a file: structures may be read, by copies, as no type is known to the verifier.
 *
 * Events: tracing programs use a perf buffer. Others may not before 5.4: what they have measured stays in their map of
 * things under way, marked, and user space makes aggregates and events of it.
 */
#ifndef SLO_BPF_SLO_FREE_H
#define SLO_BPF_SLO_FREE_H

#include "bpf/slo_fields.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} slo_perf SEC(".maps");

/* A constant that user space writes into the instruction. */
#define slo_const(id)                                                       \
	({                                                                  \
		__u64 v_;                                                   \
		asm volatile("%0 = %1" : "=r"(v_) : "i"(SLO_CONST_AT(id))); \
		v_;                                                         \
	})

#define slo_load_(type, ctx, at)                                                            \
	({                                                                                  \
		__u64 v_;                                                                   \
		asm volatile("%0 = *(" type " *)(%1 + %2)" : "=r"(v_) : "r"(ctx), "i"(at)); \
		v_;                                                                         \
	})

/* Fields of a tracepoint's record by their size. */
#define slo_field_u8(ctx, id, sub) ((__u8)slo_load_("u8", ctx, SLO_FIELD_AT(SLO_F_##id, sub)))
#define slo_field_u16(ctx, id) ((__u16)slo_load_("u16", ctx, SLO_FIELD_AT(SLO_F_##id, 0)))
#define slo_field_u32(ctx, id) ((__u32)slo_load_("u32", ctx, SLO_FIELD_AT(SLO_F_##id, 0)))
#define slo_field_u64(ctx, id) slo_load_("u64", ctx, SLO_FIELD_AT(SLO_F_##id, 0))
#define slo_field_u64_at(ctx, id, sub) slo_load_("u64", ctx, SLO_FIELD_AT(SLO_F_##id, sub))

/* Arrays of bytes stand anywhere, and a record takes aligned loads only: copied. */
#define slo_field_copy(to, size, ctx, id)                                             \
	({                                                                            \
		__u64 at_;                                                            \
		asm volatile("%0 = %1" : "=r"(at_) : "i"(SLO_OFFSET_AT(SLO_F_##id))); \
		bpf_probe_read(to, size, (void *)(ctx) + at_);                        \
	})

/* Its runs are in the kernel's own account only, from 5.8. */
#define SLO_TIMED(name, type, ctx) name(type ctx)

#define slo_cgroup_v1 slo_const(SLO_K_CGROUP_V1)
#define slo_owner_by slo_const(SLO_K_OWNER_BY)

#define slo_skb_cgroup(skb) (slo_const(SLO_K_SKB_CGROUP) == 1 ? bpf_skb_cgroup_id(skb) : 0)

/* The running task, as far as helpers tell. */
static __always_inline void slo_owner_current(struct slo_abi_owner *o)
{
	__u64 id = bpf_get_current_pid_tgid();

	o->tgid = id >> 32;
	o->tid = (__u32)id;
	bpf_get_current_comm(o->comm, sizeof(o->comm));
	if (slo_const(SLO_K_TASK_CGROUP) == 1)
		o->cgroup_id = bpf_get_current_cgroup_id();
}

/*
 * Addresses of a TCP tracepoint's record as they are on the wire: the kernel writes IPv4 into the IPv6 fields too, mapped,
 * but leaves them zero where it has no IPv6. Gives the family.
 */
#define slo_field_addresses(ctx, id, saddr, daddr)                                            \
	({                                                                                    \
		const __u32 *d_ = slo_addr_words(daddr);                                      \
		__u8 family_ = SLO_AF_INET6;                                                  \
		slo_field_copy(daddr, 16, ctx, id##_DADDR6);                                  \
		if (!d_[0] && !d_[1] && ((!d_[2] && !d_[3]) || d_[2] == bpf_htonl(0xffff))) { \
			__builtin_memset(daddr, 0, 16);                                       \
			slo_field_copy(saddr, 4, ctx, id##_SADDR);                            \
			slo_field_copy(daddr, 4, ctx, id##_DADDR);                            \
			family_ = SLO_AF_INET;                                                \
		} else {                                                                      \
			slo_field_copy(saddr, 16, ctx, id##_SADDR6);                          \
		}                                                                             \
		family_;                                                                      \
	})

#ifdef SLO_EXT
#include "bpf/free/read.h"
#else
/* The network namespace is in no tracepoint: 0 for all, so that listeners are told by their port alone. */
#define slo_sock_netns(sk) 0
#endif

#endif
