/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/buckets.h"

size_t slo_buckets_find(const double *bounds, size_t bound_count, double value)
{
	size_t lo = 0, hi = bound_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (value <= bounds[mid])
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void add_one(struct slo_buckets *b, uint64_t ns, uint64_t weight)
{
	b->count[slo_buckets_find(b->bounds, b->bound_count, (double)ns / b->unit_ns)] += weight;
}

/* The share of [lo, hi) in bucket @i, in the bounds' unit. */
static double share(const struct slo_buckets *b, size_t i, double lo, double hi)
{
	double from = i && b->bounds[i - 1] > lo ? b->bounds[i - 1] : lo;
	double to = i < b->bound_count && b->bounds[i] < hi ? b->bounds[i] : hi;

	return to > from ? (to - from) / (hi - lo) : 0;
}

/* Whole measurements each; what is cut off is owed, and the last ones go where most is owed. */
static void spread(struct slo_buckets *b, double lo, double hi, uint64_t n)
{
	size_t first = slo_buckets_find(b->bounds, b->bound_count, lo);
	size_t last = slo_buckets_find(b->bounds, b->bound_count, hi);
	uint64_t left = n;

	if (first == last || hi <= lo) {
		b->count[first] += n;
		return;
	}
	for (size_t i = first; i <= last; i++) {
		double part = (double)n * share(b, i, lo, hi) + (double)b->owed[i];
		uint64_t whole = part > 0 ? (uint64_t)part : 0;

		if (whole > left)
			whole = left;
		b->count[i] += whole;
		b->owed[i] = (float)(part - (double)whole);
		left -= whole;
	}
	while (left) {
		size_t most = first;

		for (size_t i = first + 1; i <= last; i++) {
			if (b->owed[i] > b->owed[most])
				most = i;
		}
		b->count[most]++;
		b->owed[most] -= 1;
		left--;
	}
}

static double slot_end(unsigned int slot)
{
	return (double)(UINT64_C(1) << (slot + 10));
}

void slo_buckets_add(struct slo_buckets *b, const struct slo_hist *h, uint64_t weight)
{
	if (h->count == 1) {
		add_one(b, h->sum_ns, weight);
		return;
	}
	if (h->count == 2 && h->max_ns && h->max_ns <= h->sum_ns) {
		add_one(b, h->max_ns, weight);
		add_one(b, h->sum_ns - h->max_ns, weight);
		return;
	}
	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		double lo = i ? slot_end(i - 1) : 0, hi = slot_end(i);
		uint64_t n = h->slot[i];

		if (n && h->max_ns && i == slo_hist_slot(h->max_ns)) {
			add_one(b, h->max_ns, weight);
			hi = (double)h->max_ns;
			n--;
		}
		if (n)
			spread(b, lo / b->unit_ns, hi / b->unit_ns, n * weight);
	}
}
