/* SPDX-License-Identifier: Apache-2.0 */
/* The index against the rule written out: every signal against every span. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/correlate_index.h"
#include "test/random.h"

#define MS INT64_C(1000000)
#define T0 (INT64_C(1771372800) * 1000 * MS)
#define SIGNALS 400
#define SPANS 60

static struct slo_corr_signal signals[SIGNALS];
static struct slo_corr_span spans[SPANS];
static uint64_t ids[SPANS];
static size_t span_count = SPANS; /* have arrived */
static size_t signal_count = SIGNALS;
static struct slo_correlator_stats truth;

static uint64_t state_;

static uint64_t rnd(uint64_t n)
{
	return test_random_below(&state_, n);
}

/* --- brute force --------------------------------------------------------------------------------------------- */

static bool same_trace(const struct slo_corr_span *a, const struct slo_corr_span *b)
{
	return a == b || (*a->who.trace_id && strcmp(a->who.trace_id, b->who.trace_id) == 0);
}

static int64_t length(const struct slo_corr_span *s)
{
	return s->end_ns > s->start_ns ? s->end_ns - s->start_ns : 0;
}

/* Whether the signal goes to @b of two spans of one trace that are equally near. */
static bool deeper(const struct slo_corr_span *b, const struct slo_corr_span *a)
{
	if (length(a) != length(b))
		return length(b) < length(a);
	return a->start_ns != b->start_ns ? b->start_ns > a->start_ns : b < a;
}

static bool equally_near(const struct slo_corr_match *a, const struct slo_corr_match *b)
{
	return a->tier == b->tier && a->distance_ns == b->distance_ns;
}

/* The different traces of the spans in @near; *@ret_beaten: a deeper one of @s' own trace is among them. */
static unsigned int traces_of(const bool near[SPANS], size_t s, bool *ret_beaten)
{
	unsigned int traces = 0;

	*ret_beaten = !near[s];
	for (size_t i = 0; i < SPANS; i++) {
		bool counted = false;

		if (!near[i])
			continue;
		if (i != s && same_trace(&spans[i], &spans[s]) && deeper(&spans[i], &spans[s]))
			*ret_beaten = true;
		for (size_t j = 0; j < i; j++)
			counted |= near[j] && same_trace(&spans[i], &spans[j]);
		traces += !counted;
	}
	return traces;
}

/* Of equals by their process, those on the signal's connection; all, where there are none. */
static void narrow(bool near[SPANS], size_t e)
{
	bool any = false;

	for (size_t i = 0; i < SPANS; i++)
		any |= near[i] && *spans[i].who.conn &&
		       strcmp(spans[i].who.conn, signals[e].who.conn) == 0;
	for (size_t i = 0; any && i < SPANS; i++)
		near[i] = near[i] && strcmp(spans[i].who.conn, signals[e].who.conn) == 0;
}

/*
 * How many traces share @e with span @s: 0 where it belongs to others. *@ret_tied: all traces that
 * are as near as the nearest.
 */
static unsigned int sharers(const struct slo_corr_rule *rule, size_t first, size_t s, size_t e,
                            unsigned int *ret_tied)
{
	struct slo_corr_match mine = slo_correlate(rule, &spans[s], &signals[e]);
	bool near[SPANS] = { false }, beaten;

	*ret_tied = 0;
	for (size_t i = first; i < span_count; i++) {
		struct slo_corr_match m = slo_correlate(rule, &spans[i], &signals[e]);

		if (m.tier < mine.tier || (m.tier == mine.tier && m.distance_ns < mine.distance_ns))
			return 0;
		near[i] = equally_near(&m, &mine);
	}
	*ret_tied = traces_of(near, s, &beaten);
	if (*ret_tied > 1 && mine.tier == SLO_TIER_POD_PID) {
		narrow(near, e);
		*ret_tied = traces_of(near, s, &beaten);
	}
	return beaten ? 0 : *ret_tied;
}

struct scored {
	size_t signal;
	struct slo_corr_match m;
	double confidence;
};

static int by_rank(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->confidence != y->confidence)
		return x->confidence > y->confidence ? -1 : 1;
	if (x->m.distance_ns != y->m.distance_ns)
		return x->m.distance_ns < y->m.distance_ns ? -1 : 1;
	return x->signal < y->signal ? -1 : 1;
}

