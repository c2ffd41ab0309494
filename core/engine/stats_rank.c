/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats_rank.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/stats_exact.h"

/* Differences few enough to be sorted on the stack. */
#define PICK_MAX 2048
#define VALUE_STEPS 40

/* What one merge of a pair tells. */
struct merged {
	double greater; /* pairs with x > y */
	double less;
	double ties; /* sum of t^3 - t over groups of t equal values */
};

static size_t run_length(const double *v, size_t n, size_t at, double value)
{
	size_t end = at;

	while (end < n && v[end] == value)
		end++;
	return end - at;
}

/* The next group of equal values at (@i, @j): how many of each. */
static void next_group(const struct slo_stats_pair *p, size_t i, size_t j, size_t *ret_x,
                       size_t *ret_y)
{
	double value;

	if (i < p->nx && j < p->ny) {
		value = p->x[i] < p->y[j] ? p->x[i] : p->y[j];
	} else {
		value = i < p->nx ? p->x[i] : p->y[j];
	}
	*ret_x = run_length(p->x, p->nx, i, value);
	*ret_y = run_length(p->y, p->ny, j, value);
}

static struct merged merge(const struct slo_stats_pair *p)
{
	struct merged m = { 0 };
	size_t i = 0;
	size_t j = 0;

	while (i < p->nx || j < p->ny) {
		size_t x;
		size_t y;
		double t;

		next_group(p, i, j, &x, &y);
		t = (double)(x + y);
		m.ties += t * t * t - t;
		m.greater += (double)x * (double)j;
		m.less += (double)y * (double)i;
		i += x;
		j += y;
	}
	return m;
}

static double pairs_of(const struct slo_stats_pair *p)
{
	return (double)p->nx * (double)p->ny;
}

static double u_of(const struct slo_stats_pair *p, const struct merged *m)
{
	return m->greater + (pairs_of(p) - m->greater - m->less) / 2;
}

void slo_stats_mann_whitney(const struct slo_stats_pair *pair, struct slo_stats_mann_whitney *ret)
{
	const struct merged m = merge(pair);
	const double n = (double)(pair->nx + pair->ny);
	const double mean = pairs_of(pair) / 2;
	const double u = u_of(pair, &m);
	/* All values equal: U is its mean, and the variance is not asked for. */
	const double sd = sqrt(pairs_of(pair) / 12 * (n + 1 - m.ties / (n * (n - 1))));
	const double z = u != mean ? (fabs(u - mean) - 0.5) / sd : 0;
	const double p = erfc(z * M_SQRT1_2);

	*ret = (struct slo_stats_mann_whitney){
		.u = u,
		.p_two_sided = p < 1 ? p : 1,
		.z = z,
		.p_greater = sd > 0 ? erfc((u - mean - 0.5) / sd * M_SQRT1_2) / 2 : 1,
	};
}

double slo_stats_cliffs_delta(const struct slo_stats_pair *pair)
{
	const struct merged m = merge(pair);

	return (m.greater - m.less) / pairs_of(pair);
}

/* --- exact --------------------------------------------------------------------------------------------------- */

/* Doubled mid-ranks of the pair, ascending, into @ranks; those of x as *@ret_sum. */
static void doubled_ranks(const struct slo_stats_pair *p, uint32_t *ranks, uint64_t *ret_sum)
{
	uint64_t sum = 0;
	size_t i = 0;
	size_t j = 0;

	while (i < p->nx || j < p->ny) {
		size_t x;
		size_t y;
		uint32_t rank;

		next_group(p, i, j, &x, &y);
		/* The group's ranks are i + j + 1 to i + j + x + y. */
		rank = (uint32_t)(2 * (i + j) + x + y + 1);
		for (size_t k = 0; k < x + y; k++)
			ranks[i + j + k] = rank;
		sum += x * (uint64_t)rank;
		i += x;
		j += y;
	}
	*ret_sum = sum;
}

int slo_stats_mann_whitney_exact(const struct slo_stats_pair *pair,
                                 struct slo_stats_mann_whitney *ret)
{
	uint32_t ranks[SLO_STATS_EXACT_MAX];
	slo_rank_sums_auto struct slo_rank_sums *sums = NULL;
	const struct merged m = merge(pair);
	const size_t n = pair->nx + pair->ny;
	/* The sums of x are the mirror image of those of y: the smaller side is counted. */
	const bool of_x = pair->nx <= pair->ny;
	const size_t k = of_x ? pair->nx : pair->ny;
	const uint64_t mean = k * (uint64_t)(n + 1);
	uint64_t sum;
	uint64_t apart;
	int r;

	if (n > SLO_STATS_EXACT_MAX)
		return -E2BIG;
	doubled_ranks(pair, ranks, &sum);
	if (!of_x)
		sum = n * (uint64_t)(n + 1) - sum;
	r = slo_rank_sums_new(&sums, ranks, n, k);
	if (r < 0)
		return r;
	apart = sum > mean ? sum - mean : mean - sum;
	*ret = (struct slo_stats_mann_whitney){ .u = u_of(pair, &m), .exact = true };
	ret->p_two_sided = 1;
	if (apart)
		ret->p_two_sided = slo_rank_sums_at_most(sums, mean - apart) +
		                   slo_rank_sums_at_least(sums, mean + apart);
	ret->p_greater =
		of_x ? slo_rank_sums_at_least(sums, sum) : slo_rank_sums_at_most(sums, sum);
	return 0;
}

