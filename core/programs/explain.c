/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/explain.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/codec/record_time.h"
#include "core/programs/explain_parts.h"
#include "core/programs/markup.h"

#define BAR_COLUMNS 33 /* odd: zero is the middle one */
#define BAR_NATS 8.0 /* at either end */
/* A kind that is missing is named where the fault alone would raise it this often. */
#define TELLING 0.4
/* Less than this is not worth a line among the exculpating ones. */
#define EXCULPATES_NATS (-0.1)

/* --- what all forms show -------------------------------------------------------------------------------------- */

uint32_t slo_explain_shown(const struct slo_attribution *v)
{
	uint32_t shown = v->asserted | v->set;

	return shown ? shown : SLO_DOMAIN_BIT(slo_incident_focus(v));
}

uint32_t slo_explain_kinds(const struct slo_attr_model *m, const struct slo_attribution *v,
                           unsigned int f)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (v->evidence[i].weight > 0 && m->evidence[i].lambda[f] > 0)
			mask |= SLO_EVID_BIT(i);
	}
	return mask;
}

uint32_t slo_explain_missing(const struct slo_attr_model *m, const struct slo_observation *obs,
                             unsigned int f)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (m->evidence[i].used && !(obs->present & SLO_EVID_BIT(i)) &&
		    m->evidence[i].lambda[f] >= TELLING)
			mask |= SLO_EVID_BIT(i);
	}
	return mask;
}

/* The kind that speaks the most against @f; false where none does. */
static bool against(const struct slo_attribution *v, unsigned int f, unsigned int *ret_kind)
{
	double least = EXCULPATES_NATS;
	bool any = false;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (v->nats[f][i] < least) {
			least = v->nats[f][i];
			*ret_kind = i;
			any = true;
		}
	}
	return any;
}

bool slo_explain_next_against(const struct slo_attribution *v, unsigned int *f,
                              unsigned int *ret_kind)
{
	uint32_t not_here = slo_explain_shown(v) | v->unobservable;

	while (*f < SLO_FAULT_MAX && ((not_here & SLO_DOMAIN_BIT(*f)) || !against(v, *f, ret_kind)))
		(*f)++;
	return *f < SLO_FAULT_MAX;
}

const char *slo_explain_value(const struct slo_observation *obs, unsigned int kind,
                              char buf[SLO_EXPLAIN_VALUE_SIZE])
{
	(void)snprintf(buf, SLO_EXPLAIN_VALUE_SIZE, "%.5g %s", obs->value[kind],
	               slo_evidence_unit_name(slo_evidence_desc(kind).unit));
	return buf;
}

void slo_explain_put_set(FILE *out, uint32_t set)
{
	const char *between = "";

	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (!(set & SLO_DOMAIN_BIT(f)))
			continue;
		(void)fprintf(out, "%s%s", between, slo_domain_name((enum slo_domain)f));
		between = " + ";
	}
	if (!*between)
		(void)fputs("none of the faults", out);
}

void slo_explain_put_verdict(FILE *out, const struct slo_attribution *v)
{
	if (v->asserted)
		slo_explain_put_set(out, v->asserted);
	else
		(void)fprintf(out, "no fault asserted: %s", slo_abstain_name(v->abstain));
}

void slo_explain_put_kinds(FILE *out, uint32_t kinds)
{
	const char *between = "";

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (!(kinds & SLO_EVID_BIT(i)))
			continue;
		(void)fprintf(out, "%s%s", between, slo_evidence_name(i));
		between = ", ";
	}
}

void slo_explain_put_missing(FILE *out, uint32_t missing)
{
	(void)fputs(missing ? "not measured: " : "these parameters have no telling evidence for it",
	            out);
	slo_explain_put_kinds(out, missing);
}

static double log_odds(const struct slo_attribution *v, unsigned int f)
{
	double sum = v->prior_nats[f];

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		sum += v->nats[f][i];
	return sum;
}

/* --- text ------------------------------------------------------------------------------------------------------- */

struct page {
	FILE *out;
	const struct slo_attr_model *m;
	const struct slo_incident *in;
	bool colour;
};

static const char *tint(const struct page *p, double nats)
{
	if (!p->colour)
		return "";
	return nats >= 0 ? "\033[31m" : "\033[32m";
}

static const char *plain(const struct page *p)
{
	return p->colour ? "\033[0m" : "";
}

static int column_of(double nats)
{
	double at = (BAR_COLUMNS - 1) / 2.0 * (1 + nats / BAR_NATS);

	return (int)lround(fmin(fmax(at, 0), BAR_COLUMNS - 1));
}

