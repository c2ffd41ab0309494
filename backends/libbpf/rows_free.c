/* SPDX-License-Identifier: Apache-2.0 */
/* Objects without BTF (bpf/free, and dns and tls built for it): their rungs ask no more than helpers and tracepoints. */
#include "backends/libbpf/rows_old.h"

SLO_OBJ_ALL_EMBEDDED(free);

static const struct slo_obj_row objects[SLO_OBJ_MAX_] = {
	SLO_OBJ_ALL_ROWS(free),
};

static const struct slo_rung rungs[] = {
	{ DNS, .mechanism = "cgroup_skb, no BTF",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = "" },
	{ DNS, .mechanism = "cgroup_skb, no BTF, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = "pid and comm unknown (the cgroup is), so is the network namespace; " DNS_NOTE },
	{ DNS, .mechanism = "cgroup_skb, no BTF, no owner", .no_cgroup = true,
	  .note = "pid, comm and cgroup unknown, so is the network namespace; " DNS_NOTE },
	{ RETR_OWNED, .mechanism = "tracepoint", CGROUP, .note = RETR_NOTE },
	{ RETR, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = RETR_NOTE NO_CGROUP },
	{ RUNQ, .mechanism = "tracepoint", CGROUP, .note = RUNQ_NOTE },
	{ RUNQ, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = RUNQ_NOTE NO_CGROUP },
	{ CONN_SOCK, .mechanism = "tracepoint", CGROUP, .note = CONN_NOTE },
	{ CONN_SOCK, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = CONN_NOTE NO_CGROUP },
	{ CONN_TCP, .mechanism = "tracepoint of 4.15, no cgroup", .no_cgroup = true,
	  .note = CONN_NOTE NO_CGROUP },
	{ RECLAIM, .mechanism = "tracepoint", CGROUP,
	  .note = "throttling of reclaim is not told apart" },
	{ RECLAIM, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = "throttling of reclaim is not told apart" NO_CGROUP },
	{ DISK, .mechanism = "tracepoint", CGROUP, .note = DISK_NOTE },
	{ DISK, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = DISK_NOTE NO_CGROUP },
	{ SYSC, .mechanism = "tracepoint", CGROUP, .note = SYSC_NOTE },
	{ SYSC, .mechanism = "tracepoint, no cgroup", .no_cgroup = true,
	  .note = SYSC_NOTE NO_CGROUP },
	{ TLS, .mechanism = "cgroup_skb, no BTF",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = SLO_TLS_NOTE },
	{ TLS, .mechanism = "cgroup_skb, no BTF, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = SLO_TLS_NOTE
	  "; pid and comm unknown (the cgroup is), so is the network namespace" },
	{ TLS, .mechanism = "cgroup_skb, no BTF, no owner", .no_cgroup = true,
	  .note = SLO_TLS_NOTE "; pid, comm and cgroup unknown, so is the network namespace" },
};

const struct slo_flavour_rows slo_rows_free = { objects, rungs, SLO_ARRAY_SIZE(rungs) };
