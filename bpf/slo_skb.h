/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs on cgroup_skb share: the packet's headers, and who sends. */
#ifndef SLO_BPF_SLO_SKB_H
#define SLO_BPF_SLO_SKB_H

#include "bpf/slo_bpf.h"

/* How the sender is known; cgroup_skb got its helpers bit by bit. Set before load. */
enum {
	SLO_OWNER_NONE,
	SLO_OWNER_TASK_PROBE,
	SLO_OWNER_TASK_BTF,
	SLO_OWNER_HELPERS, /* they came to these programs last */
};
#ifndef SLO_FREE
const volatile __u32 slo_owner_by = SLO_OWNER_TASK_BTF;
#endif

#define SLO_DNS_PORT 53

/* Byte 13 of the TCP header. */
#define SLO_TCP_FIN 0x01
#define SLO_TCP_SYN 0x02
#define SLO_TCP_RST 0x04

struct slo_packet {
	__u32 payload; /* offset in the skb */
	__u32 payload_len;
	__u32 seq; /* TCP, as ack and flags */
	__u32 ack;
	__u16 sport;
	__u16 dport;
	__u8 family;
	__u8 proto;
	__u8 flags;
};

#ifdef SLO_FREE
/* Direct access to packets came to these programs with 5.0. */
static __always_inline int slo_packet_parse(struct __sk_buff *skb, struct slo_packet *p)
{
	__u8 b[20];
	__u32 l4;

	if (bpf_skb_load_bytes(skb, 0, b, 20))
		return -1;
	if (skb->protocol == bpf_htons(0x0800)) {
		/* A later fragment has no ports. */
		if ((b[6] & 0x1f) || b[7])
			return -1;
		p->family = SLO_AF_INET;
		p->proto = b[9];
		l4 = (b[0] & 0xf) * 4;
	} else if (skb->protocol == bpf_htons(0x86dd)) {
		p->family = SLO_AF_INET6;
		p->proto = b[6];
		l4 = 40;
	} else {
		return -1;
	}
	if (p->proto == SLO_IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, l4, b, 20))
			return -1;
		p->seq = (__u32)b[4] << 24 | (__u32)b[5] << 16 | (__u32)b[6] << 8 | b[7];
		p->ack = (__u32)b[8] << 24 | (__u32)b[9] << 16 | (__u32)b[10] << 8 | b[11];
		p->payload = l4 + (b[12] >> 4) * 4;
		p->flags = b[13];
	} else if (p->proto == SLO_IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, l4, b, 8))
			return -1;
		p->payload = l4 + 8;
	} else {
		return -1;
	}
	p->sport = (__u16)(b[0] << 8 | b[1]);
	p->dport = (__u16)(b[2] << 8 | b[3]);
	p->payload_len = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

static __always_inline void slo_packet_addresses(struct __sk_buff *skb, const struct slo_packet *p,
                                                 __u8 *saddr, __u8 *daddr)
{
	if (p->family == SLO_AF_INET) {
		(void)bpf_skb_load_bytes(skb, 12, saddr, 4);
		(void)bpf_skb_load_bytes(skb, 16, daddr, 4);
	} else {
		(void)bpf_skb_load_bytes(skb, 8, saddr, 16);
		(void)bpf_skb_load_bytes(skb, 24, daddr, 16);
	}
}

static __always_inline void slo_owner_sender(struct slo_abi_owner *o)
{
	__u64 id;

#ifdef SLO_EXT
	if (slo_owner_by == SLO_OWNER_TASK_PROBE) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		o->tgid = BPF_CORE_READ(task, tgid);
		o->tid = BPF_CORE_READ(task, pid);
		o->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
		BPF_CORE_READ_INTO(&o->comm, task, comm);
		return;
	}
