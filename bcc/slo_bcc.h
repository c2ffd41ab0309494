/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program compiled at run time shares: maps, target filter, aggregation, loss counters, output. The texts of this
 * folder are compiled as one, this first, with the headers of the running kernel; BCC rewrites map accesses in that text
 * only, so nothing here is a macro that touches a map. Kernel structures are read with bpf_probe_read alone.
 *
 * Everything lies on the stack, for the verifiers of 4.4 to 4.10 take a map's key, a new value and an event from nowhere
 * else. Attached are kprobes, tracepoints and (from 4.17) raw tracepoints.
 *
 * Given by the agent, as this kernel has it: SLO_LRU ("lru_hash" or "hash"), SLO_HAVE_LRU, SLO_STATS ("percpu_array" or "array"),
 * SLO_HAVE_TASK, SLO_CGROUP_V1, and SLO_OFF_*: where a tracepoint's fields are in its record.
 */
#ifndef SLO_BCC_H
#define SLO_BCC_H

#include <linux/cgroup.h>
#include <linux/sched.h>
#include <linux/version.h>
#include <net/sock.h>
#include <uapi/linux/ptrace.h>

#include "bpf/slo_abi.h"

/*
 * The verifiers of 4.4 to 4.10 lose a pointer into a map when anything is added to it, and know that it is not NULL in the
 * one register that was tested. So: test right behind the lookup, then slo_keep() it; copy words, not structures that lie
 * inside; read into the stack, never into a map. The number in slo_add() keeps two of different fields from being made one.
 */
#define slo_add(p, n)                                  \
	({                                             \
		(void)__sync_fetch_and_add((p), (n));  \
		asm volatile("" : : "i"(__COUNTER__)); \
	})
#define slo_add_atomic(p, n) slo_add((p), (n))
#if LINUX_VERSION_CODE < KERNEL_VERSION(4, 12, 0)
#define SLO_CONST_INDEX
#endif
#include "bpf/slo_measure.h"

/* The signal stands in the tag's top byte: one map serves all latencies. */
#define SLO_HIST_MAX 4096

BPF_PERF_OUTPUT(slo_events);
BPF_TABLE("array", __u32, struct slo_abi_ctl, slo_ctl, SLO_ABI_SIGNAL_MAX);
BPF_TABLE(SLO_STATS, __u32, struct slo_abi_stats, slo_stats, SLO_ABI_SIGNAL_MAX);
BPF_TABLE("array", __u32, struct slo_abi_bucket, slo_bucket, 1);
BPF_TABLE("hash", __u64, __u8, slo_tgt_cgroups, 4096);
BPF_TABLE("hash", __u32, __u8, slo_tgt_pids, 256);
BPF_TABLE("hash", struct slo_comm, __u8, slo_tgt_comms, 64);
BPF_TABLE("hash", struct slo_abi_hist_key, struct slo_abi_hist_val, slo_hist, SLO_HIST_MAX);

/* Keeps a structure in memory: in registers it would be spilled, and take twice its place. */
#define slo_keep(p) asm volatile("" : "+r"(p))

#define slo_read(to, from) bpf_probe_read((to), sizeof(*(to)), (from))
/* A tracepoint's field: a load of its own context, at a constant offset. */
#define slo_field(type, ctx, off) (*(type *)((char *)(ctx) + (off)))

static __always_inline __u64 slo_kernfs_id(struct kernfs_node *kn)
{
	__u64 id = 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 14, 0)
	bpf_probe_read(&id, sizeof(id), &kn->id);
#else
	__u32 ino = 0;

	bpf_probe_read(&ino, sizeof(ino), &kn->ino);
	id = ino;
#endif
	return id;
}

static __always_inline __u64 slo_cgroup_of(struct cgroup *cgroup)
{
	struct kernfs_node *kn = 0;

	slo_read(&kn, &cgroup->kn);
	return kn ? slo_kernfs_id(kn) : 0;
}

static __always_inline __u64 slo_task_cgroup_id(struct task_struct *task)
{
	struct css_set *set = 0;
	struct cgroup *cgroup = 0;

	slo_read(&set, &task->cgroups);
#if SLO_CGROUP_V1 && defined(CONFIG_CGROUP_PIDS)
	struct cgroup_subsys_state *css = 0;

	slo_read(&css, &set->subsys[pids_cgrp_id]);
	slo_read(&cgroup, &css->cgroup);
#else
	slo_read(&cgroup, &set->dfl_cgrp);
#endif
	return cgroup ? slo_cgroup_of(cgroup) : 0;
}

