/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/release_gate.h"
#include "core/engine/stats_random.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/engine/near.h"

#define SAMPLES 3000

struct samples {
	double ttft[SAMPLES], tokens[SAMPLES], errors[SAMPLES];
	struct slo_gate_side side;
};

static struct samples candidate, baseline;

/* Quantiles of a smooth long-tailed distribution, dealt out to the runs in turn: no chance is in them. */
static void deal(struct samples *s, size_t n, size_t runs, double factor)
{
	assert_true(n <= SAMPLES && n % runs == 0);
	for (size_t i = 0; i < n; i++) {
		const size_t at = i % runs * (n / runs) + i / runs;

		s->ttft[at] = 300 * factor *
		              exp(0.3 * slo_stats_normal_quantile(((double)i + 0.5) / (double)n));
		s->tokens[at] = 30 + 0.01 * (double)(i % 7);
		s->errors[at] = 0.01;
	}
	s->side = (struct slo_gate_side){ .ttft_ms = s->ttft,
		                          .tokens_per_sec = s->tokens,
		                          .error_rate = s->errors,
		                          .n = n,
		                          .runs = runs };
	for (size_t r = 0; r < runs; r++)
		s->side.run_sizes[r] = n / runs;
}

static void nothing(struct samples *s)
{
	s->side = (struct slo_gate_side){ 0 };
}

static struct slo_gate_limits limits;

static int set_limits(void **state)
{
	(void)state;
	limits = slo_gate_limits_default;
	return 0;
}

/* --- variance ---------------------------------------------------------------------------------------------------- */

static void equal_runs_do_not_vary(void **state)
{
	struct slo_variance_result r;

	(void)state;
	deal(&candidate, 300, 3, 1);
	assert_int_equal(slo_variance_judge(&candidate.side, &limits, &r), 0);
	assert_int_equal(r.verdict, SLO_GATE_PASS);
	assert_int_equal(r.runs, 3);
	assert_true(r.figures[SLO_VARIANCE_TTFT_P95].cv_pct < 2);
	assert_near(r.figures[SLO_VARIANCE_ERROR_RATE].cv_pct, 0, 0);
	assert_near(r.figures[SLO_VARIANCE_ERROR_RATE].mean, .01, 1e-12);
}

static void runs_that_differ_fail_and_say_in_what(void **state)
{
	struct slo_variance_result r;

	(void)state;
	deal(&candidate, 300, 3, 1);
	for (int i = 0; i < 100; i++)
		candidate.errors[i] = .02;
	assert_int_equal(slo_variance_judge(&candidate.side, &limits, &r), 0);
	assert_int_equal(r.verdict, SLO_GATE_FAIL);
	/* .02, .01, .01: sd .0057735 of .0133333. */
	assert_string_equal(r.reason,
	                    "mean error rate varies by 43.3013 % between runs, at most 10.0000 %");
}

static void too_few_runs_decide_nothing(void **state)
{
	struct slo_variance_result r;

	(void)state;
	deal(&candidate, 300, 3, 1);
	candidate.side.run_sizes[0] = 200;
	candidate.side.run_sizes[1] = 0;
	assert_int_equal(slo_variance_judge(&candidate.side, &limits, &r), 0);
	assert_int_equal(r.runs, 2);
	assert_int_equal(r.verdict, SLO_GATE_INCONCLUSIVE);
	assert_string_equal(r.reason, "2 runs with samples, at least 3 are needed");
	nothing(&candidate);
	assert_int_equal(slo_variance_judge(&candidate.side, &limits, &r), 0);
	assert_int_equal(r.verdict, SLO_GATE_INCONCLUSIVE);
}

/* --- the reference rule ------------------------------------------------------------------------------------------ */

static enum slo_gate_verdict reference(struct slo_significance_result *r)
{
	assert_int_equal(slo_significance_judge(&candidate.side, &baseline.side, &limits, 1, r), 0);
	return r->verdict;
}

static void reference_fails_where_all_four_conditions_hold(void **state)
{
	struct slo_significance_result r;

	(void)state;
	deal(&candidate, 300, 3, 1.3);
	deal(&baseline, 300, 3, 1);
	assert_int_equal(reference(&r), SLO_GATE_FAIL);
	assert_near(r.regression_pct, 30, 1e-9);
	assert_true(r.practical && r.enough && r.ci_low_ms > 0 && r.p < 1e-9);
	assert_true(strstr(r.reason, "ttft regression 30.0000% exceeds 5.0000%") == r.reason);
	deal(&candidate, 300, 3, 1);
	assert_int_equal(reference(&r), SLO_GATE_PASS);
	assert_near(r.p, 1, 0);
	assert_string_equal(r.reason, "");
}

