/* SPDX-License-Identifier: Apache-2.0 */
/* The earlier design's naive Bayes model, exactly: kept to compare with, and for outputs that must stay the same. */
#include <math.h>
#include <string.h>

#include "core/engine/attribute.h"

/* P(elevated | domain), in percent, domains in their order. */
/* clang-format off */
static const unsigned char percent[][SLO_DOMAIN_MAX_] = {
	[SLO_SIG_DNS_LATENCY]     = { 95, 70, 10, 10, 10, 10, 15, 10 },
	[SLO_SIG_TCP_RETRANSMITS] = { 15, 90, 10, 10, 10, 15, 10, 10 },
	[SLO_SIG_RUNQUEUE_DELAY]  = { 10, 10, 90, 60, 10, 10, 10, 10 },
	[SLO_SIG_CONNECT_LATENCY] = { 50, 85, 10, 10, 75, 40, 30, 10 },
	[SLO_SIG_TLS_HANDSHAKE]   = { 10, 30, 10, 10, 80, 50, 20, 10 },
	[SLO_SIG_CPU_STEAL]       = { 10, 10, 90, 20, 10, 10, 10, 10 },
	[SLO_SIG_CFS_THROTTLED]   = { 10, 10, 85, 75, 10, 10, 10, 10 },
	[SLO_SIG_MEM_RECLAIM]     = {  5,  5, 15, 95,  5,  5,  5,  5 },
	[SLO_SIG_DISK_IO]         = {  5,  5, 10, 85,  5,  5, 30,  5 },
	[SLO_SIG_SYSCALL]         = { 10, 20, 15, 10, 90, 60, 40, 10 },
	[SLO_SIG_CONNECT_ERRORS]  = { 10, 80,  5,  5, 60, 85, 15, 10 },
	[SLO_SIG_TLS_FAIL]        = {  5, 70,  5,  5, 30, 60, 10,  5 },
};
/* clang-format on */
SLO_TABLE_COMPLETE(percent, SLO_SIG_MAX_);

double slo_attribute_bayes_likelihood(enum slo_signal sig, enum slo_domain domain)
{
	assert((unsigned int)sig < SLO_SIG_MAX_ && (unsigned int)domain < SLO_DOMAIN_MAX_);
	return percent[sig][domain] / 100.0;
}

static void mark_elevated(const double *thresholds, const struct slo_observation *obs,
                          struct slo_attribution *ret)
{
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		double at = thresholds ? thresholds[i] : slo_signal_desc((enum slo_signal)i)->warn;

		if (!(obs->present & SLO_EVID_BIT(i)))
			continue;
		ret->evidence[i].weight = 1;
		ret->evidence[i].raised = obs->value[i] >= at;
	}
}

static double log_likelihood(const struct slo_attribution *ret, unsigned int domain)
{
	double sum = 0;

	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		double p = fmin(fmax(percent[i][domain] / 100.0, 0.01), 0.99);

		sum += log(ret->evidence[i].raised ? p : 1 - p);
	}
	return sum;
}

void slo_attribute_bayes(const double *thresholds, const struct slo_observation *obs,
                         struct slo_attribution *ret)
{
	double sum = 0, best;

	memset(ret, 0, sizeof(*ret));
	ret->mode = SLO_ATTR_BAYES;
	mark_elevated(thresholds, obs, ret);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		ret->posterior[d] = log_likelihood(ret, d);
		if (ret->posterior[d] > ret->posterior[ret->top])
			ret->top = (enum slo_domain)d; /* ties keep the order of the domains */
	}
	best = ret->posterior[ret->top];
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		ret->posterior[d] = exp(ret->posterior[d] - best);
		sum += ret->posterior[d];
	}
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++)
		ret->posterior[d] /= sum;
	ret->confidence = ret->posterior[ret->top];
	ret->set_probability = ret->confidence;
	if (ret->top != SLO_DOMAIN_UNKNOWN)
		ret->set = ret->asserted = SLO_DOMAIN_BIT(ret->top);
	if (!(obs->present & (SLO_EVID_BIT(SLO_SIG_MAX_) - 1)))
		ret->abstain = SLO_ABSTAIN_NO_SIGNALS;
}
