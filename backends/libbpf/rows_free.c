/* SPDX-License-Identifier: Apache-2.0 */
/* Objects without BTF (bpf/free, and dns and tls built for it): their rungs ask no more than helpers and tracepoints. */
#include "backends/libbpf/rows_old.h"

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
