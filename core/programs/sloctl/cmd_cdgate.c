/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl cdgate check`: may this deployment go on? Decides over recorded answers of Prometheus. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/jsonw.h"
#include "core/codec/prom_response.h"
#include "core/codec/record_time.h"
#include "core/engine/cd_gate.h"
#include "core/programs/sloctl/commands.h"

#define JSON_MAX ((size_t)16 * 1024)

static const char *const outputs[] = { "text", "json", NULL };

struct args {
	const char *config;
	struct slo_overrides overrides;
	const char *responses;
	const char *service;
	const char *selector;
	const char *at;
	uint64_t max_age_sec;
	bool fail_open;
	bool queries;
	unsigned int json; /* index of --output */
};

#define AT(field) offsetof(struct args, field)
#define CDGATE(key_name) .type = SLO_OPT_CONFIG, .section = "cdgate", .key = key_name

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "responses", .letter = 'r', .arg = "DIR|FILE", .type = SLO_OPT_STRING, .offset = AT(responses),
	  .help = "answers: ttft_p95_ms.json, error_rate.json, burn_rate.json in DIR, or FILE with these as keys" },
	{ .name = "config", .letter = 'c', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(config),
	  .help = "with [cdgate] (" SLO_CONFIG_DEFAULT_PATH ")" },
	{ .name = "ttft-p95-ms", .arg = "MS", CDGATE("ttft_p95_ms"), .help = "fail above it (800)" },
	{ .name = "error-rate", .arg = "RATIO", CDGATE("error_rate"), .help = "fail above it (0.05)" },
	{ .name = "burn-rate", .arg = "TIMES", CDGATE("burn_rate"), .help = "fail above it (2)" },
	{ .name = "service", .arg = "NAME", .type = SLO_OPT_STRING, .offset = AT(service),
	  .help = "narrows all three queries" },
	{ .name = "selector", .arg = "MATCHERS", .type = SLO_OPT_STRING, .offset = AT(selector),
	  .help = "so does this: namespace=\"prod\",pod=~\"a.*\"" },
	{ .name = "at", .arg = "TIME", .type = SLO_OPT_STRING, .offset = AT(at),
	  .help = "now, RFC 3339: values older than --max-age are no data" },
	{ .name = "max-age", .arg = "S", .type = SLO_OPT_UINT, .offset = AT(max_age_sec), .min = 1, .max = 86400,
	  .help = "in seconds (300); needs --at" },
	{ .name = "fail-open", .type = SLO_OPT_BOOL, .offset = AT(fail_open),
	  .help = "no data and backend errors pass, as degraded; a failure never does" },
	{ .name = "queries", .type = SLO_OPT_BOOL, .offset = AT(queries), .help = "print the queries and stop" },
	{ .name = "output", .letter = 'o', .arg = "text|json", .type = SLO_OPT_ENUM, .names = outputs, .offset = AT(json),
	  .help = "form of the report" },
};
/* clang-format on */

static const struct slo_verb verbs[] = {
	{ .name = "check", .help = "decide" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_cdgate_options = {
	.prog = "sloctl cdgate",
	.usage = "check --responses DIR|FILE [options]",
	.about =
		"Decides whether a deployment goes on: TTFT p95, error rate, burn rate. This version reads\n"
		"recorded answers of Prometheus; asking one comes with the live pipeline.\n"
		"Exit: 0 pass, 1 fail, 3 no data, 4 backend error.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 1,
	.verbs = verbs,
};

#define PROG "sloctl cdgate"

/* --- answers ------------------------------------------------------------------------------------------------- */

static void take_body(const json_t *body, struct slo_cd_reading *ret)
{
	struct slo_prom_value v;
	struct slo_err err = { 0 };

	if (slo_prom_response_read(body, &v, &err) < 0) {
		(void)snprintf(ret->why, sizeof(ret->why), "%.159s", err.msg);
		return;
	}
	ret->answer = v.none ? SLO_CD_NO_DATA : SLO_CD_VALUE;
	ret->value = v.value;
	ret->at_ns = v.at_ns;
	(void)snprintf(ret->why, sizeof(ret->why), "%s", v.why);
}

static json_t *load(const char *path, char *why, size_t size)
{
	json_error_t bad;
	FILE *file = fopen(path, "re");
	json_t *v;

	if (!file) {
		(void)snprintf(why, size, "%.100s: %s", path, strerror(errno));
		return NULL;
	}
	v = json_loadf(file, JSON_REJECT_DUPLICATES, &bad);
	(void)fclose(file);
	if (!v)
		(void)snprintf(why, size, "%.60s:%d: %.80s", path, bad.line, bad.text);
	return v;
}

static void read_folder(const char *folder, struct slo_cd_reading *readings)
{
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		char path[1024];
		json_t *body;

		(void)snprintf(path, sizeof(path), "%s/%s.json", folder,
		               slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		body = load(path, readings[i].why, sizeof(readings[i].why));
		if (body)
			take_body(body, &readings[i]);
		json_decref(body);
	}
}

static void read_file(const char *path, struct slo_cd_reading *readings)
{
	char why[sizeof(readings->why)] = "";
	json_t *all = load(path, why, sizeof(why));

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		const char *name = slo_cd_metric_desc((enum slo_cd_metric)i)->name;
		const json_t *body = json_object_get(all, name);

		if (body)
			take_body(body, &readings[i]);
		else if (all)
			(void)snprintf(readings[i].why, sizeof(readings[i].why),
			               "%.60s has no \"%s\"", path, name);
		else
			(void)snprintf(readings[i].why, sizeof(readings[i].why), "%s", why);
	}
	json_decref(all);
}

/* --- report -------------------------------------------------------------------------------------------------- */

static void json_text(struct slo_jsonw *w, const char *key, const char *value)
{
	slo_jsonw_key(w, key);
	slo_jsonw_str(w, value);
}

static void json_metric(struct slo_jsonw *w, const struct slo_cd_reading *r,
                        enum slo_cd_verdict verdict, double threshold, const char *query)
{
	slo_jsonw_object_begin(w);
	json_text(w, "verdict", slo_cd_verdict_name(verdict));
	slo_jsonw_key(w, "threshold");
	slo_jsonw_double(w, threshold);
	slo_jsonw_key(w, "value");
	if (r->answer == SLO_CD_VALUE)
		slo_jsonw_double(w, r->value);
	else
		slo_jsonw_null(w);
	if (r->answer != SLO_CD_VALUE)
		json_text(w, "reason", r->why);
	json_text(w, "query", query);
	slo_jsonw_object_end(w);
}

static void print_json(const struct slo_cd_gate *gate, const struct slo_cd_reading *readings,
                       const struct slo_cd_result *result, char queries[][SLO_CD_QUERY_MAX])
{
	static char buf[JSON_MAX];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	json_text(&w, "verdict", slo_cd_verdict_name(result->verdict));
	slo_jsonw_key(&w, "degraded");
	slo_jsonw_bool(&w, result->degraded);
	slo_jsonw_key(&w, "metrics");
	slo_jsonw_object_begin(&w);
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		slo_jsonw_key(&w, slo_cd_metric_desc((enum slo_cd_metric)i)->name);
		json_metric(&w, &readings[i], result->metric[i], gate->threshold[i], queries[i]);
	}
	slo_jsonw_object_end(&w);
	slo_jsonw_object_end(&w);
	/* Three queries of at most SLO_CD_QUERY_MAX fit. */
	assert(!w.overflow);
	(void)slo_jsonw_finish(&w);
	(void)puts(buf);
}

static void print_text(const struct slo_cd_gate *gate, const struct slo_cd_reading *readings,
                       const struct slo_cd_result *result)
{
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		const struct slo_cd_metric_desc *d = slo_cd_metric_desc((enum slo_cd_metric)i);

		(void)printf("%-14s%-12s ", slo_cd_verdict_name(result->metric[i]), d->name);
		if (readings[i].answer == SLO_CD_VALUE)
			(void)printf("%g %s, at most %g\n", readings[i].value, d->unit,
			             gate->threshold[i]);
		else
			(void)printf("%s\n", readings[i].why);
	}
	(void)printf("verdict: %s%s\n", slo_cd_verdict_name(result->verdict),
	             result->degraded ? ", degraded: nothing was proved" : "");
}

/* --- command ------------------------------------------------------------------------------------------------- */

static int load_gate(const struct args *args, struct slo_cd_gate *ret)
{
	const struct slo_config_sources src = {
		.path = args->config,
		.environment = environ,
		.overrides = args->overrides.item,
		.override_count = args->overrides.count,
	};
	struct slo_config_issues *issues slo_cleanup(slo_freep) = calloc(1, sizeof(*issues));
	struct slo_config *cfg slo_config_auto = NULL;
	struct slo_err err = { 0 };
	int r = issues ? slo_config_load(&cfg, &src, issues, &err)
	               : slo_err_set(&err, -ENOMEM, "out of memory");

	for (size_t i = 0; issues && i < issues->count; i++)
		(void)fprintf(stderr, PROG ": %s\n", issues->item[i].text);
	if (r < 0) {
		if (!issues || !issues->errors)
			(void)fprintf(stderr, PROG ": %s\n", err.msg);
		return SLO_EXIT_USAGE;
	}
	ret->threshold[SLO_CD_TTFT_P95] = cfg->cdgate.ttft_p95_ms;
	ret->threshold[SLO_CD_ERROR_RATE] = cfg->cdgate.error_rate;
	ret->threshold[SLO_CD_BURN_RATE] = cfg->cdgate.burn_rate;
	ret->fail_open = args->fail_open || cfg->cdgate.fail_open;
	ret->max_age_ns = (int64_t)args->max_age_sec * 1000000000;
	return 0;
}

static int make_queries(const struct args *args, char queries[][SLO_CD_QUERY_MAX])
{
	struct slo_err err = { 0 };

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		if (slo_cd_query((enum slo_cd_metric)i, args->service, args->selector, queries[i],
		                 &err) < 0)
			return slo_options_usage_error(PROG, "--service, --selector: %s", err.msg);
		if (args->queries)
			(void)printf("%-12s %s\n", slo_cd_metric_desc((enum slo_cd_metric)i)->name,
			             queries[i]);
	}
	return 0;
}

static int decide(const struct args *args, const struct slo_cd_gate *gate,
                  char queries[][SLO_CD_QUERY_MAX])
{
	static const int exits[] = {
		[SLO_CD_PASS] = SLO_EXIT_OK,
		[SLO_CD_FAIL] = SLO_EXIT_NEGATIVE,
		[SLO_CD_INCONCLUSIVE] = SLO_EXIT_NO_DATA,
		[SLO_CD_BROKEN] = SLO_EXIT_BACKEND,
	};
	struct slo_cd_reading readings[SLO_CD_METRIC_MAX_] = { 0 };
	struct slo_cd_result result;
	struct stat st;

	if (stat(args->responses, &st) == 0 && S_ISDIR(st.st_mode))
		read_folder(args->responses, readings);
	else
		read_file(args->responses, readings);
	slo_cd_decide(gate, readings, &result);
	if (args->json)
		print_json(gate, readings, &result, queries);
	else
		print_text(gate, readings, &result);
	if (result.degraded)
		(void)fprintf(stderr, PROG
		              ": DEGRADED: passed by --fail-open, the gate could not decide\n");
	if (fflush(stdout) != 0) {
		(void)fprintf(stderr, PROG ": standard output: %s\n", strerror(errno));
		return SLO_EXIT_BACKEND;
	}
	return exits[result.verdict];
}

int slo_cmd_cdgate(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_cdgate_options;
	slo_cleanup(slo_freep) struct args *args = calloc(1, sizeof(*args));
	char queries[SLO_CD_METRIC_MAX_][SLO_CD_QUERY_MAX];
	struct slo_cd_gate gate = { 0 };
	struct slo_err err = { 0 };
	int first, r;

	if (!args)
		return SLO_EXIT_BACKEND;
	args->max_age_sec = 300;
	r = slo_options_parse(spec, argc, argv, args, &args->overrides, &first);
	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!slo_options_verb(spec, argv[first]))
		return SLO_EXIT_USAGE;
	r = make_queries(args, queries);
	if (r || args->queries)
		return r;
	if (!args->responses)
		return slo_options_usage_error(
			PROG,
			"asking Prometheus is not built yet: give recorded answers by --responses");
	if (args->at && slo_record_time_parse(args->at, &gate.now_ns, &err) < 0)
		return slo_options_usage_error(PROG, "--at: %s", err.msg);
	r = load_gate(args, &gate);
	return r ? r : decide(args, &gate, queries);
}
