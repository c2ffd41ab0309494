/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many signals against many spans by the rule of correlate.h, as they come: signals are retained
 * for spans that arrive later, and spans so that a signal goes to the one it belongs to.
 *
 * With SLO_CORR_POINT each pair is judged on its own. With SLO_CORR_INTERVAL a signal belongs to
 * the spans of its best tier at the least distance; of one trace only to the innermost (shortest,
 * then begun last, then arrived first) of them; and where k different traces are left, each at
 * confidence / k. Spans without a trace id are traces of their own. Where a process is all that
 * several traces have in common with a signal (pod_pid), those on its connection go before the
 * others.
 *
 * What a signal says about its workload is no matter of this module: one too ambiguous to enrich
 * any span still counts there in full.
 */
#ifndef SLO_ENGINE_CORRELATE_INDEX_H
#define SLO_ENGINE_CORRELATE_INDEX_H

#include "core/base/err.h"
#include "core/engine/correlate.h"

/* How long an agent keeps signals for spans that come late. */
#define SLO_CORR_RETAIN_NS UINT64_C(60000000000)
/* At most so many signals enrich a span. */
#define SLO_CORR_FANOUT 3
/* A signal of more traces enriches none, whatever the threshold. */
#define SLO_CORR_TRACES_MAX 16

struct slo_correlator_config {
	struct slo_corr_rule rule;
	size_t max_signals; /* 1 to 2^24, rounded up to a power of two; so are spans */
	size_t max_spans;
	uint64_t
		retain_ns; /* since arrival, by slo_correlator_advance(); 0: as long as there is room */
	size_t max_names; /* different strings retained; 0: twice the records and 4096 */
};

struct slo_correlator_stats {
	uint64_t signals, spans; /* taken in */
	uint64_t signals_evicted, spans_evicted; /* to make room, before their time */
	uint64_t signals_expired, spans_expired; /* retained as long as asked */
	uint64_t refused; /* without a time, or no room for another name */
	/*
	 * Pairs of slo_correlator_match() for which the rule holds, and what became of them: matched
	 * is the sum of all the others.
	 */
	uint64_t matched[SLO_TIER_MAX_];
	uint64_t enriched[SLO_TIER_MAX_];
	uint64_t below; /* of a tier below the threshold */
	uint64_t ambiguous; /* the signal is shared by too many traces to reach it */
	uint64_t elsewhere; /* the signal belongs to another span */
	uint64_t crowded_out; /* beyond SLO_CORR_FANOUT */
};

struct slo_corr_hit {
	enum slo_signal signal;
	double value;
	int64_t time_ns;
	enum slo_corr_tier tier;
	double confidence; /* the tier's, shared by @traces */
	unsigned int traces; /* 1: the signal belongs to this span alone */
	int64_t distance_ns;
	uint64_t order; /* of arrival */
};

/* Best first: by confidence, then distance, then order of arrival. */
struct slo_corr_result {
	struct slo_corr_hit hit[SLO_CORR_FANOUT];
	unsigned int count;
	/* Pairs of this span that did not enrich it; as in struct slo_correlator_stats. */
	uint64_t below, ambiguous, elsewhere, crowded_out;
};

struct slo_correlator;

/*
 * All memory is reserved now, but for names, which grow up to max_names. 0, -EINVAL (a size or the
 * rule out of range) or -ENOMEM.
 */
int slo_correlator_new(struct slo_correlator **ret, const struct slo_correlator_config *cfg,
                       struct slo_err *err);
/* NULL-safe, sets *c = NULL. */
void slo_correlator_freep(struct slo_correlator **c);
#define slo_correlator_auto slo_cleanup(slo_correlator_freep)

/*
 * Copies what it needs. The oldest is evicted where there is no room. 0; -EINVAL: time 0; -ENOSPC:
 * no room for its names. Both refusals are counted. Signals may come in any order of time; a span
 * that is to be matched comes when it has ended.
 */
int slo_correlator_add_signal(struct slo_correlator *c, const struct slo_corr_signal *signal);
int slo_correlator_add_span(struct slo_correlator *c, const struct slo_corr_span *span,
                            uint64_t *ret_id);

/*
 * The signals of span @id among those retained now, given the spans retained now: call it when the
 * stragglers are in, once a span. 0, or -ENOENT: the span is gone.
 */
int slo_correlator_match(struct slo_correlator *c, uint64_t id, struct slo_corr_result *ret);

/* The time now, any clock that does not run back: what arrived retain_ns before it expires. */
void slo_correlator_advance(struct slo_correlator *c, uint64_t now_ns);

void slo_correlator_stats_get(const struct slo_correlator *c, struct slo_correlator_stats *ret);

#endif
