/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/correlate_index.h"

#include <errno.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/engine/correlate_records.h"

#define RECORDS_MAX ((size_t)1 << 24)
#define SIGNALS_PER_BUCKET 16 /* a power of two */
#define CONN_CELLS 2 /* a signal; powers of two */
#define CONN_CELLS_MAX ((size_t)1 << 18)
#define NAME_BYTES 48 /* a name's mean, generously: pods, trace ids, tuples */
/*
 * Below this, confidences shared by SLO_CORR_TRACES_MAX traces could still enrich, and they are not
 * kept that far.
 */
#define THRESHOLD_MIN 0.1

/* --- making -------------------------------------------------------------------------------------------------- */

static size_t power_of_two(size_t n)
{
	size_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static int check_config(const struct slo_correlator_config *cfg, struct slo_err *err)
{
	const struct slo_corr_rule *rule = &cfg->rule;

	if (cfg->max_signals == 0 || cfg->max_signals > RECORDS_MAX || cfg->max_spans == 0 ||
	    cfg->max_spans > RECORDS_MAX)
		return slo_err_set(err, -EINVAL,
		                   "correlation: %zu signals, %zu spans; 1 to %zu of each allowed",
		                   cfg->max_signals, cfg->max_spans, RECORDS_MAX);
	if (rule->window_ns < 0 || (unsigned int)rule->distance >= SLO_CORR_DISTANCE_MAX_ ||
	    !(rule->threshold >= THRESHOLD_MIN && rule->threshold <= 1))
		return slo_err_set(err, -EINVAL,
		                   "correlation: threshold %g outside %g to 1, or a bad window",
		                   rule->threshold, THRESHOLD_MIN);
	return 0;
}

static int make_lists(struct slo_correlator *c, struct slo_err *err)
{
	int r = 0;

	c->bucket_mask = c->signals.mask / SIGNALS_PER_BUCKET;
	c->conn_mask = CONN_CELLS * (c->signals.mask + 1) - 1;
	if (c->conn_mask >= CONN_CELLS_MAX)
		c->conn_mask = CONN_CELLS_MAX - 1;
	c->on_conn = calloc(c->conn_mask + 1, sizeof(*c->on_conn));
	if (!c->on_conn)
		return slo_err_set(err, -ENOMEM, "correlation: out of memory");
	for (int i = 0; r == 0 && i < SLO_TIER_MAX_; i++) {
		r = slo_slot_queues_new(&c->waiting[i], c->bucket_mask + 1, c->signals.mask + 1,
		                        err);
		if (r == 0)
			r = slo_time_index_new(&c->signal_list[i], c->signals.mask + 1, err);
	}
	if (c->cfg.rule.distance == SLO_CORR_POINT)
		return r;
	/* Only tiers that enrich are ever asked whose a signal is. */
	for (int i = 0; r == 0 && i < SLO_TIER_MAX_ && slo_corr_enriches(c, (enum slo_corr_tier)i);
	     i++)
		r = slo_time_index_new(&c->span_list[i], c->spans.mask + 1, err);
	return r ? r : slo_time_index_new(&c->owned, c->signals.mask + 1, err);
}

static int make_names(struct slo_correlator *c, struct slo_err *err)
{
	size_t max = c->cfg.max_names;

	if (max == 0)
		max = 2 * (c->signals.mask + c->spans.mask + 2) + 4096;
	return slo_names_new(
		&c->names, &(struct slo_names_config){ .max = max, .max_bytes = max * NAME_BYTES },
		err);
}

int slo_correlator_new(struct slo_correlator **ret, const struct slo_correlator_config *cfg,
                       struct slo_err *err)
{
	slo_correlator_auto struct slo_correlator *c = NULL;
	int r = check_config(cfg, err);

	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return slo_err_set(err, -ENOMEM, "correlation: out of memory");
	c->cfg = *cfg;
	c->generation = 1;
	c->signals.mask = power_of_two(cfg->max_signals) - 1;
	c->spans.mask = power_of_two(cfg->max_spans) - 1;
	c->signal = calloc(c->signals.mask + 1, sizeof(*c->signal));
	c->span = calloc(c->spans.mask + 1, sizeof(*c->span));
	if (!c->signal || !c->span)
		return slo_err_set(err, -ENOMEM,
		                   "correlation: no memory for %zu signals, %zu spans",
		                   cfg->max_signals, cfg->max_spans);
	r = make_lists(c, err);
	if (r == 0)
		r = make_names(c, err);
	if (r == 0)
		*ret = slo_take_ptr(c);
	return r;
}

void slo_correlator_freep(struct slo_correlator **c)
{
	if (*c) {
		for (int i = 0; i < SLO_TIER_MAX_; i++) {
			slo_time_index_freep(&(*c)->signal_list[i]);
			slo_time_index_freep(&(*c)->span_list[i]);
			slo_slot_queues_freep(&(*c)->waiting[i]);
		}
		slo_time_index_freep(&(*c)->owned);
		slo_names_freep(&(*c)->names);
		free((*c)->on_conn);
		free((*c)->signal);
		free((*c)->span);
	}
	slo_freep(c);
}

/* --- keys ---------------------------------------------------------------------------------------------------- */

bool slo_corr_key(const struct slo_corr_numbers *who, enum slo_corr_tier tier, uint64_t *ret)
{
	uint32_t a = 0, b = 0;

	switch (tier) {
	case SLO_TIER_TRACE:
		/* Ids are random, but the bit that marks a list is not theirs, and 0 is no key. */
		*ret = ((who->trace[0] ^ slo_hash_mix(who->trace[1])) & ~SLO_CORR_TRACED) | 1;
		return slo_corr_is_traced(who);
	case SLO_TIER_POD_PID:
		a = who->pod;
		b = who->pid;
		break;
	case SLO_TIER_POD_CONN:
		/* Without the protocol, and the addresses folded; ports stay, that keys of one time lie side by side. */
		*ret = (uint64_t)who->pod << 32 |
		       (uint32_t)(who->conn[0] ? slo_hash_mix(who->conn[0]) ^ (who->conn[1] >> 16)
		                               : who->conn[1]);
		return who->pod && slo_corr_has_conn(who);
	case SLO_TIER_SERVICE_NODE:
		a = b = who->place;
		break;
	case SLO_TIER_MAX_:
		break;
	}
	*ret = (uint64_t)a << 32 | b;
	return a && b;
}

/* --- coming and going ---------------------------------------------------------------------------------------- */

static struct slo_corr_signal_record *signal_at(const struct slo_correlator *c, uint64_t n)
{
	return &c->signal[n & c->signals.mask];
}

static struct slo_corr_span_record *span_at(const struct slo_correlator *c, uint64_t n)
{
	return &c->span[n & c->spans.mask];
}

static size_t bucket_of(const struct slo_correlator *c, uint64_t key)
{
	return slo_hash_mix(key) & c->bucket_mask;
}

static uint32_t *conn_cell(const struct slo_correlator *c, uint64_t key)
{
	return &c->on_conn[slo_hash_mix(key) & c->conn_mask];
}

/* @add 1, or UINT32_MAX: one less. */
static void count_keys(struct slo_correlator *c, const struct slo_corr_numbers *who, uint32_t add)
{
	uint64_t key;

	if (slo_corr_is_traced(who))
		c->traced_signals += add == 1 ? 1 : SIZE_MAX;
	if (slo_corr_key(who, SLO_TIER_POD_CONN, &key))
		*conn_cell(c, key) += add;
}

bool slo_corr_has_signals(const struct slo_correlator *c, enum slo_corr_tier tier, uint64_t key)
{
	if (tier == SLO_TIER_TRACE)
		return c->traced_signals > 0;
	return tier != SLO_TIER_POD_CONN || *conn_cell(c, key) > 0;
}

static void drop_signal(struct slo_correlator *c)
{
	struct slo_corr_signal_record *s = signal_at(c, c->signals.first);
	uint32_t slot = (uint32_t)(c->signals.first & c->signals.mask);
	uint32_t oldest;
	uint64_t key;

	if (s->verdict.final)
		slo_corr_unfinal(c, s);
	count_keys(c, &s->who, UINT32_MAX);
	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		if (!slo_corr_signal_key(&s->who, (enum slo_corr_tier)t, &key))
			continue;
		if (s->listed & SLO_CORR_EQUAL(t)) {
			(void)slo_time_index_remove(c->signal_list[t], key, s->time_ns, slot);
			continue;
		}
		(void)slo_slot_queues_take(c->waiting[t], bucket_of(c, key), &oldest, 1);
		assert(oldest == slot);
	}
	c->signals.first++;
}