/* 6 % on 3000 samples is significant, but of delta .11 only. */
static void reference_passes_small_effects_with_a_remark(void **state)
{
	struct slo_significance_result r;

	(void)state;
	deal(&candidate, 3000, 3, 1.06);
	deal(&baseline, 3000, 3, 1);
	assert_int_equal(reference(&r), SLO_GATE_PASS);
	assert_true(r.p < .05 && r.ci_low_ms > 0 && r.delta < .147 && !r.practical);
	assert_true(strstr(r.reason, "no practical effect") != NULL);
}

static void reference_needs_thirty_samples_a_side(void **state)
{
	struct slo_significance_result r;

	(void)state;
	deal(&candidate, 29, 1, 2);
	deal(&baseline, 300, 3, 1);
	assert_int_equal(reference(&r), SLO_GATE_INCONCLUSIVE);
	assert_false(r.enough);
	assert_string_equal(r.reason,
	                    "candidate has 29 samples and baseline 300, at least 30 are needed");
	nothing(&candidate);
	assert_int_equal(reference(&r), SLO_GATE_INCONCLUSIVE);
	assert_true(isnan(r.delta) && isnan(r.candidate_p95_ms));
}

/* --- non-inferiority --------------------------------------------------------------------------------------------- */

static struct slo_ni_result judge(void)
{
	struct slo_ni_result r;

	assert_int_equal(slo_ni_measure(&candidate.side, &baseline.side, &limits, 1, &r), 0);
	assert_int_equal(slo_ni_decide(&r, 1, &limits), 0);
	return r;
}

static void as_good_passes_only_where_it_is_shown(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 3000, 3, 1.01);
	deal(&baseline, 3000, 3, 1);
	r = judge();
	assert_int_equal(r.verdict, SLO_GATE_PASS);
	assert_near(r.figures[SLO_NI_TTFT].log_ratio.estimate, log(1.01), 1e-9);
	assert_near(r.figures[SLO_NI_TTFT_P95].log_ratio.estimate, log(1.01), 1e-9);
	/* The same effect on few samples is an open question, with the number that answers it. */
	deal(&candidate, 60, 3, 1.01);
	deal(&baseline, 60, 3, 1);
	r = judge();
	assert_int_equal(r.verdict, SLO_GATE_INCONCLUSIVE);
	assert_true(r.exact);
	assert_true(r.figures[SLO_NI_TTFT_P95].needed_n > 60);
	assert_true(strstr(r.figures[SLO_NI_TTFT_P95].reason, "samples a side would decide"));
}

static void a_slower_release_fails(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 300, 3, 1.3);
	deal(&baseline, 300, 3, 1);
	r = judge();
	assert_int_equal(r.verdict, SLO_GATE_FAIL);
	for (int f = 0; f < SLO_NI_MAX_; f++) {
		assert_int_equal(r.figures[f].verdict, SLO_GATE_FAIL);
		assert_true(r.figures[f].log_ratio.lower > 0);
		assert_near(r.figures[f].needed_n, 0, 0);
	}
	/* A faster one passes, and by the same figures. */
	deal(&candidate, 300, 3, 0.7);
	assert_int_equal(judge().verdict, SLO_GATE_PASS);
}

/* One request in ten takes three times as long: the typical one does not show it. */
static void a_slower_tail_alone_does_not_pass(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 3000, 3, 1);
	deal(&baseline, 3000, 3, 1);
	for (int i = 0; i < 3000; i += 10)
		candidate.ttft[i] *= 3;
	r = judge();
	assert_int_equal(r.figures[SLO_NI_TTFT].verdict, SLO_GATE_PASS);
	assert_int_equal(r.figures[SLO_NI_TTFT_P95].verdict, SLO_GATE_FAIL);
	assert_int_equal(r.verdict, SLO_GATE_FAIL);
}

static void a_tail_of_few_samples_is_not_judged(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 58, 1, 0.5);
	deal(&baseline, 300, 3, 1);
	r = judge();
	assert_int_equal(r.figures[SLO_NI_TTFT].verdict, SLO_GATE_PASS);
	assert_int_equal(r.figures[SLO_NI_TTFT_P95].verdict, SLO_GATE_INCONCLUSIVE);
	assert_true(
		strstr(r.figures[SLO_NI_TTFT_P95].reason, "too few samples to speak of the tail"));
	deal(&candidate, 59, 1, 0.5);
	assert_int_equal(judge().verdict, SLO_GATE_PASS);
}

