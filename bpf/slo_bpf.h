/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every program shares: maps, target filter, aggregation, loss counters, the ring. A program finds out what
 * happened and to whom, and calls slo_latency() or slo_count(); it fills the event that these may hand back.
 *
 * Reads are typed (verifier-checked) dereferences and helper loads only, because bpf_probe_read_kernel is refused
 * under lockdown=confidentiality; the one exception is named slo_untyped_*.
 */
#ifndef SLO_BPF_SLO_BPF_H
#define SLO_BPF_SLO_BPF_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/slo_abi.h"

#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Wake user space only when this much waits; a timer drains the rest. A wake-up costs 5 times a submit. */
#define SLO_WAKE_BYTES (64 * 1024)

#ifdef SLO_FREE
#define SLO_MMAPABLE 0
#else
#define SLO_MMAPABLE BPF_F_MMAPABLE
/* Sizes are set by user space before load; these maps are shared by all objects. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} slo_events SEC(".maps");
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLO_ABI_SIGNAL_MAX);
	__type(key, __u32);
	__type(value, struct slo_abi_ctl);
} slo_ctl SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLO_ABI_SIGNAL_MAX);
	__type(key, __u32);
	__type(value, struct slo_abi_stats);
} slo_stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, SLO_MMAPABLE);
	__type(key, __u32);
	__type(value, struct slo_abi_bucket);
} slo_bucket SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} slo_tgt_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} slo_tgt_pids SEC(".maps");

/*
 * SLO_PERCPU: the hook runs with interrupts off, so per-CPU plain adds are exact. Elsewhere a softirq may cut in
 * between load and store, and the aggregate is shared between CPUs so that memory does not grow with them.
 */
#ifdef SLO_PERCPU
#define SLO_HIST_TYPE BPF_MAP_TYPE_PERCPU_HASH
#define slo_add(p, n) (*(p) += (n))
#else
#define SLO_HIST_TYPE BPF_MAP_TYPE_HASH
#define slo_add(p, n) slo_add_atomic((p), (n))
#endif
#define slo_add_atomic(p, n) ((void)__sync_fetch_and_add((p), (n)))

#include "bpf/slo_measure.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct slo_comm);
	__type(value, __u8);
} slo_tgt_comms SEC(".maps");

/* Keys beyond it are lost, and counted. */
#ifndef SLO_HIST_MAX
#define SLO_HIST_MAX 1024
#endif

struct {
	__uint(type, SLO_HIST_TYPE);
	__uint(max_entries, SLO_HIST_MAX);
	__type(key, struct slo_abi_hist_key);
	__type(value, struct slo_abi_hist_val);
} slo_hist SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct slo_abi_count_key);
	__type(value, struct slo_abi_count_val);
} slo_counts SEC(".maps");

#define slo_addr_words(a) ((__u32 *)(a))

static __always_inline void slo_copy16(__u8 *to, const void *from)
{
	__builtin_memcpy(to, from, 16);
}

#ifdef SLO_FREE
#include "bpf/slo_free.h"
#else
/* Set before load. The v1 controller (pids) names the cgroup where containers live in cgroup v1. */
const volatile __u32 slo_cgroup_v1 = 0;
/* 1: bpf_probe_read_kernel is refused on this host. */
const volatile __u32 slo_typed_only = 0;

static struct slo_abi_hist_val slo_zero_hist;
static struct slo_abi_count_val slo_zero_count;

static __always_inline __u64 slo_task_cgroup_id(struct task_struct *task)
{
	struct css_set *set = task->cgroups;

	if (slo_cgroup_v1)
		return set->subsys[bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)]
		        ->cgroup->kn->id;
	return set->dfl_cgrp->kn->id;
}

/* cgroup of the socket: right in interrupts too, where the current task is a bystander. 0 unknown. */
static __always_inline __u64 slo_sock_cgroup_id(const struct sock *sk)
{
	const struct sock_cgroup_data___tagged *tagged;
	struct cgroup *cgroup;
	__u64 id = 0;

	if (slo_cgroup_v1)
		return 0;
	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup)) {
		cgroup = sk->sk_cgrp_data.cgroup;
		return cgroup ? cgroup->kn->id : 0;
	}
	if (slo_typed_only)
		return 0;
	tagged = (const void *)&sk->sk_cgrp_data;
	cgroup = (struct cgroup *)tagged->val;
	if (!cgroup || ((__u64)cgroup & 1))
		return 0;
	BPF_CORE_READ_INTO(&id, cgroup, kn, id);
	return id;
}

/*
 * The running task. Only where the task is known to act for itself (system calls, not interrupts). By its own fields where they
 * can be had: the three helpers take 70 ns more.
 */
static __always_inline void slo_owner_current(struct slo_abi_owner *o)
{
	struct task_struct *task;
	__u64 id;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		o->tgid = task->tgid;
		o->tid = task->pid;
		__builtin_memcpy(o->comm, task->comm, sizeof(o->comm));
		/* A v2 id; where containers live in v1 it names nothing. */
		o->cgroup_id = slo_cgroup_v1 ? 0 : task->cgroups->dfl_cgrp->kn->id;
		return;
	}
	id = bpf_get_current_pid_tgid();
	o->tgid = id >> 32;
	o->tid = (__u32)id;
	bpf_get_current_comm(o->comm, sizeof(o->comm));
	o->cgroup_id = slo_cgroup_v1 ? 0 : bpf_get_current_cgroup_id();
}