/* All signals from @first_signal on against span @s, given the spans from @first_span on. */
static size_t brute(const struct slo_corr_rule *rule, size_t first_signal, size_t first_span,
                    size_t s, struct scored *hits)
{
	size_t n = 0;

	for (size_t e = first_signal; e < signal_count; e++) {
		struct slo_corr_match m = slo_correlate(rule, &spans[s], &signals[e]);
		unsigned int share = 1, tied = 1;

		if (m.tier == SLO_TIER_NONE)
			continue;
		truth.matched[m.tier]++;
		if (m.confidence < rule->threshold) {
			truth.below++;
			continue;
		}
		if (rule->distance == SLO_CORR_INTERVAL)
			share = sharers(rule, first_span, s, e, &tied);
		/* Of several traces tied too closely the deeper span is of no interest. */
		if (tied > 1 && m.confidence / tied < rule->threshold) {
			truth.ambiguous++;
			continue;
		}
		if (share == 0) {
			truth.elsewhere++;
			continue;
		}
		hits[n++] = (struct scored){ e, m, m.confidence / share };
	}
	qsort(hits, n, sizeof(*hits), by_rank);
	for (size_t i = 0; i < n && i < SLO_CORR_FANOUT; i++)
		truth.enriched[hits[i].m.tier]++;
	truth.crowded_out += n > SLO_CORR_FANOUT ? n - SLO_CORR_FANOUT : 0;
	return n;
}

/* --- random records ------------------------------------------------------------------------------------------ */

/* One of @n names, or unknown. */
static const char *pick(const char *const *names, size_t n)
{
	size_t i = rnd(n + 1);

	return i == n ? "" : names[i];
}

static struct slo_corr_who random_who(void)
{
	/* Ids as OpenTelemetry writes them, two of which differ in one half, and other texts. */
	static const char *const traces[] = { "t1",
		                              "t2",
		                              "00000000000000000000000000000001",
		                              "4bf92f3577b34da6a3ce929d0e0e4736",
		                              "4bf92f3577b34da6a3ce929d0e0e4737",
		                              "4BF92F3577B34DA6A3CE929D0E0E4737" };
	static const char *const pods[] = { "p1", "p2" };
	/* As spans and signals have it, of which two differ in the protocol alone, and other texts. */
	static const char *const conns[] = { "c1",
		                             "[::1]:9->[::1]:443/tcp",
		                             "10.0.0.1:9->10.0.0.2:443/tcp",
		                             "10.0.0.1:9->10.0.0.2:443/udp",
		                             "10.0.0.1:09->10.0.0.2:443/tcp",
		                             "10.0.0.1:9->10.0.0.2:443/tcp6" };
	static const char *const services[] = { "s1", "s2" };
	static const char *const nodes[] = { "n1", "n2" };

	return (struct slo_corr_who){
		.trace_id = rnd(2) ? "" : pick(traces, 6),
		.pod = pick(pods, 2),
		.conn = pick(conns, 6),
		.service = pick(services, 2),
		.node = pick(nodes, 2),
		.pid = (uint32_t)rnd(4),
	};
}

/* Times on a coarse grid, so that distances tie; every other time crowded, so that many do. */
static void random_records(uint64_t seed)
{
	uint64_t grid = seed % 2 ? 200 : 30;

	state_ = seed;
	for (size_t i = 0; i < SIGNALS; i++)
		signals[i] =
			(struct slo_corr_signal){ random_who(), T0 + (int64_t)rnd(grid) * 50 * MS,
			                          (enum slo_signal)rnd(SLO_SIG_MAX_), (double)i };
	for (size_t i = 0; i < SPANS; i++) {
		int64_t start = T0 + (int64_t)rnd(grid) * 50 * MS;

		spans[i] = (struct slo_corr_span){ random_who(), start,
			                           start + ((int64_t)rnd(40) - 5) * 50 * MS };
	}
}

static struct slo_correlator *make(const struct slo_correlator_config *cfg)
{
	struct slo_correlator *c = NULL;

	assert_int_equal(slo_correlator_new(&c, cfg, NULL), 0);
	return c;
}

static void fill(struct slo_correlator *c)
{
	for (size_t i = 0; i < SIGNALS; i++)
		assert_int_equal(slo_correlator_add_signal(c, &signals[i]), 0);
	for (size_t i = 0; i < SPANS; i++)
		assert_int_equal(slo_correlator_add_span(c, &spans[i], &ids[i]), 0);
}