/* Signals of one bucket lie anywhere: each is brought near AHEAD signals before its turn. */
#define AHEAD 8
#define BATCH 64

static void list_batch(struct slo_correlator *c, enum slo_corr_tier tier, const uint32_t *slot,
                       size_t n)
{
	uint64_t key;

	for (size_t i = 0; i < n && i < AHEAD; i++)
		__builtin_prefetch(&c->signal[slot[i]], 1);
	for (size_t i = 0; i < n; i++) {
		struct slo_corr_signal_record *s = &c->signal[slot[i]];

		if (i + AHEAD < n)
			__builtin_prefetch(&c->signal[slot[i + AHEAD]], 1);
		s->listed |= (uint8_t)SLO_CORR_EQUAL(tier);
		if (slo_corr_signal_key(&s->who, tier, &key))
			(void)slo_time_index_add(c->signal_list[tier], key, s->time_ns, slot[i], 0);
	}
}

void slo_corr_list_signals(struct slo_correlator *c, enum slo_corr_tier tier, uint64_t key)
{
	uint32_t slot[BATCH];
	size_t n;

	while ((n = slo_slot_queues_take(c->waiting[tier], bucket_of(c, key), slot, BATCH)) > 0)
		list_batch(c, tier, slot, n);
}

static void drop_span(struct slo_correlator *c)
{
	struct slo_corr_span_record *s = span_at(c, c->spans.first);
	uint32_t slot = (uint32_t)(c->spans.first & c->spans.mask);
	uint64_t key;

	for (int t = 0; t < SLO_TIER_MAX_ && c->span_list[t]; t++) {
		if (c->spans.first < c->listed[t] &&
		    slo_corr_key(&s->who, (enum slo_corr_tier)t, &key))
			(void)slo_time_index_remove(c->span_list[t], key, s->start_ns, slot);
	}
	slo_corr_lose_witness(c, slot);
	c->spans.first++;
	c->generation++;
	if (c->spans.first == c->spans.next)
		c->longest_ns = 0;
}

