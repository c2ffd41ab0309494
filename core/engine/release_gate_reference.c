/* SPDX-License-Identifier: Apache-2.0 */
/* E3, the rule of the earlier design: four conditions on p95 TTFT, all of which must hold for a failure. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/release_gate.h"
#include "core/engine/stats_boot.h"
#include "core/engine/stats_rank.h"

#define QUANTILE 0.95

static double *sorted_copy(const double *values, size_t n)
{
	double *copy = calloc(n + 1, sizeof(*copy));

	/* A side without samples may have no array. */
	if (copy && n)
		memcpy(copy, values, n * sizeof(*values));
	if (copy)
		slo_stats_sort(copy, n);
	return copy;
}

static int median_tokens(const struct slo_gate_side *side, double *ret)
{
	double *sorted slo_cleanup(slo_freep) = sorted_copy(side->tokens_per_sec, side->n);

	if (!sorted)
		return -ENOMEM;
	*ret = slo_stats_quantile(sorted, side->n, 0.5);
	return 0;
}

/* The rule resamples requests, not runs. */
static int boot_of(const struct slo_gate_side *side, struct slo_boot **ret)
{
	const struct slo_boot_config cfg = { .values = side->ttft_ms,
		                             .run_sizes = &side->n,
		                             .runs = 1,
		                             .kind = SLO_QUANTILE_LINEAR,
		                             .q = QUANTILE };

	return slo_boot_new(ret, &cfg);
}

static int bootstrap(const struct slo_gate_side *candidate, const struct slo_gate_side *baseline,
                     size_t count, uint64_t seed, struct slo_significance_result *ret)
{
	double *diffs slo_cleanup(slo_freep) = calloc(count, sizeof(*diffs));
	slo_boot_auto struct slo_boot *c = NULL;
	slo_boot_auto struct slo_boot *b = NULL;
	struct slo_random random;
	int r = diffs ? boot_of(candidate, &c) : -ENOMEM;

	if (r == 0)
		r = boot_of(baseline, &b);
	if (r < 0)
		return r;
	slo_random_init(&random, seed);
	for (size_t i = 0; i < count; i++) {
		double value = slo_boot_draw(c, &random);

		diffs[i] = value - slo_boot_draw(b, &random);
	}
	slo_stats_sort(diffs, count);
	ret->ci_low_ms = slo_stats_quantile(diffs, count, 0.025);
	ret->ci_high_ms = slo_stats_quantile(diffs, count, 0.975);
	return 0;
}

/*
 * Through the normal distribution's upper half, as the earlier design had it: only good to 1e-16, which decides
 * nothing at alpha, but its reports are reproduced digit by digit.
 */
static double p_value(const struct slo_stats_mann_whitney *test)
{
	const double p = 2 * (1 - 0.5 * erfc(-test->z * M_SQRT1_2));

	return p < 1 ? p : 1;
}

static int measure(const struct slo_gate_side *candidate, const struct slo_gate_side *baseline,
                   struct slo_significance_result *ret)
{
	double *x slo_cleanup(slo_freep) = sorted_copy(candidate->ttft_ms, candidate->n);
	double *y slo_cleanup(slo_freep) = sorted_copy(baseline->ttft_ms, baseline->n);
	const struct slo_stats_pair pair = { x, y, candidate->n, baseline->n };
	struct slo_stats_mann_whitney test;
	int r;

	if (!x || !y)
		return -ENOMEM;
	ret->candidate_p95_ms = slo_stats_quantile(x, candidate->n, QUANTILE);
	ret->baseline_p95_ms = slo_stats_quantile(y, baseline->n, QUANTILE);
	ret->regression_pct =
		(ret->candidate_p95_ms - ret->baseline_p95_ms) / ret->baseline_p95_ms * 100;
	if (candidate->n && baseline->n) {
		slo_stats_mann_whitney(&pair, &test);
		ret->p = p_value(&test);
		ret->delta = slo_stats_cliffs_delta(&pair);
	}
	r = median_tokens(candidate, &ret->candidate_tokens_p50);
	return r < 0 ? r : median_tokens(baseline, &ret->baseline_tokens_p50);
}

static void judge(const struct slo_gate_limits *limits, struct slo_significance_result *ret)
{
	const bool regressed = ret->regression_pct > limits->regression_pct &&
	                       ret->p < limits->alpha && ret->ci_low_ms > 0;

	if (!ret->enough) {
		ret->verdict = SLO_GATE_INCONCLUSIVE;
		(void)snprintf(
			ret->reason, sizeof(ret->reason),
			"candidate has %zu samples and baseline %zu, at least %zu are needed",
			ret->candidate_n, ret->baseline_n, limits->min_samples);
	} else if (regressed && ret->practical) {
		ret->verdict = SLO_GATE_FAIL;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "ttft regression %.4f%% exceeds %.4f%% with p=%.6f CI95[%.4f, %.4f] "
		               "and Cliff's delta %.4f",
		               ret->regression_pct, limits->regression_pct, ret->p, ret->ci_low_ms,
		               ret->ci_high_ms, ret->delta);
	} else if (regressed) {
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "ttft regression %.4f%% is significant, but Cliff's delta %.4f is "
		               "below %.4f: no practical effect",
		               ret->regression_pct, ret->delta, limits->min_delta);
	}
}

int slo_significance_judge(const struct slo_gate_side *candidate,
                           const struct slo_gate_side *baseline,
                           const struct slo_gate_limits *limits, uint64_t seed,
                           struct slo_significance_result *ret)
{
	struct slo_significance_result result = {
		.candidate_n = candidate->n,
		.baseline_n = baseline->n,
		.p = NAN,
		.ci_low_ms = NAN,
		.ci_high_ms = NAN,
		.delta = NAN,
		.enough = candidate->n >= limits->min_samples && baseline->n >= limits->min_samples,
	};
	int r = measure(candidate, baseline, &result);

	if (r == 0 && candidate->n && baseline->n)
		r = bootstrap(candidate, baseline, limits->bootstrap, seed, &result);
	if (r < 0)
		return r;
	result.practical = fabs(result.delta) >= limits->min_delta;
	judge(limits, &result);
	*ret = result;
	return 0;
}
