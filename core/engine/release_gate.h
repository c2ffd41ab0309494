/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gates a release passes: overhead (B5), rerun variance (D3), and whether time to first token got worse, judged by
 * the reference rule (E3) or by non-inferiority.
 */
#ifndef SLO_ENGINE_RELEASE_GATE_H
#define SLO_ENGINE_RELEASE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/engine/stats.h"
#include "core/engine/stats_runs.h"

enum slo_gate_verdict {
	SLO_GATE_PASS,
	SLO_GATE_FAIL,
	SLO_GATE_INCONCLUSIVE, /* too little data to tell */
	SLO_GATE_VERDICT_MAX_,
};

/* "pass", "fail", "inconclusive". */
const char *slo_gate_verdict_name(enum slo_gate_verdict v);
/* A failure outweighs an open question, which outweighs a pass. */
enum slo_gate_verdict slo_gate_worse(enum slo_gate_verdict a, enum slo_gate_verdict b);

#define SLO_GATE_REASON_SIZE 256
#define SLO_GATE_RUNS_MAX 64 /* of one scenario and side */
#define SLO_GATE_BOOTSTRAP_MAX 100000

struct slo_gate_limits {
	double overhead_pct; /* B5: of one core, at most */
	double variance_pct; /* D3: coefficient of variation, at most */
	size_t min_runs; /* D3 */
	double regression_pct; /* E3: of p95 TTFT, above */
	size_t min_samples; /* E3: a side */
	double min_delta; /* E3: |Cliff's delta| that matters (Romano et al. 2006: small) */
	double margin_pct; /* non-inferiority: slower by at most so much is as good; > 0 */
	double alpha; /* of each one-sided bound and test */
	double power; /* for the sample that would decide */
	size_t bootstrap; /* resamples, 1 to SLO_GATE_BOOTSTRAP_MAX */
};

/* 3 %, 10 %, 3 runs, 5 %, 30 samples, 0.147, 10 %, 0.05, 0.8, 1000. */
extern const struct slo_gate_limits slo_gate_limits_default;

/* Samples of one scenario on one side, run after run. Borrowed by the calls that take it. */
struct slo_gate_side {
	const double *ttft_ms; /* [n], >= 0 */
	const double *tokens_per_sec; /* [n] */
	const double *error_rate; /* [n] */
	size_t n;
	size_t run_sizes[SLO_GATE_RUNS_MAX]; /* their sum is n */
	size_t runs;
};

/* Generator seed of one scenario: its figures do not depend on which others are judged, or on their order. */
uint64_t slo_gate_seed(uint64_t seed, const char *scenario);

/* --- B5: overhead ---------------------------------------------------------------------------------------------- */

#define SLO_GATE_NODES_MAX 1024
#define SLO_GATE_NODE_SIZE 256 /* with the NUL; a DNS name has 253 */
#define SLO_GATE_OVERHEAD_MAX ((size_t)1 << 22) /* samples */

struct slo_overhead;

struct slo_overhead_node {
	char name[SLO_GATE_NODE_SIZE];
	double p95_pct;
	size_t samples;
};

struct slo_overhead_result {
	enum slo_gate_verdict verdict;
	double max_pct, mean_pct; /* of all samples; NaN without any */
	size_t samples;
	const struct slo_overhead_node
		*nodes; /* [node_count] by name; borrowed from the collection */
	size_t node_count;
	const struct slo_overhead_node *worst; /* largest p95, the first of equals; NULL: none */
	char reason[SLO_GATE_REASON_SIZE]; /* "" where it passes */
};

int slo_overhead_new(struct slo_overhead **ret);
void slo_overhead_freep(struct slo_overhead **o);
#define slo_overhead_auto slo_cleanup(slo_overhead_freep)

/*
 * One sample: CPU of the collector on @node in percent of one core. 0, -ENAMETOOLONG, -E2BIG (too many nodes or samples)
 * or -ENOMEM.
 */
int slo_overhead_add(struct slo_overhead *o, const char *node, double cpu_pct);

/*
 * Both the largest p95 of a node and the mean of all samples must keep the limit. Ends the collection: nothing is added
 * after.
 */
void slo_overhead_judge(struct slo_overhead *o, const struct slo_gate_limits *limits,
                        struct slo_overhead_result *ret);

/* --- D3: rerun variance ---------------------------------------------------------------------------------------- */

enum slo_variance_figure {
	SLO_VARIANCE_TTFT_P95,
	SLO_VARIANCE_TOKENS_P50,
	SLO_VARIANCE_ERROR_RATE,
	SLO_VARIANCE_MAX_,
};

/* "p95 TTFT", "p50 tokens/s", "mean error rate". */
const char *slo_variance_figure_name(enum slo_variance_figure f);

struct slo_variance_result {
	enum slo_gate_verdict verdict;
	size_t runs; /* that have samples */
	struct {
		double values[SLO_GATE_RUNS_MAX]; /* [runs] */
		double mean, sd, cv_pct; /* NaN where too few runs tell */
	} figures[SLO_VARIANCE_MAX_];
	char reason[SLO_GATE_REASON_SIZE];
};

