/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people, on a terminal and as Markdown: both print the same rows. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/plain.h"
#include "core/programs/sloctl/m5.h"

struct row {
	const char *gate;
	const char *scenario; /* "": of all */
	enum slo_gate_verdict verdict;
	char text[SLO_GATE_REASON_SIZE + 64];
};

typedef void row_fn(FILE *out, const struct row *row);

/* --- rows ------------------------------------------------------------------------------------------------------------ */

static void baseline_row(const struct slo_m5_report *r, struct row *row)
{
	row->gate = "baseline";
	row->verdict = r->baseline.verdict;
	if (*r->baseline.reason)
		(void)snprintf(row->text, sizeof(row->text), "%s", r->baseline.reason);
	else if (r->provenance.has_manifest)
		(void)snprintf(row->text, sizeof(row->text), "made from %.100s, commit %.100s",
		               r->manifest.source_ref, r->manifest.source_commit);
	else
		(void)snprintf(row->text, sizeof(row->text),
		               "no manifest: where it comes from is not known");
}

static void overhead_row(const struct slo_m5_report *r, struct row *row)
{
	const struct slo_overhead_result *o = &r->overhead;

	row->gate = "B5 overhead";
	row->verdict = o->verdict;
	if (*o->reason)
		(void)snprintf(row->text, sizeof(row->text), "%s", o->reason);
	else
		(void)snprintf(row->text, sizeof(row->text),
		               "%.100s p95 %.2f %%, mean %.2f %% of one core; limit %g %%",
		               o->worst->name, o->worst->p95_pct, o->mean_pct,
		               r->limits.overhead_pct);
}

static void variance_row(const struct slo_m5_report *r, size_t i, struct row *row)
{
	const struct slo_variance_result *v = &r->scenarios[i].variance;
	size_t at = 0;

	row->gate = "D3 variance";
	row->scenario = r->scenarios[i].name;
	row->verdict = v->verdict;
	if (*v->reason) {
		(void)snprintf(row->text, sizeof(row->text), "%s", v->reason);
		return;
	}
	for (int f = 0; f < SLO_VARIANCE_MAX_; f++)
		at += (size_t)snprintf(row->text + at, sizeof(row->text) - at, "%s %.1f %%%s",
		                       slo_variance_figure_name((enum slo_variance_figure)f),
		                       v->figures[f].cv_pct, f + 1 < SLO_VARIANCE_MAX_ ? ", " : "");
	(void)snprintf(row->text + at, sizeof(row->text) - at, " over %zu runs; limit %g %%",
	               v->runs, r->limits.variance_pct);
}

static void significance_row(const struct slo_m5_report *r, size_t i, struct row *row)
{
	const struct slo_significance_result *s = &r->scenarios[i].significance;

	row->gate = "E3 p95 TTFT";
	row->scenario = r->scenarios[i].name;
	row->verdict = s->verdict;
	if (*s->reason)
		(void)snprintf(row->text, sizeof(row->text), "%s", s->reason);
	else
		(void)snprintf(row->text, sizeof(row->text),
		               "%.1f to %.1f ms, %+.1f %%; p %.2g, delta %.3f; limit %g %%",
		               s->baseline_p95_ms, s->candidate_p95_ms, s->regression_pct, s->p,
		               s->delta, r->limits.regression_pct);
}

static void ni_row(const struct slo_m5_report *r, size_t i, enum slo_ni_figure f, struct row *row)
{
	const struct slo_ni_outcome *o = &r->ni[i].figures[f];

	row->gate = f == SLO_NI_TTFT ? "NI TTFT" : "NI p95 TTFT";
	row->scenario = r->scenarios[i].name;
	row->verdict = o->verdict;
	if (isfinite(o->candidate_ms) && isfinite(o->baseline_ms))
		(void)snprintf(row->text, sizeof(row->text), "%.1f to %.1f ms, %s", o->baseline_ms,
		               o->candidate_ms, o->reason);
	else
		(void)snprintf(row->text, sizeof(row->text), "%s", o->reason);
}

static void each_row(const struct slo_m5_report *r, FILE *out, row_fn *print)
{
	struct row row = { .scenario = "" };

	baseline_row(r, &row);
	print(out, &row);
	overhead_row(r, &row);
	print(out, &row);
	for (size_t i = 0; i < r->scenario_count; i++) {
		variance_row(r, i, &row);
		print(out, &row);
		if (r->gate == SLO_M5_REFERENCE) {
			significance_row(r, i, &row);
			print(out, &row);
			continue;
		}
		for (int f = 0; f < SLO_NI_MAX_; f++) {
			ni_row(r, i, (enum slo_ni_figure)f, &row);
			print(out, &row);
		}
	}
}

/* --- what the input has to say ---------------------------------------------------------------------------------------- */

