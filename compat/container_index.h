/* SPDX-License-Identifier: Apache-2.0 */
/* Container id or pod uid to cgroup: one walk of the hierarchy answers for all of them, whoever asks and how often. */
#ifndef SLO_COMPAT_CONTAINER_INDEX_H
#define SLO_COMPAT_CONTAINER_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_container_index;

struct slo_container_index_stats {
	uint64_t walks;
	uint64_t deferred; /* asked for what is unknown, too soon after the last walk */
	size_t entries; /* of the last walk: ids of containers and pods */
	size_t lost; /* of the last walk: did not fit, or could not be looked at */
};

/* @dirfd is a hierarchy's directory (duplicated), @max the ids kept; 0: 16384. No walk yet. 0, -ENOMEM or -errno. */
int slo_container_index_new(struct slo_container_index **ret, int dirfd, size_t max,
                            struct slo_err *err);
void slo_container_index_freep(struct slo_container_index **x); /* NULL-safe, sets *x = NULL */

/*
 * The topmost cgroup of @id; 0: none that is known. An unknown id makes a walk, and so does any after 10 s: at most one a
 * second, and a twentieth of the time. @now_ns CLOCK_MONOTONIC.
 */
uint64_t slo_container_index_find(struct slo_container_index *x, const char *id, uint64_t now_ns);

void slo_container_index_stats(const struct slo_container_index *x,
                               struct slo_container_index_stats *ret);

#endif
