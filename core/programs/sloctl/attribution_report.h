/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a run of attributions: counts, and where incidents are labelled how right the verdicts are. */
#ifndef SLO_SLOCTL_ATTRIBUTION_REPORT_H
#define SLO_SLOCTL_ATTRIBUTION_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/codec/fault_sample.h"
#include "core/engine/evaluate.h"

/* Labelled incidents that are kept for the figures, 120 bytes each; later ones are counted. */
#define SLO_REPORT_CASES_MAX ((size_t)1 << 20)

struct slo_attribution_report {
	const char *mode;
	const char *model; /* "" where the mode has no parameters */
	bool is_predictor; /* false: nothing is compared with labels */
	uint64_t incidents;
	uint64_t rejected; /* lines */
	uint64_t predicted[SLO_DOMAIN_MAX_];
	uint64_t abstained[SLO_ABSTAIN_MAX_];
	uint64_t unobservable[SLO_FAULT_MAX]; /* incidents in which it was */
	uint64_t confusion[SLO_DOMAIN_MAX_][SLO_DOMAIN_MAX_]; /* actual, predicted */
	uint64_t synthetic;
	/* Faults asserted one by one, and those of them that were there. */
	uint64_t asserted, asserted_right;
	double squares[SLO_FAULT_MAX]; /* sum of (posterior - truth)^2 */
	struct slo_eval_case *cases; /* owned */
	size_t count, size;
	uint64_t beyond; /* labelled, but past SLO_REPORT_CASES_MAX */
};

void slo_attribution_report_fini(struct slo_attribution_report *r);

/* 0 or -ENOMEM. */
int slo_attribution_report_add(struct slo_attribution_report *r, const struct slo_attribution *v,
                               const struct slo_fault_sample *sample,
                               const struct slo_fault_label *label, struct slo_err *err);

void slo_attribution_report_text(const struct slo_attribution_report *r, FILE *out);
/* One JSON object and a newline; a figure that was not measured is absent. */
void slo_attribution_report_json(const struct slo_attribution_report *r, FILE *out);
/* actual,predicted,count; sorted by names, the pairs that occurred. */
void slo_attribution_report_confusion(const struct slo_attribution_report *r, FILE *out);

#endif
