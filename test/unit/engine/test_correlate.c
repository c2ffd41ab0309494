/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/correlate_eval.h"

#define MS INT64_C(1000000)
#define T0 (INT64_C(1771372800) * 1000 * MS)

static const struct slo_corr_rule point = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD,
	                                    SLO_CORR_POINT };
static const struct slo_corr_rule interval = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD,
	                                       SLO_CORR_INTERVAL };

static const struct slo_corr_who everything = {
	.trace_id = "t", .pod = "p", .conn = "c", .service = "s", .node = "n", .pid = 7
};

/* A span of @length_ms and a signal @dt_ns after its start, both of @who. */
static struct slo_corr_match at(const struct slo_corr_rule *rule, const struct slo_corr_who *who,
                                int64_t length_ms, int64_t dt_ns)
{
	const struct slo_corr_span span = { *who, T0, T0 + length_ms * MS };
	const struct slo_corr_signal signal = { .who = *who, .time_ns = T0 + dt_ns };

	return slo_correlate(rule, &span, &signal);
}

static void first_tier_that_holds_decides(void **state)
{
	struct slo_corr_who who = everything;

	(void)state;
	assert_int_equal(at(&point, &who, 0, 2000 * MS).tier, SLO_TIER_TRACE);
	who.trace_id = "";
	assert_int_equal(at(&point, &who, 0, 100 * MS).tier, SLO_TIER_POD_PID);
	assert_int_equal(at(&point, &who, 0, 100 * MS + 1).tier, SLO_TIER_POD_CONN);
	assert_int_equal(at(&point, &who, 0, -250 * MS).tier, SLO_TIER_POD_CONN);
	assert_int_equal(at(&point, &who, 0, 250 * MS + 1).tier, SLO_TIER_SERVICE_NODE);
	assert_int_equal(at(&point, &who, 0, 500 * MS).tier, SLO_TIER_SERVICE_NODE);
	assert_int_equal(at(&point, &who, 0, 500 * MS + 1).tier, SLO_TIER_NONE);
	who.pod = NULL;
	assert_int_equal(at(&point, &who, 0, 1).tier, SLO_TIER_SERVICE_NODE);
	who.node = NULL;
	assert_int_equal(at(&point, &who, 0, 1).tier, SLO_TIER_NONE);
}

static void confidence_is_the_tiers(void **state)
{
	(void)state;
	assert_true(at(&point, &everything, 0, 0).confidence == 1);
	assert_true(at(&point, &(struct slo_corr_who){ .pod = "p", .pid = 1 }, 0, 0).confidence ==
	            0.9);
	assert_true(at(&point, &(struct slo_corr_who){ .pod = "p" }, 0, 0).confidence == 0);
}

static void window_limits_every_tier(void **state)
{
	const struct slo_corr_rule narrow = { 50 * MS, 0.7, SLO_CORR_POINT };

	(void)state;
	assert_int_equal(at(&narrow, &everything, 0, 50 * MS).tier, SLO_TIER_TRACE);
	assert_int_equal(at(&narrow, &everything, 0, 50 * MS + 1).tier, SLO_TIER_NONE);
}

static void zero_time_never_matches(void **state)
{
	const struct slo_corr_span span = { everything, 0, 0 };
	const struct slo_corr_signal signal = { .who = everything };
	const struct slo_corr_span dated = { everything, 1, 1 };

	(void)state;
	assert_int_equal(slo_correlate(&point, &span, &signal).tier, SLO_TIER_NONE);
	assert_int_equal(slo_correlate(&point, &dated, &signal).tier, SLO_TIER_NONE);
	assert_int_equal(slo_correlate(&point, &span,
	                               &(struct slo_corr_signal){ .who = everything, .time_ns = 1 })
	                         .tier,
	                 SLO_TIER_NONE);
}

static void interval_distance_is_zero_inside_the_span(void **state)
{
	struct slo_corr_match m = at(&interval, &everything, 5000, 4999 * MS);

	(void)state;
	assert_int_equal(m.tier, SLO_TIER_TRACE);
	assert_true(m.distance_ns == 0);
	assert_true(at(&interval, &everything, 5000, 6000 * MS).distance_ns == 1000 * MS);
	assert_true(at(&interval, &everything, 5000, -3 * MS).distance_ns == 3 * MS);
	assert_int_equal(at(&interval, &everything, 5000, 7000 * MS + 1).tier, SLO_TIER_NONE);
	assert_int_equal(at(&point, &everything, 5000, 4999 * MS).tier, SLO_TIER_NONE);
	/* An end before the start is no end. */
	assert_true(at(&interval, &everything, -5, 7 * MS).distance_ns == 7 * MS);
}

