/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/rows.h"

SLO_OBJ_ALL_EMBEDDED(core);

static const struct slo_obj_row objects[] = {
	SLO_OBJ_ALL_ROWS(core),
};
SLO_TABLE_COMPLETE(objects, SLO_OBJ_MAX_);

#define DNS_COMMON                                                                        \
	.obj = SLO_OBJ_DNS, .hooks = "cgroup_skb/{egress,ingress} at the cgroup2 root",   \
	.source = SLO_SRC_CGROUP_SKB, .progs = { "dns_egress", "dns_ingress" },           \
	.unused_maps = { "slo_counts" },                                                  \
	.extra[0] = { .prog = { "dns_bind4", "dns_bind6" },                               \
		      .missing = "a resolver's first queries are taken for a client's" }, \
	.needs = "BTF, cgroup2, CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"

#define RETR_COMMON                                                                                  \
	.obj = SLO_OBJ_RETRANSMIT,                                                                   \
	.hooks = "tp_btf/tcp_retransmit_skb, tcp_retransmit_synack, inet_sock_set_state",            \
	.source = SLO_SRC_TP_BTF, .stand_in = "retr_set_state", .unused_maps = { "slo_hist" },       \
	.extra[0] = { .prog = { "retr_existing" },                                                   \
		      .missing =                                                                     \
		              "the process of sockets opened before the agent started is unknown" }, \
	.needs = "BTF, CAP_BPF, CAP_PERFMON"

#define CONN_COMMON                                                                                \
	.obj = SLO_OBJ_CONNECT, .source = SLO_SRC_TP_BTF, .progs = { "conn_set_state" },           \
	.extra[0] = { .prog = { "conn_connect4", "conn_connect6", "conn_connect_fexit" },          \
		      .signals = SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS) },                            \
	.extra[1] = {                                                                              \
		.in_place = true,                                                                  \
		.prog = { "conn_connect4", "conn_connect6", "conn_connect_exit" },                 \
		.missing = "connects that fail before their first SYN (no route) are not counted", \
		.signals = SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS)                                     \
	}

#define RECLAIM_COMMON                                                              \
	.obj = SLO_OBJ_RECLAIM, .source = SLO_SRC_TP_BTF,                           \
	.hooks = "tp_btf/mm_vmscan_{direct,memcg,node}_reclaim_{begin,end}, "       \
		 "mm_vmscan_throttled, mm_compaction_{begin,end}",                  \
	.progs = { "direct_begin", "direct_end" }, .unused_maps = { "slo_counts" }, \
	.extra = { { .prog = { "memcg_begin", "memcg_end" },                        \
		     .missing = "reclaim at a cgroup's own limit is not seen" },    \
		   { .prog = { "compact_begin", "compact_end" },                    \
		     .missing = "compaction is not seen" },                         \
		   { .prog = { "throttled" },                                       \
		     .missing = "throttling of reclaim is not told apart" },        \
		   { .prog = { "node_begin", "node_end" },                          \
		     .missing = "reclaim of one NUMA node is not seen" } },         \
	.needs = "BTF, CAP_BPF, CAP_PERFMON"
#define SYS_UNSEEN "not seen: io_uring, splice, sendfile, page faults"

#define SYS_FUNCTIONS                                                                                    \
	.obj = SLO_OBJ_SYSCALL,                                                                          \
	.hooks =                                                                                         \
		"fentry and fexit of vfs_read, vfs_write, vfs_readv, vfs_writev, and of the sync calls", \
	.source = SLO_SRC_FENTRY,                                                                        \
	.progs = { "sys_vfs_read", "sys_vfs_read_end", "sys_vfs_write", "sys_vfs_write_end" },           \
	.extra[0] = { .prog = { "sys_vfs_readv", "sys_vfs_readv_end", "sys_vfs_writev",                  \
		                "sys_vfs_writev_end" },                                                  \
		      .missing = "readv, writev and their kin are not seen" },                           \
	.extra[1] = { .prog = { "sys_fsync", "sys_fsync_end", "sys_fdatasync",                           \
		                "sys_fdatasync_end", "sys_msync", "sys_msync_end",                       \
		                "sys_sync_file_range", "sys_sync_file_range_end" },                      \
		      .missing = "fsync and its kin are not seen" },                                     \
	.needs = "BTF, fentry (CONFIG_FUNCTION_TRACER, no lockdown), CAP_BPF, CAP_PERFMON",              \
	.note = SYS_UNSEEN

