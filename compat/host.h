/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of the host's /proc, /sys and cgroupfs through a root dirfd, so that tests give a fixture and a container the host's. */
#ifndef SLO_COMPAT_HOST_H
#define SLO_COMPAT_HOST_H

#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"

/* Dirfd of @path ("/" where NULL), or negative errno. Owned by the caller. */
int slo_host_open_root(const char *path, struct slo_err *err);

/* openat() below @root with O_CLOEXEC; @path may begin with "/", which is taken relative to @root. Fd or negative errno. */
int slo_host_open(int root, const char *path, int flags);

/* The file's text, cut to @size - 1 and NUL-terminated. Bytes read, or negative errno. */
ssize_t slo_host_read(int root, const char *path, char *buf, size_t size);

/* Inode number of @path below @root (for cgroup ids and namespaces); 0 where it cannot be told. Follows links. */
unsigned long slo_host_inode(int root, const char *path);

#endif
