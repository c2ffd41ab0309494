/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/release_gate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct slo_gate_limits slo_gate_limits_default = {
	.overhead_pct = 3,
	.variance_pct = 10,
	.min_runs = 3,
	.regression_pct = 5,
	.min_samples = 30,
	.min_delta = 0.147,
	.margin_pct = 10,
	.alpha = 0.05,
	.power = 0.8,
	.bootstrap = 1000,
};

static const char *const verdict_names[] = {
	[SLO_GATE_PASS] = "pass",
	[SLO_GATE_FAIL] = "fail",
	[SLO_GATE_INCONCLUSIVE] = "inconclusive",
};
SLO_TABLE_COMPLETE(verdict_names, SLO_GATE_VERDICT_MAX_);

const char *slo_gate_verdict_name(enum slo_gate_verdict v)
{
	return verdict_names[v];
}

enum slo_gate_verdict slo_gate_worse(enum slo_gate_verdict a, enum slo_gate_verdict b)
{
	if (a == SLO_GATE_FAIL || b == SLO_GATE_FAIL)
		return SLO_GATE_FAIL;
	return a == SLO_GATE_PASS ? b : a;
}

/* FNV-1a over the name, from the seed. */
uint64_t slo_gate_seed(uint64_t seed, const char *scenario)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (const char *c = scenario; *c; c++)
		h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return h;
}

/* --- D3 ---------------------------------------------------------------------------------------------------------- */

static const char *const variance_names[] = {
	[SLO_VARIANCE_TTFT_P95] = "p95 TTFT",
	[SLO_VARIANCE_TOKENS_P50] = "p50 tokens/s",
	[SLO_VARIANCE_ERROR_RATE] = "mean error rate",
};
SLO_TABLE_COMPLETE(variance_names, SLO_VARIANCE_MAX_);

const char *slo_variance_figure_name(enum slo_variance_figure f)
{
	return variance_names[f];
}

/* @scratch has room for @n. */
static double quantile_of(const double *values, size_t n, double q, double *scratch)
{
	memcpy(scratch, values, n * sizeof(*values));
	slo_stats_sort(scratch, n);
	return slo_stats_quantile(scratch, n, q);
}

static void judge_variance(const struct slo_gate_limits *limits, struct slo_variance_result *ret)
{
	if (ret->runs < limits->min_runs) {
		ret->verdict = SLO_GATE_INCONCLUSIVE;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "%zu run%s with samples, at least %zu are needed", ret->runs,
		               ret->runs == 1 ? "" : "s", limits->min_runs);
		return;
	}
	for (int f = 0; f < SLO_VARIANCE_MAX_; f++) {
		/* NaN, a mean of 0 beside other values, fails too. */
		if (ret->figures[f].cv_pct <= limits->variance_pct)
			continue;
		ret->verdict = SLO_GATE_FAIL;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "%s varies by %.4f %% between runs, at most %.4f %%",
		               variance_names[f], ret->figures[f].cv_pct, limits->variance_pct);
		return;
	}
	ret->verdict = SLO_GATE_PASS;
}

int slo_variance_judge(const struct slo_gate_side *candidate, const struct slo_gate_limits *limits,
                       struct slo_variance_result *ret)
{
	double *scratch slo_cleanup(slo_freep) = calloc(candidate->n + 1, sizeof(*scratch));
	size_t begin = 0;

	if (!scratch)
		return -ENOMEM;
	*ret = (struct slo_variance_result){ 0 };
	for (size_t r = 0; r < candidate->runs; r++) {
		const size_t n = candidate->run_sizes[r];
		const size_t at = ret->runs;

		if (n == 0)
			continue;
		ret->figures[SLO_VARIANCE_TTFT_P95].values[at] =
			quantile_of(candidate->ttft_ms + begin, n, 0.95, scratch);
		ret->figures[SLO_VARIANCE_TOKENS_P50].values[at] =
			quantile_of(candidate->tokens_per_sec + begin, n, 0.5, scratch);
		ret->figures[SLO_VARIANCE_ERROR_RATE].values[at] =
			slo_stats_mean(candidate->error_rate + begin, n);
		ret->runs++;
		begin += n;
	}
	for (int f = 0; f < SLO_VARIANCE_MAX_; f++) {
		const double *values = ret->figures[f].values;

		ret->figures[f].mean = slo_stats_mean(values, ret->runs);
		ret->figures[f].sd = slo_stats_sd(values, ret->runs);
		ret->figures[f].cv_pct = slo_stats_cv_pct(values, ret->runs);
	}
	judge_variance(limits, ret);
	return 0;
}

/* --- baseline provenance ---------------------------------------------------------------------------------------- */

static bool is_same_source(const struct slo_provenance *p)
{
	if (!p->has_manifest)
		return false;
	if (*p->candidate_commit && *p->source_commit)
		return strcmp(p->candidate_commit, p->source_commit) == 0;
	return *p->candidate_ref && strcmp(p->candidate_ref, p->source_ref) == 0;
}

void slo_provenance_judge(const struct slo_provenance *p, struct slo_provenance_result *ret)
{
	*ret = (struct slo_provenance_result){ .same_source = is_same_source(p) };
	if (!p->has_manifest && p->required) {
		ret->verdict = SLO_GATE_FAIL;
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "the baseline's manifest is required and there is none");
	} else if (ret->same_source) {
		(void)snprintf(ret->reason, sizeof(ret->reason),
		               "the baseline was made from the candidate's own source (%.100s)",
		               *p->source_commit ? p->source_commit : p->source_ref);
	}
}