#define SYS_CALLS                                                                            \
	.obj = SLO_OBJ_SYSCALL, .hooks = "tp_btf/sys_enter, tp_btf/sys_exit",                \
	.source = SLO_SRC_TP_BTF, .progs = { "sys_enter", "sys_exit" },                      \
	.needs = "BTF, a target (--cgroup, --pid, --comm, --pod-uid), CAP_BPF, CAP_PERFMON", \
	.needs_target = true, .note = SYS_UNSEEN ", 32-bit calls"
#define TLS_COMMON                                                                      \
	.obj = SLO_OBJ_TLS, .hooks = "cgroup_skb/{egress,ingress} at the cgroup2 root", \
	.source = SLO_SRC_CGROUP_SKB, .progs = { "tls_egress", "tls_ingress" },         \
	.needs = "BTF, cgroup2, CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN"

static const struct slo_rung rungs[] = {
	{ DNS_COMMON, .mechanism = "cgroup_skb", .rodata[0] = { "slo_owner_by", 2 }, .note = "" },
	{ DNS_COMMON, .mechanism = "cgroup_skb, task by probe read",
	  .rodata[0] = { "slo_owner_by", 1 }, .note = "" },
	{ DNS_COMMON, .mechanism = "cgroup_skb, no task", .rodata[0] = { "slo_owner_by", 0 },
	  .note = "pid and comm unknown (the cgroup is), so is the network namespace; resolver's own queries not told from clients'" },

	{ RETR_COMMON, .mechanism = "tp_btf, with result",
	  .progs = { "retr_skb_err", "retr_synack", "retr_set_state" }, .note = "" },
	{ RETR_COMMON, .mechanism = "tp_btf",
	  .progs = { "retr_skb", "retr_synack", "retr_set_state" }, .note = "" },
	{ RETR_COMMON, .mechanism = "tp_btf, typed reads only",
	  .progs = { "retr_skb", "retr_synack", "retr_set_state" },
	  .rodata[0] = { "slo_typed_only", 1 },
	  .note = "cgroup known only for sockets connected since the agent started" },

	{ .obj = SLO_OBJ_RUNQUEUE,
	  .mechanism = "tp_btf, sched_info",
	  .hooks = "tp_btf/sched_switch; from 6.12 tp_btf/sched_migrate_task",
	  .source = SLO_SRC_TP_BTF,
	  .progs = { "runq_switch" },
	  .extra[0] = { .prog = { "runq_move" },
	                .missing =
	                        "the sleep of a task that is moved to another CPU meanwhile may be taken for a wait",
	                .if_named = "sched_delayed" },
	  .needs_sched_info = true,
	  .unused_maps = { "slo_counts", "runq_queued" },
	  .needs = "BTF, CONFIG_SCHED_INFO, CONFIG_FAIR_GROUP_SCHED, CAP_BPF, CAP_PERFMON",
	  .note = "" },
	{ .obj = SLO_OBJ_RUNQUEUE,
	  .mechanism = "tp_btf, own map",
	  .hooks = "tp_btf/sched_switch, sched_wakeup, sched_wakeup_new",
	  .source = SLO_SRC_TP_BTF,
	  .progs = { "runq_switch_map", "runq_wakeup", "runq_wakeup_new" },
	  .unused_maps = { "slo_counts", "runq_moved_asleep" },
	  .needs = "BTF, CAP_BPF, CAP_PERFMON",
	  .note = "" },

	{ CONN_COMMON, .mechanism = "tp_btf",
	  .hooks = "tp_btf/inet_sock_set_state, cgroup/connect{4,6}, fexit of connect(2), "
	           "else tracepoint/sys_exit_connect",
	  .needs = "BTF, CAP_BPF, CAP_PERFMON; CAP_NET_ADMIN and cgroup2 for local errors",
	  .note = "" },

	{ RECLAIM_COMMON, .mechanism = "tp_btf", .rodata[0] = { "reclaim_task_by", 2 },
	  .note = "" },
	{ RECLAIM_COMMON, .mechanism = "tp_btf, task by probe read",
	  .rodata[0] = { "reclaim_task_by", 1 }, .note = "" },
	{ .obj = SLO_OBJ_DISK,
	  .mechanism = "tp_btf, stamps",
	  .hooks =
	          "tp_btf/block_rq_complete; tp_btf/block_getrq with targets, or for disks that keep no times",
	  .source = SLO_SRC_TP_BTF,
	  .progs = { "disk_complete" },
	  .extra[0] = { .prog = { "disk_submit" },
	                .missing =
	                        "the process is unknown, and a cgroup without the io controller is taken for the one above it",
	                .on_demand = true },
	  .know_owner = "disk_know_submitter",
	  .unused_maps = { "slo_counts" },
	  .needs = "BTF, CAP_BPF, CAP_PERFMON",
	  .note = "not seen: waits before a request is made (io.max, all tags taken), disks that make none" },

	{ SYS_FUNCTIONS, .mechanism = "fentry, task storage",
	  .unused_maps = { "slo_counts", "sys_calls_hash" } },
	{ SYS_FUNCTIONS, .mechanism = "fentry, own map", .rodata[0] = { "sys_how", 1 },
	  .unused_maps = { "slo_counts", "sys_calls" } },
	{ SYS_CALLS, .mechanism = "tp_btf, all calls",
	  .unused_maps = { "slo_counts", "sys_calls_hash" } },
	{ SYS_CALLS, .mechanism = "tp_btf, all calls, file by probe read",
	  .rodata[0] = { "sys_how", 2 }, .unused_maps = { "slo_counts", "sys_calls_hash" } },
	{ SYS_CALLS, .mechanism = "tp_btf, all calls, file by probe read, own map",
	  .rodata[0] = { "sys_how", 3 }, .unused_maps = { "slo_counts", "sys_calls" } },
	{ TLS_COMMON, .mechanism = "cgroup_skb", .rodata[0] = { "slo_owner_by", 2 },
	  .note = SLO_TLS_NOTE },
	{ TLS_COMMON, .mechanism = "cgroup_skb, task by probe read",
	  .rodata[0] = { "slo_owner_by", 1 }, .note = SLO_TLS_NOTE },
	{ TLS_COMMON, .mechanism = "cgroup_skb, no task", .rodata[0] = { "slo_owner_by", 0 },
	  .note = SLO_TLS_NOTE
	  "; pid and comm unknown (the cgroup is), so is the network namespace" },
};

static const struct slo_flavour_rows core = { objects, rungs, SLO_ARRAY_SIZE(rungs) };

static const struct slo_flavour_rows *const flavours[] = {
	[SLO_FLAVOUR_CORE] = &core,
	[SLO_FLAVOUR_EXT] = &slo_rows_ext,
	[SLO_FLAVOUR_FREE] = &slo_rows_free,
};
SLO_TABLE_COMPLETE(flavours, SLO_FLAVOUR_MAX_);

const struct slo_obj_row *slo_obj_row(enum slo_flavour flavour, enum slo_obj obj)
{
	assert((unsigned int)flavour < SLO_FLAVOUR_MAX_ && (unsigned int)obj < SLO_OBJ_MAX_);
	return &flavours[flavour]->objects[obj];
}

const struct slo_rung *slo_rungs(enum slo_flavour flavour, size_t *ret_count)
{
	assert((unsigned int)flavour < SLO_FLAVOUR_MAX_);
	*ret_count = flavours[flavour]->rung_count;
	return flavours[flavour]->rungs;
}