/* One span's hits; the counts go to @truth. */
static void compare_span(struct slo_correlator *c, const struct slo_corr_rule *rule,
                         size_t first_signal, size_t first_span, size_t s)
{
	static struct scored hits[SIGNALS];
	size_t n = brute(rule, first_signal, first_span, s, hits);
	struct slo_corr_result r;

	assert_int_equal(slo_correlator_match(c, ids[s], &r), 0);
	assert_int_equal(r.count, n < SLO_CORR_FANOUT ? n : SLO_CORR_FANOUT);
	for (unsigned int i = 0; i < r.count; i++) {
		const struct slo_corr_signal *e = &signals[hits[i].signal];

		assert_true(r.hit[i].value == (double)hits[i].signal);
		assert_int_equal(r.hit[i].signal, e->signal);
		assert_true(r.hit[i].time_ns == e->time_ns);
		assert_int_equal(r.hit[i].tier, hits[i].m.tier);
		assert_true(r.hit[i].distance_ns == hits[i].m.distance_ns);
		assert_true(r.hit[i].confidence == hits[i].confidence);
	}
}

static void compare_stats(const struct slo_correlator *c)
{
	struct slo_correlator_stats stats;

	slo_correlator_stats_get(c, &stats);
	assert_memory_equal(stats.matched, truth.matched, sizeof(truth.matched));
	assert_memory_equal(stats.enriched, truth.enriched, sizeof(truth.enriched));
	assert_int_equal(stats.below, truth.below);
	assert_int_equal(stats.ambiguous, truth.ambiguous);
	assert_int_equal(stats.elsewhere, truth.elsewhere);
	assert_int_equal(stats.crowded_out, truth.crowded_out);
}

static void compare(struct slo_correlator *c, const struct slo_corr_rule *rule, size_t first_signal,
                    size_t first_span)
{
	memset(&truth, 0, sizeof(truth));
	for (size_t s = first_span; s < SPANS; s++)
		compare_span(c, rule, first_signal, first_span, s);
	compare_stats(c);
}

static const struct slo_corr_rule rules[] = {
	{ SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, SLO_CORR_POINT },
	{ SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, SLO_CORR_INTERVAL },
	{ SLO_CORR_WINDOW_NS, 0.6, SLO_CORR_POINT },
	{ SLO_CORR_WINDOW_NS, 0.6, SLO_CORR_INTERVAL },
	{ SLO_CORR_WINDOW_NS, 0.2, SLO_CORR_INTERVAL },
	{ SLO_CORR_WINDOW_NS, 0.95, SLO_CORR_INTERVAL },
	{ 200 * MS, 0.3, SLO_CORR_INTERVAL },
	{ 0, 0.7, SLO_CORR_POINT },
};

static void index_agrees_with_brute_force_on_random_records(void **state)
{
	struct slo_correlator_stats sum = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		random_records(seed * 7919 + seed / 2);
		for (size_t i = 0; i < SLO_ARRAY_SIZE(rules); i++) {
			const struct slo_correlator_config cfg = { .rule = rules[i],
				                                   .max_signals = SIGNALS,
				                                   .max_spans = SPANS };
			slo_correlator_auto struct slo_correlator *c = make(&cfg);

			fill(c);
			compare(c, &rules[i], 0, 0);
			sum.below += truth.below;
			sum.ambiguous += truth.ambiguous;
			sum.elsewhere += truth.elsewhere;
			sum.crowded_out += truth.crowded_out;
			for (int t = 0; t < SLO_TIER_MAX_; t++)
				sum.enriched[t] += truth.enriched[t];
		}
	}
	/* All that can become of a pair did. */
	assert_true(sum.below && sum.ambiguous && sum.elsewhere && sum.crowded_out);
	for (int t = 0; t < SLO_TIER_MAX_; t++)
		assert_true(sum.enriched[t] > 0);
}

/* As an agent does: each span is matched as it comes, earlier ones again, old ones go meanwhile. */
static void index_agrees_with_brute_force_as_spans_come_and_go(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(rules); i++) {
			size_t room = seed % 2 ? 64 : 16;
			const struct slo_correlator_config cfg = { .rule = rules[i],
				                                   .max_signals = SIGNALS,
				                                   .max_spans = room };
			slo_correlator_auto struct slo_correlator *c = make(&cfg);

			random_records(seed * 104729 + seed / 2);
			memset(&truth, 0, sizeof(truth));
			for (size_t e = 0; e < SIGNALS; e++)
				assert_int_equal(slo_correlator_add_signal(c, &signals[e]), 0);
			for (size_t s = 0; s < SPANS; s++) {
				size_t first = s + 1 > room ? s + 1 - room : 0;

				assert_int_equal(slo_correlator_add_span(c, &spans[s], &ids[s]), 0);
				span_count = s + 1;
				compare_span(c, &rules[i], 0, first, s);
				compare_span(c, &rules[i], 0, first, first + rnd(s + 1 - first));
			}
			span_count = SPANS;
			compare_stats(c);
		}
	}
}

