/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/programs/sloctl/m5.h"

static void key_doubles(struct slo_jsonw *w, const char *key, const double *values, size_t n)
{
	slo_jsonw_key(w, key);
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < n; i++)
		slo_jsonw_double(w, values[i]);
	slo_jsonw_array_end(w);
}

/* What went wrong, or what is to be remarked on a pass; and the verdict by name where an older reader does not mind. */
static void outcome(struct slo_jsonw *w, const struct slo_m5_report *r, enum slo_gate_verdict v,
                    const char *reason)
{
	if (r->gate != SLO_M5_REFERENCE)
		slo_jsonw_member_str(w, "verdict", slo_gate_verdict_name(v));
	if (*reason)
		slo_jsonw_member_str(w, v == SLO_GATE_PASS ? "note" : "failure_reason", reason);
}

static void baseline(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	slo_jsonw_key(w, "baseline");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_bool(w, "pass", r->baseline.verdict == SLO_GATE_PASS);
	slo_jsonw_member_bool(w, "manifest_required", r->provenance.required);
	if (r->manifest_path)
		slo_jsonw_member_str(w, "manifest_path", r->manifest_path);
	slo_jsonw_member_str(w, "candidate_ref", r->provenance.candidate_ref);
	slo_jsonw_member_str(w, "candidate_commit", r->provenance.candidate_commit);
	if (r->provenance.has_manifest) {
		slo_jsonw_member_str(w, "source_ref", r->manifest.source_ref);
		slo_jsonw_member_str(w, "source_commit", r->manifest.source_commit);
	}
	slo_jsonw_member_bool(w, "same_source", r->baseline.same_source);
	outcome(w, r, r->baseline.verdict, r->baseline.reason);
	slo_jsonw_object_end(w);
}

static void overhead(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	const struct slo_overhead_result *o = &r->overhead;

	slo_jsonw_key(w, "overhead");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_bool(w, "pass", o->verdict == SLO_GATE_PASS);
	slo_jsonw_member_double(w, "threshold_pct", r->limits.overhead_pct);
	slo_jsonw_member_double(w, "max_observed_pct", o->max_pct);
	slo_jsonw_member_double(w, "mean_observed_pct", o->mean_pct);
	slo_jsonw_member_u64(w, "sample_count", o->samples);
	slo_jsonw_member_u64(w, "files_checked", r->input.overhead_files);
	slo_jsonw_key(w, "node_p95_observed");
	slo_jsonw_object_begin(w);
	for (size_t i = 0; i < o->node_count; i++) {
		slo_jsonw_key_escaped(w, o->nodes[i].name);
		slo_jsonw_double(w, o->nodes[i].p95_pct);
	}
	slo_jsonw_object_end(w);
	if (o->worst) {
		slo_jsonw_member_double(w, "max_node_p95_pct", o->worst->p95_pct);
		slo_jsonw_member_str(w, "max_node_p95_node", o->worst->name);
	}
	outcome(w, r, o->verdict, o->reason);
	slo_jsonw_object_end(w);
}

/* The earlier design's names of one figure. */
static const struct {
	const char *values, *mean, *sd, *cv;
} variance_keys[] = {
	[SLO_VARIANCE_TTFT_P95] = { "ttft_p95_values", "mean_ttft_p95", "stddev_ttft_p95",
	                            "variance_pct" },
	[SLO_VARIANCE_TOKENS_P50] = { "tokens_p50_values", "mean_tokens_p50", "stddev_tokens_p50",
	                              "tokens_variance_pct" },
	[SLO_VARIANCE_ERROR_RATE] = { "error_rate_mean_values", "mean_error_rate_mean",
	                              "stddev_error_rate_mean", "error_rate_variance_pct" },
};
SLO_TABLE_COMPLETE(variance_keys, SLO_VARIANCE_MAX_);

