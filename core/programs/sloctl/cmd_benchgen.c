/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl benchgen`: labelled incidents in, a bundle of files out that says how good the verdicts are. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/programs/options.h"
#include "core/programs/sloctl/bench.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/samples.h"
#include "core/store/outfile.h"

#define JSON_MAX ((size_t)512 * 1024) /* sixteen methods take a fifth of it */
#define PATH_LEN 4096
#define SEED_DEFAULT 1

struct benchgen_args {
	const char *input;
	const char *out;
	const char *scenario;
	const char *model;
	const char *commit;
	const char *time;
	uint64_t seed;
	unsigned int mode; /* enum slo_attribution_mode */
	unsigned int json; /* index of --output */
};

static const char *const outputs[] = { "text", "json", NULL };

#define AT(field) offsetof(struct benchgen_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "input", .letter = 'i', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "labelled fault samples, one JSON object a line; - is stdin (default)", .offset = AT(input) },
	{ .name = "out", .type = SLO_OPT_STRING, .arg = "DIR",
	  .help = "folder of the bundle, made where it is missing; none: only the summary on stdout", .offset = AT(out) },
	{ .name = "scenario", .type = SLO_OPT_STRING, .arg = "NAME",
	  .help = "name of what was run, for the titles", .offset = AT(scenario) },
	{ .name = "attribution-mode", .letter = 'm', .type = SLO_OPT_ENUM, .arg = "MODE",
	  .help = "noisy-or (default), bayes, or rule: repeats the label, so nothing is measured", .offset = AT(mode),
	  .names = slo_attribution_mode_names },
	{ .name = "model", .type = SLO_OPT_STRING, .arg = "NAME|FILE",
	  .help = "parameters of noisy-or: default, reference, or a file", .offset = AT(model) },
	{ .name = "seed", .type = SLO_OPT_UINT, .arg = "N", .min = 0, .max = UINT64_MAX,
	  .help = "of the bootstrap (1)", .offset = AT(seed) },
	{ .name = "commit", .type = SLO_OPT_STRING, .arg = "ID",
	  .help = "commit for the provenance (the one this program was built from)", .offset = AT(commit) },
	{ .name = "time", .type = SLO_OPT_STRING, .arg = "RFC3339",
	  .help = "time for the provenance (SOURCE_DATE_EPOCH, else now)", .offset = AT(time) },
	{ .name = "output", .letter = 'o', .type = SLO_OPT_ENUM, .arg = "text|json",
	  .help = "form of the summary on stdout", .offset = AT(json), .names = outputs },
};
/* clang-format on */

const struct slo_options slo_cmd_benchgen_options = {
	.prog = "sloctl benchgen",
	.usage = "[options]",
	.about =
		"How good are the verdicts? Predictors get signals only, labels are joined after.\n"
		"Exit: 0 done, 2 usage, 3 no incidents or none labelled, 4 I/O error, 5 some\n"
		"lines rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.notes = "Writes predictions.jsonl, confusion.csv, metrics.json, calibration.csv,\n"
		 "risk_coverage.csv, summary.json, provenance.json, report.md and report.html.",
};

struct run {
	const struct benchgen_args *args;
	struct slo_predictor predictor;
	struct slo_samples samples;
	struct bench_data data;
	struct bench bench;
	struct slo_outfile *predictions;
	char *line; /* owned: one verdict as JSON */
	size_t line_size;
	bool made_folder;
};

static void run_fini(struct run *r)
{
	slo_predictor_fini(&r->predictor);
	slo_samples_fini(&r->samples);
	bench_data_fini(&r->data);
	bench_fini(&r->bench);
	slo_outfile_freep(&r->predictions);
	slo_freep(&r->line);
}

/* Reading has its own progress; behind it comes work that may take a minute. */
static void show_progress(void *user, const char *what)
{
	struct slo_tool *tool = &((struct run *)user)->samples.tool;

	if (!isatty(STDERR_FILENO))
		return;
	(void)fprintf(stderr, "\r\033[K%s: measuring %s", tool->prog, what);
	tool->drawn = true;
}

/* --- provenance ---------------------------------------------------------------------------------------------- */

static int set_origin(struct run *r, struct slo_err *err)
{
	const struct benchgen_args *args = r->args;
	const struct bench_origin origin = {
		.input = args->input,
		.model = args->mode == SLO_ATTR_NOISY_OR ? (args->model ? args->model : "default")
		                                         : NULL,
		.commit = args->commit,
		.time = args->time,
	};
	struct bench *b = &r->bench;

	b->scenario = args->scenario;
	b->mode = r->predictor.mode;
	b->predicts = b->mode != SLO_ATTR_RULE;
	b->seed = args->seed;
	b->progress = show_progress;
	b->progress_user = r;
	(void)snprintf(b->model, sizeof(b->model), "%s", slo_predictor_model_name(&r->predictor));
	return bench_set_origin(b, &origin, err);
}

/* --- reading ------------------------------------------------------------------------------------------------- */

/* Ids of any length are legal: the buffer grows until the line fits. */
static int put_verdict(struct run *r, const struct slo_incident *incident, struct slo_err *err)
{
	ssize_t len = -ENOSPC;

	if (!r->predictions)
		return 0;
	for (;;) {
		size_t size = r->line_size ? r->line_size : SLO_INCIDENT_JSON_MAX;
		char *more;

		if (r->line)
			len = slo_incident_json_write(r->line, size, incident, false);
		if (len != -ENOSPC || size > 16 * (size_t)SLO_JSONL_LINE_MAX)
			break;
		size = r->line ? 2 * size : size;
		more = realloc(r->line, size);
		if (!more)
			return slo_err_set(err, -ENOMEM, "out of memory");
		r->line = more;
		r->line_size = size;
	}
	if (len < 0)
		return slo_err_set(err, (int)len, "cannot write a verdict: %s",
		                   strerror((int)-len));
	(void)fwrite(r->line, 1, (size_t)len, slo_outfile_stream(r->predictions));
	return 0;
}

static int keep(struct run *r, const struct slo_fault_sample *sample,
                const struct slo_fault_label *label, struct slo_err *err)
{
	struct slo_eval_sample to = {
		.present = sample->observation.present,
		.truth = slo_fault_label_set(label),
		.fold = (uint8_t)slo_eval_fold(NULL, sample->incident_id, SLO_EVAL_FOLDS),
		.labelled = label->is_labelled,
	};
	int code;

	memcpy(to.value, sample->observation.value, sizeof(to.value));
	code = bench_data_add(&r->data, &to, sample->incident_id);
	if (code == -ENOMEM)
		return slo_err_set(err, code, "out of memory");
	r->bench.dropped += code == -ENOSPC;
	return 0;
}

static void count(struct bench *b, const struct slo_fault_sample *sample,
                  const struct slo_fault_label *label, const struct slo_attribution *verdict)
{
	const uint32_t kernel = SLO_EVID_BIT(SLO_SIG_MAX_) - 1;
	uint32_t present = sample->observation.present;

	b->samples++;
	b->labelled += label->is_labelled;
	b->without_signals += present == 0;
	b->synthetic += sample->synthetic;
	b->has_kernel = b->has_kernel || (present & kernel) != 0;
	b->has_span = b->has_span || (present & ~kernel) != 0;
	b->abstained[verdict->abstain]++;
	if (label->is_labelled && b->predicts) {
		bool said = verdict->abstain == SLO_ABSTAIN_NONE;

		b->primary.cell[label->domain][said ? verdict->top : SLO_EVAL_ABSTAIN]++;
		b->primary.cases++;
	}
}

static int read_one(struct run *r, const struct slo_fault_sample *sample,
                    const struct slo_fault_label *label, struct slo_err *err)
{
	struct slo_attribution verdict;
	struct slo_incident incident;
	int code;

	if (r->bench.predicts)
		slo_predictor_run(&r->predictor, &sample->observation, &verdict);
	else
		slo_attribute_rule(label->fault_label, label->confidence, &verdict);
	incident = slo_samples_incident(sample, &verdict, r->bench.model);
	code = put_verdict(r, &incident, err);
	if (code == 0)
		code = keep(r, sample, label, err);
	if (code == 0)
		count(&r->bench, sample, label, &verdict);
	return code;
}

static int read_all(struct run *r, struct slo_err *err)
{
	struct slo_fault_sample sample;
	struct slo_fault_label label;
	int code;

	while ((code = slo_samples_next(&r->samples, &sample, &label, err)) == 1) {
		code = read_one(r, &sample, &label, err);
		if (code < 0)
			return code;
	}
	r->bench.rejected = slo_jsonl_rejected(r->samples.in);
	return code;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static int put_json(FILE *out, const struct bench *b,
                    void (*write)(struct slo_jsonw *w, const struct bench *b), struct slo_err *err)
{
	char *buf slo_cleanup(slo_freep) = malloc(JSON_MAX);
	struct slo_jsonw w;
	ssize_t len;

	if (!buf)
		return slo_err_set(err, -ENOMEM, "out of memory");
	slo_jsonw_init(&w, buf, JSON_MAX);
	write(&w, b);
	len = slo_jsonw_finish(&w);
	if (len < 0)
		return slo_err_set(err, (int)len, "the report is larger than %zu KiB",
		                   JSON_MAX / 1024);
	(void)fwrite(buf, 1, (size_t)len, out);
	(void)fputc('\n', out);
	return 0;
}

/* One file of the bundle; one of the two writers. */
struct bundle_file {
	const char *name;
	void (*json)(struct slo_jsonw *w, const struct bench *b);
	void (*text)(FILE *out, const struct bench *b);
	bool measured; /* only where something was measured */
};

static const struct bundle_file bundle[] = {
	{ "metrics.json", bench_json_metrics, NULL, false },
	{ "provenance.json", bench_json_provenance, NULL, false },
	{ "confusion.csv", NULL, bench_csv_confusion, true },
	{ "calibration.csv", NULL, bench_csv_calibration, true },
	{ "risk_coverage.csv", NULL, bench_csv_risk, true },
	{ "report.md", NULL, bench_report_md, false },
	{ "report.html", NULL, bench_report_html, false },
	/* Last: where it is there, the bundle is whole. */
	{ "summary.json", bench_json_summary, NULL, false },
};

static int open_in(const char *dir, const char *name, struct slo_outfile **ret, struct slo_err *err)
{
	char path[PATH_LEN];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return slo_err_set(err, -ENAMETOOLONG, "--out: the name is too long");
	return slo_outfile_open(ret, path, err);
}

static int write_file(const struct run *r, const struct bundle_file *f, struct slo_err *err)
{
	struct slo_outfile *out slo_outfile_auto = NULL;
	int code = open_in(r->args->out, f->name, &out, err);

	if (code < 0)
		return code;
	if (f->json) {
		code = put_json(slo_outfile_stream(out), &r->bench, f->json, err);
		if (code < 0)
			return code;
	} else {
		f->text(slo_outfile_stream(out), &r->bench);
	}
	return slo_outfile_commit(&out, err);
}

/* A file of an earlier run that this one did not measure must not stand beside the new ones. */
static int remove_stale(const char *dir, const char *name, struct slo_err *err)
{
	char path[PATH_LEN];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return slo_err_set(err, -ENAMETOOLONG, "--out: the name is too long");
	if (unlink(path) < 0 && errno != ENOENT)
		return slo_err_set(err, -errno, "cannot remove the old %.100s: %s", path,
		                   strerror(errno));
	return 0;
}

static int write_bundle(struct run *r, struct slo_err *err)
{
	/* An older summary must not vouch for a bundle that is half new. */
	int code = remove_stale(r->args->out, "summary.json", err);

	if (code == 0)
		code = slo_outfile_commit(&r->predictions, err);
	for (size_t i = 0; code == 0 && i < SLO_ARRAY_SIZE(bundle); i++) {
		const struct bundle_file *f = &bundle[i];

		if (f->measured && r->bench.methods == 0)
			code = remove_stale(r->args->out, f->name, err);
		else
			code = write_file(r, f, err);
	}
	return code;
}

static int begin_bundle(struct run *r, struct slo_err *err)
{
	const char *dir = r->args->out;

	if (!dir)
		return 0;
	r->made_folder = mkdir(dir, 0777) == 0;
	if (!r->made_folder && errno != EEXIST)
		return slo_err_set(err, -errno, "cannot make the folder %.100s: %s", dir,
		                   strerror(errno));
	return open_in(dir, "predictions.jsonl", &r->predictions, err);
}

static int tell(struct run *r, struct slo_err *err)
{
	int code = 0;

	/* The summary may go to the same terminal. */
	if (r->samples.tool.drawn)
		(void)fputs("\r\033[K", stderr);
	r->samples.tool.drawn = false;
	if (r->args->json)
		code = put_json(stdout, &r->bench, bench_json_summary, err);
	else
		bench_text(stdout, &r->bench);
	if (code == 0 && fflush(stdout) != 0)
		code = slo_err_set(err, -errno, "standard output: %s", strerror(errno));
	return code;
}

/* --- the command --------------------------------------------------------------------------------------------- */

static int work(struct run *r, struct slo_err *err)
{
	int code =
		slo_samples_init(&r->samples, slo_cmd_benchgen_options.prog, r->args->input, err);

	if (code == 0)
		code = begin_bundle(r, err);
	if (code == 0)
		code = read_all(r, err);
	if (code == 0)
		code = bench_measure(&r->bench, &r->data, r->predictor.model, err);
	if (code == 0 && r->args->out && r->bench.samples > 0)
		code = write_bundle(r, err);
	if (code == 0 && r->bench.samples > 0)
		code = tell(r, err);
	return code;
}

/* The exit code of a run whose input was read to its end. */
static int conclude(struct run *r)
{
	const struct bench *b = &r->bench;
	int code = SLO_EXIT_OK;

	if (b->dropped)
		(void)fprintf(stderr, "%s: %llu samples past %u were left out\n",
		              slo_cmd_benchgen_options.prog, (unsigned long long)b->dropped,
		              BENCH_SAMPLES_MAX);
	if (b->predicts && b->samples > 0 && b->labelled == 0) {
		(void)fprintf(stderr, "%s: %s\n", slo_cmd_benchgen_options.prog,
		              bench_unmeasured(b));
		code = SLO_EXIT_NO_DATA;
	}
	return slo_samples_exit(&r->samples, code);
}

int slo_cmd_benchgen(int argc, char **argv)
{
	struct benchgen_args args = { .input = "-", .seed = SEED_DEFAULT };
	struct run *r slo_cleanup(slo_freep) = NULL;
	struct slo_err err = { 0 };
	int first, code = slo_options_parse(&slo_cmd_benchgen_options, argc, argv, &args, NULL,
	                                    &first);

	if (code != 0)
		return code == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (args.model && args.mode != SLO_ATTR_NOISY_OR)
		return slo_options_usage_error(slo_cmd_benchgen_options.prog,
		                               "--model goes with --attribution-mode noisy-or");
	r = calloc(1, sizeof(*r));
	if (!r) {
		(void)fprintf(stderr, "%s: out of memory\n", slo_cmd_benchgen_options.prog);
		return SLO_EXIT_BACKEND;
	}
	r->args = &args;
	r->samples.tool.prog = slo_cmd_benchgen_options.prog;
	code = slo_predictor_init(&r->predictor, (enum slo_attribution_mode)args.mode, args.model,
	                          NULL, &err);
	if (code == 0)
		code = set_origin(r, &err);
	if (code < 0) {
		(void)slo_tool_fail(&r->samples.tool, &err);
		code = code == -ENOMEM ? SLO_EXIT_BACKEND : SLO_EXIT_USAGE;
	} else if (work(r, &err) < 0) {
		code = slo_tool_fail(&r->samples.tool, &err);
	} else {
		code = conclude(r);
	}
	run_fini(r);
	/* Of ours, and only where nothing came to be in it. */
	if (r->made_folder)
		(void)rmdir(args.out);
	return code;
}
