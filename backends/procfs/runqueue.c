/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run-queue delay out of each thread's schedstat: how long it waited and how often it ran, hence its mean wait. One
 * histogram a cgroup and interval, in which each wait counts as its thread's mean.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/procfs/interval.h"
#include "backends/procfs/reader.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/procpid.h"
#include "core/base/clock.h"
#include "core/base/map.h"

#define THREADS_MAX 16384
#define PROCESSES_MAX 8192
#define GROUPS_MAX 512
/* CPU time of one reading. What is left over is read the next time: counters lose nothing. */
#define BUDGET_NS (10 * SLO_NS_PER_MS)
/* A process moves to another cgroup seldom. */
#define MOVED_NS (10 * SLO_NS_PER_SEC)

struct thread {
	uint64_t wait_ns, slices;
	uint32_t pass;
};

struct process {
	uint64_t cgroup_id; /* 0 unknown */
	uint64_t read_ns;
	uint32_t pass;
};

struct group {
	struct slo_hist hist;
	uint32_t worst;
	char comm[SLO_COMM_LEN + 1];
};

struct runqueue {
	int root;
	int names; /* hierarchy that ids are of; -1 none */
	bool v2;
	struct slo_map *threads, *processes, *groups;
	struct slo_room room; /* of threads */
	uint32_t pass; /* number of the present one over all processes */
	uint32_t next; /* process to go on with; 0: a pass begins */
	uint64_t from_ns;
	bool giving; /* not the first pass: there is something to compare with */
};

static int read_schedstat(int root, const char *path, struct thread *ret)
{
	char text[96], *rest = text, *word[3];
	uint64_t ran;

	if (slo_host_read(root, path, text, sizeof(text)) <= 0)
		return -ENOENT;
	for (int i = 0; i < 3; i++) {
		word[i] = slo_text_word(&rest);
		if (!word[i])
			return -EBADMSG;
	}
	if (slo_text_u64(word[0], 10, &ran) || slo_text_u64(word[1], 10, &ret->wait_ns) ||
	    slo_text_u64(word[2], 10, &ret->slices))
		return -EBADMSG;
	return 0;
}

/* The path behind "0::" (v2) or "N:...pids...:" (v1) in the text of /proc/PID/cgroup, cut off in place; NULL none. */
static const char *path_of(char *text, bool v2)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path = '\0';
		if (v2 ? controllers[1] == '\0' : strstr(controllers + 1, "pids") != NULL)
			return path + 1;
	}
	return NULL;
}

static uint64_t cgroup_of(struct runqueue *q, uint32_t pid, uint64_t now_ns)
{
	struct process *p = slo_map_get(q->processes, &pid, NULL);
	char text[4096];
	const char *path;

	if (!p)
		return 0;
	p->pass = q->pass;
	if (p->read_ns && now_ns - p->read_ns < MOVED_NS)
		return p->cgroup_id;
	p->read_ns = now_ns;
	p->cgroup_id = 0;
	if (q->names < 0 || slo_procpid_cgroup(q->root, pid, text, sizeof(text)) <= 0)
		return 0;
	path = path_of(text, q->v2);
	if (path && *path == '/')
		(void)slo_cgroup_id_at(q->names, path + 1, &p->cgroup_id);
	return p->cgroup_id;
}

static void add(struct runqueue *q, uint64_t cgroup_id, uint32_t pid, uint64_t mean_ns,
                uint64_t slices)
{
	struct group *g = slo_map_get(q->groups, &cgroup_id, NULL);
	char path[64];

	if (!g)
		return;
	if (!g->worst || mean_ns > g->hist.max_ns) {
		g->worst = pid;
		(void)snprintf(path, sizeof(path), "/proc/%u/comm", pid);
		if (slo_hostfile_line(q->root, path, g->comm, sizeof(g->comm)))
			g->comm[0] = '\0';
	}
	slo_interval_add(&g->hist, mean_ns, slices);
}

static void read_thread(struct runqueue *q, uint32_t pid, const char *tid_text, uint64_t now_ns)
{
	struct thread now = { .pass = q->pass }, *last;
	uint64_t tid, slices;
	char path[96];
	uint32_t key;
	bool fresh;

	(void)snprintf(path, sizeof(path), "/proc/%u/task/%.16s/schedstat", pid, tid_text);
	if (slo_text_u64(tid_text, 10, &tid) || read_schedstat(q->root, path, &now))
		return;
	key = (uint32_t)tid;
	last = slo_map_get(q->threads, &key, &fresh);
	if (!last) {
		q->room.beyond++;
		return;
	}
	/* A thread made since the last pass has waited since then only: where that one had room for all. */
	if (fresh)
		*last = q->room.lacked ? now : (struct thread){ 0 };
	slices = now.slices - last->slices;
	if (q->giving && now.slices > last->slices && now.wait_ns >= last->wait_ns)
		add(q, cgroup_of(q, pid, now_ns), pid, (now.wait_ns - last->wait_ns) / slices,
		    slices);
	*last = now;
}

static void read_process(struct runqueue *q, uint32_t pid, uint64_t now_ns)
{
	char path[32];
	struct dirent *e;
	DIR *dir;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%u/task", pid);
	fd = slo_host_open(q->root, path, O_RDONLY | O_DIRECTORY);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		slo_closep(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9')
			read_thread(q, pid, e->d_name, now_ns);
	}
	(void)closedir(dir);
}

static void forget_gone(struct runqueue *q)
{
	const struct process *p;
	const struct thread *t;
	const void *key;
	size_t pos = 0;

	while ((t = slo_map_next(q->threads, &pos, &key))) {
		if (t->pass != q->pass)
			(void)slo_map_erase(q->threads, key);
	}
	pos = 0;
	while ((p = slo_map_next(q->processes, &pos, &key))) {
		if (p->pass != q->pass)
			(void)slo_map_erase(q->processes, key);
	}
}

