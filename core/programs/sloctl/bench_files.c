/* SPDX-License-Identifier: Apache-2.0 */
/* The machine-readable files of a bundle. A figure that was not measured is absent, never zero. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/programs/sloctl/bench.h"

/* --- JSON ---------------------------------------------------------------------------------------------------- */

static void text(struct slo_jsonw *w, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	slo_jsonw_member_str(w, key, value);
}

/* Absent where it is NAN. */
static void number(struct slo_jsonw *w, const char *key, double value)
{
	if (isnan(value))
		return;
	slo_jsonw_member_double(w, key, value);
}

static void begin(struct slo_jsonw *w, const char *key)
{
	slo_jsonw_key(w, key);
	slo_jsonw_object_begin(w);
}

static void json_average(struct slo_jsonw *w, const char *key, const struct slo_eval_average *a)
{
	begin(w, key);
	number(w, "precision", a->precision);
	number(w, "recall", a->recall);
	number(w, "f1", a->f1);
	slo_jsonw_member_u64(w, "faults", a->faults);
	slo_jsonw_object_end(w);
}

static void json_faults(struct slo_jsonw *w, const struct slo_eval_sets *s)
{
	begin(w, "per_fault");
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const struct slo_eval_counts *c = &s->fault[f];

		begin(w, slo_domain_name((enum slo_domain)f));
		slo_jsonw_member_u64(w, "tp", c->tp);
		slo_jsonw_member_u64(w, "fp", c->fp);
		slo_jsonw_member_u64(w, "fn", c->fn);
		slo_jsonw_member_u64(w, "tn", c->tn);
		number(w, "precision", slo_eval_precision(c));
		number(w, "recall", slo_eval_recall(c));
		number(w, "f1", slo_eval_f1(c));
		slo_jsonw_object_end(w);
	}
	slo_jsonw_object_end(w);
}

static void json_exact(struct slo_jsonw *w, const char *key, const struct slo_eval_exact *e)
{
	begin(w, key);
	slo_jsonw_member_u64(w, "cases", e->cases);
	slo_jsonw_member_u64(w, "exact", e->exact);
	number(w, "share", slo_eval_ratio(e->exact, e->cases));
	slo_jsonw_object_end(w);
}

static void json_view(struct slo_jsonw *w, const char *key, const struct slo_eval_sets *s)
{
	const struct slo_eval_exact all = { s->cases, s->exact };
	struct slo_eval_average a;

	begin(w, key);
	slo_jsonw_member_u64(w, "cases", s->cases);
	slo_eval_micro(s, &a);
	json_average(w, "micro", &a);
	slo_eval_macro(s, &a);
	json_average(w, "macro", &a);
	json_exact(w, "exact_set", &all);
	json_exact(w, "exact_set_no_fault", &s->none);
	json_exact(w, "exact_set_single", &s->single);
	json_exact(w, "exact_set_multi", &s->multi);
	json_faults(w, s);
	slo_jsonw_object_end(w);
}

static void json_calibration(struct slo_jsonw *w, const char *key, const struct slo_calibration *c)
{
	begin(w, key);
	slo_jsonw_member_u64(w, "forecasts", c->n);
	slo_jsonw_member_u64(w, "bins", c->bins);
	number(w, "ece", c->ece);
	number(w, "ece_low", c->ece_low);
	number(w, "ece_high", c->ece_high);
	number(w, "brier", c->brier);
	number(w, "reliability", c->reliability);
	number(w, "resolution", c->resolution);
	number(w, "uncertainty", c->uncertainty);
	number(w, "within_bin", c->within_bin);
	slo_jsonw_object_end(w);
}

