/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/engine/correlate_records.h"

/* --- pairs --------------------------------------------------------------------------------------------------- */

/* As for two records with strings, slo_correlate(); by the million, so without a loop. */
static unsigned int in_common(const struct slo_corr_numbers *a, const struct slo_corr_numbers *b)
{
	bool pod = a->pod && a->pod == b->pod;
	unsigned int common = 0;

	if (a->trace && b->trace)
		common |= a->trace == b->trace ? SLO_CORR_EQUAL(SLO_TIER_TRACE)
		                               : SLO_CORR_TRACES_DIFFER;
	if (pod && a->pid && a->pid == b->pid)
		common |= SLO_CORR_EQUAL(SLO_TIER_POD_PID);
	if (pod && a->conn && a->conn == b->conn)
		common |= SLO_CORR_EQUAL(SLO_TIER_POD_CONN);
	if (a->service && a->service == b->service && a->node && a->node == b->node)
		common |= SLO_CORR_EQUAL(SLO_TIER_SERVICE_NODE);
	return common;
}

static int64_t tier_limit(const struct slo_correlator *c, enum slo_corr_tier tier)
{
	int64_t limit = slo_corr_tier_desc(tier)->limit_ns;

	return limit < c->cfg.rule.window_ns ? limit : c->cfg.rule.window_ns;
}

/* @t + @d, at the ends of 64 bits at the most. */
static int64_t shift(int64_t t, int64_t d)
{
	int64_t sum;

	if (__builtin_add_overflow(t, d, &sum))
		return d < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static enum slo_corr_tier judge(const struct slo_correlator *c,
                                const struct slo_corr_span_record *span,
                                const struct slo_corr_signal_record *signal,
                                int64_t *ret_distance_ns)
{
	*ret_distance_ns = slo_corr_distance_ns(c->cfg.rule.distance, span->start_ns, span->end_ns,
	                                        signal->time_ns);
	return slo_corr_first_tier(&c->cfg.rule, in_common(&span->who, &signal->who),
	                           *ret_distance_ns);
}

/* --- whose a signal is --------------------------------------------------------------------------------------- */

/* The best spans seen so far: one a trace, all at the same distance. */
struct contest {
	int64_t distance_ns;
	uint32_t slot[SLO_CORR_TRACES_MAX];
	unsigned int traces; /* SLO_CORR_TRACES_MAX + 1: or more, which are not in @slot */
};

static bool is_deeper(const struct slo_corr_span_record *a, const struct slo_corr_span_record *b)
{
	int64_t x = slo_corr_length_ns(a), y = slo_corr_length_ns(b);

	if (x != y)
		return x < y;
	return a->start_ns != b->start_ns ? a->start_ns > b->start_ns : a->order < b->order;
}

static void enter(const struct slo_correlator *c, struct contest *best, uint32_t slot,
                  int64_t distance_ns)
{
	const struct slo_corr_span_record *span = &c->span[slot];

	if (best->traces && distance_ns > best->distance_ns)
		return;
	if (distance_ns < best->distance_ns)
		best->traces = 0;
	best->distance_ns = distance_ns;
	for (unsigned int i = 0; i < best->traces && i < SLO_CORR_TRACES_MAX; i++) {
		const struct slo_corr_span_record *other = &c->span[best->slot[i]];

		if (span->who.trace && span->who.trace == other->who.trace) {
			if (is_deeper(span, other))
				best->slot[i] = slot;
			return;
		}
	}
	if (best->traces < SLO_CORR_TRACES_MAX)
		best->slot[best->traces] = slot;
	if (best->traces <= SLO_CORR_TRACES_MAX)
		best->traces++;
}

/* Inside the spans of too many traces: no other span can be nearer, nor take a share away. */
static bool is_hopeless(const struct slo_correlator *c, enum slo_corr_tier tier,
                        const struct contest *best)
{
	return best->traces > 1 && best->distance_ns == 0 &&
	       slo_corr_tier_desc(tier)->confidence / best->traces < c->cfg.rule.threshold;
}

/* Spans of @tier that begin within [@from, @to]. */
static void enter_all(const struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                      enum slo_corr_tier tier, int64_t from, int64_t to, struct contest *best)
{
	struct slo_time_cursor at;
	int64_t distance_ns;
	uint64_t key;
	uint32_t slot;

	if (from > to || !slo_corr_key(&signal->who, tier, &key))
		return;
	at = slo_time_index_seek(c->span_list[tier], key, from);
	while (!is_hopeless(c, tier, best) &&
	       slo_time_index_next(c->span_list[tier], &at, to, &slot)) {
		if (judge(c, &c->span[slot], signal, &distance_ns) == tier)
			enter(c, best, slot, distance_ns);
	}
}

/*
 * The spans that @signal belongs to; the tier, or SLO_TIER_NONE. Spans that may hold it within come first: on busy
 * processes two of them already make it hopeless, and those before and behind are never looked at.
 */
static enum slo_corr_tier hold_contest(const struct slo_correlator *c,
                                       const struct slo_corr_signal_record *signal,
                                       struct contest *best)
{
	int64_t begin = shift(signal->time_ns, -c->longest_ns);

	*best = (struct contest){ 0 };
	for (int t = 0; t < SLO_TIER_MAX_ && slo_corr_enriches(c, (enum slo_corr_tier)t); t++) {
		enum slo_corr_tier tier = (enum slo_corr_tier)t;
		int64_t limit = tier_limit(c, tier);

		enter_all(c, signal, tier, begin, signal->time_ns, best);
		enter_all(c, signal, tier, shift(begin, -limit), shift(begin, -1), best);
		enter_all(c, signal, tier, shift(signal->time_ns, 1), shift(signal->time_ns, limit),
		          best);
		if (best->traces)
			return tier;
	}
	return SLO_TIER_NONE;
}

/* Whether a span could still claim @signal by a better tier than @tier. */
static bool has_better_keys(const struct slo_corr_signal_record *signal, enum slo_corr_tier tier)
{
	uint64_t key;

	for (int t = 0; t < (int)tier; t++) {
		if (slo_corr_key(&signal->who, (enum slo_corr_tier)t, &key))
			return true;
	}
	return false;
}

/*
 * Held anew where spans came or went, but for a hopeless contest that no better tier can settle:
 * on busy processes that is what most signals are, and each new span would ask again.
 */
static const struct slo_corr_verdict *verdict_of(const struct slo_correlator *c,
                                                 struct slo_corr_signal_record *signal)
{
	struct slo_corr_verdict *v = &signal->verdict;
	struct contest best;

	if (v->generation == c->generation || (v->final && signal->time_ns > c->gone_until_ns))
		return v;
	v->generation = c->generation;
	v->tier = hold_contest(c, signal, &best);
	v->traces = (uint16_t)best.traces;
	v->final = is_hopeless(c, v->tier, &best) && !has_better_keys(signal, v->tier);
	v->distance_ns = best.distance_ns;
	v->span = best.slot[0];
	return v;
}

/* Whether @signal, shared by several traces, is the span in @slot's in one of them. */
static bool has_share(const struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                      uint32_t slot)
{
	struct contest best;

	(void)hold_contest(c, signal, &best);
	for (unsigned int i = 0; i < best.traces && i < SLO_CORR_TRACES_MAX; i++) {
		if (best.slot[i] == slot)
			return true;
	}
	return false;
}

/* --- a span's signals ---------------------------------------------------------------------------------------- */

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
	v = verdict_of(m->c, signal);
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
	if (!has_share(m->c, signal, m->slot)) {
		m->result->elsewhere++;
		return 0;
	}
	return v->traces;
}

