/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/rows.h"

#include <assert.h>

#include "core/base/base.h"

static const struct slo_bcc_hook_row hooks[] = {
	[SLO_BCC_DNS_SEND4] = { "dns_send4_kp", SLO_BCC_KPROBE, "ip_send_skb" },
	[SLO_BCC_DNS_SEND6] = { "dns_send6_kp", SLO_BCC_KPROBE, "ip6_send_skb" },
	[SLO_BCC_DNS_ARRIVE] = { "dns_arrive_kp", SLO_BCC_KPROBE, "__udp_enqueue_schedule_skb" },
	[SLO_BCC_DNS_ARRIVE_4_7] = { "dns_arrive_kp", SLO_BCC_KPROBE, "__sock_queue_rcv_skb" },
	[SLO_BCC_DNS_ARRIVE_OLD] = { "dns_arrive_kp", SLO_BCC_KPROBE, "sock_queue_rcv_skb" },
	[SLO_BCC_DNS_READ] = { "dns_read_kp", SLO_BCC_KPROBE, "skb_consume_udp" },
	[SLO_BCC_DNS_READ_4_7] = { "dns_read_kp", SLO_BCC_KPROBE, "__skb_free_datagram_locked" },
	[SLO_BCC_DNS_READ_OLD] = { "dns_read_old_kp", SLO_BCC_KPROBE, "skb_free_datagram_locked" },
	[SLO_BCC_DNS_RECV4] = { "dns_recv_kp", SLO_BCC_KPROBE, "udp_recvmsg" },
	[SLO_BCC_DNS_RECV6] = { "dns_recv_kp", SLO_BCC_KPROBE, "udpv6_recvmsg" },
	[SLO_BCC_DNS_BIND] = { "dns_bind_kp", SLO_BCC_KPROBE, "udp_lib_get_port" },
	[SLO_BCC_RETR_TP] = { "retr_skb_tp", SLO_BCC_TRACEPOINT, "tcp/tcp_retransmit_skb" },
	[SLO_BCC_RETR_KP] = { "retr_skb_kp", SLO_BCC_KPROBE, "tcp_retransmit_skb" },
	[SLO_BCC_RETR_TLP_KP] = { "retr_probe_kp", SLO_BCC_KPROBE, "__tcp_retransmit_skb" },
	[SLO_BCC_SYNACK_TP] = { "retr_synack_tp", SLO_BCC_TRACEPOINT, "tcp/tcp_retransmit_synack" },
	[SLO_BCC_SYNACK_KP] = { "retr_synack_kp", SLO_BCC_KPROBE, "tcp_rtx_synack" },
	[SLO_BCC_STATE_TP] = { "sock_state_tp", SLO_BCC_TRACEPOINT, "sock/inet_sock_set_state" },
	[SLO_BCC_STATE_KP] = { "sock_state_kp", SLO_BCC_KPROBE, "tcp_set_state" },
	[SLO_BCC_LISTEN_KP] = { "sock_listen_kp", SLO_BCC_KPROBE, "inet_csk_listen_start" },
	[SLO_BCC_CALL4_KP] = { "conn_call4_kp", SLO_BCC_KPROBE, "tcp_v4_connect" },
	[SLO_BCC_CALL6_KP] = { "conn_call6_kp", SLO_BCC_KPROBE, "tcp_v6_connect" },
	[SLO_BCC_CALL_EXIT_TP] = { "conn_exit_tp", SLO_BCC_TRACEPOINT,
	                           "syscalls/sys_exit_connect" },
	[SLO_BCC_SWITCH_RAW] = { "runq_switch_raw", SLO_BCC_RAW_TP, "sched_switch" },
	[SLO_BCC_WAKEUP_RAW] = { "runq_wakeup_raw", SLO_BCC_RAW_TP, "sched_wakeup" },
	[SLO_BCC_WAKEUP_NEW_RAW] = { "runq_wakeup_raw", SLO_BCC_RAW_TP, "sched_wakeup_new" },
	[SLO_BCC_SWITCHED_KP] = { "runq_switched_kp", SLO_BCC_KPROBE, "finish_task_switch" },
	[SLO_BCC_WAKEUP_TP] = { "runq_wakeup_tp", SLO_BCC_TRACEPOINT, "sched/sched_wakeup" },
	[SLO_BCC_WAKEUP_NEW_TP] = { "runq_wakeup_tp", SLO_BCC_TRACEPOINT,
	                            "sched/sched_wakeup_new" },
	[SLO_BCC_WAKEUP_KP] = { "runq_wakeup_kp", SLO_BCC_KPROBE, "ttwu_do_wakeup" },
	[SLO_BCC_WAKEUP_NEW_KP] = { "runq_wakeup_new_kp", SLO_BCC_KPROBE, "wake_up_new_task" },
	[SLO_BCC_DISK_CGROUP_RAW] = { "disk_complete_cgroup_raw", SLO_BCC_RAW_TP,
	                              "block_rq_complete" },
	[SLO_BCC_DISK_RAW] = { "disk_complete_raw", SLO_BCC_RAW_TP, "block_rq_complete" },
	[SLO_BCC_DISK_START_KP] = { "disk_start_kp", SLO_BCC_KPROBE, "blk_account_io_start" },
	[SLO_BCC_DISK_ISSUE_MQ_KP] = { "disk_issue_kp", SLO_BCC_KPROBE, "blk_mq_start_request" },
	[SLO_BCC_DISK_ISSUE_KP] = { "disk_issue_kp", SLO_BCC_KPROBE, "blk_start_request" },
	[SLO_BCC_DISK_DONE_KP] = { "disk_done_kp", SLO_BCC_KPROBE, "blk_account_io_done" },
	[SLO_BCC_DIRECT_BEGIN] = { "reclaim_direct_begin_tp", SLO_BCC_TRACEPOINT,
	                           "vmscan/mm_vmscan_direct_reclaim_begin" },
	[SLO_BCC_DIRECT_END] = { "reclaim_direct_end_tp", SLO_BCC_TRACEPOINT,
	                         "vmscan/mm_vmscan_direct_reclaim_end" },
	[SLO_BCC_MEMCG_BEGIN] = { "reclaim_memcg_begin_tp", SLO_BCC_TRACEPOINT,
	                          "vmscan/mm_vmscan_memcg_reclaim_begin" },
	[SLO_BCC_MEMCG_END] = { "reclaim_memcg_end_tp", SLO_BCC_TRACEPOINT,
	                        "vmscan/mm_vmscan_memcg_reclaim_end" },
	[SLO_BCC_COMPACT_BEGIN] = { "reclaim_compact_begin_tp", SLO_BCC_TRACEPOINT,
	                            "compaction/mm_compaction_begin" },
	[SLO_BCC_COMPACT_END] = { "reclaim_compact_end_tp", SLO_BCC_TRACEPOINT,
	                          "compaction/mm_compaction_end" },
	[SLO_BCC_THROTTLED] = { "reclaim_throttled_tp", SLO_BCC_TRACEPOINT,
	                        "vmscan/mm_vmscan_throttled" },
	[SLO_BCC_DIRECT_BEGIN_KP] = { "reclaim_direct_begin_kp", SLO_BCC_KPROBE,
	                              "try_to_free_pages" },
	[SLO_BCC_MEMCG_BEGIN_KP] = { "reclaim_memcg_begin_kp", SLO_BCC_KPROBE,
	                             "try_to_free_mem_cgroup_pages" },
	[SLO_BCC_RECLAIM_END_KP] = { "reclaim_end_kp", SLO_BCC_KPROBE,
	                             "__delayacct_freepages_end" },
};
SLO_TABLE_COMPLETE(hooks, SLO_BCC_HOOK_MAX_);

