/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model has to beat: predictors that anybody can write in an afternoon. They read observations
 * and, of other folds only, what there is to learn.
 */
#ifndef SLO_ENGINE_EVALUATE_RIVALS_H
#define SLO_ENGINE_EVALUATE_RIVALS_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/engine/evaluate.h"
#include "core/model/evidence.h"

#define SLO_EVAL_FOLDS 5

struct slo_eval_sample {
	double value[SLO_EVID_MAX_]; /* of the present ones, in the kind's unit */
	uint32_t present; /* SLO_EVID_BITs */
	uint32_t truth; /* faults; learnt from in other folds only */
	uint8_t fold; /* below SLO_EVAL_FOLDS */
	bool labelled; /* @truth is known */
};

enum slo_eval_rival {
	SLO_RIVAL_UNKNOWN, /* no fault, ever */
	SLO_RIVAL_MAJORITY, /* the commonest set of faults of the other folds */
	SLO_RIVAL_THRESHOLD, /* each kind at or above its warning threshold names its fault */
	SLO_RIVAL_N_SIGMA, /* each kind 3 standard deviations above its mean does */
	SLO_RIVAL_MEDIAN_IQR, /* 3 IQRs above its median: the scaling of BARO (Pham et al., FSE 2024) */
	SLO_RIVAL_MAX_,
};

/* "always-unknown", ...; and one line of what it does. */
const char *slo_eval_rival_name(enum slo_eval_rival rival);
const char *slo_eval_rival_help(enum slo_eval_rival rival);

/*
 * Fills everything in @cases[i] but truth. Means and medians come from the healthy samples of the
 * other folds where they hold SLO_RIVAL_TRAIN_MIN values of the kind, else from all samples there; a
 * kind with fewer values is not judged, and a case without any judged kind abstains. A fault named by
 * several kinds counts once; the top domain is that of the largest score. 0 or -ENOMEM.
 */
int slo_eval_rival_predict(enum slo_eval_rival rival, const struct slo_eval_sample *samples,
                           size_t n, struct slo_eval_case *cases);

#define SLO_RIVAL_TRAIN_MIN 10

/* The fault that @evid alone speaks for: the first it is specific for, else the first it is shared by. */
enum slo_domain slo_eval_rival_domain(unsigned int evid);

#endif