static void each_remark(const struct slo_m5_report *r, FILE *out, const char *bullet)
{
	const struct {
		uint64_t count;
		const char *what, *text;
	} remarks[] = {
		{ r->input.synthetic, "synthetic samples", "no real service was measured" },
		{ r->input.rejected, "rejected lines", "they count nowhere" },
		{ r->input.backwards, "steps back in time",
		  "a sample is older than the one before it in its file" },
		{ r->input.runs_without_samples, "runs without samples", "they count nowhere" },
		{ r->input.runs_without_overhead, "candidate runs without overhead samples",
		  "B5 cannot pass" },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(remarks); i++) {
		if (remarks[i].count)
			(void)fprintf(out, "%s%s: %" PRIu64 " (%s)\n", bullet, remarks[i].what,
			              remarks[i].count, remarks[i].text);
	}
}

static const char *rule_of(const struct slo_m5_report *r, char *buf, size_t size)
{
	if (r->gate == SLO_M5_REFERENCE)
		return "reference rule (E3)";
	(void)snprintf(buf, size, "non-inferiority, margin %g %%", r->limits.margin_pct);
	return buf;
}

/* Names come from folders and manifests: they must not drive a terminal or break a table. */
static void put_text(FILE *out, const char *text, bool markdown)
{
	while (*text) {
		size_t control = slo_plain_control(text);

		if (markdown && strchr("|<>\\`*[]", *text))
			(void)fputc('\\', out);
		(void)fputc(control ? '?' : *text, out);
		text += control ? control : 1;
	}
}

/* --- terminal --------------------------------------------------------------------------------------------------------- */

static void print_row(FILE *out, const struct row *row)
{
	(void)fprintf(out, "%-12s  %-12s  ", slo_gate_verdict_name(row->verdict), row->gate);
	if (*row->scenario) {
		put_text(out, row->scenario, false);
		(void)fputs(": ", out);
	}
	put_text(out, row->text, false);
	(void)fputc('\n', out);
}

void slo_m5_print_text(const struct slo_m5_report *report, FILE *out)
{
	char rule[64];

	each_row(report, out, print_row);
	each_remark(report, out, "note: ");
	(void)fprintf(out, "release gates: %s (%s; %zu scenario%s, %" PRIu64 " samples)\n",
	              slo_gate_verdict_name(report->verdict), rule_of(report, rule, sizeof(rule)),
	              report->scenario_count, report->scenario_count == 1 ? "" : "s",
	              report->input.samples);
}

/* --- Markdown --------------------------------------------------------------------------------------------------------- */

static void markdown_row(FILE *out, const struct row *row)
{
	static const char *const marks[] = {
		[SLO_GATE_PASS] = "pass",
		[SLO_GATE_FAIL] = "**FAIL**",
		[SLO_GATE_INCONCLUSIVE] = "**inconclusive**",
	};
	SLO_TABLE_COMPLETE(marks, SLO_GATE_VERDICT_MAX_);

	(void)fprintf(out, "| %s | %s | ", marks[row->verdict], row->gate);
	put_text(out, *row->scenario ? row->scenario : "all", true);
	(void)fputs(" | ", out);
	put_text(out, row->text, true);
	(void)fputs(" |\n", out);
}

static void markdown_fact(FILE *out, const char *name, const char *value)
{
	(void)fprintf(out, "- %s: ", name);
	put_text(out, *value ? value : "not given", true);
	(void)fputc('\n', out);
}

static const char *const advice[] = {
	[SLO_GATE_PASS] = "The candidate may be released.",
	[SLO_GATE_FAIL] =
		"Do not release: a gate shows a regression. The rows marked FAIL say which.",
	[SLO_GATE_INCONCLUSIVE] =
		"Not decided: the data neither shows a regression nor rules it out. Measure more, as the rows say, and judge again.",
};
SLO_TABLE_COMPLETE(advice, SLO_GATE_VERDICT_MAX_);

void slo_m5_print_markdown(const struct slo_m5_report *report, FILE *out)
{
	char rule[64];

	(void)fprintf(out, "# Release gates: %s\n\n%s\n\n", slo_gate_verdict_name(report->verdict),
	              advice[report->verdict]);
	markdown_fact(out, "rule", rule_of(report, rule, sizeof(rule)));
	markdown_fact(out, "candidate", report->roots[SLO_M5_CANDIDATE]);
	markdown_fact(out, "candidate ref", report->provenance.candidate_ref);
	markdown_fact(out, "candidate commit", report->provenance.candidate_commit);
	markdown_fact(out, "baseline", report->roots[SLO_M5_BASELINE]);
	if (report->provenance.has_manifest) {
		markdown_fact(out, "baseline ref", report->manifest.source_ref);
		markdown_fact(out, "baseline commit", report->manifest.source_commit);
	}
	(void)fprintf(out, "- samples: %" PRIu64 "\n- generated at: %s\n", report->input.samples,
	              report->generated_at);
	each_remark(report, out, "- note: ");
	(void)fputs("\n| verdict | gate | scenario | figures and reason |\n"
	            "| --- | --- | --- | --- |\n",
	            out);
	each_row(report, out, markdown_row);
	if (report->gate == SLO_M5_NONINFERIORITY) {
		(void)fputs(
			"\nBounds are one-sided at 95 %. TTFT: Hodges-Lehmann on the log ratio, "
			"wider where runs differ by more than their samples explain. p95: "
			"Harrell-Davis, bootstrapped over runs and samples.\n",
			out);
	}
}
