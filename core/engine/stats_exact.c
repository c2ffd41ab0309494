/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats_exact.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Sums are kept as steps above the smallest rank times k, in units of the ranks' common divisor: without ties, doubled
 * ranks take half the room.
 */
struct slo_rank_sums {
	uint64_t base; /* k times the smallest rank */
	uint32_t unit; /* common divisor; 1 where all ranks are equal */
	size_t top; /* largest step */
	double *below; /* [top + 1]: share of choices with at most so many steps */
	double *above; /* [top + 1]: with at least so many */
};

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static uint32_t unit_of(const uint32_t *ranks, size_t n)
{
	uint32_t unit = 0;

	for (size_t i = 1; i < n; i++)
		unit = common_divisor(unit, ranks[i] - ranks[0]);
	return unit ? unit : 1;
}

/* Steps of the @k largest of the first @n ranks. */
static size_t top_of(const struct slo_rank_sums *s, const uint32_t *ranks, size_t n, size_t k)
{
	size_t top = 0;

	for (size_t i = n - k; i < n; i++)
		top += (ranks[i] - ranks[0]) / s->unit;
	return top;
}

/*
 * counts[j][t]: choices of j of the ranks seen so far with t steps. A rank is added to the larger choices first, so
 * that none takes it twice; rows that can no longer grow to k, and steps that no choice reaches, are left out.
 */
static void count_choices(const struct slo_rank_sums *s, const uint32_t *ranks, size_t n, size_t k,
                          double *counts)
{
	const size_t width = s->top + 1;

	counts[0] = 1;
	for (size_t i = 0; i < n; i++) {
		const size_t step = (ranks[i] - ranks[0]) / s->unit;
		const size_t first = k > n - i ? k - (n - i) + 1 : 1;

		for (size_t j = i + 1 < k ? i + 1 : k; j >= first; j--) {
			const double *from = counts + (j - 1) * width;
			double *to = counts + j * width + step;
			const size_t reach = top_of(s, ranks, i, j - 1);

			for (size_t t = 0; t <= reach; t++)
				to[t] += from[t];
		}
	}
}

static void add_up(struct slo_rank_sums *s, const double *counts)
{
	double all = 0;
	double sum = 0;

	/* Up to the sum's own rounding both tails are summed from their thin ends. */
	for (size_t t = 0; t <= s->top; t++)
		all += counts[t];
	for (size_t t = 0; t <= s->top; t++) {
		sum += counts[t];
		s->below[t] = sum / all;
	}
	sum = 0;
	for (size_t t = s->top + 1; t-- > 0;) {
		sum += counts[t];
		s->above[t] = sum / all;
	}
}

int slo_rank_sums_new(struct slo_rank_sums **ret, const uint32_t *ranks, size_t n, size_t k)
{
	slo_rank_sums_auto struct slo_rank_sums *s = calloc(1, sizeof(*s));
	double *counts slo_cleanup(slo_freep) = NULL;

	assert(k >= 1 && k <= n);
	if (!s)
		return -ENOMEM;
	s->base = k * (uint64_t)ranks[0];
	s->unit = unit_of(ranks, n);
	s->top = top_of(s, ranks, n, k);
	s->below = calloc(s->top + 1, sizeof(*s->below));
	s->above = calloc(s->top + 1, sizeof(*s->above));
	counts = calloc((k + 1) * (s->top + 1), sizeof(*counts));
	if (!s->below || !s->above || !counts)
		return -ENOMEM;
	count_choices(s, ranks, n, k, counts);
	add_up(s, counts + k * (s->top + 1));
	*ret = slo_take_ptr(s);
	return 0;
}

void slo_rank_sums_freep(struct slo_rank_sums **s)
{
	if (*s) {
		free((*s)->below);
		free((*s)->above);
	}
	free(*s);
	*s = NULL;
}

double slo_rank_sums_at_most(const struct slo_rank_sums *s, uint64_t sum)
{
	uint64_t step;

	if (sum < s->base)
		return 0;
	step = (sum - s->base) / s->unit;
	return s->below[step < s->top ? step : s->top];
}

double slo_rank_sums_at_least(const struct slo_rank_sums *s, uint64_t sum)
{
	uint64_t step;

	if (sum <= s->base)
		return 1;
	step = (sum - s->base + s->unit - 1) / s->unit;
	return step <= s->top ? s->above[step] : 0;
}
