/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/calibration.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/engine/stats.h"
#include "core/engine/stats_random.h"

#define WILSON_Z 1.959963984540054 /* 97.5 % of the normal distribution */

static int rising(const void *a, const void *b)
{
	const struct slo_forecast *x = a, *y = b;

	if (x->p != y->p)
		return x->p > y->p ? 1 : -1;
	/* A total order: qsort() is not stable, and sums must not depend on whose it is. */
	if (x->hit != y->hit)
		return x->hit ? 1 : -1;
	return (x->unit > y->unit) - (x->unit < y->unit);
}

static int falling(const void *a, const void *b)
{
	return rising(b, a);
}

/* --- bins ---------------------------------------------------------------------------------------------------- */

/* Sums of one bin; weights are how often the bootstrap drew a case. */
struct sums {
	uint64_t n;
	uint64_t hits;
	double p;
	double low, high;
};

/* Forecasts sorted by p, and how much each case counts (NULL: once). */
struct weighted {
	const struct slo_forecast *f;
	size_t n;
	const uint32_t *weight;
	uint64_t total; /* of the weights over @f */
};

static uint32_t weight_of(const struct weighted *w, size_t i)
{
	return w->weight ? w->weight[w->f[i].unit] : 1;
}

/* Adds all forecasts of one p to @s; the index behind them. */
static size_t add_run(const struct weighted *w, size_t i, struct sums *s)
{
	double p = w->f[i].p;

	for (; i < w->n && w->f[i].p == p; i++) {
		uint32_t times = weight_of(w, i);

		if (times == 0)
			continue;
		if (s->n == 0)
			s->low = p;
		s->high = p;
		s->n += times;
		s->hits += w->f[i].hit ? times : 0;
		s->p += times * p;
	}
	return i;
}

/* Each bin takes its share of what is left, to the end of the run of equal p that it is in. */
static unsigned int fill_bins(const struct weighted *w, struct sums bin[SLO_CALIBRATION_BINS_MAX])
{
	unsigned int want = SLO_CALIBRATION_BINS_MAX, used = 0;
	uint64_t left = w->total;
	size_t i = 0;

	if (left / SLO_CALIBRATION_BIN_MIN < want)
		want = (unsigned int)(left / SLO_CALIBRATION_BIN_MIN);
	if (want == 0)
		want = 1;
	while (left > 0) {
		struct sums *s = &bin[used];
		uint64_t share;

		assert(used < want); /* the last bin's share is all that is left */
		share = (left + (want - used) - 1) / (want - used);
		*s = (struct sums){ 0 };
		while (i < w->n && s->n < share)
			i = add_run(w, i, s);
		left -= s->n;
		used++;
	}
	return used;
}

static double ece_of(const struct sums *bin, unsigned int bins, uint64_t total)
{
	double sum = 0;

	for (unsigned int b = 0; b < bins; b++)
		sum += fabs((double)bin[b].hits - bin[b].p);
	return sum / (double)total;
}

/* --- interval ------------------------------------------------------------------------------------------------ */