static void consider(struct matching *m, struct slo_corr_signal_record *signal,
                     enum slo_corr_tier tier, int64_t distance_ns)
{
	unsigned int traces;

	if (tier != SLO_TIER_SERVICE_NODE &&
	    distance_ns <= tier_limit(m->c, SLO_TIER_SERVICE_NODE) &&
	    (m->both_lists || !signal->who.trace) &&
	    (in_common(&m->span->who, &signal->who) & SLO_CORR_EQUAL(SLO_TIER_SERVICE_NODE)))
		m->counted_above++;
	m->c->stats.matched[tier]++;
	if (!slo_corr_enriches(m->c, tier)) {
		m->result->below++;
		return;
	}
	traces = share(m, signal, tier, distance_ns);
	if (traces == 0)
		return;
	/* Only now: most signals get no farther, and these fields lie on another cache line. */
	keep(m->result, &(struct slo_corr_hit){
				.signal = signal->signal,
				.value = signal->value,
				.time_ns = signal->time_ns,
				.tier = tier,
				.confidence = slo_corr_tier_desc(tier)->confidence / traces,
				.traces = traces,
				.distance_ns = distance_ns,
				.order = signal->order,
			});
}

/*
 * What consider() comes to for a signal of too many spans, without a look at them: its keys are this tier's and no better
 * one's, and the walk has kept the distance.
 */
static bool is_settled(struct matching *m, const struct slo_corr_signal_record *signal,
                       enum slo_corr_tier tier)
{
	const struct slo_corr_verdict *v = &signal->verdict;
	const struct slo_corr_numbers *a = &m->span->who, *b = &signal->who;
	bool within = signal->time_ns >= m->span->start_ns && signal->time_ns <= m->span->end_ns;

