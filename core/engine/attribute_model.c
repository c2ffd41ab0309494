/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/attribute_model.h"

#include <errno.h>
#include <math.h>

#define LR_STEP 0.125

/* --- likelihood ratio of a deviation ------------------------------------------------------------------------ */

static double normal(double z, double mean, double sd)
{
	double u = (z - mean) / sd;

	return exp(-0.5 * u * u) / sd; /* 1 / sqrt(2 pi) cancels in the ratio */
}

static double mixture_log_lr(double z)
{
	double raised = 0;

	for (int mean = 4; mean <= 32; mean *= 2)
		raised += 0.25 * normal(z, mean, 0.4 * mean);
	return log(raised / (0.95 * normal(z, 0, 1.5) + 0.05 * normal(z, 0, 12)));
}

/* The mixture has dips of a tenth of a nat between its bumps: a larger deviation must never say less, so the running maximum. */
static void tabulate_log_lr(double table[SLO_ATTR_LR_STEPS])
{
	double best = SLO_ATTR_LOG_LR_MIN;

	for (unsigned int i = 0; i < SLO_ATTR_LR_STEPS; i++) {
		best = fmax(best, mixture_log_lr(i * LR_STEP));
		table[i] = fmin(best, SLO_ATTR_LOG_LR_MAX);
	}
}

double slo_attr_log_lr(const struct slo_attr_model *m, double z)
{
	double at = fmin(fmax(z, 0) / LR_STEP, SLO_ATTR_LR_STEPS - 1);
	unsigned int i = (unsigned int)at;

	if (i >= SLO_ATTR_LR_STEPS - 1)
		return m->log_lr[SLO_ATTR_LR_STEPS - 1];
	return m->log_lr[i] + (at - i) * (m->log_lr[i + 1] - m->log_lr[i]);
}

/* --- ranges ------------------------------------------------------------------------------------------------------ */

static bool is_probability(double p)
{
	return p > 0 && p < 1;
}

static int check_evidence(unsigned int evid, const struct slo_attr_model_evidence *e,
                          struct slo_err *err)
{
	const char *name = slo_evidence_name(evid);

	if (!is_probability(e->leak))
		return slo_err_set(err, -ERANGE, "%s: leak %g (accepted: above 0, below 1)", name,
		                   e->leak);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (!(e->lambda[f] >= 0 && e->lambda[f] < 1))
			return slo_err_set(err, -ERANGE, "%s: %s %g (accepted: 0 to below 1)", name,
			                   slo_domain_name((enum slo_domain)f), e->lambda[f]);
	}
	if (!(e->median >= 0 && e->median <= slo_evidence_max(evid)))
		return slo_err_set(err, -ERANGE, "%s: median %g (accepted: 0 to %g)", name,
		                   e->median, slo_evidence_max(evid));
	if (!(e->floor >= 0 && e->floor <= slo_evidence_max(evid)))
		return slo_err_set(err, -ERANGE, "%s: floor %g (accepted: 0 to %g)", name, e->floor,
		                   slo_evidence_max(evid));
	if (!(e->spread > 0 && e->spread <= 100) || !(e->min_spread > 0 && e->min_spread <= 100))
		return slo_err_set(err, -ERANGE,
		                   "%s: spread %g, min_spread %g (accepted: above 0, to 100)", name,
		                   e->spread, e->min_spread);
	return 0;
}

static int check_limits(const struct slo_attr_model *m, struct slo_err *err)
{
	if (!(m->temperature >= 0.05 && m->temperature <= 100))
		return slo_err_set(err, -ERANGE, "temperature %g (accepted: 0.05 to 100)",
		                   m->temperature);
	if (!is_probability(m->assert_at))
		return slo_err_set(err, -ERANGE, "assert %g (accepted: above 0, below 1)",
		                   m->assert_at);
	if (!(m->ambiguous_nats >= 0 && m->evidence_nats >= 0 && m->observable_nats >= 0 &&
	      m->unexplained_z > 0))
		return slo_err_set(err, -ERANGE, "limits of abstaining must not be below 0");
	if (m->conformal_n > 0 &&
	    (!is_probability(m->conformal_alpha) || !(m->conformal_quantile >= 0)))
		return slo_err_set(err, -ERANGE,
		                   "conformal alpha %g, quantile %g (accepted: within 0 and 1)",
		                   m->conformal_alpha, m->conformal_quantile);
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (!is_probability(m->prior[f]))
			return slo_err_set(err, -ERANGE,
			                   "prior of %s %g (accepted: above 0, below 1)",
			                   slo_domain_name((enum slo_domain)f), m->prior[f]);
	}
	for (unsigned int g = 0; g < SLO_EVID_GROUP_MAX_; g++) {
		if (!(m->rho[g] >= 0 && m->rho[g] <= 1))
			return slo_err_set(err, -ERANGE, "rho of %s %g (accepted: 0 to 1)",
			                   slo_evidence_group_name((enum slo_evidence_group)g),
			                   m->rho[g]);
	}
	return 0;
}

/* --- derived tables ------------------------------------------------------------------------------------------- */

static void derive_q(const struct slo_attr_model_evidence *e, double q[SLO_FAULT_SETS])
{
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		double silent = 1 - e->leak;

		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			if (set & SLO_DOMAIN_BIT(f))
				silent *= 1 - e->lambda[f];
		}
		q[set] = 1 - silent;
	}
}

static double log_prior_of(const struct slo_attr_model *m, unsigned int set)
{
	double sum = 0;

	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		sum += set & SLO_DOMAIN_BIT(f) ? log(m->prior[f]) : log1p(-m->prior[f]);
	return sum;
}

int slo_attr_model_finish(struct slo_attr_model *m, struct slo_err *err)
{
	int r = check_limits(m, err);

	m->finished = false;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		m->group[i] = slo_evidence_desc(i).group;
	for (unsigned int i = 0; r == 0 && i < SLO_EVID_MAX_; i++) {
		if (!m->evidence[i].used)
			continue;
		r = check_evidence(i, &m->evidence[i], err);
		if (r == 0) {
			derive_q(&m->evidence[i], m->q[i]);
			m->shipped_g[i] = slo_evidence_scale(i, m->evidence[i].median);
		}
	}
	if (r < 0)
		return r;
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++)
		m->log_prior[set] = log_prior_of(m, set);
	tabulate_log_lr(m->log_lr);
	m->finished = true;
	return 0;
}
