/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

double slo_stats_quantile(const double *sorted, size_t n, double q)
{
	double at = q * (double)(n - 1);
	size_t lower;

	if (n == 0)
		return NAN;
	lower = (size_t)at;
	if (lower + 1 >= n)
		return sorted[n - 1];
	return sorted[lower] * (1 - (at - (double)lower)) +
	       sorted[lower + 1] * (at - (double)lower);
}

double slo_stats_mean(const double *values, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return n ? sum / (double)n : NAN;
}

double slo_stats_sd(const double *values, size_t n)
{
	double mean = slo_stats_mean(values, n);
	double sum = 0;

	if (n < 2)
		return NAN;
	for (size_t i = 0; i < n; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	return sqrt(sum / (double)(n - 1));
}

double slo_stats_cv_pct(const double *values, size_t n)
{
	double mean = slo_stats_mean(values, n);
	double sd = slo_stats_sd(values, n);

	if (sd == 0)
		return 0;
	return mean != 0 ? sd / fabs(mean) * 100 : NAN;
}

double slo_stats_normal_quantile(double p)
{
	double low = -40;
	double high = 40;

	if (!(p > 0))
		return -INFINITY;
	if (!(p < 1))
		return INFINITY;
	/* Bisection to the last bit: it is asked a few times a report, and erfc is exact in both tails. */
	for (int i = 0; i < 80; i++) {
		double middle = (low + high) / 2;

		if (erfc(-middle * M_SQRT1_2) / 2 < p) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return (low + high) / 2;
}

struct test {
	double p;
	size_t index;
};

/* Largest first; equals in the order given, so that the result is the same everywhere. */
static int compare_tests(const void *a, const void *b)
{
	const struct test *x = a;
	const struct test *y = b;

	if (x->p != y->p)
		return x->p < y->p ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

int slo_stats_benjamini_hochberg(const double *p, size_t n, double *ret)
{
	struct test *tests slo_cleanup(slo_freep) = NULL;
	double least = 1;

	if (n == 0)
		return 0;
	tests = calloc(n, sizeof(*tests));
	if (!tests)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct test){ isfinite(p[i]) ? p[i] : 1, i };
	qsort(tests, n, sizeof(*tests), compare_tests);
	for (size_t i = 0; i < n; i++) {
		double adjusted = tests[i].p * (double)n / (double)(n - i);

		least = adjusted < least ? adjusted : least;
		ret[tests[i].index] = least;
	}
	return 0;
}

double slo_stats_required_growth(const struct slo_stats_interval *i, double margin, double alpha,
                                 double power)
{
	double z = slo_stats_normal_quantile(1 - alpha);
	/* What must shrink to what; the widths go with the root of the sample. */
	double width = i->upper - i->estimate;
	double room = margin - i->estimate;
	double ratio;

	if (i->estimate > margin) {
		width = i->estimate - i->lower;
		room = i->estimate;
	}
	if (!isfinite(width) || !(room > 0))
		return INFINITY;
	ratio = width / room * (z + slo_stats_normal_quantile(power)) / z;
	return ratio > 1 ? ratio * ratio : 1;
}
