/* SPDX-License-Identifier: Apache-2.0 */
/* What the index keeps and for how long, and what it refuses. */
#include "core/engine/correlate_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/base/fail_alloc.h"

#define MS INT64_C(1000000)
#define T0 (INT64_C(1771372800) * 1000 * MS)

static const struct slo_corr_rule interval = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD,
	                                       SLO_CORR_INTERVAL };

static struct slo_correlator *make(const struct slo_correlator_config *cfg)
{
	struct slo_correlator *c = NULL;

	assert_int_equal(slo_correlator_new(&c, cfg, NULL), 0);
	return c;
}

static void records_expire_after_their_time(void **state)
{
	const struct slo_correlator_config cfg = {
		.rule = interval, .max_signals = 8, .max_spans = 8, .retain_ns = 60000
	};
	const struct slo_corr_who pid = { .pod = "p", .pid = 1 };
	const struct slo_corr_signal signal = { pid, T0, SLO_SIG_DNS_LATENCY, 7 };
	const struct slo_corr_span span = { pid, T0, T0 + MS };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_correlator_stats stats;
	struct slo_corr_result r;
	uint64_t id, late;

	(void)state;
	slo_correlator_advance(c, 1000);
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	assert_int_equal(slo_correlator_add_span(c, &span, &id), 0);
	slo_correlator_advance(c, 61000);
	assert_int_equal(slo_correlator_match(c, id, &r), 0);
	assert_int_equal(r.count, 1);
	slo_correlator_advance(c, 500); /* does not run back */
	slo_correlator_advance(c, 61001);
	assert_int_equal(slo_correlator_match(c, id, &r), -ENOENT);
	assert_int_equal(slo_correlator_add_span(c, &span, &late), 0);
	assert_int_equal(slo_correlator_match(c, late, &r), 0);
	assert_int_equal(r.count, 0);
	slo_correlator_stats_get(c, &stats);
	assert_int_equal(stats.signals_expired, 1);
	assert_int_equal(stats.spans_expired, 1);
	assert_int_equal(stats.signals_evicted + stats.spans_evicted, 0);
}

/* Each signal has a name of its own: the table of names must not fill up as they come and go. */
static void names_are_forgotten_with_their_records(void **state)
{
	const struct slo_correlator_config cfg = {
		.rule = interval, .max_signals = 64, .max_spans = 8, .max_names = 200
	};
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_correlator_stats stats;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char trace[16];
		const struct slo_corr_who who = { .trace_id = trace, .pod = "p", .pid = 1 };
		const struct slo_corr_signal signal = { who, T0 + i * MS, SLO_SIG_DNS_LATENCY, i };
		const struct slo_corr_span span = { who, T0 + i * MS, T0 + i * MS };
		struct slo_corr_result r;
		uint64_t id;

		(void)snprintf(trace, sizeof(trace), "t%d", i);
		assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
		assert_int_equal(slo_correlator_add_span(c, &span, &id), 0);
		assert_int_equal(slo_correlator_match(c, id, &r), 0);
		assert_int_equal(r.count, 1);
		assert_true(r.hit[0].value == i && r.hit[0].confidence == 1);
	}
	slo_correlator_stats_get(c, &stats);
	assert_int_equal(stats.refused, 0);
}

static void record_without_room_for_its_names_or_without_time_is_refused(void **state)
{
	const struct slo_correlator_config cfg = {
		.rule = interval, .max_signals = 64, .max_spans = 8, .max_names = 2
	};
	struct slo_corr_signal signal = { { .pod = "a", .pid = 1 }, T0, SLO_SIG_DNS_LATENCY, 1 };
	slo_correlator_auto struct slo_correlator *c = make(&cfg);
	struct slo_correlator_stats stats;
	struct slo_corr_span span = { signal.who, 0, 0 };
	uint64_t id;

	(void)state;
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	signal.who.pod = "b";
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	signal.who.pod = "c";
	assert_int_equal(slo_correlator_add_signal(c, &signal), -ENOSPC);
	signal.who.pod = "a";
	assert_int_equal(slo_correlator_add_signal(c, &signal), 0);
	signal.time_ns = 0;
	assert_int_equal(slo_correlator_add_signal(c, &signal), -EINVAL);
	assert_int_equal(slo_correlator_add_span(c, &span, &id), -EINVAL);
	slo_correlator_stats_get(c, &stats);
	assert_int_equal(stats.refused, 3);
	assert_int_equal(stats.signals, 3);
}

static void extreme_times_do_no_harm(void **state)
{
	static const struct slo_corr_rule rules[] = {
		{ SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, SLO_CORR_POINT },
		{ SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, SLO_CORR_INTERVAL },
		{ SLO_CORR_WINDOW_NS, 0.6, SLO_CORR_POINT },
		{ SLO_CORR_WINDOW_NS, 0.6, SLO_CORR_INTERVAL },
	};
	static const int64_t times[] = {
		INT64_MIN, INT64_MIN + 1, -1, 1, INT64_MAX - 1, INT64_MAX
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rules); i++) {
		const struct slo_correlator_config cfg = { .rule = rules[i],
			                                   .max_signals = 64,
			                                   .max_spans = 64 };
		slo_correlator_auto struct slo_correlator *c = make(&cfg);
		const struct slo_corr_who who = {
			.pod = "p", .pid = 1, .service = "s", .node = "n"
		};

		for (size_t a = 0; a < SLO_ARRAY_SIZE(times); a++) {
			const struct slo_corr_signal e = { who, times[a], SLO_SIG_DNS_LATENCY, 1 };

			assert_int_equal(slo_correlator_add_signal(c, &e), 0);
		}
		for (size_t a = 0; a < 36; a++) {
			const struct slo_corr_span s = { who, times[a / 6], times[a % 6] };
			struct slo_corr_result r;
			uint64_t id;

			assert_int_equal(slo_correlator_add_span(c, &s, &id), 0);
			assert_int_equal(slo_correlator_match(c, id, &r), 0);
		}
	}
}

static void bad_configuration_and_want_of_memory_are_told(void **state)
{
	const struct slo_correlator_config good = { .rule = interval,
		                                    .max_signals = 8,
		                                    .max_spans = 8 };
	struct slo_correlator_config bad[5];
	struct slo_correlator *c = NULL;
	struct slo_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].max_signals = 0;
	bad[1].max_spans = SIZE_MAX;
	bad[2].rule.threshold = 0;
	bad[3].rule.window_ns = -1;
	bad[4].rule.distance = SLO_CORR_DISTANCE_MAX_;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		assert_int_equal(slo_correlator_new(&c, &bad[i], &err), -EINVAL);
	for (int n = 0; FAIL_ALLOC; n++) {
		int r;

		fail_alloc_after = n;
		r = slo_correlator_new(&c, &good, &err);
		fail_alloc_after = -1;
		if (r == 0) {
			assert_true(n > 30);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(c);
	}
	slo_correlator_freep(&c);
	slo_correlator_freep(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_expire_after_their_time),
		cmocka_unit_test(names_are_forgotten_with_their_records),
		cmocka_unit_test(record_without_room_for_its_names_or_without_time_is_refused),
		cmocka_unit_test(extreme_times_do_no_harm),
		cmocka_unit_test(bad_configuration_and_want_of_memory_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
