/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/attribute_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/attribute_sets.h"

#define STEPS 200
#define PULL 1.0
/* Adam (Kingma, Ba, arXiv 1412.6980) with its authors' decay rates: the gradients' scales differ a hundredfold. */
#define RATE 0.05
#define DECAY_1 0.9
#define DECAY_2 0.999
#define TINY 1e-8
/* Logits stay where a double's probability is neither 0 nor 1. */
#define LOGIT_MAX 9.0

/* One column for each fault, the last for the leak. */
#define COLUMNS (SLO_FAULT_MAX + 1)
#define LEAK SLO_FAULT_MAX

struct ascent {
	struct slo_attr_model *m;
	double logit[SLO_EVID_MAX_][COLUMNS];
	double begin[SLO_EVID_MAX_][COLUMNS];
	double slope[SLO_EVID_MAX_][COLUMNS];
	double mean[SLO_EVID_MAX_][COLUMNS], square[SLO_EVID_MAX_][COLUMNS];
	bool free[SLO_EVID_MAX_][COLUMNS]; /* moves */
};

void slo_fit_case_init(struct slo_fit_case *ret, const struct slo_attr_model *m,
                       const struct slo_observation *obs)
{
	memset(ret, 0, sizeof(*ret));
	ret->present = slo_attr_weigh(m, obs, ret->evidence);
}

/* --- lambdas and leaks ---------------------------------------------------------------------------------------- */

static double *parameter(struct slo_attr_model *m, unsigned int i, unsigned int column)
{
	return column == LEAK ? &m->evidence[i].leak : &m->evidence[i].lambda[column];
}

static double logit(double p)
{
	return fmin(fmax(log(p / (1 - p)), -LOGIT_MAX), LOGIT_MAX);
}

static void begin(struct ascent *a)
{
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		for (unsigned int c = 0; c < COLUMNS; c++) {
			double p = *parameter(a->m, i, c);

			a->free[i][c] = a->m->evidence[i].used && p > 0;
			if (a->free[i][c])
				a->logit[i][c] = a->begin[i][c] = logit(p);
		}
	}
}

/*
 * d ln P(truth | evidence) / d logits: that of the truth less its mean over all sets. With q the probability of "raised"
 * and l a parameter of its fault, dq / dlogit(l) = (1 - q) l, and the factor is 1 + q gain.
 */
static void add_slope(struct ascent *a, const struct slo_fit_case *c)
{
	double p[SLO_FAULT_SETS];

	slo_attr_sets(a->m, c->present, c->evidence, p);
	slo_attr_normalise(p, 1, p);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		double gain = expm1(c->evidence[i].log_lr);
		double sum[COLUMNS] = { 0 };

		if (!(c->present & SLO_EVID_BIT(i)))
			continue;
		for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
			double q = a->m->q[i][set];
			double share = (set == c->truth ? 1 : 0) - p[set];
			double d = share * gain * (1 - q) / (1 + q * gain);

			for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
				sum[f] += set & SLO_DOMAIN_BIT(f) ? d : 0;
			sum[LEAK] += d;
		}
		for (unsigned int k = 0; k < COLUMNS; k++)
			a->slope[i][k] += c->evidence[i].weight * sum[k] * *parameter(a->m, i, k);
	}
}

static void climb(struct ascent *a, unsigned int step, double cases, double pull)
{
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		for (unsigned int k = 0; k < COLUMNS; k++) {
			double slope =
				(a->slope[i][k] - pull * (a->logit[i][k] - a->begin[i][k])) / cases;

			if (!a->free[i][k])
				continue;
			a->mean[i][k] = DECAY_1 * a->mean[i][k] + (1 - DECAY_1) * slope;
			a->square[i][k] = DECAY_2 * a->square[i][k] + (1 - DECAY_2) * slope * slope;
			a->logit[i][k] += RATE * (a->mean[i][k] / (1 - pow(DECAY_1, step))) /
			                  (sqrt(a->square[i][k] / (1 - pow(DECAY_2, step))) + TINY);
			a->logit[i][k] = fmin(fmax(a->logit[i][k], -LOGIT_MAX), LOGIT_MAX);
			*parameter(a->m, i, k) = 1 / (1 + exp(-a->logit[i][k]));
		}
	}
}

