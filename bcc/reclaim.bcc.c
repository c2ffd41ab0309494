/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stalls in memory reclaim by tracepoints (4.7), as bpf/reclaim.bpf.c. The running task is the victim. Before that by kprobes:
 * reclaim begins with a function of its own, and where it ends delay accounting is told.
 */
#include "bcc/slo_bcc.h"

/* A stall under way, the outermost: reclaim may throttle, and compact, inside of it. */
struct reclaim_stall {
	__u64 start_ns;
	__u64 throttled_ns;
	__u32 kind; /* enum slo_abi_reclaim_kind */
	__u32 order;
};
BPF_TABLE("hash", __u32, struct reclaim_stall, reclaim_stalls, 8192);

/* Kernel threads reclaim for a living. */
static __always_inline int reclaim_is_kernel_thread(void *ctx)
{
	struct task_struct *task = slo_task(ctx);
	unsigned int flags = 0;

	if (task)
		slo_read(&flags, &task->flags);
	return flags & PF_KTHREAD;
}

static __always_inline void reclaim_begin(void *ctx, __u32 kind, __u32 order)
{
	struct reclaim_stall *outer, s = { .kind = kind, .order = order };
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct slo_abi_owner owner = {}, *o = &owner;

	if (reclaim_is_kernel_thread(ctx))
		return;
	/* Only compaction goes on inside of another stall. What is there when anything else begins is one whose end was missed. */
	outer = reclaim_stalls.lookup(&tid);
	if (outer && kind == SLO_ABI_RECLAIM_COMPACT && outer->kind != kind)
		return;
	if (outer)
		reclaim_stalls.delete(&tid);
	slo_keep(o);
	slo_owner_current(ctx, o);
	if (!slo_admit(SLO_ABI_MEM_RECLAIM, o))
		return;
	s.start_ns = bpf_ktime_get_ns();
	if (reclaim_stalls.update(&tid, &s))
		slo_stat_inc(SLO_ABI_MEM_RECLAIM, inflight_full);
}

static __always_inline void reclaim_report(void *ctx, const struct reclaim_stall *s, __u64 ns,
                                           __u64 pages)
{
	struct slo_measure m = { .start_ns = s->start_ns, .ns = ns, .tag = s->kind };
	struct slo_abi_owner owner = {}, *o = &owner;
	struct slo_abi_event e = {};

	slo_keep(o);
	slo_owner_current(ctx, o);
	if (!slo_latency(&e, SLO_ABI_MEM_RECLAIM, o, &m))
		return;
	e.extra.reclaim.kind = s->kind;
	e.extra.reclaim.order = s->order;
	e.extra.reclaim.pages = pages;
	e.extra.reclaim.throttled_ns = s->throttled_ns;
	slo_submit(ctx, &e);
}

static __always_inline void reclaim_end(void *ctx, __u32 kind, __u64 pages)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct reclaim_stall *known = reclaim_stalls.lookup(&tid), s;

	if (!known || known->kind != kind)
		return;
	s = *known;
	reclaim_stalls.delete(&tid);
	reclaim_report(ctx, &s, bpf_ktime_get_ns() - s.start_ns, pages);
}

#ifdef SLO_OFF_DIRECT_ORDER
int reclaim_direct_begin_tp(void *ctx)
{
	reclaim_begin(ctx, SLO_ABI_RECLAIM_DIRECT, slo_field(__u32, ctx, SLO_OFF_DIRECT_ORDER));
	return 0;
}

int reclaim_direct_end_tp(void *ctx)
{
	reclaim_end(ctx, SLO_ABI_RECLAIM_DIRECT, slo_field(__u64, ctx, SLO_OFF_DIRECT_PAGES));
	return 0;
}
#endif

#ifdef SLO_OFF_MEMCG_ORDER
int reclaim_memcg_begin_tp(void *ctx)
{
	reclaim_begin(ctx, SLO_ABI_RECLAIM_MEMCG, slo_field(__u32, ctx, SLO_OFF_MEMCG_ORDER));
	return 0;
}

int reclaim_memcg_end_tp(void *ctx)
{
	reclaim_end(ctx, SLO_ABI_RECLAIM_MEMCG, slo_field(__u64, ctx, SLO_OFF_MEMCG_PAGES));
	return 0;
}
#endif

/* try_to_free_pages(zonelist, order, ...) */
int reclaim_direct_begin_kp(struct pt_regs *ctx)
{
	reclaim_begin(ctx, SLO_ABI_RECLAIM_DIRECT, (__u32)PT_REGS_PARM2(ctx));
	return 0;
}

int reclaim_memcg_begin_kp(struct pt_regs *ctx)
{
	reclaim_begin(ctx, SLO_ABI_RECLAIM_MEMCG, 0);
	return 0;
}

/* Whichever it was that began. */
int reclaim_end_kp(struct pt_regs *ctx)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct reclaim_stall *known = reclaim_stalls.lookup(&tid);

	if (known)
		reclaim_end(ctx, known->kind, 0);
	return 0;
}

/* Their arguments changed in every other release; none is needed. */
int reclaim_compact_begin_tp(void *ctx)
{
	reclaim_begin(ctx, SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}

int reclaim_compact_end_tp(void *ctx)
{
	reclaim_end(ctx, SLO_ABI_RECLAIM_COMPACT, 0);
	return 0;
}

#ifdef SLO_OFF_THROTTLED_USEC
/* From 5.16; fires when the sleep is over. Inside of a stall it is a part of that, and not counted again. */
int reclaim_throttled_tp(void *ctx)
{
	int usec = slo_field(int, ctx, SLO_OFF_THROTTLED_USEC);
	__u64 ns = usec > 0 ? (__u64)usec * 1000 : 0;
	struct reclaim_stall s = { .kind = SLO_ABI_RECLAIM_THROTTLE, .throttled_ns = ns };
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct reclaim_stall *outer = reclaim_stalls.lookup(&tid);
	struct slo_abi_owner owner = {}, *o = &owner;

	if (outer) {
		outer->throttled_ns += ns;
		return 0;
	}
	if (reclaim_is_kernel_thread(ctx))
		return 0;
	slo_keep(o);
	slo_owner_current(ctx, o);
	if (!slo_admit(SLO_ABI_MEM_RECLAIM, o))
		return 0;
	s.start_ns = bpf_ktime_get_ns() - ns;
	reclaim_report(ctx, &s, ns, 0);
	return 0;
}
#endif
