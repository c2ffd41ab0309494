/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run-queue delay from the scheduler's tracepoints alone: when a task was queued is kept here, and whose it is was learnt
 * when it left a CPU last, for then it is the running one.
 */
#define SLO_PERCPU
#include "bpf/slo_bpf.h"
#include "bpf/slo_turns.h"

/* Bits of the record's prev_state that mean asleep or dead; 0x100 above them: preempted. */
#define STATES 0xff

struct task {
	__u64 queued_ns; /* 0: not waiting */
	__u64 cgroup_id;
	__u32 tgid; /* 0: it has not run yet */
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct task);
} runq_tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slo_turns);
} runq_turns SEC(".maps");

/* The holder of a turn, until it leaves: no cgroup is known of a task that has not run yet. */
#define UNKNOWN (~0ULL)

static __always_inline struct slo_turns *turns_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&runq_turns, &zero);
}

static __always_inline void queue(__u32 pid)
{
	struct task *known, t = {};
	__u64 now = bpf_ktime_get_ns();

	if (!pid)
		return;
	known = bpf_map_lookup_elem(&runq_tasks, &pid);
	if (known) {
		known->queued_ns = now;
		return;
	}
	t.queued_ns = now;
	if (bpf_map_update_elem(&runq_tasks, &pid, &t, BPF_ANY))
		slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, inflight_full);
}

SEC("tracepoint/sched/sched_wakeup")
int runq_wakeup(void *ctx)
{
	queue(slo_field_u32(ctx, WAKEUP_PID));
	return 0;
}

SEC("tracepoint/sched/sched_wakeup_new")
int runq_wakeup_new(void *ctx)
{
	queue(slo_field_u32(ctx, WAKENEW_PID));
	return 0;
}

/* A number may be given again to another's task. */
SEC("tracepoint/sched/sched_process_exit")
int runq_exit(void *ctx)
{
	__u32 pid = slo_field_u32(ctx, EXIT_PID);

	bpf_map_delete_elem(&runq_tasks, &pid);
	return 0;
}

/* The task that leaves is still the running one. Its cgroup is returned. */
static __always_inline __u64 leave(__u32 pid, __u64 state, __u64 now)
{
	struct task t = { .queued_ns = state & STATES & ~slo_const(SLO_K_RUNS_BIT) ? 0 : now };
	struct task *known;

	if (!pid)
		return 0;
	t.tgid = bpf_get_current_pid_tgid() >> 32;
	if (slo_const(SLO_K_TASK_CGROUP) == 1)
		t.cgroup_id = bpf_get_current_cgroup_id();
	known = bpf_map_lookup_elem(&runq_tasks, &pid);
	if (known)
		*known = t;
	else if (bpf_map_update_elem(&runq_tasks, &pid, &t, BPF_ANY))
		slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, inflight_full);
	return t.cgroup_id;
}

static __always_inline void finish(void *ctx, const struct slo_abi_owner *o,
                                   const struct slo_measure *m)
{
	struct slo_abi_event *e;

	if (!slo_admit(SLO_ABI_RUNQUEUE_DELAY, o))
		return;
	e = slo_latency(SLO_ABI_RUNQUEUE_DELAY, o, m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->extra.runq.cpu = bpf_get_smp_processor_id();
	e->extra.runq.prio = slo_field_u32(ctx, SWITCH_PRIO);
	e->extra.runq.cause = m->tag;
	slo_output(ctx, e);
}

/* @t has the CPU now. Was it queued, its wait is over. */
static __always_inline void arrive(void *ctx, __u32 tid, struct task *t,
                                   const struct slo_turns *turns, __u64 now)
{
	struct slo_abi_owner o = { .tid = tid };
	struct slo_measure m = {};
	__u64 *comm = (__u64 *)o.comm;

	if (!t->queued_ns || now < t->queued_ns)
		return;
	m.start_ns = t->queued_ns;
	m.ns = now - t->queued_ns;
	t->queued_ns = 0;
	/* A task that has never run belongs to whoever made it, which is not known. */
	o.tgid = t->tgid;
	o.cgroup_id = t->cgroup_id;
	comm[0] = slo_field_u64_at(ctx, SWITCH_COMM, 0);
	comm[1] = slo_field_u64_at(ctx, SWITCH_COMM, 8);
	if (o.cgroup_id && slo_turns_own(turns, o.cgroup_id, now, m.ns))
		m.tag = SLO_ABI_WAIT_OWN;
	finish(ctx, &o, &m);
}

SEC("tracepoint/sched/sched_switch")
int runq_switch(void *ctx)
{
	__u32 prev = slo_field_u32(ctx, SWITCH_PREV), next = slo_field_u32(ctx, SWITCH_NEXT);
	__u64 state = slo_field_u64(ctx, SWITCH_STATE), now = bpf_ktime_get_ns(), holder = 0;
	struct slo_turns *turns = turns_here();
	struct task *t;

	if (!turns)
		return 0;
	turns->turn[0].holder = leave(prev, state, now);
	if (next) {
		t = bpf_map_lookup_elem(&runq_tasks, &next);
		holder = t && t->tgid ? t->cgroup_id : UNKNOWN;
		if (t)
			arrive(ctx, next, t, turns, now);
	}
	slo_turns_take(turns, holder, now);
	return 0;
}

#ifdef SLO_EXT
/* @next has the CPU @now; its wait, if it is one, by the scheduler's own account. */
static __always_inline void arrive_task(void *ctx, const struct task_struct *next, __u64 cgroup_id,
                                        const struct slo_turns *turns, __u64 now)
{
	__u64 queued = BPF_CORE_READ(next, sched_info.last_queued), clock;
	struct slo_abi_owner o = { .cgroup_id = cgroup_id };
	struct slo_measure m = {};
	struct slo_abi_event *e;

	if (!queued)
		return;
	clock = BPF_CORE_READ(next, se.cfs_rq, rq, clock);
	if (clock < queued)
		return;
	o.tid = BPF_CORE_READ(next, pid);
	o.tgid = BPF_CORE_READ(next, tgid);
	BPF_CORE_READ_INTO(&o.comm, next, comm);
	if (!slo_admit(SLO_ABI_RUNQUEUE_DELAY, &o))
		return;
	m.ns = clock - queued;
	if (cgroup_id && slo_turns_own(turns, cgroup_id, now, m.ns))
		m.tag = SLO_ABI_WAIT_OWN;
	e = slo_latency(SLO_ABI_RUNQUEUE_DELAY, &o, &m);
	if (!e)
		return;
	e->start_ns = now - m.ns;
	e->source = SLO_ABI_SRC_RAW_TP;
	e->extra.runq.cpu = bpf_get_smp_processor_id();
	e->extra.runq.prio = BPF_CORE_READ(next, prio);
	e->extra.runq.cause = m.tag;
	slo_output(ctx, e);
}

/* The scheduler's own account of when a task was queued, as in bpf/runqueue.bpf.c: one hook, no map of tasks. */
SEC("raw_tp/sched_switch")
int runq_switch_task(struct bpf_raw_tracepoint_args *ctx)
{
	const struct task_struct *next = (const void *)ctx->args[2];
	__u64 now = bpf_ktime_get_ns(), cgroup_id = 0;
	struct slo_turns *turns = turns_here();

	if (!turns)
		return 0;
	/* The idle task never waits. */
	if (BPF_CORE_READ(next, pid)) {
		cgroup_id = slo_task_cgroup_id(next);
		arrive_task(ctx, next, cgroup_id, turns, now);
	}
	slo_turns_take(turns, cgroup_id, now);
	return 0;
}
#endif
