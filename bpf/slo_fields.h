/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is written into a program's instructions before it is loaded, for kernels without global data (before 5.2) and
 * without BTF: constants, and where the fields of a tracepoint's record are, as its format file in tracefs says.
 * Programs hold a placeholder for each, backends/libbpf/patch.c replaces them.
 */
#ifndef SLO_BPF_FIELDS_H
#define SLO_BPF_FIELDS_H

/* name, tracepoint's category and name, field, bytes of the field, 1: where the kernel has none it reads as 0 */
#define SLO_FIELDS(X)                                                                   \
	X(RETR_SKB, "tcp", "tcp_retransmit_skb", "skbaddr", 8, 0)                       \
	X(RETR_SK, "tcp", "tcp_retransmit_skb", "skaddr", 8, 0)                         \
	X(RETR_STATE, "tcp", "tcp_retransmit_skb", "state", 4, 1)                       \
	X(RETR_SPORT, "tcp", "tcp_retransmit_skb", "sport", 2, 0)                       \
	X(RETR_DPORT, "tcp", "tcp_retransmit_skb", "dport", 2, 0)                       \
	X(RETR_SADDR, "tcp", "tcp_retransmit_skb", "saddr", 4, 0)                       \
	X(RETR_DADDR, "tcp", "tcp_retransmit_skb", "daddr", 4, 0)                       \
	X(RETR_SADDR6, "tcp", "tcp_retransmit_skb", "saddr_v6", 16, 0)                  \
	X(RETR_DADDR6, "tcp", "tcp_retransmit_skb", "daddr_v6", 16, 0)                  \
	X(RETR_ERR, "tcp", "tcp_retransmit_skb", "err", 4, 1)                           \
	X(SYNACK_SK, "tcp", "tcp_retransmit_synack", "skaddr", 8, 0)                    \
	X(SYNACK_SPORT, "tcp", "tcp_retransmit_synack", "sport", 2, 0)                  \
	X(SYNACK_DPORT, "tcp", "tcp_retransmit_synack", "dport", 2, 0)                  \
	X(SYNACK_SADDR, "tcp", "tcp_retransmit_synack", "saddr", 4, 0)                  \
	X(SYNACK_DADDR, "tcp", "tcp_retransmit_synack", "daddr", 4, 0)                  \
	X(SYNACK_SADDR6, "tcp", "tcp_retransmit_synack", "saddr_v6", 16, 0)             \
	X(SYNACK_DADDR6, "tcp", "tcp_retransmit_synack", "daddr_v6", 16, 0)             \
	X(RESET_SK, "tcp", "tcp_receive_reset", "skaddr", 8, 0)                         \
	X(STATE_SK, "sock", "inet_sock_set_state", "skaddr", 8, 0)                      \
	X(STATE_OLD, "sock", "inet_sock_set_state", "oldstate", 4, 0)                   \
	X(STATE_NEW, "sock", "inet_sock_set_state", "newstate", 4, 0)                   \
	X(STATE_SPORT, "sock", "inet_sock_set_state", "sport", 2, 0)                    \
	X(STATE_DPORT, "sock", "inet_sock_set_state", "dport", 2, 0)                    \
	X(STATE_FAMILY, "sock", "inet_sock_set_state", "family", 2, 0)                  \
	X(STATE_PROTO1, "sock", "inet_sock_set_state", "protocol", 1, 1)                \
	X(STATE_PROTO2, "sock", "inet_sock_set_state", "protocol", 2, 1)                \
	X(STATE_SADDR, "sock", "inet_sock_set_state", "saddr", 4, 0)                    \
	X(STATE_DADDR, "sock", "inet_sock_set_state", "daddr", 4, 0)                    \
	X(STATE_SADDR6, "sock", "inet_sock_set_state", "saddr_v6", 16, 0)               \
	X(STATE_DADDR6, "sock", "inet_sock_set_state", "daddr_v6", 16, 0)               \
	X(TSTATE_SK, "tcp", "tcp_set_state", "skaddr", 8, 0)                            \
	X(TSTATE_OLD, "tcp", "tcp_set_state", "oldstate", 4, 0)                         \
	X(TSTATE_NEW, "tcp", "tcp_set_state", "newstate", 4, 0)                         \
	X(TSTATE_SPORT, "tcp", "tcp_set_state", "sport", 2, 0)                          \
	X(TSTATE_DPORT, "tcp", "tcp_set_state", "dport", 2, 0)                          \
	X(TSTATE_SADDR, "tcp", "tcp_set_state", "saddr", 4, 0)                          \
	X(TSTATE_DADDR, "tcp", "tcp_set_state", "daddr", 4, 0)                          \
	X(TSTATE_SADDR6, "tcp", "tcp_set_state", "saddr_v6", 16, 0)                     \
	X(TSTATE_DADDR6, "tcp", "tcp_set_state", "daddr_v6", 16, 0)                     \
	X(SWITCH_PREV, "sched", "sched_switch", "prev_pid", 4, 0)                       \
	X(SWITCH_STATE, "sched", "sched_switch", "prev_state", 8, 0)                    \
	X(SWITCH_NEXT, "sched", "sched_switch", "next_pid", 4, 0)                       \
	X(SWITCH_PRIO, "sched", "sched_switch", "next_prio", 4, 0)                      \
	X(SWITCH_COMM, "sched", "sched_switch", "next_comm", 16, 0)                     \
	X(WAKEUP_PID, "sched", "sched_wakeup", "pid", 4, 0)                             \
	X(WAKENEW_PID, "sched", "sched_wakeup_new", "pid", 4, 0)                        \
	X(EXIT_PID, "sched", "sched_process_exit", "pid", 4, 0)                         \
	X(INSERT_DEV, "block", "block_rq_insert", "dev", 4, 0)                          \
	X(INSERT_SECTOR, "block", "block_rq_insert", "sector", 8, 0)                    \
	X(INSERT_SECTORS, "block", "block_rq_insert", "nr_sector", 4, 0)                \
	X(ISSUE_DEV, "block", "block_rq_issue", "dev", 4, 0)                            \
	X(ISSUE_SECTOR, "block", "block_rq_issue", "sector", 8, 0)                      \
	X(ISSUE_SECTORS, "block", "block_rq_issue", "nr_sector", 4, 0)                  \
	X(DONE_DEV, "block", "block_rq_complete", "dev", 4, 0)                          \
	X(DONE_SECTOR, "block", "block_rq_complete", "sector", 8, 0)                    \
	X(DONE_SECTORS, "block", "block_rq_complete", "nr_sector", 4, 0)                \
	X(DONE_RWBS, "block", "block_rq_complete", "rwbs", 0, 0)                        \
	X(DIRECT_ORDER, "vmscan", "mm_vmscan_direct_reclaim_begin", "order", 4, 1)      \
	X(DIRECT_PAGES, "vmscan", "mm_vmscan_direct_reclaim_end", "nr_reclaimed", 8, 1) \
	X(MEMCG_ORDER, "vmscan", "mm_vmscan_memcg_reclaim_begin", "order", 4, 1)        \
	X(MEMCG_PAGES, "vmscan", "mm_vmscan_memcg_reclaim_end", "nr_reclaimed", 8, 1)

