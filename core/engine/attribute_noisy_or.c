/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Noisy-OR over seven independent faults. A kind of evidence is raised or normal, and which of the two is itself
 * uncertain: its deviation gives a likelihood ratio LR. With q the probability of "raised" given a set of faults its
 * factor is q LR + 1 - q, to the power of its weight.
 */
#include <math.h>
#include <string.h>

#include "core/engine/attribute.h"

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

/* Members of one group repeat each other, so the present ones share their weight. */
static void share_weights(const struct slo_attr_model *m, uint32_t present,
                          const enum slo_evidence_group group[SLO_EVID_MAX_],
                          struct slo_attribution *ret)
{
	unsigned int members[SLO_EVID_GROUP_MAX_] = { 0 };

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		members[group[i]] += (present >> i) & 1;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (present & SLO_EVID_BIT(i))
			ret->evidence[i].weight =
				1 / (1 + (members[group[i]] - 1) * m->rho[group[i]]);
	}
}

static void weigh(const struct slo_attr_model *m, const struct slo_observation *obs,
                  uint32_t present, struct slo_attribution *ret)
{
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		struct slo_attr_evidence *e = &ret->evidence[i];

		if (!(present & SLO_EVID_BIT(i)))
			continue;
		e->z = deviation(m, obs, i);
		e->log_lr = slo_attr_log_lr(m, e->z);
		/* However unusual: what is below the floor cannot hurt anybody. */
		if (obs->value[i] < m->evidence[i].floor)
			e->log_lr = fmin(e->log_lr, 0);
		e->raised = e->log_lr > 0;
	}
}

/* --- sets of faults --------------------------------------------------------------------------------------------- */

/*
 * ln P(evidence | set) of all sets. Within a group all weights are the same, so one logarithm serves the product of its
 * factors; each lies within e^-4.6 and e^6.9, so the product of all kinds stays far from a double's limits.
 */
static void add_likelihoods(const struct slo_attr_model *m, uint32_t present,
                            const enum slo_evidence_group group[SLO_EVID_MAX_],
                            const struct slo_attribution *ret, double log_p[SLO_FAULT_SETS])
{
	for (unsigned int g = 0; g < SLO_EVID_GROUP_MAX_; g++) {
		double product[SLO_FAULT_SETS], weight = 0;

		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
			double gain;

			if (!(present & SLO_EVID_BIT(i)) || group[i] != g)
				continue;
			gain = expm1(ret->evidence[i].log_lr);
			for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
				double factor = 1 + m->q[i][set] * gain;

				product[set] = weight > 0 ? product[set] * factor : factor;
			}
			weight = ret->evidence[i].weight;
		}
		for (unsigned int set = 0; weight > 0 && set < SLO_FAULT_SETS; set++)
			log_p[set] += weight * log(product[set]);
	}
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

/* Posterior of the sets at the model's temperature, and from it the marginals of the faults. */
static void normalise(const struct slo_attr_model *m, const double log_p[SLO_FAULT_SETS],
                      struct slo_attribution *ret)
{
	double p[SLO_FAULT_SETS], sum = 0;

	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		p[set] = exp((log_p[set] - log_p[ret->set]) / m->temperature);
		sum += p[set];
	}
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		p[set] /= sum;
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			ret->posterior[f] += set & SLO_DOMAIN_BIT(f) ? p[set] : 0;
	}
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		ret->posterior[f] = fmin(ret->posterior[f], 1); /* sums of rounded terms */
	ret->posterior[SLO_DOMAIN_UNKNOWN] = p[0];
	ret->set_probability = p[ret->set];
	ret->second_set_probability = p[ret->second_set];
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
static void observe(const struct slo_attr_model *m, uint32_t present, struct slo_attribution *ret)
{
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
			const struct slo_attr_model_evidence *e = &m->evidence[i];

			if ((present & SLO_EVID_BIT(i)) && e->lambda[f] > 0)
				ret->observability[f] +=
					ret->evidence[i].weight *
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
	enum slo_evidence_group group[SLO_EVID_MAX_];
	double log_p[SLO_FAULT_SETS];
	uint32_t present = 0;

	assert(model->finished);
	memset(ret, 0, sizeof(*ret));
	ret->mode = SLO_ATTR_NOISY_OR;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		group[i] = slo_evidence_desc(i).group;
		if ((obs->present & SLO_EVID_BIT(i)) && model->evidence[i].used)
			present |= SLO_EVID_BIT(i);
	}
	memcpy(log_p, model->log_prior, sizeof(log_p));
	weigh(model, obs, present, ret);
	share_weights(model, present, group, ret);
	add_likelihoods(model, present, group, ret, log_p);
	find_sets(log_p, ret);
	normalise(model, log_p, ret);
	explain(model, present, ret);
	observe(model, present, ret);
	judge(model, present, ret);
}
