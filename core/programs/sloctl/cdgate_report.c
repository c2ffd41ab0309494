/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "core/base/jsonw.h"
#include "core/programs/sloctl/cdgate.h"

#define JSON_MAX ((size_t)32 * 1024)

/* --- report -------------------------------------------------------------------------------------------------- */

static void json_metric(struct slo_jsonw *w, const struct slo_cd_reading *r,
                        enum slo_cd_verdict verdict, double threshold, const char *query)
{
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "verdict", slo_cd_verdict_name(verdict));
	slo_jsonw_member_double(w, "threshold", threshold);
	slo_jsonw_key(w, "value");
	if (r->answer == SLO_CD_VALUE)
		slo_jsonw_double(w, r->value);
	else
		slo_jsonw_null(w);
	/* Of JSON's numbers none is infinite. */
	if (r->answer != SLO_CD_VALUE)
		slo_jsonw_member_str(w, "reason", r->why);
	else if (!isfinite(r->value))
		slo_jsonw_member_str(w, "reason", "the value is infinite");
	slo_jsonw_member_str(w, "query", query);
	slo_jsonw_object_end(w);
}

static void print_json(FILE *out, const struct slo_cdgate_report *r)
{
	static char buf[JSON_MAX];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "verdict", slo_cd_verdict_name(r->result->verdict));
	slo_jsonw_member_bool(&w, "degraded", r->result->degraded);
	slo_jsonw_key(&w, "metrics");
	slo_jsonw_object_begin(&w);
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		slo_jsonw_key(&w, slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		json_metric(&w, &r->readings[i], r->result->metric[i], r->gate->threshold[i],
		            r->queries[i]);
	}
	slo_jsonw_object_end(&w);
	if (*r->explanation)
		slo_jsonw_member_str(&w, "explanation", r->explanation);
	slo_jsonw_object_end(&w);
	/* Three queries of at most SLO_CD_QUERY_MAX fit, and an explanation of a few hundred bytes. */
	assert(!w.overflow);
	(void)slo_jsonw_finish(&w);
	(void)fprintf(out, "%s\n", buf);
}

static void print_text(FILE *out, const struct slo_cdgate_report *r)
{
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		const struct slo_cd_metric_desc *d = slo_cd_metric_desc((enum slo_cd_metric)i);

		(void)fprintf(out, "%-14s%-12s ", slo_cd_verdict_name(r->result->metric[i]),
		              d->name);
		if (r->readings[i].answer == SLO_CD_VALUE)
			(void)fprintf(out, "%g %s, at most %g\n", r->readings[i].value, d->unit,
			              r->gate->threshold[i]);
		else
			(void)fprintf(out, "%s\n", r->readings[i].why);
	}
	(void)fprintf(out, "verdict: %s%s\n", slo_cd_verdict_name(r->result->verdict),
	              r->result->degraded ? ", degraded: nothing was proved" : "");
	if (*r->explanation)
		(void)fprintf(out, "why: %s\n", r->explanation);
}

static void put_xml(FILE *out, const char *text)
{
	for (; *text; text++) {
		const char *as = *text == '<'   ? "&lt;"
		                 : *text == '&' ? "&amp;"
		                 : *text == '"' ? "&quot;"
		                                : NULL;

		if (as)
			(void)fputs(as, out);
		else if ((unsigned char)*text >= ' ')
			(void)fputc(*text, out);
	}
}

/* "1.5 times, at most 2", or why there is no value. */
static void describe(const struct slo_cdgate_report *r, int i, char *buf, size_t size)
{
	if (r->readings[i].answer == SLO_CD_VALUE)
		(void)snprintf(buf, size, "%g %s, at most %g", r->readings[i].value,
		               slo_cd_metric_desc((enum slo_cd_metric)i)->unit,
		               r->gate->threshold[i]);
	else
		(void)snprintf(buf, size, "%s", r->readings[i].why);
}

/* What is over its limit is a failure; what could not be found out an error, or skipped where that may pass. */
static void print_junit(FILE *out, const struct slo_cdgate_report *r)
{
	static const char *const element[] = {
		[SLO_CD_PASS] = NULL,
		[SLO_CD_FAIL] = "failure",
		[SLO_CD_INCONCLUSIVE] = "error",
		[SLO_CD_BROKEN] = "error",
	};
	unsigned int count[SLO_CD_VERDICT_MAX_] = { 0 };
	unsigned int unknown;
	char text[256];

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++)
		count[r->result->metric[i]]++;
	unknown = count[SLO_CD_INCONCLUSIVE] + count[SLO_CD_BROKEN];
	(void)fprintf(
		out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"cdgate\" tests=\"%d\" "
		"failures=\"%u\" errors=\"%u\" skipped=\"%u\">\n",
		SLO_CD_METRIC_MAX_, count[SLO_CD_FAIL], r->result->degraded ? 0 : unknown,
		r->result->degraded ? unknown : 0);
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		const char *what = element[r->result->metric[i]];

		(void)fprintf(out, "  <testcase classname=\"cdgate\" name=\"%s\"",
		              slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		if (!what) {
			(void)fputs("/>\n", out);
			continue;
		}
		if (r->result->degraded)
			what = "skipped";
		describe(r, i, text, sizeof(text));
		(void)fprintf(out, "><%s message=\"", what);
		put_xml(out, text);
		(void)fputs("\">", out);
		put_xml(out, r->queries[i]);
		(void)fprintf(out, "</%s></testcase>\n", what);
	}
	if (*r->explanation) {
		(void)fputs("  <system-out>", out);
		put_xml(out, r->explanation);
		(void)fputs("</system-out>\n", out);
	}
	(void)fputs("</testsuite>\n", out);
}

static void put_cell(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '\\')
			(void)fputc('\\', out);
		if ((unsigned char)*text >= ' ')
			(void)fputc(*text, out);
	}
}

static void print_markdown(FILE *out, const struct slo_cdgate_report *r)
{
	char text[256];

	(void)fprintf(
		out,
		"### Deployment gate: %s%s\n\n| verdict | metric | value |\n| --- | --- | --- |\n",
		slo_cd_verdict_name(r->result->verdict),
		r->result->degraded ? " (degraded: nothing was proved)" : "");
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		describe(r, i, text, sizeof(text));
		(void)fprintf(out, "| %s | `%s` | ", slo_cd_verdict_name(r->result->metric[i]),
		              slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		put_cell(out, text);
		(void)fputs(" |\n", out);
	}
	if (*r->explanation) {
		(void)fputs("\nWhy: ", out);
		put_cell(out, r->explanation);
		(void)fputc('\n', out);
	}
}

void slo_cdgate_print(FILE *out, enum slo_cdgate_output form, const struct slo_cdgate_report *r)
{
	static void (*const print[])(FILE *, const struct slo_cdgate_report *) = {
		[SLO_CDGATE_TEXT] = print_text,
		[SLO_CDGATE_JSON] = print_json,
		[SLO_CDGATE_JUNIT] = print_junit,
		[SLO_CDGATE_MARKDOWN] = print_markdown,
	};

	SLO_TABLE_COMPLETE(print, SLO_CDGATE_OUTPUT_MAX_);
	print[form](out, r);
}