#define SLO_FIELD_ENUM(id, ...) SLO_F_##id,
enum slo_field {
	SLO_FIELDS(SLO_FIELD_ENUM) SLO_F_MAX_
};

/* The offset of a load that reads byte @sub of field @id. */
#define SLO_FIELD_AT(id, sub) (0x3000 + (id)*32 + (sub))

/* A constant that is the field's offset itself. */
#define SLO_OFFSET_AT(id) (0x510f0000 + (id))

/* Constants, by name of the rung that sets them; 0 where none does. */
#define SLO_CONSTS(X)                                                                        \
	X(CGROUP_V1, "slo_cgroup_v1") /* 1: containers live in v1 hierarchies */             \
	X(OWNER_BY, "slo_owner_by") /* slo_skb.h */                                          \
	X(SKB_CGROUP, "slo_skb_cgroup") /* 1: bpf_skb_cgroup_id() may be called */           \
	X(TASK_CGROUP, "slo_task_cgroup") /* 1: bpf_get_current_cgroup_id() may be called */ \
	X(RUNS_BIT, "slo_runs_bit") /* of sched_switch's prev_state, where runnable has one */

#define SLO_CONST_ENUM(id, name) SLO_K_##id,
enum slo_const {
	SLO_CONSTS(SLO_CONST_ENUM) SLO_K_MAX_
};

#define SLO_CONST_AT(id) (0x510c0000 + (id))

#endif