/* Goes over the processes, as far as the time allows; @budget_ns 0: all of them. */
static int read_all(struct runqueue *q, uint64_t now_ns, uint64_t budget_ns, struct slo_err *err)
{
	uint64_t begin = slo_clock_thread_cpu_ns(), pid;
	int fd = slo_host_open(q->root, "/proc", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		slo_closep(&fd);
		return slo_err_set(err, fd < 0 ? fd : -ENOMEM, "/proc: cannot be listed");
	}
	if (!q->next) {
		q->pass++;
		slo_room_begin(&q->room);
	}
	/* In ascending order, as procfs lists them. */
	while ((e = readdir(dir))) {
		if (slo_text_u64(e->d_name, 10, &pid) || pid < q->next)
			continue;
		if (budget_ns && slo_clock_thread_cpu_ns() - begin > budget_ns) {
			q->next = (uint32_t)pid;
			(void)closedir(dir);
			return 0;
		}
		read_process(q, (uint32_t)pid, now_ns);
	}
	(void)closedir(dir);
	q->next = 0;
	slo_room_end(&q->room);
	forget_gone(q);
	return 0;
}

static void runqueue_close(void *state)
{
	struct runqueue *q = state;

	if (!q)
		return;
	slo_map_freep(&q->threads);
	slo_map_freep(&q->processes);
	slo_map_freep(&q->groups);
	slo_closep(&q->names);
	slo_closep(&q->root);
	free(q);
}

static void open_names(int root, struct runqueue *q)
{
	struct slo_cgroups cgroups = { 0 };
	const char *mount;

	if (slo_cgroups_read(root, &cgroups, NULL) < 0)
		return;
	q->v2 = cgroups.layout != SLO_CGROUP_V1;
	mount = slo_cgroups_mount(&cgroups, q->v2 ? NULL : "pids");
	if (mount)
		q->names = slo_host_open(root, mount, O_RDONLY | O_DIRECTORY);
}

static int make_maps(struct runqueue *q, struct slo_err *err)
{
	const struct slo_map_config threads = { 4, sizeof(struct thread), THREADS_MAX };
	const struct slo_map_config processes = { 4, sizeof(struct process), PROCESSES_MAX };
	const struct slo_map_config groups = { 8, sizeof(struct group), GROUPS_MAX };
	int r = slo_map_new(&q->threads, &threads, err);

	if (!r)
		r = slo_map_new(&q->processes, &processes, err);
	return r ? r : slo_map_new(&q->groups, &groups, err);
}

static int runqueue_open(int root, void **ret_state, struct slo_err *err)
{
	struct thread own = { 0 };
	struct runqueue *q;
	int r;

	if (read_schedstat(root, "/proc/self/schedstat", &own))
		return slo_err_set(err, -ENOENT, "no /proc/self/schedstat (CONFIG_SCHED_INFO)");
	if (!own.slices)
		return slo_err_set(err, -ENODATA,
		                   "schedstat stays 0: the kernel does not count waits");
	q = calloc(1, sizeof(*q));
	if (!q)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	q->names = -1;
	q->root = slo_host_open(root, ".", O_PATH | O_DIRECTORY);
	r = q->root < 0 ? slo_err_set(err, q->root, "host root: %s", strerror(-q->root))
	                : make_maps(q, err);
	if (!r) {
		open_names(root, q);
		q->from_ns = slo_clock_monotonic_ns();
		r = read_all(q, q->from_ns, 0, err);
	}
	if (r) {
		runqueue_close(q);
		return r;
	}
	q->giving = true;
	*ret_state = q;
	return 0;
}

static void runqueue_probe(int root, struct slo_verdict *v)
{
	struct slo_err err = { 0 };
	void *state = NULL;
	int r = runqueue_open(root, &state, &err);

	if (r) {
		slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
		(void)snprintf(v->needs, sizeof(v->needs), "CONFIG_SCHED_INFO");
	} else {
		slo_interval_serve(
			v, SLO_SRC_PROCFS, "schedstat", "/proc/PID/task/TID/schedstat",
			"each wait counts as its thread's mean over the interval; the cause is "
			"unknown; threads shorter than an interval are not seen; from Linux 6.12 the kernel counts some sleeps as waits");
	}
	runqueue_close(state);
}

static int runqueue_read(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
                         struct slo_err *err)
{
	struct runqueue *q = state;
	const struct group *g;
	const void *key;
	size_t pos = 0;
	int r;

	if (now_ns <= q->from_ns)
		return 0;
	slo_map_clear(q->groups);
	r = read_all(q, now_ns, BUDGET_NS, err);
	while ((g = slo_map_next(q->groups, &pos, &key))) {
		struct slo_probe_event ev;

		slo_interval_event(&ev, SLO_SIG_RUNQUEUE_DELAY, SLO_EV_HIST, q->from_ns, now_ns);
		memcpy(&ev.cgroup_id, key, sizeof(ev.cgroup_id));
		ev.hist = g->hist;
		ev.count = g->hist.count;
		ev.tgid = g->worst;
		(void)snprintf(ev.comm, sizeof(ev.comm), "%s", g->comm);
		fn(user, &ev);
	}
	q->from_ns = now_ns;
	return r ? r : slo_room_check(&q->room, "threads", THREADS_MAX, "", err);
}

const struct slo_procfs_reader slo_procfs_runqueue = {
	.signal = SLO_SIG_RUNQUEUE_DELAY,
	.probe = runqueue_probe,
	.open = runqueue_open,
	.read = runqueue_read,
	.close = runqueue_close,
};
