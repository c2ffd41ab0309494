/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/procfs/reader.h"
#include "compat/cgroup.h"
#include "compat/cgroup_index.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "core/base/clock.h"
#include "core/base/map.h"

/* Each keeps a descriptor of its cpu.stat: a soft limit of 1024 leaves room for all else. */
#define GROUPS_MAX 512
#define TREE_MAX SLO_CGROUP_INDEX_MAX
/*
 * New quotas are looked for this often, and no more than a thousandth of the time: what is throttled meanwhile looks like
 * whatever it makes slow.
 */
#define WALK_NS (2 * SLO_NS_PER_SEC)
#define WALK_SHARE 1000
#define STAT_BYTES 1024

/* A cgroup with a quota. */
struct group {
	int fd; /* of its cpu.stat */
	int procs; /* of its cgroup.procs, where @identity is not known; else -1 */
	uint32_t walk; /* number of the last walk that saw it */
	uint64_t identity; /* its id in the hierarchy that events name cgroups by; 0 unknown */
	struct slo_throttle_stat last;
};

struct throttle {
	int base; /* the hierarchy with the cpu controller */
	int names; /* the hierarchy whose ids events carry; -1: the same */
	bool v2;
	struct slo_map *groups; /* id in base -> struct group */
	uint32_t walks;
	uint64_t next_walk_ns;
	uint64_t from_ns; /* CLOCK_MONOTONIC of the last reading */
	size_t beyond; /* groups that found no room in the last walk */
};

/* The number behind @key at the beginning of a line. 1, 0 where there is none, or -EBADMSG. */
static int find_number(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != ' ')
			continue;
		return slo_text_u64(line + len + 1, 10, ret) ? -EBADMSG : 1;
	}
	return 0;
}

int slo_throttle_parse(const char *text, struct slo_throttle_stat *ret, struct slo_err *err)
{
	static const struct {
		const char *key;
		uint64_t unit_ns;
	} times[] = { { "throttled_usec", SLO_NS_PER_SEC / 1000000 }, { "throttled_time", 1 } };
	struct slo_throttle_stat st = { 0 };
	int periods = find_number(text, "nr_periods", &st.periods);
	int throttled = find_number(text, "nr_throttled", &st.throttled);
	int time = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(times) && !time; i++) {
		time = find_number(text, times[i].key, &st.throttled_ns);
		if (st.throttled_ns > UINT64_MAX / times[i].unit_ns)
			time = -EBADMSG;
		st.throttled_ns *= times[i].unit_ns;
	}
	if (periods < 0 || throttled < 0 || time < 0)
		return slo_err_set(err, -EBADMSG, "cpu.stat: a number is damaged");
	if (!periods || !throttled || !time)
		return slo_err_set(err, -ENODATA, "cpu.stat has no throttling");
	*ret = st;
	return 0;
}

static int read_stat(int fd, struct slo_throttle_stat *ret, struct slo_err *err)
{
	char text[STAT_BYTES];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return slo_err_set(err, -errno, "cpu.stat: %s", strerror(errno));
	text[n] = '\0';
	return slo_throttle_parse(text, ret, err);
}

static bool has_quota(const struct throttle *t, const char *dir)
{
	char path[SLO_CGROUP_PATH_LEN + 32], text[64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, t->v2 ? "cpu.max" : "cpu.cfs_quota_us");
	if (slo_host_read(t->base, path, text, sizeof(text)) <= 0)
		return false;
	return text[0] >= '0' && text[0] <= '9';
}

static int open_group(const struct throttle *t, const char *dir, struct group *g)
{
	char path[SLO_CGROUP_PATH_LEN + 32];
	int fd, r;

	(void)snprintf(path, sizeof(path), "%s/cpu.stat", dir);
	fd = slo_host_open(t->base, path, O_RDONLY);
	if (fd < 0)
		return fd;
	r = read_stat(fd, &g->last, NULL);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	g->fd = fd;
	if (t->names < 0 || slo_cgroup_id_at(t->names, dir + 1, &g->identity) == 0)
		return 0;
	g->identity = 0;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	g->procs = slo_host_open(t->base, path, O_RDONLY);
	return 0;
}

