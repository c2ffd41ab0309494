/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory stalls out of pressure stall information (4.20): of an interval, the time in which some task waited for memory,
 * of the machine and of each cgroup that keeps an account of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "compat/cgroup.h"
#include "compat/cgroup_index.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "core/base/clock.h"
#include "core/base/map.h"

#define PATH "/proc/pressure/memory"
#define GROUPS_MAX 512
#define TREE_MAX 4096

struct total {
	uint64_t us;
	uint32_t walk; /* number of the last one that saw it */
};

struct pressure {
	int root; /* PATH's */
	int base; /* cgroup2; -1 none */
	struct slo_map *totals; /* cgroup id, 0 the machine -> struct total */
	uint32_t walk;
	uint64_t from_ns, now_ns;
	slo_procfs_event_fn fn;
	void *user;
};

/* "some avg10=... total=123": microseconds. */
static int parse_total(const char *text, uint64_t *ret_us)
{
	const char *total = strstr(text, "total=");

	if (strncmp(text, "some ", 5) != 0 || !total)
		return -EBADMSG;
	return slo_text_u64(total + strlen("total="), 10, ret_us);
}

static int read_total(int dir, const char *path, uint64_t *ret_us)
{
	char text[256];
	ssize_t n = slo_host_read(dir, path, text, sizeof(text));

	return n <= 0 ? (n < 0 ? (int)n : -ENODATA) : parse_total(text, ret_us);
}

static void compare(struct pressure *p, uint64_t id, uint64_t us)
{
	bool fresh = false;
	struct total *last = slo_map_get(p->totals, &id, &fresh);
	struct slo_probe_event ev;

	if (!last)
		return;
	if (!fresh && us > last->us && p->fn) {
		slo_interval_event(&ev, SLO_SIG_MEM_RECLAIM, SLO_EV_GAUGE, p->from_ns, p->now_ns);
		ev.cgroup_id = id;
		ev.gauge = (double)(us - last->us) / 1000;
		p->fn(p->user, &ev);
	}
	last->us = us;
	last->walk = p->walk;
}

static int on_cgroup(void *user, uint64_t id, const char *path)
{
	char file[SLO_CGROUP_PATH_LEN + 32];
	struct pressure *p = user;
	uint64_t us;

	/* The root's is the machine's. */
	if (strcmp(path, "/") == 0)
		return 0;
	(void)snprintf(file, sizeof(file), "%s/memory.pressure", path);
	if (read_total(p->base, file, &us) == 0)
		compare(p, id, us);
	return 0;
}

static void forget_gone(struct pressure *p)
{
	const struct total *t;
	const void *key;
	size_t pos = 0;

	while ((t = slo_map_next(p->totals, &pos, &key))) {
		if (t->walk != p->walk)
			(void)slo_map_erase(p->totals, key);
	}
}

static int read_all(struct pressure *p, uint64_t now_ns, struct slo_err *err)
{
	uint64_t us;
	int r = read_total(p->root, PATH, &us);

	if (r)
		return slo_err_set(err, r, PATH ": %s", strerror(-r));
	p->now_ns = now_ns;
	p->walk++;
	compare(p, 0, us);
	if (p->base >= 0)
		(void)slo_cgroup_walk(p->base, TREE_MAX, on_cgroup, p, NULL);
	forget_gone(p);
	p->from_ns = now_ns;
	return 0;
}

static void reclaim_close(void *state)
{
	struct pressure *p = state;

	if (!p)
		return;
	slo_map_freep(&p->totals);
	slo_closep(&p->base);
	slo_closep(&p->root);
	free(p);
}

static int open_cgroups(int root)
{
	struct slo_cgroups cgroups = { 0 };
	const char *v2;

	if (slo_cgroups_read(root, &cgroups, NULL) < 0)
		return -1;
	v2 = slo_cgroups_mount(&cgroups, NULL);
	return v2 ? slo_host_open(root, v2, O_RDONLY | O_DIRECTORY) : -1;
}

static int reclaim_open(int root, void **ret_state, struct slo_err *err)
{
	const struct slo_map_config map = { .key_size = sizeof(uint64_t),
		                            .value_size = sizeof(struct total),
		                            .max = GROUPS_MAX };
	struct pressure *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	p->base = open_cgroups(root);
	p->root = slo_host_open(root, ".", O_PATH | O_DIRECTORY);
	r = p->root < 0 ? slo_err_set(err, p->root, "host root: %s", strerror(-p->root))
	                : slo_map_new(&p->totals, &map, err);
	if (!r)
		r = read_all(p, slo_clock_monotonic_ns(), err);
	if (r) {
		reclaim_close(p);
		return r;
	}
	*ret_state = p;
	return 0;
}

static void reclaim_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = reclaim_open(root, &state, &err);

	if (r) {
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
		(void)snprintf(v->needs, sizeof(v->needs),
		               "Linux 4.20 with CONFIG_PSI (psi=1 where it is off by default)");
	} else {
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "pressure", PATH ", memory.pressure of cgroups",
			"time in which some task waited, per second: no single stalls; swap-in "
			"and refaults are in it");
	}
	reclaim_close(state);
}

static int reclaim_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                        struct slo_err *err)
{
	struct pressure *p = state;
	int r;

	p->fn = fn;
	p->user = user;
	r = read_all(p, now_ns, err);
	p->fn = NULL;
	return r;
}

const struct slo_procfs_reader slo_procfs_reclaim = {
	.signal = SLO_SIG_MEM_RECLAIM,
	.probe = reclaim_probe,
	.open = reclaim_open,
	.read = reclaim_read,
	.close = reclaim_close,
};
