/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Run-queue delay: from the wake-up, or from losing the CPU while runnable, to the switch. The scheduler's own enqueue time
 * (bpf/runqueue.bpf.c) counts by a clock whose structure is not in the kernel's headers, so the times are kept here. From
 * 4.17 raw tracepoints name both tasks of a switch; before that finish_task_switch() runs as the new task and gets the old.
 */
#include "bcc/slo_bcc.h"
#include "bpf/slo_turns.h"

BPF_TABLE("hash", __u32, __u64, runq_queued, 10240);

/* By CPU; a plain map, for per-CPU ones begin with 4.6. */
BPF_TABLE("array", __u32, struct slo_turns, runq_turns, 1024);

static __always_inline void runq_queue(__u32 pid, __u64 now)
{
	if (pid && runq_queued.update(&pid, &now))
		slo_stat_inc(SLO_ABI_RUNQUEUE_DELAY, inflight_full);
}

static __always_inline void runq_woken(struct task_struct *p)
{
	__u32 pid = 0;

	slo_read(&pid, &p->pid);
	runq_queue(pid, bpf_ktime_get_ns());
}

/* Was @prev sent from the CPU while it could have run on? */
static __always_inline void runq_left(struct task_struct *prev, __u64 now)
{
	__u32 pid = 0;
#ifdef SLO_TASK_HAS_UNDER_STATE
	__u32 state = 0;

	slo_read(&state, &prev->__state);
#else
	long state = 0;

	bpf_probe_read(&state, sizeof(state), (void *)&prev->state);
#endif
	slo_read(&pid, &prev->pid);
	if (state == 0)
		runq_queue(pid, now);
}

/* The cause of a wait of @wait_ns that ends now; then the turn is the new task's. */
static __always_inline __u32 runq_turn(__u64 cgroup_id, __u64 now, __u64 wait_ns)
{
	__u32 cpu = bpf_get_smp_processor_id(), own = 0;
	struct slo_turns *t = runq_turns.lookup(&cpu);

	if (!t)
		return SLO_ABI_WAIT_OTHER;
	slo_keep(t);
	if (wait_ns)
		own = slo_turns_own(t, cgroup_id, now, wait_ns);
	slo_turns_take(t, cgroup_id, now);
	return own ? SLO_ABI_WAIT_OWN : SLO_ABI_WAIT_OTHER;
}

static __always_inline void runq_finish(void *ctx, struct slo_abi_owner *o, __u32 prio, __u64 now,
                                        __u64 queued)
{
	struct slo_measure m = { .start_ns = queued, .ns = now - queued };
	struct slo_abi_event e = {};

	m.tag = runq_turn(o->cgroup_id, now, m.ns);
	if (!slo_admit(SLO_ABI_RUNQUEUE_DELAY, o))
		return;
	if (!slo_latency(&e, SLO_ABI_RUNQUEUE_DELAY, o, &m))
		return;
	e.extra.runq.cpu = bpf_get_smp_processor_id();
	e.extra.runq.prio = prio;
	e.extra.runq.cause = m.tag;
	slo_submit(ctx, &e);
}

/* The queued time of a task that gets the CPU now, taken out; 0 unknown. */
static __always_inline __u64 runq_take(__u32 pid, __u64 now)
{
	__u64 *found = runq_queued.lookup(&pid), queued;

	if (!found)
		return 0;
	queued = *found;
	runq_queued.delete(&pid);
	return queued <= now ? queued : 0;
}

int runq_wakeup_raw(struct bpf_raw_tracepoint_args *ctx)
{
	runq_woken((struct task_struct *)ctx->args[0]);
	return 0;
}

int runq_switch_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	struct slo_abi_owner owner = {}, *o = &owner;
	__u64 now = bpf_ktime_get_ns(), queued;
	__u32 prio = 0;

	slo_keep(o);
	runq_left((struct task_struct *)ctx->args[1], now);
	slo_read(&o->tid, &next->pid);
	/* The idle task never waits. */
	if (o->tid)
		o->cgroup_id = slo_task_cgroup_id(next);
	queued = o->tid ? runq_take(o->tid, now) : 0;
	if (!queued) {
		runq_turn(o->cgroup_id, now, 0);
		return 0;
	}
	slo_read(&o->tgid, &next->tgid);
	bpf_probe_read(o->comm, sizeof(o->comm), next->comm);
	slo_read(&prio, &next->prio);
	runq_finish(ctx, o, prio, now, queued);
	return 0;
}

int runq_wakeup_kp(struct pt_regs *ctx)
{
	runq_woken((struct task_struct *)PT_REGS_PARM2(ctx));
	return 0;
}

int runq_wakeup_new_kp(struct pt_regs *ctx)
{
	runq_woken((struct task_struct *)PT_REGS_PARM1(ctx));
	return 0;
}

#ifdef SLO_OFF_WAKEUP_PID
int runq_wakeup_tp(void *ctx)
{
	runq_queue(slo_field(__u32, ctx, SLO_OFF_WAKEUP_PID), bpf_ktime_get_ns());
	return 0;
}
#endif

int runq_switched_kp(struct pt_regs *ctx)
{
	struct slo_abi_owner owner = {}, *o = &owner;
	__u64 now = bpf_ktime_get_ns(), queued;
	struct task_struct *task;
	__u32 prio = 0;

	slo_keep(o);
	runq_left((struct task_struct *)PT_REGS_PARM1(ctx), now);
	o->tid = (__u32)bpf_get_current_pid_tgid();
	queued = o->tid ? runq_take(o->tid, now) : 0;
	if (!queued) {
		runq_turn(0, now, 0);
		return 0;
	}
	slo_owner_current(ctx, o);
	task = slo_task(ctx);
	if (task)
		slo_read(&prio, &task->prio);
	runq_finish(ctx, o, prio, now, queued);
	return 0;
}
