/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/bcc/rows.h"

#include <assert.h>

#include "core/base/base.h"

static const struct slo_bcc_hook_row hooks[] = {
	[SLO_BCC_DNS_SEND4] = { "dns_send4_kp", SLO_BCC_KPROBE, "ip_send_skb" },
	[SLO_BCC_DNS_SEND6] = { "dns_send6_kp", SLO_BCC_KPROBE, "ip6_send_skb" },
	[SLO_BCC_DNS_READ] = { "dns_read_kp", SLO_BCC_KPROBE, "skb_consume_udp" },
	[SLO_BCC_DNS_READ_4_7] = { "dns_read_kp", SLO_BCC_KPROBE, "__skb_free_datagram_locked" },
	[SLO_BCC_DNS_READ_OLD] = { "dns_read_old_kp", SLO_BCC_KPROBE, "skb_free_datagram_locked" },
	[SLO_BCC_DNS_BIND] = { "dns_bind_kp", SLO_BCC_KPROBE, "udp_lib_get_port" },
	[SLO_BCC_RETR_TP] = { "retr_skb_tp", SLO_BCC_TRACEPOINT, "tcp/tcp_retransmit_skb" },
	[SLO_BCC_RETR_KP] = { "retr_skb_kp", SLO_BCC_KPROBE, "tcp_retransmit_skb" },
	[SLO_BCC_SYNACK_TP] = { "retr_synack_tp", SLO_BCC_TRACEPOINT, "tcp/tcp_retransmit_synack" },
	[SLO_BCC_SYNACK_KP] = { "retr_synack_kp", SLO_BCC_KPROBE, "tcp_rtx_synack" },
	[SLO_BCC_STATE_TP] = { "sock_state_tp", SLO_BCC_TRACEPOINT, "sock/inet_sock_set_state" },
	[SLO_BCC_STATE_KP] = { "sock_state_kp", SLO_BCC_KPROBE, "tcp_set_state" },
	[SLO_BCC_LISTEN_KP] = { "sock_listen_kp", SLO_BCC_KPROBE, "inet_csk_listen_start" },
};
SLO_TABLE_COMPLETE(hooks, SLO_BCC_HOOK_MAX_);

static const struct slo_bcc_obj_row objects[] = {
	[SLO_BCC_OBJ_CONNECT] = { SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) |
	                                  SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS),
	                          "slo_counts_conn" },
	[SLO_BCC_OBJ_DNS] = { SLO_SIG_BIT(SLO_SIG_DNS_LATENCY), NULL },
	[SLO_BCC_OBJ_RETRANSMIT] = { SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS), "slo_counts_retr" },
};
SLO_TABLE_COMPLETE(objects, SLO_BCC_OBJ_MAX_);

/* clang-format off */
#define DNS_COMMON                                                                                                        \
	.obj = SLO_BCC_OBJ_DNS, .needs = 2,                                                                               \
	.extra = { { SLO_BCC_DNS_SEND6, "IPv6 is not seen" },                                                              \
		   { SLO_BCC_DNS_BIND, "a resolver is not known before its first answer" } },                              \
	.note = "UDP only; an answer counts when it is read, and one that is never read is a timeout"

#define RETR_NOTE "the process of sockets opened before the agent started is unknown"
#define CONN_NOTE "connects that fail before their first SYN (no route) are not counted"

static const struct slo_bcc_rung rungs[] = {
	{ DNS_COMMON, .mechanism = "bcc, kprobes", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, skb_consume_udp, udp_lib_get_port" },
	{ DNS_COMMON, .mechanism = "bcc, kprobes of 4.7", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ_4_7 },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, __skb_free_datagram_locked, udp_lib_get_port" },
	{ DNS_COMMON, .mechanism = "bcc, kprobes of 4.4", .need = { SLO_BCC_DNS_SEND4, SLO_BCC_DNS_READ_OLD },
	  .hooks = "kprobes ip_send_skb, ip6_send_skb, skb_free_datagram_locked, udp_lib_get_port" },

	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, tracepoints", .needs = 2,
	  .need = { SLO_BCC_RETR_TP, SLO_BCC_STATE_TP },
	  .extra = { { SLO_BCC_SYNACK_TP, "SYN-ACKs sent again are not seen" } },
	  .hooks = "tracepoints tcp/tcp_retransmit_skb, tcp/tcp_retransmit_synack, sock/inet_sock_set_state",
	  .note = RETR_NOTE },
	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, tracepoint, owner by kprobe", .needs = 2,
	  .need = { SLO_BCC_RETR_TP, SLO_BCC_STATE_KP },
	  .extra = { { SLO_BCC_SYNACK_TP, "SYN-ACKs sent again are not seen" },
		     { SLO_BCC_LISTEN_KP, "the owner of accepted sockets is unknown" } },
	  .hooks = "tracepoints tcp/tcp_retransmit_skb, tcp/tcp_retransmit_synack; kprobes tcp_set_state, "
		   "inet_csk_listen_start",
	  .note = RETR_NOTE },
	{ .obj = SLO_BCC_OBJ_RETRANSMIT, .mechanism = "bcc, kprobes", .needs = 2,
	  .need = { SLO_BCC_RETR_KP, SLO_BCC_STATE_KP },
	  .extra = { { SLO_BCC_SYNACK_KP, "SYN-ACKs sent again are not seen" },
		     { SLO_BCC_LISTEN_KP, "the owner of accepted sockets is unknown" } },
	  .hooks = "kprobes tcp_retransmit_skb, tcp_rtx_synack, tcp_set_state, inet_csk_listen_start",
	  .note = "attempts that fail on this host are counted, too; " RETR_NOTE },

	{ .obj = SLO_BCC_OBJ_CONNECT, .mechanism = "bcc, tracepoint", .needs = 1,
	  .need = { SLO_BCC_STATE_TP },
	  .hooks = "tracepoint sock/inet_sock_set_state", .note = CONN_NOTE },
	{ .obj = SLO_BCC_OBJ_CONNECT, .mechanism = "bcc, kprobe", .needs = 1,
	  .need = { SLO_BCC_STATE_KP },
	  .extra = { { SLO_BCC_LISTEN_KP, "the owner of accepted sockets is unknown" } },
	  .hooks = "kprobes tcp_set_state, inet_csk_listen_start", .note = CONN_NOTE },
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
