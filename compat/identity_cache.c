/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/identity_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "compat/cgroup.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/procpid.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NEGATIVE_NS NSEC_PER_SEC
#define CGROUP_CHECK_NS (10 * NSEC_PER_SEC)
#define PROCESS_CHECK_NS NSEC_PER_SEC
#define GONE_KEEP_NS (60 * NSEC_PER_SEC)
#define DEFAULT_MAX 4096
#define DEFAULT_RESOLVES_PER_S 2000
#define NONE UINT32_MAX

enum kind {
	KIND_FREE,
	KIND_CGROUP,
	KIND_PROCESS
};

struct entry {
	uint64_t key; /* cgroup id or tgid */
	uint64_t start_ticks; /* process: with the tgid names it for good */
	uint64_t checked_ns;
	uint64_t gone_ns; /* valid where is_gone */
	uint32_t next; /* in its bucket, or in the free list */
	uint32_t ns_pid;
	uint8_t kind;
	bool is_negative;
	bool is_gone;
	bool is_used; /* since the clock hand passed */
	struct slo_identity identity;
};

struct slo_identity_cache {
	int root;
	bool by_process_first; /* a cgroup that names no container says little: v1 and hybrid */
	uint64_t resolves_per_s;
	uint64_t budget; /* resolves left of this second */
	uint64_t budget_ns; /* when it was filled */
	struct slo_cgroup_index *index; /* NULL: no hierarchy */
	struct entry *entries;
	uint32_t *buckets;
	uint32_t bucket_mask;
	uint32_t max;
	uint32_t free;
	uint32_t high; /* entries from here on were never used, nor is their memory touched */
	uint32_t hand;
	struct slo_identity unknown;
	struct slo_identity_cache_stats stats;
};

static uint32_t bucket_of(const struct slo_identity_cache *c, enum kind kind, uint64_t key)
{
	/* Fibonacci hashing: ids are dense at the low end. */
	uint64_t h = (key ^ ((uint64_t)kind << 62)) * UINT64_C(0x9E3779B97F4A7C15);

	return (uint32_t)(h >> 32) & c->bucket_mask;
}

static struct entry *lookup(struct slo_identity_cache *c, enum kind kind, uint64_t key)
{
	uint32_t i = c->buckets[bucket_of(c, kind, key)];

	while (i != NONE && (c->entries[i].key != key || c->entries[i].kind != kind))
		i = c->entries[i].next;
	return i == NONE ? NULL : &c->entries[i];
}

static void drop(struct slo_identity_cache *c, struct entry *e)
{
	uint32_t self = (uint32_t)(e - c->entries);
	uint32_t *link = &c->buckets[bucket_of(c, (enum kind)e->kind, e->key)];

	while (*link != self)
		link = &c->entries[*link].next;
	*link = e->next;
	e->kind = KIND_FREE;
	e->next = c->free;
	c->free = self;
	c->stats.entries--;
}

/* Second chance: what was asked for since the hand last passed stays. */
static void evict_one(struct slo_identity_cache *c)
{
	for (;;) {
		struct entry *e = &c->entries[c->hand];

		c->hand = (c->hand + 1) % c->max;
		if (e->is_used) {
			e->is_used = false;
			continue;
		}
		c->stats.evictions += !e->is_negative;
		drop(c, e);
		return;
	}
}

static struct entry *insert(struct slo_identity_cache *c, enum kind kind, uint64_t key)
{
	uint32_t *bucket = &c->buckets[bucket_of(c, kind, key)];
	struct entry *e;
	uint32_t self;

	if (c->free == NONE && c->high == c->max)
		evict_one(c);
	self = c->free == NONE ? c->high++ : c->free;
	e = &c->entries[self];
	if (self == c->free)
		c->free = e->next;
	*e = (struct entry){ .key = key, .kind = (uint8_t)kind, .next = *bucket };
	*bucket = self;
	c->stats.entries++;
	return e;
}

static bool take_budget(struct slo_identity_cache *c, uint64_t now_ns)
{
	if (now_ns - c->budget_ns >= NSEC_PER_SEC) {
		c->budget_ns = now_ns;
		c->budget = c->resolves_per_s;
	}
	if (c->budget == 0) {
		c->stats.shed++;
		return false;
	}
	c->budget--;
	return true;
}

/* Each resolver: 0 with the entry's facts filled, or a negative errno with the entry untouched. */