static void conflicting_traces_veto_in_interval_mode_only(void **state)
{
	struct slo_corr_span span = { everything, T0, T0 };
	struct slo_corr_signal signal = { .who = everything, .time_ns = T0 };

	(void)state;
	signal.who.trace_id = "other";
	assert_int_equal(slo_correlate(&point, &span, &signal).tier, SLO_TIER_POD_PID);
	assert_int_equal(slo_correlate(&interval, &span, &signal).tier, SLO_TIER_NONE);
	signal.who.trace_id = "";
	assert_int_equal(slo_correlate(&interval, &span, &signal).tier, SLO_TIER_POD_PID);
	signal.who.trace_id = "other";
	span.who.trace_id = NULL;
	assert_int_equal(slo_correlate(&interval, &span, &signal).tier, SLO_TIER_POD_PID);
}

static void times_at_the_ends_of_64_bits_do_not_overflow(void **state)
{
	(void)state;
	assert_true(slo_corr_distance_ns(SLO_CORR_POINT, INT64_MIN, 0, INT64_MAX) == INT64_MAX);
	assert_true(slo_corr_distance_ns(SLO_CORR_INTERVAL, INT64_MAX, INT64_MAX, INT64_MIN) ==
	            INT64_MAX);
	assert_true(slo_corr_distance_ns(SLO_CORR_INTERVAL, INT64_MIN, INT64_MIN + 1, INT64_MAX) ==
	            INT64_MAX);
}

static void figures_are_those_of_the_counts(void **state)
{
	const struct slo_corr_match exact = { SLO_TIER_TRACE, 1, 0 };
	const struct slo_corr_match pid = { SLO_TIER_POD_PID, 0.9, 0 };
	const struct slo_corr_match weak = { SLO_TIER_SERVICE_NODE, 0.65, 0 };
	const struct slo_corr_match none = { SLO_TIER_NONE, 0, 0 };
	struct slo_corr_eval e = { 0 };
	struct slo_corr_figures f;

	(void)state;
	slo_corr_eval_add(&e, &point, &exact, true, SLO_TIER_TRACE);
	slo_corr_eval_add(&e, &point, &pid, true, SLO_TIER_TRACE);
	slo_corr_eval_add(&e, &point, &exact, true, SLO_TIER_NONE);
	slo_corr_eval_add(&e, &point, &pid, false, SLO_TIER_NONE);
	slo_corr_eval_add(&e, &point, &weak, true, SLO_TIER_SERVICE_NODE);
	slo_corr_eval_add(&e, &point, &none, false, SLO_TIER_NONE);
	slo_corr_eval_figures(&e, &f);
	assert_int_equal(f.pairs, 6);
	assert_int_equal(e.true_positive, 3);
	assert_int_equal(e.false_positive, 1);
	assert_int_equal(e.false_negative, 1);
	assert_int_equal(e.true_negative, 1);
	assert_true(f.precision == 0.75 && f.recall == 0.75 && f.f1 == 0.75);
	assert_true(f.tier_accuracy == 0.5);
	assert_true(f.mean_confidence == (1 + 0.9 + 1 + 0.9) / 4);
}

static void nothing_to_divide_by_is_zero(void **state)
{
	const struct slo_corr_rule all = { SLO_CORR_WINDOW_NS, 0, SLO_CORR_POINT };
	const struct slo_corr_match none = { SLO_TIER_NONE, 0, 0 };
	struct slo_corr_eval e = { 0 };
	struct slo_corr_figures f;

	(void)state;
	/* Not even a threshold of 0 makes a match of none. */
	slo_corr_eval_add(&e, &all, &none, false, SLO_TIER_NONE);
	slo_corr_eval_figures(&e, &f);
	assert_int_equal(f.pairs, 1);
	assert_true(f.precision == 0 && f.recall == 0 && f.f1 == 0 && f.tier_accuracy == 0 &&
	            f.mean_confidence == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_tier_that_holds_decides),
		cmocka_unit_test(confidence_is_the_tiers),
		cmocka_unit_test(window_limits_every_tier),
		cmocka_unit_test(zero_time_never_matches),
		cmocka_unit_test(interval_distance_is_zero_inside_the_span),
		cmocka_unit_test(conflicting_traces_veto_in_interval_mode_only),
		cmocka_unit_test(times_at_the_ends_of_64_bits_do_not_overflow),
		cmocka_unit_test(figures_are_those_of_the_counts),
		cmocka_unit_test(nothing_to_divide_by_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