/* Queries need no place here: those that nobody ends are swept, and are no timeouts of a signal that is off. */
static const struct slo_bcc_obj_row objects[] = {
	[SLO_BCC_OBJ_CONNECT] = { SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) |
	                                  SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS),
	                          "slo_counts_conn", "slo_socks" },
	[SLO_BCC_OBJ_DNS] = { SLO_SIG_BIT(SLO_SIG_DNS_LATENCY), NULL, NULL },
	[SLO_BCC_OBJ_RETRANSMIT] = { SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS), "slo_counts_retr",
	                             "slo_socks" },
	[SLO_BCC_OBJ_RUNQUEUE] = { SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY), NULL, "runq_queued" },
	[SLO_BCC_OBJ_DISK] = { SLO_SIG_BIT(SLO_SIG_DISK_IO), NULL, "disk_requests" },
	[SLO_BCC_OBJ_RECLAIM] = { SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM), NULL, "reclaim_stalls" },
};
SLO_TABLE_COMPLETE(objects, SLO_BCC_OBJ_MAX_);

/* clang-format off */
#define DNS_NOTE "UDP only; an answer that is never read is a timeout"
#define DNS_COMMON(arrival)                                                                                               \
	.obj = SLO_BCC_OBJ_DNS, .needs = 2,                                                                               \
	.extra = { { { SLO_BCC_DNS_SEND6 }, 1, "IPv6 is not seen" },                                                              \
		   { { arrival }, 1, "an answer counts when it is read, not when it comes" },                                 \
		   { { SLO_BCC_DNS_BIND }, 1, "a resolver is not known before its first answer" },                            \
		   { { SLO_BCC_DNS_RECV4, SLO_BCC_DNS_RECV6 }, 2,                                                             \
		     "answers that lie in pages, as large ones before 4.14, are not measured" } }

