/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long reads, writes and syncs of files and block devices take. What waits for a peer (sockets, pipes, terminals,
 * event descriptors) is idle time and never measured. Best by the kernel's own functions, which tax nobody else; where
 * these cannot be hooked, by the entry and exit of every system call.
 */
#include "bpf/slo_bpf.h"

#include <asm/unistd.h>

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000

/* Filesystems without storage behind them (linux/magic.h). */
#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define CGROUP_MAGIC 0x27e0eb
#define CGROUP2_MAGIC 0x63677270
#define TRACEFS_MAGIC 0x74726163
#define DEBUGFS_MAGIC 0x64626720
#define SECURITYFS_MAGIC 0x73636673

/* Bits of sys_how. */
#define HOW_HASH 0x1 /* no task storage: calls are kept by thread id */
#define HOW_PROBE_READ 0x2 /* no typed way to a descriptor's file */
const volatile __u32 sys_how = 0;

/* What began before the hooks were attached (again) is not known: written by user space at each attach. */
__u64 sys_since_ns;

struct call {
	__u64 start_ns; /* 0: none under way */
	__u64 file; /* of the functions: the end must be of the same */
	__u32 nr; /* of the system call, or of the function's */
	__u32 family;
	__u32 fclass;
	__u32 dev;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} sys_calls SEC(".maps");

/* LRU: a call whose end was not seen leaves an entry. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, struct call);
} sys_calls_hash SEC(".maps");

static const struct call zero_call;

static __always_inline struct call *call_of(int create)
{
	__u32 tid = (__u32)bpf_get_current_pid_tgid();
	struct call *c;

	if (!(sys_how & HOW_HASH))
		return bpf_task_storage_get(&sys_calls, (void *)bpf_get_current_task_btf(), 0,
		                            create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	c = bpf_map_lookup_elem(&sys_calls_hash, &tid);
	if (c || !create)
		return c;
	bpf_map_update_elem(&sys_calls_hash, &tid, &zero_call, BPF_NOEXIST);
	return bpf_map_lookup_elem(&sys_calls_hash, &tid);
}

/* 0, or -1 for what is not storage. */
static __always_inline int classify(__u32 mode, __u64 magic, __u32 *fclass)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		break;
	case S_IFBLK:
		*fclass = SLO_ABI_FILE_BLOCK;
		return 0;
	case S_IFDIR:
		*fclass = SLO_ABI_FILE_DIR;
		return 0;
	default:
		return -1;
	}
	*fclass = SLO_ABI_FILE_REGULAR;
	if (magic == PROC_MAGIC || magic == SYSFS_MAGIC || magic == CGROUP_MAGIC ||
	    magic == CGROUP2_MAGIC || magic == TRACEFS_MAGIC || magic == DEBUGFS_MAGIC ||
	    magic == SECURITYFS_MAGIC)
		*fclass = SLO_ABI_FILE_OTHER;
	return 0;
}

static __always_inline int look_at_file(const struct file *file, struct call *c)
{
	const struct inode *inode = file->f_inode;

	c->dev = inode->i_sb->s_dev;
	return classify(inode->i_mode, inode->i_sb->s_magic, &c->fclass);
}

static __always_inline void begin(const struct call *new)
{
	struct call *c = call_of(1);

	if (!c) {
		slo_stat_inc(SLO_ABI_SYSCALL, inflight_full);
		return;
	}
	/* A task is in one call at a time: the end of the last one was missed. */
	if (c->start_ns && c->start_ns >= sys_since_ns)
		slo_stat_inc(SLO_ABI_SYSCALL, unmatched);
	*c = *new;
	c->start_ns = bpf_ktime_get_ns();
}

static __always_inline void finish(struct call *c, __s64 ret, __u32 source)
{
	struct slo_measure m = { .start_ns = c->start_ns };
	struct slo_abi_owner o = {};
	struct slo_abi_event *e;

	c->start_ns = 0;
	if (m.start_ns < sys_since_ns)
		return;
	m.ns = bpf_ktime_get_ns() - m.start_ns;
	m.tag = c->family | c->fclass << 8;
	slo_owner_current(&o);
	e = slo_latency(SLO_ABI_SYSCALL, &o, &m);
	if (!e)
		return;
	e->source = source;
	e->err = ret < 0 && ret >= -4095 ? (__s32)-ret : 0;
	e->extra.sys.ret = ret;
	e->extra.sys.nr = c->nr;
	e->extra.sys.family = c->family;
	e->extra.sys.fclass = c->fclass;
	e->extra.sys.dev = c->dev;
	slo_trace_own(e);
	slo_submit(e);
}