static uint32_t reach_of(const struct slo_corr_span_record *s)
{
	int64_t reach = (slo_corr_length_ns(s) >> SLO_CORR_REACH_BITS) + 1;

	return reach < UINT32_MAX ? (uint32_t)reach : UINT32_MAX - 1;
}

void slo_corr_list_spans(struct slo_correlator *c, enum slo_corr_tier tier)
{
	uint64_t n = c->listed[tier] > c->spans.first ? c->listed[tier] : c->spans.first;
	uint64_t key;

	for (; n < c->spans.next; n++) {
		const struct slo_corr_span_record *s = span_at(c, n);

		if (slo_corr_key(&s->who, tier, &key))
			(void)slo_time_index_add(c->span_list[tier], key, s->start_ns,
			                         (uint32_t)(n & c->spans.mask), reach_of(s));
	}
	c->listed[tier] = n;
}

static size_t ring_count(const struct slo_corr_ring *r)
{
	return (size_t)(r->next - r->first);
}

void slo_corr_sweep_names(struct slo_correlator *c)
{
	uint64_t oldest = c->order;

	if (ring_count(&c->signals) > 0 && signal_at(c, c->signals.first)->order < oldest)
		oldest = signal_at(c, c->signals.first)->order;
	if (ring_count(&c->spans) > 0 && span_at(c, c->spans.first)->order < oldest)
		oldest = span_at(c, c->spans.first)->order;
	slo_names_sweep(c->names, oldest);
	/* Perhaps forgotten. */
	memset(&c->latest_signal, 0, sizeof(c->latest_signal));
	memset(&c->latest_span, 0, sizeof(c->latest_span));
	c->next_sweep = c->order + slo_names_count(c->names) / 8 + 1;
}

