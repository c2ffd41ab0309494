/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl attributor`: incidents with their signals in, verdicts out; labels are only looked at afterwards. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/programs/options.h"
#include "core/programs/sloctl/attribution_report.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/samples.h"
#include "core/store/outfile.h"

struct attributor_args {
	const char *input;
	const char *out;
	const char *summary_out;
	const char *confusion_out;
	const char *config;
	const char *model;
	unsigned int mode; /* enum slo_attribution_mode */
	unsigned int schema; /* index in schemas */
	unsigned int json; /* index of --output */
};

static const char *const schemas[] = { "v1beta1", "v1", NULL };
static const char *const outputs[] = { "text", "json", NULL };

#define AT(field) offsetof(struct attributor_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "input", .letter = 'i', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "fault samples, one JSON object a line; - is stdin (default)", .offset = AT(input) },
	{ .name = "out", .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "verdicts, incident-attribution records; - is stdout (default)", .offset = AT(out) },
	{ .name = "summary-out", .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "counts and, of labelled incidents, accuracy, as JSON", .offset = AT(summary_out) },
	{ .name = "confusion-out", .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "actual,predicted,count of labelled incidents", .offset = AT(confusion_out) },
	{ .name = "attribution-mode", .letter = 'm', .type = SLO_OPT_ENUM, .arg = "MODE",
	  .help = "noisy-or (default), bayes, or rule: repeats the label, predicts nothing", .offset = AT(mode),
	  .names = slo_attribution_mode_names },
	{ .name = "model", .type = SLO_OPT_STRING, .arg = "NAME|FILE",
	  .help = "parameters of noisy-or: default, reference, or a file", .offset = AT(model) },
	{ .name = "config", .letter = 'c', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "configuration whose thresholds count", .offset = AT(config) },
	{ .name = "schema", .type = SLO_OPT_ENUM, .arg = "v1beta1|v1",
	  .help = "fields of the verdicts; v1 leaves our additions out", .offset = AT(schema), .names = schemas },
	{ .name = "output", .letter = 'o', .type = SLO_OPT_ENUM, .arg = "text|json",
	  .help = "form of the summary on stdout, where --out is a file", .offset = AT(json), .names = outputs },
};
/* clang-format on */

const struct slo_options slo_cmd_attributor_options = {
	.prog = "sloctl attributor",
	.usage = "[options]",
	.about = "Which faults broke the SLO? Labels in the input never reach the predictor.\n"
		 "Exit: 0 done, 2 usage, 3 no incidents, 4 I/O error, 5 some lines rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct run {
	const struct attributor_args *args;
	struct slo_predictor predictor;
	struct slo_samples samples;
	struct slo_attribution_report report;
	struct slo_outfile *out, *summary, *confusion;
};

static void run_fini(struct run *r)
{
	slo_predictor_fini(&r->predictor);
	slo_samples_fini(&r->samples);
	slo_attribution_report_fini(&r->report);
	slo_outfile_freep(&r->out);
	slo_outfile_freep(&r->summary);
	slo_outfile_freep(&r->confusion);
}

/* Before anything is read: what cannot be written is told at once. */
static int open_outputs(struct run *r, struct slo_err *err)
{
	int code = slo_outfile_open(&r->out, r->args->out, err);

	if (code == 0 && r->args->summary_out)
		code = slo_outfile_open(&r->summary, r->args->summary_out, err);
	if (code == 0 && r->args->confusion_out)
		code = slo_outfile_open(&r->confusion, r->args->confusion_out, err);
	return code;
}

static int judge_one(struct run *r, const struct slo_fault_sample *sample,
                     const struct slo_fault_label *label, struct slo_err *err)
{
	const char *model = slo_predictor_model_name(&r->predictor);
	struct slo_attribution verdict;
	struct slo_incident incident;
	char line[SLO_INCIDENT_JSON_MAX];
	char *buf slo_cleanup(slo_freep) = NULL;
	ssize_t len;

	if (r->predictor.mode == SLO_ATTR_RULE)
		slo_attribute_rule(label->fault_label, label->confidence, &verdict);
	else
		slo_predictor_run(&r->predictor, &sample->observation, &verdict);
	incident = slo_samples_incident(sample, &verdict, model);
	len = slo_incident_json_write(line, sizeof(line), &incident, r->args->schema == 1);
	if (len == -ENOSPC) {
		/* Ids of any length are legal; every byte of them may become six. */
		size_t size = sizeof(line) + 6 * (size_t)slo_jsonl_offset(r->samples.in);

		size = size > 8 * (size_t)SLO_JSONL_LINE_MAX ? 8 * (size_t)SLO_JSONL_LINE_MAX
		                                             : size;
		buf = malloc(size);
		len = buf ? slo_incident_json_write(buf, size, &incident, r->args->schema == 1)
		          : -ENOMEM;
	}
	if (len < 0)
		return slo_err_set(err, (int)len, "cannot write a verdict: %s",
		                   strerror((int)-len));
	(void)fwrite(buf ? buf : line, 1, (size_t)len, slo_outfile_stream(r->out));
	return slo_attribution_report_add(&r->report, &verdict, sample, label, err);
}

static int judge_all(struct run *r, struct slo_err *err)
{
	struct slo_fault_sample sample;
	struct slo_fault_label label;
	int code;

	while ((code = slo_samples_next(&r->samples, &sample, &label, err)) == 1) {
		code = judge_one(r, &sample, &label, err);
		if (code < 0)
			return code;
	}
	r->report.rejected = slo_jsonl_rejected(r->samples.in);
	return code;
}

static int finish(struct run *r, struct slo_err *err)
{
	const char *out = r->args->out;
	int code;

	if (r->summary)
		slo_attribution_report_json(&r->report, slo_outfile_stream(r->summary));
	if (r->confusion)
		slo_attribution_report_confusion(&r->report, slo_outfile_stream(r->confusion));
	code = slo_outfile_commit(&r->out, err);
	if (code == 0 && r->summary)
		code = slo_outfile_commit(&r->summary, err);
	if (code == 0 && r->confusion)
		code = slo_outfile_commit(&r->confusion, err);
	if (code < 0 || !out || strcmp(out, "-") == 0)
		return code;
	if (r->args->json)
		slo_attribution_report_json(&r->report, stdout);
	else
		slo_attribution_report_text(&r->report, stdout);
	if (fflush(stdout) != 0)
		return slo_err_set(err, -errno, "standard output: %s", strerror(errno));
	return 0;
}

static int check_args(const struct attributor_args *args)
{
	const char *prog = slo_cmd_attributor_options.prog;
	const struct slo_tool_path paths[] = { { "--input", args->input },
		                               { "--out", args->out },
		                               { "--summary-out", args->summary_out },
		                               { "--confusion-out", args->confusion_out } };

	if (args->model && args->mode != SLO_ATTR_NOISY_OR)
		return slo_options_usage_error(prog,
		                               "--model goes with --attribution-mode noisy-or");
	if (args->confusion_out && args->mode == SLO_ATTR_RULE)
		return slo_options_usage_error(
			prog,
			"--confusion-out: rule repeats the label, so there is nothing to compare");
	return slo_tool_check_paths(prog, paths, SLO_ARRAY_SIZE(paths));
}

int slo_cmd_attributor(int argc, char **argv)
{
	struct attributor_args args = { .input = "-" };
	struct run r slo_cleanup(run_fini) = { .args = &args };
	struct slo_err err = { 0 };
	int first, code = slo_options_parse(&slo_cmd_attributor_options, argc, argv, &args, NULL,
	                                    &first);

	if (code != 0)
		return code == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (check_args(&args) != 0)
		return SLO_EXIT_USAGE;
	r.samples.tool.prog = slo_cmd_attributor_options.prog;
	code = slo_predictor_init(&r.predictor, (enum slo_attribution_mode)args.mode, args.model,
	                          args.config, &err);
	if (code < 0) {
		(void)slo_tool_fail(&r.samples.tool, &err);
		return code == -ENOMEM ? SLO_EXIT_BACKEND : SLO_EXIT_USAGE;
	}
	r.report.mode = slo_attribution_mode_name(r.predictor.mode);
	r.report.model = slo_predictor_model_name(&r.predictor);
	r.report.is_predictor = r.predictor.mode != SLO_ATTR_RULE;
	code = slo_samples_init(&r.samples, slo_cmd_attributor_options.prog, args.input, &err);
	if (code == 0)
		code = open_outputs(&r, &err);
	if (code == 0)
		code = judge_all(&r, &err);
	if (code == 0)
		code = finish(&r, &err);
	if (code < 0)
		return slo_tool_fail(&r.samples.tool, &err);
	return slo_samples_exit(&r.samples, SLO_EXIT_OK);
}
