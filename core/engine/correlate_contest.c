/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a signal is, where several spans could have it. */
#include "core/engine/correlate_pairs.h"

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

	return slo_corr_judge(c, span, signal, ret_distance_ns) == of.tier &&
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
	int64_t limit = slo_corr_tier_limit(c, of.tier);
	int64_t alive = slo_corr_shift(signal->time_ns, -limit),
		to = slo_corr_shift(signal->time_ns, limit);
	struct slo_time_entry e;
	struct slo_time_cursor at;
	int64_t distance_ns;
	uint64_t key;

	if (!slo_corr_key(&signal->who, of.list, &key))
		return;
	slo_corr_list_spans(c, of.list);
	if (enter_latest(c, signal, of, key, best))
		return;
	at = slo_time_index_seek(c->span_list[of.list], key, slo_corr_shift(alive, -c->longest_ns));
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
	int64_t limit = slo_corr_tier_limit(c, SLO_TIER_POD_PID);
	uint64_t key;

	if (c->cfg.rule.distance == SLO_CORR_POINT || !c->span_list[SLO_TIER_POD_CONN] ||
	    !slo_corr_key(&span->who, SLO_TIER_POD_CONN, &key) ||
	    !slo_corr_has_signals(c, SLO_TIER_POD_CONN, key))
		return;
	for (int traced = 0; traced < 2; traced++)
		reopen_range(c, traced ? key | SLO_CORR_TRACED : key,
		             slo_corr_shift(span->start_ns, -limit),
		             slo_corr_shift(span->end_ns, limit));
}

const struct slo_corr_verdict *slo_corr_verdict_of(struct slo_correlator *c,
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

bool slo_corr_has_share(struct slo_correlator *c, const struct slo_corr_signal_record *signal,
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