static int rising_double(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* ECE of each replicate, sorted. */
static void replicate(const struct slo_forecast *f, size_t n,
                      const struct slo_calibration_config *cfg, uint32_t *weight, double *ece)
{
	struct sums bin[SLO_CALIBRATION_BINS_MAX];
	struct slo_random random;

	slo_random_init(&random, cfg->seed);
	for (uint32_t r = 0; r < cfg->replicates; r++) {
		struct weighted w = { f, n, weight, 0 };

		for (uint32_t u = 0; u < cfg->units; u++)
			weight[u] = 0;
		for (uint32_t u = 0; u < cfg->units; u++)
			weight[slo_random_below(&random, cfg->units)]++;
		for (size_t i = 0; i < n; i++)
			w.total += weight[f[i].unit];
		/* Only where most cases have no forecast can a draw be empty; it says nothing then. */
		ece[r] = w.total ? ece_of(bin, fill_bins(&w, bin), w.total) : 0;
	}
	qsort(ece, cfg->replicates, sizeof(*ece), rising_double);
}

static int interval(const struct slo_forecast *f, size_t n,
                    const struct slo_calibration_config *cfg, struct slo_calibration *c)
{
	uint32_t *weight slo_cleanup(slo_freep) = NULL;
	double *ece slo_cleanup(slo_freep) = NULL;

	c->ece_low = c->ece_high = NAN;
	if (cfg->replicates == 0)
		return 0;
	weight = calloc(cfg->units, sizeof(*weight));
	ece = calloc(cfg->replicates, sizeof(*ece));
	if (!weight || !ece)
		return -ENOMEM;
	replicate(f, n, cfg, weight, ece);
	c->ece_low = slo_stats_quantile(ece, cfg->replicates, 0.025);
	c->ece_high = slo_stats_quantile(ece, cfg->replicates, 0.975);
	return 0;
}

/* --- the figures --------------------------------------------------------------------------------------------- */

static void wilson(uint64_t hits, uint64_t n, double *ret_low, double *ret_high)
{
	double m = (double)n, rate = (double)hits / m, z2 = WILSON_Z * WILSON_Z;
	double middle = (rate + z2 / (2 * m)) / (1 + z2 / m);
	double half = WILSON_Z * sqrt(rate * (1 - rate) / m + z2 / (4 * m * m)) / (1 + z2 / m);

	*ret_low = hits == 0 ? 0 : middle - half;
	*ret_high = hits == n ? 1 : middle + half;
}

static void tell_bins(const struct sums *bin, unsigned int bins, struct slo_calibration *c)
{
	c->bins = bins;
	for (unsigned int b = 0; b < bins; b++) {
		struct slo_calibration_bin *to = &c->bin[b];

		to->n = bin[b].n;
		to->low = bin[b].low;
		to->high = bin[b].high;
		to->mean = bin[b].p / (double)bin[b].n;
		to->rate = (double)bin[b].hits / (double)bin[b].n;
		wilson(bin[b].hits, bin[b].n, &to->rate_low, &to->rate_high);
	}
}

static void decompose(const struct slo_forecast *f, size_t n, struct slo_calibration *c)
{
	double brier = 0, reliability = 0, resolution = 0, rate;
	uint64_t hits = 0;

	for (size_t i = 0; i < n; i++) {
		double miss = f[i].p - (f[i].hit ? 1 : 0);

		brier += miss * miss;
		hits += f[i].hit;
	}
	rate = (double)hits / (double)n;
	for (unsigned int b = 0; b < c->bins; b++) {
		const struct slo_calibration_bin *bin = &c->bin[b];
		double off = bin->mean - bin->rate, away = bin->rate - rate;

		reliability += (double)bin->n * off * off;
		resolution += (double)bin->n * away * away;
	}
	c->brier = brier / (double)n;
	c->reliability = reliability / (double)n;
	c->resolution = resolution / (double)n;
	c->uncertainty = rate * (1 - rate);
	c->within_bin = c->brier - (c->reliability - c->resolution + c->uncertainty);
}

static int check(const struct slo_forecast *f, size_t n, const struct slo_calibration_config *cfg,
                 struct slo_err *err)
{
	if (n == 0)
		return slo_err_set(err, -ENODATA, "no forecast");
	for (size_t i = 0; i < n; i++) {
		if (!(f[i].p >= 0 && f[i].p <= 1))
			return slo_err_set(err, -EINVAL, "forecast %zu is %g, not 0 to 1", i,
			                   f[i].p);
		if (f[i].unit >= cfg->units)
			return slo_err_set(err, -EINVAL, "forecast %zu: case %u of %u", i,
			                   f[i].unit, cfg->units);
	}
	return 0;
}

int slo_calibration_of(struct slo_forecast *f, size_t n, const struct slo_calibration_config *cfg,
                       struct slo_calibration *ret, struct slo_err *err)
{
	struct weighted all = { f, n, NULL, n };
	struct sums bin[SLO_CALIBRATION_BINS_MAX];
	struct slo_calibration c = { .n = n };
	int r = check(f, n, cfg, err);

	if (r < 0)
		return r;
	qsort(f, n, sizeof(*f), rising);
	tell_bins(bin, fill_bins(&all, bin), &c);
	c.ece = ece_of(bin, c.bins, n);
	decompose(f, n, &c);
	r = interval(f, n, cfg, &c);
	if (r < 0)
		return slo_err_set(err, r, "out of memory for %u cases", cfg->units);
	*ret = c;
	return 0;
}

/* --- risk over coverage -------------------------------------------------------------------------------------- */

static size_t run_length(const struct slo_forecast *f, size_t n, size_t at, uint64_t *ret_errors)
{
	size_t len = 0;

	for (*ret_errors = 0; at + len < n && f[at + len].p == f[at].p; len++)
		*ret_errors += !f[at + len].hit;
	return len;
}

int slo_risk_curve_of(struct slo_forecast *f, size_t n, struct slo_risk_point *points,
                      struct slo_risk_curve *ret)
{
	struct slo_risk_curve curve = { 0 };
	uint64_t errors = 0, in_run;

	if (n == 0)
		return -ENODATA;
	qsort(f, n, sizeof(*f), falling);
	for (size_t at = 0, len; at < n; at += len) {
		len = run_length(f, n, at, &in_run);
		for (size_t j = 1; j <= len; j++)
			curve.aurc += ((double)errors + (double)in_run * (double)j / (double)len) /
			              (double)(at + j);
		errors += in_run;
		points[curve.points++] = (struct slo_risk_point){
			.threshold = f[at].p,
			.coverage = (double)(at + len) / (double)n,
			.risk = (double)errors / (double)(at + len),
		};
	}
	for (uint64_t k = 1; k <= errors; k++)
		curve.best += (double)k / (double)(n - errors + k);
	curve.aurc /= (double)n;
	curve.best /= (double)n;
	curve.error_rate = (double)errors / (double)n;
	*ret = curve;
	return 0;
}
