/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/attribution_report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/jsonw.h"

#define COVERAGE_AT 0.10
#define JSON_MAX 8192

void slo_attribution_report_fini(struct slo_attribution_report *r)
{
	slo_freep(&r->cases);
	r->count = r->size = 0;
}

/* --- adding ----------------------------------------------------------------------------------------------------- */

static struct slo_eval_case *next_case(struct slo_attribution_report *r)
{
	if (r->count == r->size) {
		size_t size = r->size ? 2 * r->size : 1024;
		struct slo_eval_case *cases = realloc(r->cases, size * sizeof(*cases));

		if (!cases)
			return NULL;
		r->cases = cases;
		r->size = size;
	}
	return &r->cases[r->count++];
}

static void count_verdict(struct slo_attribution_report *r, const struct slo_attribution *v)
{
	r->incidents++;
	r->predicted[v->top]++;
	r->abstained[v->abstain]++;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		r->unobservable[f] += (v->unobservable >> f) & 1;
}

int slo_attribution_report_add(struct slo_attribution_report *r, const struct slo_attribution *v,
                               const struct slo_fault_sample *sample,
                               const struct slo_fault_label *label, struct slo_err *err)
{
	uint32_t truth = slo_fault_label_set(label);
	struct slo_eval_case *c;

	count_verdict(r, v);
	r->synthetic += sample->synthetic;
	if (!r->is_predictor || !label->is_labelled)
		return 0;
	r->confusion[label->domain][v->top]++;
	if (r->count == SLO_REPORT_CASES_MAX) {
		r->beyond++;
		return 0;
	}
	c = next_case(r);
	if (!c)
		return slo_err_set(err, -ENOMEM, "out of memory");
	*c = (struct slo_eval_case){ .confidence = v->confidence,
		                     .truth = truth,
		                     .set = v->set,
		                     .top = v->top,
		                     .abstained = v->abstain != SLO_ABSTAIN_NONE,
		                     .probabilistic = true };
	memcpy(c->posterior, v->posterior, sizeof(c->posterior));
	r->asserted += (uint64_t)__builtin_popcount(v->asserted);
	r->asserted_right += (uint64_t)__builtin_popcount(v->asserted & truth);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		double miss = v->posterior[f] - ((truth >> f) & 1);

		r->squares[f] += miss * miss;
	}
	return 0;
}

/* --- figures ---------------------------------------------------------------------------------------------------- */

/* Of the labelled incidents. */
struct figures {
	struct slo_eval_sets sets;
	struct slo_eval_average micro;
	double partial, coverage, brier;
};

static void figures_of(const struct slo_attribution_report *r, struct figures *f)
{
	double sum = 0;

	slo_eval_sets_of(r->cases, r->count, SLO_EVAL_FORCED, &f->sets);
	slo_eval_micro(&f->sets, &f->micro);
	f->partial = slo_eval_partial_accuracy(r->cases, r->count);
	f->coverage = slo_eval_coverage_accuracy(r->cases, r->count, COVERAGE_AT);
	for (unsigned int i = 0; i < SLO_FAULT_MAX; i++)
		sum += r->squares[i];
	f->brier = sum / ((double)r->count * SLO_FAULT_MAX);
}

static void print_share(FILE *out, const char *what, uint64_t part, uint64_t whole)
{
	if (whole > 0)
		(void)fprintf(out, "  %-34s %8.3f  (%" PRIu64 " of %" PRIu64 ")\n", what,
		              slo_eval_ratio(part, whole), part, whole);
	else
		(void)fprintf(out, "  %-34s        -  (none)\n", what);
}

