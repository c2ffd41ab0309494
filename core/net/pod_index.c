/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/pod_index.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/map.h"

#define KEPT_NS (60 * SLO_NS_PER_SEC)
#define KEY_LEN 72
#define CONTAINERS 16 /* of one pod, that are kept */
#define NAME_LEN 254
#define LABEL_LEN 64

struct key {
	char text[KEY_LEN];
};

struct where {
	uint32_t pod;
	int32_t container; /* -1: the pod itself */
};

struct entry {
	bool used;
	uint64_t list; /* number of the last list that had it */
	uint64_t gone_ns; /* 0: it lives */
	char uid[KEY_LEN], hash[KEY_LEN];
	char name[NAME_LEN], namespace_[LABEL_LEN], service[NAME_LEN], service_namespace[LABEL_LEN];
	size_t container_count;
	struct {
		char id[KEY_LEN];
		char name[LABEL_LEN];
	} container[CONTAINERS];
};

struct slo_pod_index {
	struct slo_map *keys; /* struct key -> struct where */
	struct entry *entry;
	size_t max, count;
	uint64_t list;
	uint64_t dropped;
};

int slo_pod_index_new(struct slo_pod_index **ret, size_t max_pods, struct slo_err *err)
{
	slo_pod_index_auto struct slo_pod_index *x = calloc(1, sizeof(*x));
	const struct slo_map_config keys = { .key_size = sizeof(struct key),
		                             .value_size = sizeof(struct where),
		                             .max = max_pods * 8 };
	int r;

	if (!x)
		return slo_err_set(err, -ENOMEM, "pods: out of memory");
	x->max = max_pods;
	x->entry = calloc(max_pods, sizeof(*x->entry));
	if (!x->entry)
		return slo_err_set(err, -ENOMEM, "pods: out of memory");
	r = slo_map_new(&x->keys, &keys, err);
	if (r < 0)
		return slo_err_wrap(err, r, "pods");
	*ret = slo_take_ptr(x);
	return 0;
}

void slo_pod_index_freep(struct slo_pod_index **xp)
{
	struct slo_pod_index *x = *xp;

	if (!x)
		return;
	slo_map_freep(&x->keys);
	free(x->entry);
	free(x);
	*xp = NULL;
}

/* --- keys ------------------------------------------------------------------------------------------------------ */

/* A uid is one with its dashes or without: a cgroup's path may have either. False: nothing to look for. */
static bool make_key(struct key *k, const char *text)
{
	bool is_uid = strlen(text) == 36 && text[8] == '-';
	size_t n = 0;

	memset(k, 0, sizeof(*k));
	for (; *text && n + 1 < sizeof(k->text); text++) {
		if (!is_uid || *text != '-')
			k->text[n++] = *text;
	}
	return n && !*text;
}

static void add_key(struct slo_pod_index *x, const char *text, uint32_t pod, int32_t container)
{
	struct where *w;
	struct key k;

	if (!make_key(&k, text))
		return;
	w = slo_map_get(x->keys, &k, NULL);
	if (w)
		*w = (struct where){ pod, container };
	else
		x->dropped++;
}

static void remove_key(struct slo_pod_index *x, const char *text, uint32_t pod)
{
	const struct where *w;
	struct key k;

	if (!make_key(&k, text))
		return;
	w = slo_map_find(x->keys, &k);
	if (w && w->pod == pod)
		(void)slo_map_erase(x->keys, &k);
}

static const struct where *find_key(const struct slo_pod_index *x, const char *text)
{
	struct key k;

	return make_key(&k, text) ? slo_map_find(x->keys, &k) : NULL;
}

static void drop_keys(struct slo_pod_index *x, const struct entry *e)
{
	uint32_t at = (uint32_t)(e - x->entry);

	remove_key(x, e->uid, at);
	remove_key(x, e->hash, at);
	for (size_t i = 0; i < e->container_count; i++)
		remove_key(x, e->container[i].id, at);
}

/* --- pods ------------------------------------------------------------------------------------------------------ */

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

/* The entry of @uid, or a new one; of those that are gone the oldest makes room. */
static struct entry *entry_of(struct slo_pod_index *x, const char *uid)
{
	const struct where *w = find_key(x, uid);
	struct entry *oldest = NULL;

	if (w)
		return &x->entry[w->pod];
	for (size_t i = 0; i < x->max; i++) {
		struct entry *e = &x->entry[i];

		if (!e->used)
			return e;
		if (e->gone_ns && (!oldest || e->gone_ns < oldest->gone_ns))
			oldest = e;
	}
	return oldest;
}

static void forget(struct slo_pod_index *x, struct entry *e)
{
	drop_keys(x, e);
	memset(e, 0, sizeof(*e));
	x->count--;
}

void slo_pod_index_put(struct slo_pod_index *x, const struct slo_pod *pod)
{
	struct entry *e = entry_of(x, pod->uid);
	uint32_t at;

	if (!e) {
		x->dropped++;
		return;
	}
	if (e->used)
		forget(x, e);
	x->count++;
	e->used = true;
	e->list = x->list;
	COPY(e->uid, pod->uid);
	COPY(e->hash, pod->hash);
	COPY(e->name, pod->name);
	COPY(e->namespace_, pod->namespace_);
	COPY(e->service, pod->service);
	COPY(e->service_namespace, pod->service_namespace);
	at = (uint32_t)(e - x->entry);
	add_key(x, e->uid, at, -1);
	add_key(x, e->hash, at, -1);
	for (size_t i = 0; i < pod->container_count && i < CONTAINERS; i++) {
		COPY(e->container[i].id, pod->container[i].id);
		COPY(e->container[i].name, pod->container[i].name);
		add_key(x, e->container[i].id, at, (int32_t)i);
		e->container_count = i + 1;
	}
}

void slo_pod_index_gone(struct slo_pod_index *x, const char *uid, uint64_t now_ns)
{
	const struct where *w = find_key(x, uid);

	if (w && !x->entry[w->pod].gone_ns)
		x->entry[w->pod].gone_ns = now_ns ? now_ns : 1;
}

void slo_pod_index_list_begin(struct slo_pod_index *x)
{
	x->list++;
}

void slo_pod_index_list_end(struct slo_pod_index *x, uint64_t now_ns)
{
	for (size_t i = 0; i < x->max; i++) {
		if (x->entry[i].used && x->entry[i].list != x->list)
			slo_pod_index_gone(x, x->entry[i].uid, now_ns);
	}
}

void slo_pod_index_expire(struct slo_pod_index *x, uint64_t now_ns)
{
	for (size_t i = 0; i < x->max; i++) {
		struct entry *e = &x->entry[i];

		if (e->used && e->gone_ns && now_ns - e->gone_ns > KEPT_NS)
			forget(x, e);
	}
}

bool slo_pod_index_find(const struct slo_pod_index *x, const char *pod_uid,
                        const char *container_id, struct slo_pod_names *ret)
{
	const struct where *w = find_key(x, container_id);
	const struct entry *e;

	if (!w)
		w = find_key(x, pod_uid);
	if (!w)
		return false;
	e = &x->entry[w->pod];
	*ret = (struct slo_pod_names){
		.pod = e->name,
		.pod_uid = e->uid,
		.namespace_ = e->namespace_,
		.container = w->container >= 0 ? e->container[w->container].name : "",
		.service = e->service,
		.service_namespace = e->service_namespace,
	};
	return true;
}

size_t slo_pod_index_count(const struct slo_pod_index *x)
{
	return x->count;
}

uint64_t slo_pod_index_dropped(const struct slo_pod_index *x)
{
	return x->dropped;
}