static int resolve_cgroup(struct slo_identity_cache *c, struct entry *e, uint64_t now_ns)
{
	char path[SLO_CGROUP_PATH_LEN];
	int n = c->index ? slo_cgroup_index_path(c->index, e->key, now_ns, path, sizeof(path))
	                 : -ENOENT;

	if (n < 0)
		return n;
	(void)slo_identity_parse_path(path, &e->identity);
	return 0;
}

static int resolve_process(struct slo_identity_cache *c, struct entry *e)
{
	uint32_t tgid = (uint32_t)e->key;
	uint32_t ns_pid = 0;
	uint64_t start;
	char text[4096];
	ssize_t n;
	int err = slo_procpid_start(c->root, tgid, &start);

	if (err)
		return err;
	if (e->start_ticks && e->start_ticks != start)
		c->stats.reused++;
	/* The same process may have moved to another cgroup: read all of it. */
	n = slo_procpid_cgroup(c->root, tgid, text, sizeof(text));
	if (n < 0)
		return (int)n;
	(void)slo_procpid_ns_pid(c->root, tgid, &ns_pid);
	(void)slo_identity_parse_proc(text, &e->identity);
	e->start_ticks = start;
	e->ns_pid = ns_pid;
	return 0;
}

static bool is_due(const struct entry *e, uint64_t now_ns)
{
	uint64_t age =
		e->kind == KIND_CGROUP && !e->is_negative ? CGROUP_CHECK_NS : PROCESS_CHECK_NS;

	static_assert(NEGATIVE_NS == PROCESS_CHECK_NS, "one age serves both");
	/* One that went is asked for too: its number may have passed to another. */
	return now_ns > e->checked_ns && now_ns - e->checked_ns >= age;
}

/* Asks the kernel again; an entry that was found once is kept as it was when its subject went. 0 or negative errno. */
static int refresh(struct slo_identity_cache *c, struct entry *e, uint64_t now_ns)
{
	int err = e->kind == KIND_CGROUP ? resolve_cgroup(c, e, now_ns) : resolve_process(c, e);

	e->checked_ns = now_ns;
	if (err == 0) {
		e->is_negative = false;
		e->is_gone = false;
		return 0;
	}
	if (e->is_negative || e->is_gone)
		return err;
	/* -EAGAIN: no walk was due, nothing is known either way. */
	if (err != -EAGAIN) {
		e->is_gone = true;
		e->gone_ns = now_ns;
	}
	return err;
}

static bool is_expired(const struct entry *e, uint64_t now_ns)
{
	if (e->is_gone)
		return now_ns > e->gone_ns && now_ns - e->gone_ns >= GONE_KEEP_NS;
	return e->is_negative && now_ns > e->checked_ns && now_ns - e->checked_ns >= NEGATIVE_NS;
}

static struct entry *get_entry(struct slo_identity_cache *c, enum kind kind, uint64_t key,
                               uint64_t now_ns)
{
	struct entry *e = lookup(c, kind, key);

	if (e && !is_expired(e, now_ns)) {
		c->stats.hits++;
		e->is_used = true;
		if (is_due(e, now_ns) && take_budget(c, now_ns))
			(void)refresh(c, e, now_ns);
		return e;
	}
	c->stats.misses++;
	if (!take_budget(c, now_ns))
		return NULL;
	if (e)
		drop(c, e);
	e = insert(c, kind, key);
	e->is_negative = true;
	if (refresh(c, e, now_ns) == -EAGAIN) {
		/* Not known to be unknown: the next event may ask again at once. */
		drop(c, e);
		return NULL;
	}
	c->stats.negative += e->is_negative;
	return e;
}

/* True where the cgroup's identity answers on its own, without a look at the process. */
static bool is_enough(const struct slo_identity_cache *c, const struct entry *e)
{
	if (!e || e->is_negative || strcmp(e->identity.path, "/") == 0)
		return false;
	return !c->by_process_first || e->identity.container_id[0] || e->identity.pod_uid[0];
}

const struct slo_identity *slo_identity_get(struct slo_identity_cache *cache, uint64_t cgroup_id,
                                            uint32_t tgid, uint64_t now_ns)
{
	const struct entry *by_cgroup = NULL;
	const struct entry *by_process = NULL;

	if (cgroup_id)
		by_cgroup = get_entry(cache, KIND_CGROUP, cgroup_id, now_ns);
	if (is_enough(cache, by_cgroup))
		return &by_cgroup->identity;
	if (tgid) {
		by_process = get_entry(cache, KIND_PROCESS, tgid, now_ns);
		if (by_process && !by_process->is_negative)
			return &by_process->identity;
		/* The insertion may have evicted it. */
		by_cgroup = cgroup_id ? lookup(cache, KIND_CGROUP, cgroup_id) : NULL;
	}
	return by_cgroup && !by_cgroup->is_negative ? &by_cgroup->identity : &cache->unknown;
}