#define DISK_NOTE "not seen: waits before a request is made, disks that keep no times"
#define RUNQ_NOTE "waits for the cgroup's own quota are not told from others'"
#define RETR_NOTE "the process of sockets opened before the agent started is unknown"
#define CONN_CALLS                                                                                                       \
	{ { SLO_BCC_CALL4_KP, SLO_BCC_CALL_EXIT_TP }, 2,                                                                 \
	  "connects that fail before their first SYN (no route) are not counted" },                                      \
	{ { SLO_BCC_CALL6_KP }, 1, "IPv6 connects that fail before their first SYN (no route) are not counted" }

static const struct slo_bcc_rung rungs[] = {
	{ DNS_COMMON(SLO_BCC_DNS_ARRIVE), .mechanism = "bcc, kprobes", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, __udp_enqueue_schedule_skb, skb_consume_udp, udp_recvmsg, udpv6_recvmsg, udp_lib_get_port", .note = DNS_NOTE },
	{ DNS_COMMON(SLO_BCC_DNS_ARRIVE_4_7), .mechanism = "bcc, kprobes of 4.7", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ_4_7 },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, __sock_queue_rcv_skb, __skb_free_datagram_locked, udp_recvmsg, udpv6_recvmsg, udp_lib_get_port",
	  .note = DNS_NOTE },
	{ DNS_COMMON(SLO_BCC_DNS_ARRIVE_OLD), .mechanism = "bcc, kprobes of 4.4", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ_OLD },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, sock_queue_rcv_skb, skb_free_datagram_locked, udp_recvmsg, udpv6_recvmsg, udp_lib_get_port",
	  .note = DNS_NOTE },

	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, tracepoints", .needs = 2,
	  .need = { SLO_BCC_RETR_TP, SLO_BCC_STATE_TP },
	  .extra = { { { SLO_BCC_SYNACK_TP }, 1, "SYN-ACKs sent again are not seen" } },
	  .hooks = "tracepoints tcp/tcp_retransmit_skb, tcp/tcp_retransmit_synack, sock/inet_sock_set_state",
	  .note = RETR_NOTE },
	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, tracepoint, owner by kprobe", .needs = 2,
	  .need = { SLO_BCC_RETR_TP, SLO_BCC_STATE_KP },
	  .extra = { { { SLO_BCC_SYNACK_TP }, 1, "SYN-ACKs sent again are not seen" },
		     { { SLO_BCC_LISTEN_KP }, 1, "the owner of accepted sockets is unknown" } },
	  .hooks = "tracepoints tcp/tcp_retransmit_skb, tcp/tcp_retransmit_synack; kprobes tcp_set_state, "
		   "inet_csk_listen_start",
	  .note = RETR_NOTE },
	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, kprobes", .needs = 2,
	  .need = { SLO_BCC_RETR_KP, SLO_BCC_STATE_KP },
	  .extra = { { { SLO_BCC_RETR_TLP_KP }, 1, "tail loss probes are not seen" },
		     { { SLO_BCC_SYNACK_KP }, 1, "SYN-ACKs sent again are not seen" },
		     { { SLO_BCC_LISTEN_KP }, 1, "the owner of accepted sockets is unknown" } },
	  .hooks = "kprobes tcp_retransmit_skb, __tcp_retransmit_skb, tcp_rtx_synack, tcp_set_state, inet_csk_listen_start",
	  .note = "attempts that fail on this host are counted, too; " RETR_NOTE },

	{ .obj = SLO_BCC_OBJ_CONNECT, .mechanism = "bcc, tracepoint", .needs = 1,
	  .need = { SLO_BCC_STATE_TP },
	  .extra = { CONN_CALLS },
	  .hooks = "tracepoints sock/inet_sock_set_state, syscalls/sys_exit_connect; kprobes tcp_v4_connect, "
		   "tcp_v6_connect",
	  .note = "" },
	{ .obj = SLO_BCC_OBJ_CONNECT, .mechanism = "bcc, kprobe", .needs = 1,
	  .need = { SLO_BCC_STATE_KP },
	  .extra = { { { SLO_BCC_LISTEN_KP }, 1, "the owner of accepted sockets is unknown" }, CONN_CALLS },
	  .hooks = "kprobes tcp_set_state, inet_csk_listen_start, tcp_v4_connect, tcp_v6_connect; tracepoint "
		   "syscalls/sys_exit_connect",
	  .note = "" },

	{ .obj = SLO_BCC_OBJ_RUNQUEUE, .mechanism = "bcc, raw tracepoints", .needs = 3,
	  .need = { SLO_BCC_SWITCH_RAW, SLO_BCC_WAKEUP_RAW, SLO_BCC_WAKEUP_NEW_RAW },
	  .hooks = "raw tracepoints sched_switch, sched_wakeup, sched_wakeup_new", .note = RUNQ_NOTE },
	{ .obj = SLO_BCC_OBJ_RUNQUEUE, .mechanism = "bcc, tracepoints and kprobe", .needs = 3,
	  .need = { SLO_BCC_SWITCHED_KP, SLO_BCC_WAKEUP_TP, SLO_BCC_WAKEUP_NEW_TP },
	  .hooks = "kprobe finish_task_switch, tracepoints sched/sched_wakeup, sched/sched_wakeup_new",
	  .note = RUNQ_NOTE },
	{ .obj = SLO_BCC_OBJ_RUNQUEUE, .mechanism = "bcc, kprobes", .needs = 3,
	  .need = { SLO_BCC_SWITCHED_KP, SLO_BCC_WAKEUP_KP, SLO_BCC_WAKEUP_NEW_KP },
	  .hooks = "kprobes finish_task_switch, ttwu_do_wakeup, wake_up_new_task", .note = RUNQ_NOTE },

	{ .obj = SLO_BCC_OBJ_DISK, .mechanism = "bcc, stamps", .needs = 1, .need = { SLO_BCC_DISK_CGROUP_RAW },
	  .hooks = "raw tracepoint block_rq_complete", .note = "the process is unknown; " DISK_NOTE },
	{ .obj = SLO_BCC_OBJ_DISK, .mechanism = "bcc, stamps, no cgroup", .needs = 1, .need = { SLO_BCC_DISK_RAW },
	  .hooks = "raw tracepoint block_rq_complete",
	  .note = "the process is unknown; the cgroup is unknown (requests carry a cgroup2 from 5.0 to 5.17); " DISK_NOTE },
	{ .obj = SLO_BCC_OBJ_DISK, .mechanism = "bcc, kprobes", .needs = 3,
	  .need = { SLO_BCC_DISK_START_KP, SLO_BCC_DISK_ISSUE_MQ_KP, SLO_BCC_DISK_DONE_KP },
	  .extra = { { { SLO_BCC_DISK_ISSUE_KP }, 1, "of disks without blk-mq the queue is not told from the device" } },
	  .hooks = "kprobes blk_account_io_start, blk_mq_start_request, blk_start_request, blk_account_io_done",
	  .note = "not seen: waits before a request is made" },

	{ .obj = SLO_BCC_OBJ_RECLAIM, .mechanism = "bcc, tracepoints", .needs = 2,
	  .need = { SLO_BCC_DIRECT_BEGIN, SLO_BCC_DIRECT_END },
	  .extra = { { { SLO_BCC_MEMCG_BEGIN, SLO_BCC_MEMCG_END }, 2,
		       "reclaim at a cgroup's own limit is not seen" },
		     { { SLO_BCC_COMPACT_BEGIN, SLO_BCC_COMPACT_END }, 2, "compaction is not seen" },
		     { { SLO_BCC_THROTTLED }, 1, "throttling of reclaim is not told apart" } },
	  .hooks = "tracepoints vmscan/mm_vmscan_{direct,memcg}_reclaim_{begin,end}, mm_vmscan_throttled, "
		   "compaction/mm_compaction_{begin,end}",
	  .note = "" },
	{ .obj = SLO_BCC_OBJ_RECLAIM, .mechanism = "bcc, kprobes", .needs = 2,
	  .need = { SLO_BCC_DIRECT_BEGIN_KP, SLO_BCC_RECLAIM_END_KP }, .needs_delayacct = true,
	  .extra = { { { SLO_BCC_MEMCG_BEGIN_KP }, 1, "reclaim at a cgroup's own limit is not seen" } },
	  .hooks = "kprobes try_to_free_pages, try_to_free_mem_cgroup_pages, __delayacct_freepages_end",
	  .note = "compaction and throttling are not told, nor the pages" },
};

