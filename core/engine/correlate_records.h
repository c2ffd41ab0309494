/* SPDX-License-Identifier: Apache-2.0 */
/* What correlate_index.c, which keeps the records, and correlate_match.c, which judges them, share. */
#ifndef SLO_ENGINE_CORRELATE_RECORDS_H
#define SLO_ENGINE_CORRELATE_RECORDS_H

#include "core/base/names.h"
#include "core/engine/correlate_index.h"
#include "core/engine/time_chains.h"
#include "core/engine/time_index.h"

/* strcmp() by the million is too slow: equal numbers are equal names. 0: unknown. */
struct slo_corr_numbers {
	uint32_t trace, pod, conn, service, node, pid;
};

/* What a signal belongs to, given the spans of one generation. */
struct slo_corr_verdict {
	uint64_t generation; /* of the spans; 0: never judged */
	uint64_t span; /* whose it is, where @traces is 1 */
	int64_t distance_ns;
	enum slo_corr_tier tier;
	uint16_t traces; /* SLO_CORR_TRACES_MAX + 1: or more */
	bool final; /* no span that comes can change it; one that goes can */
};

struct slo_corr_signal_record {
	/* What a match looks at, side by side: 64 bytes. */
	struct slo_corr_numbers who;
	int64_t time_ns;
	struct slo_corr_verdict verdict;
	uint64_t order; /* of arrival among signals and spans, from 1 */
	uint64_t since_ns;
	double value;
	enum slo_signal signal;
};

struct slo_corr_span_record {
	struct slo_corr_numbers who;
	int64_t start_ns, end_ns;
	uint64_t order;
	uint64_t since_ns;
};

/* Numbers of records run on; record n lies in slot n & mask. Retained are [first, next). */
struct slo_corr_ring {
	uint64_t first, next;
	uint64_t mask;
};

/*
 * Signals of the last tier, which may be thousands a span, must be counted without looking at each:
 * those with a trace id apart, as the conflict rule asks.
 */
enum slo_corr_list {
	SLO_CORR_LIST_PLAIN,
	SLO_CORR_LIST_TRACED,
	SLO_CORR_LIST_MAX_,
};

struct slo_correlator {
	struct slo_correlator_config cfg;
	struct slo_corr_ring signals, spans;
	struct slo_corr_signal_record *signal;
	struct slo_corr_span_record *span;
	struct slo_time_chains
		*signal_chains[SLO_TIER_SERVICE_NODE]; /* of the tiers above the last */
	struct slo_time_index *signal_list[SLO_CORR_LIST_MAX_]; /* of the last tier */
	struct slo_time_index
		*span_list[SLO_TIER_MAX_]; /* by start, of tiers that enrich; INTERVAL only */
	int64_t longest_ns; /* of the spans retained, or more */
	uint64_t generation; /* changes with the spans */
	int64_t gone_until_ns; /* the latest end of the spans that are gone */
	struct slo_names *names;
	uint64_t order;
	uint64_t next_sweep; /* not before this order */
	uint64_t now_ns;
	struct slo_correlator_stats stats;
};

/*
 * The keys of @tier, two numbers side by side: equal keys are equal names. False, and no key, where
 * a name is unknown.
 */
bool slo_corr_key(const struct slo_corr_numbers *who, enum slo_corr_tier tier, uint64_t *ret);

/* Tiers come best first: behind the first that does not there is none that does. */
static inline bool slo_corr_enriches(const struct slo_correlator *c, enum slo_corr_tier tier)
{
	return slo_corr_tier_desc(tier)->confidence >= c->cfg.rule.threshold;
}

/* The list of the last tier that holds @s. */
static inline enum slo_corr_list slo_corr_list_of(const struct slo_corr_signal_record *s)
{
	return s->who.trace ? SLO_CORR_LIST_TRACED : SLO_CORR_LIST_PLAIN;
}

int64_t slo_corr_length_ns(const struct slo_corr_span_record *span);

#endif