uint32_t slo_identity_ns_pid(struct slo_identity_cache *cache, uint32_t tgid, uint64_t now_ns)
{
	const struct entry *e = tgid ? get_entry(cache, KIND_PROCESS, tgid, now_ns) : NULL;

	return e && !e->is_negative ? e->ns_pid : 0;
}

void slo_identity_tick(struct slo_identity_cache *cache, uint64_t now_ns)
{
	for (uint32_t i = 0; i < cache->high; i++) {
		struct entry *e = &cache->entries[i];

		if (e->kind != KIND_FREE && is_expired(e, now_ns))
			drop(cache, e);
	}
}

static int open_index(struct slo_identity_cache *c, const char *controller, struct slo_err *err)
{
	slo_cleanup(slo_closep) int fd = -1;
	struct slo_cgroups cgs;
	int code = slo_cgroups_read(c->root, &cgs, err);
	const char *mount;

	if (code)
		return code;
	c->by_process_first = cgs.layout != SLO_CGROUP_V2;
	mount = slo_cgroups_mount(&cgs, controller);
	if (mount) {
		fd = slo_host_open(c->root, mount, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return slo_err_set(err, fd, "%s: %s", mount, strerror(-fd));
	} else if (controller) {
		return slo_err_set(err, -ENOENT, "cgroup v1 controller %s is not mounted",
		                   controller);
	} else {
		fd = slo_cgroup2_open_root(c->root, NULL, 0, err);
		if (fd < 0)
			return fd;
	}
	return slo_cgroup_index_new(&c->index, fd, 0, false, err);
}

static struct slo_identity_cache *alloc_cache(size_t max)
{
	struct slo_identity_cache *c = calloc(1, sizeof(*c));
	uint32_t buckets = 16;

	if (!c)
		return NULL;
	c->max = (uint32_t)max;
	while (buckets < max)
		buckets *= 2;
	c->bucket_mask = buckets - 1;
	c->entries = calloc(max, sizeof(*c->entries));
	c->buckets = calloc(buckets, sizeof(*c->buckets));
	if (!c->entries || !c->buckets) {
		slo_identity_cache_freep(&c);
		return NULL;
	}
	memset(c->buckets, 0xff, buckets * sizeof(*c->buckets)); /* NONE */
	c->free = NONE;
	return c;
}

int slo_identity_cache_new(struct slo_identity_cache **ret,
                           const struct slo_identity_cache_config *cfg, struct slo_err *err)
{
	struct slo_identity_cache *c;
	enum slo_cgroup_v1 v1;
	size_t max = cfg->max ? cfg->max : DEFAULT_MAX;

	if (cfg->controller && slo_cgroup_v1_from_name(cfg->controller, &v1)) {
		return slo_err_set(
			err, -EINVAL,
			"identity cache: unknown cgroup v1 controller %s: use memory or pids",
			cfg->controller);
	}
	if (max < 2 || max > 1u << 20) {
		return slo_err_set(err, -EINVAL, "identity cache: %zu entries: use 2 to %u", max,
		                   1u << 20);
	}
	c = alloc_cache(max);
	if (!c)
		return slo_err_set(err, -ENOMEM, "identity cache: no memory for %zu entries", max);
	c->root = cfg->root;
	c->resolves_per_s = cfg->resolves_per_s ? cfg->resolves_per_s : DEFAULT_RESOLVES_PER_S;
	c->budget = c->resolves_per_s;
	if (err)
		*err = (struct slo_err){ 0 };
	/* Without the hierarchy processes still tell: say so, but go on. */
	if (open_index(c, cfg->controller, err)) {
		c->by_process_first = true;
		(void)slo_err_wrap(err, err ? err->code : 0, "cgroup ids cannot be resolved");
	}
	*ret = c;
	return 0;
}

void slo_identity_cache_freep(struct slo_identity_cache **cache)
{
	if (!*cache)
		return;
	slo_cgroup_index_freep(&(*cache)->index);
	free((*cache)->entries);
	free((*cache)->buckets);
	free(*cache);
	*cache = NULL;
}

void slo_identity_cache_stats(const struct slo_identity_cache *cache,
                              struct slo_identity_cache_stats *ret)
{
	*ret = cache->stats;
	ret->max = cache->max;
	ret->index = (struct slo_cgroup_index_stats){ 0 };
	if (cache->index)
		slo_cgroup_index_stats(cache->index, &ret->index);
}