static const char *crowd_conn(uint64_t seed)
{
	static const char *const conns[] = { "c1",
		                             "c2",
		                             "10.0.0.1:1->10.0.0.2:443/tcp",
		                             "10.0.0.1:1->10.0.0.2:443/udp",
		                             "10.0.0.1:2->10.0.0.2:443/tcp",
		                             "255.255.255.255:65535->0.0.0.0:0/udp" };

	return seed % 3 == 0 ? conns[0] : pick(conns, SLO_ARRAY_SIZE(conns));
}

static const char *crowd_trace(uint64_t seed)
{
	static const char *const traces[] = { "t1", "t2", "t3" };

	return seed % 3 == 0 ? "" : pick(traces, SLO_ARRAY_SIZE(traces));
}

/*
 * Signals arrive between the spans, and the oldest of both go for want of room: judged ones, those that still wait to be
 * listed, and those whose contest was hopeless as long as a span was there. In one crowd, where that is most, in one in
 * which a connection then decides, and in many.
 */
static void index_agrees_with_brute_force_as_both_come_and_go(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(rules); i++) {
			const struct slo_correlator_config cfg = { .rule = rules[i],
				                                   .max_signals = 64,
				                                   .max_spans = seed % 2 ? 32 : 8 };
			slo_correlator_auto struct slo_correlator *c = make(&cfg);

			random_records(seed * 15485863 + seed / 2);
			for (size_t e = 0; seed % 3 != 2 && e < SIGNALS; e++)
				signals[e].who =
					(struct slo_corr_who){ .trace_id = "",
					                       .pod = "p1",
					                       .pid = 1,
					                       .conn = crowd_conn(seed),
					                       .service = rnd(9) ? "s1" : "s2",
					                       .node = "n1" };
			memset(&truth, 0, sizeof(truth));
			signal_count = 0;
			for (size_t s = 0; s < SPANS; s++) {
				size_t first = s + 1 > cfg.max_spans ? s + 1 - cfg.max_spans : 0;
				size_t oldest;

				for (uint64_t n = rnd(12); n > 0 && signal_count < SIGNALS; n--)
					assert_int_equal(slo_correlator_add_signal(
								 c, &signals[signal_count++]),
					                 0);
				oldest = signal_count > 64 ? signal_count - 64 : 0;
				if (seed % 3 != 2)
					spans[s].who = (struct slo_corr_who){
						.trace_id = crowd_trace(seed),
						.pod = "p1",
						.pid = rnd(9) ? 1 : 2,
						.conn = crowd_conn(seed),
						.service = rnd(2) ? "s1" : "s2",
						.node = "n1"
					};
				assert_int_equal(slo_correlator_add_span(c, &spans[s], &ids[s]), 0);
				span_count = s + 1;
				compare_span(c, &rules[i], oldest, first, s);
				compare_span(c, &rules[i], oldest, first,
				             first + rnd(s + 1 - first));
			}
			span_count = SPANS;
			signal_count = SIGNALS;
			compare_stats(c);
		}
	}
}

static void only_the_newest_count_where_room_runs_out(void **state)
{
	const struct slo_correlator_config cfg = { .rule = rules[1],
		                                   .max_signals = 256,
		                                   .max_spans = 32 };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_correlator_stats stats;
	struct slo_corr_result r;

	(void)state;
	random_records(4242);
	fill(c);
	compare(c, &cfg.rule, SIGNALS - 256, SPANS - 32);
	assert_int_equal(slo_correlator_match(c, ids[SPANS - 33], &r), -ENOENT);
	slo_correlator_stats_get(c, &stats);
	assert_int_equal(stats.signals, SIGNALS);
	assert_int_equal(stats.signals_evicted, SIGNALS - 256);
	assert_int_equal(stats.spans, SPANS);
	assert_int_equal(stats.spans_evicted, SPANS - 32);
}

