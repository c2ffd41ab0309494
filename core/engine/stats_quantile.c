/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats_quantile.h"

#include <assert.h>
#include <float.h>
#include <math.h>

/* The fraction needs some multiple of sqrt(max(a, b)) steps. */
#define BETA_STEPS_MAX 1000000
/* Below it a weight is nothing; the fraction behind the factor is at most some sqrt(a + b). */
#define BETA_FACTOR_MIN 1e-40

/* Even (@even) or odd coefficient @m of the fraction. */
static double coefficient(double a, double b, double x, double m, int even)
{
	if (even)
		return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
	return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
}

static double nonzero(double v)
{
	return fabs(v) < DBL_MIN ? DBL_MIN : v;
}

/* Converges fast for x below the distribution's mean. */
static double beta_fraction(double a, double b, double x)
{
	double c = 1;
	double d = 1 / nonzero(1 + coefficient(a, b, x, 0, 0));
	double f = d;

	for (int m = 1; m < BETA_STEPS_MAX; m++) {
		double step = 1;

		for (int even = 1; even >= 0; even--) {
			double k = coefficient(a, b, x, m, even);

			d = 1 / nonzero(1 + k * d);
			c = nonzero(1 + k / c);
			step = c * d;
			f *= step;
		}
		if (fabs(step - 1) < DBL_EPSILON)
			break;
	}
	return f;
}

/* @log_beta is ln B(a, b): dear, and the same for all weights of a sample. */
static double beta_at(double a, double b, double x, double log_beta)
{
	double factor;

	if (!(x > 0))
		return 0;
	if (!(x < 1))
		return 1;
	factor = exp(a * log(x) + b * log1p(-x) - log_beta);
	if (x < (a + 1) / (a + b + 2))
		return factor < BETA_FACTOR_MIN ? 0 : factor * beta_fraction(a, b, x) / a;
	return factor < BETA_FACTOR_MIN ? 1 : 1 - factor * beta_fraction(b, a, 1 - x) / b;
}

static double log_beta_of(double a, double b)
{
	return lgamma(a) + lgamma(b) - lgamma(a + b);
}

double slo_stats_beta(double a, double b, double x)
{
	return beta_at(a, b, x, log_beta_of(a, b));
}

static void harrell_davis_weights(double q, size_t n, double *ret)
{
	const double a = (double)(n + 1) * q;
	const double b = (double)(n + 1) * (1 - q);
	const double log_beta = log_beta_of(a, b);

	for (size_t k = 0; k <= n; k++)
		ret[k] = beta_at(a, b, (double)k / (double)n, log_beta);
}

static void linear_weights(double q, size_t n, double *ret)
{
	const double at = q * (double)(n - 1);
	const size_t lower = (size_t)at;

	for (size_t k = 0; k <= n; k++)
		ret[k] = k > lower ? 1 : 0;
	if (lower + 1 < n)
		ret[lower + 1] = 1 - (at - (double)lower);
}

void slo_stats_quantile_weights(enum slo_quantile_kind kind, double q, size_t n,
                                double *ret_cumulative)
{
	assert(n >= 1 && q > 0 && q < 1);
	if (kind == SLO_QUANTILE_HARRELL_DAVIS) {
		harrell_davis_weights(q, n, ret_cumulative);
	} else {
		linear_weights(q, n, ret_cumulative);
	}
}

double slo_stats_harrell_davis(const double *sorted, size_t n, double q)
{
	const double a = (double)(n + 1) * q;
	const double b = (double)(n + 1) * (1 - q);
	const double log_beta = log_beta_of(a, b);
	double before = 0;
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		double upto = beta_at(a, b, (double)(i + 1) / (double)n, log_beta);

		sum += sorted[i] * (upto - before);
		before = upto;
	}
	return sum;
}
