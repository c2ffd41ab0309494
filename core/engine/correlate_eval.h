/* SPDX-License-Identifier: Apache-2.0 */
/* Predicted against labelled matches: counts, precision and recall, and the gate on them. */
#ifndef SLO_ENGINE_CORRELATE_EVAL_H
#define SLO_ENGINE_CORRELATE_EVAL_H

#include "core/engine/correlate.h"

/* All zero at the start. */
struct slo_corr_eval {
	uint64_t true_positive, false_positive, false_negative, true_negative;
	uint64_t tiers_judged; /* predicted matches whose label names a tier */
	uint64_t tiers_right;
	double confidence_sum; /* of predicted matches, in input order */
};

struct slo_corr_figures {
	uint64_t pairs;
	/* 0 to 1; 0 also where there is nothing to divide by. */
	double precision, recall, f1;
	double tier_accuracy; /* of the predicted matches whose label names a tier */
	double mean_confidence; /* of predicted matches */
};

/* Whether @m predicts a match: its confidence reaches the rule's threshold. */
bool slo_corr_is_predicted(const struct slo_corr_rule *rule, const struct slo_corr_match *m);

/* @expected_tier SLO_TIER_NONE: the label names none. */
void slo_corr_eval_add(struct slo_corr_eval *e, const struct slo_corr_rule *rule,
                       const struct slo_corr_match *m, bool expected,
                       enum slo_corr_tier expected_tier);

void slo_corr_eval_figures(const struct slo_corr_eval *e, struct slo_corr_figures *ret);

#endif