static void variance(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	slo_jsonw_key(w, "variance");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_bool(w, "pass", r->variance_verdict == SLO_GATE_PASS);
	slo_jsonw_member_double(w, "threshold_pct", r->limits.variance_pct);
	slo_jsonw_member_u64(w, "min_runs", r->limits.min_runs);
	slo_jsonw_key(w, "scenarios");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < r->scenario_count; i++) {
		const struct slo_variance_result *v = &r->scenarios[i].variance;

		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "scenario", r->scenarios[i].name);
		slo_jsonw_member_u64(w, "run_count", v->runs);
		for (int f = 0; f < SLO_VARIANCE_MAX_; f++) {
			key_doubles(w, variance_keys[f].values, v->figures[f].values, v->runs);
			slo_jsonw_member_double(w, variance_keys[f].mean, v->figures[f].mean);
			slo_jsonw_member_double(w, variance_keys[f].sd, v->figures[f].sd);
			slo_jsonw_member_double(w, variance_keys[f].cv, v->figures[f].cv_pct);
		}
		slo_jsonw_member_bool(w, "pass", v->verdict == SLO_GATE_PASS);
		outcome(w, r, v->verdict, v->reason);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

static void significance_of(struct slo_jsonw *w, const struct slo_m5_report *r, size_t i)
{
	const struct slo_significance_result *s = &r->scenarios[i].significance;
	const double ci[] = { s->ci_low_ms, s->ci_high_ms };

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "scenario", r->scenarios[i].name);
	slo_jsonw_member_u64(w, "candidate_n", s->candidate_n);
	slo_jsonw_member_u64(w, "baseline_n", s->baseline_n);
	slo_jsonw_member_double(w, "candidate_ttft_p95", s->candidate_p95_ms);
	slo_jsonw_member_double(w, "baseline_ttft_p95", s->baseline_p95_ms);
	slo_jsonw_member_double(w, "ttft_regression_pct", s->regression_pct);
	slo_jsonw_member_double(w, "candidate_tokens_p50", s->candidate_tokens_p50);
	slo_jsonw_member_double(w, "baseline_tokens_p50", s->baseline_tokens_p50);
	slo_jsonw_member_double(w, "mann_whitney_p_value", s->p);
	key_doubles(w, "bootstrap_delta_ci95", ci, SLO_ARRAY_SIZE(ci));
	slo_jsonw_member_double(w, "cliffs_delta", s->delta);
	slo_jsonw_member_bool(w, "practical_effect_pass", s->practical);
	slo_jsonw_member_bool(w, "minimum_samples_reached", s->enough);
	slo_jsonw_member_bool(w, "pass", s->verdict == SLO_GATE_PASS);
	outcome(w, r, s->verdict, s->reason);
	slo_jsonw_object_end(w);
}

static void significance(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	slo_jsonw_key(w, "significance");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_bool(w, "pass", r->effect_verdict == SLO_GATE_PASS);
	slo_jsonw_member_double(w, "regression_pct_limit", r->limits.regression_pct);
	slo_jsonw_member_double(w, "alpha", r->limits.alpha);
	slo_jsonw_member_u64(w, "bootstrap_iterations", r->limits.bootstrap);
	slo_jsonw_member_u64(w, "min_samples_per_scenario", r->limits.min_samples);
	slo_jsonw_member_double(w, "min_cliffs_delta_for_failure", r->limits.min_delta);
	slo_jsonw_key(w, "scenarios");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < r->scenario_count; i++)
		significance_of(w, r, i);
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

static double percent(double log_ratio)
{
	return 100 * expm1(log_ratio);
}

