/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of ours that a killed agent left attached to a cgroup: before Linux 5.7 nothing else takes them away. */
#ifndef SLO_LIBBPF_STALE_H
#define SLO_LIBBPF_STALE_H

#include <linux/bpf.h>

/*
 * Detaches from @cgroup all programs called @name that no process holds a descriptor of, as far as /proc below dirfd @root
 * tells; an agent that lives holds its own. Returns their number.
 */
unsigned int slo_stale_detach(int root, int cgroup, enum bpf_attach_type type, const char *name);

#endif
