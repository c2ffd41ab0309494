/* SPDX-License-Identifier: Apache-2.0 */
/* A span's signals. */
#include <errno.h>
#include <string.h>

#include "core/engine/correlate_pairs.h"

/* One call of slo_correlator_match(). */
struct matching {
	struct slo_correlator *c;
	struct slo_corr_result *result;
	const struct slo_corr_span_record *span;
	uint32_t slot;
	bool both_lists; /* signals with trace ids count in the last tier, too */
	uint64_t counted_above; /* matched in an earlier tier, but in the lists of the last one */
};

static bool is_better(const struct slo_corr_hit *a, const struct slo_corr_hit *b)
{
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence;
	return a->distance_ns != b->distance_ns ? a->distance_ns < b->distance_ns
	                                        : a->order < b->order;
}

static void keep(struct slo_corr_result *result, const struct slo_corr_hit *hit)
{
	unsigned int at = result->count;

	while (at > 0 && is_better(hit, &result->hit[at - 1]))
		at--;
	if (result->count == SLO_CORR_FANOUT) {
		result->crowded_out++;
		if (at == SLO_CORR_FANOUT)
			return;
	} else {
		result->count++;
	}
	memmove(result->hit + at + 1, result->hit + at,
	        (result->count - 1 - at) * sizeof(*result->hit));
	result->hit[at] = *hit;
}

/* The number of traces that share @signal with the matching's span; 0 where it is not this span's. */
static unsigned int share(struct matching *m, struct slo_corr_signal_record *signal,
                          enum slo_corr_tier tier, int64_t distance_ns)
{
	const struct slo_corr_verdict *v;

	if (m->c->cfg.rule.distance == SLO_CORR_POINT)
		return 1;
	v = slo_corr_verdict_of(m->c, signal);
	if (v->tier != tier || v->distance_ns != distance_ns ||
	    (v->traces == 1 && v->span != m->slot)) {
		m->result->elsewhere++;
		return 0;
	}
	if (v->traces == 1)
		return 1;
	if (v->traces > SLO_CORR_TRACES_MAX ||
	    slo_corr_tier_desc(tier)->confidence / v->traces < m->c->cfg.rule.threshold) {
		m->result->ambiguous++;
		return 0;
	}
	if (!slo_corr_has_share(m->c, signal, m->slot)) {
		m->result->elsewhere++;
		return 0;
	}
	return v->traces;
}

/* Only now: most signals get no farther, and these fields lie on another cache line. */
static void keep_signal(struct matching *m, const struct slo_corr_signal_record *signal,
                        enum slo_corr_tier tier, int64_t distance_ns, unsigned int traces)
{
	keep(m->result, &(struct slo_corr_hit){
				.signal = (enum slo_signal)signal->signal,
				.value = signal->value,
				.time_ns = signal->time_ns,
				.tier = tier,
				.confidence = slo_corr_tier_desc(tier)->confidence / traces,
				.traces = traces,
				.distance_ns = distance_ns,
				.order = signal->order,
			});
}

static void consider(struct matching *m, struct slo_corr_signal_record *signal,
                     enum slo_corr_tier tier, int64_t distance_ns)
{
	unsigned int traces;

	if (tier != SLO_TIER_SERVICE_NODE &&
	    distance_ns <= slo_corr_tier_limit(m->c, SLO_TIER_SERVICE_NODE) &&
	    (m->both_lists || !slo_corr_is_traced(&signal->who)) &&
	    (slo_corr_in_common(&m->span->who, &signal->who) &
	     SLO_CORR_EQUAL(SLO_TIER_SERVICE_NODE)))
		m->counted_above++;
	m->c->stats.matched[tier]++;
	if (!slo_corr_enriches(m->c, tier)) {
		m->result->below++;
		return;
	}
	traces = share(m, signal, tier, distance_ns);
	if (traces == 0)
		return;
	keep_signal(m, signal, tier, distance_ns, traces);
}

/*
 * The walk by the process passed over @signal, with all whose verdict is final, as over one that is another's: it is this
 * span's, as the walk over its connection finds.
 */
static void consider_owned(struct matching *m, const struct slo_corr_signal_record *signal)
{
	const struct slo_corr_verdict *v = &signal->verdict;

	/* What became final under way has been looked at by itself. */
	if (!v->final || v->tier != SLO_TIER_POD_PID || v->traces > 1 || v->span != m->slot ||
	    v->finished == m->c->matches)
		return;
	m->result->elsewhere--;
	keep_signal(m, signal, SLO_TIER_POD_PID, v->distance_ns, 1);
}

/* Ends of the time that @tier reaches from the span. */
static int64_t reach_from(const struct matching *m, enum slo_corr_tier tier)
{
	return slo_corr_shift(m->span->start_ns, -slo_corr_tier_limit(m->c, tier));
}

static int64_t reach_to(const struct matching *m, enum slo_corr_tier tier)
{
	bool point = m->c->cfg.rule.distance == SLO_CORR_POINT;

	return slo_corr_shift(point ? m->span->start_ns : m->span->end_ns,
	                      slo_corr_tier_limit(m->c, tier));
}

/* Signals lie anywhere: so many are on their way from memory at a time. */
#define BATCH 16

