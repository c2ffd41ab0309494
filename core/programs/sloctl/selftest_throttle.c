/* SPDX-License-Identifier: Apache-2.0 */
/* A process that wants all of a CPU, in a cgroup that may have a fifth of one. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "backends/procfs/throttle.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/programs/sloctl/selftest_case.h"

#define PERIOD_US "100000"
#define PERIOD_MS 100
#define QUOTA_US "20000"
#define SPIN_NS (500 * SLO_NS_PER_MS)
#define REPLY_MS 3000
/* Longer than a period: the last throttling is over, and counted. */
#define CALM_MS 120
/* Throttled less than this, and the quota was not spent: others had the CPU. */
#define THROTTLED_MS 50
/*
 * Beside the same counter no difference is right. Beside the spinner's clocks a tick at 100 Hz and its rounding, and a period:
 * where it spends the last of a quota as it reports, the kernel counts the rest of that period, which is on no clock of its own.
 */
#define TOLERANCE_MS 0.01
#define CLOCKS_MS (20 + PERIOD_MS)

static void spin(int ctl, void *arg)
{
	struct slo_selftest_spent s;
	char go;

	(void)arg;
	while (recv(ctl, &go, 1, 0) == 1) {
		uint64_t begin = slo_clock_monotonic_ns(), cpu = slo_clock_thread_cpu_ns();

		while (slo_clock_monotonic_ns() < begin + SPIN_NS)
			;
		s.cpu_ns = slo_clock_thread_cpu_ns() - cpu;
		s.wall_ns = slo_clock_monotonic_ns() - begin;
		(void)send(ctl, &s, sizeof(s), MSG_NOSIGNAL);
	}
}

static int read_own(const struct slo_selftest_cgroup *cg, struct slo_throttle_stat *ret,
                    struct slo_err *err)
{
	char path[SLO_SELFTEST_CGROUP_PATH], text[1024];
	ssize_t n;

	slo_selftest_cgroup_path(cg, "cpu.stat", path);
	n = slo_host_read(cg->base, path, text, sizeof(text));
	if (n < 0)
		return slo_err_set(err, (int)n, "%s: %s", path, strerror((int)-n));
	return slo_throttle_parse(text, ret, err);
}

/* The quota is set before the session opens: later ones are found within 10 s only. */
static int prepare_spinner(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_throttle *th = &t->throttle;
	int r = slo_selftest_cgroup_make(t, "cpu", &th->cgroup, err);

	if (!r && th->cgroup.v2)
		r = slo_selftest_cgroup_write(&th->cgroup, "cpu.max", QUOTA_US " " PERIOD_US, err);
	else if (!r)
		r = slo_selftest_cgroup_write(&th->cgroup, "cpu.cfs_quota_us", QUOTA_US, err);
	if (!r)
		r = slo_selftest_fork(&th->child, SLO_SELFTEST_COMM, spin, NULL, err);
	if (!r)
		r = slo_selftest_cgroup_join(&th->cgroup, &th->child, err);
	if (!r && th->cgroup.v2)
		r = slo_cgroup_id_at(th->cgroup.base, th->cgroup.name, &th->id);
	return r;
}

static int cause_throttling(struct slo_selftest *t, struct slo_err *err)
{
	(void)err;
	(void)send(t->throttle.child.ctl, "", 1, MSG_NOSIGNAL);
	return 0;
}

static double without_cpu_ms(const struct slo_selftest_spent *s)
{
	return (double)(s->wall_ns - s->cpu_ns) / 1e6;
}

static int end_throttling(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_throttle *th = &t->throttle;
	struct pollfd p = { .fd = th->child.ctl, .events = POLLIN };
	struct slo_throttle_stat stat;
	int r;

	if (poll(&p, 1, slo_selftest_wait_ms(t, REPLY_MS)) <= 0 ||
	    recv(th->child.ctl, &th->spent, sizeof(th->spent), MSG_DONTWAIT) !=
	            (ssize_t)sizeof(th->spent))
		return slo_err_set(err, -ETIMEDOUT, "the throttled process did not answer");
	(void)poll(NULL, 0, CALM_MS);
	r = read_own(&th->cgroup, &stat, err);
	if (r < 0)
		return r;
	th->throttled_ms = (double)stat.throttled_ns / 1e6;
	if (th->throttled_ms < THROTTLED_MS)
		return slo_err_set(err, -EAGAIN,
		                   "others had the CPU: in %.0f ms the quota throttled for %.1f ms",
		                   (double)th->spent.wall_ns / 1e6, th->throttled_ms);
	r = slo_session_interval(t->session, slo_clock_monotonic_ns(), err);
	return r < 0 && r != -ENODATA ? r : 0;
}

/* By its id; on v1, where events name cgroups by another hierarchy, by its only process. */
static bool is_mine(const struct slo_selftest_throttle *th, const struct slo_probe_event *ev)
{
	if (ev->signal != SLO_SIG_CFS_THROTTLED)
		return false;
	return th->cgroup.v2 ? ev->cgroup_id == th->id : ev->tgid == (uint32_t)th->child.pid;
}

static void judge_throttling(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_throttle *th = &t->throttle;
	struct slo_selftest_check c = { .which = "",
		                        .truth = th->throttled_ms,
		                        .tolerance = TOLERANCE_MS };

	(void)snprintf(r->what, sizeof(r->what),
	               "a process spinning for %d ms under a quota of a fifth: by cpu.stat and its "
	               "own clocks",
	               (int)(SPIN_NS / SLO_NS_PER_MS));
	for (unsigned int i = 0; i < t->count; i++) {
		if (!is_mine(th, &t->events[i]))
			continue;
		c.seen = true;
		c.value += slo_event_value(&t->events[i]);
	}
	if (c.value > without_cpu_ms(&th->spent) + CLOCKS_MS)
		c.fault = "throttled for longer than the process was without a CPU";
	slo_selftest_check(r, &c);
}

const struct slo_selftest_case slo_selftest_throttle = {
	.signal = SLO_SIG_CFS_THROTTLED,
	.prepare = prepare_spinner,
	.cause = cause_throttling,
	.finish = end_throttling,
	.judge = judge_throttling,
};
