/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/burn.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/clock.h"

#define MINUTE UINT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const uint64_t standard_windows[] = { 5 * MINUTE, 30 * MINUTE, HOUR,   2 * HOUR,
	                                     6 * HOUR,   DAY,         3 * DAY };

/* Indices of standard_windows. */
static const struct slo_burn_pair standard_pairs[] = {
	{ .factor = 14.4, .state = SLO_BURN_PAGE, .long_window = 2, .short_window = 0 },
	{ .factor = 6, .state = SLO_BURN_PAGE, .long_window = 4, .short_window = 1 },
	{ .factor = 3, .state = SLO_BURN_TICKET, .long_window = 5, .short_window = 3 },
	{ .factor = 1, .state = SLO_BURN_TICKET, .long_window = 6, .short_window = 4 },
};
SLO_TABLE_COMPLETE(standard_pairs, SLO_BURN_PAIRS);

static const char *const states[] = {
	[SLO_BURN_OK] = "ok",
	[SLO_BURN_TICKET] = "ticket",
	[SLO_BURN_PAGE] = "page",
	[SLO_BURN_INSUFFICIENT] = "insufficient_data",
};
SLO_TABLE_COMPLETE(states, SLO_BURN_STATE_MAX_);

const char *slo_burn_state_name(enum slo_burn_state state)
{
	assert((unsigned int)state < SLO_BURN_STATE_MAX_);
	return states[state];
}

/* --- configuration ------------------------------------------------------------------------------------------- */

static int set_windows(struct slo_burn_config *cfg, const uint64_t *window_ms, size_t count,
                       struct slo_err *err)
{
	if (count == 0 || count > SLO_BURN_WINDOWS_MAX)
		return slo_err_set(err, -EINVAL, "windows: %zu given (accepted: 1 to %d)", count,
		                   SLO_BURN_WINDOWS_MAX);
	for (size_t i = 0; i < count; i++) {
		size_t at = i;

		for (; at > 0 && cfg->window_ms[at - 1] > window_ms[i]; at--)
			cfg->window_ms[at] = cfg->window_ms[at - 1];
		if (at > 0 && cfg->window_ms[at - 1] == window_ms[i])
			return slo_err_set(err, -EINVAL, "windows: %" PRIu64 " ms is there twice",
			                   window_ms[i]);
		cfg->window_ms[at] = window_ms[i];
	}
	cfg->window_count = count;
	/* The shortest window has to see more than one bucket, or its burn jumps with every minute that begins. */
	cfg->bucket_ms = cfg->window_ms[0] / 5;
	if (cfg->bucket_ms > SLO_BURN_BUCKET_MS)
		cfg->bucket_ms = SLO_BURN_BUCKET_MS;
	if (cfg->bucket_ms < SLO_BURN_BUCKET_MS_MIN)
		return slo_err_set(err, -EINVAL,
		                   "windows: %" PRIu64 " ms is too short (accepted: %d ms or more)",
		                   cfg->window_ms[0], 5 * SLO_BURN_BUCKET_MS_MIN);
	if (cfg->window_ms[count - 1] / cfg->bucket_ms > SLO_BURN_BUCKETS)
		return slo_err_set(err, -EINVAL,
		                   "windows: %" PRIu64 " ms is longer than %d buckets of %" PRIu64
		                   " ms (a fifth of the shortest window, at most a minute)",
		                   cfg->window_ms[count - 1], SLO_BURN_BUCKETS, cfg->bucket_ms);
	return 0;
}

static bool find_window(const struct slo_burn_config *cfg, uint64_t ms, size_t *ret_i)
{
	for (size_t i = 0; i < cfg->window_count; i++) {
		if (cfg->window_ms[i] == ms) {
			*ret_i = i;
			return true;
		}
	}
	return false;
}

static void set_pairs(struct slo_burn_config *cfg)
{
	bool all = cfg->window_count == SLO_ARRAY_SIZE(standard_windows);

	cfg->shortened =
		all && memcmp(cfg->window_ms, standard_windows, sizeof(standard_windows)) != 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(standard_pairs); i++) {
		struct slo_burn_pair pair = standard_pairs[i];

		if (all ||
		    (find_window(cfg, standard_windows[pair.long_window], &pair.long_window) &&
		     find_window(cfg, standard_windows[pair.short_window], &pair.short_window)))
			cfg->pair[cfg->pair_count++] = pair;
	}
}

