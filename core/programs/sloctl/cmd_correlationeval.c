/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl correlationeval`: correlation held to labelled pairs. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/base/names.h"
#include "core/codec/csv.h"
#include "core/codec/labeled_pair.h"
#include "core/codec/record_time.h"
#include "core/engine/correlate_eval.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/tool.h"
#include "core/store/outfile.h"

#define JSON_MAX 2048
/* Case ids are remembered to tell twins; beyond this they are no longer told. */
#define CASES_MAX ((size_t)1 << 26)
#define CASES_BYTES ((size_t)1 << 31)
#define NS_PER_MS INT64_C(1000000)

struct eval_args {
	const char *input;
	const char *out;
	const char *predictions;
	uint64_t window_ms;
	double threshold;
	double min_precision;
	double min_recall;
	unsigned int distance; /* enum slo_corr_distance */
	unsigned int json; /* index of --output */
};

static const char *const outputs[] = { "text", "json", NULL };
static const char *const distances[] = {
	[SLO_CORR_POINT] = "point",
	[SLO_CORR_INTERVAL] = "interval",
	[SLO_CORR_DISTANCE_MAX_] = NULL,
};

#define AT(field) offsetof(struct eval_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "input", .letter = 'i', .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(input),
	  .help = "labelled pairs, one JSON object a line; -: stdin" },
	{ .name = "out", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(out),
	  .help = "write the summary as JSON; -: stdout" },
	{ .name = "predictions-out", .arg = "FILE", .type = SLO_OPT_STRING, .offset = AT(predictions),
	  .help = "write each pair's prediction as CSV; -: stdout" },
	{ .name = "window-ms", .arg = "N", .type = SLO_OPT_UINT, .offset = AT(window_ms), .max = 86400000,
	  .help = "nothing matches farther apart (2000)" },
	{ .name = "threshold", .arg = "X", .type = SLO_OPT_REAL, .offset = AT(threshold), .real_max = 1,
	  .help = "confidence that predicts a match (0.7)" },
	{ .name = "min-precision", .arg = "X", .type = SLO_OPT_REAL, .offset = AT(min_precision), .real_max = 1,
	  .help = "least precision that passes (0.9)" },
	{ .name = "min-recall", .arg = "X", .type = SLO_OPT_REAL, .offset = AT(min_recall), .real_max = 1,
	  .help = "least recall that passes (0.85)" },
	{ .name = "distance", .arg = "HOW", .type = SLO_OPT_ENUM, .offset = AT(distance), .names = distances,
	  .help = "point: from the span's start, the reference rule (default); interval: to the nearer end, 0 "
	          "inside, and two different trace ids never match" },
	{ .name = "output", .letter = 'o', .arg = "text|json", .type = SLO_OPT_ENUM, .offset = AT(json), .names = outputs,
	  .help = "form of the report" },
};
/* clang-format on */

const struct slo_options slo_cmd_correlationeval_options = {
	.prog = "sloctl correlationeval",
	.usage = "--input FILE [options]",
	.about =
		"Joins each labelled pair of a span and a signal by the tiers of certainty, and compares.",
	.notes = "A span may have an end_timestamp, for --distance interval.\n"
		 "Exit: 0 passed, 1 failed, 2 usage, 3 no pairs, 4 I/O error, 5 passed, but lines\n"
		 "were rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct evaluation {
	const struct eval_args *args;
	struct slo_tool *tool;
	struct slo_corr_rule rule;
	struct slo_corr_eval counts;
	struct slo_corr_figures figures;
	uint64_t rejected;
	bool passed;
	struct slo_names *cases;
	struct slo_outfile *csv; /* NULL: not asked for */
	struct slo_outfile *summary; /* NULL: not asked for */
};

/* --- pairs --------------------------------------------------------------------------------------------------- */

static const char *truth(bool v)
{
	return v ? "true" : "false";
}

static void write_prediction(FILE *out, const struct evaluation *ev,
                             const struct slo_labeled_pair *p, const struct slo_corr_match *m)
{
	bool predicted = slo_corr_is_predicted(&ev->rule, m);

	slo_csv_put(out, p->case_id);
	(void)fprintf(out, ",%s,%s,%s,%.4f,%s,%s,%s\n", slo_signal_desc(p->signal.signal)->name,
	              truth(p->expected_match), truth(predicted), m->confidence,
	              slo_corr_tier_desc(m->tier)->name, slo_corr_tier_desc(p->expected_tier)->name,
	              truth(predicted == p->expected_match));
}

/* 0, or -EBADMSG where the line is refused. */
static int judge(struct evaluation *ev, struct slo_jsonl *in, const json_t *object,
                 struct slo_err *err)
{
	struct slo_labeled_pair p = { 0 };
	struct slo_corr_match m;
	bool is_new;

	if (slo_labeled_pair_read(object, &p, err) < 0)
		return slo_jsonl_reject(in, err);
	if (slo_names_get(ev->cases, p.case_id, strlen(p.case_id), 0, &is_new) && !is_new) {
		(void)slo_err_set(
			err, -EEXIST,
			"field \"case_id\": \"%.80s\" was there before, expected one line a case",
			p.case_id);
		return slo_jsonl_reject(in, err);
	}
	m = slo_correlate(&ev->rule, &p.span, &p.signal);
	slo_corr_eval_add(&ev->counts, &ev->rule, &m, p.expected_match, p.expected_tier);
	if (ev->csv)
		write_prediction(slo_outfile_stream(ev->csv), ev, &p, &m);
	return 0;
}

/* 0, or a negative errno where the input cannot be read to its end. */
static int judge_all(struct evaluation *ev, struct slo_jsonl *in, struct slo_err *err)
{
	json_t *object = NULL;
	int r;

	if (ev->csv)
		(void)fputs(
			"case_id,signal,expected_match,predicted_match,confidence,tier,expected_"
			"tier,is_correct\n",
			slo_outfile_stream(ev->csv));
	while ((r = slo_jsonl_next(in, &object, err)) != 0) {
		if (r == 1) {
			r = judge(ev, in, object, err);
			json_decref(object);
		}
		if (r == -EBADMSG)
			slo_tool_bad_line(ev->tool, err);
		else if (r < 0)
			return r;
		slo_tool_progress(ev->tool, in);
	}
	ev->rejected = slo_jsonl_rejected(in);
	slo_tool_clear(ev->tool);
	return 0;
}

/* --- report -------------------------------------------------------------------------------------------------- */

static void json_counts(struct slo_jsonw *w, const struct evaluation *ev)
{
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{ "sample_size", ev->figures.pairs },
		{ "true_positive", ev->counts.true_positive },
		{ "false_positive", ev->counts.false_positive },
		{ "false_negative", ev->counts.false_negative },
		{ "true_negative", ev->counts.true_negative },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(counts); i++) {
		slo_jsonw_member_u64(w, counts[i].key, counts[i].value);
	}
}

static void json_figures(struct slo_jsonw *w, const struct evaluation *ev)
{
	const struct {
		const char *key;
		double value;
	} figures[] = {
		{ "precision", ev->figures.precision },
		{ "recall", ev->figures.recall },
		{ "f1", ev->figures.f1 },
		{ "tier_accuracy", ev->figures.tier_accuracy },
		{ "mean_confidence", ev->figures.mean_confidence },
		{ "window_ms", (double)ev->args->window_ms },
		{ "threshold", ev->args->threshold },
		{ "min_precision_required", ev->args->min_precision },
		{ "min_recall_required", ev->args->min_recall },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(figures); i++) {
		slo_jsonw_member_double(w, figures[i].key, figures[i].value);
	}
}

static void write_json(FILE *out, const struct evaluation *ev)
{
	char buf[JSON_MAX], now[SLO_RECORD_TIME_SIZE];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_str(&w, "generated_at", slo_tool_generated_at(now));
	json_counts(&w, ev);
	json_figures(&w, ev);
	slo_jsonw_member_bool(&w, "passed_gate", ev->passed);
	slo_jsonw_member_str(&w, "distance", distances[ev->args->distance]);
	slo_jsonw_member_u64(&w, "rejected", ev->rejected);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) > 0)
		(void)fprintf(out, "%s\n", buf);
}

static void write_text(FILE *out, const struct evaluation *ev)
{
	const struct slo_corr_figures *f = &ev->figures;

	(void)fprintf(out, "pairs            %" PRIu64 "\n", f->pairs);
	(void)fprintf(out, "true positive    %-10" PRIu64 " false positive   %" PRIu64 "\n",
	              ev->counts.true_positive, ev->counts.false_positive);
	(void)fprintf(out, "false negative   %-10" PRIu64 " true negative    %" PRIu64 "\n",
	              ev->counts.false_negative, ev->counts.true_negative);
	(void)fprintf(out, "precision        %-10.4f at least         %g\n", f->precision,
	              ev->args->min_precision);
	(void)fprintf(out, "recall           %-10.4f at least         %g\n", f->recall,
	              ev->args->min_recall);
	(void)fprintf(out, "f1               %.4f\n", f->f1);
	(void)fprintf(out, "tier accuracy    %-10.4f of               %" PRIu64 " predicted\n",
	              f->tier_accuracy, ev->counts.tiers_judged);
	(void)fprintf(out, "mean confidence  %.4f\n", f->mean_confidence);
	(void)fprintf(out, "%s\n", ev->passed ? "passed" : "failed");
}

/* Files first, so that a report on the terminal means they are there. 0 or a negative errno. */
static int write_all(struct evaluation *ev, struct slo_err *err)
{
	slo_outfile_auto struct slo_outfile *report = NULL;
	const char *out = ev->args->out, *csv = ev->args->predictions;
	int r = 0;

	if (ev->summary) {
		write_json(slo_outfile_stream(ev->summary), ev);
		r = slo_outfile_commit(&ev->summary, err);
	}
	if (r == 0 && ev->csv)
		r = slo_outfile_commit(&ev->csv, err);
	if (r < 0 || (out && strcmp(out, "-") == 0) || (csv && strcmp(csv, "-") == 0))
		return r;
	r = slo_outfile_open(&report, NULL, err);
	if (r < 0)
		return r;
	if (ev->args->json)
		write_json(slo_outfile_stream(report), ev);
	else
		write_text(slo_outfile_stream(report), ev);
	return slo_outfile_commit(&report, err);
}

/* --- command ------------------------------------------------------------------------------------------------- */

static int open_all(struct evaluation *ev, struct slo_jsonl **ret_in, struct slo_err *err)
{
	const struct slo_names_config cases = { CASES_MAX, CASES_BYTES };
	int r = slo_names_new(&ev->cases, &cases, err);

	if (r == 0)
		r = slo_jsonl_open(ret_in, ev->args->input, err);
	if (r == 0 && ev->args->out)
		r = slo_outfile_open(&ev->summary, ev->args->out, err);
	if (r == 0 && ev->args->predictions)
		r = slo_outfile_open(&ev->csv, ev->args->predictions, err);
	return r;
}

static int evaluate(struct evaluation *ev)
{
	slo_jsonl_auto struct slo_jsonl *in = NULL;
	struct slo_err err = { 0 };
	int r = open_all(ev, &in, &err);

	if (r == 0)
		r = judge_all(ev, in, &err);
	if (r < 0)
		return slo_tool_fail(ev->tool, &err);
	slo_corr_eval_figures(&ev->counts, &ev->figures);
	if (ev->figures.pairs == 0) {
		(void)slo_err_set(&err, -ENODATA, "no labelled pair in %.100s, nothing is written",
		                  strcmp(ev->args->input, "-") == 0 ? "stdin" : ev->args->input);
		(void)slo_tool_fail(ev->tool, &err);
		return slo_tool_exit(ev->tool, ev->rejected, SLO_EXIT_NO_DATA);
	}
	ev->passed = ev->figures.precision >= ev->args->min_precision &&
	             ev->figures.recall >= ev->args->min_recall;
	r = write_all(ev, &err);
	if (r < 0)
		return slo_tool_fail(ev->tool, &err);
	return slo_tool_exit(ev->tool, ev->rejected, ev->passed ? SLO_EXIT_OK : SLO_EXIT_NEGATIVE);
}

/* 0, or the exit code of a usage error, which has been told. */
static int check_args(const struct eval_args *args)
{
	const char *prog = slo_cmd_correlationeval_options.prog;
	const struct slo_tool_path paths[] = { { "--input", args->input },
		                               { "--out", args->out },
		                               { "--predictions-out", args->predictions } };

	if (!args->input)
		return slo_options_usage_error(prog, "which pairs? --input FILE, - for stdin");
	return slo_tool_check_paths(prog, paths, SLO_ARRAY_SIZE(paths));
}

int slo_cmd_correlationeval(int argc, char **argv)
{
	struct eval_args args = {
		.window_ms = SLO_CORR_WINDOW_NS / NS_PER_MS,
		.threshold = SLO_CORR_THRESHOLD,
		.min_precision = 0.9,
		.min_recall = 0.85,
	};
	struct slo_tool tool = { .prog = slo_cmd_correlationeval_options.prog };
	struct evaluation ev = { .args = &args, .tool = &tool };
	int first, r;

	r = slo_options_parse(&slo_cmd_correlationeval_options, argc, argv, &args, NULL, &first);
	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	r = check_args(&args);
	if (r != 0)
		return r;
	ev.rule = (struct slo_corr_rule){
		.window_ns = (int64_t)args.window_ms * NS_PER_MS,
		.threshold = args.threshold,
		.distance = (enum slo_corr_distance)args.distance,
	};
	r = evaluate(&ev);
	slo_names_freep(&ev.cases);
	slo_outfile_freep(&ev.csv);
	slo_outfile_freep(&ev.summary);
	return r;
}
