/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of ours that a killed agent left attached to a cgroup: before Linux 5.7 nothing else takes them away. */
#ifndef SLO_LIBBPF_STALE_H
#define SLO_LIBBPF_STALE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Detaches from @cgroup all programs called @name that slo_stale_is_held() says nobody holds; an agent that lives holds its
 * own. Returns their number.
 */
unsigned int slo_stale_detach(int root, int cgroup, enum bpf_attach_type type, const char *name);

struct slo_stale_prog {
	uint32_t id;
	uint8_t tag[BPF_TAG_SIZE];
	int own; /* this process's descriptor of it, which does not count */
};

/*
 * Does a process hold a descriptor of it, as far as /proc below dirfd @root tells? Where that cannot be told, yes. Before 4.18
 * fdinfo names no id: then a program of the same instructions counts, which of this process's own is asked by its id.
 */
bool slo_stale_is_held(int root, const struct slo_stale_prog *p);

#endif
