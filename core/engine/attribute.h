/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which faults broke the SLO? From what was observed to probabilities of faults, with the reasons. Pure: the same
 * input gives the same verdict, bit by bit; nothing is allocated. Labels of samples cannot get in: there is no field.
 *
 * noisy-or: seven independent faults, P(x | y) of all 128 sets of faults by brute force. Pearl, "Probabilistic
 *           Reasoning in Intelligent Systems" (1988), 4.3.2; missing evidence has likelihood ratio 1 and cancels.
 * bayes:    the earlier design's model: eight exclusive domains, missing counted as normal. For comparison.
 */
#ifndef SLO_ENGINE_ATTRIBUTE_H
#define SLO_ENGINE_ATTRIBUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/attribute_model.h"
#include "core/engine/baseline.h"
#include "core/model/domain.h"
#include "core/model/event.h"
#include "core/model/evidence.h"

/* What was seen in the incident's window. Zero it, then slo_observation_set(). */
struct slo_observation {
	uint32_t present; /* SLO_EVID_BIT of each kind that was measured */
	uint32_t
		coarse; /* of present: read off the kernel's counters (source procfs, netlink), no hook */
	double value
		[SLO_EVID_MAX_]; /* p90 of the window, in the kind's unit; of the present ones */
	/* Learnt outside incidents; n 0 where nothing was: then the model's shipped baseline stands alone. */
	struct slo_baseline_stat learnt[SLO_EVID_MAX_];
};

static inline void slo_observation_set(struct slo_observation *obs, unsigned int evid, double value)
{
	obs->present |= SLO_EVID_BIT(evid);
	obs->value[evid] = value;
}

/* Means and sums of an interval hide what a hook sees one by one: such evidence counts half, for and against. */
#define SLO_ATTR_COARSE 0.5

/* @evid was measured by @source. */
static inline void slo_observation_source(struct slo_observation *obs, unsigned int evid,
                                          enum slo_source source)
{
	if (source == SLO_SRC_PROCFS || source == SLO_SRC_NETLINK)
		obs->coarse |= SLO_EVID_BIT(evid);
	else
		obs->coarse &= ~SLO_EVID_BIT(evid);
}

enum slo_attribution_mode {
	SLO_ATTR_NOISY_OR,
	SLO_ATTR_BAYES,
	SLO_ATTR_RULE, /* slo_domain_of_label(): no predictor */
	SLO_ATTR_MODE_MAX_,
};

/* "noisy-or", "bayes", "rule". */
const char *slo_attribution_mode_name(enum slo_attribution_mode mode);
/* All names in order, ending with NULL: for option rows. */
extern const char *const slo_attribution_mode_names[SLO_ATTR_MODE_MAX_ + 1];

/* Why no fault is asserted. The first that holds, in this order. */
enum slo_abstain {
	SLO_ABSTAIN_NONE,
	SLO_ABSTAIN_NO_SIGNALS, /* nothing the model knows was measured */
	SLO_ABSTAIN_UNEXPLAINED, /* something is far off its baseline (|z| > 6) and the best set does not explain it */
	SLO_ABSTAIN_NO_EVIDENCE, /* the best set beats the empty one by less than the model's limit (1.5 nats) */
	SLO_ABSTAIN_AMBIGUOUS, /* two sets within .7 nats: set and second_set */
	SLO_ABSTAIN_LOW_CONFIDENCE, /* no observable fault reaches .6 */
	SLO_ABSTAIN_MAX_,
};

/* "no_signals", "no_evidence", ...; "" for NONE. */
const char *slo_abstain_name(enum slo_abstain why);

/* One kind of evidence as the model saw it. */
struct slo_attr_evidence {
	double z; /* robust deviations from the baseline; bayes: 0 */
	double log_lr; /* nats, clipped to the model's range; below the floor never above 0 */
	double weight; /* 0 to 1: shared within its group */
	bool raised; /* noisy-or: log_lr > 0; bayes: at or above its threshold */
};

struct slo_attribution {
	enum slo_attribution_mode mode;

	/*
	 * noisy-or: marginals of the faults, and P(empty set) for unknown; they do not sum to 1. bayes: exclusive, sum
	 * to 1. rule: 1 for the domain named.
	 */
	double posterior[SLO_DOMAIN_MAX_];
	enum slo_domain top; /* predicted_fault_domain; unknown where nothing is asserted */
	double confidence; /* posterior[top] */

	uint32_t
		set; /* the most probable set of faults; bayes: its top alone. What "exact set" compares */
	double set_probability;
	uint32_t second_set; /* noisy-or only, as all that follows */
	double second_set_probability;

	uint32_t asserted; /* observable faults with posterior >= the model's limit (.6) */
	uint32_t
		unobservable; /* faults about which the evidence at hand cannot say anything; neither asserted nor excluded */
	double observability[SLO_FAULT_MAX]; /* nats */
	enum slo_abstain
		abstain; /* not NONE exactly where asserted is 0; bayes: NO_SIGNALS or NONE */
	bool ambiguous; /* the second set is within .7 nats of the first; what both hold may still be asserted */
	uint32_t
		unexplained; /* kinds far off that neither the asserted faults nor else the best set explain */

	double total_nats; /* of the most probable set against the empty one, evidence alone */
	struct slo_attr_evidence evidence[SLO_EVID_MAX_]; /* zero where absent */
	/*
	 * D_if: what kind i adds to the log odds of fault f, the other faults as in the most probable set. Negative:
	 * exculpates. With prior_nats it sums to the log odds of f against not f given those others, before the
	 * temperature.
	 */
	double nats[SLO_FAULT_MAX][SLO_EVID_MAX_];
	double prior_nats[SLO_FAULT_MAX];

	/* Conformal set: holds all true domains with the model's coverage; valid where the model was calibrated. */
	bool has_conformal;
	uint32_t conformal; /* faults; SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN) too */
};

/* At most 30 us on one core. @model is complete (slo_attr_model_finish). */
void slo_attribute_noisy_or(const struct slo_attr_model *model, const struct slo_observation *obs,
                            struct slo_attribution *ret);

/*
 * @thresholds[SLO_SIG_MAX_]: at or above is "elevated"; NULL: those of the signal table. Span evidence is not part of
 * that model and is ignored.
 */
void slo_attribute_bayes(const double *thresholds, const struct slo_observation *obs,
                         struct slo_attribution *ret);

/* What an operator's label says, in the form of the others; the confidence is @confidence, 0 to 1. */
void slo_attribute_rule(const char *fault_label, double confidence, struct slo_attribution *ret);

/* One of the two predictors; @mode is not SLO_ATTR_RULE. */
void slo_attribute(enum slo_attribution_mode mode, const struct slo_attr_model *model,
                   const struct slo_observation *obs, struct slo_attribution *ret);

/* Kinds of @mask in order of falling |nats| for fault @f; ties in the order of kinds. Their number. */
unsigned int slo_attribution_rank(const struct slo_attribution *a, enum slo_domain f, uint32_t mask,
                                  unsigned int ret_order[SLO_EVID_MAX_]);

/* The reference model's probability that @sig is elevated in @domain: what the `reference` parameters come from. */
double slo_attribute_bayes_likelihood(enum slo_signal sig, enum slo_domain domain);

#endif
