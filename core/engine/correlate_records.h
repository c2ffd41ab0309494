/* SPDX-License-Identifier: Apache-2.0 */
/* What correlate_index.c, which keeps the records, and correlate_match.c, which judges them, share. */
#ifndef SLO_ENGINE_CORRELATE_RECORDS_H
#define SLO_ENGINE_CORRELATE_RECORDS_H

#include "core/base/names.h"
#include "core/engine/correlate_index.h"
#include "core/engine/slot_queues.h"
#include "core/engine/time_index.h"

/* strcmp() by the million is too slow: equal numbers are equal names. 0: unknown. */
struct slo_corr_numbers {
	/* Of an id of 32 hex digits the digits; of any other text 0 and its number. All 0: none. */
	uint64_t trace[2];
	/* Of a connection over IPv4 both addresses, then ports and protocol; of any other text 0 and its number. All 0: none. */
	uint64_t conn[2];
	uint32_t pod;
	uint32_t place; /* service and node, where both are known */
	uint32_t pid;
};

/* What a signal belongs to, given the spans of one generation. */
struct slo_corr_verdict {
	uint64_t generation; /* of the spans; 0: never judged */
	int64_t distance_ns;
	uint32_t span; /* slot of the span whose it is, where @traces is 1 */
	uint32_t witness; /* slot, where @final */
	uint32_t finished; /* the match that made it final */
	uint8_t tier; /* enum slo_corr_tier */
	uint8_t traces; /* SLO_CORR_TRACES_MAX + 1: or more */
	/*
	 * No span that comes can change it but one on the signal's connection, and none that goes before its witness. It is
	 * nobody's, or where a connection decides between the spans of a process, one's.
	 */
	bool final;
};

struct slo_corr_signal_record {
	/* What listing and a match look at, side by side. */
	struct slo_corr_numbers who;
	uint8_t listed; /* SLO_CORR_EQUAL(tier): it is in that list, and waits no more */
	uint8_t signal; /* enum slo_signal */
	int64_t time_ns;
	struct slo_corr_verdict verdict;
	/* Neighbours of the same witness, slot and 1; 0: none. */
	uint32_t before, behind;
	uint64_t order; /* of arrival among signals and spans, from 1 */
	uint64_t since_ns;
	double value;
};

struct slo_corr_span_record {
	struct slo_corr_numbers who;
	uint32_t first_final; /* of the signals whose witness it is: slot and 1; 0: none */
	int64_t start_ns, end_ns;
	uint64_t order;
	uint64_t since_ns;
};

/* Numbers of records run on; record n lies in slot n & mask. Retained are [first, next). */
struct slo_corr_ring {
	uint64_t first, next;
	uint64_t mask;
};

/* The latest names of a kind of record: the next one's are mostly the same. */
enum slo_corr_name {
	SLO_CORR_NAME_TRACE, /* one that is no 32 hex digits */
	SLO_CORR_NAME_POD,
	SLO_CORR_NAME_CONN, /* one that is not over IPv4 */
	SLO_CORR_NAME_SERVICE,
	SLO_CORR_NAME_NODE,
	SLO_CORR_NAME_MAX_,
};

struct slo_corr_latest {
	uint32_t name[SLO_CORR_NAME_MAX_];
	uint32_t place;
};

static inline bool slo_corr_is_traced(const struct slo_corr_numbers *who)
{
	return who->trace[0] | who->trace[1];
}

static inline bool slo_corr_same_trace(const struct slo_corr_numbers *a,
                                       const struct slo_corr_numbers *b)
{
	return a->trace[0] == b->trace[0] && a->trace[1] == b->trace[1];
}

static inline bool slo_corr_has_conn(const struct slo_corr_numbers *who)
{
	return who->conn[0] | who->conn[1];
}

static inline bool slo_corr_same_conn(const struct slo_corr_numbers *a,
                                      const struct slo_corr_numbers *b)
{
	return a->conn[0] == b->conn[0] && a->conn[1] == b->conn[1];
}