static void verdicts_follow_the_spans_that_arrive(void **state)
{
	const struct slo_correlator_config cfg = { .rule = rules[1],
		                                   .max_signals = 8,
		                                   .max_spans = 8 };
	const struct slo_corr_who pid = { .pod = "p", .pid = 1 };
	const struct slo_corr_signal signal = { pid, T0 + 500 * MS, SLO_SIG_DNS_LATENCY, 7 };
	struct slo_corr_span outer = { pid, T0, T0 + 1000 * MS };
	struct slo_corr_span inner = { pid, T0 + 400 * MS, T0 + 600 * MS };
	struct slo_corr_span rival = { pid, T0, T0 + 2000 * MS };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id[3];

	(void)state;
	outer.who.trace_id = inner.who.trace_id = "t1";
	rival.who.trace_id = "t2";
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	assert_int_equal(slo_correlator_add_span(c, &outer, &id[0]), 0);
	assert_int_equal(slo_correlator_match(c, id[0], &r), 0);
	assert_int_equal(r.count, 1);
	assert_true(r.hit[0].confidence == 0.9 && r.hit[0].traces == 1);
	/* Within a trace the innermost wins. */
	assert_int_equal(slo_correlator_add_span(c, &inner, &id[1]), 0);
	assert_int_equal(slo_correlator_match(c, id[0], &r), 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.elsewhere, 1);
	assert_int_equal(slo_correlator_match(c, id[1], &r), 0);
	assert_int_equal(r.count, 1);
	/* A second trace makes it .45 each: too little. */
	assert_int_equal(slo_correlator_add_span(c, &rival, &id[2]), 0);
	for (int i = 1; i < 3; i++) {
		assert_int_equal(slo_correlator_match(c, id[i], &r), 0);
		assert_int_equal(r.count, 0);
		assert_int_equal(r.ambiguous, 1);
	}
}

/* One process, three requests at once, each on a connection of its own: a retransmit on one of them is that one's. */
static void of_equals_in_a_process_the_connection_decides(void **state)
{
	const struct slo_correlator_config cfg = { .rule = rules[1],
		                                   .max_signals = 8,
		                                   .max_spans = 8 };
	static const char *const traces[] = { "t1", "t2", "t3" };
	static const char *const conns[] = { "a:1->b:443/tcp", "a:2->b:443/tcp", "a:3->b:443/tcp" };
	const struct slo_corr_signal signal = {
		{ .pod = "p", .pid = 1, .conn = conns[1] }, T0, SLO_SIG_TCP_RETRANSMITS, 2
	};
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id[4];

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	for (int i = 0; i < 3; i++) {
		const struct slo_corr_span span = {
			{ .trace_id = traces[i], .pod = "p", .pid = 1, .conn = conns[i] },
			T0 - 9 * MS,
			T0 + 9 * MS
		};

		assert_int_equal(slo_correlator_add_span(c, &span, &id[i]), 0);
		if (i == 0)
			continue;
		assert_int_equal(slo_correlator_match(c, id[1], &r), 0);
		assert_int_equal(r.count, 1);
		assert_int_equal(r.hit[0].tier, SLO_TIER_POD_PID);
		assert_true(r.hit[0].confidence == 0.9);
		assert_int_equal(slo_correlator_match(c, id[0], &r), 0);
		assert_int_equal(r.count, 0);
		assert_int_equal(r.elsewhere, 1);
	}
}

/* Hopeless among spans without trace ids, until the span of its own trace arrives. */
/* Two traces in a process, and the signal's connection is one's; when the other goes, a deeper span of the same trace has it. */
static void decision_of_a_connection_ends_with_the_crowd(void **state)
{
	const struct slo_correlator_config cfg = {
		.rule = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, SLO_CORR_INTERVAL },
		.max_signals = 1,
		.max_spans = 2,
	};
	const struct slo_corr_span span[] = {
		{ { .trace_id = "t1", .pod = "p1", .pid = 1 }, T0, T0 + 100 * MS },
		{ { .trace_id = "t2", .pod = "p1", .pid = 1, .conn = "c1" }, T0, T0 + 100 * MS },
		{ { .trace_id = "t2", .pod = "p1", .pid = 1 }, T0 + 10 * MS, T0 + 90 * MS },
	};
	const struct slo_corr_signal signal = {
		{ .pod = "p1", .pid = 1, .conn = "c1" }, T0 + 50 * MS, SLO_SIG_CONNECT_LATENCY, 1
	};
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id[3];

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	assert_int_equal(slo_correlator_add_span(c, &span[0], &id[0]), 0);
	assert_int_equal(slo_correlator_add_span(c, &span[1], &id[1]), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(slo_correlator_match(c, id[0], &r), 0);
		assert_int_equal(r.count, 0);
		assert_int_equal(r.elsewhere, 1);
		assert_int_equal(slo_correlator_match(c, id[1], &r), 0);
		assert_int_equal(r.count, 1);
		assert_int_equal(r.elsewhere, 0);
	}
	assert_int_equal(slo_correlator_add_span(c, &span[2], &id[2]), 0);
	assert_int_equal(slo_correlator_match(c, id[0], &r), -ENOENT);
	assert_int_equal(slo_correlator_match(c, id[1], &r), 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(slo_correlator_match(c, id[2], &r), 0);
	assert_int_equal(r.count, 1);
}

