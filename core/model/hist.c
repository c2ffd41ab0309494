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

double slo_hist_quantile(const struct slo_hist *h, double q)
{
	double rank = q * (double)h->count;
	double below = 0;

	for (unsigned int i = 0; i < SLO_HIST_SLOTS; i++) {
		double n = (double)h->slot[i];
		double lo = i ? (double)(UINT64_C(1) << (i + 9)) : 0;
		double hi = (double)(UINT64_C(1) << (i + 10));
		double v;

		if (n == 0 || below + n < rank) {
			below += n;
			continue;
		}
		if (h->max_ns && (double)h->max_ns < hi)
			hi = (double)h->max_ns;
		v = hi > lo ? lo + (hi - lo) * (rank - below) / n : lo;
		return h->max_ns && v > (double)h->max_ns ? (double)h->max_ns : v;
	}
	return (double)h->max_ns;
}