/* Before 5.6, and so in all of RHEL 8, some bits among others. */
static __always_inline __u32 slo_sock_protocol(const struct sock *sk)
{
	return (__u32)BPF_CORE_READ_BITFIELD(sk, sk_protocol);
}

static __always_inline __u32 slo_sock_netns(const struct sock *sk)
{
	return sk->__sk_common.skc_net.net->ns.inum;
}

#include "bpf/slo_cost.h"
#include "bpf/slo_trace.h"

#define slo_skb_cgroup(skb) (slo_cgroup_v1 ? 0 : bpf_skb_cgroup_id(skb))
#endif

static __always_inline struct slo_abi_stats *slo_stats_of(__u32 signal)
{
	return bpf_map_lookup_elem(&slo_stats, &signal);
}

static __always_inline struct slo_abi_ctl *slo_ctl_of(__u32 signal)
{
	return bpf_map_lookup_elem(&slo_ctl, &signal);
}

static __always_inline int slo_is_off(__u32 signal)
{
	const struct slo_abi_ctl *ctl = slo_ctl_of(signal);

	return !ctl || ctl->off;
}

static __always_inline int slo_is_comm_target(const char *comm)
{
	struct slo_comm key;

	slo_comm_key(&key, comm);
	return bpf_map_lookup_elem(&slo_tgt_comms, &key) != 0;
}

static __always_inline int slo_is_target(const struct slo_abi_ctl *ctl,
                                         const struct slo_abi_owner *o)
{
	__u32 kinds = ctl->targets;

	if (!kinds)
		return 1;
	if ((kinds & SLO_ABI_TGT_CGROUP) && !bpf_map_lookup_elem(&slo_tgt_cgroups, &o->cgroup_id))
		return 0;
	if ((kinds & SLO_ABI_TGT_PID) && !bpf_map_lookup_elem(&slo_tgt_pids, &o->tgid))
		return 0;
	return !(kinds & SLO_ABI_TGT_COMM) || slo_is_comm_target(o->comm);
}

static __always_inline int slo_hist_update(const struct slo_abi_hist_key *key, __u64 ns,
                                           __u32 epoch, const struct slo_abi_owner *o,
                                           const void *zero)
{
	struct slo_abi_hist_val *h = bpf_map_lookup_elem(&slo_hist, key);

	if (!h) {
		bpf_map_update_elem(&slo_hist, key, zero, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&slo_hist, key);
		if (!h)
			return -1;
	}
	slo_hist_add(h, ns, epoch, o);
	return 0;
}

static __always_inline int slo_count_update(const struct slo_abi_count_key *key, __u64 n,
                                            const struct slo_abi_owner *o, const void *zero)
{
	struct slo_abi_count_val *c = bpf_map_lookup_elem(&slo_counts, key);

	if (!c) {
		bpf_map_update_elem(&slo_counts, key, zero, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&slo_counts, key);
		if (!c)
			return -1;
	}
	slo_count_add(c, n, o);
	return 0;
}

static __always_inline int slo_may_send(void)
{
	__u32 zero = 0;

	return slo_take_token(bpf_map_lookup_elem(&slo_bucket, &zero));
}

/*
 * Where an event is made: in the ring or, where there is none, at @room, which the caller gives zeroed. There a zeroed
 * event is also what new aggregates are made of, for lack of global data.
 */
#ifdef SLO_FREE
#define SLO_ROOM (&(struct slo_abi_event){ .version = 0 })
#define SLO_ZERO_HIST room
#define SLO_ZERO_COUNT room
#define slo_reserve(room) (room)
#define SLO_EVENT_BYTES sizeof(struct slo_abi_event)
#else
#define SLO_ROOM ((struct slo_abi_event *)0)
#define SLO_ZERO_HIST (&slo_zero_hist)
#define SLO_ZERO_COUNT (&slo_zero_count)
#define slo_reserve(room) bpf_ringbuf_reserve(&slo_events, SLO_EVENT_BYTES, 0)
#define SLO_EVENT_BYTES sizeof(struct slo_abi_traced)
#endif

/*
 * The one place where a measurement's fate is decided and counted: sent, aggregated, or lost.
 * Returns a zeroed event with its header filled, for the caller to complete and slo_submit(), or NULL.
 */
static __always_inline struct slo_abi_event *slo_dispose(struct slo_abi_stats *st, int aggregated,
                                                         int wanted, const struct slo_abi_owner *o,
                                                         struct slo_abi_event *room)
{
	struct slo_abi_event *e;

