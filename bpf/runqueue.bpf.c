/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run-queue delay by one hook and no in-flight map: the scheduler keeps the time a task was queued
 * (sched_info.last_queued), and sched_switch fires before sched_info_arrive() clears it.
 */
#define SLO_PERCPU
#include "bpf/slo_bpf.h"

/* Where the kernel keeps no enqueue time: when each waiting task was queued. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} runq_queued SEC(".maps");

static __always_inline void finish(void *ctx, struct task_struct *next, __u64 start_ns, __u64 ns)
{
	struct slo_abi_owner o = { .tgid = next->tgid, .tid = next->pid };
	struct slo_measure m = { .ns = ns };
	struct slo_abi_event *e;

	o.cgroup_id = slo_task_cgroup_id(next);
	__builtin_memcpy(o.comm, next->comm, sizeof(o.comm));
	if (!slo_admit(SLO_ABI_RUNQUEUE_DELAY, &o))
		return;
	e = slo_latency(SLO_ABI_RUNQUEUE_DELAY, &o, &m);
	if (!e)
		return;
	/* The clock is read for what is sent only: it costs as much as a map look-up. */
	e->start_ns = start_ns ? start_ns : bpf_ktime_get_ns() - ns;
	e->source = SLO_ABI_SRC_TP_BTF;
	e->extra.runq.cpu = bpf_get_smp_processor_id();
	e->extra.runq.prio = next->prio;
	slo_submit(e);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(runq_switch, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 queued = next->sched_info.last_queued;
	__u64 clock = next->se.cfs_rq->rq->clock;

	/* The idle task never waits; a clock behind is the cfs_rq of a task last seen on another CPU. */
	if (!next->pid || !queued || clock < queued)
		return 0;
	finish(ctx, next, 0, clock - queued);
	return 0;
}

static __always_inline void queue(__u32 pid)
{
	__u64 now = bpf_ktime_get_ns();

	if (pid && bpf_map_update_elem(&runq_queued, &pid, &now, BPF_ANY))
		slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, inflight_full);
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(runq_wakeup, struct task_struct *p)
{
	queue(p->pid);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(runq_wakeup_new, struct task_struct *p)
{
	queue(p->pid);
	return 0;
}

static __always_inline int is_running(struct task_struct *t)
{
	const struct task_struct___state *old = (const void *)t;

	if (bpf_core_field_exists(t->__state))
		return t->__state == 0;
	return old->state == 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(runq_switch_map, _Bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u32 pid = next->pid;
	__u64 now = bpf_ktime_get_ns();
	__u64 *queued;

	if (is_running(prev))
		queue(prev->pid);
	queued = bpf_map_lookup_elem(&runq_queued, &pid);
	if (!queued)
		return 0;
	if (now >= *queued)
		finish(ctx, next, *queued, now - *queued);
	bpf_map_delete_elem(&runq_queued, &pid);
	return 0;
}
