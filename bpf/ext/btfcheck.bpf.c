/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the BTF file at hand the running kernel's? What helpers say of the running task is compared with what its task_struct
 * holds at the offsets of the file. Whoever runs will do, so nothing depends on whose ids these are.
 */
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/slo_abi.h"

#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define COMM_LEN 16

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slo_abi_btf_check);
} btf_check SEC(".maps");

/* What lies behind the end is left from longer names. */
static __always_inline int is_same(const char *a, const char *b)
{
#pragma unroll
	for (int i = 0; i < COMM_LEN; i++) {
		if (a[i] != b[i])
			return 0;
		if (!a[i])
			return 1;
	}
	return 1;
}

SEC("raw_tp/sched_switch")
int btf_check_task(void *ctx)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	char comm[COMM_LEN] = {}, told[COMM_LEN] = {};
	__u64 id = bpf_get_current_pid_tgid();
	struct slo_abi_btf_check *c;
	__u32 zero = 0;
	int tgid = 0, pid = 0;

	c = bpf_map_lookup_elem(&btf_check, &zero);
	/* The idle tasks' ids are 0, as much of memory is. */
	if (!c || !id)
		return 0;
	if (bpf_core_read(&tgid, sizeof(tgid), &task->tgid) ||
	    bpf_core_read(&pid, sizeof(pid), &task->pid) ||
	    bpf_core_read(comm, sizeof(comm), &task->comm)) {
		__sync_fetch_and_add(&c->unread, 1);
		return 0;
	}
	bpf_get_current_comm(told, sizeof(told));
	if ((__u32)tgid == id >> 32 && (__u32)pid == (__u32)id && is_same(comm, told))
		__sync_fetch_and_add(&c->same, 1);
	else
		__sync_fetch_and_add(&c->other, 1);
	return 0;
}
