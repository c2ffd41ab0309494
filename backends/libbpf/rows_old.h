/* SPDX-License-Identifier: Apache-2.0 */
/* What the rungs of the two flavours for old kernels have in common (rows_free.c, rows_ext.c), as beginnings of rows. */
#ifndef SLO_LIBBPF_ROWS_OLD_H
#define SLO_LIBBPF_ROWS_OLD_H

#include "backends/libbpf/rows.h"

#define SKB "cgroup_skb/{egress,ingress} at the cgroup2 root"
#define NEEDS "Linux 4.15, CAP_SYS_ADMIN (from 5.8 CAP_BPF and CAP_PERFMON)"
#define NEEDS_SKB NEEDS ", CAP_NET_ADMIN, cgroup2"
#define NEEDS_TP NEEDS ", tracefs"

#define DNS                                                                        \
	.obj = SLO_OBJ_DNS, .hooks = SKB, .source = SLO_SRC_CGROUP_SKB,            \
	.progs = { "dns_egress", "dns_ingress" }, .unused_maps = { "slo_counts" }, \
	.needs = NEEDS_SKB

#define TLS                                                             \
	.obj = SLO_OBJ_TLS, .hooks = SKB, .source = SLO_SRC_CGROUP_SKB, \
	.progs = { "tls_egress", "tls_ingress" }, .needs = NEEDS_SKB

#define DNS_NOTE "resolver's own queries not told from clients'"

#define RETR_ANY                                                                                      \
	.obj = SLO_OBJ_RETRANSMIT, .source = SLO_SRC_TRACEPOINT, .stand_in = "retr_set_state",        \
	.hooks =                                                                                      \
		"tracepoint/tcp/tcp_retransmit_skb, tcp_retransmit_synack, sock/inet_sock_set_state", \
	.unused_maps = { "slo_hist" }, .needs = NEEDS_TP
#define RETR_SYNACK                                                                      \
	{                                                                                \
		.prog = { "retr_synack" }, .missing = "SYN-ACKs sent again are not seen" \
	}
#define RETR                                                                                      \
	RETR_ANY,                                                                                 \
		.progs = { "retr_skb" },                                                          \
		.extra = { { .prog = { "retr_set_state" }, .missing = "the process is unknown" }, \
		           RETR_SYNACK }
/* Who owns the socket is asked there alone: without it a rung by a helper for that would pass where there is none. */
#define RETR_OWNED RETR_ANY, .progs = { "retr_skb", "retr_set_state" }, .extra[0] = RETR_SYNACK

#define RETR_NOTE                                                                        \
	"which of timeout, fast retransmit and loss probe it was is unknown; so is the " \
	"process of sockets opened before the agent started"

#define RUNQ                                                                                    \
	.obj = SLO_OBJ_RUNQUEUE, .source = SLO_SRC_TRACEPOINT, .unused_maps = { "slo_counts" }, \
	.hooks = "tracepoint/sched/sched_switch, sched_wakeup, sched_wakeup_new",               \
	.progs = { "runq_switch", "runq_wakeup", "runq_wakeup_new" },                           \
	.extra[0] = { .prog = { "runq_exit" },                                                  \
		      .missing = "a task may be taken for an older one of its number" },        \
	.needs = NEEDS_TP

#define RUNQ_NOTE \
	"waits for the cgroup's own quota are not told apart; a task's first wait has no owner"

#define CONN                                                                               \
	.obj = SLO_OBJ_CONNECT, .source = SLO_SRC_TRACEPOINT,                              \
	.extra = { { .prog = { "conn_reset" },                                             \
		     .missing = "a refused connect is not told from one given up" },       \
		   { .prog = { "conn_syn_again" },                                         \
		     .missing = "SYNs sent again are not counted, nor time-outs told" } }, \
	.needs = NEEDS_TP

#define CONN_SOCK                            \
	CONN, .progs = { "conn_set_state" }, \
	      .hooks =                       \
		      "tracepoint/sock/inet_sock_set_state, tcp/tcp_receive_reset, tcp_retransmit_skb"
#define CONN_TCP                                 \
	CONN, .progs = { "conn_tcp_set_state" }, \
	      .hooks = "tracepoint/tcp/tcp_set_state, tcp_receive_reset, tcp_retransmit_skb"

#define CONN_NOTE \
	"errors: refused and timed out are told, other causes are not; no route is not counted"

#define RECLAIM                                                                                \
	.obj = SLO_OBJ_RECLAIM, .source = SLO_SRC_TRACEPOINT, .unused_maps = { "slo_counts" }, \
	.hooks = "tracepoint/vmscan/mm_vmscan_{direct,memcg}_reclaim_{begin,end}, "            \
		 "compaction/mm_compaction_{begin,end}",                                       \
	.progs = { "direct_begin", "direct_end" },                                             \
	.extra = { { .prog = { "memcg_begin", "memcg_end" },                                   \
		     .missing = "reclaim at a cgroup's own limit is not seen" },               \
		   { .prog = { "compact_begin", "compact_end" },                               \
		     .missing = "compaction is not seen" } },                                  \
	.needs = NEEDS_TP

#define DISK                                                                                \
	.obj = SLO_OBJ_DISK, .source = SLO_SRC_TRACEPOINT, .unused_maps = { "slo_counts" }, \
	.hooks = "tracepoint/block/block_rq_insert, block_rq_issue, block_rq_complete",     \
	.progs = { "disk_issue", "disk_complete" },                                         \
	.extra[0] = { .prog = { "disk_insert" },                                            \
		      .missing = "time in the scheduler's queue is not counted" },          \
	.needs = NEEDS_TP

#define DISK_NOTE                                                                           \
	"requests are told by disk and sector; flushes are not seen; the owner is whoever " \
	"queued the request, of written-back data the kernel"

#define SYSC                                                                                       \
	.obj = SLO_OBJ_SYSCALL, .source = SLO_SRC_TRACEPOINT, .unused_maps = { "slo_counts" },     \
	.hooks = "tracepoint/syscalls/sys_{enter,exit}_{pread64,pwrite64,preadv,pwritev,"          \
		 "preadv2,pwritev2,fsync,fdatasync,msync,sync_file_range}",                        \
	.progs = { "sys_pread64", "sys_pread64_end", "sys_pwrite64", "sys_pwrite64_end" },         \
	.extra = { { .prog = { "sys_preadv", "sys_preadv_end", "sys_pwritev", "sys_pwritev_end",   \
		               "sys_preadv2", "sys_preadv2_end", "sys_pwritev2",                   \
		               "sys_pwritev2_end" },                                               \
		     .missing = "preadv, pwritev and their kin are not seen" },                    \
		   { .prog = { "sys_fsync", "sys_fsync_end", "sys_fdatasync", "sys_fdatasync_end", \
		               "sys_msync", "sys_msync_end", "sys_sync_file_range",                \
		               "sys_sync_file_range_end" },                                        \
		     .missing = "fsync and its kin are not seen" } },                              \
	.needs = NEEDS_TP                                                                          \
		", CONFIG_FTRACE_SYSCALLS, a target (--cgroup, --pid, --comm, --pod-uid)",         \
	.needs_target = true

#define SYSC_NOTE                                                                           \
	"only syncs, and reads and writes that name a place in the file (pread, pwrite): "  \
	"of plain read and write it is not known whether they wait for storage; not seen: " \
	"io_uring, splice, sendfile, page faults, 32-bit calls"

#define CGROUP .rodata[0] = { "slo_task_cgroup", 1 }
#define NO_CGROUP "; the cgroup is unknown (Linux 4.18)"

#endif