/* cgroup of the socket: right in interrupts too. 0 unknown. Before 5.15 bit 0 of the pointer says that it is none. */
static __always_inline __u64 slo_sock_cgroup_id(struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 5, 0) && defined(CONFIG_SOCK_CGROUP_DATA) && \
	!SLO_CGROUP_V1
	__u64 pointer = 0;

	bpf_probe_read(&pointer, sizeof(pointer), &sk->sk_cgrp_data);
	if (pointer && !(pointer & 1))
		return slo_cgroup_of((struct cgroup *)pointer);
#endif
	return 0;
}

static __always_inline __u32 slo_sock_netns(struct sock *sk)
{
	__u32 inum = 0;
#ifdef CONFIG_NET_NS
	struct net *net = 0;

	slo_read(&net, &sk->__sk_common.skc_net.net);
	slo_read(&inum, &net->ns.inum);
#endif
	return inum;
}

/*
 * The running task. Before 4.8 no helper tells it, and all programs are kprobes: what the probe interrupted ran on the task's
 * stack, at whose lower end the task stands. In an interrupt that is another stack, and its end is nothing: the pid tells.
 */
static __always_inline struct task_struct *slo_task(void *ctx)
{
#if SLO_HAVE_TASK
	return (struct task_struct *)bpf_get_current_task();
#else
	__u64 end = PT_REGS_SP((struct pt_regs *)ctx) & ~(__u64)(THREAD_SIZE - 1);
	struct task_struct *task = 0;
	__u32 pid = 0;

	slo_read(&task, &((struct thread_info *)end)->task);
	slo_read(&pid, (__u32 *)&task->pid);
	return pid && pid == (__u32)bpf_get_current_pid_tgid() ? task : 0;
#endif
}

static __always_inline void slo_owner_current(void *ctx, struct slo_abi_owner *o)
{
	__u64 id = bpf_get_current_pid_tgid();
	char comm[SLO_ABI_COMM_LEN] = {};
	struct task_struct *task;

	o->tgid = id >> 32;
	o->tid = (__u32)id;
	/* The address of a part of *o would be no stack's to a verifier of 4.4. */
	bpf_get_current_comm(comm, sizeof(comm));
	slo_copy(o->comm, comm, sizeof(comm));
	task = slo_task(ctx);
	if (task)
		o->cgroup_id = slo_task_cgroup_id(task);
}

static __always_inline struct slo_abi_stats *slo_stats_of(__u32 signal)
{
	return slo_stats.lookup(&signal);
}

static __always_inline struct slo_abi_ctl *slo_ctl_of(__u32 signal)
{
	return slo_ctl.lookup(&signal);
}

static __always_inline int slo_is_comm_target(const char *comm)
{
	struct slo_comm key;

	slo_comm_key(&key, comm);
	return slo_tgt_comms.lookup(&key) != 0;
}

static __always_inline int slo_is_target(struct slo_abi_ctl *ctl, const struct slo_abi_owner *o)
{
	__u32 kinds = ctl->targets;
	__u64 cgroup_id = o->cgroup_id;
	__u32 tgid = o->tgid;

	if (!kinds)
		return 1;
	if ((kinds & SLO_ABI_TGT_CGROUP) && !slo_tgt_cgroups.lookup(&cgroup_id))
		return 0;
	if ((kinds & SLO_ABI_TGT_PID) && !slo_tgt_pids.lookup(&tgid))
		return 0;
	return !(kinds & SLO_ABI_TGT_COMM) || slo_is_comm_target(o->comm);
}

static __always_inline int slo_admit(__u32 signal, const struct slo_abi_owner *o)
{
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_stats *st;

	if (!ctl || ctl->off)
		return 0;
	if (slo_is_target(ctl, o))
		return 1;
	st = slo_stats_of(signal);
	if (st)
		slo_add(&st->filtered, 1);
	return 0;
}

static __always_inline int slo_may_send(void)
{
	__u32 zero = 0;
	struct slo_abi_bucket *b = slo_bucket.lookup(&zero);

	return slo_take_token(b);
}

/* As in bpf/slo_bpf.h, but @e is the caller's and zeroed; 1 where it is to be completed and sent. */
static __always_inline int slo_dispose(struct slo_abi_event *e, struct slo_abi_stats *st,
                                       int aggregated, int wanted, const struct slo_abi_owner *o)
{
	slo_made(st, aggregated, wanted);
	if (!wanted)
		return 0;
	if (!slo_may_send()) {
		slo_add(&st->shed, 1);
		return 0;
	}
	slo_event_begin(e, sizeof(*e), o);
	e->source = SLO_ABI_SRC_BCC;
	return 1;
}

/*
 * From 5.1 a full buffer is told here; before that the kernel says so in the buffer only, and user space moves what it
 * counted from sent to lost.
 */
