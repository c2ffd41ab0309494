/* SPDX-License-Identifier: Apache-2.0 */
/* Time throttled by a CPU quota, from the cgroups' cpu.stat; its parser apart, for tests. */
#ifndef SLO_PROCFS_THROTTLE_H
#define SLO_PROCFS_THROTTLE_H

#include <stdint.h>

#include "core/base/err.h"

/* Cumulative since the cgroup was made. */
struct slo_throttle_stat {
	uint64_t periods; /* enforcement periods that the cgroup ran in */
	uint64_t throttled; /* of those, ran out of quota */
	uint64_t throttled_ns; /* summed over CPUs; counted when a throttling ends */
};

/*
 * From the text of cpu.stat: v2's throttled_usec or v1's throttled_time (ns). 0; -ENODATA where there are no such lines (the
 * controller is off here); -EBADMSG where a number is damaged. *@ret is untouched on failure.
 */
int slo_throttle_parse(const char *text, struct slo_throttle_stat *ret, struct slo_err *err);

#endif