static void print_labelled(const struct slo_attribution_report *r, FILE *out)
{
	struct figures f;

	figures_of(r, &f);
	(void)fprintf(out, "\nlabelled incidents%*zu\n", 26, r->count);
	print_share(out, "top domain in the truth", f.sets.top_right, f.sets.cases);
	(void)fprintf(out, "  %-34s %8.3f\n", "truth covered at 0.10", f.coverage);
	print_share(out, "exact set of faults", f.sets.exact, f.sets.cases);
	print_share(out, "  of incidents with one fault", f.sets.single.exact, f.sets.single.cases);
	print_share(out, "  with several", f.sets.multi.exact, f.sets.multi.cases);
	print_share(out, "  with none", f.sets.none.exact, f.sets.none.cases);
	print_share(out, "faults asserted that were there", r->asserted_right, r->asserted);
	(void)fprintf(out, "  %-34s %8.3f\n", "micro-F1 of the sets", f.micro.f1);
	(void)fprintf(out, "  %-34s %8.4f\n", "Brier score per fault", f.brier);
	(void)fprintf(out, "\n%-20s %8s %6s %6s %8s\n", "FAULT", "RIGHT", "WRONG", "MISSED",
	              "BRIER");
	for (unsigned int i = 0; i < SLO_FAULT_MAX; i++) {
		const struct slo_eval_counts *c = &f.sets.fault[i];

		(void)fprintf(out, "%-20s %8" PRIu64 " %6" PRIu64 " %6" PRIu64 " %8.4f\n",
		              slo_domain_name((enum slo_domain)i), c->tp, c->fp, c->fn,
		              r->squares[i] / (double)r->count);
	}
	if (r->beyond > 0)
		(void)fprintf(out, "%" PRIu64 " more labelled incidents are not in these figures\n",
		              r->beyond);
}

void slo_attribution_report_text(const struct slo_attribution_report *r, FILE *out)
{
	(void)fprintf(out, "model %s%s%s: %" PRIu64 " incidents, %" PRIu64 " lines rejected\n",
	              r->mode, *r->model ? " " : "", r->model, r->incidents, r->rejected);
	if (r->synthetic > 0)
		(void)fprintf(out,
		              "%" PRIu64 " of the incidents are synthetic: made, not measured\n",
		              r->synthetic);
	(void)fprintf(out, "\n%-20s %9s %13s\n", "DOMAIN", "PREDICTED", "UNOBSERVABLE");
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		(void)fprintf(out, "%-20s %9" PRIu64, slo_domain_name((enum slo_domain)d),
		              r->predicted[d]);
		if (d < SLO_FAULT_MAX)
			(void)fprintf(out, " %13" PRIu64 "\n", r->unobservable[d]);
		else
			(void)fprintf(out, " %13s\n", "-");
	}
	for (unsigned int a = SLO_ABSTAIN_NONE + 1; a < SLO_ABSTAIN_MAX_; a++) {
		if (r->abstained[a] > 0)
			(void)fprintf(out, "abstained: %s %" PRIu64 "\n",
			              slo_abstain_name((enum slo_abstain)a), r->abstained[a]);
	}
	if (r->count > 0)
		print_labelled(r, out);
	else if (!r->is_predictor)
		(void)fprintf(out,
		              "\nno accuracy: this mode repeats the label, it predicts nothing\n");
	else
		(void)fprintf(out, "\nno accuracy: no incident is labelled\n");
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static void json_double(struct slo_jsonw *w, const char *key, double v)
{
	if (!isfinite(v))
		return;
	slo_jsonw_member_double(w, key, v);
}