/* From the running sum before to the one after; '|' is zero. */
static void print_bar(const struct page *p, double from, double to)
{
	int a = column_of(from), b = column_of(to), zero = column_of(0);
	int low = a < b ? a : b, high = a < b ? b : a;
	char bar[BAR_COLUMNS + 1];

	for (int i = 0; i < BAR_COLUMNS; i++) {
		bar[i] = i >= low && i <= high ? '#' : ' ';
		if (i == zero && bar[i] == ' ')
			bar[i] = '|';
	}
	bar[BAR_COLUMNS] = '\0';
	(void)fprintf(p->out, "  %s%s%s", tint(p, to - from), bar, plain(p));
}

static void print_step(const struct page *p, const char *what, const char *value, double nats,
                       double *sum)
{
	(void)fprintf(p->out, "  %-25s %12s %+7.2f", what, value, nats);
	print_bar(p, *sum, *sum + nats);
	(void)fputc('\n', p->out);
	*sum += nats;
}

static void print_waterfall(const struct page *p, unsigned int f)
{
	const struct slo_attribution *v = p->in->verdict;
	unsigned int order[SLO_EVID_MAX_];
	unsigned int count =
		slo_attribution_rank(v, (enum slo_domain)f, slo_explain_kinds(p->m, v, f), order);
	char value[SLO_EXPLAIN_VALUE_SIZE];
	double sum = 0;

	(void)fprintf(p->out, "\n%s: probability %.3f%s%s\n", slo_domain_name((enum slo_domain)f),
	              v->posterior[f], v->asserted & SLO_DOMAIN_BIT(f) ? ", asserted" : "",
	              v->unobservable & SLO_DOMAIN_BIT(f) ? ", unobservable" : "");
	(void)snprintf(value, sizeof(value), "%.2f", p->m->prior[f]);
	print_step(p, "prior", value, v->prior_nats[f], &sum);
	for (unsigned int k = 0; k < count; k++) {
		unsigned int i = order[k];

		print_step(p, slo_evidence_name(i), slo_explain_value(p->in->observation, i, value),
		           v->nats[f][i], &sum);
	}
	(void)fprintf(p->out, "  %-25s %12s %+7.2f  (probability %.3f)\n", "log odds, in nats", "",
	              sum, 1 / (1 + exp(-sum)));
}

static void print_head(const struct page *p)
{
	const struct slo_incident *in = p->in;
	const struct slo_attribution *v = in->verdict;
	char time[SLO_RECORD_TIME_SIZE];

	const char *const words[] = {
		"incident ",
		in->incident_id,
		": ",
		in->service,
		*in->cluster || *in->namespace_ ? " in " : "",
		in->cluster,
		*in->cluster && *in->namespace_ ? "/" : "",
		in->namespace_,
		", ",
		slo_record_time_print(in->timestamp_ns, time),
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(words); i++)
		slo_markup_put_plain(p->out, words[i]);
	(void)fputc('\n', p->out);
	slo_markup_put_plain(p->out, in->sli);
	(void)fprintf(p->out, " burns its error budget %g times too fast (over %lld min)\n",
	              in->burn_rate, (long long)in->window_minutes);
	if (in->synthetic)
		(void)fputs("synthetic: made, not measured\n", p->out);
	(void)fputs("\nverdict:      ", p->out);
	slo_explain_put_verdict(p->out, v);
	(void)fprintf(p->out, "  (model noisy-or, parameters %s)\nbest set:     ", in->model);
	slo_explain_put_set(p->out, v->set);
	(void)fprintf(p->out, "  (probability %.3f)\n%s", v->set_probability,
	              v->ambiguous ? "about as good: " : "second best:  ");
	slo_explain_put_set(p->out, v->second_set);
	(void)fprintf(p->out, "  (probability %.3f)\n", v->second_set_probability);
	if (v->unexplained) {
		(void)fputs("unexplained:  ", p->out);
		slo_explain_put_kinds(p->out, v->unexplained);
		(void)fputc('\n', p->out);
	}
	if (v->has_conformal) {
		(void)fprintf(p->out, "%g %% set:     ", 100 * (1 - p->m->conformal_alpha));
		slo_explain_put_set(p->out, v->conformal);
		(void)fputs(v->conformal & SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN) ? ", or unknown\n"
		                                                              : "\n",
		            p->out);
	}
}

static void print_others(const struct page *p)
{
	const struct slo_attribution *v = p->in->verdict;
	char value[SLO_EXPLAIN_VALUE_SIZE];
	const char *title = "\nspoken against:\n";
	unsigned int i;

	for (unsigned int f = 0; slo_explain_next_against(v, &f, &i); f++) {
		(void)fprintf(p->out, "%s  %-18s %.3f  %s %s: %+.2f\n", title,
		              slo_domain_name((enum slo_domain)f), v->posterior[f],
		              slo_evidence_name(i), slo_explain_value(p->in->observation, i, value),
		              v->nats[f][i]);
		title = "";
	}
}