/* Slower by 5 %, and sure of it: within the margin, so it passes; the margin decides, not significance. */
static void a_small_sure_effect_within_the_margin_passes(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 3000, 3, 1.05);
	deal(&baseline, 3000, 3, 1);
	r = judge();
	assert_true(r.figures[SLO_NI_TTFT].log_ratio.lower > 0);
	assert_int_equal(r.figures[SLO_NI_TTFT].verdict, SLO_GATE_PASS);
	limits.margin_pct = 2;
	assert_int_equal(judge().verdict, SLO_GATE_FAIL);
}

/*
 * Runs of the candidate at -15, +12 and +60 %: its 3000 samples are slower beyond any doubt, its three runs are not. Runs
 * that are alike are believed.
 */
static void runs_that_differ_are_not_pooled_blindly(void **state)
{
	const double factors[] = { .85, 1.12, 1.6 };
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 3000, 3, 1.12);
	deal(&baseline, 3000, 3, 1);
	limits.margin_pct = 5;
	r = judge();
	assert_near(r.spread.widening, 1, 0);
	assert_int_equal(r.figures[SLO_NI_TTFT].verdict, SLO_GATE_FAIL);
	for (int i = 0; i < 3000; i++)
		candidate.ttft[i] *= factors[i / 1000] / 1.12;
	r = judge();
	assert_true(r.p_two_sided < 1e-9);
	assert_true(r.spread.widening > 10);
	assert_int_equal(r.figures[SLO_NI_TTFT].verdict, SLO_GATE_INCONCLUSIVE);
	assert_true(r.figures[SLO_NI_TTFT].p > .05);
	assert_true(r.figures[SLO_NI_TTFT].needed_runs > 3);
	assert_non_null(strstr(r.figures[SLO_NI_TTFT].reason, "runs differ, about "));
}

/* Twenty scenarios, one of them slower by chance with p .03: not beyond chance among so many. */
static void many_scenarios_are_adjusted_for(void **state)
{
	struct slo_ni_result all[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		all[i] = (struct slo_ni_result){ .candidate_n = 100, .baseline_n = 100 };
		for (int f = 0; f < SLO_NI_MAX_; f++) {
			all[i].figures[f].p = i == 3 ? .03 : .5;
			all[i].figures[f].log_ratio =
				(struct slo_stats_interval){ i == 3 ? .2 : 0, i == 3 ? .01 : -.05,
				                             i == 3 ? .4 : .05 };
		}
	}
	assert_int_equal(slo_ni_decide(&all[3], 1, &limits), 0);
	assert_int_equal(all[3].verdict, SLO_GATE_FAIL);
	assert_int_equal(slo_ni_decide(all, 20, &limits), 0);
	assert_int_equal(all[3].verdict, SLO_GATE_INCONCLUSIVE);
	assert_near(all[3].figures[SLO_NI_TTFT].adjusted_p, .5, 1e-12);
	assert_int_equal(all[0].verdict, SLO_GATE_PASS);
}

static void a_side_without_samples_decides_nothing(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 300, 3, 1);
	nothing(&baseline);
	r = judge();
	assert_int_equal(r.verdict, SLO_GATE_INCONCLUSIVE);
	assert_string_equal(r.figures[SLO_NI_TTFT].reason, "the baseline has no samples");
	assert_true(isnan(r.figures[SLO_NI_TTFT].log_ratio.estimate));
}

static void a_latency_of_zero_is_no_logarithm_of_zero(void **state)
{
	struct slo_ni_result r;

	(void)state;
	deal(&candidate, 300, 3, 1);
	deal(&baseline, 300, 3, 1);
	memset(candidate.ttft, 0, sizeof(candidate.ttft));
	r = judge();
	assert_true(isfinite(r.figures[SLO_NI_TTFT].log_ratio.estimate));
	assert_int_equal(r.verdict, SLO_GATE_PASS);
	memset(baseline.ttft, 0, sizeof(baseline.ttft));
	r = judge();
	assert_near(r.figures[SLO_NI_TTFT].log_ratio.estimate, 0, 0);
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	if (!FAIL_ALLOC)
		skip();
	deal(&candidate, 60, 3, 1.3);
	deal(&baseline, 60, 3, 1);
	for (int what = 0; what < 4; what++) {
		int r = -ENOMEM;
		int failed = -1;

		for (int n = 0; r < 0; n++) {
			struct slo_variance_result variance;
			struct slo_significance_result significance;
			struct slo_ni_result ni = { 0 };

			assert_true(n < 60 && r == -ENOMEM);
			fail_alloc_after = n;
			if (what == 0)
				r = slo_variance_judge(&candidate.side, &limits, &variance);
			else if (what == 1)
				r = slo_significance_judge(&candidate.side, &baseline.side, &limits,
				                           1, &significance);
			else if (what == 2)
				r = slo_ni_measure(&candidate.side, &baseline.side, &limits, 1,
				                   &ni);
			else
				r = slo_ni_decide(&ni, 1, &limits);
			fail_alloc_after = -1;
			failed++;
		}
		assert_true(failed >= 1);
	}
}

