/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark for readers of text: Markdown in the bundle, a short form on the terminal. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/programs/markup.h"
#include "core/programs/sloctl/bench.h"

/* Text of the outside in Markdown: no table, link, HTML or line of its own making. */
static void put(FILE *out, const char *text)
{
	for (size_t n = strlen(text), len; n > 0; text += len, n -= len) {
		if (strchr("|\\`*_[]<>#&~!", *text))
			(void)fputc('\\', out);
		len = slo_markup_put_char(out, text, n);
	}
}

static void cell(FILE *out, double v)
{
	char buf[BENCH_NUMBER_LEN];

	(void)fprintf(out, " %s |", bench_number(v, buf));
}

static void head(FILE *out, const struct bench *b)
{
	(void)fputs("# Attribution benchmark", out);
	if (b->scenario) {
		(void)fputs(": ", out);
		put(out, b->scenario);
	}
	(void)fputs("\n\n", out);
	if (b->synthetic) {
		(void)fprintf(
			out,
			"> **Synthetic input.** %" PRIu64 " of %" PRIu64
			" samples were made, not measured. No figure here says anything about "
			"a real system.\n\n",
			b->synthetic, b->samples);
	}
	(void)fprintf(out, "Mode %s", slo_attribution_mode_name(b->mode));
	if (*b->model) {
		(void)fputs(", parameters ", out);
		put(out, b->model);
	}
	(void)fprintf(out,
	              "; %" PRIu64 " samples, %" PRIu64 " labelled, %" PRIu64
	              " without signals; %" PRIu64 " lines rejected, %" PRIu64
	              " samples dropped.\nPredictors see signals only; labels are joined by id "
	              "afterwards.\n",
	              b->samples, b->labelled, b->without_signals, b->rejected, b->dropped);
}

static void figures(FILE *out, const struct bench *b)
{
	struct bench_figure figure[BENCH_FIGURES_MAX];
	unsigned int used = bench_figures(b, figure);
	char buf[3][BENCH_NUMBER_LEN];

	(void)fputs("\n## Figures\n\n| figure | value | 95 % | target | what |\n"
	            "| --- | ---: | --- | --- | --- |\n",
	            out);
	for (unsigned int i = 0; i < used; i++) {
		const struct bench_figure *f = &figure[i];

		(void)fprintf(out, "| %s | %s | ", f->label, bench_number(f->value, buf[0]));
		if (!isnan(f->low))
			(void)fprintf(out, "%s to %s", bench_number(f->low, buf[1]),
			              bench_number(f->high, buf[2]));
		(void)fputs(" | ", out);
		if (!isnan(f->target)) {
			(void)fprintf(out, "%s %.2f%s", f->at_most ? "at most" : "at least",
			              f->target,
			              isnan(f->value) ? ""
			              : bench_met(f)  ? ", met"
			                              : ", **missed**");
		}
		(void)fprintf(out, " | %s |\n", f->help);
	}
	(void)fputs(
		"\nDetection delay and false alarms per node-day need a live run; no input of this "
		"kind can tell them.\n",
		out);
}

static void faults(FILE *out, const struct bench_method *m)
{
	const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];

	(void)fputs("\n## Faults\n\nA 2x2 table each, over all samples; most probable sets.\n\n"
	            "| fault | TP | FP | FN | TN | precision | recall | F1 |\n"
	            "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
	            out);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const struct slo_eval_counts *c = &s->fault[f];

		(void)fprintf(out, "| %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " |",
		              slo_domain_name((enum slo_domain)f), c->tp, c->fp, c->fn, c->tn);
		cell(out, slo_eval_precision(c));
		cell(out, slo_eval_recall(c));
		cell(out, slo_eval_f1(c));
		(void)fputc('\n', out);
	}
}

static void confusion(FILE *out, const struct slo_eval_confusion *m)
{
	(void)fprintf(out,
	              "\n## Confusion\n\n%" PRIu64 " samples with at most one fault; rows are the "
	              "truth.\n\n| truth |",
	              m->cases);
	for (unsigned int c = 0; c < SLO_DOMAIN_MAX_; c++)
		(void)fprintf(out, " %s |", slo_domain_name((enum slo_domain)c));
	(void)fputs(" abstained |\n| --- |", out);
	for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++)
		(void)fputs(" ---: |", out);
	(void)fputc('\n', out);
	for (unsigned int r = 0; r < SLO_DOMAIN_MAX_; r++) {
		(void)fprintf(out, "| %s |", slo_domain_name((enum slo_domain)r));
		for (unsigned int c = 0; c <= SLO_EVAL_ABSTAIN; c++)
			(void)fprintf(out, " %" PRIu64 " |", m->cell[r][c]);
		(void)fputc('\n', out);
	}
}

static void reliability(FILE *out, const struct bench_method *m)
{
	(void)fputs("\n## Confidence\n\n| stated | came true | 95 % | verdicts |\n"
	            "| ---: | ---: | --- | ---: |\n",
	            out);
	for (unsigned int i = 0; i < m->top.bins; i++) {
		const struct slo_calibration_bin *bin = &m->top.bin[i];

		(void)fprintf(out, "| %.3f | %.3f | %.3f to %.3f | %" PRIu64 " |\n", bin->mean,
		              bin->rate, bin->rate_low, bin->rate_high, bin->n);
	}
	(void)fprintf(out,
	              "\nBrier per fault %.4f = reliability %.4f - resolution %.4f + uncertainty "
	              "%.4f + within bins %.4f.\nArea under the risk-coverage curve %.4f (at best "
	              "%.4f with the same errors, %.4f where confidence says nothing).\n",
	              m->faults.brier, m->faults.reliability, m->faults.resolution,
	              m->faults.uncertainty, m->faults.within_bin, m->risk.aurc, m->risk.best,
	              m->risk.error_rate);
}

