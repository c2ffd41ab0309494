/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process whose cgroup's limit sinks below what it has cached. The limit is lowered by itself, so that reclaim is its own
 * stall and one timed call; v2's memory.high and v1's limit never end in an OOM kill that way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/programs/sloctl/selftest_case.h"

#define CACHED (64 << 20)
#define TOUCHED (8 << 20)
#define LIMIT "4194304"
#define REPLY_MS 3000
/* The write encloses the stalls, and drains the CPUs' caches of charges before: its time is what they may take at most. */
#define TOLERANCE_MS 0.3

static int unlinked_file(const char *dir)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/llm-slo-selftest-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(path);
	return fd;
}

/*
 * Clean cache to reclaim: a file of holes costs no disk. On tmpfs they are not cached, then memory alone has to do. The
 * cache is gone with the descriptor, which is the caller's; -1 no such file.
 */
static int fill_cache(void)
{
	static char buf[1 << 16];
	int fd = unlinked_file("/var/tmp");

	if (fd < 0)
		fd = unlinked_file("/tmp");
	if (fd < 0 || ftruncate(fd, CACHED))
		return fd;
	for (off_t at = 0; at < CACHED; at += (off_t)sizeof(buf))
		(void)!pread(fd, buf, sizeof(buf), at);
	return fd;
}

static void touch_memory(void)
{
	char *mem = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem != MAP_FAILED)
		memset(mem, 1, TOUCHED);
}

static void squeeze(int ctl, void *arg)
{
	const struct slo_selftest_cgroup *cg = &((const struct slo_selftest *)arg)->reclaim.cgroup;
	const char *file = cg->v2 ? "memory.high" : "memory.limit_in_bytes";
	struct slo_selftest_squeezed s;
	char go;

	while (recv(ctl, &go, 1, 0) == 1) {
		slo_cleanup(slo_closep) int cache = fill_cache();

		touch_memory();
		s.begin_ns = slo_clock_monotonic_ns();
		/* v1 says EBUSY where no page is left to take: it has tried. */
		(void)slo_selftest_cgroup_write(cg, file, LIMIT, NULL);
		s.end_ns = slo_clock_monotonic_ns();
		(void)slo_selftest_cgroup_write(cg, file, cg->v2 ? "max" : "-1", NULL);
		(void)send(ctl, &s, sizeof(s), MSG_NOSIGNAL);
	}
}

static int prepare_squeeze(struct slo_selftest *t, struct slo_err *err)
{
	int r = slo_selftest_cgroup_make(t, "memory", &t->reclaim.cgroup, err);

	if (!r)
		r = slo_selftest_fork(&t->reclaim.child, SLO_SELFTEST_COMM, squeeze, t, err);
	if (!r)
		r = slo_selftest_cgroup_join(&t->reclaim.cgroup, &t->reclaim.child, err);
	return r;
}

static int cause_reclaim(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_reclaim *rc = &t->reclaim;
	struct pollfd p = { .fd = rc->child.ctl, .events = POLLIN };

	(void)send(rc->child.ctl, "", 1, MSG_NOSIGNAL);
	if (poll(&p, 1, slo_selftest_wait_ms(t, REPLY_MS)) <= 0 ||
	    recv(rc->child.ctl, &rc->squeezed, sizeof(rc->squeezed), MSG_DONTWAIT) !=
	            (ssize_t)sizeof(rc->squeezed))
		return slo_err_set(err, -ETIMEDOUT, "the process at its limit did not answer");
	return 0;
}

static void judge_reclaim(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_squeezed *s = &t->reclaim.squeezed;
	struct slo_selftest_check c = { .which = "",
		                        .truth = (double)(s->end_ns - s->begin_ns) / 1e6 };

	(void)snprintf(
		r->what, sizeof(r->what),
		"a process that lowers its cgroup's limit below the %d MB it has: sum of its "
		"stalls, at most that write's time",
		(CACHED + TOUCHED) >> 20);
	c.tolerance = TOLERANCE_MS + c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (ev->signal != SLO_SIG_MEM_RECLAIM || ev->start_ns < s->begin_ns ||
		    ev->start_ns > s->end_ns || ev->detail.reclaim.kind != SLO_RECLAIM_MEMCG)
			continue;
		c.seen = true;
		c.value += slo_event_value(ev);
	}
	/* How much can go depends on what holds the file: of a tmpfs without swap, nothing. */
	if (c.value > c.truth + TOLERANCE_MS)
		c.fault = "the stalls took longer than the write that they are a part of";
	slo_selftest_check(r, &c);
}

const struct slo_selftest_case slo_selftest_reclaim = {
	.signal = SLO_SIG_MEM_RECLAIM,
	.prepare = prepare_squeeze,
	.cause = cause_reclaim,
	.judge = judge_reclaim,
};
