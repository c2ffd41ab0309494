/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/evaluate.h"

#include <math.h>
#include <string.h>

double slo_eval_ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : NAN;
}

double slo_eval_precision(const struct slo_eval_counts *c)
{
	return slo_eval_ratio(c->tp, c->tp + c->fp);
}

double slo_eval_recall(const struct slo_eval_counts *c)
{
	return slo_eval_ratio(c->tp, c->tp + c->fn);
}

double slo_eval_f1(const struct slo_eval_counts *c)
{
	return slo_eval_ratio(2 * c->tp, 2 * c->tp + c->fp + c->fn);
}

static bool is_true(uint32_t truth, enum slo_domain d)
{
	return d == SLO_DOMAIN_UNKNOWN ? truth == 0 : (truth & SLO_DOMAIN_BIT(d)) != 0;
}

bool slo_eval_top_right(const struct slo_eval_case *c)
{
	return is_true(c->truth, c->top);
}

bool slo_eval_likely_right(const struct slo_eval_case *c)
{
	return is_true(c->truth, c->likely);
}

static void count_faults(struct slo_eval_counts fault[SLO_FAULT_MAX], uint32_t truth, uint32_t set)
{
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		bool is = truth >> f & 1, said = set >> f & 1;
		uint64_t *cell = is ? (said ? &fault[f].tp : &fault[f].fn)
		                    : (said ? &fault[f].fp : &fault[f].tn);

		(*cell)++;
	}
}

static unsigned int fault_count(uint32_t set)
{
	return (unsigned int)__builtin_popcount(set);
}

void slo_eval_sets_of(const struct slo_eval_case *cases, size_t n, enum slo_eval_view view,
                      struct slo_eval_sets *ret)
{
	struct slo_eval_sets s = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct slo_eval_case *c = &cases[i];
		bool silent = c->abstained && view == SLO_EVAL_ASSERTED;
		uint32_t set = silent ? 0 : view == SLO_EVAL_ASSERTED ? c->asserted : c->set;
		struct slo_eval_exact *group;

		if (c->abstained && view == SLO_EVAL_SELECTIVE)
			continue;
		group = fault_count(c->truth) == 0   ? &s.none
		        : fault_count(c->truth) == 1 ? &s.single
		                                     : &s.multi;
		count_faults(s.fault, c->truth, set);
		s.cases++;
		group->cases++;
		if (set == c->truth) {
			s.exact++;
			group->exact++;
		}
		if (!silent && slo_eval_top_right(c))
			s.top_right++;
	}
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		s.micro.tp += s.fault[f].tp;
		s.micro.fp += s.fault[f].fp;
		s.micro.fn += s.fault[f].fn;
		s.micro.tn += s.fault[f].tn;
	}
	*ret = s;
}

static double or_zero(double v)
{
	return isnan(v) ? 0 : v;
}

void slo_eval_macro(const struct slo_eval_sets *sets, struct slo_eval_average *ret)
{
	struct slo_eval_average a = { 0 };

	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const struct slo_eval_counts *c = &sets->fault[f];

		if (c->tp + c->fp + c->fn == 0)
			continue;
		a.faults++;
		a.precision += or_zero(slo_eval_precision(c));
		a.recall += or_zero(slo_eval_recall(c));
		a.f1 += or_zero(slo_eval_f1(c));
	}
	a.precision = a.faults ? a.precision / a.faults : NAN;
	a.recall = a.faults ? a.recall / a.faults : NAN;
	a.f1 = a.faults ? a.f1 / a.faults : NAN;
	*ret = a;
}

void slo_eval_micro(const struct slo_eval_sets *sets, struct slo_eval_average *ret)
{
	struct slo_eval_average macro;

	slo_eval_macro(sets, &macro);
	*ret = (struct slo_eval_average){
		.precision = slo_eval_precision(&sets->micro),
		.recall = slo_eval_recall(&sets->micro),
		.f1 = slo_eval_f1(&sets->micro),
		.faults = macro.faults,
	};
}

double slo_eval_partial_accuracy(const struct slo_eval_case *cases, size_t n)
{
	uint64_t right = 0;

	for (size_t i = 0; i < n; i++)
		right += slo_eval_top_right(&cases[i]);
	return slo_eval_ratio(right, n);
}

static double covered(const struct slo_eval_case *c, double threshold)
{
	unsigned int expected = 0, hit = 0;

	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		bool is = d == SLO_DOMAIN_UNKNOWN ? c->truth == 0 : c->truth >> d & 1;

		expected += is;
		hit += is && (d == c->top || c->posterior[d] >= threshold);
	}
	return (double)hit / expected;
}

double slo_eval_coverage_accuracy(const struct slo_eval_case *cases, size_t n, double threshold)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += covered(&cases[i], threshold);
	return n ? sum / (double)n : NAN;
}

void slo_eval_confusion_of(const struct slo_eval_case *cases, size_t n,
                           struct slo_eval_confusion *ret)
{
	struct slo_eval_confusion m = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct slo_eval_case *c = &cases[i];
		unsigned int row = SLO_DOMAIN_UNKNOWN;

		if (fault_count(c->truth) > 1)
			continue;
		if (c->truth)
			row = (unsigned int)__builtin_ctz(c->truth);
		m.cell[row][c->abstained ? SLO_EVAL_ABSTAIN : c->top]++;
		m.cases++;
	}
	*ret = m;
}

/* FNV-1a, then MurmurHash3's finalizer: FNV's low bits alone follow the last letters of an id. */
static uint64_t hash_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

unsigned int slo_eval_fold(const char *group, const char *id, unsigned int folds)
{
	assert(folds > 0);
	return (unsigned int)(hash_text(group && *group ? group : id) % folds);
}