int slo_burn_config_init(struct slo_burn_config *cfg, double objective, const uint64_t *window_ms,
                         size_t window_count, struct slo_err *err)
{
	struct slo_burn_config made = { .objective = objective, .valid_min = SLO_BURN_VALID_MIN };
	double largest;
	int r;

	if (!(objective > 0 && objective < 1))
		return slo_err_set(err, -EINVAL, "objective: %g (accepted: inside 0 and 1)",
		                   objective);
	r = set_windows(&made, window_ms, window_count, err);
	if (r < 0)
		return r;
	set_pairs(&made);
	largest = 1 / (1 - objective);
	for (size_t i = 0; i < made.pair_count; i++) {
		if (largest > made.pair[i].factor)
			continue;
		return slo_err_set(
			err, -EINVAL,
			"objective: at %g the burn rate cannot exceed %.4g, so the alert at %g times "
			"could never fire (accepted: above %.4f)",
			objective, largest, made.pair[i].factor, 1 - 1 / made.pair[i].factor);
	}
	*cfg = made;
	return 0;
}

int slo_burn_alert_config_init(struct slo_burn_config *cfg, double objective,
                               const uint64_t *window_ms, size_t window_count, struct slo_err *err)
{
	struct slo_burn_config made;
	int r = slo_burn_config_init(&made, objective, window_ms, window_count, err);

	if (r < 0)
		return r;
	if (!made.pair_count) {
		return slo_err_set(
			err, -EINVAL,
			"windows: no two of them make an alert (accepted: 5m with 1h, 30m with 6h, "
			"2h with 1d, 6h with 3d; or seven that take the places of 5m, 30m, 1h, 2h, "
			"6h, 1d, 3d)");
	}
	*cfg = made;
	return 0;
}

/* --- counting ------------------------------------------------------------------------------------------------ */

void slo_burn_ring_init(struct slo_burn_ring *ring, struct slo_burn_bucket *buckets,
                        uint64_t bucket_ms)
{
	assert(bucket_ms >= SLO_BURN_BUCKET_MS_MIN);
	*ring = (struct slo_burn_ring){ .bucket = buckets, .bucket_ms = bucket_ms };
	for (size_t i = 0; i < SLO_BURN_BUCKETS; i++) {
		if (buckets[i].period > ring->newest)
			ring->newest = buckets[i].period;
	}
}

static void reverse(struct slo_burn_bucket *b, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct slo_burn_bucket other = b[count - 1 - i];

		b[count - 1 - i] = b[i];
		b[i] = other;
	}
}

/* To where buckets @periods later belong. In place: the other half of a copy would be lost to a kill just as well. */
static void rotate(struct slo_burn_bucket *b, int64_t periods)
{
	int64_t by = periods % SLO_BURN_BUCKETS;
	size_t n = (size_t)(by < 0 ? by + SLO_BURN_BUCKETS : by);

	reverse(b, SLO_BURN_BUCKETS);
	reverse(b, n);
	reverse(b + n, SLO_BURN_BUCKETS - n);
}

/* 0 where @unix_ns has none. */
static uint32_t period_of(const struct slo_burn_ring *ring, int64_t unix_ns)
{
	uint64_t period;

	if (unix_ns <= 0)
		return 0;
	period = (uint64_t)unix_ns / SLO_NS_PER_MS / ring->bucket_ms;
	return period > UINT32_MAX ? 0 : (uint32_t)period;
}

uint64_t slo_burn_ring_follow(struct slo_burn_ring *ring, int64_t step_ms, int64_t unix_ns)
{
	int64_t half = (int64_t)(ring->bucket_ms / 2) * (step_ms < 0 ? -1 : 1);
	int64_t periods = (step_ms + half) / (int64_t)ring->bucket_ms;
	int64_t last = period_of(ring, unix_ns);
	uint64_t emptied = 0;

	if (periods)
		rotate(ring->bucket, periods);
	ring->newest = 0;
	for (size_t i = 0; i < SLO_BURN_BUCKETS; i++) {
		struct slo_burn_bucket *b = &ring->bucket[i];
		int64_t period = b->period + periods;

		if (!b->period)
			continue;
		if (period <= 0 || period > last) {
			emptied += b->valid;
			*b = (struct slo_burn_bucket){ 0 };
			continue;
		}
		if (periods) {
			b->period = (uint32_t)period;
			slo_burn_bucket_seal(b);
		}
		if (b->period > ring->newest)
			ring->newest = b->period;
	}
	return emptied;
}

