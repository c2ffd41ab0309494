/* SPDX-License-Identifier: Apache-2.0 */
/* Gives recorded events again: what the agent does with them needs no kernel to be tested. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "backends/backends.h"
#include "backends/decode.h"
#include "backends/replay/source.h"
#include "backends/replay/targets.h"
#include "core/base/clock.h"

/* Events read in one poll(), so that the caller's loop stays responsive. */
#define BATCH 512
/* At recorded speed, longer silence (or a jump backwards) is a clock that was set or a damaged time, not a wait. */
#define GAP_MAX_NS (3600 * SLO_NS_PER_SEC)

enum wait {
	WAIT_NOTHING, /* more can be delivered at once, or the end told */
	WAIT_TIME,
	WAIT_INPUT,
};

struct replay {
	struct slo_replay_source source;
	struct slo_replay_targets targets;
	slo_event_fn on_event;
	slo_record_fn on_record;
	void *user;
	uint64_t served; /* SLO_SIG_BIT of those asked for at open */
	uint64_t enabled;
	bool fast;
	int epoll_fd; /* what the caller waits for: the timer or the input */
	int timer_fd;
	enum wait wait;
	uint64_t due_ns; /* CLOCK_MONOTONIC time to deliver the last event; 0: none read yet */
	uint64_t recorded_ns; /* its recorded time */
	bool pending; /* @ev waits for its time */
	bool told; /* of the first line or record that could not be read */
	struct slo_err fault; /* to be told at the next poll */
	const void *rec; /* of @ev; NULL: from JSONL */
	struct slo_probe_event ev;
	struct slo_abi_agg encoded;
	struct slo_backend_stats stats;
};

static void replay_free(struct replay *be)
{
	slo_replay_source_fini(&be->source);
	slo_replay_targets_fini(&be->targets);
	slo_closep(&be->timer_fd);
	slo_closep(&be->epoll_fd);
	free(be);
}

static void replay_freep(struct replay **be)
{
	if (*be)
		replay_free(*be);
	*be = NULL;
}

static int check_config(const struct slo_backend_config *cfg, struct slo_err *err)
{
	if (cfg->signals & ~SLO_SIG_ALL)
		return slo_err_set(err, -EINVAL, "replay: signal set %#llx has unknown signals",
		                   (unsigned long long)cfg->signals);
	if (!cfg->replay_path)
		return slo_err_set(err, -EINVAL,
		                   "replay: no file given (--replay FILE, or - for "
		                   "standard input)");
	return 0;
}

static void fill_verdicts(uint64_t signals, int refused, const struct slo_err *why,
                          struct slo_verdict verdicts[SLO_SIG_MAX_])
{
	for (unsigned int s = 0; s < SLO_SIG_MAX_; s++) {
		if (!(signals & SLO_SIG_BIT(s)))
			continue;
		verdicts[s] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
		if (refused) {
			slo_verdict_refuse(&verdicts[s], "replay", refused, "%s", why->msg);
			continue;
		}
		verdicts[s].serves = true;
		verdicts[s].source = SLO_SRC_REPLAY;
		verdicts[s].mechanism = "replay";
		(void)snprintf(verdicts[s].note, sizeof(verdicts[s].note),
		               "as recorded; thresholds are not applied again");
	}
}

static int tell(struct slo_err *err, const struct slo_err *what)
{
	return slo_err_set(err, what->code, "%s", what->msg);
}

static int replay_probe(const struct slo_backend_config *cfg,
                        struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	struct slo_err why = { 0 };
	int r = check_config(cfg, &why);

	if (!r)
		r = slo_replay_source_probe(cfg->replay_path, cfg->parse_event, &why);
	fill_verdicts(cfg->signals, r, &why, verdicts);
	return r ? tell(err, &why) : 0;
}

