/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects for kernels whose BTF is a file: those without BTF, built to read structures too, at offsets taken from the file.
 * What reads nothing is the very same object.
 */
#include "backends/libbpf/rows_old.h"

SLO_OBJ_ALL_EMBEDDED(ext);

static const struct slo_obj_row objects[SLO_OBJ_MAX_] = {
	SLO_OBJ_ALL_ROWS(ext),
};

static const struct slo_rung rungs[] = {
	{ DNS, .mechanism = "cgroup_skb, BTF file",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = "" },
	{ DNS, .mechanism = "cgroup_skb, BTF file, task by probe read",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 1 } }, .note = "" },
	{ DNS, .mechanism = "cgroup_skb, BTF file, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = "pid and comm unknown (the cgroup is), so is the network namespace; " DNS_NOTE },
	{ DNS, .mechanism = "cgroup_skb, BTF file, no owner", .no_cgroup = true,
	  .note = "pid, comm and cgroup unknown, so is the network namespace; " DNS_NOTE },
	{ RETR, .mechanism = "tracepoint, BTF file", CGROUP,
	  .note = "the process of sockets opened before the agent started is unknown" },
	{ .obj = SLO_OBJ_RUNQUEUE,
	  .mechanism = "raw_tp, BTF file",
	  .hooks = "raw_tp/sched_switch",
	  .source = SLO_SRC_RAW_TP,
	  .progs = { "runq_switch_task" },
	  .needs_sched_info = true,
	  .unless_named = "sched_delayed", /* bpf/runqueue.bpf.c */
	  .unused_maps = { "slo_counts", "runq_tasks" },
	  .needs = NEEDS ", CONFIG_SCHED_INFO",
	  .note = "waits for the cgroup's own quota are not told apart" },
	{ RUNQ, .mechanism = "tracepoint, BTF file", CGROUP, .note = RUNQ_NOTE },
	{ CONN_SOCK, .mechanism = "tracepoint, BTF file", CGROUP,
	  .note = "connects that fail before their first SYN (no route) are not counted" },
	{ RECLAIM, .mechanism = "tracepoint, BTF file", CGROUP,
	  .note = "throttling of reclaim is not told apart" },
	{ DISK, .mechanism = "tracepoint, BTF file", CGROUP, .note = DISK_NOTE },
	{ SYSC, .mechanism = "tracepoint, BTF file", CGROUP, .note = SYSC_NOTE },
	{ SYSC, .mechanism = "tracepoint, BTF file, no cgroup", .no_cgroup = true,
	  .note = SYSC_NOTE NO_CGROUP },
	{ TLS, .mechanism = "cgroup_skb, BTF file",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 3 } }, .note = SLO_TLS_NOTE },
	{ TLS, .mechanism = "cgroup_skb, BTF file, task by probe read",
	  .rodata = { { "slo_skb_cgroup", 1 }, { "slo_owner_by", 1 } }, .note = SLO_TLS_NOTE },
	{ TLS, .mechanism = "cgroup_skb, BTF file, no task", .rodata[0] = { "slo_skb_cgroup", 1 },
	  .note = SLO_TLS_NOTE
	  "; pid and comm unknown (the cgroup is), so is the network namespace" },
	{ TLS, .mechanism = "cgroup_skb, BTF file, no owner", .no_cgroup = true,
	  .note = SLO_TLS_NOTE "; pid, comm and cgroup unknown, so is the network namespace" },
};

const struct slo_flavour_rows slo_rows_ext = { objects, rungs, SLO_ARRAY_SIZE(rungs) };
