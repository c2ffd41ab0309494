/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that is set. Requests and evidence are kept by CLOCK_REALTIME, as spans bring it: an hour forward would empty
 * every window (an open incident would end), an hour back would show those of an hour ago (and open one that is over).
 * So what is kept keeps its age. After a suspend the clock is right and what is kept is older: that is no step.
 */
#include <inttypes.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/programs/agent/live.h"

/* NTP slews what is less than its 128 ms; by less than this nobody's window changes. */
#define STEP_NS ((int64_t)SLO_NS_PER_SEC)
/* Spans of before that come after: SDKs send within 5 s, their retries and collectors take longer. */
#define STRAGGLE_NS (60 * SLO_NS_PER_SEC)

static void follow(struct slo_live *l, int64_t step_ns, int64_t latest_ns)
{
	int64_t step_ms = step_ns / (int64_t)SLO_NS_PER_MS;

	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];

		l->count.late_requests += slo_burn_ring_follow(&o->ring, step_ms, latest_ns);
		o->track.silent_ns += o->track.silent_ns ? step_ns : 0;
	}
	for (size_t i = 0; i < l->service_count; i++) {
		l->service[i].last_ns += l->service[i].last_ns ? step_ns : 0;
		l->service[i].learnt_slot = 0;
	}
	slo_evidence_follow_clock(l->evidence, step_ns);
	if (l->metrics)
		slo_metrics_follow_clock(l->metrics, step_ns);
	/* Storms are marks on spans of the same second: of another time they are wrong ones. */
	slo_storms_expire(l->storms, INT64_MAX);
}

void slo_live_follow_clock(struct slo_live *l)
{
	int64_t step = slo_clock_follow_set(&l->clock_offset_ns);

	if (step < STEP_NS && step > -STEP_NS)
		return;
	slo_log_warn("the clock was set seconds=%+.1f", (double)step / 1e9);
	l->count.clock_steps++;
	l->clock_step_ns = step;
	l->clock_stepped_ns = slo_clock_monotonic_ns();
	follow(l, step, (int64_t)slo_clock_realtime_ns() + SLO_LIVE_FUTURE_NS);
}

static uint64_t apart(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

int64_t slo_live_time(const struct slo_live *l, int64_t unix_ns)
{
	int64_t now = (int64_t)slo_clock_realtime_ns(), moved;

	if (!l->clock_step_ns || slo_clock_monotonic_ns() - l->clock_stepped_ns > STRAGGLE_NS ||
	    __builtin_add_overflow(unix_ns, l->clock_step_ns, &moved))
		return unix_ns;
	return apart(moved, now) < apart(unix_ns, now) ? moved : unix_ns;
}
