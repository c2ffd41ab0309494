/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup id to path: by file handle where the kernel allows it, else out of a bounded walk of the cgroupfs tree. */
#ifndef SLO_COMPAT_CGROUP_INDEX_H
#define SLO_COMPAT_CGROUP_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_CGROUP_INDEX_MAX 65536
#define SLO_CGROUP_DEPTH_MAX 48
#define SLO_CGROUP_PATH_LEN 1024 /* longer paths are counted as lost */

/* Called for each cgroup, parents first; @path begins with "/", "/" being the base. Non-zero ends the walk. */
typedef int (*slo_cgroup_walk_fn)(void *user, uint64_t id, const char *path);

struct slo_cgroup_walk {
	size_t seen; /* directories given to the callback */
	size_t lost; /* directories left out: too many, too deep, path too long, or unreadable */
};

/* Walks the directories below @base, itself included, @max at most. 0, what @fn returned, or negative errno. */
int slo_cgroup_walk(int base, size_t max, slo_cgroup_walk_fn fn, void *user,
                    struct slo_cgroup_walk *ret);

struct slo_cgroup_index;

struct slo_cgroup_index_stats {
	uint64_t by_handle; /* lookups answered by file handle */
	uint64_t walks;
	uint64_t last_walk_ns;
	size_t entries; /* of the last walk */
	size_t lost; /* of the last walk: did not fit */
	bool handles; /* file handles work */
};

/*
 * @dirfd is a hierarchy's directory (duplicated), @max the number of cgroups kept, at most and by default (0)
 * SLO_CGROUP_INDEX_MAX. No walk yet. @walk_only true leaves file handles unused (tests).
 */
int slo_cgroup_index_new(struct slo_cgroup_index **ret, int dirfd, size_t max, bool walk_only,
                         struct slo_err *err);
void slo_cgroup_index_freep(struct slo_cgroup_index **idx);

/*
 * Path of @id, "/" being the hierarchy's directory. Length, -ENOENT where there is no such cgroup now, -EAGAIN where a
 * walk would be due but came too recently, -ENAMETOOLONG. A walk happens on an unknown id only, at most every 50 ms
 * and at most a twentieth of the time.
 */
int slo_cgroup_index_path(struct slo_cgroup_index *idx, uint64_t id, uint64_t now_ns, char *buf,
                          size_t size);

/* Id of the hierarchy's directory. */
uint64_t slo_cgroup_index_root_id(const struct slo_cgroup_index *idx);

void slo_cgroup_index_stats(const struct slo_cgroup_index *idx, struct slo_cgroup_index_stats *ret);

#endif
