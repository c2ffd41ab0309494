/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled pairs from any JSON: what is taken has a case and can be judged, by both distances. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/codec/labeled_pair.h"
#include "core/engine/correlate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = json_loadb((const char *)data, size, 0, NULL);
	struct slo_labeled_pair pair = { 0 };
	struct slo_err err = { 0 };

	if (slo_labeled_pair_read(root, &pair, &err) < 0) {
		must(err.code < 0 && *err.msg, "refused without a reason");
		json_decref(root);
		return 0;
	}
	must(*pair.case_id, "a pair without a case");
	for (int d = 0; d < SLO_CORR_DISTANCE_MAX_; d++) {
		const struct slo_corr_rule rule = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD,
			                            (enum slo_corr_distance)d };
		struct slo_corr_match m = slo_correlate(&rule, &pair.span, &pair.signal);

		must(m.tier == SLO_TIER_NONE ||
		             (m.distance_ns >= 0 && m.distance_ns <= rule.window_ns),
		     "a match outside the window");
		must((m.confidence > 0) == (m.tier != SLO_TIER_NONE), "confidence without a tier");
	}
	json_decref(root);
	return 0;
}