bool slo_burn_add(struct slo_burn_ring *ring, int64_t unix_ns, bool good)
{
	uint32_t period = period_of(ring, unix_ns);
	struct slo_burn_bucket *b = &ring->bucket[period % SLO_BURN_BUCKETS];

	if (period == 0 || b->period > period ||
	    (ring->newest >= SLO_BURN_BUCKETS && period <= ring->newest - SLO_BURN_BUCKETS)) {
		ring->late++;
		return false;
	}
	if (b->period != period)
		*b = (struct slo_burn_bucket){ .period = period };
	if (b->valid < UINT32_MAX) {
		b->valid++;
		b->good += good;
	}
	slo_burn_bucket_seal(b);
	if (period > ring->newest)
		ring->newest = period;
	return true;
}

/* --- evaluation ---------------------------------------------------------------------------------------------- */

static enum slo_burn_state judge_pair(const struct slo_burn_pair *pair,
                                      const struct slo_burn_result *r)
{
	const struct slo_burn_window_result *l = &r->window[pair->long_window];
	const struct slo_burn_window_result *s = &r->window[pair->short_window];

	if (!l->sufficient || !s->sufficient)
		return SLO_BURN_INSUFFICIENT;
	return l->burn > pair->factor && s->burn > pair->factor ? pair->state : SLO_BURN_OK;
}

bool slo_burn_is_silent(const struct slo_burn_config *cfg, const struct slo_burn_result *r,
                        size_t i)
{
	const struct slo_burn_window_result *w;

	if (i >= cfg->pair_count || r->pair[i] != SLO_BURN_INSUFFICIENT)
		return false;
	w = &r->window[cfg->pair[i].short_window];
	return w->valid == 0 || w->good < w->valid;
}

static void judge(const struct slo_burn_config *cfg, struct slo_burn_result *r)
{
	bool any = false;

	for (size_t i = 0; i < cfg->window_count; i++) {
		struct slo_burn_window_result *w = &r->window[i];

		if (w->valid)
			w->burn = (double)(w->valid - w->good) / (double)w->valid /
			          (1 - cfg->objective);
		w->sufficient = w->valid >= cfg->valid_min && r->data_ms >= cfg->window_ms[i] / 2;
	}
	r->budget_remaining = 1 - r->window[cfg->window_count - 1].burn;
	for (size_t i = 0; i < cfg->pair_count; i++) {
		r->pair[i] = judge_pair(&cfg->pair[i], r);
		if (r->pair[i] == SLO_BURN_INSUFFICIENT)
			continue;
		any = true;
		if (r->pair[i] > r->state)
			r->state = r->pair[i];
	}
	if (!any)
		r->state = SLO_BURN_INSUFFICIENT;
}

void slo_burn_evaluate(const struct slo_burn_config *cfg, const struct slo_burn_ring *ring,
                       int64_t unix_ns, struct slo_burn_result *ret)
{
	struct slo_burn_result r = { .state = SLO_BURN_OK };
	uint32_t now = period_of(ring, unix_ns);
	uint64_t good = 0, valid = 0, periods = 0;

	/* Sums from now backwards: each window reads the running total where it ends. */
	for (size_t i = 0; i < cfg->window_count; i++) {
		uint64_t end = (cfg->window_ms[i] + ring->bucket_ms - 1) / ring->bucket_ms;

		for (; periods < end && periods < now && periods < SLO_BURN_BUCKETS; periods++) {
			uint32_t period = now - (uint32_t)periods;
			const struct slo_burn_bucket *b = &ring->bucket[period % SLO_BURN_BUCKETS];

			if (b->period != period || !b->valid)
				continue;
			good += b->good;
			valid += b->valid;
			r.data_ms = (periods + 1) * ring->bucket_ms;
		}
		r.window[i].good = good;
		r.window[i].valid = valid;
	}
	judge(cfg, &r);
	*ret = r;
}
