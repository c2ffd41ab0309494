/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of noisy-or from labelled incidents: lambdas and leaks by likelihood held near where they were, the
 * temperature by likelihood, the conformal quantile by rank. Deterministic.
 */
#ifndef SLO_ENGINE_ATTRIBUTE_FIT_H
#define SLO_ENGINE_ATTRIBUTE_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/engine/attribute.h"

/* A labelled incident, reduced to what the parameters to be fitted act on. */
struct slo_fit_case {
	uint32_t truth; /* faults that were there; 0: none of them */
	uint32_t present; /* SLO_EVID_BITs */
	unsigned int fold; /* which part of the cross-validation it is in */
	struct slo_attr_evidence evidence[SLO_EVID_MAX_];
};

/* What @m makes of @obs, before leaks and lambdas; the rest of @ret is the caller's to set. */
void slo_fit_case_init(struct slo_fit_case *ret, const struct slo_attr_model *m,
                       const struct slo_observation *obs);

/* All folds count: for slo_fit_lambdas() and slo_fit_temperature(). */
#define SLO_FIT_NO_FOLD UINT32_MAX

struct slo_fit_config {
	unsigned int steps; /* of gradient ascent; 0: 200 */
	double pull; /* strength of the prior on the logits, as an inverse variance; 0: 1 */
};

/*
 * Raises the mean ln P(truth | evidence) over the cases that are not in @without, less pull/2 times the squared distance
 * of all logits from where they began, over the number of cases. Leaks and lambdas of kinds that the model uses move; a
 * lambda of 0 stays 0. @m stays finished. The number of cases used.
 */
size_t slo_fit_lambdas(struct slo_attr_model *m, const struct slo_fit_case *cases, size_t n,
                       unsigned int without, const struct slo_fit_config *cfg);

/* ln P(truth | evidence) at the model's temperature. */
double slo_fit_log_likelihood(const struct slo_attr_model *m, const struct slo_fit_case *c);

/*
 * The temperature, 0.05 to 20, of the largest likelihood. @log_p[i] are the sets' values (slo_attr_sets) of case i, best
 * of a model that has not seen it. 1 where no case counts.
 */
double slo_fit_temperature(const struct slo_fit_case *cases, const double (*log_p)[SLO_FAULT_SETS],
                           size_t n, unsigned int without);

/*
 * Split conformal prediction (Vovk, Gammerman, Shafer 2005; Angelopoulos, Bates, arXiv 2107.07511): the ceil((n + 1)
 * (1 - alpha))-th smallest score. Sorts @scores. 1, which every domain passes, where n is too small for any smaller one.
 */
double slo_fit_conformal(double *scores, size_t n, double alpha);
/* The fewest incidents that give a quantile below 1. */
size_t slo_fit_conformal_needs(double alpha);

/* 1 - posterior of the least probable true domain: so that the set holds all of them. */
double slo_fit_score(const double posterior[SLO_DOMAIN_MAX_], uint32_t truth);

#endif
