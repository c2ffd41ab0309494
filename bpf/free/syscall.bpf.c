/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reads, writes and syncs of storage from the records of their system calls alone. Which file a descriptor is stands in none, so
 * what is measured are the calls that sockets, pipes and terminals refuse: with a place in the file, and syncs. Hooks of single
 * calls: these are not run for others, nor for 32-bit programs, whose calls have other numbers.
 */
#include "bpf/slo_bpf.h"

#include <asm/unistd.h>

/* What fills a perf event for such a call is of one layout for all of them, since 2.6. */
struct enter_record {
	__u64 common;
	__u64 nr;
	__u64 arg[6];
};

struct exit_record {
	__u64 common;
	__u64 nr;
	__s64 ret;
};

struct call {
	__u64 start_ns; /* 0: none under way */
	__u32 nr;
	__u32 family;
};

/* LRU: a call whose end was not seen leaves an entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); /* thread */
	__type(value, struct call);
} sys_calls SEC(".maps");

/* What began before the hooks were attached (again) is not known: written by user space at each attach. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sys_since_ns SEC(".maps");

static __always_inline __u64 since_ns(void)
{
	__u32 zero = 0;
	const __u64 *since = bpf_map_lookup_elem(&sys_since_ns, &zero);

	return since ? *since : 0;
}

static __always_inline void begin(__u32 nr, __u32 family)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call *known, c = { .nr = nr, .family = family };
	struct slo_abi_owner o = {};

	slo_owner_current(&o);
	if (!slo_admit(SLO_ABI_SYSCALL, &o))
		return;
	known = bpf_map_lookup_elem(&sys_calls, &tid);
	/* A task is in one call at a time: the end of the last one was missed. */
	if (known && known->start_ns && known->start_ns >= since_ns())
		slo_stat_inc(SLO_ABI_SYSCALL, unmatched);
	c.start_ns = bpf_ktime_get_ns();
	if (known)
		*known = c;
	else if (bpf_map_update_elem(&sys_calls, &tid, &c, BPF_ANY))
		slo_stat_inc(SLO_ABI_SYSCALL, inflight_full);
}

static __always_inline void end(void *ctx, __u32 nr)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call *c = bpf_map_lookup_elem(&sys_calls, &tid);
	__s64 ret = ((const struct exit_record *)ctx)->ret;
	struct slo_abi_owner o = {};
	struct slo_measure m = {};
	struct slo_abi_event *e;

	if (!c || !c->start_ns || c->nr != nr)
		return;
	m.start_ns = c->start_ns;
	m.tag = c->family | SLO_ABI_FILE_UNKNOWN << 8;
	c->start_ns = 0;
	if (m.start_ns < since_ns())
		return;
	m.ns = bpf_ktime_get_ns() - m.start_ns;
	slo_owner_current(&o);
	e = slo_latency(SLO_ABI_SYSCALL, &o, &m);
	if (!e)
		return;
	e->source = SLO_ABI_SRC_TRACEPOINT;
	e->err = ret < 0 && ret >= -4095 ? (__s32)-ret : 0;
	e->extra.sys.ret = ret;
	e->extra.sys.nr = nr;
	e->extra.sys.family = m.tag & 0xff;
	e->extra.sys.fclass = SLO_ABI_FILE_UNKNOWN;
	slo_output(ctx, e);
}

#define SYS_CALL_IF(name, family, condition)           \
	SEC("tracepoint/syscalls/sys_enter_" #name)    \
	int sys_##name(const struct enter_record *ctx) \
	{                                              \
		if (condition)                         \
			begin(__NR_##name, family);    \
		return 0;                              \
	}                                              \
	SEC("tracepoint/syscalls/sys_exit_" #name)     \
	int sys_##name##_end(void *ctx)                \
	{                                              \
		end(ctx, __NR_##name);                 \
		return 0;                              \
	}
#define SYS_CALL(name, family) SYS_CALL_IF(name, family, 1)

/* Without a place these two read and write on, and so may be of a pipe. */
#define HAS_PLACE (ctx->arg[3] != ~0ULL)

SYS_CALL(pread64, SLO_ABI_SYS_READ)
SYS_CALL(pwrite64, SLO_ABI_SYS_WRITE)
SYS_CALL(preadv, SLO_ABI_SYS_READ)
SYS_CALL(pwritev, SLO_ABI_SYS_WRITE)
SYS_CALL_IF(preadv2, SLO_ABI_SYS_READ, HAS_PLACE)
SYS_CALL_IF(pwritev2, SLO_ABI_SYS_WRITE, HAS_PLACE)
SYS_CALL(fsync, SLO_ABI_SYS_SYNC)
SYS_CALL(fdatasync, SLO_ABI_SYS_SYNC)
SYS_CALL(msync, SLO_ABI_SYS_SYNC)
SYS_CALL(sync_file_range, SLO_ABI_SYS_SYNC)
