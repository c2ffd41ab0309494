/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl explain`: why a verdict is what it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/plain.h"
#include "core/programs/explain.h"
#include "core/programs/options.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/control.h"
#include "core/programs/sloctl/samples.h"

struct explain_args {
	const char *input; /* NULL: the agent is asked, or standard input read */
	const char *control;
	const char *id;
	const char *model;
	const char *config;
	unsigned int output;
};

enum {
	OUTPUT_TEXT,
	OUTPUT_JSON,
	OUTPUT_SVG
};
static const char *const outputs[] = { "text", "json", "svg", NULL };

#define AT(field) offsetof(struct explain_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "input", .letter = 'i', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "fault samples, one JSON object a line; - is stdin (default)", .offset = AT(input) },
	{ .name = "control", .type = SLO_OPT_STRING, .arg = "SOCKET",
	  .help = "the agent's socket ([agent] control), for ID", .offset = AT(control) },
	{ .name = "id", .type = SLO_OPT_STRING, .arg = "ID",
	  .help = "incident_id of the one to explain; without it the first", .offset = AT(id) },
	{ .name = "model", .type = SLO_OPT_STRING, .arg = "NAME|FILE",
	  .help = "parameters: default, reference, or a file", .offset = AT(model) },
	{ .name = "config", .letter = 'c', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "configuration whose thresholds count", .offset = AT(config) },
	{ .name = "output", .letter = 'o', .type = SLO_OPT_ENUM, .arg = "text|json|svg",
	  .help = "form of the explanation; svg is a picture", .offset = AT(output), .names = outputs },
};
/* clang-format on */

const struct slo_options slo_cmd_explain_options = {
	.prog = "sloctl explain",
	.usage = "[ID] [options]",
	.operands_max = 1,
	.about =
		"With ID, the agent of this host is asked for that incident (latest: its newest one); else\n"
		"one of a file is judged.\n"
		"One incident: what each signal adds to the odds of a fault (in nats, e-fold), what\n"
		"could not be seen and why, what to do next.\n"
		"Exit: 0 done, 2 usage, 3 no such incident, 4 I/O error, or no agent answers.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

/* 1 and the incident; 0: there is none. */
static int find(struct slo_samples *s, const char *id, struct slo_fault_sample *ret,
                struct slo_err *err)
{
	struct slo_fault_label unused; /* of no use to a predictor */
	int r;

	while ((r = slo_samples_next(s, ret, &unused, err)) == 1) {
		if (!id || strcmp(ret->incident_id, id) == 0)
			return 1;
	}
	return r;
}

static int show(const struct explain_args *args, const struct slo_predictor *p,
                const struct slo_fault_sample *sample, struct slo_err *err)
{
	struct slo_attribution verdict;
	struct slo_incident incident;
	int r = 0;

	slo_predictor_run(p, &sample->observation, &verdict);
	incident = slo_samples_incident(sample, &verdict, slo_predictor_model_name(p));
	if (args->output == OUTPUT_JSON)
		r = slo_explain_json(stdout, p->model, &incident);
	else if (args->output == OUTPUT_SVG)
		r = slo_explain_svg(stdout, p->model, &incident);
	else
		slo_explain_text(stdout, p->model, &incident, slo_wants_colour(STDOUT_FILENO));
	if (r < 0)
		return slo_err_set(err, r, "the explanation cannot be written: %s", strerror(-r));
	if (fflush(stdout) != 0)
		return slo_err_set(err, -errno, "standard output: %s", strerror(errno));
	return 0;
}

/* The agent judged it with its own baselines: its page, or its object, as it is. */
static int ask_agent(const struct explain_args *args, const char *id)
{
	const char *prog = slo_cmd_explain_options.prog;
	char path[SLO_CONFIG_TEXT_LEN];
	struct slo_err err = { 0 };
	json_t *answer = NULL;
	int r = slo_control_path(prog, NULL, args->control, path, sizeof(path));

	if (r)
		return r;
	r = slo_control_ask(path, "explain", strcmp(id, "latest") == 0 ? "" : id, &answer, &err);
	if (r < 0) {
		(void)fprintf(stderr, "%s: %s\n", prog, err.msg);
		return r == -ESRCH ? SLO_EXIT_NO_DATA : SLO_EXIT_BACKEND;
	}
	if (args->output == OUTPUT_JSON) {
		(void)json_dumpf(json_object_get(answer, "explanation"), stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (*slo_control_text(answer, outputs[args->output])) {
		(void)fputs(slo_control_text(answer, outputs[args->output]), stdout);
	} else {
		(void)fprintf(stderr, "%s: that agent gives no %s: it is older than this sloctl\n",
		              prog, outputs[args->output]);
		json_decref(answer);
		return SLO_EXIT_BACKEND;
	}
	json_decref(answer);
	return SLO_EXIT_OK;
}

int slo_cmd_explain(int argc, char **argv)
{
	struct explain_args args = { 0 };
	struct slo_predictor predictor slo_predictor_auto = { 0 };
	struct slo_samples samples slo_samples_auto = { 0 };
	struct slo_fault_sample sample;
	struct slo_err err = { 0 };
	int first, r = slo_options_parse(&slo_cmd_explain_options, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (first < argc && (args.input || args.id))
		return slo_options_usage_error(
			slo_cmd_explain_options.prog,
			"ID asks the agent, --input and --id a file: one of them");
	if (first < argc)
		return ask_agent(&args, argv[first]);
	samples.tool.prog = slo_cmd_explain_options.prog;
	r = slo_predictor_init(&predictor, SLO_ATTR_NOISY_OR, args.model, args.config, &err);
	if (r < 0) {
		(void)slo_tool_fail(&samples.tool, &err);
		return r == -ENOMEM ? SLO_EXIT_BACKEND : SLO_EXIT_USAGE;
	}
	r = slo_samples_init(&samples, slo_cmd_explain_options.prog, args.input ? args.input : "-",
	                     &err);
	if (r == 0)
		r = find(&samples, args.id, &sample, &err);
	if (r == 0 && args.id) {
		(void)fprintf(stderr, "sloctl explain: no incident has the id '%s'\n", args.id);
		return SLO_EXIT_NO_DATA;
	}
	if (r == 1)
		r = show(&args, &predictor, &sample, &err);
	return r < 0 ? slo_tool_fail(&samples.tool, &err) : slo_samples_exit(&samples, SLO_EXIT_OK);
}