static void json_labelled(struct slo_jsonw *w, const struct slo_attribution_report *r)
{
	struct figures f;

	figures_of(r, &f);
	json_double(w, "partial_accuracy", f.partial);
	json_double(w, "coverage_accuracy", f.coverage);
	json_double(w, "exact_set", slo_eval_ratio(f.sets.exact, f.sets.cases));
	json_double(w, "exact_set_single",
	            slo_eval_ratio(f.sets.single.exact, f.sets.single.cases));
	json_double(w, "exact_set_multi", slo_eval_ratio(f.sets.multi.exact, f.sets.multi.cases));
	json_double(w, "exact_set_none", slo_eval_ratio(f.sets.none.exact, f.sets.none.cases));
	slo_jsonw_member_u64(w, "asserted", r->asserted);
	json_double(w, "asserted_precision", slo_eval_ratio(r->asserted_right, r->asserted));
	json_double(w, "micro_precision", f.micro.precision);
	json_double(w, "micro_recall", f.micro.recall);
	json_double(w, "micro_f1", f.micro.f1);
	json_double(w, "brier_per_fault", f.brier);
	slo_jsonw_key(w, "faults");
	slo_jsonw_object_begin(w);
	for (unsigned int i = 0; i < SLO_FAULT_MAX; i++) {
		const struct slo_eval_counts *c = &f.sets.fault[i];

		slo_jsonw_key(w, slo_domain_name((enum slo_domain)i));
		slo_jsonw_object_begin(w);
		slo_jsonw_member_u64(w, "true_positive", c->tp);
		slo_jsonw_member_u64(w, "false_positive", c->fp);
		slo_jsonw_member_u64(w, "false_negative", c->fn);
		slo_jsonw_member_u64(w, "true_negative", c->tn);
		json_double(w, "brier", r->squares[i] / (double)r->count);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_object_end(w);
}

static void json_domains(struct slo_jsonw *w, const char *key, const uint64_t *counts,
                         unsigned int n)
{
	slo_jsonw_key(w, key);
	slo_jsonw_object_begin(w);
	for (unsigned int d = 0; d < n; d++)
		slo_jsonw_member_u64(w, slo_domain_name((enum slo_domain)d), counts[d]);
	slo_jsonw_object_end(w);
}

void slo_attribution_report_json(const struct slo_attribution_report *r, FILE *out)
{
	char buf[JSON_MAX];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "model", r->mode);
	if (*r->model) {
		slo_jsonw_member_str(&w, "model_parameters", r->model);
	}
	slo_jsonw_member_u64(&w, "incidents", r->incidents);
	slo_jsonw_member_u64(&w, "rejected_lines", r->rejected);
	slo_jsonw_member_u64(&w, "synthetic_incidents", r->synthetic);
	json_domains(&w, "predicted", r->predicted, SLO_DOMAIN_MAX_);
	json_domains(&w, "unobservable", r->unobservable, SLO_FAULT_MAX);
	slo_jsonw_key(&w, "abstained");
	slo_jsonw_object_begin(&w);
	for (unsigned int a = SLO_ABSTAIN_NONE + 1; a < SLO_ABSTAIN_MAX_; a++)
		slo_jsonw_member_u64(&w, slo_abstain_name((enum slo_abstain)a), r->abstained[a]);
	slo_jsonw_object_end(&w);
	slo_jsonw_member_u64(&w, "labelled", r->count);
	slo_jsonw_member_u64(&w, "labelled_beyond_limit", r->beyond);
	if (r->count > 0)
		json_labelled(&w, r);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) >= 0)
		(void)fprintf(out, "%s\n", buf);
	else
		assert(false); /* all keys are ours: the size is known */
}

/* --- confusion -------------------------------------------------------------------------------------------------- */

/* Domains in the order of their names. */
static void by_name(enum slo_domain order[SLO_DOMAIN_MAX_])
{
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		unsigned int at = d;

		for (; at > 0 && strcmp(slo_domain_name(order[at - 1]),
		                        slo_domain_name((enum slo_domain)d)) > 0;
		     at--)
			order[at] = order[at - 1];
		order[at] = (enum slo_domain)d;
	}
}

void slo_attribution_report_confusion(const struct slo_attribution_report *r, FILE *out)
{
	enum slo_domain order[SLO_DOMAIN_MAX_] = { 0 };

	by_name(order);
	(void)fputs("actual,predicted,count\n", out);
	for (unsigned int a = 0; a < SLO_DOMAIN_MAX_; a++) {
		for (unsigned int p = 0; p < SLO_DOMAIN_MAX_; p++) {
			uint64_t n = r->confusion[order[a]][order[p]];

			if (n > 0)
				(void)fprintf(out, "%s,%s,%" PRIu64 "\n", slo_domain_name(order[a]),
				              slo_domain_name(order[p]), n);
		}
	}
}
