/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sloctl benchgen` measured, and the files that tell it. The measuring fills this structure
 * once; every writer only prints from it, so no page can say what another does not.
 */
#ifndef SLO_SLOCTL_BENCH_H
#define SLO_SLOCTL_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/jsonw.h"
#include "core/base/sha256.h"
#include "core/engine/attribute.h"
#include "core/engine/attribute_model.h"
#include "core/engine/calibration.h"
#include "core/engine/evaluate.h"
#include "core/engine/evaluate_rivals.h"

#define BENCH_SAMPLES_MAX 500000U /* more are counted as dropped */
#define BENCH_METHODS_MAX 16
#define BENCH_SHOWN_MAX 24 /* incidents whose evidence is drawn */
#define BENCH_ID_LEN 96
#define BENCH_COVERAGE_AT 0.1 /* contracts: CoverageAccuracy(t) */

/* One predictor over all labelled samples. NAN: not measured. */
struct bench_method {
	char name[64]; /* "noisy-or default", "n-sigma", ... */
	char help[96];
	bool probabilistic;
	struct slo_eval_sets sets[SLO_EVAL_VIEW_MAX_];
	struct slo_eval_average micro, macro; /* forced */
	double selective_right; /* top domain right, of the verdicts given */
	double single_macro_f1; /* of the cases with one fault */
	double partial, coverage; /* coverage at BENCH_COVERAGE_AT */
	double abstain; /* share of the cases with a fault that got no verdict */
	double accused; /* share of the cases without a fault that got one accused */
	struct slo_calibration top, faults; /* of the likeliest domain; of all faults' marginals */
	struct slo_risk_curve risk;
};

/* One incident with its reasons. */
struct bench_incident {
	char id[BENCH_ID_LEN];
	bool labelled;
	uint32_t truth;
	struct slo_attribution verdict;
};

/* Where a figure of the summary comes from and what it should be. */
struct bench_figure {
	const char *id; /* key in JSON */
	const char *label;
	const char *help;
	double value, low, high; /* NAN: absent */
	double target; /* NAN: none */
	bool at_most; /* the target is an upper bound */
};

#define BENCH_FIGURES_MAX 16

struct bench {
	/* What was asked. */
	const char *input; /* as the user wrote it */
	const char *scenario; /* NULL: none */
	enum slo_attribution_mode mode;
	char model[SLO_ATTR_MODEL_NAME_LEN]; /* "" where the mode has none */
	uint64_t seed;
	/* Called before each method, for a terminal; NULL: not. */
	void (*progress)(void *user, const char *method);
	void *progress_user;

	/* Where it comes from. "" is not known. */
	char commit[80];
	char kernel[80];
	char machine[80];
	char model_hash[SLO_SHA256_HEX_SIZE];
	char input_hash[SLO_SHA256_HEX_SIZE];
	char generated_at[32];

	/* What was read. */
	uint64_t samples; /* good ones */
	uint64_t labelled;
	uint64_t without_signals;
	uint64_t rejected; /* lines */
	uint64_t dropped; /* past BENCH_SAMPLES_MAX */
	uint64_t synthetic; /* samples that say so */
	bool predicts; /* false in rule mode, which maps a label: then there are no methods */
	bool has_kernel, has_span; /* some sample carries such evidence */
	uint64_t abstained[SLO_ABSTAIN_MAX_]; /* by reason, of all samples; filled by the caller */

	/* What came out. */
	struct slo_eval_confusion confusion; /* of the method asked for; at most one fault */
	/* By the first expected domain, all samples: the contract's confusion CSV. Filled by the caller. */
	struct slo_eval_confusion primary;
	struct bench_method method[BENCH_METHODS_MAX];
	unsigned int methods; /* 0: nothing measured; [0] is the one asked for */
	struct slo_risk_point *risk; /* owned; of method[0] */
	struct bench_incident *shown; /* owned; at most BENCH_SHOWN_MAX */
	unsigned int shown_count;
};

/* What the measuring works on: labels beside observations, never in them. */
struct bench_data {
	struct slo_eval_sample *samples; /* owned, as all here */
	size_t *id_at; /* in @ids, of each sample */
	char *ids; /* NUL-terminated, one behind the other */
	size_t count, room;
	size_t ids_size, ids_room;
};

void bench_data_fini(struct bench_data *d);
/* 0, -ENOSPC (BENCH_SAMPLES_MAX are there) or -ENOMEM. */
int bench_data_add(struct bench_data *d, const struct slo_eval_sample *sample, const char *id);

/* @model of the mode asked for; @b's inputs are set. 0 or -ENOMEM, @b as it was but for partial results. */
int bench_measure(struct bench *b, const struct bench_data *d, const struct slo_attr_model *model,
                  struct slo_err *err);

/* Observation of the kinds in @mask. */
void bench_observe(const struct slo_eval_sample *s, uint32_t mask, struct slo_observation *ret);

struct bench_origin {
	const char *input; /* path, "-" is standard input */
	const char *model; /* name or file; NULL: the mode has none */
	const char *commit; /* NULL: the one this program was built from */
	const char *time; /* RFC 3339; NULL: SOURCE_DATE_EPOCH, else now */
};

/* 0, or -EINVAL where a time is none. Hashes of what cannot be read twice stay "". */
int bench_set_origin(struct bench *b, const struct bench_origin *origin, struct slo_err *err);

/* Frees what @b owns, not @b. */
void bench_fini(struct bench *b);

/* The figures on top of every page; their number, absent ones included. */
unsigned int bench_figures(const struct bench *b, struct bench_figure ret[BENCH_FIGURES_MAX]);

/* "0.873", "-" of NAN. */
#define BENCH_NUMBER_LEN 24
const char *bench_number(double v, char buf[BENCH_NUMBER_LEN]);

/* "network_dns + cpu_throttle", "unknown" of the empty set. Cut where @size is too small. */
const char *bench_set_text(uint32_t set, char *buf, size_t size);

/* The target is met; @f has a value and a target. */
bool bench_met(const struct bench_figure *f);

/* Why there is no measured figure on this page; NULL where there are. */
const char *bench_unmeasured(const struct bench *b);

/* JSON objects, whole. */
void bench_json_summary(struct slo_jsonw *w, const struct bench *b);
void bench_json_metrics(struct slo_jsonw *w, const struct bench *b);
void bench_json_provenance(struct slo_jsonw *w, const struct bench *b);

void bench_csv_confusion(FILE *out, const struct bench *b);
void bench_csv_calibration(FILE *out, const struct bench *b);
void bench_csv_risk(FILE *out, const struct bench *b);

void bench_text(FILE *out, const struct bench *b);
void bench_report_md(FILE *out, const struct bench *b);
void bench_report_html(FILE *out, const struct bench *b);

/*
 * Figures as inline SVG of the page's own classes, each with <title> and <desc>. @id: unique in the
 * page, a name of letters and digits.
 */
void bench_svg_confusion(FILE *out, const char *id, const struct slo_eval_confusion *m);
void bench_svg_reliability(FILE *out, const char *id, const struct slo_calibration *c);
void bench_svg_risk(FILE *out, const char *id, const struct bench *b);
void bench_svg_evidence(FILE *out, const char *id, const struct bench_incident *incident);

#endif
