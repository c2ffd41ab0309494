/* SPDX-License-Identifier: Apache-2.0 */
/* Fault samples one after the other: bad lines and repeated ids are told and counted, the good ones handed on. */
#ifndef SLO_SLOCTL_SAMPLES_H
#define SLO_SLOCTL_SAMPLES_H

#include "core/base/map.h"
#include "core/codec/fault_sample.h"
#include "core/codec/incident_json.h"
#include "core/codec/jsonl.h"
#include "core/programs/sloctl/tool.h"

/* Incidents whose ids are kept to find repeated ones; later ones are taken unchecked, and counted. */
#define SLO_SAMPLES_IDS_MAX ((size_t)1 << 20)

struct slo_samples {
	struct slo_tool tool;
	struct slo_jsonl *in;
	json_t *line; /* owned: what the current sample borrows from */
	struct slo_map *ids;
	uint64_t good;
};

/* 0, or a negative errno with @err; fini in any case. @prog and @path are borrowed until then. */
int slo_samples_init(struct slo_samples *s, const char *prog, const char *path,
                     struct slo_err *err);
void slo_samples_fini(struct slo_samples *s);
#define slo_samples_auto slo_cleanup(slo_samples_fini)

/* 1: the next good sample, borrowed until the next call; 0: the end; a negative errno: cannot be read further. */
int slo_samples_next(struct slo_samples *s, struct slo_fault_sample *ret_sample,
                     struct slo_fault_label *ret_label, struct slo_err *err);

/* The end of a command that read them: talks of rejected lines; @code is that of what was found in the good ones. */
int slo_samples_exit(struct slo_samples *s, int code);

/* The verdict on @sample as a record; all is borrowed. */
struct slo_incident slo_samples_incident(const struct slo_fault_sample *sample,
                                         const struct slo_attribution *verdict, const char *model);

/* --- what decides ---------------------------------------------------------------------------------------------- */

struct slo_config;

/* The predictor as the options ask for it. */
struct slo_predictor {
	enum slo_attribution_mode mode;
	struct slo_attr_model *model; /* owned; NULL but for noisy-or */
	double thresholds[SLO_SIG_MAX_]; /* bayes */
};

/*
 * @model NULL: "default". @config NULL: the signals' own thresholds; else a toolkit configuration, whose thresholds are
 * those of bayes and, where they were changed, floors of noisy-or. 0, or a negative errno with @err.
 */
int slo_predictor_init(struct slo_predictor *p, enum slo_attribution_mode mode, const char *model,
                       const char *config, struct slo_err *err);
void slo_predictor_fini(struct slo_predictor *p);
#define slo_predictor_auto slo_cleanup(slo_predictor_fini)

/* Of the two predictors; in rule mode there is none. */
void slo_predictor_run(const struct slo_predictor *p, const struct slo_observation *obs,
                       struct slo_attribution *ret);
/* Name of the parameters, "" where the mode has none. */
const char *slo_predictor_model_name(const struct slo_predictor *p);

#endif
