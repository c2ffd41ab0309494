/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl slo rules`: objectives as rules for Prometheus, over the metrics that the agent exports, or as a Sloth spec. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/slo.h"
#include "core/programs/sloctl/tool.h"
#include "core/store/outfile.h"

enum {
	TO_PROMETHEUS,
	TO_SLOTH
};

static const char *const formats[] = { "prometheus", "sloth", NULL };

struct args {
	struct slo_objective_args objectives;
	unsigned int format;
	const char *out;
};

static const struct slo_option rows[] = {
	{ .name = "format",
	  .letter = 'f',
	  .arg = "prometheus|sloth",
	  .type = SLO_OPT_ENUM,
	  .names = formats,
	  .offset = offsetof(struct args, format),
	  .help = "rule file of Prometheus (default), or spec of Sloth" },
	SLO_OBJECTIVE_ROWS(struct args, objectives),
	{ .name = "out",
	  .letter = 'o',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, out),
	  .help = "where to (standard output)" },
};

const struct slo_options slo_cmd_slo_rules_options = {
	.prog = "sloctl slo rules",
	.usage = "[options]",
	.about = "Writes the objectives as recording and alert rules over the agent's metrics.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

#define SELECTOR_MAX (2 * SLO_CONFIG_TEXT_LEN + 64)

/* --- what can be written ------------------------------------------------------------------------------------- */

static int check_objective(const struct slo_objective *o, unsigned int format, const char *prog)
{
	if (format != TO_SLOTH || !o->burn.shortened)
		return 0;
	(void)fprintf(stderr, "%s: slo %s: its windows are shortened, and Sloth has its own\n",
	              prog, o->name);
	return SLO_EXIT_USAGE;
}

/*
 * What the agent counts for every service, whatever it is told: failures, and TTFT up to a bucket's bound. All else, and a
 * threshold between two bounds, is counted by an agent that has the objective itself.
 */
static bool is_counted_by_itself(const struct slo_objective *o)
{
	if (o->sli == SLO_SLI_ERROR_RATE)
		return true;
	for (size_t i = 0; o->sli == SLO_SLI_TTFT && i < SLO_SLI_TTFT_BOUNDS; i++) {
		if (slo_sli_ttft_bounds_ms[i] == o->threshold)
			return true;
	}
	return false;
}

/* --- PromQL -------------------------------------------------------------------------------------------------- */

/* Text within double quotes, of PromQL and of YAML alike. @text is printable. */
static void quote(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; *text && n + 3 < size; text++) {
		if (*text == '"' || *text == '\\')
			buf[n++] = '\\';
		buf[n++] = *text;
	}
	buf[n] = '\0';
}

/* "{service="chat"@more}"; "" where there is nothing to select by. */
static void selector(const struct slo_objective *o, const char *more, char *buf, size_t size)
{
	char service[2 * SLO_CONFIG_TEXT_LEN];

	quote(o->service, service, sizeof(service));
	if (*o->service)
		(void)snprintf(buf, size, "{service=\"%s\"%s%s}", service, *more ? "," : "", more);
	else if (*more)
		(void)snprintf(buf, size, "{%s}", more);
	else
		(void)snprintf(buf, size, "%s", "");
}

static void print_sum(FILE *out, const char *function, const char *metric, const char *select,
                      const char *window)
{
	(void)fprintf(out, "sum(%s(%s%s[%s]))", function, metric, select, window);
}

static void select_objective(const struct slo_objective *o, char *buf, size_t size)
{
	char slo[SLO_CONFIG_NAME_LEN + 16];

	/* Names of objectives need no quoting: letters, digits, '_', '.', '-'. */
	(void)snprintf(slo, sizeof(slo), "slo=\"%s\"", o->name);
	selector(o, slo, buf, size);
}

/* The counter of valid requests, and in @select which of its series. */
static const char *valid_metric(const struct slo_objective *o, char *select, size_t size)
{
	if (!is_counted_by_itself(o)) {
		select_objective(o, select, size);
		return "llm_slo_objective_requests_total";
	}
	selector(o, "", select, size);
	return o->sli == SLO_SLI_TTFT ? "llm_slo_ttft_ms_count" : "llm_slo_requests_total";
}

static void print_valid(FILE *out, const struct slo_objective *o, const char *function,
                        const char *window)
{
	char all[SELECTOR_MAX];
	const char *metric = valid_metric(o, all, sizeof(all));

	print_sum(out, function, metric, all, window);
}

/*
 * Requests had been counted before the younger half of a window: without any it has less than half of its data. They may be
 * older than the window, as in burn.c; a service that paused is none that is new.
 */
static void print_had_begun(FILE *out, const struct slo_objective *o, uint64_t window_ms)
{
	char all[SELECTOR_MAX], half[24];
	const char *metric = valid_metric(o, all, sizeof(all));

	(void)slo_window_text(window_ms / 2, half);
	(void)fprintf(out, "sum(max_over_time(%s%s[%s] offset %s))", metric, all, half, half);
}

/* Prometheus 3 writes the bound 800 as 800.0, before it 800. */
static void print_bad(FILE *out, const struct slo_objective *o, const char *window)
{
	char select[SELECTOR_MAX], le[64];

	if (!is_counted_by_itself(o)) {
		select_objective(o, select, sizeof(select));
		print_sum(out, "rate", "llm_slo_objective_bad_total", select, window);
		return;
	}
	if (o->sli == SLO_SLI_ERROR_RATE) {
		selector(o, "", select, sizeof(select));
		print_sum(out, "rate", "llm_slo_errors_total", select, window);
		return;
	}
	(void)snprintf(le, sizeof(le), "le=~\"%g(\\\\.0)?\"", o->threshold);
	selector(o, le, select, sizeof(select));
	(void)fputc('(', out);
	print_valid(out, o, "rate", window);
	(void)fputs(" - ", out);
	print_sum(out, "rate", "llm_slo_ttft_ms_bucket", select, window);
	(void)fputc(')', out);
}

/* Without the objective an agent has none of these series, and the rules are silent. */
static void print_needs(FILE *out, const struct slo_objective *o)
{
	if (is_counted_by_itself(o))
		return;
	(void)fprintf(out,
	              "# %s: counted by agents that have [slo.%s] (sli = %s, threshold = %.10g)\n",
	              o->name, o->name, slo_sli_desc(o->sli)->name, o->threshold);
}

/* --- Prometheus ---------------------------------------------------------------------------------------------- */

static void print_labels(FILE *out, const struct slo_objective *o, const char *severity)
{
	char service[2 * SLO_CONFIG_TEXT_LEN];

	(void)fprintf(out, "        labels:\n          slo: \"%s\"\n", o->name);
	quote(o->service, service, sizeof(service));
	if (*o->service)
		(void)fprintf(out, "          service: \"%s\"\n", service);
	if (severity)
		(void)fprintf(out, "          severity: \"%s\"\n", severity);
}

static void print_recording(FILE *out, const struct slo_objective *o)
{
	char window[24];

	(void)fprintf(out, "  - name: \"llm-slo-%s-recording\"\n    rules:\n", o->name);
	for (size_t i = 0; i < o->burn.window_count; i++) {
		(void)slo_window_text(o->burn.window_ms[i], window);
		(void)fprintf(
			out,
			"      - record: \"llm_slo:bad_ratio:rate%s\"\n        expr: |-\n          ",
			window);
		print_bad(out, o, window);
		(void)fputs(" / ", out);
		print_valid(out, o, "rate", window);
		(void)fputc('\n', out);
		print_labels(out, o, NULL);
	}
}

/*
 * What burn.c asks for, too: requests enough in the short window, and data of half the long one, so that a service's first
 * minutes are no verdict on three days.
 */
static void print_condition(FILE *out, const struct slo_objective *o,
                            const struct slo_burn_pair *pair)
{
	char l[24], s[24];

	(void)slo_window_text(o->burn.window_ms[pair->long_window], l);
	(void)slo_window_text(o->burn.window_ms[pair->short_window], s);
	(void)fprintf(out, "(llm_slo:bad_ratio:rate%s{slo=\"%s\"} > %g * %.10g and ", l, o->name,
	              pair->factor, 1 - o->burn.objective);
	(void)fprintf(out, "llm_slo:bad_ratio:rate%s{slo=\"%s\"} > %g * %.10g and on() ", s,
	              o->name, pair->factor, 1 - o->burn.objective);
	print_valid(out, o, "increase", s);
	(void)fprintf(out, " >= %" PRIu64 " and on() ", o->burn.valid_min);
	print_had_begun(out, o, o->burn.window_ms[pair->long_window]);
	(void)fputs(" > 0)\n", out);
}

/* One alert a severity, whichever of its pairs fires: two of the same trouble would be told twice. */
static void print_alert(FILE *out, const struct slo_objective *o, enum slo_burn_state state)
{
	bool first = true;

	for (size_t i = 0; i < o->burn.pair_count; i++) {
		if (o->burn.pair[i].state != state)
			continue;
		(void)fputs(
			first ? "      - alert: \"LlmSloErrorBudgetBurn\"\n        expr: |-\n          "
			      : "          or ",
			out);
		print_condition(out, o, &o->burn.pair[i]);
		first = false;
	}
	if (first)
		return;
	print_labels(out, o, slo_burn_state_name(state));
	(void)fprintf(
		out,
		"        annotations:\n          summary: \"SLO %s burns its error budget too fast\"\n",
		o->name);
}

static void print_prometheus(FILE *out, const struct slo_objective *o)
{
	print_recording(out, o);
	if (o->burn.pair_count == 0)
		return;
	(void)fprintf(out, "  - name: \"llm-slo-%s-alerts\"\n    rules:\n", o->name);
	print_alert(out, o, SLO_BURN_PAGE);
	print_alert(out, o, SLO_BURN_TICKET);
}

/* --- Sloth --------------------------------------------------------------------------------------------------- */

/* A spec is of one service: one document each. */
static void print_sloth(FILE *out, const struct slo_objective *o)
{
	char service[2 * SLO_CONFIG_TEXT_LEN];

	quote(*o->service ? o->service : "llm", service, sizeof(service));
	(void)fprintf(out, "---\nversion: \"prometheus/v1\"\nservice: \"%s\"\nslos:\n", service);
	(void)fprintf(out, "  - name: \"%s\"\n    objective: %.10g\n", o->name,
	              o->burn.objective * 100);
	(void)fprintf(out, "    description: \"%s of requests %s %g %s\"\n",
	              slo_sli_desc(o->sli)->name,
	              slo_sli_desc(o->sli)->more_is_better ? "at least" : "within", o->threshold,
	              slo_sli_desc(o->sli)->unit);
	(void)fputs("    sli:\n      events:\n        error_query: |-\n          ", out);
	print_bad(out, o, "{{.window}}");
	(void)fputs("\n        total_query: |-\n          ", out);
	print_valid(out, o, "rate", "{{.window}}");
	(void)fputs(
		"\n    alerting:\n      name: \"LlmSloErrorBudgetBurn\"\n      page_alert:\n        labels:\n"
		"          severity: \"page\"\n      ticket_alert:\n        labels:\n"
		"          severity: \"ticket\"\n",
		out);
}

/* --- command ------------------------------------------------------------------------------------------------- */

static int print_rules(const struct args *args, const struct slo_objective *o, size_t count)
{
	struct slo_tool tool = { .prog = slo_cmd_slo_rules_options.prog };
	struct slo_outfile *out slo_outfile_auto = NULL;
	struct slo_err err = { 0 };

	if (slo_outfile_open(&out, args->out, &err) < 0)
		return slo_tool_fail(&tool, &err);
	(void)fputs("# made by sloctl slo rules\n", slo_outfile_stream(out));
	for (size_t i = 0; i < count; i++)
		print_needs(slo_outfile_stream(out), &o[i]);
	if (args->format == TO_PROMETHEUS)
		(void)fputs("groups:\n", slo_outfile_stream(out));
	for (size_t i = 0; i < count; i++) {
		if (args->format == TO_PROMETHEUS)
			print_prometheus(slo_outfile_stream(out), &o[i]);
		else
			print_sloth(slo_outfile_stream(out), &o[i]);
	}
	return slo_outfile_commit(&out, &err) < 0 ? slo_tool_fail(&tool, &err) : SLO_EXIT_OK;
}

int slo_cmd_slo_rules(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_slo_rules_options;
	slo_cleanup(slo_freep) struct slo_objective *o = calloc(SLO_OBJECTIVES_MAX, sizeof(*o));
	struct args args = { 0 };
	size_t count = 0;
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!o)
		return SLO_EXIT_BACKEND;
	r = slo_objectives_load(&args.objectives, spec->prog, o, &count);
	for (size_t i = 0; i < count && r == 0; i++)
		r = check_objective(&o[i], args.format, spec->prog);
	return r ? r : print_rules(&args, o, count);
}