/* Percentages say how much slower the candidate is; a bound or a number that there is not is null. */
static void ni_figure(struct slo_jsonw *w, const struct slo_ni_result *n, enum slo_ni_figure f)
{
	const struct slo_ni_outcome *o = &n->figures[f];

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "figure", slo_ni_figure_name(f));
	slo_jsonw_member_double(w, "candidate_ms", o->candidate_ms);
	slo_jsonw_member_double(w, "baseline_ms", o->baseline_ms);
	slo_jsonw_member_double(w, "change_pct", percent(o->log_ratio.estimate));
	slo_jsonw_key(w, "change_pct_lower");
	if (isfinite(o->log_ratio.lower))
		slo_jsonw_double(w, percent(o->log_ratio.lower));
	else
		slo_jsonw_null(w);
	slo_jsonw_member_double(w, "change_pct_upper", percent(o->log_ratio.upper));
	slo_jsonw_member_double(w, "p_value", o->p);
	slo_jsonw_member_double(w, "adjusted_p_value", o->adjusted_p);
	if (o->verdict == SLO_GATE_INCONCLUSIVE)
		slo_jsonw_member_double(w, "deciding_samples_per_side", o->needed_n);
	if (o->needed_runs > 0)
		slo_jsonw_member_double(w, "deciding_runs_per_side", o->needed_runs);
	slo_jsonw_member_bool(w, "pass", o->verdict == SLO_GATE_PASS);
	slo_jsonw_member_str(w, "verdict", slo_gate_verdict_name(o->verdict));
	slo_jsonw_member_str(w, "reason", o->reason);
	slo_jsonw_object_end(w);
}

static void ni_of(struct slo_jsonw *w, const struct slo_m5_report *r, size_t i)
{
	const struct slo_ni_result *n = &r->ni[i];

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "scenario", r->scenarios[i].name);
	slo_jsonw_member_u64(w, "candidate_n", n->candidate_n);
	slo_jsonw_member_u64(w, "baseline_n", n->baseline_n);
	slo_jsonw_member_u64(w, "candidate_runs", n->candidate_runs);
	slo_jsonw_member_u64(w, "baseline_runs", n->baseline_runs);
	slo_jsonw_member_double(w, "candidate_tokens_p50", n->candidate_tokens_p50);
	slo_jsonw_member_double(w, "baseline_tokens_p50", n->baseline_tokens_p50);
	slo_jsonw_member_double(w, "mann_whitney_p_value", n->p_two_sided);
	slo_jsonw_member_bool(w, "mann_whitney_exact", n->exact);
	slo_jsonw_member_double(w, "cliffs_delta", n->delta);
	slo_jsonw_member_double(w, "run_spread_f", n->spread.f);
	slo_jsonw_member_double(w, "run_spread_p_value", n->spread.p);
	slo_jsonw_member_double(w, "bounds_widened_by", n->spread.widening);
	slo_jsonw_key(w, "figures");
	slo_jsonw_array_begin(w);
	for (int f = 0; f < SLO_NI_MAX_; f++)
		ni_figure(w, n, (enum slo_ni_figure)f);
	slo_jsonw_array_end(w);
	slo_jsonw_member_bool(w, "pass", n->verdict == SLO_GATE_PASS);
	slo_jsonw_member_str(w, "verdict", slo_gate_verdict_name(n->verdict));
	slo_jsonw_object_end(w);
}

static void noninferiority(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	slo_jsonw_key(w, "noninferiority");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_bool(w, "pass", r->effect_verdict == SLO_GATE_PASS);
	slo_jsonw_member_str(w, "verdict", slo_gate_verdict_name(r->effect_verdict));
	slo_jsonw_member_double(w, "margin_pct", r->limits.margin_pct);
	slo_jsonw_member_double(w, "alpha", r->limits.alpha);
	slo_jsonw_member_double(w, "power", r->limits.power);
	slo_jsonw_member_u64(w, "bootstrap_iterations", r->limits.bootstrap);
	slo_jsonw_member_u64(w, "seed", r->seed);
	slo_jsonw_key(w, "scenarios");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < r->scenario_count; i++)
		ni_of(w, r, i);
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

