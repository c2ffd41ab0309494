/* SPDX-License-Identifier: Apache-2.0 */
/* One thread, one epoll set: backends, a timer for intervals, signals. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "core/base/blocks.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/programs/agent/agent.h"

/* A replay's fd stays readable: other descriptors get their turn after so many polls. */
#define DRAIN_MAX 10000

struct loop {
	int epoll, timer, signals;
	uint64_t begin_ns, end_ns; /* end 0: none */
	uint64_t interval_ns, last_tick_ns;
	int live[SLO_LIVE_FDS], control;
	unsigned int live_count;
	bool stop;
};

sigset_t slo_agent_hold_signals(bool all)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	if (all) {
		(void)sigaddset(&set, SIGINT);
		(void)sigaddset(&set, SIGTERM);
	}
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static int open_signals(struct slo_err *err)
{
	sigset_t set = slo_agent_hold_signals(true);
	int fd;

	/* A closed pipe and a file at its limit are the sink's business. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? slo_err_set(err, -errno, "signalfd: %s", strerror(errno)) : fd;
}

static int watch(int epoll, int fd, struct slo_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
		return slo_err_set(err, -errno, "epoll: %s", strerror(errno));
	return 0;
}

static int open_loop(struct loop *l, const struct slo_agent *a, struct slo_err *err)
{
	struct itimerspec tick = { 0 };
	int fds[SLO_SESSION_BACKENDS];
	unsigned int n = slo_session_fds(a->session, fds);
	int r;

	l->interval_ns = a->cfg->agent.interval_ms * SLO_NS_PER_MS;
	tick.it_interval.tv_sec = (time_t)(l->interval_ns / SLO_NS_PER_SEC);
	tick.it_interval.tv_nsec = (long)(l->interval_ns % SLO_NS_PER_SEC);
	tick.it_value = tick.it_interval;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll < 0 || l->timer < 0 || timerfd_settime(l->timer, 0, &tick, NULL))
		return slo_err_set(err, -errno, "event loop: %s", strerror(errno));
	l->signals = open_signals(err);
	if (l->signals < 0)
		return l->signals;
	r = watch(l->epoll, l->timer, err);
	if (!r)
		r = watch(l->epoll, l->signals, err);
	for (unsigned int i = 0; !r && i < n; i++)
		r = watch(l->epoll, fds[i], err);
	if (a->live)
		l->live_count = slo_live_fds(a->live, l->live);
	for (unsigned int i = 0; !r && i < l->live_count; i++)
		r = watch(l->epoll, l->live[i], err);
	l->control = a->control ? slo_control_fd(a->control) : -1;
	if (!r && a->control)
		r = watch(l->epoll, l->control, err);
	return r;
}

static void on_signal(struct loop *l, struct slo_agent *a)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			slo_agent_notify_reloading(a);
			slo_agent_reload(a);
			slo_agent_notify_ready(a);
		} else {
			l->stop = true;
		}
	}
}

/* What a backend could not read is lost and counted there; the others go on. */
static void tell(int r, const struct slo_err *err)
{
	if (r < 0 && r != -ENODATA)
		slo_log_err("backend: %s", err->msg);
}

static void on_tick(struct loop *l, struct slo_agent *a)
{
	struct slo_err err = { 0 };
	uint64_t expirations;

	while (read(l->timer, &expirations, sizeof(expirations)) < 0 && errno == EINTR)
		continue;
	slo_identity_tick(a->identity, a->now_ns);
	slo_agent_follow_targets(a);
	slo_agent_put_waiting(a, false);
	tell(slo_session_interval(a->session, a->now_ns, &err), &err);
	slo_agent_take_turns(a);
	slo_agent_flush(a);
	slo_agent_guard_tick(a);
	slo_windows_expire(a->windows, a->now_ns);
	if (a->live)
		slo_live_tick(a->live, a->now_ns);
	if (a->control)
		slo_control_run(a->control);
	if (a->view)
		slo_view_tick(a->view, a->session, a->now_ns - l->last_tick_ns);
	l->last_tick_ns = a->now_ns;
	slo_agent_notify_alive(a);
}

static void on_events(struct loop *l, struct slo_agent *a)
{
	struct slo_err err = { 0 };
	int r = slo_session_poll(a->session, &err);

	tell(r, &err);
	if (r == -ENODATA)
		l->stop = true;
}

static bool is_live(const struct loop *l, int fd)
{
	for (unsigned int i = 0; i < l->live_count; i++) {
		if (l->live[i] == fd)
			return true;
	}
	return false;
}

static int turn(struct loop *l, struct slo_agent *a, struct slo_err *err)
{
	struct epoll_event ev[8];
	int timeout = -1;
	int n;

	if (l->end_ns) {
		uint64_t now = slo_clock_monotonic_ns();

		timeout = now >= l->end_ns ? 0 : (int)((l->end_ns - now) / SLO_NS_PER_MS) + 1;
	}
	n = epoll_wait(l->epoll, ev, (int)SLO_ARRAY_SIZE(ev), timeout);
	if (n < 0 && errno != EINTR)
		return slo_err_set(err, -errno, "epoll_wait: %s", strerror(errno));
	a->now_ns = slo_clock_monotonic_ns();
	if (a->live)
		slo_live_follow_clock(a->live);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.fd == l->signals)
			on_signal(l, a);
		else if (ev[i].data.fd == l->timer)
			on_tick(l, a);
		else if (ev[i].data.fd == l->control)
			slo_control_run(a->control);
		else if (is_live(l, ev[i].data.fd))
			slo_live_run(a->live, ev[i].data.fd, a->now_ns);
		else
			on_events(l, a);
	}
	if (l->end_ns && a->now_ns >= l->end_ns)
		l->stop = true;
	return 0;
}

/* Detach first: then what was made is all there will be, and the account can be exact. */
static void wind_down(struct loop *l, struct slo_agent *a)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (slo_session_choice(a->session, (enum slo_signal)i)->backend)
			(void)slo_session_enable(a->session, (enum slo_signal)i, false, NULL);
	}
	for (int i = 0; i < DRAIN_MAX && slo_session_poll(a->session, NULL) > 0; i++)
		continue;
	a->now_ns = slo_clock_monotonic_ns();
	(void)slo_session_interval(a->session, a->now_ns, NULL);
	slo_agent_put_waiting(a, true);
	slo_agent_flush(a);
	if (a->view)
		slo_view_summary(a->view, a->session, a->now_ns - l->begin_ns);
	slo_agent_log_stats(a);
	slo_agent_guard_stats(a);
}

int slo_agent_loop(struct slo_agent *a, struct slo_err *err)
{
	struct loop l = { .epoll = -1, .timer = -1, .signals = -1 };
	int r = open_loop(&l, a, err);

	slo_agent_notify_open(a);
	if (!r)
		slo_agent_notify_ready(a);
	a->now_ns = l.begin_ns = l.last_tick_ns = slo_clock_monotonic_ns();
	if (a->opt->seconds)
		l.end_ns = l.begin_ns + a->opt->seconds * SLO_NS_PER_SEC;
	slo_blocks_keep();
	while (!r && !l.stop)
		r = turn(&l, a, err);
	slo_agent_notify_stopping(a);
	if (!r)
		wind_down(&l, a);
	slo_closep(&l.epoll);
	slo_closep(&l.timer);
	slo_closep(&l.signals);
	return r;
}
