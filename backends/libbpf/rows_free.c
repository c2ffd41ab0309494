/* SPDX-License-Identifier: Apache-2.0 */
/* Objects without BTF (bpf/free, and dns and tls built for it): their rungs ask no more than helpers and tracepoints. */
#include "backends/libbpf/rows.h"

#define EMBEDDED(name) \
	extern const unsigned char slo_bpf_free_##name##_start[], slo_bpf_free_##name##_end[]

EMBEDDED(dns);
EMBEDDED(retransmit);
EMBEDDED(runqueue);
EMBEDDED(connect);
EMBEDDED(reclaim);
EMBEDDED(disk);
EMBEDDED(tls);

#define OBJECT(name) #name, slo_bpf_free_##name##_start, slo_bpf_free_##name##_end

/* System calls have no row: which file a call is for stands in no tracepoint. */
static const struct slo_obj_row objects[SLO_OBJ_MAX_] = {
	[SLO_OBJ_DNS] = { OBJECT(dns), SLO_SIG_BIT(SLO_SIG_DNS_LATENCY), false },
	[SLO_OBJ_RETRANSMIT] = { OBJECT(retransmit), SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS), false },
	[SLO_OBJ_RUNQUEUE] = { OBJECT(runqueue), SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY), true },
	[SLO_OBJ_CONNECT] = { OBJECT(connect),
	                      SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) |
	                              SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS),
	                      false },
	[SLO_OBJ_RECLAIM] = { OBJECT(reclaim), SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM), false },
	[SLO_OBJ_DISK] = { OBJECT(disk), SLO_SIG_BIT(SLO_SIG_DISK_IO), false },
	[SLO_OBJ_TLS] = { OBJECT(tls),
	                  SLO_SIG_BIT(SLO_SIG_TLS_HANDSHAKE) | SLO_SIG_BIT(SLO_SIG_TLS_FAIL),
	                  false },
};

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
#define TLS_NOTE \
	"TLS over TCP only: QUIC, DTLS and hellos inside a SYN (TCP fast open) are not seen"

#define RETR                                                                                          \
	.obj = SLO_OBJ_RETRANSMIT, .source = SLO_SRC_TRACEPOINT, .stand_in = "retr_set_state",        \
	.hooks =                                                                                      \
		"tracepoint/tcp/tcp_retransmit_skb, tcp_retransmit_synack, sock/inet_sock_set_state", \
	.progs = { "retr_skb" }, .unused_maps = { "slo_hist" },                                       \
	.extra = { { .prog = { "retr_set_state" }, .missing = "the process is unknown" },             \
		   { .prog = { "retr_synack" }, .missing = "SYN-ACKs sent again are not seen" } },    \
	.needs = NEEDS_TP

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

#define CGROUP .rodata[0] = { "slo_task_cgroup", 1 }
#define NO_CGROUP "; the cgroup is unknown (Linux 4.18)"

static const struct slo_rung rungs[] = {
	{ DNS, .mechanism = "cgroup_skb, no BTF",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = "" },
	{ DNS, .mechanism = "cgroup_skb, no BTF, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = "pid and comm unknown (the cgroup is); " DNS_NOTE },
	{ DNS, .mechanism = "cgroup_skb, no BTF, no owner",
	  .note = "pid, comm and cgroup unknown; " DNS_NOTE },
	{ RETR, .mechanism = "tracepoint", CGROUP, .note = RETR_NOTE },
	{ RETR, .mechanism = "tracepoint, no cgroup", .note = RETR_NOTE NO_CGROUP },
	{ RUNQ, .mechanism = "tracepoint", CGROUP, .note = RUNQ_NOTE },
	{ RUNQ, .mechanism = "tracepoint, no cgroup", .note = RUNQ_NOTE NO_CGROUP },
	{ CONN_SOCK, .mechanism = "tracepoint", CGROUP, .note = CONN_NOTE },
	{ CONN_SOCK, .mechanism = "tracepoint, no cgroup", .note = CONN_NOTE NO_CGROUP },
	{ CONN_TCP, .mechanism = "tracepoint of 4.15, no cgroup", .note = CONN_NOTE NO_CGROUP },
	{ RECLAIM, .mechanism = "tracepoint", CGROUP,
	  .note = "throttling of reclaim is not told apart" },
	{ RECLAIM, .mechanism = "tracepoint, no cgroup",
	  .note = "throttling of reclaim is not told apart" NO_CGROUP },
	{ DISK, .mechanism = "tracepoint", CGROUP, .note = DISK_NOTE },
	{ DISK, .mechanism = "tracepoint, no cgroup", .note = DISK_NOTE NO_CGROUP },
	{ TLS, .mechanism = "cgroup_skb, no BTF",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = TLS_NOTE },
	{ TLS, .mechanism = "cgroup_skb, no BTF, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = TLS_NOTE "; pid and comm unknown (the cgroup is)" },
	{ TLS, .mechanism = "cgroup_skb, no BTF, no owner",
	  .note = TLS_NOTE "; pid, comm and cgroup unknown" },
};

const struct slo_flavour_rows slo_rows_free = { objects, rungs, SLO_ARRAY_SIZE(rungs) };