static __always_inline int is_admitted(void)
{
	const struct slo_abi_ctl *ctl = slo_ctl_of(SLO_ABI_SYSCALL);
	struct slo_abi_owner o = {};

	if (!ctl || ctl->off)
		return 0;
	/* Whose it is is asked for targets only. */
	if (!ctl->targets)
		return 1;
	slo_owner_current(&o);
	return slo_admit(SLO_ABI_SYSCALL, &o);
}

static __always_inline int function_begins(const struct file *file, __u32 nr, __u32 family)
{
	struct call c = { .file = (__u64)file, .nr = nr, .family = family };

	if (look_at_file(file, &c) == 0 && is_admitted())
		begin(&c);
	return 0;
}

static __always_inline int function_ends(__u64 file, __u32 nr, __s64 ret)
{
	struct call *c = call_of(0);

	if (c && c->start_ns && c->file == file && c->nr == nr)
		finish(c, ret, SLO_ABI_SRC_FENTRY);
	return 0;
}

/* 6.2 brought both: a type for any address, and this helper. */
enum bpf_func_id___cast {
	BPF_FUNC_cgrp_storage_get___cast = 210,
};
#define HAS_CAST \
	bpf_core_enum_value_exists(enum bpf_func_id___cast, BPF_FUNC_cgrp_storage_get___cast)

extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

/* files_struct ends with an array of files: any slot of the table can be read as its first element, with its type. */
static __always_inline int look_at_fd(__u32 fd, struct call *c)
{
	const struct task_struct *task = (const void *)bpf_get_current_task_btf();
	const struct fdtable *table = task->files->fdt;
	const struct files_struct *view;
	__u64 slot;

	if (fd >= table->max_fds || (task->thread_info.SLO_THREAD_MARKS & SLO_THREAD_COMPAT))
		return -1;
	slot = (__u64)table->fd + fd * sizeof(void *);
	slot -= bpf_core_field_offset(struct files_struct, fd_array);
	view = bpf_rdonly_cast((const void *)slot, bpf_core_type_id_kernel(struct files_struct));
	return look_at_file(view->fd_array[0], c);
}

static __always_inline int look_at_fd_untyped(__u32 fd, struct call *c)
{
	const struct task_struct *task = (const void *)bpf_get_current_task();
	const struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	const struct inode *inode;
	const struct file *file = 0;

	if (fd >= BPF_CORE_READ(table, max_fds) ||
	    (BPF_CORE_READ(task, thread_info.SLO_THREAD_MARKS) & SLO_THREAD_COMPAT))
		return -1;
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	inode = BPF_CORE_READ(file, f_inode);
	c->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	return classify(BPF_CORE_READ(inode, i_mode), BPF_CORE_READ(inode, i_sb, s_magic),
	                &c->fclass);
}

