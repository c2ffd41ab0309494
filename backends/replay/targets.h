/* SPDX-License-Identifier: Apache-2.0 */
/* The targets' filter in user space, with the meaning it has in bpf/slo_bpf.h. */
#ifndef SLO_REPLAY_TARGETS_H
#define SLO_REPLAY_TARGETS_H

#include <stdbool.h>

#include "core/backend.h"

/* Owned copies, sorted. */
struct slo_replay_targets {
	uint64_t *cgroup_ids;
	size_t cgroup_count;
	uint32_t *tgids;
	size_t tgid_count;
	char (*comms)[SLO_COMM_LEN];
	size_t comm_count;
};

/* 0, or -ENOMEM with @t untouched. */
int slo_replay_targets_init(struct slo_replay_targets *t, const struct slo_targets *from,
                            struct slo_err *err);
void slo_replay_targets_fini(struct slo_replay_targets *t);

/* Kinds that are set are ANDed, members of a kind ORed; none set: true. */
bool slo_replay_targets_has(const struct slo_replay_targets *t, const struct slo_probe_event *ev);

#endif