static void late_span_of_its_trace_settles_a_shared_signal(void **state)
{
	const struct slo_correlator_config cfg = { .rule = rules[1],
		                                   .max_signals = 8,
		                                   .max_spans = 8 };
	const struct slo_corr_who pid = { .pod = "p", .pid = 1 };
	const struct slo_corr_who both = { .trace_id = "t", .pod = "p", .pid = 1 };
	const struct slo_corr_signal signal = { both, T0, SLO_SIG_DNS_LATENCY, 7 };
	const struct slo_corr_span other = { pid, T0, T0 }, own = { both, T0 - MS, T0 - MS };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id;

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(slo_correlator_add_span(c, &other, &id), 0);
	assert_int_equal(slo_correlator_match(c, id, &r), 0);
	assert_int_equal(r.ambiguous, 1);
	assert_int_equal(slo_correlator_add_span(c, &own, &id), 0);
	assert_int_equal(slo_correlator_match(c, id, &r), 0);
	assert_int_equal(r.count, 1);
	assert_true(r.hit[0].confidence == 1);
}

static void of_equal_spans_of_a_trace_the_first_to_arrive_wins(void **state)
{
	const struct slo_correlator_config cfg = { .rule = rules[1],
		                                   .max_signals = 2,
		                                   .max_spans = 2 };
	const struct slo_corr_who who = { .trace_id = "t", .pod = "p", .pid = 1 };
	const struct slo_corr_signal signal = { who, T0, SLO_SIG_DNS_LATENCY, 1 };
	const struct slo_corr_span span = { who, T0, T0 };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id[3];

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	/* The third takes the first one's slot: it is the order of arrival that counts. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(slo_correlator_add_span(c, &span, &id[i]), 0);
	assert_int_equal(slo_correlator_match(c, id[1], &r), 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(slo_correlator_match(c, id[2], &r), 0);
	assert_int_equal(r.elsewhere, 1);
}

static void many_traces_share_a_signal_and_none_gets_it(void **state)
{
	const struct slo_correlator_config cfg = { .rule = { SLO_CORR_WINDOW_NS, 0.1,
		                                             SLO_CORR_INTERVAL },
		                                   .max_signals = 8,
		                                   .max_spans = 64 };
	const struct slo_corr_who pid = { .pod = "p", .pid = 1 };
	const struct slo_corr_signal signal = { pid, T0, SLO_SIG_DNS_LATENCY, 1 };
	const struct slo_corr_span span = { pid, T0, T0 };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_corr_result r;
	uint64_t id;

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	for (unsigned int k = 1; k <= 40; k++) {
		assert_int_equal(slo_correlator_add_span(c, &span, &id), 0);
		assert_int_equal(slo_correlator_match(c, id, &r), 0);
		assert_int_equal(r.count, k <= 9);
		assert_int_equal(r.ambiguous, k > 9);
		assert_true(k > 9 || r.hit[0].confidence == 0.9 / k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index_agrees_with_brute_force_on_random_records),
		cmocka_unit_test(index_agrees_with_brute_force_as_spans_come_and_go),
		cmocka_unit_test(index_agrees_with_brute_force_as_both_come_and_go),
		cmocka_unit_test(only_the_newest_count_where_room_runs_out),
		cmocka_unit_test(verdicts_follow_the_spans_that_arrive),
		cmocka_unit_test(of_equals_in_a_process_the_connection_decides),
		cmocka_unit_test(decision_of_a_connection_ends_with_the_crowd),
		cmocka_unit_test(late_span_of_its_trace_settles_a_shared_signal),
		cmocka_unit_test(of_equal_spans_of_a_trace_the_first_to_arrive_wins),
		cmocka_unit_test(many_traces_share_a_signal_and_none_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
