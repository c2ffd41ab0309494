/* SPDX-License-Identifier: Apache-2.0 */
/* Identity of an event by its cgroup id, else by its process; bounded, and cheap enough for every event. */
#ifndef SLO_COMPAT_IDENTITY_CACHE_H
#define SLO_COMPAT_IDENTITY_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "compat/cgroup_index.h"
#include "compat/identity.h"
#include "core/base/err.h"

struct slo_identity_cache;

struct slo_identity_cache_config {
	int root; /* dirfd of the host's root; borrowed until free */
	size_t max; /* entries, cgroups and processes together (about 600 bytes each); 0: 4096 */
	const char *controller; /* whose ids: NULL v2, else "memory", ...; borrowed during new */
	unsigned int resolves_per_s; /* reads of /proc and cgroupfs allowed a second; 0: 2000 */
};

struct slo_identity_cache_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t evictions; /* of live entries, for want of room */
	uint64_t negative; /* misses that found nothing */
	uint64_t reused; /* processes whose id had passed to another */
	uint64_t shed; /* not looked up: resolves_per_s used up */
	size_t entries;
	size_t max;
	struct slo_cgroup_index_stats index;
};

/*
 * A host without the hierarchy is no failure: then only processes are looked up, and @err (when 0 is returned) says so;
 * err->code is 0 otherwise. -EINVAL for an unknown controller, -ENOMEM.
 */
int slo_identity_cache_new(struct slo_identity_cache **ret,
                           const struct slo_identity_cache_config *cfg, struct slo_err *err);
void slo_identity_cache_freep(struct slo_identity_cache **cache);
#define slo_identity_cache_auto slo_cleanup(slo_identity_cache_freep)

/*
 * @now_ns is CLOCK_MONOTONIC. Never NULL; where nothing is known, an empty identity. Either key may be 0. Valid until the next call on the cache.
 * The process is asked where the cgroup is unknown or the root, and on v1 and hybrid hosts also where it names no
 * container (there the v2 hierarchy may hold only the runtime's service). A found entry is checked again after 10 s
 * (cgroup) or 1 s (process, by its start time: within that second a reused id is not noticed) and kept 60 s after its
 * cgroup or process went; one not found is looked up again after 1 s.
 */
const struct slo_identity *slo_identity_get(struct slo_identity_cache *cache, uint64_t cgroup_id,
                                            uint32_t tgid, uint64_t now_ns);

/* The process's id in its own (innermost) pid namespace; 0 unknown. Cached like the identity. */
uint32_t slo_identity_ns_pid(struct slo_identity_cache *cache, uint32_t tgid, uint64_t now_ns);

/* Once a second or so: drops what has expired. */
void slo_identity_tick(struct slo_identity_cache *cache, uint64_t now_ns);

void slo_identity_cache_stats(const struct slo_identity_cache *cache,
                              struct slo_identity_cache_stats *ret);

#endif