static int on_cgroup(void *user, uint64_t id, const char *path)
{
	struct throttle *t = user;
	struct group *g = slo_map_find(t->groups, &id);

	if (strcmp(path, "/") == 0)
		return 0;
	if (g) {
		g->walk = t->walks;
		return 0;
	}
	if (!has_quota(t, path))
		return 0;
	g = slo_map_get(t->groups, &id, NULL);
	if (!g) {
		t->beyond++;
		return 0;
	}
	*g = (struct group){ .fd = -1, .procs = -1, .walk = t->walks, .identity = id };
	if (open_group(t, path, g))
		(void)slo_map_erase(t->groups, &id);
	return 0;
}

static void forget(struct throttle *t, const void *key, struct group *g)
{
	slo_closep(&g->fd);
	slo_closep(&g->procs);
	(void)slo_map_erase(t->groups, key);
}

static void look_for_quotas(struct throttle *t, uint64_t now_ns)
{
	/* CPU time: on a busy machine a walk takes longer and costs no more. */
	uint64_t begin = slo_clock_thread_cpu_ns(), took;
	const void *key;
	struct group *g;
	size_t pos = 0;

	t->walks++;
	t->beyond = 0;
	(void)slo_cgroup_walk(t->base, TREE_MAX, on_cgroup, t, NULL);
	while ((g = slo_map_next(t->groups, &pos, &key))) {
		if (g->walk != t->walks)
			forget(t, key, g);
	}
	took = (slo_clock_thread_cpu_ns() - begin) * WALK_SHARE;
	t->next_walk_ns = now_ns + (took > WALK_NS ? took : WALK_NS);
}

static void throttle_close(void *state)
{
	struct throttle *t = state;
	const void *key;
	struct group *g;
	size_t pos = 0;

	if (!t)
		return;
	while (t->groups && (g = slo_map_next(t->groups, &pos, &key)))
		forget(t, key, g);
	slo_map_freep(&t->groups);
	slo_closep(&t->base);
	slo_closep(&t->names);
	free(t);
}

static void throttle_closep(struct throttle **t)
{
	throttle_close(*t);
	*t = NULL;
}

static int open_mount(int root, const char *mount, struct slo_err *err)
{
	int fd = slo_host_open(root, mount, O_RDONLY | O_DIRECTORY);

	return fd < 0 ? slo_err_set(err, fd, "%s: %s", mount, strerror(-fd)) : fd;
}

/* Where the cpu controller is, and where the ids come from that events name cgroups by: as the libbpf backend decides. */
static int open_hierarchies(int root, struct throttle *t, struct slo_err *err)
{
	struct slo_cgroups cgroups = { 0 };
	const char *v1, *v2, *ids;
	int r = slo_cgroups_read(root, &cgroups, err);

	if (r < 0)
		return r;
	v1 = slo_cgroups_mount(&cgroups, "cpu");
	v2 = slo_cgroups_mount(&cgroups, NULL);
	if (!v1 && !v2)
		return slo_err_set(err, -ENOENT,
		                   "no cgroup hierarchy with the cpu controller is mounted");
	t->v2 = !v1;
	t->base = open_mount(root, v1 ? v1 : v2, err);
	if (t->base < 0)
		return t->base;
	ids = cgroups.layout == SLO_CGROUP_V1 ? slo_cgroups_mount(&cgroups, "pids") : v2;
	if (!t->v2 && ids)
		t->names = open_mount(root, ids, NULL);
	return 0;
}

static int throttle_open(int root, void **ret_state, struct slo_err *err)
{
	const struct slo_map_config map = { .key_size = sizeof(uint64_t),
		                            .value_size = sizeof(struct group),
		                            .max = GROUPS_MAX };
	slo_cleanup(throttle_closep) struct throttle *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	t->base = t->names = -1;
	r = slo_map_new(&t->groups, &map, err);
	if (!r)
		r = open_hierarchies(root, t, err);
	if (r < 0)
		return r;
	t->from_ns = slo_clock_monotonic_ns();
	look_for_quotas(t, t->from_ns);
	*ret_state = slo_take_ptr(t);
	return 0;
}