/* The next arrival: numbers of its names; 0 or a negative errno, counted. */
static int arrive(struct slo_correlator *c, int64_t time_ns, const struct slo_corr_who *from,
                  struct slo_corr_latest *latest, struct slo_corr_numbers *ret)
{
	int r = time_ns == 0 ? -EINVAL : 0;

	c->order++;
	if (r == 0)
		r = slo_corr_number_all(c, from, latest, ret);
	if (r < 0)
		c->stats.refused++;
	return r;
}

int slo_correlator_add_signal(struct slo_correlator *c, const struct slo_corr_signal *signal)
{
	struct slo_corr_signal_record s = {
		.time_ns = signal->time_ns,
		.since_ns = c->now_ns,
		.value = signal->value,
		.signal = (uint8_t)signal->signal,
	};
	int r = arrive(c, signal->time_ns, &signal->who, &c->latest_signal, &s.who);
	uint64_t key;

	if (r < 0)
		return r;
	if (ring_count(&c->signals) > c->signals.mask) {
		drop_signal(c);
		c->stats.signals_evicted++;
	}
	s.order = c->order;
	*signal_at(c, c->signals.next) = s;
	count_keys(c, &s.who, 1);
	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		if (slo_corr_signal_key(&s.who, (enum slo_corr_tier)t, &key))
			slo_slot_queues_push(c->waiting[t], bucket_of(c, key),
			                     (uint32_t)(c->signals.next & c->signals.mask));
	}
	c->signals.next++;
	c->stats.signals++;
	return 0;
}

int64_t slo_corr_length_ns(const struct slo_corr_span_record *span)
{
	int64_t d;

	return __builtin_sub_overflow(span->end_ns, span->start_ns, &d) ? INT64_MAX : d;
}

int slo_correlator_add_span(struct slo_correlator *c, const struct slo_corr_span *span,
                            uint64_t *ret_id)
{
	struct slo_corr_span_record s = {
		.start_ns = span->start_ns,
		.end_ns = span->end_ns < span->start_ns ? span->start_ns : span->end_ns,
		.since_ns = c->now_ns,
	};
	int r = arrive(c, span->start_ns, &span->who, &c->latest_span, &s.who);

	if (r < 0)
		return r;
	if (ring_count(&c->spans) > c->spans.mask) {
		drop_span(c);
		c->stats.spans_evicted++;
	}
	s.order = c->order;
	*span_at(c, c->spans.next) = s;
	slo_corr_reopen_ties(c, &s);
	if (slo_corr_length_ns(&s) > c->longest_ns)
		c->longest_ns = slo_corr_length_ns(&s);
	c->generation++;
	c->stats.spans++;
	*ret_id = c->spans.next++;
	return 0;
}

void slo_correlator_advance(struct slo_correlator *c, uint64_t now_ns)
{
	if (now_ns > c->now_ns)
		c->now_ns = now_ns;
	if (c->cfg.retain_ns == 0)
		return;
	while (ring_count(&c->signals) > 0 &&
	       c->now_ns - signal_at(c, c->signals.first)->since_ns > c->cfg.retain_ns) {
		drop_signal(c);
		c->stats.signals_expired++;
	}
	while (ring_count(&c->spans) > 0 &&
	       c->now_ns - span_at(c, c->spans.first)->since_ns > c->cfg.retain_ns) {
		drop_span(c);
		c->stats.spans_expired++;
	}
}

void slo_correlator_stats_get(const struct slo_correlator *c, struct slo_correlator_stats *ret)
{
	*ret = c->stats;
}