static void json_method(struct slo_jsonw *w, const struct bench_method *m)
{
	static const char *const views[] = {
		[SLO_EVAL_FORCED] = "most_probable_set",
		[SLO_EVAL_ASSERTED] = "asserted",
		[SLO_EVAL_SELECTIVE] = "verdicts_given",
	};

	SLO_TABLE_COMPLETE(views, SLO_EVAL_VIEW_MAX_);
	slo_jsonw_object_begin(w);
	text(w, "name", m->name);
	text(w, "help", m->help);
	number(w, "single_macro_f1", m->single_macro_f1);
	number(w, "partial_accuracy", m->partial);
	number(w, "coverage_accuracy_at_0.10", m->coverage);
	number(w, "selective_accuracy", m->selective_right);
	number(w, "abstain_rate", m->abstain);
	number(w, "false_attribution_rate", m->accused);
	for (unsigned int v = 0; v < SLO_EVAL_VIEW_MAX_; v++)
		json_view(w, views[v], &m->sets[v]);
	if (m->probabilistic) {
		json_calibration(w, "likeliest_domain", &m->top);
		json_calibration(w, "fault_marginals", &m->faults);
		begin(w, "risk_coverage");
		number(w, "aurc", m->risk.aurc);
		number(w, "aurc_best", m->risk.best);
		number(w, "error_rate", m->risk.error_rate);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_object_end(w);
}

static void json_abstentions(struct slo_jsonw *w, const struct bench *b)
{
	begin(w, "abstentions");
	for (unsigned int i = SLO_ABSTAIN_NONE + 1; i < SLO_ABSTAIN_MAX_; i++)
		slo_jsonw_member_u64(w, slo_abstain_name((enum slo_abstain)i), b->abstained[i]);
	slo_jsonw_object_end(w);
}

/* What was read, and how; the head of every JSON file. */
static void json_head(struct slo_jsonw *w, const struct bench *b)
{
	text(w, "scenario", b->scenario);
	text(w, "mode", slo_attribution_mode_name(b->mode));
	text(w, "model", b->model);
	slo_jsonw_member_u64(w, "samples", b->samples);
	slo_jsonw_member_u64(w, "labelled", b->labelled);
	slo_jsonw_member_u64(w, "without_signals", b->without_signals);
	slo_jsonw_member_u64(w, "rejected_lines", b->rejected);
	slo_jsonw_member_u64(w, "dropped_samples", b->dropped);
	slo_jsonw_member_u64(w, "synthetic_samples", b->synthetic);
	slo_jsonw_member_bool(w, "synthetic", b->synthetic > 0);
	text(w, "not_measured", bench_unmeasured(b));
}

void bench_json_metrics(struct slo_jsonw *w, const struct bench *b)
{
	slo_jsonw_object_begin(w);
	json_head(w, b);
	if (b->predicts)
		json_abstentions(w, b);
	if (b->methods) {
		slo_jsonw_member_u64(w, "seed", b->seed);
		slo_jsonw_member_u64(w, "folds", SLO_EVAL_FOLDS);
		slo_jsonw_key(w, "methods");
		slo_jsonw_array_begin(w);
		for (unsigned int i = 0; i < b->methods; i++)
			json_method(w, &b->method[i]);
		slo_jsonw_array_end(w);
	}
	slo_jsonw_object_end(w);
}

void bench_json_summary(struct slo_jsonw *w, const struct bench *b)
{
	struct bench_figure figures[BENCH_FIGURES_MAX];
	unsigned int used = bench_figures(b, figures);

	slo_jsonw_object_begin(w);
	json_head(w, b);
	if (used) {
		begin(w, "figures");
		for (unsigned int i = 0; i < used; i++)
			number(w, figures[i].id, figures[i].value);
		slo_jsonw_object_end(w);
		begin(w, "targets_met");
		for (unsigned int i = 0; i < used; i++) {
			if (!isnan(figures[i].value) && !isnan(figures[i].target))
				slo_jsonw_member_bool(w, figures[i].id, bench_met(&figures[i]));
		}
		slo_jsonw_object_end(w);
	}
	slo_jsonw_object_end(w);
}

void bench_json_provenance(struct slo_jsonw *w, const struct bench *b)
{
	slo_jsonw_object_begin(w);
	text(w, "program", "sloctl benchgen");
	text(w, "version", SLO_VERSION);
	text(w, "commit", b->commit);
	text(w, "generated_at", b->generated_at);
	text(w, "kernel_release", b->kernel);
	text(w, "machine", b->machine);
	text(w, "input", b->input);
	text(w, "input_sha256", b->input_hash);
	text(w, "mode", slo_attribution_mode_name(b->mode));
	text(w, "model", b->model);
	text(w, "model_sha256", b->model_hash);
	text(w, "scenario", b->scenario);
	slo_jsonw_member_u64(w, "seed", b->seed);
	slo_jsonw_member_bool(w, "synthetic", b->synthetic > 0);
	slo_jsonw_object_end(w);
}

/* --- CSV ----------------------------------------------------------------------------------------------------- */

static const char *verdict_name(unsigned int column)
{
	return column == SLO_EVAL_ABSTAIN ? "abstained" : slo_domain_name((enum slo_domain)column);
}

/* The numbers 0 to @n - 1 in the order of their names. */
static void sort_names(unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		unsigned int at = i;

		while (at > 0 && strcmp(verdict_name(order[at - 1]), verdict_name(i)) > 0) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

void bench_csv_confusion(FILE *out, const struct bench *b)
{
	unsigned int actual[SLO_DOMAIN_MAX_], predicted[SLO_DOMAIN_MAX_ + 1];

	sort_names(actual, SLO_DOMAIN_MAX_);
	sort_names(predicted, SLO_DOMAIN_MAX_ + 1);
	(void)fputs("actual,predicted,count\n", out);
	for (unsigned int r = 0; r < SLO_DOMAIN_MAX_; r++) {
		for (unsigned int c = 0; c <= SLO_DOMAIN_MAX_; c++) {
			uint64_t n = b->primary.cell[actual[r]][predicted[c]];

			if (n)
				(void)fprintf(out, "%s,%s,%" PRIu64 "\n", verdict_name(actual[r]),
				              verdict_name(predicted[c]), n);
		}
	}
}

static void csv_bins(FILE *out, const char *of, const struct slo_calibration *c)
{
	for (unsigned int i = 0; i < c->bins; i++) {
		const struct slo_calibration_bin *bin = &c->bin[i];

		(void)fprintf(out, "%s,%u,%" PRIu64 ",%.12g,%.12g,%.12g,%.12g,%.12g,%.12g\n", of,
		              i + 1, bin->n, bin->low, bin->high, bin->mean, bin->rate,
		              bin->rate_low, bin->rate_high);
	}
}

void bench_csv_calibration(FILE *out, const struct bench *b)
{
	(void)fputs("of,bin,count,low,high,mean_stated,share_true,share_low,share_high\n", out);
	if (!b->methods || !b->method[0].probabilistic)
		return;
	csv_bins(out, "likeliest_domain", &b->method[0].top);
	csv_bins(out, "fault_marginals", &b->method[0].faults);
}

void bench_csv_risk(FILE *out, const struct bench *b)
{
	(void)fputs("threshold,coverage,risk\n", out);
	for (size_t i = 0; b->risk && i < b->method[0].risk.points; i++)
		(void)fprintf(out, "%.12g,%.12g,%.12g\n", b->risk[i].threshold, b->risk[i].coverage,
		              b->risk[i].risk);
}