/* The timer goes off at @due_ns; 1: at once and for as long as it is not set anew; 0: never. */
static void set_timer(const struct replay *be, uint64_t due_ns)
{
	struct itimerspec t = {
		.it_value = { .tv_sec = (time_t)(due_ns / SLO_NS_PER_SEC),
		              .tv_nsec = (long)(due_ns % SLO_NS_PER_SEC) },
	};

	/* Cannot fail: the descriptor is ours and the time is in range. */
	(void)timerfd_settime(be->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* The input is in the set only while it is waited for: a pipe whose writer is gone would else wake for ever. */
static void set_wait(struct replay *be, enum wait wait)
{
	struct epoll_event e = { .events = EPOLLIN };

	if (wait == be->wait && wait != WAIT_TIME)
		return;
	if (be->wait == WAIT_INPUT)
		(void)epoll_ctl(be->epoll_fd, EPOLL_CTL_DEL, be->source.in.fd, NULL);
	if (wait == WAIT_INPUT && epoll_ctl(be->epoll_fd, EPOLL_CTL_ADD, be->source.in.fd, &e))
		wait = WAIT_NOTHING;
	be->wait = wait;
	if (wait == WAIT_TIME)
		set_timer(be, be->due_ns);
	else
		set_timer(be, wait == WAIT_NOTHING ? 1 : 0);
}

static int make_fds(struct replay *be, struct slo_err *err)
{
	struct epoll_event e = { .events = EPOLLIN };

	be->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (be->epoll_fd < 0)
		return slo_err_set(err, -errno, "replay: epoll: %s", strerror(errno));
	be->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (be->timer_fd < 0)
		return slo_err_set(err, -errno, "replay: timer: %s", strerror(errno));
	if (epoll_ctl(be->epoll_fd, EPOLL_CTL_ADD, be->timer_fd, &e))
		return slo_err_set(err, -errno, "replay: epoll: %s", strerror(errno));
	set_timer(be, 1);
	return 0;
}

static int try_open(const struct slo_backend_config *cfg, struct replay **ret_be,
                    struct slo_err *err)
{
	slo_cleanup(replay_freep) struct replay *be = NULL;
	int r = check_config(cfg, err);

	if (r)
		return r;
	if (!cfg->on_event)
		return slo_err_set(err, -EINVAL, "replay: no receiver of events");
	be = calloc(1, sizeof(*be));
	if (!be)
		return slo_err_set(err, -ENOMEM, "replay: out of memory");
	be->epoll_fd = -1;
	be->timer_fd = -1;
	be->source.in.fd = -1;
	be->on_event = cfg->on_event;
	be->on_record = cfg->on_record;
	be->user = cfg->user;
	be->served = cfg->signals;
	be->enabled = cfg->signals;
	be->fast = cfg->replay_fast;
	r = slo_replay_targets_init(&be->targets, &cfg->targets, err);
	if (!r)
		r = make_fds(be, err);
	if (!r)
		r = slo_replay_source_init(&be->source, cfg->replay_path, cfg->parse_event, err);
	if (r)
		return r;
	*ret_be = slo_take_ptr(be);
	return 0;
}

static int replay_open(const struct slo_backend_config *cfg,
                       struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be,
                       struct slo_err *err)
{
	struct replay *be = NULL;
	struct slo_err why = { 0 };
	int r = try_open(cfg, &be, &why);

	fill_verdicts(cfg->signals, r, &why, verdicts);
	if (r)
		return tell(err, &why);
	*ret_be = be;
	return 0;
}

static int replay_enable(void *vbe, enum slo_signal sig, bool on, struct slo_err *err)
{
	struct replay *be = vbe;

	if (!(be->served & SLO_SIG_BIT(sig)))
		return slo_err_set(err, -ENOTSUP, "replay: %s was not asked for at open",
		                   slo_signal_desc(sig)->name);
	if (on)
		be->enabled |= SLO_SIG_BIT(sig);
	else
		be->enabled &= ~SLO_SIG_BIT(sig);
	return 0;
}

static int replay_retarget(void *vbe, const struct slo_backend_config *cfg, struct slo_err *err)
{
	struct replay *be = vbe;
	struct slo_replay_targets targets;
	int r = slo_replay_targets_init(&targets, &cfg->targets, err);

	if (r)
		return r;
	slo_replay_targets_fini(&be->targets);
	be->targets = targets;
	return 0;
}

static int replay_fd(void *vbe)
{
	const struct replay *be = vbe;

	return be->epoll_fd;
}

/* When to deliver be->ev: as long after the one before as it was recorded; earlier ones came late, and at once. */
static void schedule(struct replay *be, uint64_t now)
{
	uint64_t recorded = slo_event_realtime_ns(&be->ev);
	uint64_t gap = recorded > be->recorded_ns ? recorded - be->recorded_ns : 0;
	bool jump = gap > GAP_MAX_NS || (!gap && be->recorded_ns - recorded > GAP_MAX_NS);

	if (!be->due_ns) {
		be->due_ns = now;
		be->recorded_ns = recorded;
		return;
	}
	if (jump)
		be->due_ns = now > be->due_ns ? now : be->due_ns;
	else
		be->due_ns += gap;
	if (jump || gap)
		be->recorded_ns = recorded;
}

/* 1: be->ev is the next event to deliver; else as slo_replay_source_next(), 0 also for one that is filtered out. */
static int take_next(struct replay *be, uint64_t now, struct slo_err *err)
{
	int r = slo_replay_source_next(&be->source, &be->ev, &be->rec, err);
	struct slo_signal_stats *st;

	if (r == 0)
		return -ENODATA;
	if (r < 0)
		return r;
	st = &be->stats.signal[be->ev.signal];
	if (!(be->enabled & SLO_SIG_BIT(be->ev.signal)) ||
	    !slo_replay_targets_has(&be->targets, &be->ev)) {
		st->filtered++;
		return 0;
	}
	st->made++;
	st->sent++;
	be->ev.replayed = true;
	if (!be->fast)
		schedule(be, now);
	return 1;
}

static void deliver(struct replay *be)
{
	if (be->on_record) {
		const void *rec = be->rec ? be->rec : &be->encoded;
		const struct slo_abi_event *head = rec;

		if (!be->rec)
			(void)slo_encode(&be->ev, &be->encoded);
		be->on_record(be->user, rec, head->size);
	}
	be->stats.signal[be->ev.signal].delivered++;
	be->on_event(be->user, &be->ev);
	be->pending = false;
}

/* What the source could not give. True where the batch ends. */
static bool handle_fault(struct replay *be, int r, const struct slo_err *err)
{
	if (r == -EAGAIN) {
		set_wait(be, WAIT_INPUT);
		return true;
	}
	if (r == -ENODATA)
		return true;
	be->stats.rejected++;
	if (r == -EBADMSG && be->told)
		return false;
	be->told = true;
	be->fault = *err;
	be->fault.code = r;
	return true;
}

static int replay_poll(void *vbe, struct slo_err *err)
{
	struct replay *be = vbe;
	uint64_t now = be->fast ? 0 : slo_clock_monotonic_ns();
	struct slo_err why = { 0 };
	int delivered = 0;
	int r = 0;

	for (int i = 0; i < BATCH && !be->fault.code; i++) {
		if (!be->pending) {
			r = take_next(be, now, &why);
			if (r < 0 && handle_fault(be, r, &why))
				break;
			if (r <= 0)
				continue;
			be->pending = true;
		}
		if (!be->fast && be->due_ns > now) {
			set_wait(be, WAIT_TIME);
			return delivered;
		}
		deliver(be);
		delivered++;
	}
	/* Whole lines may wait in the buffer while the pipe they came from is empty. */
	if (r != -EAGAIN)
		set_wait(be, WAIT_NOTHING);
	if (delivered)
		return delivered;
	if (be->fault.code) {
		why = be->fault;
		be->fault.code = 0;
		return tell(err, &why);
	}
	if (r == -ENODATA)
		return slo_err_set(err, -ENODATA, "replay: end of %s", be->source.name);
	return 0;
}

static int replay_interval(void *be, uint64_t now, struct slo_err *err)
{
	(void)be;
	(void)now;
	(void)err;
	return 0;
}

static void replay_stats(void *vbe, struct slo_backend_stats *ret)
{
	const struct replay *be = vbe;

	*ret = be->stats;
}

static void replay_close(void *be)
{
	replay_free(be);
}

const struct slo_backend_ops slo_backend_replay = {
	.name = "replay",
	.probe = replay_probe,
	.open = replay_open,
	.enable = replay_enable,
	.retarget = replay_retarget,
	.fd = replay_fd,
	.poll = replay_poll,
	.interval = replay_interval,
	.stats = replay_stats,
	.close = replay_close,
};