/* --- provenance and seeds ---------------------------------------------------------------------------------------- */

static void provenance_tells_what_is_missing_and_what_is_the_same(void **state)
{
	const struct {
		struct slo_provenance in;
		enum slo_gate_verdict verdict;
		bool same;
		bool reason;
	} rows[] = {
		{ { "main", "c1", false, false, NULL, NULL }, SLO_GATE_PASS, false, false },
		{ { "main", "c1", true, false, NULL, NULL }, SLO_GATE_FAIL, false, true },
		{ { "main", "c1", true, true, "v1", "c0" }, SLO_GATE_PASS, false, false },
		{ { "main", "c1", true, true, "v1", "c1" }, SLO_GATE_PASS, true, true },
		{ { "main", "c1", true, true, "main", "c0" }, SLO_GATE_PASS, false, false },
		{ { "main", "", true, true, "main", "c0" }, SLO_GATE_PASS, true, true },
		{ { "", "", false, true, "main", "c0" }, SLO_GATE_PASS, false, false },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_provenance_result r;

		slo_provenance_judge(&rows[i].in, &r);
		assert_int_equal(r.verdict, rows[i].verdict);
		assert_int_equal(r.same_source, rows[i].same);
		assert_int_equal(r.reason[0] != '\0', rows[i].reason);
	}
}

static void seeds_differ_by_scenario_and_seed(void **state)
{
	(void)state;
	assert_true(slo_gate_seed(1, "a") == slo_gate_seed(1, "a"));
	assert_true(slo_gate_seed(1, "a") != slo_gate_seed(1, "b"));
	assert_true(slo_gate_seed(1, "a") != slo_gate_seed(2, "a"));
}

static void the_worse_verdict_wins(void **state)
{
	(void)state;
	assert_int_equal(slo_gate_worse(SLO_GATE_PASS, SLO_GATE_INCONCLUSIVE),
	                 SLO_GATE_INCONCLUSIVE);
	assert_int_equal(slo_gate_worse(SLO_GATE_INCONCLUSIVE, SLO_GATE_FAIL), SLO_GATE_FAIL);
	assert_int_equal(slo_gate_worse(SLO_GATE_FAIL, SLO_GATE_INCONCLUSIVE), SLO_GATE_FAIL);
	assert_int_equal(slo_gate_worse(SLO_GATE_PASS, SLO_GATE_PASS), SLO_GATE_PASS);
	for (int v = 0; v < SLO_GATE_VERDICT_MAX_; v++)
		assert_non_null(slo_gate_verdict_name((enum slo_gate_verdict)v));
}

#define TEST(name) cmocka_unit_test_setup(name, set_limits)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_runs_do_not_vary),
		TEST(runs_that_differ_fail_and_say_in_what),
		TEST(too_few_runs_decide_nothing),
		TEST(reference_fails_where_all_four_conditions_hold),
		TEST(reference_passes_small_effects_with_a_remark),
		TEST(reference_needs_thirty_samples_a_side),
		TEST(as_good_passes_only_where_it_is_shown),
		TEST(a_slower_release_fails),
		TEST(a_slower_tail_alone_does_not_pass),
		TEST(a_tail_of_few_samples_is_not_judged),
		TEST(a_small_sure_effect_within_the_margin_passes),
		TEST(runs_that_differ_are_not_pooled_blindly),
		TEST(many_scenarios_are_adjusted_for),
		TEST(a_side_without_samples_decides_nothing),
		TEST(a_latency_of_zero_is_no_logarithm_of_zero),
		TEST(each_allocation_may_fail),
		TEST(provenance_tells_what_is_missing_and_what_is_the_same),
		TEST(seeds_differ_by_scenario_and_seed),
		TEST(the_worse_verdict_wins),
	};

	return cmocka_run_group_tests_name("release_gate", tests, NULL, NULL);
}