static void methods(FILE *out, const struct bench *b)
{
	(void)fprintf(
		out,
		"\n## Against simpler methods\n\nWhat learns does so from the other of %d "
		"folds by id. F1 and exact set: most probable sets.\n\n"
		"| method | micro F1 | macro F1 | exact set | top right | right when it speaks "
		"| abstained | accused | Brier | ECE | AURC | |\n| --- | ---: | ---: | ---: | "
		"---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
		SLO_EVAL_FOLDS);
	for (unsigned int i = 0; i < b->methods; i++) {
		const struct bench_method *m = &b->method[i];
		const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];
		bool p = m->probabilistic;

		(void)fputs("| ", out);
		put(out, m->name);
		(void)fputs(" |", out);
		cell(out, m->micro.f1);
		cell(out, m->macro.f1);
		cell(out, slo_eval_ratio(s->exact, s->cases));
		cell(out, m->partial);
		cell(out, m->selective_right);
		cell(out, m->abstain);
		cell(out, m->accused);
		cell(out, p ? m->faults.brier : NAN);
		cell(out, p ? m->top.ece : NAN);
		cell(out, p ? m->risk.aurc : NAN);
		(void)fprintf(out, " %s |\n", m->help);
	}
}

static void abstentions(FILE *out, const struct bench *b)
{
	(void)fputs("\n## Abstentions\n\n| reason | samples |\n| --- | ---: |\n", out);
	for (unsigned int i = SLO_ABSTAIN_NONE + 1; i < SLO_ABSTAIN_MAX_; i++)
		(void)fprintf(out, "| %s | %" PRIu64 " |\n", slo_abstain_name((enum slo_abstain)i),
		              b->abstained[i]);
}

static void origin(FILE *out, const struct bench *b)
{
	const struct {
		const char *label, *value;
	} rows[] = {
		{ "commit", b->commit },
		{ "generated at", b->generated_at },
		{ "kernel", b->kernel },
		{ "machine", b->machine },
		{ "input", b->input },
		{ "input SHA-256", b->input_hash },
		{ "model SHA-256", b->model_hash },
	};

	(void)fputs("\n## Provenance\n\n| | |\n| --- | --- |\n", out);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		if (!*rows[i].value)
			continue;
		(void)fprintf(out, "| %s | ", rows[i].label);
		put(out, rows[i].value);
		(void)fputs(" |\n", out);
	}
	(void)fprintf(out, "| seed | %" PRIu64 " |\n", b->seed);
}

void bench_report_md(FILE *out, const struct bench *b)
{
	const char *why = bench_unmeasured(b);

	head(out, b);
	if (why)
		(void)fprintf(out, "\n**Not measured:** %s.\n", why);
	if (b->methods) {
		figures(out, b);
		faults(out, &b->method[0]);
		confusion(out, &b->confusion);
		if (b->method[0].probabilistic)
			reliability(out, &b->method[0]);
		methods(out, b);
	}
	if (b->predicts)
		abstentions(out, b);
	origin(out, b);
}

/* --- terminal ------------------------------------------------------------------------------------------------ */

static void text_methods(FILE *out, const struct bench *b)
{
	char buf[6][BENCH_NUMBER_LEN];

	(void)fprintf(out, "\n%-24s %8s %8s %8s %9s %8s %8s\n", "method", "microF1", "macroF1",
	              "exact", "abstained", "accused", "Brier");
	for (unsigned int i = 0; i < b->methods; i++) {
		const struct bench_method *m = &b->method[i];
		const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];

		(void)fprintf(out, "%-24.24s %8s %8s %8s %9s %8s %8s\n", m->name,
		              bench_number(m->micro.f1, buf[0]), bench_number(m->macro.f1, buf[1]),
		              bench_number(slo_eval_ratio(s->exact, s->cases), buf[2]),
		              bench_number(m->abstain, buf[3]), bench_number(m->accused, buf[4]),
		              bench_number(m->probabilistic ? m->faults.brier : NAN, buf[5]));
	}
}

void bench_text(FILE *out, const struct bench *b)
{
	struct bench_figure figure[BENCH_FIGURES_MAX];
	unsigned int used = bench_figures(b, figure);
	const char *why = bench_unmeasured(b);
	char buf[BENCH_NUMBER_LEN];

	if (b->synthetic)
		(void)fprintf(out, "SYNTHETIC INPUT: %" PRIu64 " of %" PRIu64 " samples\n",
		              b->synthetic, b->samples);
	(void)fprintf(out, "%" PRIu64 " samples, %" PRIu64 " labelled, mode %s%s%s\n", b->samples,
	              b->labelled, slo_attribution_mode_name(b->mode), *b->model ? " " : "",
	              b->model);
	if (why)
		(void)fprintf(out, "not measured: %s\n", why);
	for (unsigned int i = 0; i < used; i++) {
		const struct bench_figure *f = &figure[i];

		(void)fprintf(out, "%-26s %7s", f->label, bench_number(f->value, buf));
		if (!isnan(f->low))
			(void)fprintf(out, "  (%.3f to %.3f)", f->low, f->high);
		if (!isnan(f->target) && !isnan(f->value))
			(void)fprintf(out, "  %s %.2f: %s", f->at_most ? "at most" : "at least",
			              f->target, bench_met(f) ? "met" : "missed");
		(void)fputc('\n', out);
	}
	if (b->methods)
		text_methods(out, b);
}
