/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stalls in memory reclaim: direct reclaim of the machine, reclaim at a cgroup's own limit (other tracepoints: the former
 * stay silent in a container at its limit), compaction for large pages, and throttling of those who reclaim. The running
 * task is the victim.
 */
#include "bpf/slo_bpf.h"

/* How the running task's flags are known: kernel threads reclaim for a living. Set before load. */
enum {
	TASK_PROBE = 1,
	TASK_BTF
};
const volatile __u32 reclaim_task_by = TASK_BTF;

/* A stall under way, the outermost: reclaim may throttle, and compact, inside of it. */
struct stall {
	__u64 start_ns;
	__u64 throttled_ns;
	__u32 kind; /* enum slo_abi_reclaim_kind */
	__u32 order;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); /* thread */
	__type(value, struct stall);
} reclaim_stalls SEC(".maps");

static __always_inline int is_kernel_thread(void)
{
	const struct task_struct *task;

	if (reclaim_task_by == TASK_BTF) {
		task = (const struct task_struct *)bpf_get_current_task_btf();
		return task->flags & SLO_PF_KTHREAD;
	}
	task = (const struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, flags) & SLO_PF_KTHREAD;
}

/* Where ids are those of a v1 hierarchy, the helper gives everybody the unified root's. */
static __always_inline void owner(struct slo_abi_owner *o)
{
	slo_owner_current(o);
	if (slo_cgroup_v1 && reclaim_task_by == TASK_BTF)
		o->cgroup_id = slo_task_cgroup_id(bpf_get_current_task_btf());
}

static __always_inline void begin(__u32 kind, __u32 order)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct stall *outer, s = { .start_ns = bpf_ktime_get_ns(), .kind = kind, .order = order };
	struct slo_abi_owner o = {};

	if (is_kernel_thread())
		return;
	/* A kind does not nest in itself: the same one again means that its end was missed. */
	outer = bpf_map_lookup_elem(&reclaim_stalls, &tid);
	if (outer && outer->kind != kind)
		return;
	owner(&o);
	if (!slo_admit(SLO_ABI_MEM_RECLAIM, &o))
		return;
	if (bpf_map_update_elem(&reclaim_stalls, &tid, &s, BPF_ANY))
		slo_stat_inc(SLO_ABI_MEM_RECLAIM, inflight_full);
}

static __always_inline void report(const struct stall *s, __u64 ns, __u64 pages)
{
	struct slo_measure m = { .start_ns = s->start_ns, .ns = ns, .tag = s->kind };
	struct slo_abi_owner o = {};
	struct slo_abi_event *e;

	owner(&o);
	e = slo_latency(SLO_ABI_MEM_RECLAIM, &o, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TP_BTF;
	e->extra.reclaim.kind = s->kind;
	e->extra.reclaim.order = s->order;
	e->extra.reclaim.pages = pages;
	/* The kernel counts sleep in ticks: a nap may come out longer than all of the stall. */
	e->extra.reclaim.throttled_ns = s->throttled_ns < ns ? s->throttled_ns : ns;
	slo_trace_own(e);
	slo_submit(e);
}

static __always_inline void end(__u32 kind, __u64 pages)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct stall *known = bpf_map_lookup_elem(&reclaim_stalls, &tid), s;

	if (!known || known->kind != kind)
		return;
	s = *known;
	bpf_map_delete_elem(&reclaim_stalls, &tid);
	report(&s, bpf_ktime_get_ns() - s.start_ns, pages);
}

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int SLO_PROG(direct_begin, int order)
{
	begin(SLO_ABI_RECLAIM_DIRECT, (__u32)order);
	return 0;
}

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int SLO_PROG(direct_end, unsigned long pages)
{
	end(SLO_ABI_RECLAIM_DIRECT, pages);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int SLO_PROG(memcg_begin, int order)
{
	begin(SLO_ABI_RECLAIM_MEMCG, (__u32)order);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int SLO_PROG(memcg_end, unsigned long pages)
{
	end(SLO_ABI_RECLAIM_MEMCG, pages);
	return 0;
}

/* vm.zone_reclaim_mode: the machine's reclaim, of one NUMA node. */
SEC("tp_btf/mm_vmscan_node_reclaim_begin")
int SLO_PROG(node_begin, int nid, int order)
{
	begin(SLO_ABI_RECLAIM_DIRECT, (__u32)order);
	return 0;
}

SEC("tp_btf/mm_vmscan_node_reclaim_end")
int SLO_PROG(node_end, unsigned long pages)
{
	end(SLO_ABI_RECLAIM_DIRECT, pages);
	return 0;
}

/* Their arguments changed in every other release; none is needed. */
SEC("tp_btf/mm_compaction_begin")
int SLO_PROG(compact_begin)
{
	begin(SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}

SEC("tp_btf/mm_compaction_end")
int SLO_PROG(compact_end)
{
	end(SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}

/* From 5.16; fires when the sleep is over. Inside of a stall it is a part of that, and not counted again. */
SEC("tp_btf/mm_vmscan_throttled")
int SLO_PROG(throttled, int nid, int usec_timeout, int usec_delayed)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct stall *outer = bpf_map_lookup_elem(&reclaim_stalls, &tid);
	__u64 ns = usec_delayed > 0 ? (__u64)usec_delayed * 1000 : 0;
	struct stall s = { .kind = SLO_ABI_RECLAIM_THROTTLE, .throttled_ns = ns };
	struct slo_abi_owner o = {};

	if (outer) {
		outer->throttled_ns += ns;
		return 0;
	}
	if (is_kernel_thread())
		return 0;
	owner(&o);
	if (!slo_admit(SLO_ABI_MEM_RECLAIM, &o))
		return 0;
	s.start_ns = bpf_ktime_get_ns() - ns;
	report(&s, ns, 0);
	return 0;
}