static void throttle_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	const struct throttle *t;
	int r = throttle_open(root, &state, &err);

	if (r < 0) {
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
		(void)snprintf(v->needs, sizeof(v->needs), "cgroup v1 cpu or cgroup2, mounted");
		return;
	}
	t = state;
	v->serves = true;
	v->source = SLO_SRC_PROCFS;
	v->mechanism = "procfs";
	v->hooks = t->v2 ? "cpu.stat of each cgroup with a cpu.max"
	                 : "cpu.stat of each cgroup with a cpu.cfs_quota_us";
	throttle_close(state);
}

/* Of a cgroup that has no id in the hierarchy of names: its first process stands for it. */
static uint32_t first_process(int procs)
{
	char text[16];
	uint64_t pid = 0;
	ssize_t n = procs < 0 ? -1 : pread(procs, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return slo_text_u64(text, 10, &pid) ? 0 : (uint32_t)pid;
}

static void give(const struct throttle *t, const struct group *g,
                 const struct slo_throttle_stat *now, struct slo_probe_event *ev)
{
	ev->signal = SLO_SIG_CFS_THROTTLED;
	ev->kind = SLO_EV_GAUGE;
	ev->source = SLO_SRC_PROCFS;
	ev->start_ns = t->from_ns;
	ev->cgroup_id = g->identity;
	ev->tgid = g->identity ? 0 : first_process(g->procs);
	ev->gauge = (double)(now->throttled_ns - g->last.throttled_ns) / (double)SLO_NS_PER_MS;
	ev->detail.throttle.periods = (uint32_t)(now->periods - g->last.periods);
	ev->detail.throttle.throttled = (uint32_t)(now->throttled - g->last.throttled);
}

/* A cgroup that did not run in the interval says nothing; one that ran unthrottled says 0. */
static int read_group(struct throttle *t, struct group *g, struct slo_probe_event *ev,
                      struct slo_err *err)
{
	struct slo_throttle_stat now = { 0 };
	int r = read_stat(g->fd, &now, err);

	if (r < 0)
		return r;
	r = now.periods > g->last.periods || now.throttled_ns > g->last.throttled_ns;
	if (now.periods < g->last.periods || now.throttled < g->last.throttled ||
	    now.throttled_ns < g->last.throttled_ns)
		r = 0; /* set back by a checkpoint's restore */
	if (r)
		give(t, g, &now, ev);
	g->last = now;
	return r;
}

static int throttle_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                         struct slo_err *err)
{
	struct throttle *t = state;
	const void *key;
	struct group *g;
	size_t pos = 0;

	if (now_ns <= t->from_ns)
		return 0;
	while ((g = slo_map_next(t->groups, &pos, &key))) {
		struct slo_probe_event ev = {
			.interval_ns = now_ns - t->from_ns,
			.realtime_offset_ns = slo_clock_realtime_offset_ns(),
		};
		int r = read_group(t, g, &ev, err);

		/* -ENODEV: the cgroup was removed. */
		if (r < 0)
			forget(t, key, g);
		else if (r)
			fn(user, &ev);
	}
	t->from_ns = now_ns;
	if (now_ns >= t->next_walk_ns)
		look_for_quotas(t, now_ns);
	if (t->beyond)
		return slo_err_set(err, -ENOSPC,
		                   "%zu cgroups with a quota beyond the first %d are not read",
		                   t->beyond, GROUPS_MAX);
	return 0;
}

const struct slo_procfs_reader slo_procfs_throttle = {
	.signal = SLO_SIG_CFS_THROTTLED,
	.probe = throttle_probe,
	.open = throttle_open,
	.read = throttle_read,
	.close = throttle_close,
};
