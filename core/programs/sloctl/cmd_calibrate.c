/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl calibrate`: parameters of noisy-or from labelled incidents, and what they are worth on incidents not seen. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/config/model_ini.h"
#include "core/engine/attribute_fit.h"
#include "core/engine/attribute_sets.h"
#include "core/engine/evaluate.h"
#include "core/programs/options.h"
#include "core/programs/sloctl/calibrate_report.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/samples.h"
#include "core/store/outfile.h"

/* A fold with fewer incidents on average says nothing. */
#define FOLD_MIN 2

struct calibrate_args {
	const char *input;
	const char *out;
	const char *model;
	const char *name;
	uint64_t folds;
	double alpha;
	bool keep_lambdas;
	unsigned int json; /* index of --output */
};

static const char *const outputs[] = { "text", "json", NULL };

#define AT(field) offsetof(struct calibrate_args, field)

/* clang-format off */
static const struct slo_option rows[] = {
	{ .name = "input", .letter = 'i', .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "labelled fault samples, one JSON object a line; - is stdin (default)", .offset = AT(input) },
	{ .name = "out", .type = SLO_OPT_STRING, .arg = "FILE",
	  .help = "the parameter file; - is stdout (default)", .offset = AT(out) },
	{ .name = "model", .type = SLO_OPT_STRING, .arg = "NAME|FILE",
	  .help = "parameters to begin with: default, reference, or a file", .offset = AT(model) },
	{ .name = "name", .type = SLO_OPT_STRING, .arg = "NAME",
	  .help = "name of the new set (\"calibrated\")", .offset = AT(name) },
	{ .name = "folds", .type = SLO_OPT_UINT, .arg = "N",
	  .help = "parts of the cross-validation (5)", .offset = AT(folds), .min = 2, .max = 100 },
	{ .name = "alpha", .type = SLO_OPT_REAL, .arg = "A",
	  .help = "the conformal set misses a true domain this often at most (0.1)", .offset = AT(alpha),
	  .real_min = 0.001, .real_max = 0.999 },
	{ .name = "keep-lambdas", .type = SLO_OPT_BOOL,
	  .help = "fit temperature and conformal quantile alone", .offset = AT(keep_lambdas) },
	{ .name = "output", .letter = 'o', .type = SLO_OPT_ENUM, .arg = "text|json",
	  .help = "form of the report on stdout, where --out is a file", .offset = AT(json), .names = outputs },
};
/* clang-format on */

const struct slo_options slo_cmd_calibrate_options = {
	.prog = "sloctl calibrate",
	.usage = "[options]",
	.about =
		"Fits leaks, lambdas, temperature and the conformal quantile to labelled incidents.\n"
		"All figures \"after\" are of incidents that the parameters had not seen.\n"
		"Exit: 0 done, 2 usage, 3 too few labelled incidents, 4 I/O error, 5 some lines\n"
		"rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct fit {
	const struct calibrate_args *args;
	struct slo_samples samples;
	struct slo_attr_model *base,
		*now; /* owned; @now is the one being fitted, in the end the result */
	struct slo_fit_case *cases; /* owned, as the next three, of @count each */
	double (*log_p)[SLO_FAULT_SETS]; /* of a model that has not seen the case */
	struct slo_eval_case *judged;
	double *scores;
	size_t count, size;
	struct slo_calibrate_report report;
};

static void fit_fini(struct fit *f)
{
	slo_samples_fini(&f->samples);
	slo_freep(&f->base);
	slo_freep(&f->now);
	slo_freep(&f->cases);
	slo_freep(&f->log_p);
	slo_freep(&f->judged);
	slo_freep(&f->scores);
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static int add_case(struct fit *f, const struct slo_fault_sample *sample,
                    const struct slo_fault_label *label, struct slo_err *err)
{
	struct slo_fit_case *c;

	if (f->count == SLO_CALIBRATE_MAX) {
		f->report.beyond++;
		return 0;
	}
	if (f->count == f->size) {
		size_t size = f->size ? 2 * f->size : 256;
		struct slo_fit_case *cases = realloc(f->cases, size * sizeof(*cases));

		if (!cases)
			return slo_err_set(err, -ENOMEM, "out of memory");
		f->cases = cases;
		f->size = size;
	}
	c = &f->cases[f->count++];
	slo_fit_case_init(c, f->base, &sample->observation);
	c->truth = slo_fault_label_set(label);
	c->fold = slo_eval_fold("", sample->incident_id, (unsigned int)f->args->folds);
	return 0;
}

static int read_cases(struct fit *f, struct slo_err *err)
{
	struct slo_fault_sample sample;
	struct slo_fault_label label;
	int r;

	while ((r = slo_samples_next(&f->samples, &sample, &label, err)) == 1) {
		r = label.is_labelled ? add_case(f, &sample, &label, err) : 0;
		if (r < 0)
			return r;
	}
	return r;
}

static int allocate(struct fit *f, struct slo_err *err)
{
	f->log_p = calloc(f->count, sizeof(*f->log_p));
	f->judged = calloc(f->count, sizeof(*f->judged));
	f->scores = calloc(f->count, sizeof(*f->scores));
	if (!f->log_p || !f->judged || !f->scores)
		return slo_err_set(err, -ENOMEM, "out of memory");
	return 0;
}

/* --- figures ---------------------------------------------------------------------------------------------------- */

static uint32_t best_set(const double p[SLO_FAULT_SETS])
{
	uint32_t best = 0;

	for (uint32_t set = 1; set < SLO_FAULT_SETS; set++)
		best = p[set] > p[best] ? set : best;
	return best;
}

/* From f->log_p[i] at @temperature into f->judged[i]. Returns -ln P(truth). */
static double judge(struct fit *f, size_t i, double temperature)
{
	struct slo_eval_case *j = &f->judged[i];
	double p[SLO_FAULT_SETS];

	slo_attr_normalise(f->log_p[i], temperature, p);
	slo_attr_marginals(p, j->posterior);
	j->truth = f->cases[i].truth;
	j->set = best_set(p);
	j->probabilistic = true;
	return -log(fmax(p[j->truth], 1e-300));
}

static void figures_of(const struct fit *f, double loss, struct slo_calibrate_figures *ret)
{
	struct slo_eval_sets sets;
	struct slo_eval_average micro;
	double squares = 0;

	slo_eval_sets_of(f->judged, f->count, SLO_EVAL_FORCED, &sets);
	slo_eval_micro(&sets, &micro);
	for (size_t i = 0; i < f->count; i++) {
		for (unsigned int k = 0; k < SLO_FAULT_MAX; k++) {
			double miss = f->judged[i].posterior[k] -
			              (f->judged[i].truth & SLO_DOMAIN_BIT(k) ? 1 : 0);

			squares += miss * miss;
		}
	}
	ret->exact = slo_eval_ratio(sets.exact, sets.cases);
	ret->micro_f1 = micro.f1;
	ret->brier = squares / ((double)f->count * SLO_FAULT_MAX);
	ret->loss = loss / (double)f->count;
}

static void judge_before(struct fit *f)
{
	double loss = 0;

	for (size_t i = 0; i < f->count; i++) {
		slo_attr_sets(f->base, f->cases[i].present, f->cases[i].evidence, f->log_p[i]);
		loss += judge(f, i, f->base->temperature);
	}
	figures_of(f, loss, &f->report.before);
}

/* --- fitting ---------------------------------------------------------------------------------------------------- */

static void progress(const struct fit *f, unsigned int fold)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (fold < f->args->folds)
		(void)fprintf(stderr, "\r\033[K%s: part %u of %" PRIu64,
		              slo_cmd_calibrate_options.prog, fold + 1, f->args->folds);
	else
		(void)fputs("\r\033[K", stderr);
}

static void fit_lambdas(struct fit *f, unsigned int without)
{
	const struct slo_fit_config cfg = { 0 };

	*f->now = *f->base;
	if (!f->args->keep_lambdas)
		(void)slo_fit_lambdas(f->now, f->cases, f->count, without, &cfg);
}

/* Each fold by parameters of all others, the temperature too. */
static void cross_validate(struct fit *f)
{
	double loss = 0;

	for (unsigned int fold = 0; fold < f->args->folds; fold++) {
		progress(f, fold);
		fit_lambdas(f, fold);
		for (size_t i = 0; i < f->count; i++) {
			if (f->cases[i].fold == fold)
				slo_attr_sets(f->now, f->cases[i].present, f->cases[i].evidence,
				              f->log_p[i]);
		}
	}
	progress(f, (unsigned int)f->args->folds);
	for (unsigned int fold = 0; fold < f->args->folds; fold++) {
		double temperature = slo_fit_temperature(
			f->cases, (const double(*)[SLO_FAULT_SETS])f->log_p, f->count, fold);

		for (size_t i = 0; i < f->count; i++) {
			if (f->cases[i].fold == fold)
				loss += judge(f, i, temperature);
		}
	}
	figures_of(f, loss, &f->report.after);
}

static void cover_fold(struct fit *f, unsigned int fold)
{
	double quantile;
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->cases[i].fold != fold)
			f->scores[n++] = slo_fit_score(f->judged[i].posterior, f->judged[i].truth);
	}
	quantile = slo_fit_conformal(f->scores, n, f->args->alpha);
	for (size_t i = 0; i < f->count; i++) {
		if (f->cases[i].fold != fold)
			continue;
		f->report.covered +=
			slo_fit_score(f->judged[i].posterior, f->judged[i].truth) <= quantile;
		for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++)
			f->report.set_size += 1 - f->judged[i].posterior[d] <= quantile;
	}
}

/* How often the set held all true domains, and how large it was, with the quantile of the other folds. */
static void cover(struct fit *f)
{
	for (unsigned int fold = 0; fold < f->args->folds; fold++)
		cover_fold(f, fold);
	f->report.covered /= (double)f->count;
	f->report.set_size /= (double)f->count;
}

/* The parameters that are written: of all incidents, but temperature and quantile from verdicts on unseen ones. */
static int fit_result(struct fit *f, struct slo_err *err)
{
	struct slo_attr_model *m = f->now;

	fit_lambdas(f, SLO_FIT_NO_FOLD);
	m->temperature = slo_fit_temperature(f->cases, (const double(*)[SLO_FAULT_SETS])f->log_p,
	                                     f->count, SLO_FIT_NO_FOLD);
	for (size_t i = 0; i < f->count; i++) {
		(void)judge(f, i, m->temperature);
		f->scores[i] = slo_fit_score(f->judged[i].posterior, f->judged[i].truth);
	}
	m->conformal_n = (double)f->count;
	m->conformal_alpha = f->args->alpha;
	m->conformal_quantile = slo_fit_conformal(f->scores, f->count, f->args->alpha);
	(void)snprintf(m->name, sizeof(m->name), "%s",
	               f->args->name ? f->args->name : "calibrated");
	f->report.incidents = f->count;
	f->report.folds = f->args->folds;
	f->report.base = f->base;
	f->report.result = m;
	return slo_attr_model_finish(m, err);
}

/* --- outputs ---------------------------------------------------------------------------------------------------- */

static int write_model(const struct fit *f, struct slo_err *err)
{
	struct slo_outfile *file slo_outfile_auto = NULL;
	FILE *out;
	int r = slo_outfile_open(&file, f->args->out, err);

	if (r < 0)
		return r;
	out = slo_outfile_stream(file);
	(void)fputs(
		"; made by sloctl calibrate; figures of incidents not seen by the parameters:\n",
		out);
	slo_calibrate_report_text(&f->report, out, "; ");
	r = slo_model_print(out, f->now);
	if (r == -ENOMEM)
		return slo_err_set(err, r, "out of memory");
	return slo_outfile_commit(&file, err); /* tells failed writes, too */
}

static int report(const struct fit *f, struct slo_err *err)
{
	if (!f->args->out || strcmp(f->args->out, "-") == 0)
		return 0; /* the file has the figures in its head */
	if (f->args->json)
		slo_calibrate_report_json(&f->report, stdout);
	else
		slo_calibrate_report_text(&f->report, stdout, "");
	if (fflush(stdout) != 0)
		return slo_err_set(err, -errno, "standard output: %s", strerror(errno));
	return 0;
}

/* --- the command ------------------------------------------------------------------------------------------------ */

static int run(struct fit *f, struct slo_err *err)
{
	int r = read_cases(f, err);

	if (r < 0)
		return r;
	if (f->count < FOLD_MIN * f->args->folds)
		return slo_err_set(err, -ENODATA,
		                   "%zu labelled incidents are too few for %" PRIu64
		                   " folds (needed: %" PRIu64 ")",
		                   f->count, f->args->folds, FOLD_MIN * f->args->folds);
	r = allocate(f, err);
	if (r < 0)
		return r;
	judge_before(f);
	cross_validate(f);
	cover(f);
	r = fit_result(f, err);
	if (r == 0)
		r = write_model(f, err);
	return r < 0 ? r : report(f, err);
}

static int load_base(struct fit *f, struct slo_err *err)
{
	f->base = malloc(sizeof(*f->base));
	f->now = malloc(sizeof(*f->now));
	if (!f->base || !f->now)
		return slo_err_set(err, -ENOMEM, "out of memory");
	return slo_model_load(f->base, f->args->model ? f->args->model : "default", err);
}

static bool is_name(const char *name)
{
	return *name && strlen(name) < SLO_ATTR_MODEL_NAME_LEN &&
	       strspn(name, SLO_MODEL_NAME_CHARS) == strlen(name);
}

int slo_cmd_calibrate(int argc, char **argv)
{
	struct calibrate_args args = { .input = "-", .folds = 5, .alpha = 0.1 };
	struct fit f slo_cleanup(fit_fini) = { .args = &args };
	struct slo_err err = { 0 };
	int first,
		r = slo_options_parse(&slo_cmd_calibrate_options, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (args.name && !is_name(args.name)) {
		return slo_options_usage_error(slo_cmd_calibrate_options.prog,
		                               "--name: accepted: 1 to %d of A-Z a-z 0-9 _ . -",
		                               SLO_ATTR_MODEL_NAME_LEN - 1);
	}
	if (slo_tool_check_paths(slo_cmd_calibrate_options.prog,
	                         (const struct slo_tool_path[]){ { "--input", args.input },
	                                                         { "--out", args.out } },
	                         2) != 0)
		return SLO_EXIT_USAGE;
	f.samples.tool.prog = slo_cmd_calibrate_options.prog;
	r = load_base(&f, &err);
	if (r < 0) {
		(void)slo_tool_fail(&f.samples.tool, &err);
		return r == -ENOMEM ? SLO_EXIT_BACKEND : SLO_EXIT_USAGE;
	}
	r = slo_samples_init(&f.samples, slo_cmd_calibrate_options.prog, args.input, &err);
	if (r == 0)
		r = run(&f, &err);
	if (r == -ENODATA) {
		(void)slo_tool_fail(&f.samples.tool, &err);
		return slo_tool_exit(&f.samples.tool, slo_jsonl_rejected(f.samples.in),
		                     SLO_EXIT_NO_DATA);
	}
	return r < 0 ? slo_tool_fail(&f.samples.tool, &err)
	             : slo_samples_exit(&f.samples, SLO_EXIT_OK);
}