/* The functions take the file first; their result stands behind the arguments. */
#define SYS_FUNCTION(fn, nargs, nr, family)                               \
	SEC("fentry/" #fn)                                                \
	int sys_##fn(__u64 *ctx)                                          \
	{                                                                 \
		return function_begins((const void *)ctx[0], nr, family); \
	}                                                                 \
	SEC("fexit/" #fn)                                                 \
	int sys_##fn##_end(__u64 *ctx)                                    \
	{                                                                 \
		return function_ends(ctx[0], nr, (__s64)ctx[nargs]);      \
	}

/* read and pread64 are one here, as write and pwrite64, and the vectors: the first one's number stands. */
SYS_FUNCTION(vfs_read, 4, __NR_read, SLO_ABI_SYS_READ)
SYS_FUNCTION(vfs_write, 4, __NR_write, SLO_ABI_SYS_WRITE)
SYS_FUNCTION(vfs_readv, 5, __NR_readv, SLO_ABI_SYS_READ)
SYS_FUNCTION(vfs_writev, 5, __NR_writev, SLO_ABI_SYS_WRITE)

static __always_inline int call_begins(const struct pt_regs *regs, __u32 nr)
{
	struct call c = { .nr = nr, .family = SLO_ABI_SYS_SYNC, .fclass = SLO_ABI_FILE_REGULAR };
	__u32 fd = (__u32)SLO_REGS_ARG1(regs);
	int known = 0;

	if (!is_admitted())
		return 0;
	if (nr != __NR_msync)
		known = HAS_CAST ? look_at_fd(fd, &c) : look_at_fd_untyped(fd, &c);
	if (known == 0)
		begin(&c);
	return 0;
}

/* Compilers merge vfs_fsync_range into some of its callers; a system call's own function stands by itself. */
#define SYS_CALL(name)                                                 \
	SEC("fentry/" SLO_SYS_PREFIX #name)                            \
	int sys_##name(__u64 *ctx)                                     \
	{                                                              \
		return call_begins((const void *)ctx[0], __NR_##name); \
	}                                                              \
	SEC("fexit/" SLO_SYS_PREFIX #name)                             \
	int sys_##name##_end(__u64 *ctx)                               \
	{                                                              \
		return function_ends(0, __NR_##name, (__s64)ctx[1]);   \
	}

SYS_CALL(fsync)
SYS_CALL(fdatasync)
SYS_CALL(msync)
SYS_CALL(sync_file_range)

#define FAMILY_MAX 512
/* 1 + enum slo_abi_sys_family; 0: not ours. */
static const __u8 families[FAMILY_MAX] = {
	[__NR_read] = 1 + SLO_ABI_SYS_READ,
	[__NR_pread64] = 1 + SLO_ABI_SYS_READ,
	[__NR_readv] = 1 + SLO_ABI_SYS_READ,
	[__NR_preadv] = 1 + SLO_ABI_SYS_READ,
	[__NR_preadv2] = 1 + SLO_ABI_SYS_READ,
	[__NR_write] = 1 + SLO_ABI_SYS_WRITE,
	[__NR_pwrite64] = 1 + SLO_ABI_SYS_WRITE,
	[__NR_writev] = 1 + SLO_ABI_SYS_WRITE,
	[__NR_pwritev] = 1 + SLO_ABI_SYS_WRITE,
	[__NR_pwritev2] = 1 + SLO_ABI_SYS_WRITE,
	[__NR_fsync] = 1 + SLO_ABI_SYS_SYNC,
	[__NR_fdatasync] = 1 + SLO_ABI_SYS_SYNC,
	[__NR_sync_file_range] = 1 + SLO_ABI_SYS_SYNC,
	[__NR_msync] = 1 + SLO_ABI_SYS_SYNC,
};

SEC("tp_btf/sys_enter")
int SLO_PROG(sys_enter, const struct pt_regs *regs, long nr)
{
	struct call c = { .nr = (__u32)nr };
	__u64 at = (__u64)nr;
	__u32 fd = (__u32)SLO_REGS_ARG1(regs);
	int known;

	if (at >= FAMILY_MAX)
		return 0;
	c.family = families[at];
	/* Cheapest first: most calls end here, then most callers. */
	if (!c.family || !is_admitted())
		return 0;
	c.family--;
	if (nr == __NR_msync) {
		c.fclass = SLO_ABI_FILE_REGULAR;
		known = 0;
	} else if (sys_how & HOW_PROBE_READ) {
		known = look_at_fd_untyped(fd, &c);
	} else {
		known = look_at_fd(fd, &c);
	}
	if (known == 0)
		begin(&c);
	return 0;
}

SEC("tp_btf/sys_exit")
int SLO_PROG(sys_exit, const struct pt_regs *regs, long ret)
{
	__u64 nr = SLO_REGS_NR(regs);
	struct call *c;

	if (nr >= FAMILY_MAX || !families[nr])
		return 0;
	c = call_of(0);
	if (!c || !c->start_ns)
		return 0;
	if (c->nr == (__u32)nr)
		finish(c, ret, SLO_ABI_SRC_TP_BTF);
	c->start_ns = 0;
	return 0;
}
