/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multi-window burn rate of an SLO that is an event ratio: good requests of valid ones, counted in buckets of one
 * minute. burn = (bad / valid) / (1 - objective): 1 uses the error budget up exactly at the end of its period.
 * Windows and factors: Google, The Site Reliability Workbook, chapter 5; the same as Sloth's.
 */
#ifndef SLO_ENGINE_BURN_H
#define SLO_ENGINE_BURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/burn_bucket.h"

#define SLO_BURN_BUCKET_MS 60000
#define SLO_BURN_BUCKET_MS_MIN 1000 /* of shortened windows */
#define SLO_BURN_WINDOWS_MAX 8
#define SLO_BURN_VALID_MIN 10 /* default of slo_burn_config.valid_min */

enum slo_burn_state {
	SLO_BURN_OK,
	SLO_BURN_TICKET,
	SLO_BURN_PAGE,
	SLO_BURN_INSUFFICIENT, /* less than half a window of data, or too few requests: no verdict */
	SLO_BURN_STATE_MAX_,
};

/* "ok", "ticket", "page", "insufficient_data". */
const char *slo_burn_state_name(enum slo_burn_state state);

/* Fires where both windows burn faster than @factor: the long one for weight, the short one to end the alert soon. */
struct slo_burn_pair {
	double factor;
	enum slo_burn_state state; /* PAGE or TICKET: what firing means */
	size_t long_window; /* index of slo_burn_config.window_ms */
	size_t short_window;
};

#define SLO_BURN_PAIRS 4

struct slo_burn_config {
	double objective; /* inside (0, 1) */
	uint64_t bucket_ms;
	uint64_t valid_min; /* requests that a window needs at least; >= 1 */
	size_t window_count;
	uint64_t window_ms[SLO_BURN_WINDOWS_MAX]; /* ascending */
	size_t pair_count;
	struct slo_burn_pair pair[SLO_BURN_PAIRS];
	bool shortened; /* the windows are not those of the workbook: a demo or a test */
};

/*
 * Seven windows take the places of 5m 30m 1h 2h 6h 1d 3d, by size: so a demo shortens them. Of another number, the
 * pairs count whose two windows are among them. Sets @cfg whole: 0; or -EINVAL: @objective outside (0, 1); no window,
 * too many, one twice, or not within the ring; or 1 / (1 - objective), the burn when every request is bad, does not
 * exceed a pair's factor, so that its alert could never fire.
 */
int slo_burn_config_init(struct slo_burn_config *cfg, double objective, const uint64_t *window_ms,
                         size_t window_count, struct slo_err *err);

/* The same for an objective that is to alert: -EINVAL also where no two of its windows are a pair. */
int slo_burn_alert_config_init(struct slo_burn_config *cfg, double objective,
                               const uint64_t *window_ms, size_t window_count, struct slo_err *err);

/* Counts of one SLO. The buckets are the caller's: memory, or a mapped file. */
struct slo_burn_ring {
	struct slo_burn_bucket *bucket; /* SLO_BURN_BUCKETS; borrowed */
	uint64_t bucket_ms;
	uint32_t newest; /* largest period counted; 0: none */
	uint64_t
		late; /* requests older than the ring, or of a time outside 1970 to 2106: not counted */
};

/* Finds @newest of the buckets. */
void slo_burn_ring_init(struct slo_burn_ring *ring, struct slo_burn_bucket *buckets,
                        uint64_t bucket_ms);

/*
 * The clock was set by @step_ms: what was counted keeps its age, to half a bucket. Buckets later than @unix_ns (of the new
 * time) are emptied, with a @step_ms of 0 those alone: they would keep out what comes until the clock gets there again.
 * Returns the requests that were in them.
 */
uint64_t slo_burn_ring_follow(struct slo_burn_ring *ring, int64_t step_ms, int64_t unix_ns);

/*
 * Counts a request that was valid at @unix_ns. False: too old for the ring, counted as late. A time in the future is
 * the caller's to refuse: it would make all that is older than the ring's length before it late.
 */
bool slo_burn_add(struct slo_burn_ring *ring, int64_t unix_ns, bool good);

struct slo_burn_window_result {
	uint64_t good;
	uint64_t valid;
	double burn; /* 0 where @valid is 0 */
	bool sufficient;
};

struct slo_burn_result {
	struct slo_burn_window_result window[SLO_BURN_WINDOWS_MAX];
	enum slo_burn_state pair[SLO_BURN_PAIRS]; /* OK, INSUFFICIENT or the pair's own */
	enum slo_burn_state
		state; /* the worst pair that fires, else OK, or INSUFFICIENT where all pairs are */
	uint64_t data_ms; /* age of the oldest bucket counted, at most the ring's */
	double budget_remaining; /* of the longest window: 1 untouched, 0 used up, negative overspent */
};

/*
 * Whether the pair @i does not fire only for want of requests: its windows have too few for a verdict, and in the short
 * one there is none, or one that went bad. A few that were all good are as good as calm.
 */
bool slo_burn_is_silent(const struct slo_burn_config *cfg, const struct slo_burn_result *r,
                        size_t i);

/* At @unix_ns, the bucket it lies in included; later buckets are not looked at. One pass over the ring. */
void slo_burn_evaluate(const struct slo_burn_config *cfg, const struct slo_burn_ring *ring,
                       int64_t unix_ns, struct slo_burn_result *ret);

#endif
