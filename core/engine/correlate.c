/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/correlate.h"

#include <string.h>

/* Times may be anywhere in 64 bits: a difference that does not fit is as good as the largest. */
static int64_t difference(int64_t later, int64_t earlier)
{
	int64_t d;

	return __builtin_sub_overflow(later, earlier, &d) ? INT64_MAX : d;
}

int64_t slo_corr_distance_ns(enum slo_corr_distance distance, int64_t start_ns, int64_t end_ns,
                             int64_t time_ns)
{
	if (time_ns < start_ns)
		return difference(start_ns, time_ns);
	if (distance == SLO_CORR_POINT || end_ns < start_ns)
		return difference(time_ns, start_ns);
	return time_ns <= end_ns ? 0 : difference(time_ns, end_ns);
}

enum slo_corr_tier slo_corr_first_tier(const struct slo_corr_rule *rule, unsigned int common,
                                       int64_t distance_ns)
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

static bool is_known(const char *s)
{
	return s && *s;
}

static bool same(const char *a, const char *b)
{
	return is_known(a) && is_known(b) && strcmp(a, b) == 0;
}

static unsigned int in_common(const struct slo_corr_who *a, const struct slo_corr_who *b)
{
	unsigned int common = 0;

	if (same(a->trace_id, b->trace_id))
		common |= SLO_CORR_EQUAL(SLO_TIER_TRACE);
	else if (is_known(a->trace_id) && is_known(b->trace_id))
		common |= SLO_CORR_TRACES_DIFFER;
	if (same(a->pod, b->pod)) {
		if (a->pid && a->pid == b->pid)
			common |= SLO_CORR_EQUAL(SLO_TIER_POD_PID);
		if (same(a->conn, b->conn))
			common |= SLO_CORR_EQUAL(SLO_TIER_POD_CONN);
	}
	if (same(a->service, b->service) && same(a->node, b->node))
		common |= SLO_CORR_EQUAL(SLO_TIER_SERVICE_NODE);
	return common;
}

struct slo_corr_match slo_correlate(const struct slo_corr_rule *rule,
                                    const struct slo_corr_span *span,
                                    const struct slo_corr_signal *signal)
{
	struct slo_corr_match m = { .tier = SLO_TIER_NONE };

	if (span->start_ns == 0 || signal->time_ns == 0)
		return m;
	m.distance_ns =
		slo_corr_distance_ns(rule->distance, span->start_ns, span->end_ns, signal->time_ns);
	m.tier = slo_corr_first_tier(rule, in_common(&span->who, &signal->who), m.distance_ns);
	m.confidence = slo_corr_tier_desc(m.tier)->confidence;
	return m;
}
