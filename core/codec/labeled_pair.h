/* SPDX-License-Identifier: Apache-2.0 */
/* LabeledPair: one span, one signal, and whether they belong together; what correlation is judged by. */
#ifndef SLO_CODEC_LABELED_PAIR_H
#define SLO_CODEC_LABELED_PAIR_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/err.h"
#include "core/model/correlation.h"

struct slo_labeled_pair {
	const char *case_id; /* never "" */
	struct slo_corr_span span; /* a point, unless the record has span.end_timestamp */
	struct slo_corr_signal signal;
	bool expected_match;
	enum slo_corr_tier expected_tier; /* SLO_TIER_NONE where the label names none */
};

/*
 * Strings of *@ret are borrowed from @object. Fields that we do not know are ignored. 0, or -EINVAL
 * with @err naming the field and what it should have been; *@ret changes on success only.
 */
int slo_labeled_pair_read(const json_t *object, struct slo_labeled_pair *ret, struct slo_err *err);

#endif
