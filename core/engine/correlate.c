/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/correlate.h"

#include <string.h>

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
