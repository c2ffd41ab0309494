/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/container_index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "compat/cgroup_index.h"
#include "compat/identity.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/map.h"

#define IDS_MAX 16384
#define WALK_SHARE \
	20 /* a walk of 5 ms: the next one 100 ms later at the earliest, and never within a second */

#define OLD_NS (10 * SLO_NS_PER_SEC)

struct slo_container_index {
	int dirfd;
	struct slo_map *ids; /* hash of the text -> cgroup id */
	uint64_t next_walk_ns, old_ns;
	struct slo_container_index_stats stats;
};

int slo_container_index_new(struct slo_container_index **ret, int dirfd, size_t max,
                            struct slo_err *err)
{
	const struct slo_map_config ids = { sizeof(uint64_t), sizeof(uint64_t),
		                            max ? max : IDS_MAX };
	struct slo_container_index *x slo_cleanup(slo_container_index_freep) =
		calloc(1, sizeof(*x));
	int r;

	if (!x)
		return slo_err_set(err, -ENOMEM, "containers: out of memory");
	x->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	if (x->dirfd < 0)
		return slo_err_set(err, -errno, "containers: %s", strerror(errno));
	r = slo_map_new(&x->ids, &ids, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(x);
	return 0;
}

void slo_container_index_freep(struct slo_container_index **x)
{
	if (!*x)
		return;
	slo_closep(&(*x)->dirfd);
	slo_map_freep(&(*x)->ids);
	slo_freep(x);
}

static void add(struct slo_container_index *x, const char *text, uint64_t id)
{
	uint64_t key = slo_hash_bytes(0, text, strlen(text));
	bool is_new = false;
	uint64_t *at = *text ? slo_map_get(x->ids, &key, &is_new) : NULL;

	/* Parents come first: theirs holds what is below. */
	if (at && is_new)
		*at = id;
	x->stats.lost += *text && !at;
}

static int take(void *user, uint64_t id, const char *path)
{
	struct slo_identity who;

	if (slo_identity_parse_path(path, &who)) {
		add(user, who.container_id, id);
		add(user, who.pod_uid, id);
	}
	return 0;
}

static void walk(struct slo_container_index *x, uint64_t now_ns)
{
	uint64_t begin = slo_clock_monotonic_ns(), pause;
	struct slo_cgroup_walk seen = { 0 };

	slo_map_clear(x->ids);
	x->stats.walks++;
	x->stats.lost = 0;
	(void)slo_cgroup_walk(x->dirfd, SLO_CGROUP_INDEX_MAX, take, x, &seen);
	x->stats.lost += seen.lost;
	x->stats.entries = slo_map_count(x->ids);
	pause = WALK_SHARE * (slo_clock_monotonic_ns() - begin);
	x->old_ns = now_ns + OLD_NS;
	x->next_walk_ns = now_ns + (pause > SLO_NS_PER_SEC ? pause : SLO_NS_PER_SEC);
}

uint64_t slo_container_index_find(struct slo_container_index *x, const char *id, uint64_t now_ns)
{
	uint64_t key = slo_hash_bytes(0, id, strlen(id));
	const uint64_t *at = slo_map_find(x->ids, &key);

	/* A container that was started again keeps its id, and its cgroup is a new one. */
	if (at && now_ns < x->old_ns)
		return *at;
	if (now_ns < x->next_walk_ns) {
		x->stats.deferred += !at;
	} else {
		walk(x, now_ns);
		at = slo_map_find(x->ids, &key);
	}
	return at ? *at : 0;
}

void slo_container_index_stats(const struct slo_container_index *x,
                               struct slo_container_index_stats *ret)
{
	*ret = x->stats;
}
