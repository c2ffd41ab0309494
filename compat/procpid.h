/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of one process out of <root>/proc/PID. */
#ifndef SLO_COMPAT_PROCPID_H
#define SLO_COMPAT_PROCPID_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Field 22 of /proc/PID/stat's text: start time in clock ticks since boot. 0 or -EINVAL. */
int slo_procpid_parse_start(const char *stat, uint64_t *ret_ticks);

/* Start time of process @pid, which with @pid names it for good. 0, -ENOENT or -ESRCH where it is gone, ... */
int slo_procpid_start(int root, uint32_t pid, uint64_t *ret_ticks);

/* The last number of status' NSpid line: the id in the process's own namespace (Linux 4.1). 0 or negative errno. */
int slo_procpid_ns_pid(int root, uint32_t pid, uint32_t *ret_pid);

/* Text of /proc/PID/cgroup, as slo_host_read(). */
ssize_t slo_procpid_cgroup(int root, uint32_t pid, char *buf, size_t size);

#endif