static __always_inline void slo_submit(void *ctx, struct slo_abi_event *e)
{
	int r = slo_events.perf_submit(ctx, e, sizeof(*e));
	struct slo_abi_stats *st = slo_stats_of(e->signal);

	if (!st)
		return;
	slo_keep(st);
	if (r)
		slo_add(&st->lost_ring, 1);
	else
		slo_add(&st->sent, 1);
}

static __always_inline int slo_hist_update(struct slo_abi_event *zero, struct slo_abi_hist_key *key,
                                           __u64 ns, __u32 epoch, const struct slo_abi_owner *o)
{
	struct slo_abi_hist_val *h = slo_hist.lookup(key);

	if (!h) {
		/* A zeroed event is long enough to be a new value. */
		slo_hist.insert(key, (struct slo_abi_hist_val *)zero);
		h = slo_hist.lookup(key);
		if (!h)
			return -1;
	}
	slo_hist_add(h, ns, epoch, o);
	return 0;
}

/* One finished latency of a target. 1: complete @e, which came zeroed, and slo_submit() it. */
static __always_inline int slo_latency(struct slo_abi_event *e, __u32 signal,
                                       const struct slo_abi_owner *o, const struct slo_measure *m)
{
	struct slo_abi_hist_key key = { .cgroup_id = o->cgroup_id,
		                        .tag = m->tag | signal << SLO_ABI_TAG_SIGNAL_SHIFT,
		                        .dev = m->dev };
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_stats *st;
	int aggregated;

	if (!ctl)
		return 0;
	slo_keep(ctl);
	if (ctl->off)
		return 0;
	st = slo_stats_of(signal);
	if (!st)
		return 0;
	slo_keep(st);
	aggregated = slo_hist_update(e, &key, m->ns, ctl->epoch, o);
	if (!slo_dispose(e, st, aggregated, m->force || ctl->emit_all || m->ns >= ctl->threshold,
	                 o))
		return 0;
	e->signal = signal;
	e->start_ns = m->start_ns;
	e->value = m->ns;
	return 1;
}

/* @n more of a *_total signal, @aggregated as its own map took it: 0 or -1. As slo_latency(). */
static __always_inline int slo_count(struct slo_abi_event *e, __u32 signal,
                                     const struct slo_abi_owner *o, int aggregated, __u64 n)
{
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_stats *st;

	if (!ctl)
		return 0;
	slo_keep(ctl);
	st = slo_stats_of(signal);
	if (!st)
		return 0;
	slo_keep(st);
	if (!slo_dispose(e, st, aggregated, ctl->emit_all || n >= ctl->threshold, o))
		return 0;
	e->signal = signal;
	e->start_ns = bpf_ktime_get_ns();
	e->value = n;
	return 1;
}

static __always_inline int slo_is_on(__u32 signal)
{
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);

	return ctl && !ctl->off;
}

#define slo_addr_words(a) ((__u32 *)(a))

/* An IPv6 socket may speak IPv4 (::ffff:a.b.c.d): @a as it is on the wire. Returns the family. */
static __always_inline __u8 slo_unmap(__u8 *addr)
{
	__u32 *a = slo_addr_words(addr);

	if (a[0] || a[1] || a[2] != htonl(0xffff))
		return AF_INET6;
	a[0] = a[3];
	a[1] = a[2] = a[3] = 0;
	return AF_INET;
}

/* The remote address as it is on the wire; returns the family. */
static __always_inline __u8 slo_sock_remote(struct sock_common *c, __u8 *addr)
{
	__u16 family = 0;

	slo_read(&family, &c->skc_family);
	if (family == AF_INET) {
		bpf_probe_read(addr, 4, &c->skc_daddr);
		return AF_INET;
	}
#if IS_ENABLED(CONFIG_IPV6)
	bpf_probe_read(addr, 16, &c->skc_v6_daddr);
#endif
	return slo_unmap(addr);
}

/* @e gets what is known of the socket. One read of each, for every temporary counts on a stack of 512 bytes. */
static __always_inline void slo_event_sock(struct slo_abi_event *e, struct sock_common *c)
{
	__u16 dport = 0, family = 0;

	e->proto = IPPROTO_TCP;
	slo_read(&e->sport, &c->skc_num);
	slo_read(&dport, &c->skc_dport);
	e->dport = ntohs(dport);
	e->family = slo_sock_remote(c, e->daddr);
	slo_read(&family, &c->skc_family);
	if (family == AF_INET)
		bpf_probe_read(e->saddr, 4, &c->skc_rcv_saddr);
#if IS_ENABLED(CONFIG_IPV6)
	if (family != AF_INET) {
		bpf_probe_read(e->saddr, 16, &c->skc_v6_rcv_saddr);
		if (e->family == AF_INET)
			slo_unmap(e->saddr);
	}
#endif
}

#endif
