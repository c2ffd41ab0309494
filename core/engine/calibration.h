/* SPDX-License-Identifier: Apache-2.0 */
/* Do stated probabilities come true: Brier, reliability, expected calibration error, risk-coverage. */
#ifndef SLO_ENGINE_CALIBRATION_H
#define SLO_ENGINE_CALIBRATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* One stated probability and what came of it. */
struct slo_forecast {
	double p; /* 0 to 1 */
	uint32_t unit; /* the case it belongs to; the bootstrap draws whole cases */
	bool hit;
};

#define SLO_CALIBRATION_BINS_MAX 10
/* Fewer bins where there are fewer forecasts than this for each. */
#define SLO_CALIBRATION_BIN_MIN 5

struct slo_calibration_bin {
	uint64_t n;
	double low, high; /* least and largest p in it */
	double mean; /* of p */
	double rate; /* of hits */
	double rate_low,
		rate_high; /* Wilson's 95 % interval; it takes the forecasts as independent */
};

struct slo_calibration {
	uint64_t n;
	unsigned int bins;
	struct slo_calibration_bin bin[SLO_CALIBRATION_BINS_MAX];
	double brier; /* mean (p - hit)^2 = reliability - resolution + uncertainty + within_bin */
	double reliability; /* less is better */
	double resolution; /* more is better */
	double uncertainty; /* of the hits; no forecaster's doing */
	double within_bin; /* what binning hides (Stephenson, Coelho, Jolliffe 2008) */
	double ece; /* sum over bins n_b/n |rate - mean| */
	double ece_low, ece_high; /* 95 % percentile bootstrap over cases; NAN without replicates */
};

struct slo_calibration_config {
	uint32_t units; /* cases; each forecast's unit is below */
	uint32_t replicates; /* of the bootstrap; 0: no interval */
	uint64_t seed;
};

/*
 * Bins of equal mass over the sorted forecasts; equal p are never parted, so that the order of the
 * input does not matter. Sorts @f. 0, -ENODATA (@n is 0), -EINVAL (a p outside 0 to 1, a unit out of
 * range) or -ENOMEM.
 */
int slo_calibration_of(struct slo_forecast *f, size_t n, const struct slo_calibration_config *cfg,
                       struct slo_calibration *ret, struct slo_err *err);

/* One way to use the verdicts: believe those stated at >= @threshold. */
struct slo_risk_point {
	double threshold;
	double coverage; /* share believed */
	double risk; /* share wrong among these */
};

struct slo_risk_curve {
	size_t points; /* distinct thresholds, falling */
	double aurc; /* area under risk over coverage 1/n, 2/n, ... 1 (Geifman, El-Yaniv 2017) */
	double best; /* the same with every error behind every hit: the floor at this error rate */
	double error_rate; /* at full coverage: also the area of a confidence that says nothing */
};

/*
 * Ties in p share their errors evenly, so that the order of the input does not matter. Sorts @f;
 * @points has room for @n. 0, or -ENODATA of none.
 */
int slo_risk_curve_of(struct slo_forecast *f, size_t n, struct slo_risk_point *points,
                      struct slo_risk_curve *ret);

#endif
