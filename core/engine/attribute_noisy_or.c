/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noisy-OR over seven independent faults. A kind of evidence is raised or normal, and which of the two is itself
 * uncertain: its deviation gives a likelihood ratio LR. With q the probability of "raised" given a set of faults its
 * factor is q LR + 1 - q, to the power of its weight.
 */
#include <math.h>
#include <string.h>

#include "core/engine/attribute_sets.h"

/* --- evidence --------------------------------------------------------------------------------------------------- */

static double deviation(const struct slo_attr_model *m, const struct slo_observation *obs,
                        unsigned int i)
{
	const struct slo_attr_model_evidence *e = &m->evidence[i];
	const struct slo_baseline_stat *l = &obs->learnt[i];
	double trust = l->n > 0 ? l->n / (l->n + SLO_BASELINE_COLD_N) : 0;
	double median = m->shipped_g[i], spread = e->spread;

	if (trust > 0) {
		median += trust * (l->median - median);
		spread += trust * (fmax(l->spread, e->min_spread) - spread);
	}
	return (slo_evidence_scale(i, obs->value[i]) - median) / fmax(spread, e->min_spread);
}

/*
 * Members of one group that say the same repeat each other, so they share their weight. One that is quiet repeats nothing
 * of one that is raised: whatever moves both has not moved it, so it is no reason to believe the other one less.
 */
static void share_weights(const struct slo_attr_model *m, uint32_t present,
                          struct slo_attr_evidence evidence[SLO_EVID_MAX_])
{
	unsigned int members[SLO_EVID_GROUP_MAX_][2] = { 0 };

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		members[m->group[i]][evidence[i].raised] += (present >> i) & 1;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		unsigned int alike = members[m->group[i]][evidence[i].raised];

		if (present & SLO_EVID_BIT(i))
			evidence[i].weight = 1 / (1 + (alike - 1) * m->rho[m->group[i]]);
	}
}

/* What the kernel counts by itself is as exact by its counters as by a hook. */
static bool counts_half(const struct slo_observation *obs, unsigned int evid)
{
	return (obs->coarse & SLO_EVID_BIT(evid)) &&
	       !(evid < SLO_SIG_MAX_ && slo_signal_desc((enum slo_signal)evid)->counted);
}

uint32_t slo_attr_weigh(const struct slo_attr_model *m, const struct slo_observation *obs,
                        struct slo_attr_evidence ret[SLO_EVID_MAX_])
{
	uint32_t present = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		struct slo_attr_evidence *e = &ret[i];

		if (!(obs->present & SLO_EVID_BIT(i)) || !m->evidence[i].used)
			continue;
		present |= SLO_EVID_BIT(i);
		e->z = deviation(m, obs, i);
		e->log_lr = slo_attr_log_lr(m, e->z);
		/* However unusual: what is below the floor cannot hurt anybody. */
		if (obs->value[i] < m->evidence[i].floor)
			e->log_lr = fmin(e->log_lr, 0);
		if (counts_half(obs, i))
			e->log_lr *= SLO_ATTR_COARSE;
		e->raised = e->log_lr > 0;
	}
	share_weights(m, present, ret);
	return present;
}

/* --- sets of faults --------------------------------------------------------------------------------------------- */

/* The product of the factors of a group's members that say the same; their weight, 0 where none is present. */
static double multiply_group(const struct slo_attr_model *m, unsigned int group, bool raised,
                             uint32_t present,
                             const struct slo_attr_evidence evidence[SLO_EVID_MAX_],
                             double product[SLO_FAULT_SETS])
{
	double weight = 0;

	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
		product[set] = 1;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		double gain;

		if (!(present & SLO_EVID_BIT(i)) || m->group[i] != group ||
		    evidence[i].raised != raised)
			continue;
		gain = expm1(evidence[i].log_lr);
		for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
			product[set] *= 1 + m->q[i][set] * gain;
		weight = evidence[i].weight;
	}
	return weight;
}

/*
 * Members of a group that say the same have the same weight, so one logarithm serves the product of their factors; each lies
 * within e^-4.6 and e^6.9, so that product stays far from a double's limits.
 */
void slo_attr_sets(const struct slo_attr_model *m, uint32_t present,
                   const struct slo_attr_evidence evidence[SLO_EVID_MAX_],
                   double ret_log_p[SLO_FAULT_SETS])
{
	memcpy(ret_log_p, m->log_prior, sizeof(m->log_prior));
	for (unsigned int g = 0; g < 2 * SLO_EVID_GROUP_MAX_; g++) {
		double product[SLO_FAULT_SETS];
		double weight = multiply_group(m, g / 2, g % 2, present, evidence, product);

		if (weight == 0)
			continue;
		for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
			ret_log_p[set] += weight * log(product[set]);
	}
}

void slo_attr_normalise(const double log_p[SLO_FAULT_SETS], double temperature,
                        double ret_p[SLO_FAULT_SETS])
{
	double best = log_p[0], sum = 0;

	for (unsigned int set = 1; set < SLO_FAULT_SETS; set++)
		best = log_p[set] > best ? log_p[set] : best;
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		ret_p[set] = exp((log_p[set] - best) / temperature);
		sum += ret_p[set];
	}
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
		ret_p[set] /= sum;
}

void slo_attr_marginals(const double p[SLO_FAULT_SETS], double ret[SLO_DOMAIN_MAX_])
{
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		ret[f] = 0;
		for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
			ret[f] += set & SLO_DOMAIN_BIT(f) ? p[set] : 0;
		ret[f] = fmin(ret[f], 1); /* a sum of rounded terms */
	}
	ret[SLO_DOMAIN_UNKNOWN] = p[0];
}