size_t slo_fit_lambdas(struct slo_attr_model *m, const struct slo_fit_case *cases, size_t n,
                       unsigned int without, const struct slo_fit_config *cfg)
{
	unsigned int steps = cfg->steps ? cfg->steps : STEPS;
	double pull = cfg->pull > 0 ? cfg->pull : PULL;
	struct ascent a = { .m = m };
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		used += cases[i].fold != without;
	if (used == 0)
		return 0;
	begin(&a);
	for (unsigned int step = 1; step <= steps; step++) {
		int r;

		memset(a.slope, 0, sizeof(a.slope));
		for (size_t i = 0; i < n; i++) {
			if (cases[i].fold != without)
				add_slope(&a, &cases[i]);
		}
		climb(&a, step, (double)used, pull);
		r = slo_attr_model_finish(m, NULL);
		assert(r == 0); /* logits are bounded, so the probabilities are in range */
		(void)r;
	}
	return used;
}

/* --- temperature ------------------------------------------------------------------------------------------------ */

static double log_of_truth(const double log_p[SLO_FAULT_SETS], double temperature, uint32_t truth)
{
	double p[SLO_FAULT_SETS];

	slo_attr_normalise(log_p, temperature, p);
	return log(fmax(p[truth], 1e-300));
}

double slo_fit_log_likelihood(const struct slo_attr_model *m, const struct slo_fit_case *c)
{
	double log_p[SLO_FAULT_SETS];

	slo_attr_sets(m, c->present, c->evidence, log_p);
	return log_of_truth(log_p, m->temperature, c->truth);
}

static double likelihood_at(double log_t, const struct slo_fit_case *cases,
                            const double (*log_p)[SLO_FAULT_SETS], size_t n, unsigned int without)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (cases[i].fold != without)
			sum += log_of_truth(log_p[i], exp(log_t), cases[i].truth);
	}
	return sum;
}

/* Golden section: in 1/T the likelihood is concave, so in ln T it has one peak. */
double slo_fit_temperature(const struct slo_fit_case *cases, const double (*log_p)[SLO_FAULT_SETS],
                           size_t n, unsigned int without)
{
	const double golden = 0.6180339887498949;
	double low = log(0.05), high = log(20);
	double a = high - golden * (high - low), b = low + golden * (high - low);
	double at_a = likelihood_at(a, cases, log_p, n, without);
	double at_b = likelihood_at(b, cases, log_p, n, without);
	bool any = false;

	for (size_t i = 0; i < n; i++)
		any = any || cases[i].fold != without;
	if (!any)
		return 1;
	while (high - low > 1e-4) {
		if (at_a > at_b) {
			high = b;
			b = a;
			at_b = at_a;
			a = high - golden * (high - low);
			at_a = likelihood_at(a, cases, log_p, n, without);
		} else {
			low = a;
			a = b;
			at_a = at_b;
			b = low + golden * (high - low);
			at_b = likelihood_at(b, cases, log_p, n, without);
		}
	}
	return exp((low + high) / 2);
}

/* --- conformal set ---------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A hair below the product, so that 10 * .9 = 9.000000000000002 is still 9. */
static double rank_of(size_t n, double alpha)
{
	return ceil(((double)n + 1) * (1 - alpha) - 1e-9);
}

double slo_fit_conformal(double *scores, size_t n, double alpha)
{
	double rank = rank_of(n, alpha);

	if (rank > (double)n)
		return 1;
	qsort(scores, n, sizeof(*scores), by_value);
	return scores[(size_t)fmax(rank, 1) - 1];
}

size_t slo_fit_conformal_needs(double alpha)
{
	return (size_t)ceil(1 / alpha - 1e-9) - 1;
}

double slo_fit_score(const double posterior[SLO_DOMAIN_MAX_], uint32_t truth)
{
	double least = 1;

	if (truth == 0)
		return 1 - posterior[SLO_DOMAIN_UNKNOWN];
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		if (truth & SLO_DOMAIN_BIT(f))
			least = fmin(least, posterior[f]);
	}
	return 1 - least;
}
