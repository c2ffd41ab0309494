/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/stats_boot.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/stats_sort.h"

#define DRAW_BLOCK ((size_t)512)

/*
 * A resample is kept as how often each sample was drawn, in the order of the values: its order statistics come by
 * walking down from the largest. Only those with weight matter, so draws of samples well below them are not counted;
 * a resample that needs some of them after all is drawn again from the same random state with all counted.
 */
struct run {
	const uint32_t *places; /* [size] where in @sorted its samples stand, ascending */
	uint32_t size;
	uint32_t first; /* its samples from here on are counted */
};

struct slo_boot {
	size_t n;
	struct run *runs; /* [run_count] */
	size_t run_count;
	double *sorted; /* [n], all runs */
	uint32_t *places; /* [n], run after run */
	uint32_t *counts; /* [n] of the resample */
	double *weights; /* [n + 1], cumulative */
	size_t needed; /* order statistics from this one on have weight */
	size_t counted; /* samples from this place on are counted */
	uint32_t *chosen; /* [run_count] of the resample */
};

/* A run's places ascend, as it is met in the order of the values. */
static void place_samples(struct slo_boot *b, const struct slo_stats_item *items)
{
	uint32_t *run_of = b->counts; /* by sample; free until the first resample */
	uint32_t *next = b->chosen; /* of each run */
	uint32_t begin = 0;

	for (size_t r = 0; r < b->run_count; r++) {
		for (uint32_t i = 0; i < b->runs[r].size; i++)
			run_of[begin + i] = (uint32_t)r;
		b->runs[r].places = b->places + begin;
		next[r] = begin;
		begin += b->runs[r].size;
	}
	for (size_t i = 0; i < b->n; i++) {
		b->sorted[i] = items[i].value;
		b->places[next[run_of[items[i].index]]++] = (uint32_t)i;
	}
}