static void input(struct slo_jsonw *w, const struct slo_m5_input *in)
{
	slo_jsonw_key(w, "input");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_u64(w, "samples", in->samples);
	slo_jsonw_member_u64(w, "synthetic_samples", in->synthetic);
	slo_jsonw_member_u64(w, "rejected_lines", in->rejected);
	slo_jsonw_member_u64(w, "clock_steps_back", in->backwards);
	slo_jsonw_member_u64(w, "runs_without_samples", in->runs_without_samples);
	slo_jsonw_member_u64(w, "runs_without_overhead", in->runs_without_overhead);
	slo_jsonw_object_end(w);
}

static void failure(struct slo_jsonw *w, const char *what, const char *why)
{
	char text[SLO_GATE_REASON_SIZE + 64];

	(void)snprintf(text, sizeof(text), "%s%s%s", what, *why ? ": " : "", why);
	slo_jsonw_str(w, text);
}

/* As sentences, all gates that did not pass. Absent where all did, as in the earlier design. */
static void failures(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	const bool reference = r->gate == SLO_M5_REFERENCE;

	if (r->verdict == SLO_GATE_PASS)
		return;
	slo_jsonw_key(w, "failures");
	slo_jsonw_array_begin(w);
	if (r->baseline.verdict != SLO_GATE_PASS)
		failure(w, "baseline provenance gate failed", r->baseline.reason);
	if (r->overhead.verdict != SLO_GATE_PASS)
		failure(w, "B5 overhead gate failed", r->overhead.reason);
	if (r->variance_verdict != SLO_GATE_PASS)
		failure(w, "D3 variance gate failed", "");
	if (r->effect_verdict == SLO_GATE_FAIL)
		failure(w,
		        reference ? "E3 significance gate failed" : "non-inferiority gate failed",
		        "");
	if (r->effect_verdict == SLO_GATE_INCONCLUSIVE)
		failure(w,
		        reference ? "E3 significance gate failed"
		                  : "non-inferiority gate undecided",
		        reference ? "too few samples" : "");
	slo_jsonw_array_end(w);
}

static void write_report(struct slo_jsonw *w, const struct slo_m5_report *r)
{
	const struct slo_m5_input *in = &r->input;
	const bool reference = r->gate == SLO_M5_REFERENCE;

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "generated_at", r->generated_at);
	if (!reference)
		slo_jsonw_member_str(w, "gate", "noninferiority");
	slo_jsonw_member_str(w, "candidate_root", r->roots[SLO_M5_CANDIDATE]);
	slo_jsonw_member_str(w, "baseline_root", r->roots[SLO_M5_BASELINE]);
	slo_jsonw_key(w, "scenarios");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < r->scenario_count; i++)
		slo_jsonw_str(w, r->scenarios[i].name);
	slo_jsonw_array_end(w);
	baseline(w, r);
	overhead(w, r);
	variance(w, r);
	if (reference)
		significance(w, r);
	else
		noninferiority(w, r);
	if (!reference || in->synthetic || in->rejected || in->backwards ||
	    in->runs_without_samples || in->runs_without_overhead)
		input(w, in);
	slo_jsonw_member_bool(w, "pass", r->verdict == SLO_GATE_PASS);
	if (!reference)
		slo_jsonw_member_str(w, "verdict", slo_gate_verdict_name(r->verdict));
	failures(w, r);
	slo_jsonw_object_end(w);
}

int slo_m5_print_json(const struct slo_m5_report *report, FILE *out)
{
	char *text slo_cleanup(slo_freep) = NULL;
	struct slo_jsonw w;
	size_t size;

	slo_jsonw_init(&w, NULL, 0);
	write_report(&w, report);
	size = w.len + 1;
	text = malloc(size);
	if (!text)
		return -ENOMEM;
	slo_jsonw_init(&w, text, size);
	write_report(&w, report);
	if (slo_jsonw_finish(&w) < 0)
		return -ENOSPC;
	(void)fprintf(out, "%s\n", text);
	return 0;
}
