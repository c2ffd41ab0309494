/* SPDX-License-Identifier: Apache-2.0 */
/* A span and a signal: by which tier they belong together, and whose the signal then is. */
#ifndef SLO_ENGINE_CORRELATE_PAIRS_H
#define SLO_ENGINE_CORRELATE_PAIRS_H

#include "core/engine/correlate_records.h"

/* As for two records with strings, slo_correlate(); by the million, so without a loop. */
static inline unsigned int slo_corr_in_common(const struct slo_corr_numbers *a,
                                              const struct slo_corr_numbers *b)
{
	bool pod = a->pod && a->pod == b->pod;
	unsigned int common = 0;

	if (slo_corr_is_traced(a) && slo_corr_is_traced(b))
		common |= slo_corr_same_trace(a, b) ? SLO_CORR_EQUAL(SLO_TIER_TRACE)
		                                    : SLO_CORR_TRACES_DIFFER;
	if (pod && a->pid && a->pid == b->pid)
		common |= SLO_CORR_EQUAL(SLO_TIER_POD_PID);
	if (pod && slo_corr_has_conn(a) && slo_corr_same_conn(a, b))
		common |= SLO_CORR_EQUAL(SLO_TIER_POD_CONN);
	if (a->place && a->place == b->place)
		common |= SLO_CORR_EQUAL(SLO_TIER_SERVICE_NODE);
	return common;
}

static inline int64_t slo_corr_tier_limit(const struct slo_correlator *c, enum slo_corr_tier tier)
{
	int64_t limit = slo_corr_tier_desc(tier)->limit_ns;

	return limit < c->cfg.rule.window_ns ? limit : c->cfg.rule.window_ns;
}

/* @t + @d, at the ends of 64 bits at the most. */
static inline int64_t slo_corr_shift(int64_t t, int64_t d)
{
	int64_t sum;

	if (__builtin_add_overflow(t, d, &sum))
		return d < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static inline enum slo_corr_tier slo_corr_judge(const struct slo_correlator *c,
                                                const struct slo_corr_span_record *span,
                                                const struct slo_corr_signal_record *signal,
                                                int64_t *ret_distance_ns)
{
	*ret_distance_ns = slo_corr_distance_ns(c->cfg.rule.distance, span->start_ns, span->end_ns,
	                                        signal->time_ns);
	return slo_corr_first_tier(&c->cfg.rule, slo_corr_in_common(&span->who, &signal->who),
	                           *ret_distance_ns);
}

/*
 * Held anew where spans came or went, but for a hopeless contest that no better tier can settle: whether or not a
 * connection decided it, only a span on that changes it, which slo_corr_reopen_ties() waits for. On busy processes that
 * is what most signals are, and each new span would ask again.
 */
const struct slo_corr_verdict *slo_corr_verdict_of(struct slo_correlator *c,
                                                   struct slo_corr_signal_record *signal);

/* Whether @signal, shared by several traces, is the span in @slot's in one of them. */
bool slo_corr_has_share(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                        uint32_t slot);

#endif