struct slo_correlator {
	struct slo_correlator_config cfg;
	struct slo_corr_ring signals, spans;
	struct slo_corr_signal_record *signal;
	struct slo_corr_span_record *span;
	/*
	 * By tier, key and time. Of a signal whose verdict is final the note is its place and 1: on busy processes that is
	 * nearly all of them, and they are counted by the hundred.
	 */
	struct slo_time_index *signal_list[SLO_TIER_MAX_];
	/* Those of POD_PID with such a note that are one span's all the same. INTERVAL only. */
	struct slo_time_index *owned;
	/*
	 * A signal waits, with others of like keys, until a span asks for its key: most never meet one, and those of one
	 * key are listed faster together.
	 */
	struct slo_slot_queues *waiting[SLO_TIER_MAX_];
	uint64_t bucket_mask;
	/*
	 * By hash of the key, signals of the tier POD_CONN: most spans' connections have none, and four searches tell it at
	 * the cost of one look here.
	 */
	uint32_t *on_conn;
	uint64_t conn_mask;
	size_t traced_signals; /* of the tier TRACE: on most hosts the kernel knows of no trace at all */
	/* By start, of tiers that enrich; INTERVAL only. A span is not in it before it is asked for. */
	struct slo_time_index *span_list[SLO_TIER_MAX_];
	uint64_t listed[SLO_TIER_MAX_]; /* spans from here on are not in it yet */
	int64_t longest_ns; /* of the spans retained, or more */
	uint64_t generation; /* changes with the spans */
	uint32_t matches; /* counts them, and runs over */
	struct slo_names *names;
	struct slo_corr_latest latest_signal, latest_span;
	uint64_t order;
	uint64_t next_sweep; /* not before this order */
	uint64_t now_ns;
	struct slo_correlator_stats stats;
};

/*
 * The keys of @tier, two numbers side by side: equal keys are equal names, but for trace ids and connections, of which two
 * may have one key: who walks a list by one of these looks at the ids, too. False, and no key, where a name is unknown.
 */
bool slo_corr_key(const struct slo_corr_numbers *who, enum slo_corr_tier tier, uint64_t *ret);

/* Tiers come best first: behind the first that does not there is none that does. */
static inline bool slo_corr_enriches(const struct slo_correlator *c, enum slo_corr_tier tier)
{
	return slo_corr_tier_desc(tier)->confidence >= c->cfg.rule.threshold;
}

/* Signals with a trace id and those without lie apart in each list: the conflict rule passes over the former. */
#define SLO_CORR_TRACED (UINT64_C(1) << 63)

/* In the list of @tier; false: it is not in there. */
static inline bool slo_corr_signal_key(const struct slo_corr_numbers *who, enum slo_corr_tier tier,
                                       uint64_t *ret)
{
	if (!slo_corr_key(who, tier, ret))
		return false;
	*ret |= slo_corr_is_traced(who) ? SLO_CORR_TRACED : 0;
	return true;
}

/* Whether signals may be in the list of @tier under @key (without SLO_CORR_TRACED): false is sure. */
bool slo_corr_has_signals(const struct slo_correlator *c, enum slo_corr_tier tier, uint64_t key);
/* The signals of @key that wait are listed now. */
void slo_corr_list_signals(struct slo_correlator *c, enum slo_corr_tier tier, uint64_t key);
/* The spans that came since are listed, too. */
void slo_corr_list_spans(struct slo_correlator *c, enum slo_corr_tier tier);
/* Signals on the connection of @span, which comes, that were settled by their process: it may be whose they are. */
void slo_corr_reopen_ties(struct slo_correlator *c, const struct slo_corr_span_record *span);
/* The span in @slot goes, or @signal: what hung on it does no more. */
void slo_corr_lose_witness(struct slo_correlator *c, uint32_t slot);
void slo_corr_unfinal(struct slo_correlator *c, struct slo_corr_signal_record *signal);

/* How far behind its start a span reaches, as a note of its entry: rounded up, 0 never. */
#define SLO_CORR_REACH_BITS 20
int64_t slo_corr_length_ns(const struct slo_corr_span_record *span);

/* Numbers of @from's names, which are as in @latest mostly. 0; -ENOSPC: there is no room for a name. */
int slo_corr_number_all(struct slo_correlator *c, const struct slo_corr_who *from,
                        struct slo_corr_latest *latest, struct slo_corr_numbers *ret);
/* Forgets names that nothing retained has; seldom, as it looks at all of them. */
void slo_corr_sweep_names(struct slo_correlator *c);

#endif
