/* SPDX-License-Identifier: Apache-2.0 */
/* The figures on top of every page as rows: JSON, text, Markdown and HTML print the same ones. */
#include <math.h>
#include <string.h>

#include "core/programs/sloctl/bench.h"

/* Where in the first method a figure lies. Targets are of the project's evaluation rules. */
struct row {
	const char *id;
	const char *label;
	const char *help;
	size_t offset;
	size_t low, high; /* 0: no interval */
	double target;
	bool at_most;
	bool probabilistic; /* only of predictors that state probabilities */
};

#define AT(field) offsetof(struct bench_method, field)

/* clang-format off */
static const struct row rows[] = {
	{ .id = "micro_f1", .label = "Micro F1", .offset = AT(micro.f1), .target = NAN,
	  .help = "all faults of all samples, most probable set" },
	{ .id = "macro_f1", .label = "Macro F1", .offset = AT(macro.f1), .target = NAN,
	  .help = "mean over the faults that were there or were asserted" },
	{ .id = "single_macro_f1", .label = "Macro F1, single faults", .offset = AT(single_macro_f1), .target = 0.85,
	  .help = "samples with exactly one fault" },
	{ .id = "partial_accuracy", .label = "Top domain right", .offset = AT(partial), .target = NAN,
	  .help = "the domain named is among the true ones" },
	{ .id = "coverage_accuracy", .label = "Coverage at 0.10", .offset = AT(coverage), .target = NAN,
	  .help = "share of the true domains with posterior 0.10 or more, or on top" },
	{ .id = "selective_accuracy", .label = "Right when it speaks", .offset = AT(selective_right), .target = NAN,
	  .help = "the domain named is true, abstentions left out" },
	{ .id = "abstain_rate", .label = "Abstained on faults", .offset = AT(abstain), .target = 0.15, .at_most = true,
	  .help = "faulty samples without a verdict" },
	{ .id = "false_attribution_rate", .label = "Falsely accused", .offset = AT(accused), .target = 0.05, .at_most = true,
	  .help = "fault-free samples with a fault asserted" },
	{ .id = "ece", .label = "Calibration error", .offset = AT(top.ece), .low = AT(top.ece_low), .high = AT(top.ece_high),
	  .target = 0.10, .at_most = true, .probabilistic = true,
	  .help = "ECE of the likeliest domain, 95 % bootstrap" },
	{ .id = "brier", .label = "Brier per fault", .offset = AT(faults.brier), .target = NAN, .probabilistic = true,
	  .help = "mean squared error of all marginals; less is better" },
	{ .id = "aurc", .label = "AURC", .offset = AT(risk.aurc), .target = NAN, .probabilistic = true,
	  .help = "area under the risk-coverage curve; less is better" },
};
/* clang-format on */

static double field(const struct bench_method *m, size_t offset)
{
	double v;

	memcpy(&v, (const char *)m + offset, sizeof(v));
	return v;
}

static double share(const struct slo_eval_exact *e)
{
	return slo_eval_ratio(e->exact, e->cases);
}

/* Exact sets are ratios of counts, which no offset can say. */
static unsigned int exact_sets(const struct bench_method *m, struct bench_figure *ret)
{
	const struct slo_eval_sets *s = &m->sets[SLO_EVAL_FORCED];

	ret[0] = (struct bench_figure){ .id = "exact_set",
		                        .label = "Exact fault set",
		                        .help = "most probable set equals the true one",
		                        .value = slo_eval_ratio(s->exact, s->cases),
		                        .low = NAN,
		                        .high = NAN,
		                        .target = NAN };
	ret[1] = (struct bench_figure){ .id = "exact_set_multi",
		                        .label = "Exact set, several faults",
		                        .help = "samples with two or more faults",
		                        .value = share(&s->multi),
		                        .low = NAN,
		                        .high = NAN,
		                        .target = 0.7 };
	return 2;
}

unsigned int bench_figures(const struct bench *b, struct bench_figure ret[BENCH_FIGURES_MAX])
{
	const struct bench_method *m = &b->method[0];
	unsigned int used = 0;

	static_assert(SLO_ARRAY_SIZE(rows) + 2 <= BENCH_FIGURES_MAX, "room for every figure");
	if (b->methods == 0)
		return 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		bool measured = m->probabilistic || !row->probabilistic;

		ret[used++] = (struct bench_figure){
			.id = row->id,
			.label = row->label,
			.help = row->help,
			.value = measured ? field(m, row->offset) : NAN,
			.low = measured && row->low ? field(m, row->low) : NAN,
			.high = measured && row->high ? field(m, row->high) : NAN,
			.target = row->target,
			.at_most = row->at_most,
		};
		if (row->offset == AT(single_macro_f1))
			used += exact_sets(m, ret + used);
	}
	return used;
}

const char *bench_number(double v, char buf[BENCH_NUMBER_LEN])
{
	if (isnan(v))
		return "-";
	(void)snprintf(buf, BENCH_NUMBER_LEN, "%.3f", v);
	return buf;
}

const char *bench_set_text(uint32_t set, char *buf, size_t size)
{
	size_t len = 0;

	if ((set & (SLO_FAULT_SETS - 1)) == 0)
		return "unknown";
	for (unsigned int f = 0; f < SLO_FAULT_MAX && len < size; f++) {
		if (set & SLO_DOMAIN_BIT(f))
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? " + " : "",
			                        slo_domain_name((enum slo_domain)f));
	}
	return buf;
}

const char *bench_unmeasured(const struct bench *b)
{
	if (!b->predicts)
		return "the rule mode translates the operator's label; it predicts nothing, so nothing "
		       "is compared with the label";
	if (b->samples == 0)
		return "the input holds no sample";
	if (b->labelled == 0)
		return "no sample carries a label to compare with";
	return NULL;
}

bool bench_met(const struct bench_figure *f)
{
	return f->at_most ? f->value <= f->target : f->value >= f->target;
}
