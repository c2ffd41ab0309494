/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/baseline.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/map.h"

#define FIRST_G (-8.0)
#define STEP 0.1
/* Larger units are brought back to 1: well before a float's 24 bits are used up. */
#define UNIT_MAX 65536.0F
/* From an interquartile range to the standard deviation of a normal distribution with that range. */
#define IQR_TO_SD 1.349

#define WORKLOADS_MAX 4096

struct workload {
	bool frozen;
	struct slo_baseline of[SLO_EVID_MAX_];
};

struct slo_baselines {
	struct slo_map *map; /* uint64_t -> struct workload */
	double half_life;
};

/* --- one histogram --------------------------------------------------------------------------------------------- */

static unsigned int slot_of(double g)
{
	double at = floor((g - FIRST_G) / STEP);

	return (unsigned int)fmin(fmax(at, 0), SLO_BASELINE_SLOTS - 1);
}

static void rescale(struct slo_baseline *b)
{
	float by = 1 / b->unit;

	b->total = 0;
	for (unsigned int i = 0; i < SLO_BASELINE_SLOTS; i++) {
		b->slot[i] *= by;
		b->total += b->slot[i];
	}
	b->unit = 1;
}

void slo_baseline_add(struct slo_baseline *b, unsigned int evid, double value, double half_life)
{
	assert(half_life >= 1);
	if (!isfinite(value))
		return;
	if (b->unit == 0)
		b->unit = 1;
	b->unit *= (float)exp2(1 / half_life);
	b->slot[slot_of(slo_evidence_scale(evid, value))] += b->unit;
	b->total += b->unit;
	if (b->unit > UNIT_MAX)
		rescale(b);
}

static double quantile(const struct slo_baseline *b, double q)
{
	double rank = q * (double)b->total, below = 0;

	for (unsigned int i = 0; i < SLO_BASELINE_SLOTS; i++) {
		double here = (double)b->slot[i];

		if (here > 0 && below + here >= rank)
			return FIRST_G + STEP * (i + (rank - below) / here);
		below += here;
	}
	return FIRST_G + STEP * SLO_BASELINE_SLOTS; /* rounding left the last rank over */
}

struct slo_baseline_stat slo_baseline_stat(const struct slo_baseline *b)
{
	struct slo_baseline_stat s = { 0 };

	if (b->total <= 0)
		return s;
	s.n = (double)(b->total / b->unit);
	s.median = quantile(b, 0.5);
	s.spread = (quantile(b, 0.75) - quantile(b, 0.25)) / IQR_TO_SD;
	return s;
}

/* --- per workload ---------------------------------------------------------------------------------------------- */

int slo_baselines_new(struct slo_baselines **ret_b, const struct slo_baselines_config *cfg,
                      struct slo_err *err)
{
	const struct slo_map_config map = { .key_size = sizeof(uint64_t),
		                            .value_size = sizeof(struct workload),
		                            .max = cfg->workloads };
	struct slo_baselines *b slo_cleanup(slo_baselines_freep) = NULL;
	int r;

	if (cfg->workloads < 1 || cfg->workloads > WORKLOADS_MAX || !(cfg->half_life >= 1))
		return slo_err_set(err, -EINVAL,
		                   "baselines: 1 to %d workloads, a half-life of 1 or more",
		                   WORKLOADS_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return slo_err_set(err, -ENOMEM, "baselines: out of memory");
	b->half_life = cfg->half_life;
	r = slo_map_new(&b->map, &map, err);
	if (r < 0)
		return slo_err_wrap(err, r, "baselines");
	*ret_b = slo_take_ptr(b);
	return 0;
}

void slo_baselines_freep(struct slo_baselines **b)
{
	if (!*b)
		return;
	slo_map_freep(&(*b)->map);
	free(*b);
	*b = NULL;
}

bool slo_baselines_add(struct slo_baselines *b, uint64_t workload, unsigned int evid, double value)
{
	struct workload *w = slo_map_get(b->map, &workload, NULL);

	assert(evid < SLO_EVID_MAX_);
	if (!w || w->frozen)
		return false;
	slo_baseline_add(&w->of[evid], evid, value, b->half_life);
	return true;
}

bool slo_baselines_freeze(struct slo_baselines *b, uint64_t workload, bool frozen)
{
	struct workload *w = slo_map_get(b->map, &workload, NULL);

	if (!w)
		return false;
	w->frozen = frozen;
	return true;
}

struct slo_baseline_stat slo_baselines_get(const struct slo_baselines *b, uint64_t workload,
                                           unsigned int evid)
{
	const struct workload *w = slo_map_find(b->map, &workload);

	assert(evid < SLO_EVID_MAX_);
	return w ? slo_baseline_stat(&w->of[evid]) : (struct slo_baseline_stat){ 0 };
}

const struct slo_baseline *slo_baselines_peek(const struct slo_baselines *b, uint64_t workload)
{
	const struct workload *w = slo_map_find(b->map, &workload);

	return w ? w->of : NULL;
}

static bool is_sound(const struct slo_baseline *b)
{
	double sum = 0;

	for (unsigned int i = 0; i < SLO_BASELINE_SLOTS; i++) {
		if (!(b->slot[i] >= 0) || !isfinite(b->slot[i]))
			return false;
		sum += (double)b->slot[i];
	}
	if (!isfinite(b->unit) || !isfinite(b->total) || !(b->unit >= 0) || !(b->total >= 0))
		return false;
	/* The total is kept beside the slots: a little rounding apart, they agree. */
	return fabs(sum - (double)b->total) <= 1e-3 * (sum + 1) &&
	       (b->total <= 0 || (b->unit >= 1 && b->unit <= UNIT_MAX));
}

bool slo_baselines_restore(struct slo_baselines *b, uint64_t workload,
                           const struct slo_baseline of[SLO_EVID_MAX_])
{
	struct workload *w;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (!is_sound(&of[i]))
			return false;
	}
	w = slo_map_get(b->map, &workload, NULL);
	if (!w)
		return false;
	memcpy(w->of, of, sizeof(w->of));
	return true;
}

void slo_baselines_erase(struct slo_baselines *b, uint64_t workload)
{
	(void)slo_map_erase(b->map, &workload);
}

uint64_t slo_baselines_dropped(const struct slo_baselines *b)
{
	return slo_map_dropped(b->map);
}
