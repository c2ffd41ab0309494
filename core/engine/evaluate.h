/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts against truth: sets of faults, top domain, abstentions. Predictions come in finished;
 * nothing here ever hands a label to a predictor.
 */
#ifndef SLO_ENGINE_EVALUATE_H
#define SLO_ENGINE_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"
#include "core/model/domain.h"

/* Column of a confusion matrix, behind those of the domains. */
#define SLO_EVAL_ABSTAIN SLO_DOMAIN_MAX_

struct slo_eval_case {
	double posterior[SLO_DOMAIN_MAX_]; /* 0 to 1; [SLO_DOMAIN_UNKNOWN]: of no fault at all */
	double confidence; /* 0 to 1, of @likely */
	uint32_t
		truth; /* SLO_DOMAIN_BITs of the faults that were there; 0: healthy, or a cause outside the domains */
	uint32_t set; /* the most probable set, also where the predictor abstained */
	uint32_t asserted; /* what it says in earnest; not read where it abstained */
	enum slo_domain top; /* the domain it names; unknown where it abstains */
	enum slo_domain
		likely; /* its favourite, also where it abstains: what @confidence is about */
	bool abstained;
	bool probabilistic; /* @posterior holds probabilities, not a hard 0 or 1 */
};

/* What an abstention counts as. */
enum slo_eval_view {
	SLO_EVAL_FORCED, /* as its most probable set: how good is the model behind the verdict */
	SLO_EVAL_ASSERTED, /* as the empty set: what reaches an operator; all others as @asserted */
	SLO_EVAL_SELECTIVE, /* left out: how good are the verdicts that were given */
	SLO_EVAL_VIEW_MAX_,
};

struct slo_eval_counts {
	uint64_t tp, fp, fn, tn;
};

/* NAN where nothing was there to measure: no assertion (precision), no fault (recall), neither (F1). */
double slo_eval_precision(const struct slo_eval_counts *c);
double slo_eval_recall(const struct slo_eval_counts *c);
double slo_eval_f1(const struct slo_eval_counts *c);
/* @part / @whole; NAN of 0. */
double slo_eval_ratio(uint64_t part, uint64_t whole);

/* Exact sets among cases whose truth has no, one, or several faults. */
struct slo_eval_exact {
	uint64_t cases;
	uint64_t exact;
};

struct slo_eval_sets {
	struct slo_eval_counts fault[SLO_FAULT_MAX]; /* a 2x2 table each */
	struct slo_eval_counts micro; /* their sum */
	struct slo_eval_exact none, single, multi;
	uint64_t cases; /* that count in this view */
	uint64_t exact;
	uint64_t top_right; /* @top is in the truth; "unknown" is where the truth is empty */
};

void slo_eval_sets_of(const struct slo_eval_case *cases, size_t n, enum slo_eval_view view,
                      struct slo_eval_sets *ret);

struct slo_eval_average {
	double precision, recall, f1; /* NAN where no fault qualifies */
	unsigned int faults; /* that were there or were asserted */
};

/*
 * Mean over the faults that were there or were asserted, as sklearn's macro average over the labels
 * seen; a figure undefined for one of them counts as 0, so that silence never flatters.
 */
void slo_eval_macro(const struct slo_eval_sets *sets, struct slo_eval_average *ret);
void slo_eval_micro(const struct slo_eval_sets *sets, struct slo_eval_average *ret);

/* The domain named (the favourite) is in the truth. */
bool slo_eval_top_right(const struct slo_eval_case *c);
bool slo_eval_likely_right(const struct slo_eval_case *c);
/* Mean of slo_eval_top_right(). NAN of none. */
double slo_eval_partial_accuracy(const struct slo_eval_case *cases, size_t n);
/*
 * Mean share of the expected domains that are the top one or have a posterior >= @threshold. NAN of
 * none. With no fault the one expected domain is "unknown".
 */
double slo_eval_coverage_accuracy(const struct slo_eval_case *cases, size_t n, double threshold);

/* Cases with at most one true fault: a row is the truth, a column the top domain or an abstention. */
struct slo_eval_confusion {
	uint64_t cell[SLO_DOMAIN_MAX_][SLO_DOMAIN_MAX_ + 1];
	uint64_t cases;
};

void slo_eval_confusion_of(const struct slo_eval_case *cases, size_t n,
                           struct slo_eval_confusion *ret);

/*
 * Fold 0 to @folds - 1 of a case: by @group (a scenario or an injection, which must not lie on both
 * sides) where it is not empty, else by @id. The same on every machine.
 */
unsigned int slo_eval_fold(const char *group, const char *id, unsigned int folds);

#endif
