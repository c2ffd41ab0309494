/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator names (cgroup paths, pod UIDs) as the cgroup ids that a probe filters by. */
#ifndef SLO_COMPAT_TARGETS_H
#define SLO_COMPAT_TARGETS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_target_names {
	/* "/system.slice/x.service" within the hierarchy, or the full path with the mount point in front. */
	const char *const *cgroups;
	size_t cgroup_count;
	const char *const *pod_uids; /* dashes or underscores */
	size_t pod_count;
	const char *controller; /* hierarchy: NULL v2, else "memory", "pids", ... */
};

/*
 * Ids of the named cgroups with all their descendants as they are now, ascending, each once, into @ids (@max at most).
 * Their number, or a negative errno with @err: -ENOENT a path or pod that does not exist, -E2BIG more than @max.
 */
int slo_targets_expand(int root, const struct slo_target_names *names, uint64_t *ids, size_t max,
                       struct slo_err *err);

#endif
