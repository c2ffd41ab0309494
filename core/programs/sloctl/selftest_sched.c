/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time that somebody else has: two processes that want one CPU, and the hypervisor. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/host.h"
#include "core/programs/sloctl/selftest_case.h"

#define SPIN_NS (300 * SLO_NS_PER_MS)
/* Less waiting than this, and the two were not in each other's way. */
#define CONTENDED_MS 20
#define REPLY_NS (4 * SLO_NS_PER_SEC)
#define DRAIN_MS 50
#define RUNQ_TOLERANCE_MS 2
#define RUNQ_TOLERANCE_PART 0.05
/* /proc/stat counts ticks of 10 ms: 1 % of one CPU in this time. */
#define STEAL_NS SLO_NS_PER_SEC
#define STEAL_TOLERANCE_PCT 1
/* 8192 CPUs, as many as a kernel can have. */
#define CPU_SETS (8192 / CPU_SETSIZE)

/* @count numbers, parted by blanks. 0 or -EBADMSG. */
static int parse(const char *text, uint64_t *ret, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;

		errno = 0;
		ret[i] = strtoull(text, &end, 10);
		if (end == text || errno)
			return -EBADMSG;
		text = end;
	}
	return 0;
}

static int read_schedstat(int root, uint64_t *ret_delay_ns)
{
	uint64_t f[3]; /* time run, run_delay, slices */
	char text[96];
	ssize_t n = slo_host_read(root, "/proc/self/schedstat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	/* All zero where the kernel was built without CONFIG_SCHED_INFO. */
	if (parse(text, f, SLO_ARRAY_SIZE(f)) || !f[2])
		return -ENODATA;
	*ret_delay_ns = f[1];
	return 0;
}

/*
 * The delay summed up until the moment *@ret_ns, both exactly: the same sum before and after the clock was read means that
 * no wait ended between. So events can be told by their end, before that moment or after it.
 */
static int read_moment(int root, uint64_t *ret_ns, uint64_t *ret_delay_ns)
{
	for (int i = 0; i < 100; i++) {
		uint64_t after = 0;
		int r = read_schedstat(root, ret_delay_ns);

		*ret_ns = slo_clock_monotonic_ns();
		if (!r)
			r = read_schedstat(root, &after);
		if (r || after == *ret_delay_ns)
			return r;
	}
	return -EAGAIN;
}

/* The last of the CPUs that we may use: interrupts like the first. */
static int pin(void)
{
	cpu_set_t set[CPU_SETS];
	int cpu = CPU_SETS * CPU_SETSIZE - 1;

	memset(set, 0, sizeof(set));
	if (sched_getaffinity(0, sizeof(set), set) < 0)
		return -errno;
	while (cpu > 0 && !CPU_ISSET_S((size_t)cpu, sizeof(set), set))
		cpu--;
	memset(set, 0, sizeof(set));
	CPU_SET_S((size_t)cpu, sizeof(set), set);
	return sched_setaffinity(0, sizeof(set), set) ? -errno : 0;
}

static void busy_until(uint64_t ns)
{
	while (slo_clock_monotonic_ns() < ns)
		continue;
}

static bool fail_at(struct slo_selftest_spun *s, int code, const char *step)
{
	if (code && !s->err) {
		s->err = code;
		(void)snprintf(s->step, sizeof(s->step), "%s", step);
	}
	return code != 0;
}

static void spin(int ctl, void *arg)
{
	const struct slo_selftest *t = arg;
	struct slo_selftest_spun s = { 0 };
	char go;

	(void)fail_at(&s, pin(), "sched_setaffinity");
	while (recv(ctl, &go, 1, 0) == 1) {
		if (!fail_at(&s, read_moment(t->root, &s.begin_ns, &s.begin_delay_ns), "schedstat"))
			busy_until(slo_clock_monotonic_ns() + SPIN_NS);
		(void)fail_at(&s, read_moment(t->root, &s.end_ns, &s.end_delay_ns), "schedstat");
		(void)send(ctl, &s, sizeof(s), MSG_NOSIGNAL);
	}
}

static int prepare_spinners(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_child *c = t->sched.child;
	int r = slo_selftest_fork(&c[0], SLO_SELFTEST_COMM_SPIN, spin, t, err);

	return r < 0 ? r : slo_selftest_fork(&c[1], SLO_SELFTEST_COMM_RIVAL, spin, t, err);
}

/* Meanwhile the session is drained: where others keep interrupting, its ring would not hold all the waits. */
static int hear(struct slo_selftest *t, const struct slo_selftest_child *c,
                struct slo_selftest_spun *ret)
{
	uint64_t until = slo_clock_monotonic_ns() + REPLY_NS;
	struct pollfd p = { .fd = c->ctl, .events = POLLIN };

	while (poll(&p, 1, slo_selftest_wait_ms(t, DRAIN_MS)) <= 0) {
		if (slo_clock_monotonic_ns() > until || !slo_selftest_wait_ms(t, DRAIN_MS))
			return -ETIMEDOUT;
		(void)slo_session_poll(t->session, NULL);
	}
	return recv(c->ctl, ret, sizeof(*ret), MSG_DONTWAIT) == (ssize_t)sizeof(*ret) ? 0 : -EPIPE;
}

static double spun_ms(const struct slo_selftest_spun *s)
{
	return (double)(s->end_delay_ns - s->begin_delay_ns) / 1e6;
}

static int cause_wait(struct slo_selftest *t, struct slo_err *err)
{
	struct slo_selftest_spun *s = &t->sched.spun, rival;
	int r;

	t->sched.tries++;
	for (int i = 0; i < 2; i++)
		(void)send(t->sched.child[i].ctl, "", 1, MSG_NOSIGNAL);
	r = hear(t, &t->sched.child[0], s);
	if (!r)
		r = hear(t, &t->sched.child[1], &rival);
	if (r < 0)
		return slo_err_set(err, r, "the processes that compete for a CPU: %s",
		                   strerror(-r));
	if (s->err == -ENODATA || s->err == -ENOENT)
		return slo_err_set(err, s->err,
		                   "no truth to compare with: /proc/self/schedstat counts nothing "
		                   "(needs /proc and CONFIG_SCHED_INFO)");
	if (s->err)
		return slo_err_set(err, s->err, "%s: %s", s->step, strerror(-s->err));
	if (spun_ms(s) < CONTENDED_MS)
		return slo_err_set(err, -EAGAIN,
		                   "two processes pinned to one CPU for %d ms waited %.1f ms only",
		                   (int)(SPIN_NS / SLO_NS_PER_MS), spun_ms(s));
	return 0;
}

int slo_selftest_runqueue_again(struct slo_selftest *t, struct slo_err *err)
{
	return cause_wait(t, err);
}

static void judge_wait(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_spun *s = &t->sched.spun;
	struct slo_selftest_check c = { .which = "", .truth = spun_ms(s) };

	(void)snprintf(r->what, sizeof(r->what),
	               "two processes on one CPU for %d ms: sum of one's waits, by its run_delay",
	               (int)(SPIN_NS / SLO_NS_PER_MS));
	c.tolerance = RUNQ_TOLERANCE_MS + RUNQ_TOLERANCE_PART * c.truth;
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];
		uint64_t end = ev->start_ns + ev->value_ns;

		if (ev->signal != SLO_SIG_RUNQUEUE_DELAY || end < s->begin_ns || end > s->end_ns ||
		    strcmp(ev->comm, SLO_SELFTEST_COMM_SPIN) != 0)
			continue;
		c.seen = true;
		c.value += slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

/* Our own reading of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
static int read_ticks(const struct slo_selftest *t, struct slo_selftest_ticks *ret)
{
	uint64_t f[8] = { 0 };
	char text[512];
	ssize_t n = slo_host_read(t->root, "/proc/stat", text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (strncmp(text, "cpu ", 4) != 0 || parse(text + 4, f, SLO_ARRAY_SIZE(f)))
		return -EBADMSG;
	*ret = (struct slo_selftest_ticks){ .steal = f[7] };
	for (size_t i = 0; i < SLO_ARRAY_SIZE(f); i++)
		ret->total += f[i];
	return 0;
}

static int read_both(struct slo_selftest *t, struct slo_selftest_ticks *ret, uint64_t *ret_at_ns,
                     struct slo_err *err)
{
	int r = read_ticks(t, ret);

	if (r < 0)
		return slo_err_set(err, r, "/proc/stat: %s", strerror(-r));
	*ret_at_ns = slo_clock_monotonic_ns();
	r = slo_session_interval(t->session, *ret_at_ns, err);
	return r < 0 && r != -ENODATA ? r : 0;
}

static int begin_steal(struct slo_selftest *t, struct slo_err *err)
{
	return read_both(t, &t->steal.begin, &t->steal.begin_ns, err);
}

static int end_steal(struct slo_selftest *t, struct slo_err *err)
{
	uint64_t now = slo_clock_monotonic_ns(), end = t->steal.begin_ns + STEAL_NS;

	if (now < end)
		(void)poll(NULL, 0, (int)((end - now) / SLO_NS_PER_MS) + 1);
	return read_both(t, &t->steal.end, &t->steal.end_ns, err);
}

static void judge_steal(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_ticks *from = &t->steal.begin, *to = &t->steal.end;
	struct slo_selftest_check c = { .which = "", .tolerance = STEAL_TOLERANCE_PCT };

	(void)snprintf(r->what, sizeof(r->what),
	               "no cause can be made: a second reading of /proc/stat");
	if (to->total > from->total && to->steal >= from->steal)
		c.truth = 100.0 * (double)(to->steal - from->steal) /
		          (double)(to->total - from->total);
	/* Of the interval between the two readings: that of throttling makes another one. */
	for (unsigned int i = 0; i < t->count; i++) {
		const struct slo_probe_event *ev = &t->events[i];

		if (ev->signal != SLO_SIG_CPU_STEAL ||
		    ev->start_ns + ev->interval_ns != t->steal.end_ns)
			continue;
		c.seen = true;
		c.value = slo_event_value(ev);
	}
	slo_selftest_check(r, &c);
}

const struct slo_selftest_case slo_selftest_runqueue = {
	.signal = SLO_SIG_RUNQUEUE_DELAY,
	.prepare = prepare_spinners,
	.cause = cause_wait,
	.judge = judge_wait,
};

const struct slo_selftest_case slo_selftest_steal = {
	.signal = SLO_SIG_CPU_STEAL,
	.cause = begin_steal,
	.finish = end_steal,
	.judge = judge_steal,
};