	if (!v->final || v->tier != tier || signal->time_ns <= m->c->gone_until_ns)
		return false;
	m->counted_above += a->service && a->service == b->service && a->node && a->node == b->node;
	m->c->stats.matched[tier]++;
	m->result->ambiguous += within;
	m->result->elsewhere += !within;
	return true;
}

/* Ends of the time that @tier reaches from the span. */
static int64_t reach_from(const struct matching *m, enum slo_corr_tier tier)
{
	return shift(m->span->start_ns, -tier_limit(m->c, tier));
}

static int64_t reach_to(const struct matching *m, enum slo_corr_tier tier)
{
	bool point = m->c->cfg.rule.distance == SLO_CORR_POINT;

	return shift(point ? m->span->start_ns : m->span->end_ns, tier_limit(m->c, tier));
}

static void match_signal(struct matching *m, struct slo_corr_signal_record *signal,
                         enum slo_corr_tier tier)
{
	int64_t distance_ns;

	if (is_settled(m, signal, tier))
		return;
	/* A pair is met in each tier whose keys are equal, and counts in the first that holds. */
	if (judge(m->c, m->span, signal, &distance_ns) == tier)
		consider(m, signal, tier, distance_ns);
}

static void match_chains(struct matching *m, enum slo_corr_tier tier, uint64_t key)
{
	struct slo_correlator *c = m->c;
	struct slo_time_walk w =
		slo_time_chains_seek(c->signal_chains[tier], key, reach_from(m, tier),
	                             reach_to(m, tier), c->signals.first);
	uint64_t n;

	while (slo_time_chains_next(c->signal_chains[tier], &w, &n)) {
		const struct slo_corr_signal_record *next =
			&c->signal[(w.link - 1) & c->signals.mask];

		/* Probably the next one: its two cache lines. */
		__builtin_prefetch(next);
		__builtin_prefetch(&next->order);
		match_signal(m, &c->signal[n & c->signals.mask], tier);
	}
}

static void match_last(struct matching *m, uint64_t key)
{
	for (int i = 0; i < SLO_CORR_LIST_MAX_; i++) {
		const struct slo_time_index *list = m->c->signal_list[i];
		struct slo_time_cursor at =
			slo_time_index_seek(list, key, reach_from(m, SLO_TIER_SERVICE_NODE));
		uint32_t slot;

		if (i == SLO_CORR_LIST_TRACED && !m->both_lists)
			continue;
		while (slo_time_index_next(list, &at, reach_to(m, SLO_TIER_SERVICE_NODE), &slot))
			match_signal(m, &m->c->signal[slot], SLO_TIER_SERVICE_NODE);
	}
}

/* Where the last tier enriches nothing its pairs are only counted. */
static void count_last(struct matching *m, uint64_t key)
{
	struct slo_correlator *c = m->c;
	int64_t from = reach_from(m, SLO_TIER_SERVICE_NODE);
	int64_t to = reach_to(m, SLO_TIER_SERVICE_NODE);
	uint64_t n = slo_time_index_count(c->signal_list[SLO_CORR_LIST_PLAIN], key, from, to);

	if (m->both_lists)
		n += slo_time_index_count(c->signal_list[SLO_CORR_LIST_TRACED], key, from, to);
	n -= m->counted_above;
	c->stats.matched[SLO_TIER_SERVICE_NODE] += n;
	m->result->below += n;
}

static void match_tiers(struct matching *m)
{
	uint64_t key;

	for (int t = 0; t < SLO_TIER_SERVICE_NODE; t++) {
		if (slo_corr_key(&m->span->who, (enum slo_corr_tier)t, &key))
			match_chains(m, (enum slo_corr_tier)t, key);
	}
	if (!slo_corr_key(&m->span->who, SLO_TIER_SERVICE_NODE, &key))
		return;
	if (slo_corr_enriches(m->c, SLO_TIER_SERVICE_NODE))
		match_last(m, key);
	else
		count_last(m, key);
}

int slo_correlator_match(struct slo_correlator *c, uint64_t id, struct slo_corr_result *ret)
{
	struct slo_corr_result result = { 0 };
	struct matching m = { .c = c, .result = &result };

	if (id < c->spans.first || id >= c->spans.next)
		return -ENOENT;
	m.slot = (uint32_t)(id & c->spans.mask);
	m.span = &c->span[m.slot];
	m.both_lists = c->cfg.rule.distance == SLO_CORR_POINT || !m.span->who.trace;
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