/* --- Hodges-Lehmann ------------------------------------------------------------------------------------------ */

/* Doubles in their order as integers, both zeros alike. */
static int64_t key_of(double d)
{
	int64_t bits;

	d += 0.0;
	memcpy(&bits, &d, sizeof(bits));
	return bits < 0 ? INT64_MIN - bits : bits;
}

static double double_of(int64_t key)
{
	int64_t bits = key < 0 ? INT64_MIN - key : key;
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

/* Differences x - y that are at most @limit. Rounding is monotonic, so one pass over both suffices. */
static double count_at_most(const struct slo_stats_pair *p, double limit)
{
	double count = 0;
	size_t j = 0;

	for (size_t i = 0; i < p->nx; i++) {
		while (j < p->ny && p->x[i] - p->y[j] > limit)
			j++;
		count += (double)(p->ny - j);
	}
	return count;
}

/* The @rank-th smallest, from 1, of the differences in (@low, @high], of which there are at most PICK_MAX. */
static double pick_difference(const struct slo_stats_pair *p, double low, double high, size_t rank)
{
	double found[PICK_MAX];
	size_t n = 0;
	size_t begin = 0;
	size_t end = 0;

	for (size_t i = 0; i < p->nx; i++) {
		while (begin < p->ny && p->x[i] - p->y[begin] > high)
			begin++;
		end = end > begin ? end : begin;
		while (end < p->ny && p->x[i] - p->y[end] > low)
			end++;
		for (size_t j = begin; j < end; j++) {
			assert(n < PICK_MAX);
			found[n++] = p->x[i] - p->y[j];
		}
	}
	assert(rank >= 1 && rank <= n);
	slo_stats_sort(found, n);
	return found[rank - 1];
}

/* Halves the values, at last the doubles between them: many ties at one value must not take a thousand steps. */
static double middle_of(double low, double high, int step)
{
	int64_t a = key_of(low);
	int64_t b = key_of(high);

	if (step < VALUE_STEPS)
		return low + (high - low) / 2;
	return double_of((a >> 1) + (b >> 1) + (a & b & 1));
}

/*
 * The @rank-th smallest difference, from 1: bisection until few enough are left to pick from, or until all that are
 * left are equal.
 */
static double difference_at(const struct slo_stats_pair *p, double rank)
{
	double high = p->x[p->nx - 1] - p->y[0];
	double low = nextafter(p->x[0] - p->y[p->ny - 1], -INFINITY);
	double upto_high = pairs_of(p);
	double upto_low = 0;

	for (int step = 0; upto_high - upto_low > PICK_MAX; step++) {
		const double middle = middle_of(low, high, step);
		double upto;

		if (!(middle > low && middle < high)) {
			if (step >= VALUE_STEPS)
				return high;
			continue;
		}
		upto = count_at_most(p, middle);
		if (upto >= rank) {
			high = middle;
			upto_high = upto;
		} else {
			low = middle;
			upto_low = upto;
		}
	}
	return pick_difference(p, low, high, (size_t)(rank - upto_low));
}

/* The largest k with P(U <= k - 1) <= alpha under no difference and no ties; 0: there is none. */
static int bound_rank(const struct slo_stats_pair *p, double alpha, double *ret)
{
	uint32_t ranks[SLO_STATS_EXACT_MAX];
	slo_rank_sums_auto struct slo_rank_sums *sums = NULL;
	const size_t n = p->nx + p->ny;
	const size_t k = p->nx <= p->ny ? p->nx : p->ny;
	uint64_t u = 0;
	int r;

	if (n > SLO_STATS_EXACT_MAX) {
		double sd = sqrt(pairs_of(p) * (double)(n + 1) / 12);
		double at = floor(pairs_of(p) / 2 + 0.5 + slo_stats_normal_quantile(alpha) * sd);

		*ret = at > 0 ? at : 0;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		ranks[i] = (uint32_t)i;
	r = slo_rank_sums_new(&sums, ranks, n, k);
	if (r < 0)
		return r;
	while (slo_rank_sums_at_most(sums, k * (uint64_t)(k - 1) / 2 + u) <= alpha)
		u++;
	*ret = (double)u;
	return 0;
}

int slo_stats_hodges_lehmann(const struct slo_stats_pair *pair, double alpha,
                             struct slo_stats_interval *ret)
{
	const double pairs = pairs_of(pair);
	const double half = floor(pairs / 2);
	double rank;
	int r = bound_rank(pair, alpha, &rank);

	if (r < 0)
		return r;
	ret->estimate = difference_at(pair, half + 1);
	if (half * 2 == pairs)
		ret->estimate = (ret->estimate + difference_at(pair, half)) / 2;
	ret->lower = rank >= 1 ? difference_at(pair, rank) : -INFINITY;
	ret->upper = rank >= 1 ? difference_at(pair, pairs + 1 - rank) : INFINITY;
	return 0;
}
