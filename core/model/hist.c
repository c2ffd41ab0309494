/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/hist.h"

unsigned int slo_hist_slot(uint64_t ns)
{
	unsigned int log2;

	if (ns < 1024)
		return 0;
	log2 = 63U - (unsigned int)__builtin_clzll(ns);
	return log2 - 9 < SLO_HIST_SLOTS ? log2 - 9 : SLO_HIST_SLOTS - 1;
}

void slo_hist_add(struct slo_hist *h, uint64_t ns)
{
	h->slot[slo_hist_slot(ns)]++;
	h->count++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void slo_hist_merge(struct slo_hist *into, const struct slo_hist *from)
{
	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++)
		into->slot[i] += from->slot[i];
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

static double low_end(unsigned int slot)
{
	return slot ? (double)(UINT64_C(1) << (slot + 9)) : 0;
}

static double high_end(const struct slo_hist *h, unsigned int slot)
{
	double hi = (double)(UINT64_C(1) << (slot + 10));

	return h->max_ns && (double)h->max_ns < hi ? (double)h->max_ns : hi;
}

/* @weight: of each slot; @rank: of their sum. */
static double at_rank(const struct slo_hist *h, const double weight[SLO_HIST_SLOTS], double rank)
{
	double below = 0;

	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		double lo = low_end(i), hi = high_end(h, i);
		double v;

		if (weight[i] == 0 || below + weight[i] < rank) {
			below += weight[i];
			continue;
		}
		v = hi > lo ? lo + (hi - lo) * (rank - below) / weight[i] : lo;
		return h->max_ns && v > (double)h->max_ns ? (double)h->max_ns : v;
	}
	return (double)h->max_ns;
}

double slo_hist_quantile(const struct slo_hist *h, double q)
{
	double weight[SLO_HIST_SLOTS];

	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++)
		weight[i] = (double)h->slot[i];
	return at_rank(h, weight, q * (double)h->count);
}

double slo_hist_time_quantile(const struct slo_hist *h, double q)
{
	double weight[SLO_HIST_SLOTS], sum = 0;

	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		weight[i] = (double)h->slot[i] * (low_end(i) + high_end(h, i)) / 2;
		sum += weight[i];
	}
	return at_rank(h, weight, q * sum);
}