static void print_unobservable(const struct page *p)
{
	const struct slo_attribution *v = p->in->verdict;

	if (!v->unobservable)
		return;
	(void)fprintf(p->out, "\nunobservable, neither asserted nor excluded (below %.2g nats):\n",
	              p->m->observable_nats);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (!(v->unobservable & SLO_DOMAIN_BIT(f)))
			continue;
		(void)fprintf(p->out, "  %-18s %4.2f  ", slo_domain_name((enum slo_domain)f),
		              v->observability[f]);
		slo_explain_put_missing(p->out, slo_explain_missing(p->m, p->in->observation, f));
		(void)fputc('\n', p->out);
	}
}

static void print_next(const struct page *p)
{
	const struct slo_attribution *v = p->in->verdict;
	uint32_t domains = slo_incident_suspects(v);

	(void)fputs("\nnext:\n", p->out);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		const struct slo_domain_desc *desc = slo_domain_desc((enum slo_domain)d);

		if (!(domains & SLO_DOMAIN_BIT(d)))
			continue;
		for (unsigned int i = 0; i < SLO_DOMAIN_STEPS_MAX && desc->steps[i]; i++)
			(void)fprintf(p->out, "  %s: %s\n", desc->name, desc->steps[i]);
	}
}

void slo_explain_text(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in,
                      bool colour)
{
	const struct page p = { .out = out, .m = m, .in = in, .colour = colour };
	uint32_t shown = slo_explain_shown(in->verdict);

	print_head(&p);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (shown & SLO_DOMAIN_BIT(f))
			print_waterfall(&p, f);
	}
	print_others(&p);
	print_unobservable(&p);
	print_next(&p);
}

/* --- JSON ------------------------------------------------------------------------------------------------------- */

static void json_kinds(struct slo_jsonw *w, const char *key, uint32_t kinds)
{
	slo_jsonw_key(w, key);
	slo_jsonw_array_begin(w);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (kinds & SLO_EVID_BIT(i))
			slo_jsonw_str(w, slo_evidence_name(i));
	}
	slo_jsonw_array_end(w);
}

static void json_fault(struct slo_jsonw *w, const struct slo_attr_model *m,
                       const struct slo_incident *in, unsigned int f)
{
	const struct slo_attribution *v = in->verdict;
	unsigned int order[SLO_EVID_MAX_];
	unsigned int count =
		slo_attribution_rank(v, (enum slo_domain)f, slo_explain_kinds(m, v, f), order);

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "domain", slo_domain_name((enum slo_domain)f));
	slo_jsonw_member_double(w, "posterior", v->posterior[f]);
	slo_jsonw_member_bool(w, "asserted", v->asserted & SLO_DOMAIN_BIT(f));
	slo_jsonw_member_double(w, "observability_nats", v->observability[f]);
	slo_jsonw_member_bool(w, "unobservable", v->unobservable & SLO_DOMAIN_BIT(f));
	json_kinds(w, "missing", slo_explain_missing(m, in->observation, f));
	slo_jsonw_member_double(w, "prior_nats", v->prior_nats[f]);
	slo_jsonw_key(w, "evidence");
	slo_jsonw_array_begin(w);
	for (unsigned int k = 0; k < count; k++) {
		const struct slo_attr_evidence *e = &v->evidence[order[k]];

		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "signal", slo_evidence_name(order[k]));
		slo_jsonw_member_double(w, "value", in->observation->value[order[k]]);
		slo_jsonw_member_double(w, "z", e->z);
		slo_jsonw_member_double(w, "log_lr", e->log_lr);
		slo_jsonw_member_double(w, "weight", e->weight);
		slo_jsonw_member_double(w, "nats", v->nats[f][order[k]]);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
	slo_jsonw_member_double(w, "log_odds", log_odds(v, f));
	slo_jsonw_object_end(w);
}

int slo_explain_json(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in)
{
	char record[SLO_INCIDENT_JSON_MAX], buf[2 * SLO_INCIDENT_JSON_MAX];
	ssize_t len = slo_incident_json_write(record, sizeof(record), in, false);
	struct slo_jsonw w;

	if (len < 0)
		return (int)len;
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	slo_jsonw_key(&w, "incident");
	slo_jsonw_raw(&w, record, (size_t)len - 1);
	slo_jsonw_key(&w, "faults");
	slo_jsonw_array_begin(&w);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		json_fault(&w, m, in, f);
	slo_jsonw_array_end(&w);
	slo_jsonw_object_end(&w);
	len = slo_jsonw_finish(&w);
	if (len < 0)
		return (int)len;
	(void)fprintf(out, "%s\n", buf);
	return 0;
}