#endif
	if (slo_owner_by != SLO_OWNER_HELPERS)
		return;
	id = bpf_get_current_pid_tgid();
	o->tgid = id >> 32;
	o->tid = (__u32)id;
	bpf_get_current_comm(o->comm, sizeof(o->comm));
}
#else
/* Headers are linear at these hooks. 0 with @p filled, or -1: neither TCP nor UDP, or a later fragment. */
static __always_inline int slo_packet_parse(struct __sk_buff *skb, struct slo_packet *p)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;
	__u32 l4;
	__u8 *head;

	if (data + 28 > end)
		return -1;
	if (skb->protocol == bpf_htons(0x0800)) {
		/* A later fragment has no ports. */
		if (*(__be16 *)(data + 6) & bpf_htons(0x1fff))
			return -1;
		p->family = SLO_AF_INET;
		p->proto = data[9];
		l4 = (data[0] & 0xf) * 4;
	} else if (skb->protocol == bpf_htons(0x86dd) && data + 48 <= end) {
		p->family = SLO_AF_INET6;
		p->proto = data[6];
		l4 = 40;
	} else {
		return -1;
	}
	if (p->proto != SLO_IPPROTO_UDP && p->proto != SLO_IPPROTO_TCP)
		return -1;
	head = data + l4;
	if (head + 8 > end)
		return -1;
	p->sport = bpf_ntohs(*(__be16 *)head);
	p->dport = bpf_ntohs(*(__be16 *)(head + 2));
	p->payload = l4 + 8;
	if (p->proto == SLO_IPPROTO_TCP) {
		if (head + 20 > end)
			return -1;
		p->seq = bpf_ntohl(*(__be32 *)(head + 4));
		p->ack = bpf_ntohl(*(__be32 *)(head + 8));
		p->payload = l4 + (head[12] >> 4) * 4;
		p->flags = head[13];
	}
	p->payload_len = skb->len > p->payload ? skb->len - p->payload : 0;
	return 0;
}

/* Of a packet that slo_packet_parse() took: IPv4 in the first four bytes. */
static __always_inline void slo_packet_addresses(struct __sk_buff *skb, const struct slo_packet *p,
                                                 __u8 *saddr, __u8 *daddr)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;

	if (data + 40 > end) {
		if (data + 20 > end)
			return;
		__builtin_memcpy(saddr, data + 12, 4);
		__builtin_memcpy(daddr, data + 16, 4);
		return;
	}
	if (p->family == SLO_AF_INET) {
		__builtin_memcpy(saddr, data + 12, 4);
		__builtin_memcpy(daddr, data + 16, 4);
	} else {
		__builtin_memcpy(saddr, data + 8, 16);
		__builtin_memcpy(daddr, data + 24, 16);
	}
}

/* The running task: right on the way out, where a process sends in its own name. */
static __always_inline void slo_owner_sender(struct slo_abi_owner *o)
{
	struct task_struct *task;

	if (slo_owner_by == SLO_OWNER_TASK_BTF) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		o->tgid = task->tgid;
		o->tid = task->pid;
		o->netns = task->nsproxy ? task->nsproxy->net_ns->ns.inum : 0;
		if (slo_cgroup_v1)
			o->cgroup_id = slo_task_cgroup_id(task);
		__builtin_memcpy(o->comm, task->comm, sizeof(o->comm));
	} else if (slo_owner_by == SLO_OWNER_TASK_PROBE) {
		task = (struct task_struct *)bpf_get_current_task();
		o->tgid = BPF_CORE_READ(task, tgid);
		o->tid = BPF_CORE_READ(task, pid);
		o->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
		BPF_CORE_READ_INTO(&o->comm, task, comm);
	}
}

/*
 * slo_trace_begin() for packets. Not static: verified once and by itself, or its branches would multiply with those of the packet
 * (0.06 s of loading). What else begins something names it by a pointer, which no such function may be given.
 */
__attribute__((noinline)) int slo_trace_packet(__u64 of, __u64 start_ns, __u32 tgid, __u32 tid,
                                               __u64 tp)
{
	slo_trace_begin(of, start_ns, tgid, tid, tp);
	return 0;
}

/*
 * What a sender @o begins with a packet gets its trace. A packet that had to wait may leave from an interrupt, where the
 * running task is a bystander: as far as anything tells, its cgroup is not the socket's then. Where there are v1
 * controllers only, sockets have no cgroup to compare with: not known, no trace.
 */
static __always_inline void slo_trace_sent(__u64 of, __u64 start_ns, const struct slo_abi_owner *o)
{
	struct task_struct *task;
	__u64 cgroup_id = 0, tp = 0;

	if (slo_cgroup_v1 || !slo_traces_here())
		return;
	if (slo_owner_by == SLO_OWNER_TASK_BTF) {
		task = (struct task_struct *)bpf_get_current_task_btf();
		cgroup_id = slo_task_cgroup_id(task);
		tp = task->SLO_THREAD_POINTER;
	} else if (slo_owner_by == SLO_OWNER_TASK_PROBE) {
		task = (struct task_struct *)bpf_get_current_task();
		cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
		tp = BPF_CORE_READ(task, SLO_THREAD_POINTER);
	}
	if (cgroup_id && cgroup_id == o->cgroup_id)
		slo_trace_packet(of, start_ns, o->tgid, o->tid, tp);
}
#endif

#endif
