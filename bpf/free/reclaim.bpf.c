/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stalls in memory reclaim and compaction from the tracepoints' records alone; see bpf/reclaim.bpf.c. Threads of the kernel
 * that do it for a living are told by their names.
 */
#include "bpf/slo_bpf.h"

struct stall {
	__u64 start_ns;
	__u32 kind; /* enum slo_abi_reclaim_kind */
	__u32 order;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); /* thread */
	__type(value, struct stall);
} reclaim_stalls SEC(".maps");

/* kswapd0, kcompactd0, khugepaged. */
static __always_inline int is_kernel_thread(const char *comm)
{
	__u32 begin;

	__builtin_memcpy(&begin, comm, sizeof(begin));
	return begin == ('k' | 's' << 8 | 'w' << 16 | 'a' << 24) ||
	       begin == ('k' | 'c' << 8 | 'o' << 16 | 'm' << 24) ||
	       begin == ('k' | 'h' << 8 | 'u' << 16 | 'g' << 24);
}

static __always_inline void begin(__u32 kind, __u32 order)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct stall *outer, s = { .start_ns = bpf_ktime_get_ns(), .kind = kind, .order = order };
	struct slo_abi_owner o = {};

	/* A kind does not nest in itself: the same one again means that its end was missed. */
	outer = bpf_map_lookup_elem(&reclaim_stalls, &tid);
	if (outer && outer->kind != kind)
		return;
	slo_owner_current(&o);
	if (is_kernel_thread(o.comm) || !slo_admit(SLO_ABI_MEM_RECLAIM, &o))
		return;
	if (bpf_map_update_elem(&reclaim_stalls, &tid, &s, BPF_ANY))
		slo_stat_inc(SLO_ABI_MEM_RECLAIM, inflight_full);
}

static __always_inline void end(void *ctx, __u32 kind, __u64 pages)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct stall *known = bpf_map_lookup_elem(&reclaim_stalls, &tid), s;
	struct slo_abi_owner o = {};
	struct slo_measure m = {};
	struct slo_abi_event *e;

	if (!known || known->kind != kind)
		return;
	s = *known;
	bpf_map_delete_elem(&reclaim_stalls, &tid);
	m.start_ns = s.start_ns;
	m.ns = bpf_ktime_get_ns() - s.start_ns;
	m.tag = s.kind;
	slo_owner_current(&o);
	e = slo_latency(SLO_ABI_MEM_RECLAIM, &o, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->extra.reclaim.kind = s.kind;
	e->extra.reclaim.order = s.order;
	e->extra.reclaim.pages = pages;
	slo_output(ctx, e);
}

SEC("tracepoint/vmscan/mm_vmscan_direct_reclaim_begin")
int direct_begin(void *ctx)
{
	begin(SLO_ABI_RECLAIM_DIRECT, slo_field_u32(ctx, DIRECT_ORDER));
	return 0;
}

SEC("tracepoint/vmscan/mm_vmscan_direct_reclaim_end")
int direct_end(void *ctx)
{
	end(ctx, SLO_ABI_RECLAIM_DIRECT, slo_field_u64(ctx, DIRECT_PAGES));
	return 0;
}

SEC("tracepoint/vmscan/mm_vmscan_memcg_reclaim_begin")
int memcg_begin(void *ctx)
{
	begin(SLO_ABI_RECLAIM_MEMCG, slo_field_u32(ctx, MEMCG_ORDER));
	return 0;
}

SEC("tracepoint/vmscan/mm_vmscan_memcg_reclaim_end")
int memcg_end(void *ctx)
{
	end(ctx, SLO_ABI_RECLAIM_MEMCG, slo_field_u64(ctx, MEMCG_PAGES));
	return 0;
}

SEC("tracepoint/compaction/mm_compaction_begin")
int compact_begin(void *ctx)
{
	begin(SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}

SEC("tracepoint/compaction/mm_compaction_end")
int compact_end(void *ctx)
{
	end(ctx, SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}