/*
 * Signals up to @to, one by one; in @passed those whose verdict is final, passed over. Their keys are this tier's
 * and no better one's, and the range keeps the distance. What becomes of one signal here changes no other's note.
 */
static void match_range(struct matching *m, enum slo_corr_tier tier, struct slo_time_cursor *at,
                        int64_t to, struct slo_time_passed *passed)
{
	struct slo_correlator *c = m->c;
	int64_t distance_ns;
	uint32_t slot[BATCH];
	size_t n;

	do {
		for (n = 0; n < BATCH; n++) {
			if (!slo_time_index_next_bare(c->signal_list[tier], at, to, &slot[n],
			                              passed))
				break;
			__builtin_prefetch(&c->signal[slot[n]]);
		}
		for (size_t i = 0; i < n; i++) {
			struct slo_corr_signal_record *signal = &c->signal[slot[i]];

			/* A pair is met in each tier whose keys are equal, and counts in the first that holds. */
			if (slo_corr_judge(c, m->span, signal, &distance_ns) == tier)
				consider(m, signal, tier, distance_ns);
			else if (tier == SLO_TIER_POD_CONN)
				consider_owned(m, signal);
		}
	} while (n == BATCH);
}

static void match_list(struct matching *m, enum slo_corr_tier tier, uint64_t key)
{
	struct slo_time_cursor at;
	/* Before the span, within, and behind. */
	struct slo_time_passed passed = { .note = m->span->who.place + 1 };
	uint64_t before, within, owned = 0;

	slo_corr_list_signals(m->c, tier, key);
	/* Before the walk, which makes more of them, and has looked at those. */
	if (tier == SLO_TIER_POD_PID && m->c->owned)
		owned = slo_time_index_count(m->c->owned, key, m->span->start_ns, m->span->end_ns);
	at = slo_time_index_seek(m->c->signal_list[tier], key, reach_from(m, tier));
	match_range(m, tier, &at, slo_corr_shift(m->span->start_ns, -1), &passed);
	before = passed.noted;
	match_range(m, tier, &at, m->span->end_ns, &passed);
	within = passed.noted - before;
	match_range(m, tier, &at, reach_to(m, tier), &passed);
	m->c->stats.matched[tier] += passed.noted;
	m->result->ambiguous += within - owned;
	m->result->elsewhere += passed.noted - within + owned;
	if (tier != SLO_TIER_SERVICE_NODE && m->span->who.place)
		m->counted_above += passed.same;
}

static void match_tier(struct matching *m, enum slo_corr_tier tier, uint64_t key)
{
	if (tier != SLO_TIER_TRACE)
		match_list(m, tier, key);
	if (tier == SLO_TIER_TRACE || m->both_lists)
		match_list(m, tier, key | SLO_CORR_TRACED);
}

/* Where the last tier enriches nothing its pairs are only counted. */
static void count_last(struct matching *m, uint64_t key)
{
	struct slo_correlator *c = m->c;
	int64_t from = reach_from(m, SLO_TIER_SERVICE_NODE);
	int64_t to = reach_to(m, SLO_TIER_SERVICE_NODE);
	const struct slo_time_index *list = c->signal_list[SLO_TIER_SERVICE_NODE];
	uint64_t n;

	slo_corr_list_signals(c, SLO_TIER_SERVICE_NODE, key);
	n = slo_time_index_count(list, key, from, to);
	if (m->both_lists) {
		slo_corr_list_signals(c, SLO_TIER_SERVICE_NODE, key | SLO_CORR_TRACED);
		n += slo_time_index_count(list, key | SLO_CORR_TRACED, from, to);
	}
	n -= m->counted_above;
	c->stats.matched[SLO_TIER_SERVICE_NODE] += n;
	m->result->below += n;
}

static void match_tiers(struct matching *m)
{
	uint64_t key;

	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		enum slo_corr_tier tier = (enum slo_corr_tier)t;

		if (!slo_corr_key(&m->span->who, tier, &key) ||
		    !slo_corr_has_signals(m->c, tier, key))
			continue;
		if (tier != SLO_TIER_SERVICE_NODE || slo_corr_enriches(m->c, tier))
			match_tier(m, tier, key);
		else
			count_last(m, key);
	}
}

int slo_correlator_match(struct slo_correlator *c, uint64_t id, struct slo_corr_result *ret)
{
	struct slo_corr_result result = { 0 };
	struct matching m = { .c = c, .result = &result };

	if (id < c->spans.first || id >= c->spans.next)
		return -ENOENT;
	c->matches++;
	m.slot = (uint32_t)(id & c->spans.mask);
	m.span = &c->span[m.slot];
	m.both_lists = c->cfg.rule.distance == SLO_CORR_POINT || !slo_corr_is_traced(&m.span->who);
	match_tiers(&m);
	for (unsigned int i = 0; i < result.count; i++)
		c->stats.enriched[result.hit[i].tier]++;
	c->stats.below += result.below;
	c->stats.ambiguous += result.ambiguous;
	c->stats.elsewhere += result.elsewhere;
	c->stats.crowded_out += result.crowded_out;
	*ret = result;
	return 0;
}