	slo_made(st, aggregated, wanted);
	if (!wanted)
		return 0;
	if (!slo_may_send()) {
		slo_add(&st->shed, 1);
		return 0;
	}
	e = slo_reserve(room);
	if (!e) {
		slo_add(&st->lost_ring, 1);
		return 0;
	}
#ifndef SLO_FREE
	slo_add(&st->sent, 1);
	__builtin_memset(e, 0, SLO_EVENT_BYTES);
#endif
	slo_event_begin(e, SLO_EVENT_BYTES, o);
	return e;
}

#ifdef SLO_FREE
static __always_inline void slo_sent(const struct slo_abi_event *e, int failed)
{
	struct slo_abi_stats *st = slo_stats_of(e->signal);

	if (!st)
		return;
	if (failed)
		slo_add(&st->lost_ring, 1);
	else
		slo_add(&st->sent, 1);
}

/* @ctx: the program's own argument. */
static __always_inline void slo_output(void *ctx, struct slo_abi_event *e)
{
	slo_sent(e, bpf_perf_event_output(ctx, &slo_perf, BPF_F_CURRENT_CPU, e, sizeof(*e)) != 0);
}

#else
static __always_inline void slo_submit(struct slo_abi_event *e)
{
	__u64 waiting = bpf_ringbuf_query(&slo_events, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(e, waiting >= SLO_WAKE_BYTES ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
#endif

/* One finished latency of a target: histogram, and an event where it is wanted. */
static __always_inline struct slo_abi_event *slo_latency_in(struct slo_abi_event *room,
                                                            __u32 signal,
                                                            const struct slo_abi_owner *o,
                                                            const struct slo_measure *m)
{
	struct slo_abi_hist_key key = { .cgroup_id = o->cgroup_id, .tag = m->tag, .dev = m->dev };
	struct slo_abi_stats *st = slo_stats_of(signal);
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_event *e;
	int aggregated;

	if (!st || !ctl || ctl->off)
		return 0;
	aggregated = slo_hist_update(&key, m->ns, ctl->epoch, o, SLO_ZERO_HIST);
	e = slo_dispose(st, aggregated, m->force || ctl->emit_all || m->ns >= ctl->threshold, o,
	                room);
	if (!e)
		return 0;
	e->signal = signal;
	e->start_ns = m->start_ns;
	e->value = m->ns;
	return e;
}

/* @n more of a *_total signal of a target. */
static __always_inline struct slo_abi_event *slo_count_in(struct slo_abi_event *room, __u32 signal,
                                                          const struct slo_abi_owner *o,
                                                          const struct slo_abi_count_key *key,
                                                          __u64 n)
{
	struct slo_abi_stats *st = slo_stats_of(signal);
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_event *e;
	int aggregated;

	if (!st || !ctl || ctl->off)
		return 0;
	aggregated = slo_count_update(key, n, o, SLO_ZERO_COUNT);
	e = slo_dispose(st, aggregated, ctl->emit_all || n >= ctl->threshold, o, room);
	if (!e)
		return 0;
	e->signal = signal;
	e->start_ns = bpf_ktime_get_ns();
	e->value = n;
	return e;
}

#define slo_latency(signal, o, m) slo_latency_in(SLO_ROOM, signal, o, m)
#define slo_count(signal, o, key, n) slo_count_in(SLO_ROOM, signal, o, key, n)

/* At the beginning of a measurement: may @o be measured for @signal? Counts what is filtered. */
static __always_inline int slo_admit(__u32 signal, const struct slo_abi_owner *o)
{
	struct slo_abi_ctl *ctl = slo_ctl_of(signal);
	struct slo_abi_stats *st;

	if (!ctl)
		return 0;
	if (slo_is_target(ctl, o))
		return 1;
	st = slo_stats_of(signal);
	if (st)
		slo_add(&st->filtered, 1);
	return 0;
}

#ifndef SLO_FREE
/*
 * A socket's addresses as they are on the wire: an IPv6 socket may speak IPv4 (::ffff:a.b.c.d). Returns the family.
 */
static __always_inline __u8 slo_sock_addresses(const struct sock_common *c, __u8 *saddr,
                                               __u8 *daddr)
{
	__u32 *s = slo_addr_words(saddr), *d = slo_addr_words(daddr);

	if (c->skc_family == SLO_AF_INET) {
		s[0] = c->skc_rcv_saddr;
		d[0] = c->skc_daddr;
		return SLO_AF_INET;
	}
#pragma unroll
	for (int i = 0; i < 4; i++) {
		s[i] = c->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
		d[i] = c->skc_v6_daddr.in6_u.u6_addr32[i];
	}
	if (d[0] || d[1] || d[2] != bpf_htonl(0xffff))
		return SLO_AF_INET6;
	s[0] = s[3];
	d[0] = d[3];
	s[1] = s[2] = s[3] = d[1] = d[2] = d[3] = 0;
	return SLO_AF_INET;
}

static __always_inline void slo_event_sock(struct slo_abi_event *e, const struct sock_common *c)
{
	e->source = SLO_ABI_SRC_TP_BTF;
	e->proto = SLO_IPPROTO_TCP;
	e->sport = c->skc_num;
	e->dport = bpf_ntohs(c->skc_dport);
	e->family = slo_sock_addresses(c, e->saddr, e->daddr);
}
#endif

#endif