static int sort_samples(struct slo_boot *b, const double *values)
{
	struct slo_stats_item *items slo_cleanup(slo_freep) = calloc(b->n, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		items[i] = (struct slo_stats_item){ values[i], (uint32_t)i };
	slo_stats_sort_items(items, b->n);
	place_samples(b, items);
	return 0;
}

/*
 * Which order statistics have weight, and how far below them to count: eight standard deviations, and a tenth of all
 * for runs that differ.
 */
static void set_cut(struct slo_boot *b)
{
	size_t margin = 4 * (size_t)sqrt((double)b->n) + b->n / 10;

	b->needed = 0;
	while (b->weights[b->needed + 1] <= 0)
		b->needed++;
	b->counted = b->needed > margin ? b->needed - margin : 0;
	for (size_t r = 0; r < b->run_count; r++) {
		struct run *run = &b->runs[r];

		while (run->first < run->size && run->places[run->first] < b->counted)
			run->first++;
	}
}

static size_t total(const struct slo_boot_config *cfg)
{
	size_t n = 0;

	for (size_t r = 0; r < cfg->runs; r++) {
		if (cfg->run_sizes[r] > SLO_BOOT_SAMPLES_MAX - n)
			return 0;
		n += cfg->run_sizes[r];
	}
	return n;
}

int slo_boot_new(struct slo_boot **ret, const struct slo_boot_config *cfg)
{
	slo_boot_auto struct slo_boot *b = NULL;
	int r;

	if (total(cfg) == 0)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->n = total(cfg);
	b->run_count = cfg->runs;
	b->runs = calloc(b->run_count, sizeof(*b->runs));
	b->sorted = calloc(b->n, sizeof(*b->sorted));
	b->places = calloc(b->n, sizeof(*b->places));
	b->counts = calloc(b->n, sizeof(*b->counts));
	b->weights = calloc(b->n + 1, sizeof(*b->weights));
	b->chosen = calloc(b->run_count, sizeof(*b->chosen));
	if (!b->runs || !b->sorted || !b->places || !b->counts || !b->weights || !b->chosen)
		return -ENOMEM;
	for (size_t i = 0; i < b->run_count; i++)
		b->runs[i].size = (uint32_t)cfg->run_sizes[i];
	r = sort_samples(b, cfg->values);
	if (r < 0)
		return r;
	slo_stats_quantile_weights(cfg->kind, cfg->q, b->n, b->weights);
	set_cut(b);
	*ret = slo_take_ptr(b);
	return 0;
}

void slo_boot_freep(struct slo_boot **b)
{
	if (*b) {
		free((*b)->runs);
		free((*b)->sorted);
		free((*b)->places);
		free((*b)->counts);
		free((*b)->weights);
		free((*b)->chosen);
	}
	free(*b);
	*b = NULL;
}

double slo_boot_estimate(const struct slo_boot *b)
{
	double sum = 0;

	for (size_t i = b->needed; i < b->n; i++)
		sum += b->sorted[i] * (b->weights[i + 1] - b->weights[i]);
	return sum;
}

/*
 * Up to DRAW_BLOCK draws below @size, two of each 64 bits; those of at least @first go into @ret, whose length is
 * returned. Without a branch on the draw: it would be mispredicted too often.
 */
static size_t draw_block(struct slo_random *random, uint32_t size, uint32_t first, size_t times,
                         uint32_t ret[DRAW_BLOCK + 1])
{
	struct slo_random local = *random; /* kept in registers */
	size_t n = 0;

	for (size_t i = 0; i < times; i += 2) {
		uint64_t bits = slo_random_u64(&local);

		ret[n] = slo_random_scale(&local, (uint32_t)(bits >> 32), size);
		n += ret[n] >= first;
		if (i + 1 == times)
			break;
		ret[n] = slo_random_scale(&local, (uint32_t)bits, size);
		n += ret[n] >= first;
	}
	*random = local;
	return n;
}

/* @times draws from @run; those of samples before @first are not counted. */
static void draw_run(struct slo_boot *b, struct slo_random *random, const struct run *run,
                     uint32_t first, size_t times)
{
	uint32_t drawn[DRAW_BLOCK + 1];

	while (times) {
		const size_t block = times < DRAW_BLOCK ? times : DRAW_BLOCK;
		const size_t n = draw_block(random, run->size, first, block, drawn);

		for (size_t i = 0; i < n; i++)
			b->counts[run->places[drawn[i]]]++;
		times -= block;
	}
}

/* Which runs; the sum of their sizes. */
static uint64_t choose_runs(struct slo_boot *b, struct slo_random *random)
{
	uint64_t sum;

	do {
		sum = 0;
		for (size_t i = 0; i < b->run_count; i++) {
			b->chosen[i] = 0;
			if (b->run_count > 1)
				b->chosen[i] = slo_random_below(random, (uint32_t)b->run_count);
			sum += b->runs[b->chosen[i]].size;
		}
	} while (sum == 0); /* only empty ones: nothing to draw from */
	return sum;
}

/* Draws the runs, then n samples of them in proportion to their sizes. */
static void draw_samples(struct slo_boot *b, struct slo_random *random, bool all)
{
	const size_t counted = all ? 0 : b->counted;
	const double sum = (double)choose_runs(b, random);
	double upto = 0;
	size_t done = 0;

	memset(b->counts + counted, 0, (b->n - counted) * sizeof(*b->counts));
	for (size_t i = 0; i < b->run_count; i++) {
		const struct run *run = &b->runs[b->chosen[i]];
		size_t end;

		upto += run->size;
		end = (size_t)((double)b->n * (upto / sum) + 0.5);
		draw_run(b, random, run, all ? 0 : run->first, end - done);
		done = end;
	}
}

/* The quantile of the counted resample; NAN where it needs samples that were not counted. */
static double walk(const struct slo_boot *b, size_t counted)
{
	size_t left = b->n; /* order statistics above this one are done */
	double sum = 0;

	for (size_t i = b->n; i > counted && left > b->needed; i--) {
		size_t below = left - b->counts[i - 1];

		sum += b->sorted[i - 1] * (b->weights[left] - b->weights[below]);
		left = below;
	}
	return left > b->needed ? NAN : sum;
}

double slo_boot_draw(struct slo_boot *b, struct slo_random *random)
{
	const struct slo_random before = *random;
	double estimate;

	draw_samples(b, random, false);
	estimate = walk(b, b->counted);
	if (isfinite(estimate))
		return estimate;
	*random = before;
	draw_samples(b, random, true);
	return walk(b, 0);
}
