/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl m5gate`: may a release go out, given samples of it and of a baseline? */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/programs/options.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/m5.h"
#include "core/store/infile.h"
#include "core/store/outfile.h"

#define MANIFEST_MAX ((size_t)1 << 20)

struct args {
	const char *candidate_root, *baseline_root;
	const char *manifest;
	bool require_manifest;
	const char *candidate_ref, *candidate_commit;
	const char *scenarios; /* NULL: all */
	unsigned int gate; /* enum slo_m5_gate */
	struct slo_gate_limits limits;
	uint64_t min_runs, bootstrap, seed;
	const char *out_json, *out_md;
	unsigned int json; /* index of --output */
};

static const char *const gates[] = { "noninferiority", "reference", NULL };
static const char *const outputs[] = { "text", "json", NULL };

#define AT(field) offsetof(struct args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "candidate-root", .arg = "DIR", .type = SLO_OPT_STRING, .offset = AT(candidate_root),
	  .help = "samples of the release: DIR/SCENARIO/run-*/ (required)" },
	{ .name = "baseline-root", .arg = "DIR", .type = SLO_OPT_STRING, .offset = AT(baseline_root),
	  .help = "samples to compare with, in the same form (required)" },
	{ .name = "baseline-manifest", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(manifest),
	  .help = "JSON with source_ref and source_commit of the baseline" },
	{ .name = "require-manifest", .type = SLO_OPT_BOOL, .offset = AT(require_manifest),
	  .help = "fail where there is no such file" },
	{ .name = "candidate-ref", .arg = "NAME", .type = SLO_OPT_STRING, .offset = AT(candidate_ref),
	  .help = "branch or tag of the release" },
	{ .name = "candidate-commit", .arg = "HASH", .type = SLO_OPT_STRING, .offset = AT(candidate_commit),
	  .help = "its commit" },
	{ .name = "scenarios", .arg = "A,B", .type = SLO_OPT_STRING, .offset = AT(scenarios),
	  .help = "only these (all folders of both roots)" },
	{ .name = "gate", .arg = "RULE", .type = SLO_OPT_ENUM, .offset = AT(gate), .names = gates,
	  .help = "noninferiority (default) or reference" },
	{ .name = "margin-pct", .arg = "N", .type = SLO_OPT_REAL, .offset = AT(limits.margin_pct),
	  .real_min = 0.1, .real_max = 1000, .help = "slower by at most N % is as good (10)" },
	{ .name = "max-overhead-pct", .arg = "N", .type = SLO_OPT_REAL, .offset = AT(limits.overhead_pct),
	  .real_min = 0, .real_max = 10000, .help = "B5: of one core (3)" },
	{ .name = "max-variance-pct", .arg = "N", .type = SLO_OPT_REAL, .offset = AT(limits.variance_pct),
	  .real_min = 0, .real_max = 10000, .help = "D3: variation between runs (10)" },
	{ .name = "min-runs", .arg = "N", .type = SLO_OPT_UINT, .offset = AT(min_runs), .min = 1, .max = SLO_GATE_RUNS_MAX,
	  .help = "D3: runs a scenario (3)" },
	{ .name = "bootstrap", .arg = "N", .type = SLO_OPT_UINT, .offset = AT(bootstrap), .min = 100,
	  .max = SLO_GATE_BOOTSTRAP_MAX, .help = "resamples (1000)" },
	{ .name = "seed", .arg = "N", .type = SLO_OPT_UINT, .offset = AT(seed), .min = 0, .max = UINT64_MAX,
	  .help = "of the resampling (42)" },
	{ .name = "out-json", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(out_json),
	  .help = "also write the report as JSON; -: standard output" },
	{ .name = "out-md", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(out_md),
	  .help = "also write it as Markdown; -: standard output" },
	{ .name = "output", .letter = 'o', .arg = "text|json", .type = SLO_OPT_ENUM, .offset = AT(json),
	  .names = outputs, .help = "form of the report" },
};
/* clang-format on */

const struct slo_options slo_cmd_m5gate_options = {
	.prog = "sloctl m5gate",
	.usage = "--candidate-root DIR --baseline-root DIR [options]",
	.about =
		"Judges a release by overhead (B5), variance between runs (D3) and TTFT against a\n"
		"baseline. Exit: 0 pass, 1 a gate failed, 3 too little data to decide, 4 input\n"
		"cannot be read, 5 passed with lines rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 0,
};

static const char prog[] = "sloctl m5gate";

/* --- what to judge ---------------------------------------------------------------------------------------------------- */

static int add_scenario(struct slo_m5_report *report, const char *name, size_t len)
{
	struct slo_m5_scenario *s = &report->scenarios[report->scenario_count];

	/* It becomes part of a path: one folder, below the root. */
	if (len == 0 || len >= SLO_M5_NAME_SIZE || memchr(name, '/', len) || name[0] == '.')
		return slo_options_usage_error(prog, "--scenarios: '%.*s' is no folder's name",
		                               (int)(len < 80 ? len : 80), name);
	for (size_t i = 0; i < report->scenario_count; i++) {
		if (strlen(report->scenarios[i].name) == len &&
		    memcmp(report->scenarios[i].name, name, len) == 0)
			return slo_options_usage_error(prog, "--scenarios: '%.*s' stands twice",
			                               (int)len, name);
	}
	if (report->scenario_count == SLO_M5_SCENARIOS_MAX)
		return slo_options_usage_error(prog, "--scenarios: more than %d",
		                               SLO_M5_SCENARIOS_MAX);
	memcpy(s->name, name, len);
	s->name[len] = '\0';
	report->scenario_count++;
	return SLO_EXIT_OK;
}

static int take_list(struct slo_m5_report *report, const char *list)
{
	for (;;) {
		size_t len = strcspn(list, ",");
		int code = add_scenario(report, list, len);

		if (code != SLO_EXIT_OK || list[len] == '\0')
			return code;
		list += len + 1;
	}
}

/* All folders of both roots: one that only the baseline has is missed by the candidate, and must show. */
static int take_found(struct slo_tool *tool, struct slo_m5_report *report)
{
	struct slo_m5_names *names slo_cleanup(slo_freep) = calloc(1, sizeof(*names));
	struct slo_err err = { 0 };
	int r = names ? 0 : slo_err_set(&err, -ENOMEM, "out of memory");

	for (int side = 0; side < SLO_M5_SIDES && r == 0; side++)
		r = slo_m5_find_scenarios(report->roots[side], names, &err);
	if (r < 0)
		return slo_tool_fail(tool, &err);
	for (size_t i = 0; i < names->count; i++)
		(void)snprintf(report->scenarios[i].name, SLO_M5_NAME_SIZE, "%s", names->item[i]);
	report->scenario_count = names->count;
	if (names->count)
		return SLO_EXIT_OK;
	(void)slo_err_set(&err, -ENOENT, "no scenario: neither root holds a folder");
	(void)slo_tool_fail(tool, &err);
	return SLO_EXIT_NO_DATA;
}

/* A manifest that is there must be right: a broken one proves nothing, and nobody should take it for none. */
static int take_manifest(struct slo_tool *tool, struct slo_m5_report *report)
{
	struct slo_provenance *p = &report->provenance;
	char *text slo_cleanup(slo_freep) = NULL;
	struct slo_err err = { 0 };
	size_t len = 0;
	int r = -ENOENT;

	if (report->manifest_path)
		r = slo_infile_read(report->manifest_path, MANIFEST_MAX, &text, &len, &err);
	if (r == 0) {
		r = slo_baseline_manifest_parse(text, len, &report->manifest, &err);
		if (r < 0) {
			(void)slo_err_wrap(&err, r, "%.120s", report->manifest_path);
			(void)slo_tool_fail(tool, &err);
			return r == -ENOMEM ? SLO_EXIT_BACKEND : SLO_EXIT_USAGE;
		}
		p->has_manifest = true;
		p->source_ref = report->manifest.source_ref;
		p->source_commit = report->manifest.source_commit;
	}
	if (r < 0 && r != -ENOENT)
		return slo_tool_fail(tool, &err);
	slo_provenance_judge(p, &report->baseline);
	return SLO_EXIT_OK;
}

/* --- judging ---------------------------------------------------------------------------------------------------------- */

static int judge_samples(struct slo_m5_report *report, size_t i,
                         const struct slo_m5_samples sides[SLO_M5_SIDES])
{
	struct slo_m5_scenario *s = &report->scenarios[i];
	const uint64_t seed = slo_gate_seed(report->seed, s->name);
	struct slo_gate_side view[SLO_M5_SIDES];
	int r;

	for (int side = 0; side < SLO_M5_SIDES; side++)
		slo_m5_samples_view(&sides[side], &view[side]);
	r = slo_variance_judge(&view[SLO_M5_CANDIDATE], &report->limits, &s->variance);
	if (r < 0)
		return r;
	if (report->gate == SLO_M5_REFERENCE)
		return slo_significance_judge(&view[SLO_M5_CANDIDATE], &view[SLO_M5_BASELINE],
		                              &report->limits, seed, &s->significance);
	return slo_ni_measure(&view[SLO_M5_CANDIDATE], &view[SLO_M5_BASELINE], &report->limits,
	                      seed, &report->ni[i]);
}

/* One scenario's samples are in memory at a time. */
static int judge_scenario(struct slo_tool *tool, struct slo_m5_report *report, size_t i,
                          struct slo_overhead *overhead)
{
	struct slo_m5_samples sides[SLO_M5_SIDES] = { 0 };
	struct slo_err err = { 0 };
	int r = 0;

	for (int side = 0; side < SLO_M5_SIDES && r == 0; side++) {
		const struct slo_m5_reader reader = { tool, &report->input,
			                              side == SLO_M5_CANDIDATE ? overhead : NULL };

		r = slo_m5_read(&reader, report->roots[side], report->scenarios[i].name,
		                &sides[side], &err);
	}
	if (r == 0) {
		r = judge_samples(report, i, sides);
		if (r < 0)
			(void)slo_err_set(&err, r, "%s: out of memory", report->scenarios[i].name);
	}
	for (int side = 0; side < SLO_M5_SIDES; side++)
		slo_m5_samples_fini(&sides[side]);
	return r < 0 ? slo_tool_fail(tool, &err) : SLO_EXIT_OK;
}

/* Overhead that nobody measured in some run must not pass on the strength of the others. */
static void judge_overhead(struct slo_m5_report *report, struct slo_overhead *overhead)
{
	struct slo_overhead_result *o = &report->overhead;

	slo_overhead_judge(overhead, &report->limits, o);
	if (o->verdict != SLO_GATE_PASS || report->input.runs_without_overhead == 0)
		return;
	o->verdict = SLO_GATE_INCONCLUSIVE;
	(void)snprintf(o->reason, sizeof(o->reason),
	               "%llu of the candidate's runs have no overhead samples",
	               (unsigned long long)report->input.runs_without_overhead);
}

static void sum_up(struct slo_m5_report *report)
{
	for (size_t i = 0; i < report->scenario_count; i++) {
		const struct slo_m5_scenario *s = &report->scenarios[i];

		report->variance_verdict =
			slo_gate_worse(report->variance_verdict, s->variance.verdict);
		report->effect_verdict =
			slo_gate_worse(report->effect_verdict, report->gate == SLO_M5_REFERENCE
		                                                       ? s->significance.verdict
		                                                       : report->ni[i].verdict);
	}
	report->verdict = slo_gate_worse(report->baseline.verdict, report->overhead.verdict);
	report->verdict = slo_gate_worse(report->verdict, report->variance_verdict);
	report->verdict = slo_gate_worse(report->verdict, report->effect_verdict);
}

static int judge(struct slo_tool *tool, struct slo_m5_report *report, struct slo_overhead *overhead)
{
	struct slo_err err = { 0 };
	int r = 0;

	for (size_t i = 0; i < report->scenario_count; i++) {
		int code = judge_scenario(tool, report, i, overhead);

		if (code != SLO_EXIT_OK)
			return code;
	}
	if (report->gate == SLO_M5_NONINFERIORITY)
		r = slo_ni_decide(report->ni, report->scenario_count, &report->limits);
	if (r < 0) {
		(void)slo_err_set(&err, r, "out of memory");
		return slo_tool_fail(tool, &err);
	}
	judge_overhead(report, overhead);
	sum_up(report);
	return SLO_EXIT_OK;
}

/* --- reporting -------------------------------------------------------------------------------------------------------- */

enum form {
	FORM_TEXT,
	FORM_JSON,
	FORM_MARKDOWN,
};

static int write_form(struct slo_tool *tool, const struct slo_m5_report *report, enum form form,
                      const char *path)
{
	slo_outfile_auto struct slo_outfile *o = NULL;
	struct slo_err err = { 0 };
	int r = slo_outfile_open(&o, path, &err);

	if (r < 0)
		return slo_tool_fail(tool, &err);
	switch (form) {
	case FORM_TEXT:
		slo_m5_print_text(report, slo_outfile_stream(o));
		break;
	case FORM_JSON:
		r = slo_m5_print_json(report, slo_outfile_stream(o));
		break;
	case FORM_MARKDOWN:
		slo_m5_print_markdown(report, slo_outfile_stream(o));
		break;
	}
	if (r < 0)
		(void)slo_err_set(&err, r, "report: out of memory");
	else
		r = slo_outfile_commit(&o, &err);
	return r < 0 ? slo_tool_fail(tool, &err) : SLO_EXIT_OK;
}

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int write_all(struct slo_tool *tool, const struct slo_m5_report *report,
                     const struct args *args)
{
	int code = SLO_EXIT_OK;

	if (args->out_json)
		code = write_form(tool, report, FORM_JSON, args->out_json);
	if (args->out_md && code == SLO_EXIT_OK)
		code = write_form(tool, report, FORM_MARKDOWN, args->out_md);
	if (code == SLO_EXIT_OK && !is_stdout(args->out_json) && !is_stdout(args->out_md))
		code = write_form(tool, report, args->json ? FORM_JSON : FORM_TEXT, NULL);
	return code;
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

/* SOURCE_DATE_EPOCH (reproducible-builds.org) stands for now, so that a report can be made again byte by byte. */
static int set_time(struct slo_m5_report *report)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *end = NULL;
	unsigned long long seconds;
	uint64_t now_ns = slo_clock_realtime_ns();
	char text[SLO_CLOCK_RFC3339_SIZE];

	if (epoch) {
		errno = 0;
		seconds = strtoull(epoch, &end, 10);
		if (*epoch < '0' || *epoch > '9' || *end != '\0' || errno ||
		    seconds > UINT64_MAX / SLO_NS_PER_SEC)
			return slo_options_usage_error(
				prog, "SOURCE_DATE_EPOCH: not a number of seconds: '%.40s'", epoch);
		now_ns = seconds * SLO_NS_PER_SEC;
	}
	(void)snprintf(report->generated_at, sizeof(report->generated_at), "%s",
	               slo_clock_rfc3339(now_ns, text));
	return SLO_EXIT_OK;
}

static int check(const struct args *args)
{
	const struct slo_tool_path paths[] = { { "--baseline-manifest", args->manifest },
		                               { "--out-json", args->out_json },
		                               { "--out-md", args->out_md } };

	if (!args->candidate_root)
		return slo_options_usage_error(prog, "--candidate-root is required");
	if (!args->baseline_root)
		return slo_options_usage_error(prog, "--baseline-root is required");
	return slo_tool_check_paths(prog, paths, SLO_ARRAY_SIZE(paths));
}

static int prepare(struct slo_tool *tool, struct slo_m5_report *report, const struct args *args)
{
	int code = check(args);

	report->gate = (enum slo_m5_gate)args->gate;
	report->limits = args->limits;
	report->limits.min_runs = (size_t)args->min_runs;
	report->limits.bootstrap = (size_t)args->bootstrap;
	report->seed = args->seed;
	report->roots[SLO_M5_CANDIDATE] = args->candidate_root;
	report->roots[SLO_M5_BASELINE] = args->baseline_root;
	report->manifest_path = args->manifest;
	report->provenance = (struct slo_provenance){ .candidate_ref = args->candidate_ref,
		                                      .candidate_commit = args->candidate_commit,
		                                      .required = args->require_manifest };
	if (code == SLO_EXIT_OK)
		code = set_time(report);
	if (code == SLO_EXIT_OK)
		code = take_manifest(tool, report);
	if (code == SLO_EXIT_OK)
		code = args->scenarios ? take_list(report, args->scenarios)
		                       : take_found(tool, report);
	return code;
}

static int run(const struct args *args)
{
	static const int codes[] = {
		[SLO_GATE_PASS] = SLO_EXIT_OK,
		[SLO_GATE_FAIL] = SLO_EXIT_NEGATIVE,
		[SLO_GATE_INCONCLUSIVE] = SLO_EXIT_NO_DATA,
	};
	SLO_TABLE_COMPLETE(codes, SLO_GATE_VERDICT_MAX_);
	struct slo_m5_report *report slo_cleanup(slo_freep) = calloc(1, sizeof(*report));
	slo_overhead_auto struct slo_overhead *overhead = NULL;
	struct slo_tool tool = { .prog = prog };
	struct slo_err err = { 0 };
	int code;

	if (!report || slo_overhead_new(&overhead) < 0) {
		(void)slo_err_set(&err, -ENOMEM, "out of memory");
		return slo_tool_fail(&tool, &err);
	}
	code = prepare(&tool, report, args);
	if (code == SLO_EXIT_OK)
		code = judge(&tool, report, overhead);
	if (code == SLO_EXIT_OK)
		code = write_all(&tool, report, args);
	if (code == SLO_EXIT_OK)
		code = codes[report->verdict];
	return slo_tool_exit(&tool, report->input.rejected, code);
}

int slo_cmd_m5gate(int argc, char **argv)
{
	struct args args = { .limits = slo_gate_limits_default,
		             .candidate_ref = "",
		             .candidate_commit = "",
		             .min_runs = slo_gate_limits_default.min_runs,
		             .bootstrap = slo_gate_limits_default.bootstrap,
		             .seed = 42 };
	int first;
	int r = slo_options_parse(&slo_cmd_m5gate_options, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	return run(&args);
}