static void find_sets(const double log_p[SLO_FAULT_SETS], struct slo_attribution *ret)
{
	unsigned int first = 0, second = 1;

	for (unsigned int set = 1; set < SLO_FAULT_SETS; set++) {
		if (log_p[set] > log_p[first]) {
			second = first;
			first = set;
		} else if (log_p[set] > log_p[second]) {
			second = set;
		}
	}
	ret->set = first;
	ret->second_set = second;
}

/* --- reasons ---------------------------------------------------------------------------------------------------- */

static void explain(const struct slo_attr_model *m, uint32_t present, struct slo_attribution *ret)
{
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		const struct slo_attr_evidence *e = &ret->evidence[i];
		double gain = expm1(e->log_lr);

		if (!(present & SLO_EVID_BIT(i)))
			continue;
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			unsigned int with = ret->set | SLO_DOMAIN_BIT(f);
			unsigned int without = ret->set & ~SLO_DOMAIN_BIT(f);

			if (m->evidence[i].lambda[f] > 0)
				ret->nats[f][i] = e->weight * (log1p(m->q[i][with] * gain) -
				                               log1p(m->q[i][without] * gain));
		}
		ret->total_nats +=
			e->weight * (log1p(m->q[i][ret->set] * gain) - log1p(m->q[i][0] * gain));
	}
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		ret->prior_nats[f] = log(m->prior[f] / (1 - m->prior[f]));
}

/* Kullback-Leibler divergence of two Bernoulli distributions, nats. */
static double divergence(double p, double q)
{
	return p * log(p / q) + (1 - p) * log((1 - p) / (1 - q));
}

/* How far the present kinds could tell each fault alone from none. */
static void observe(const struct slo_attr_model *m, const struct slo_observation *obs,
                    uint32_t present, struct slo_attribution *ret)
{
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
			const struct slo_attr_model_evidence *e = &m->evidence[i];

			if ((present & SLO_EVID_BIT(i)) && e->lambda[f] > 0)
				ret->observability[f] +=
					ret->evidence[i].weight *
					(counts_half(obs, i) ? SLO_ATTR_COARSE : 1) *
					divergence(m->q[i][SLO_DOMAIN_BIT(f)], e->leak);
		}
		if (ret->observability[f] < m->observable_nats)
			ret->unobservable |= SLO_DOMAIN_BIT(f);
	}
}

/* Raised far off, and the faults of @set make that less than twice as likely as no fault does. */
static uint32_t unexplained_by(const struct slo_attr_model *m, uint32_t present, uint32_t set,
                               const struct slo_attribution *ret)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if ((present & SLO_EVID_BIT(i)) && ret->evidence[i].raised &&
		    ret->evidence[i].z > m->unexplained_z && m->q[i][set] < 2 * m->evidence[i].leak)
			mask |= SLO_EVID_BIT(i);
	}
	return mask;
}

static enum slo_abstain reason(const struct slo_attr_model *m, uint32_t present,
                               const struct slo_attribution *ret)
{
	if (ret->asserted)
		return SLO_ABSTAIN_NONE;
	if (!present)
		return SLO_ABSTAIN_NO_SIGNALS;
	if (ret->unexplained)
		return SLO_ABSTAIN_UNEXPLAINED;
	if (ret->total_nats < m->evidence_nats)
		return SLO_ABSTAIN_NO_EVIDENCE;
	return ret->ambiguous ? SLO_ABSTAIN_AMBIGUOUS : SLO_ABSTAIN_LOW_CONFIDENCE;
}

static void judge(const struct slo_attr_model *m, uint32_t present, struct slo_attribution *ret)
{
	ret->top = SLO_DOMAIN_UNKNOWN;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (ret->posterior[f] < m->assert_at || (ret->unobservable & SLO_DOMAIN_BIT(f)) ||
		    ret->total_nats < m->evidence_nats)
			continue;
		ret->asserted |= SLO_DOMAIN_BIT(f);
		if (ret->top == SLO_DOMAIN_UNKNOWN || ret->posterior[f] > ret->posterior[ret->top])
			ret->top = (enum slo_domain)f;
	}
	ret->confidence = ret->posterior[ret->top];
	ret->ambiguous =
		ret->set_probability < ret->second_set_probability * exp(m->ambiguous_nats);
	ret->unexplained =
		unexplained_by(m, present, ret->asserted ? ret->asserted : ret->set, ret);
	ret->abstain = reason(m, present, ret);
	ret->has_conformal = m->conformal_n > 0;
	for (unsigned int d = 0; ret->has_conformal && d < SLO_DOMAIN_MAX_; d++) {
		if (1 - ret->posterior[d] <= m->conformal_quantile)
			ret->conformal |= SLO_DOMAIN_BIT(d);
	}
}

void slo_attribute_noisy_or(const struct slo_attr_model *model, const struct slo_observation *obs,
                            struct slo_attribution *ret)
{
	double log_p[SLO_FAULT_SETS], p[SLO_FAULT_SETS];
	uint32_t present;

	assert(model->finished);
	memset(ret, 0, sizeof(*ret));
	ret->mode = SLO_ATTR_NOISY_OR;
	present = slo_attr_weigh(model, obs, ret->evidence);
	slo_attr_sets(model, present, ret->evidence, log_p);
	find_sets(log_p, ret);
	slo_attr_normalise(log_p, model->temperature, p);
	slo_attr_marginals(p, ret->posterior);
	ret->set_probability = p[ret->set];
	ret->second_set_probability = p[ret->second_set];
	explain(model, present, ret);
	observe(model, obs, present, ret);
	judge(model, present, ret);
}
