/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that joins one signal to one span: which tier holds, and how near they are. */
#ifndef SLO_ENGINE_CORRELATE_H
#define SLO_ENGINE_CORRELATE_H

#include <stdbool.h>

#include "core/model/correlation.h"

enum slo_corr_distance {
	/* From the span's start; each pair on its own: the reference rule. */
	SLO_CORR_POINT,
	/*
	 * From the nearer end, 0 inside the span; two different trace ids forbid every tier. Where
	 * several spans are at hand (correlate_index.h), a signal belongs to the nearest.
	 */
	SLO_CORR_INTERVAL,
	SLO_CORR_DISTANCE_MAX_,
};

struct slo_corr_rule {
	int64_t window_ns; /* nothing matches farther apart; >= 0 */
	double threshold; /* a span is enriched at this confidence and above; 0 to 1 */
	enum slo_corr_distance distance;
};

#define SLO_CORR_WINDOW_NS INT64_C(2000000000)
#define SLO_CORR_THRESHOLD 0.70

/* What two records have in common: SLO_CORR_EQUAL(tier) for each tier's keys, and the conflict. */
#define SLO_CORR_EQUAL(tier) (1U << (tier))
#define SLO_CORR_TRACES_DIFFER (1U << SLO_TIER_MAX_)

struct slo_corr_match {
	enum slo_corr_tier tier; /* SLO_TIER_NONE: none */
	double confidence; /* the tier's; 0 for none */
	int64_t distance_ns; /* >= 0; of no meaning for none */
};

/* Times may be anywhere in 64 bits: a difference that does not fit is as good as the largest. */
static inline int64_t slo_corr_difference_ns(int64_t later_ns, int64_t earlier_ns)
{
	int64_t d;

	return __builtin_sub_overflow(later_ns, earlier_ns, &d) ? INT64_MAX : d;
}

/* Of a signal at @time_ns and a span; neither of the times that count may be 0. */
static inline int64_t slo_corr_distance_ns(enum slo_corr_distance distance, int64_t start_ns,
                                           int64_t end_ns, int64_t time_ns)
{
	if (time_ns < start_ns)
		return slo_corr_difference_ns(start_ns, time_ns);
	if (distance == SLO_CORR_POINT || end_ns < start_ns)
		return slo_corr_difference_ns(time_ns, start_ns);
	return time_ns <= end_ns ? 0 : slo_corr_difference_ns(time_ns, end_ns);
}

/* The first tier of @common (SLO_CORR_EQUAL bits) that holds at @distance_ns, or SLO_TIER_NONE. */
static inline enum slo_corr_tier slo_corr_first_tier(const struct slo_corr_rule *rule,
                                                     unsigned int common, int64_t distance_ns)
{
	if (distance_ns > rule->window_ns)
		return SLO_TIER_NONE;
	if (rule->distance == SLO_CORR_INTERVAL && (common & SLO_CORR_TRACES_DIFFER))
		return SLO_TIER_NONE;
	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		if ((common & SLO_CORR_EQUAL(t)) &&
		    distance_ns <= slo_corr_tier_desc((enum slo_corr_tier)t)->limit_ns)
			return (enum slo_corr_tier)t;
	}
	return SLO_TIER_NONE;
}

/* The rule on two records. */
struct slo_corr_match slo_correlate(const struct slo_corr_rule *rule,
                                    const struct slo_corr_span *span,
                                    const struct slo_corr_signal *signal);

#endif
