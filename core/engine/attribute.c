/* SPDX-License-Identifier: Apache-2.0 */
/* What the models share: names, the mapper, the order of reasons. */
#include "core/engine/attribute.h"

#include <math.h>
#include <string.h>

const char *const slo_attribution_mode_names[] = {
	[SLO_ATTR_NOISY_OR] = "noisy-or",
	[SLO_ATTR_BAYES] = "bayes",
	[SLO_ATTR_RULE] = "rule",
	[SLO_ATTR_MODE_MAX_] = NULL,
};

static const char *const abstain_names[] = {
	[SLO_ABSTAIN_NONE] = "",
	[SLO_ABSTAIN_NO_SIGNALS] = "no_signals",
	[SLO_ABSTAIN_UNEXPLAINED] = "unexplained_signal",
	[SLO_ABSTAIN_NO_EVIDENCE] = "no_evidence",
	[SLO_ABSTAIN_AMBIGUOUS] = "ambiguous",
	[SLO_ABSTAIN_LOW_CONFIDENCE] = "low_confidence",
};
SLO_TABLE_COMPLETE(abstain_names, SLO_ABSTAIN_MAX_);

const char *slo_attribution_mode_name(enum slo_attribution_mode mode)
{
	assert((unsigned int)mode < SLO_ATTR_MODE_MAX_);
	return slo_attribution_mode_names[mode];
}

const char *slo_abstain_name(enum slo_abstain why)
{
	assert((unsigned int)why < SLO_ABSTAIN_MAX_);
	return abstain_names[why];
}

void slo_attribute_rule(const char *fault_label, double confidence, struct slo_attribution *ret)
{
	enum slo_domain domain = slo_domain_of_label(fault_label);

	memset(ret, 0, sizeof(*ret));
	ret->mode = SLO_ATTR_RULE;
	ret->posterior[domain] = confidence;
	ret->top = domain;
	ret->confidence = confidence;
	if (domain == SLO_DOMAIN_UNKNOWN)
		return;
	ret->set = SLO_DOMAIN_BIT(domain);
	ret->set_probability = confidence;
	ret->asserted = ret->set;
}

void slo_attribute(enum slo_attribution_mode mode, const struct slo_attr_model *model,
                   const struct slo_observation *obs, struct slo_attribution *ret)
{
	assert(mode == SLO_ATTR_NOISY_OR || mode == SLO_ATTR_BAYES);
	if (mode == SLO_ATTR_BAYES)
		slo_attribute_bayes(NULL, obs, ret);
	else
		slo_attribute_noisy_or(model, obs, ret);
}

unsigned int slo_attribution_rank(const struct slo_attribution *a, enum slo_domain f, uint32_t mask,
                                  unsigned int ret_order[SLO_EVID_MAX_])
{
	unsigned int count = 0;

	assert((unsigned int)f < SLO_FAULT_MAX);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		unsigned int at = count;

		if (!(mask & SLO_EVID_BIT(i)))
			continue;
		for (; at > 0 && fabs(a->nats[f][ret_order[at - 1]]) < fabs(a->nats[f][i]); at--)
			ret_order[at] = ret_order[at - 1];
		ret_order[at] = i;
		count++;
	}
	return count;
}
