/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel structures that our programs read, reduced to the fields used; CO-RE moves the offsets.
 * Hand-written so that objects stay small and do not depend on the machine they were built on.
 */
#ifndef SLO_BPF_KERNEL_H
#define SLO_BPF_KERNEL_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	__u64 id;
};

/* Before 5.5. */
union kernfs_node_id {
	__u64 id;
};

struct kernfs_node___union {
	union kernfs_node_id id;
};

struct cgroup_root {
	int hierarchy_id; /* 0: the v2 hierarchy */
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct nsproxy {
	struct net *net_ns;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* from 5.15 */
};

/* Before 5.15 a tagged pointer shared with net_cls and net_prio: bit 0 set means no cgroup here. */
struct sock_cgroup_data___tagged {
	__u64 val;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
	struct socket *sk_socket; /* NULL: not accepted yet, or closed */
	struct sock_cgroup_data sk_cgrp_data;
};

struct inet_sock {
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	__u8 icsk_ca_state : 5;
	__u8 icsk_pending;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 total_retrans;
	__u32 segs_out;
	__u32 srtt_us;
};

struct request_sock {
	struct sock_common __req_common;
};

struct tcp_skb_cb {
	__u16 tcp_gso_segs;
};

struct sk_buff {
	char cb[48];
};

struct rq {
	__u64 clock;
	__u64 clock_task;
	__u64 clock_pelt;
};

struct cfs_rq {
	struct rq *rq;
	__u64 throttled_clock_pelt; /* from 5.19 */
};

/* Before 5.19. */
struct cfs_rq___task_clock {
	__u64 throttled_clock_task;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
	unsigned char sched_delayed; /* from 6.12: it sleeps, and is in the queue still */
};

struct sched_info {
	unsigned long long last_queued;
};

/* By architecture: the registers of system calls, and the mark of those that came by the 32-bit gate. */
#if defined(__TARGET_ARCH_x86)
struct thread_info {
	__u32 status;
};

struct pt_regs {
	unsigned long di;
	unsigned long orig_ax;
};
#define SLO_REGS_ARG1(regs) ((regs)->di)
#define SLO_REGS_NR(regs) ((regs)->orig_ax)
#define SLO_THREAD_MARKS status
#define SLO_THREAD_COMPAT 0x2 /* TS_COMPAT */
#define SLO_SYS_PREFIX "__x64_sys_"
#elif defined(__TARGET_ARCH_arm64)
struct thread_info {
	unsigned long flags;
};

struct pt_regs {
	__u64 orig_x0;
	int syscallno;
};
#define SLO_REGS_ARG1(regs) ((regs)->orig_x0)
#define SLO_REGS_NR(regs) ((__u64)(regs)->syscallno)
#define SLO_THREAD_MARKS flags
#define SLO_THREAD_COMPAT (1 << 22) /* TIF_32BIT */
#define SLO_SYS_PREFIX "__arm64_sys_"
#else
#error "no system call registers of this architecture yet: x86, arm64"
#endif

struct super_block {
	__u32 s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
	struct file *fd_array[1];
};

/* Of the running thread it is right where the C library set it by a system call (x86), or has slept since (arm64). */
struct thread_struct {
#ifdef __TARGET_ARCH_arm64
	struct {
		unsigned long tp_value;
	} uw;
#else
	unsigned long fsbase;
#endif
};

struct task_struct {
	struct thread_info thread_info;
	struct files_struct *files;
	int pid;
	int tgid;
	int prio;
	unsigned int flags;
	unsigned int __state;
	char comm[16];
	struct sched_entity se;
	struct sched_info sched_info;
	struct css_set *cgroups;
	struct nsproxy *nsproxy;
	struct task_struct *group_leader;
	struct thread_struct thread;
};

/* Before 5.14. */
struct task_struct___state {
	volatile long state;
};

struct socket {
	struct sock *sk;
};

struct gendisk {
	int major;
	int first_minor;
};

struct block_device {
	struct gendisk *bd_disk;
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct bio {
	struct block_device *bi_bdev; /* from 5.12 */
	struct blkcg_gq *bi_blkg; /* with CONFIG_BLK_CGROUP */
};

struct bio___disk {
	struct gendisk *bi_disk;
};

struct request_queue {
	struct gendisk *disk; /* from 5.17 */
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	unsigned int rq_flags;
	unsigned int __data_len;
	struct bio *bio;
	struct bio *biotail;
	__u64 start_time_ns;
	__u64 io_start_time_ns;
	unsigned short nr_phys_segments;
	void *end_io;
};

struct request___disk {
	struct gendisk *rq_disk;
};

/* Newest kernels; before, the flags had no such name. */
enum rqf_flags {
	__RQF_FLUSH_SEQ = 1,
	__RQF_IO_STAT = 8,
};

/* There until block_getrq lost its queue argument (5.11). */
struct trace_event_raw_block_get_rq {
	unsigned int dev;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

enum cgroup_subsys_id {
	cpuset_cgrp_id,
	memory_cgrp_id,
	pids_cgrp_id,
};

#pragma clang attribute pop

#define SLO_PF_KTHREAD 0x00200000 /* include/linux/sched.h, since 2.6.35 */
#define SLO_AF_INET 2
#define SLO_AF_INET6 10
#define SLO_IPPROTO_TCP 6
#define SLO_IPPROTO_UDP 17

enum {
	SLO_TCP_ESTABLISHED = 1,
	SLO_TCP_SYN_SENT = 2,
	SLO_TCP_SYN_RECV = 3,
	SLO_TCP_CLOSE = 7,
	SLO_TCP_LISTEN = 10,
};

#endif
