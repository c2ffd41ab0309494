/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl cdgate check`: may this deployment go on? Asks Prometheus, or reads recorded answers of one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/plain.h"
#include "core/codec/record_time.h"
#include "core/programs/sloctl/cdgate.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/control.h"
#include "core/programs/sloctl/load_config.h"

static const char *const outputs[] = {
	[SLO_CDGATE_TEXT] = "text",      [SLO_CDGATE_JSON] = "json",
	[SLO_CDGATE_JUNIT] = "junit",    [SLO_CDGATE_MARKDOWN] = "markdown",
	[SLO_CDGATE_OUTPUT_MAX_] = NULL,
};

struct args {
	const char *config;
	struct slo_overrides overrides;
	const char *responses;
	const char *token_file, *ca_file;
	const char *control;
	uint64_t timeout_sec;
	unsigned int preset; /* index of --preset */
	bool explain;
	const char *service;
	const char *selector;
	const char *at;
	uint64_t max_age_sec;
	bool fail_open;
	bool queries;
	unsigned int output; /* index of --output */
};

#define AT(field) offsetof(struct args, field)
#define CDGATE(key_name) .type = SLO_OPT_CONFIG, .section = "cdgate", .key = key_name

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "prometheus-url", .letter = 'u', .arg = "URL", CDGATE("prometheus_url"),
	  .help = "Prometheus to ask (http://prometheus:9090); a path in it is kept" },
	{ .name = "preset", .arg = "ours|vllm|sglang|otel", .type = SLO_OPT_ENUM, .names = slo_cd_preset_names, .offset = AT(preset),
	  .help = "whose metrics: the agent's (ours), vLLM's, SGLang's, or OpenTelemetry's gen_ai.server.*" },
	{ .name = "timeout", .arg = "S", .type = SLO_OPT_UINT, .offset = AT(timeout_sec), .min = 1, .max = 600,
	  .help = "of each query, in seconds (10)" },
	{ .name = "token-file", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(token_file),
	  .help = "bearer token that Prometheus asks for" },
	{ .name = "ca-file", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(ca_file),
	  .help = "certificates to trust; else the system's" },
	{ .name = "explain", .type = SLO_OPT_BOOL, .offset = AT(explain),
	  .help = "ask this host's agent which open incident explains a breach" },
	{ .name = "control", .arg = "SOCKET", .type = SLO_OPT_STRING, .offset = AT(control),
	  .help = "the agent's socket for --explain ([agent] control)" },
	{ .name = "responses", .letter = 'r', .arg = "DIR|FILE", .type = SLO_OPT_STRING, .offset = AT(responses),
	  .help = "ask nobody: recorded answers ttft_p95_ms.json, error_rate.json, burn_rate.json in DIR, or FILE with these as keys" },
	{ .name = "config", .letter = 'c', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(config),
	  .help = "with [cdgate] (" SLO_CONFIG_DEFAULT_PATH ")" },
	{ .name = "ttft-p95-ms", .arg = "MS", CDGATE("ttft_p95_ms"), .help = "fail above it (800)" },
	{ .name = "error-rate", .arg = "RATIO", CDGATE("error_rate"), .help = "fail above it (0.05)" },
	{ .name = "burn-rate", .arg = "TIMES", CDGATE("burn_rate"), .help = "fail above it (2)" },
	{ .name = "service", .arg = "NAME", .type = SLO_OPT_STRING, .offset = AT(service),
	  .help = "narrows all three queries: service, model_name (vllm, sglang) or service_name (otel)" },
	{ .name = "selector", .arg = "MATCHERS", .type = SLO_OPT_STRING, .offset = AT(selector),
	  .help = "so does this: namespace=\"prod\",pod=~\"a.*\"" },
	{ .name = "at", .arg = "TIME", .type = SLO_OPT_STRING, .offset = AT(at),
	  .help = "now, RFC 3339: values older than --max-age are no data" },
	{ .name = "max-age", .arg = "S", .type = SLO_OPT_UINT, .offset = AT(max_age_sec), .min = 1, .max = 86400,
	  .help = "in seconds (300); needs --at" },
	{ .name = "fail-open", .type = SLO_OPT_BOOL, .offset = AT(fail_open),
	  .help = "no data and backend errors pass, as degraded; a failure never does" },
	{ .name = "queries", .type = SLO_OPT_BOOL, .offset = AT(queries), .help = "print the queries and stop" },
	{ .name = "output", .letter = 'o', .arg = "text|json|junit|markdown", .type = SLO_OPT_ENUM, .names = outputs, .offset = AT(output),
	  .help = "form of the report; Markdown also goes to the file that GITHUB_STEP_SUMMARY names" },
};
/* clang-format on */

static const struct slo_verb verbs[] = {
	{ .name = "check", .help = "decide" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_cdgate_options = {
	.prog = "sloctl cdgate",
	.usage = "check [options]",
	.about =
		"Decides whether a deployment goes on: asks Prometheus for TTFT p95, error rate, burn rate.\n"
		"NaN, nothing, stale or several series are no data, never a pass.\n"
		"Exit: 0 pass, 1 fail, 3 no data, 4 backend error.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 1,
	.verbs = verbs,
};

#define PROG "sloctl cdgate"

static int load_gate(const struct args *args, struct slo_config **ret_cfg, struct slo_cd_gate *ret)
{
	struct slo_config *cfg slo_config_auto = NULL;
	int code = slo_tool_load_config(PROG, args->config, &args->overrides, &cfg);

	if (code)
		return code;
	ret->threshold[SLO_CD_TTFT_P95] = cfg->cdgate.ttft_p95_ms;
	ret->threshold[SLO_CD_ERROR_RATE] = cfg->cdgate.error_rate;
	ret->threshold[SLO_CD_BURN_RATE] = cfg->cdgate.burn_rate;
	ret->fail_open = args->fail_open || cfg->cdgate.fail_open;
	ret->max_age_ns = (int64_t)args->max_age_sec * 1000000000;
	*ret_cfg = slo_take_ptr(cfg);
	return 0;
}

static int make_queries(const struct args *args, char queries[][SLO_CD_QUERY_MAX])
{
	struct slo_err err = { 0 };

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		if (slo_cd_query((enum slo_cd_preset)args->preset, (enum slo_cd_metric)i,
		                 args->service, args->selector, queries[i], &err) < 0)
			return slo_options_usage_error(PROG, "--service, --selector: %s", err.msg);
		if (args->queries)
			(void)printf("%-12s %s\n", slo_cd_metric_desc((enum slo_cd_metric)i)->name,
			             queries[i]);
	}
	return 0;
}

/* Of the open incidents that of this service, else the first: "network_dns, confidence 0.97, incident x (service chat)". */
static void explain(const struct args *args, const struct slo_config *cfg, char *buf, size_t size)
{
	const char *path = args->control ? args->control : cfg->agent.control;
	struct slo_err err = { 0 };

	if (slo_control_explain(path, args->service, buf, size, &err) < 0)
		(void)snprintf(buf, size, "not known: %s", err.msg);
}

/* The page of a GitHub workflow's run shows what is appended to this file. */
static void summarise(const struct slo_cdgate_report *report)
{
	const char *path = getenv("GITHUB_STEP_SUMMARY");
	FILE *file;

	if (!path || !*path)
		return;
	file = fopen(path, "ae");
	if (file)
		slo_cdgate_print(file, SLO_CDGATE_MARKDOWN, report);
	if (!file || fclose(file) != 0)
		(void)fprintf(stderr, PROG ": GITHUB_STEP_SUMMARY %s: %s\n", path, strerror(errno));
}

static int read_answers(const struct args *args, const struct slo_config *cfg,
                        char queries[][SLO_CD_QUERY_MAX], struct slo_cd_reading *readings)
{
	const struct slo_cdgate_server server = {
		.url = cfg->cdgate.prometheus_url,
		.token_file = args->token_file,
		.ca_file = args->ca_file,
		.timeout_ms = args->timeout_sec * 1000,
	};
	struct slo_err err = { 0 };

	if (args->responses) {
		slo_cdgate_recorded(args->responses, readings);
	} else if (slo_cdgate_ask(&server, queries, readings, &err) < 0) {
		(void)fprintf(stderr, PROG ": %s\n", err.msg);
		return SLO_EXIT_USAGE;
	}
	/* They quote what a server said. */
	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++)
		(void)slo_plain(readings[i].why);
	return 0;
}

static int decide(const struct args *args, const struct slo_config *cfg,
                  const struct slo_cd_gate *gate, char queries[][SLO_CD_QUERY_MAX])
{
	static const int exits[] = {
		[SLO_CD_PASS] = SLO_EXIT_OK,
		[SLO_CD_FAIL] = SLO_EXIT_NEGATIVE,
		[SLO_CD_INCONCLUSIVE] = SLO_EXIT_NO_DATA,
		[SLO_CD_BROKEN] = SLO_EXIT_BACKEND,
	};
	struct slo_cd_reading readings[SLO_CD_METRIC_MAX_] = { 0 };
	struct slo_cd_result result;
	char why[512] = "";
	const struct slo_cdgate_report report = { gate, readings, &result, queries, why };
	int r = read_answers(args, cfg, queries, readings);

	if (r)
		return r;
	slo_cd_decide(gate, readings, &result);
	if (args->explain && result.verdict == SLO_CD_FAIL)
		explain(args, cfg, why, sizeof(why));
	(void)slo_plain(why);
	slo_cdgate_print(stdout, (enum slo_cdgate_output)args->output, &report);
	summarise(&report);
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
	slo_config_auto struct slo_config *cfg = NULL;
	char queries[SLO_CD_METRIC_MAX_][SLO_CD_QUERY_MAX];
	struct slo_cd_gate gate = { 0 };
	struct slo_err err = { 0 };
	int first, r;

	if (!args)
		return SLO_EXIT_BACKEND;
	args->max_age_sec = 300;
	args->timeout_sec = 10;
	r = slo_options_parse(spec, argc, argv, args, &args->overrides, &first);
	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!slo_options_verb(spec, argv[first]))
		return SLO_EXIT_USAGE;
	r = make_queries(args, queries);
	if (r || args->queries)
		return r;
	if (args->at && slo_record_time_parse(args->at, &gate.now_ns, &err) < 0)
		return slo_options_usage_error(PROG, "--at: %s", err.msg);
	r = load_gate(args, &cfg, &gate);
	if (r)
		return r;
	if (slo_cd_can_fail((enum slo_cd_preset)args->preset, &gate, &err) < 0)
		return slo_options_usage_error(PROG, "%s", err.msg);
	return decide(args, cfg, &gate, queries);
}