/* 0 or -ENOMEM. */
int slo_variance_judge(const struct slo_gate_side *candidate, const struct slo_gate_limits *limits,
                       struct slo_variance_result *ret);

/* --- E3: the reference rule ------------------------------------------------------------------------------------ */

struct slo_significance_result {
	enum slo_gate_verdict verdict;
	size_t candidate_n, baseline_n;
	double candidate_p95_ms, baseline_p95_ms; /* linear quantiles */
	double regression_pct;
	double candidate_tokens_p50, baseline_tokens_p50;
	double p; /* Mann-Whitney, two-sided, asymptotic */
	double ci_low_ms, ci_high_ms; /* central 95 % of the bootstrapped p95 difference */
	double delta; /* Cliff's */
	bool practical; /* |delta| matters */
	bool enough; /* samples on both sides */
	char reason[SLO_GATE_REASON_SIZE]; /* of a failure; or a remark to a pass */
};

/*
 * Fails where p95 grew by more than regression_pct, the test and the interval say so too, and the effect is
 * practical; without the last it passes with a remark. 0 or -ENOMEM.
 */
int slo_significance_judge(const struct slo_gate_side *candidate,
                           const struct slo_gate_side *baseline,
                           const struct slo_gate_limits *limits, uint64_t seed,
                           struct slo_significance_result *ret);

/* --- non-inferiority ------------------------------------------------------------------------------------------- */

enum slo_ni_figure {
	/*
	 * Hodges-Lehmann on ln: how much slower the typical request got. Pooled over the runs; where these differ by
	 * more than their samples explain, bounds and p-value are widened (stats_runs.h).
	 */
	SLO_NI_TTFT,
	SLO_NI_TTFT_P95, /* Harrell-Davis p95, two-level bootstrap: the tail */
	SLO_NI_MAX_,
};

/* "ttft", "ttft_p95". */
const char *slo_ni_figure_name(enum slo_ni_figure f);

/*
 * Below it the tail is not judged: no one-sided 95 % bound of p95 has a sample beyond p95 to stand on (.95^59 < .05),
 * and the bootstrap's bounds are too narrow (test/bench/bench_gate_power.c: twice the false alarms at 30 samples).
 */
#define SLO_NI_TAIL_MIN 59

struct slo_ni_result {
	size_t candidate_n, baseline_n;
	size_t candidate_runs, baseline_runs; /* with samples */
	double candidate_tokens_p50, baseline_tokens_p50;
	double delta; /* Cliff's, of TTFT */
	double p_two_sided; /* Mann-Whitney, for information */
	bool exact; /* the rank test's distribution */
	struct slo_stats_spread spread; /* of the runs' ln(TTFT) */
	struct slo_ni_outcome {
		double candidate_ms, baseline_ms; /* Harrell-Davis p50 or p95 */
		struct slo_stats_interval log_ratio; /* ln(candidate / baseline) */
		double p; /* one-sided, of being slower */
		double adjusted_p; /* Benjamini-Hochberg over the scenarios; by slo_ni_decide() */
		double needed_n; /* samples a side that would decide; 0: decided, INFINITY: none */
		double needed_runs; /* runs a side likewise, where runs differ; else 0 */
		enum slo_gate_verdict verdict;
		char reason[SLO_GATE_REASON_SIZE];
	} figures[SLO_NI_MAX_];
	enum slo_gate_verdict verdict; /* the worst figure's */
};

/*
 * Estimates, bounds and p-values of one scenario; verdicts are left to slo_ni_decide(). TTFT below 1 us counts as
 * 1 us. A side without samples leaves NaN. 0 or -ENOMEM.
 */
int slo_ni_measure(const struct slo_gate_side *candidate, const struct slo_gate_side *baseline,
                   const struct slo_gate_limits *limits, uint64_t seed, struct slo_ni_result *ret);

/*
 * Verdicts of all @count scenarios, per figure. Pass: the upper bound is at most ln(1 + margin). Fail: the lower bound
 * is above 0, the estimate above the margin (so that with ever more data each true effect ends on one side), and the
 * p-value adjusted over the scenarios at most alpha. Else inconclusive, with the sample that would decide. 0 or
 * -ENOMEM.
 */
int slo_ni_decide(struct slo_ni_result *results, size_t count,
                  const struct slo_gate_limits *limits);

/* --- baseline provenance --------------------------------------------------------------------------------------- */

struct slo_provenance {
	const char *candidate_ref, *candidate_commit; /* "": not given */
	bool required;
	bool has_manifest;
	const char *source_ref, *source_commit; /* of the manifest */
};

struct slo_provenance_result {
	enum slo_gate_verdict verdict;
	bool same_source; /* the baseline was made from the candidate's commit (of its ref where no commit is known) */
	char reason[SLO_GATE_REASON_SIZE]; /* of a failure; or a note */
};

void slo_provenance_judge(const struct slo_provenance *p, struct slo_provenance_result *ret);

#endif
