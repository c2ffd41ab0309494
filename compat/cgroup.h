/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's cgroup hierarchies are, which of them ids belong to, and a descriptor of the cgroup2 root. */
#ifndef SLO_COMPAT_CGROUP_H
#define SLO_COMPAT_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum slo_cgroup_layout {
	SLO_CGROUP_UNKNOWN, /* no mountinfo, or nothing mounted */
	SLO_CGROUP_V1, /* v1 controllers only */
	SLO_CGROUP_V2, /* one unified hierarchy */
	SLO_CGROUP_HYBRID, /* cgroup2 mounted beside v1 hierarchies: a v2 id may be the root's for everybody */
	SLO_CGROUP_LAYOUT_MAX_,
};

/* v1 hierarchies that tell whose a process is. */
enum slo_cgroup_v1 {
	SLO_CGROUP_V1_SYSTEMD, /* name=systemd */
	SLO_CGROUP_V1_MEMORY,
	SLO_CGROUP_V1_PIDS,
	SLO_CGROUP_V1_CPU,
	SLO_CGROUP_V1_CPUACCT,
	SLO_CGROUP_V1_BLKIO,
	SLO_CGROUP_V1_MAX_,
};

enum slo_cgroup_ns {
	SLO_CGROUP_NS_UNKNOWN,
	SLO_CGROUP_NS_INITIAL, /* sees the whole host */
	SLO_CGROUP_NS_OWN, /* sees only its own subtree */
	SLO_CGROUP_NS_MAX_,
};

#define SLO_CGROUP_MOUNT_LEN 192

struct slo_cgroups {
	enum slo_cgroup_layout layout;
	char v2[SLO_CGROUP_MOUNT_LEN]; /* mount point below the host root, "/sys/fs/cgroup"; "" none */
	char v1[SLO_CGROUP_V1_MAX_][SLO_CGROUP_MOUNT_LEN];
	const char *source; /* static: the mountinfo that served */
};

/* "v1", "v2", "hybrid", "unknown". */
const char *slo_cgroup_layout_name(enum slo_cgroup_layout layout);
/* "name=systemd", "memory", ...: as in /proc/PID/cgroup. */
const char *slo_cgroup_v1_name(enum slo_cgroup_v1 v1);
/* 0 and *@ret, or -ENOENT with *@ret untouched. */
int slo_cgroup_v1_from_name(const char *name, enum slo_cgroup_v1 *ret);

/*
 * Reads <root>/proc/1/mountinfo, else <root>/proc/self/mountinfo. 0 with at least one hierarchy, or a negative errno
 * with @err and *@ret untouched. */
int slo_cgroups_read(int root, struct slo_cgroups *ret, struct slo_err *err);

/* The hierarchy that @controller ("memory", ...; NULL: v2) names: its mount point, or NULL where not mounted. */
const char *slo_cgroups_mount(const struct slo_cgroups *cgs, const char *controller);

/* Which cgroup namespace this process is in; @why (nullable) takes the evidence. */
enum slo_cgroup_ns slo_cgroup_ns(int root, char *why, size_t size);

/*
 * Directory fd of the host's cgroup2 root, for BPF attach: the mount, PID 1's mount, else a detached private mount
 * (CAP_SYS_ADMIN; nothing appears in the mount table). @where (nullable) takes what was opened, for people.
 * In a cgroup namespace of one's own this may be the subtree only: slo_cgroup_is_root() tells. The fd is the caller's.
 * -ENOTSUP where the kernel has no cgroup2, else the errno of the last way tried; @err names the way out.
 */
int slo_cgroup2_open_root(int root, char *where, size_t size, struct slo_err *err);

/* True where @fd is the root of its whole hierarchy, not of a namespace's subtree. */
bool slo_cgroup_is_root(int fd);

/*
 * Cgroup id of the directory @path below @dirfd ("" is @dirfd itself), as bpf_get_current_cgroup_id() gives it. 0 or
 * negative errno. From the file handle: st_ino is the id from Linux 5.5 only, 4.18 to 5.4 have a generation above it.
 */
int slo_cgroup_id_at(int dirfd, const char *path, uint64_t *ret_id);

#endif
