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

		if (slo_corr_is_traced(&span->who) &&
		    slo_corr_same_trace(&span->who, &other->who)) {
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

/* Whether a span that begins at @start_ns may reach @time_ns, for all that the note in the list says. */
static bool may_reach(int64_t start_ns, uint32_t note, int64_t time_ns)
{
	return time_ns <= start_ns ||
	       ((uint64_t)time_ns - (uint64_t)start_ns) >> SLO_CORR_REACH_BITS <= note ||
	       note == UINT32_MAX - 1;
}

/* Of a contest: the pairs that count, and the list in which their spans are looked for. */
struct entries {
	enum slo_corr_tier tier, list;
};

/* Whether @signal and the span in @slot are such a pair. Two connections may be under one key. */
static bool is_entry(const struct slo_correlator *c, struct entries of, uint32_t slot,
                     const struct slo_corr_signal_record *signal, int64_t *ret_distance_ns)
{
	const struct slo_corr_span_record *span = &c->span[slot];

	return judge(c, span, signal, ret_distance_ns) == of.tier &&
	       (of.list != SLO_TIER_POD_CONN || slo_corr_same_conn(&span->who, &signal->who));
}

/* Spans that began last before a signal are the likeliest to hold it. */
#define LATEST 8

/*
 * On a busy process the spans that began last before @signal are enough to make its contest hopeless. False: they are
 * not, and @best is as it was, empty.
 */
static bool enter_latest(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                         struct entries of, uint64_t key, struct contest *best)
{
	struct slo_time_entry e[LATEST];
	size_t n = slo_time_index_latest(c->span_list[of.list], key, signal->time_ns, e, LATEST);
	int64_t distance_ns;

	for (size_t i = 0; i < n && !is_hopeless(c, of.tier, best); i++) {
		if (may_reach(e[i].time, e[i].note, signal->time_ns) &&
		    is_entry(c, of, e[i].id, signal, &distance_ns) && distance_ns == 0)
			enter(c, best, e[i].id, 0);
	}
	if (is_hopeless(c, of.tier, best))
		return true;
	*best = (struct contest){ 0 };
	return false;
}

/* Enters the spans of @of that may be within the tier's limit of @signal; those that began first come first. */
static void enter_near(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                       struct entries of, struct contest *best)
{
	int64_t limit = tier_limit(c, of.tier);
	int64_t alive = shift(signal->time_ns, -limit), to = shift(signal->time_ns, limit);
	struct slo_time_entry e;
	struct slo_time_cursor at;
	int64_t distance_ns;
	uint64_t key;

	if (!slo_corr_key(&signal->who, of.list, &key))
		return;
	slo_corr_list_spans(c, of.list);
	if (enter_latest(c, signal, of, key, best))
		return;
	at = slo_time_index_seek(c->span_list[of.list], key, shift(alive, -c->longest_ns));
	while (!is_hopeless(c, of.tier, best) &&
	       slo_time_index_next(c->span_list[of.list], &at, to, &e)) {
		if (may_reach(e.time, e.note, alive) && is_entry(c, of, e.id, signal, &distance_ns))
			enter(c, best, e.id, distance_ns);
	}
}

/*
 * A process that many traces share at once: of spans that are equally near by it, those on the connection of @signal take
 * the place of the others in @best, where there are any. The tier stays, and what is nearer still goes first.
 */
static void break_tie(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                      struct contest *best)
{
	const struct entries of = { SLO_TIER_POD_PID, SLO_TIER_POD_CONN };
	struct contest named = { 0 };

	if (!slo_corr_has_conn(&signal->who) || !c->span_list[of.list])
		return;
	enter_near(c, signal, of, &named);
	if (named.traces && named.distance_ns == best->distance_ns)
		*best = named;
}

/*
 * The spans that @signal belongs to; the tier, or SLO_TIER_NONE. On busy processes two that hold it within are the end of
 * it; in @ret_crowd (nullable) are those between which a connection then decided.
 */
static enum slo_corr_tier hold_contest(struct slo_correlator *c,
                                       const struct slo_corr_signal_record *signal,
                                       struct contest *best, struct contest *ret_crowd)
{
	*best = (struct contest){ 0 };
	for (int t = 0; t < SLO_TIER_MAX_ && slo_corr_enriches(c, (enum slo_corr_tier)t); t++) {
		enum slo_corr_tier tier = (enum slo_corr_tier)t;

		enter_near(c, signal, (struct entries){ tier, tier }, best);
		if (ret_crowd)
			*ret_crowd = *best;
		if (best->traces > 1 && tier == SLO_TIER_POD_PID)
			break_tie(c, signal, best);
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

/* The note of @signal in the list of the tier that settled it; who meets a connection's looks at each. */
static void note_final(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                       uint32_t note)
{
	enum slo_corr_tier tier = (enum slo_corr_tier)signal->verdict.tier;
	uint32_t slot = (uint32_t)(signal - c->signal);
	uint64_t key;

	if (tier == SLO_TIER_POD_CONN || !slo_corr_signal_key(&signal->who, tier, &key))
		return;
	/* It may have been met in another list. */
	slo_corr_list_signals(c, tier, key);
	(void)slo_time_index_note(c->signal_list[tier], key, signal->time_ns, slot, note);
	if (signal->verdict.traces > 1)
		return;
	if (note)
		(void)slo_time_index_add(c->owned, key, signal->time_ns, slot, 0);
	else
		(void)slo_time_index_remove(c->owned, key, signal->time_ns, slot);
}

/* Of @slot and the spans of @best the one that goes first. */
static uint32_t oldest_of(const struct slo_correlator *c, uint32_t slot, const struct contest *best)
{
	uint64_t first = c->spans.first, mask = c->spans.mask;

	for (unsigned int i = 0; i < best->traces && i < SLO_CORR_TRACES_MAX; i++) {
		if (((best->slot[i] - first) & mask) < ((slot - first) & mask))
			slot = best->slot[i];
	}
	return slot;
}

/* The contest is as hopeless as long as its spans are there: hung on the @witness, which goes first. */
static void make_final(struct slo_correlator *c, struct slo_corr_signal_record *signal,
                       uint32_t witness_slot)
{
	uint32_t slot = (uint32_t)(signal - c->signal);
	struct slo_corr_span_record *witness = &c->span[witness_slot];

	signal->verdict.witness = witness_slot;
	signal->verdict.finished = c->matches;
	signal->before = 0;
	signal->behind = witness->first_final;
	if (signal->behind)
		c->signal[signal->behind - 1].before = slot + 1;
	witness->first_final = slot + 1;
	signal->verdict.final = true;
	note_final(c, signal, signal->who.place + 1);
}

void slo_corr_unfinal(struct slo_correlator *c, struct slo_corr_signal_record *signal)
{
	if (signal->before)
		c->signal[signal->before - 1].behind = signal->behind;
	else
		c->span[signal->verdict.witness].first_final = signal->behind;
	if (signal->behind)
		c->signal[signal->behind - 1].before = signal->before;
	note_final(c, signal, 0);
	signal->verdict.final = false;
}

void slo_corr_lose_witness(struct slo_correlator *c, uint32_t slot)
{
	while (c->span[slot].first_final)
		slo_corr_unfinal(c, &c->signal[c->span[slot].first_final - 1]);
}

static void reopen_range(struct slo_correlator *c, uint64_t key, int64_t from, int64_t to)
{
	struct slo_time_cursor at;
	struct slo_time_entry e;

	slo_corr_list_signals(c, SLO_TIER_POD_CONN, key);
	at = slo_time_index_seek(c->signal_list[SLO_TIER_POD_CONN], key, from);
	while (slo_time_index_next(c->signal_list[SLO_TIER_POD_CONN], &at, to, &e)) {
		struct slo_corr_signal_record *signal = &c->signal[e.id];

		if (signal->verdict.final && signal->verdict.tier == SLO_TIER_POD_PID)
			slo_corr_unfinal(c, signal);
	}
}

void slo_corr_reopen_ties(struct slo_correlator *c, const struct slo_corr_span_record *span)
{
	int64_t limit = tier_limit(c, SLO_TIER_POD_PID);
	uint64_t key;

	if (c->cfg.rule.distance == SLO_CORR_POINT || !c->span_list[SLO_TIER_POD_CONN] ||
	    !slo_corr_key(&span->who, SLO_TIER_POD_CONN, &key) ||
	    !slo_corr_has_signals(c, SLO_TIER_POD_CONN, key))
		return;
	for (int traced = 0; traced < 2; traced++)
		reopen_range(c, traced ? key | SLO_CORR_TRACED : key, shift(span->start_ns, -limit),
		             shift(span->end_ns, limit));
}

/*
 * Held anew where spans came or went, but for a hopeless contest that no better tier can settle: whether or not a
 * connection decided it, only a span on that changes it, which slo_corr_reopen_ties() waits for. On busy processes that
 * is what most signals are, and each new span would ask again.
 */
static const struct slo_corr_verdict *verdict_of(struct slo_correlator *c,
                                                 struct slo_corr_signal_record *signal)
{
	struct slo_corr_verdict *v = &signal->verdict;
	struct contest best, crowd = { 0 };
	enum slo_corr_tier tier;

	if (v->generation == c->generation || v->final)
		return v;
	v->generation = c->generation;
	tier = hold_contest(c, signal, &best, &crowd);
	v->tier = (uint8_t)tier;
	v->traces = (uint8_t)best.traces;
	v->distance_ns = best.distance_ns;
	v->span = best.slot[0];
	if (is_hopeless(c, tier, &crowd) && (best.traces == 1 || is_hopeless(c, tier, &best)) &&
	    !has_better_keys(signal, tier))
		make_final(c, signal, oldest_of(c, oldest_of(c, v->span, &best), &crowd));
	return v;
}

/* Whether @signal, shared by several traces, is the span in @slot's in one of them. */
static bool has_share(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
                      uint32_t slot)
{
	struct contest best;

	(void)hold_contest(c, signal, &best, NULL);
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
	    distance_ns <= tier_limit(m->c, SLO_TIER_SERVICE_NODE) &&
	    (m->both_lists || !slo_corr_is_traced(&signal->who)) &&
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
	return shift(m->span->start_ns, -tier_limit(m->c, tier));
}

static int64_t reach_to(const struct matching *m, enum slo_corr_tier tier)
{
	bool point = m->c->cfg.rule.distance == SLO_CORR_POINT;

	return shift(point ? m->span->start_ns : m->span->end_ns, tier_limit(m->c, tier));
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
			if (judge(c, m->span, signal, &distance_ns) == tier)
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
	match_range(m, tier, &at, shift(m->span->start_ns, -1), &passed);
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
