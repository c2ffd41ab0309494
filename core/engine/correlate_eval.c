/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/correlate_eval.h"

bool slo_corr_is_predicted(const struct slo_corr_rule *rule, const struct slo_corr_match *m)
{
	return m->tier != SLO_TIER_NONE && m->confidence >= rule->threshold;
}

void slo_corr_eval_add(struct slo_corr_eval *e, const struct slo_corr_rule *rule,
                       const struct slo_corr_match *m, bool expected,
                       enum slo_corr_tier expected_tier)
{
	if (!slo_corr_is_predicted(rule, m)) {
		if (expected)
			e->false_negative++;
		else
			e->true_negative++;
		return;
	}
	if (expected)
		e->true_positive++;
	else
		e->false_positive++;
	e->confidence_sum += m->confidence;
	if (expected_tier != SLO_TIER_NONE) {
		e->tiers_judged++;
		e->tiers_right += m->tier == expected_tier;
	}
}

static double ratio(double part, uint64_t whole)
{
	return whole ? part / (double)whole : 0;
}

void slo_corr_eval_figures(const struct slo_corr_eval *e, struct slo_corr_figures *ret)
{
	uint64_t predicted = e->true_positive + e->false_positive;
	struct slo_corr_figures f = {
		.pairs = predicted + e->false_negative + e->true_negative,
		.precision = ratio((double)e->true_positive, predicted),
		.recall = ratio((double)e->true_positive, e->true_positive + e->false_negative),
		.tier_accuracy = ratio((double)e->tiers_right, e->tiers_judged),
		.mean_confidence = ratio(e->confidence_sum, predicted),
	};

	if (f.precision + f.recall > 0)
		f.f1 = 2 * f.precision * f.recall / (f.precision + f.recall);
	*ret = f;
}