static const struct slo_bcc_field fields[] = {
	{ "SLO_OFF_RETR_SK", "tcp", "tcp_retransmit_skb", "skaddr" },
	{ "SLO_OFF_RETR_SKB", "tcp", "tcp_retransmit_skb", "skbaddr" },
	{ "SLO_OFF_RETR_ERR", "tcp", "tcp_retransmit_skb", "err" }, /* from 6.17 */
	{ "SLO_OFF_SYNACK_SK", "tcp", "tcp_retransmit_synack", "skaddr" },
	{ "SLO_OFF_SYNACK_REQ", "tcp", "tcp_retransmit_synack", "req" },
	{ "SLO_OFF_STATE_SK", "sock", "inet_sock_set_state", "skaddr" },
	{ "SLO_OFF_STATE_OLD", "sock", "inet_sock_set_state", "oldstate" },
	{ "SLO_OFF_STATE_NEW", "sock", "inet_sock_set_state", "newstate" },
	{ "SLO_OFF_STATE_PROTO", "sock", "inet_sock_set_state", "protocol" },
	{ "SLO_OFF_CONNECT_RET", "syscalls", "sys_exit_connect", "ret" },
	{ "SLO_OFF_WAKEUP_PID", "sched", "sched_wakeup", "pid" },
	{ "SLO_OFF_DIRECT_ORDER", "vmscan", "mm_vmscan_direct_reclaim_begin", "order" },
	{ "SLO_OFF_DIRECT_PAGES", "vmscan", "mm_vmscan_direct_reclaim_end", "nr_reclaimed" },
	{ "SLO_OFF_MEMCG_ORDER", "vmscan", "mm_vmscan_memcg_reclaim_begin", "order" },
	{ "SLO_OFF_MEMCG_PAGES", "vmscan", "mm_vmscan_memcg_reclaim_end", "nr_reclaimed" },
	{ "SLO_OFF_THROTTLED_USEC", "vmscan", "mm_vmscan_throttled", "usec_delayed" }, /* from 5.16 */
};
/* clang-format on */

const struct slo_bcc_hook_row *slo_bcc_hook_row(enum slo_bcc_hook hook)
{
	assert((unsigned int)hook < SLO_BCC_HOOK_MAX_);
	return &hooks[hook];
}

const struct slo_bcc_obj_row *slo_bcc_obj_row(enum slo_bcc_obj obj)
{
	assert((unsigned int)obj < SLO_BCC_OBJ_MAX_);
	return &objects[obj];
}

const struct slo_bcc_rung *slo_bcc_rungs(size_t *ret_count)
{
	*ret_count = SLO_ARRAY_SIZE(rungs);
	return rungs;
}

const struct slo_bcc_field *slo_bcc_fields(size_t *ret_count)
{
	*ret_count = SLO_ARRAY_SIZE(fields);
	return fields;
}
