/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap of a quantile in one or two levels: runs are drawn with replacement, then samples within each drawn run, so
 * that the spread between runs counts. One run gives the ordinary bootstrap. A resample costs one pass of draws and no
 * sorting.
 */
#ifndef SLO_ENGINE_STATS_BOOT_H
#define SLO_ENGINE_STATS_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/engine/stats_quantile.h"
#include "core/engine/stats_random.h"

#define SLO_BOOT_SAMPLES_MAX ((size_t)1 << 30)

struct slo_boot_config {
	const double *values; /* run after run; finite; read by slo_boot_new() only */
	const size_t *run_sizes; /* samples of each run; read by slo_boot_new() only */
	size_t runs; /* at least 1 */
	enum slo_quantile_kind kind;
	double q; /* in (0, 1) */
};

struct slo_boot;

/* 32 bytes a sample. 0, -EINVAL (no samples, or too many) or -ENOMEM. */
int slo_boot_new(struct slo_boot **ret, const struct slo_boot_config *cfg);
void slo_boot_freep(struct slo_boot **b);
#define slo_boot_auto slo_cleanup(slo_boot_freep)

/* The quantile of the samples themselves. */
double slo_boot_estimate(const struct slo_boot *b);

/*
 * The quantile of a new resample, of as many samples as there are: shares of the drawn runs are as their sizes. The
 * same @random gives the same resample on every machine.
 */
double slo_boot_draw(struct slo_boot *b, struct slo_random *random);

#endif
