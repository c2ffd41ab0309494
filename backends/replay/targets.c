/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/replay/targets.h"

#include <errno.h>
#include <string.h>

static int compare_u64(const void *va, const void *vb)
{
	const uint64_t *a = va, *b = vb;

	return (*a > *b) - (*a < *b);
}

static int compare_u32(const void *va, const void *vb)
{
	const uint32_t *a = va, *b = vb;

	return (*a > *b) - (*a < *b);
}

static int compare_comm(const void *a, const void *b)
{
	return strncmp(a, b, SLO_COMM_LEN);
}

/* NULL for an empty array too: the caller looks at @count. */
static void *copy_sorted(const void *from, size_t count, size_t size,
                         int (*compare)(const void *, const void *))
{
	void *to = count ? calloc(count, size) : NULL;

	if (!to)
		return NULL;
	memcpy(to, from, count * size);
	qsort(to, count, size, compare);
	return to;
}

int slo_replay_targets_init(struct slo_replay_targets *t, const struct slo_targets *from,
                            struct slo_err *err)
{
	struct slo_replay_targets made = {
		.cgroup_ids = copy_sorted(from->cgroup_ids, from->cgroup_count,
		                          sizeof(*made.cgroup_ids), compare_u64),
		.cgroup_count = from->cgroup_count,
		.tgids = copy_sorted(from->tgids, from->tgid_count, sizeof(*made.tgids),
		                     compare_u32),
		.tgid_count = from->tgid_count,
		.comms = copy_sorted(from->comms, from->comm_count, sizeof(*made.comms),
		                     compare_comm),
		.comm_count = from->comm_count,
	};

	if ((made.cgroup_count && !made.cgroup_ids) || (made.tgid_count && !made.tgids) ||
	    (made.comm_count && !made.comms)) {
		slo_replay_targets_fini(&made);
		return slo_err_set(err, -ENOMEM, "replay: no memory for the targets");
	}
	*t = made;
	return 0;
}

void slo_replay_targets_fini(struct slo_replay_targets *t)
{
	free(t->cgroup_ids);
	free(t->tgids);
	free(t->comms);
	*t = (struct slo_replay_targets){ 0 };
}

bool slo_replay_targets_has(const struct slo_replay_targets *t, const struct slo_probe_event *ev)
{
	if (t->cgroup_count && !bsearch(&ev->cgroup_id, t->cgroup_ids, t->cgroup_count,
	                                sizeof(*t->cgroup_ids), compare_u64))
		return false;
	if (t->tgid_count &&
	    !bsearch(&ev->tgid, t->tgids, t->tgid_count, sizeof(*t->tgids), compare_u32))
		return false;
	return !t->comm_count ||
	       bsearch(ev->comm, t->comms, t->comm_count, sizeof(*t->comms), compare_comm);
}
