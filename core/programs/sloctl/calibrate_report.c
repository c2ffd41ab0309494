/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/calibrate_report.h"

#include <inttypes.h>
#include <math.h>

#include "core/base/jsonw.h"
#include "core/engine/attribute_fit.h"

static bool is_too_small(const struct slo_calibrate_report *r)
{
	return r->incidents < slo_fit_conformal_needs(r->result->conformal_alpha);
}

void slo_calibrate_report_text(const struct slo_calibrate_report *r, FILE *out, const char *mark)
{
	const struct slo_calibrate_figures *b = &r->before, *a = &r->after;

	(void)fprintf(out,
	              "%s%" PRIu64 " labelled incidents, %" PRIu64 " folds; parameters %s -> %s\n",
	              mark, r->incidents, r->folds, r->base->name, r->result->name);
	if (r->beyond > 0)
		(void)fprintf(out, "%s%" PRIu64 " more were not used (at most %d)\n", mark,
		              r->beyond, SLO_CALIBRATE_MAX);
	(void)fprintf(out, "%s%-28s %8s %8s\n", mark, "", "BEFORE", "AFTER");
	(void)fprintf(out, "%s%-28s %8.3f %8.3f\n", mark, "exact set of faults", b->exact,
	              a->exact);
	(void)fprintf(out, "%s%-28s %8.3f %8.3f\n", mark, "micro-F1 of the sets", b->micro_f1,
	              a->micro_f1);
	(void)fprintf(out, "%s%-28s %8.4f %8.4f\n", mark, "Brier score per fault", b->brier,
	              a->brier);
	(void)fprintf(out, "%s%-28s %8.3f %8.3f\n", mark, "-ln P(true set)", b->loss, a->loss);
	(void)fprintf(out, "%s%-28s %8.3f %8.3f\n", mark, "temperature", r->base->temperature,
	              r->result->temperature);
	(void)fprintf(
		out,
		"%sconformal set at %g %%: quantile %.4f, held all true domains in %.1f %%, %.2f domains on average\n",
		mark, 100 * (1 - r->result->conformal_alpha), r->result->conformal_quantile,
		100 * r->covered, r->set_size);
	if (is_too_small(r))
		(void)fprintf(
			out,
			"%stoo few incidents for that set: %zu are needed, so it holds every domain\n",
			mark, slo_fit_conformal_needs(r->result->conformal_alpha));
}

static void json_figures(struct slo_jsonw *w, const char *key,
                         const struct slo_calibrate_figures *v, double temperature)
{
	const struct {
		const char *key;
		double value;
	} row[] = { { "exact_set", v->exact },
		    { "micro_f1", v->micro_f1 },
		    { "brier_per_fault", v->brier },
		    { "negative_log_likelihood", v->loss },
		    { "temperature", temperature } };

	slo_jsonw_key(w, key);
	slo_jsonw_object_begin(w);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(row); i++) {
		if (!isfinite(row[i].value))
			continue;
		slo_jsonw_member_double(w, row[i].key, row[i].value);
	}
	slo_jsonw_object_end(w);
}

void slo_calibrate_report_json(const struct slo_calibrate_report *r, FILE *out)
{
	char buf[2048];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_u64(&w, "incidents", r->incidents);
	slo_jsonw_member_u64(&w, "incidents_beyond_limit", r->beyond);
	slo_jsonw_member_u64(&w, "folds", r->folds);
	slo_jsonw_member_str(&w, "base", r->base->name);
	slo_jsonw_member_str(&w, "name", r->result->name);
	json_figures(&w, "before", &r->before, r->base->temperature);
	json_figures(&w, "after", &r->after, r->result->temperature);
	slo_jsonw_key(&w, "conformal");
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_double(&w, "alpha", r->result->conformal_alpha);
	slo_jsonw_member_double(&w, "quantile", r->result->conformal_quantile);
	slo_jsonw_member_double(&w, "coverage", r->covered);
	slo_jsonw_member_double(&w, "mean_domains", r->set_size);
	slo_jsonw_member_bool(&w, "too_few_incidents", is_too_small(r));
	slo_jsonw_object_end(&w);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) >= 0)
		(void)fprintf(out, "%s\n", buf);
	else
		assert(false); /* names are bounded */
}
