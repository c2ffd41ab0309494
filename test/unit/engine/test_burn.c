/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/burn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MIN_MS UINT64_C(60000)
#define MIN_NS INT64_C(60000000000)
/* 2026-01-01T00:00:00Z, a whole minute. */
#define NOW_NS INT64_C(1767225600000000000)

static const uint64_t standard[] = { 5 * MIN_MS,   30 * MIN_MS,   60 * MIN_MS,  120 * MIN_MS,
	                             360 * MIN_MS, 1440 * MIN_MS, 4320 * MIN_MS };

static struct slo_burn_bucket buckets[SLO_BURN_BUCKETS];
static struct slo_burn_ring ring;
static struct slo_burn_config cfg;
static struct slo_burn_result res;

static int setup(void **state)
{
	(void)state;
	memset(buckets, 0, sizeof(buckets));
	slo_burn_ring_init(&ring, buckets, MIN_MS);
	return slo_burn_config_init(&cfg, 0.99, standard, 7, NULL);
}

/* @bad of each hundred requests a minute were bad in the @count minutes that end @ago minutes before now. */
static void minutes(int ago, int count, int bad)
{
	for (int m = 0; m < count; m++) {
		for (int i = 0; i < 100; i++)
			assert_true(slo_burn_add(&ring, NOW_NS - (ago + m) * MIN_NS, i >= bad));
	}
}

static void all_good_burns_nothing(void **state)
{
	(void)state;
	minutes(0, 4320, 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.state, SLO_BURN_OK);
	for (int i = 0; i < 7; i++) {
		assert_true(res.window[i].burn == 0 && res.window[i].sufficient);
		assert_int_equal(res.window[i].valid, standard[i] / MIN_MS * 100);
	}
	assert_true(res.budget_remaining == 1);
}

static void burn_is_bad_share_over_budget(void **state)
{
	(void)state;
	minutes(0, 5, 50);
	minutes(5, 4315, 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	/* 50 % of 1 %; 250 bad of 6000 in the hour. */
	assert_float_equal(res.window[0].burn, 50, 1e-9);
	assert_float_equal(res.window[2].burn, 250.0 / 6000 / 0.01, 1e-9);
	assert_float_equal(res.budget_remaining, 1 - 250.0 / 432000 / 0.01, 1e-9);
	/* Not fast enough over the hour: 4.17 */
	assert_int_equal(res.state, SLO_BURN_OK);
}

static void both_windows_fast_page(void **state)
{
	(void)state;
	minutes(0, 60, 20);
	minutes(60, 4260, 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.pair[0], SLO_BURN_PAGE);
	assert_int_equal(res.state, SLO_BURN_PAGE);
	/* The trouble ended: the short window ends the alert. */
	setup(NULL);
	minutes(6, 60, 20);
	minutes(0, 6, 0);
	minutes(66, 4254, 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.pair[0], SLO_BURN_OK);
}

static void slow_burn_is_a_ticket(void **state)
{
	(void)state;
	minutes(0, 4320, 4);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.pair[0], SLO_BURN_OK);
	assert_int_equal(res.pair[1], SLO_BURN_OK);
	assert_int_equal(res.pair[2], SLO_BURN_TICKET);
	assert_int_equal(res.pair[3], SLO_BURN_TICKET);
	assert_int_equal(res.state, SLO_BURN_TICKET);
}

static void factor_itself_does_not_fire(void **state)
{
	(void)state;
	minutes(0, 4320, 1);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_float_equal(res.window[6].burn, 1, 1e-9);
	/* A burn of 1 lies within rounding of the factor; one request less is below it for sure. */
	assert_int_equal(res.pair[2], SLO_BURN_OK);
}

static void half_a_window_of_data_is_needed(void **state)
{
	(void)state;
	minutes(0, 29, 90);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_true(res.window[0].sufficient);
	assert_false(res.window[2].sufficient); /* 29 of 60 minutes */
	assert_int_equal(res.pair[0], SLO_BURN_INSUFFICIENT);
	assert_int_equal(res.state, SLO_BURN_INSUFFICIENT);
	minutes(29, 1, 90);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_true(res.window[2].sufficient);
	assert_int_equal(res.state, SLO_BURN_PAGE);
}

static void too_few_requests_are_no_verdict(void **state)
{
	(void)state;
	for (int m = 0; m < 4320; m += 60) {
		for (int i = 0; i < 9; i++)
			(void)slo_burn_add(&ring, NOW_NS - m * MIN_NS, false);
	}
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.window[0].valid, 9);
	assert_false(res.window[0].sufficient);
	assert_int_equal(res.pair[0], SLO_BURN_INSUFFICIENT);
	assert_true(res.window[6].sufficient);
}

static bool is_silent(int good, int bad)
{
	setup(NULL);
	minutes(30, 30, 50);
	for (int i = 0; i < good + bad; i++)
		(void)slo_burn_add(&ring, NOW_NS, i < good);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	return slo_burn_is_silent(&cfg, &res, 0);
}

static void few_requests_are_silence_unless_all_were_good(void **state)
{
	(void)state;
	assert_true(is_silent(0, 0));
	assert_true(is_silent(0, 9));
	assert_true(is_silent(8, 1));
	assert_false(is_silent(9, 0));
	/* Enough for a verdict, whatever it is. */
	assert_false(is_silent(10, 0));
	assert_false(is_silent(0, 10));
	/* No such pair: of another configuration. */
	(void)is_silent(0, 0);
	assert_false(slo_burn_is_silent(&cfg, &res, cfg.pair_count));
}

static void empty_ring_is_insufficient(void **state)
{
	(void)state;
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_int_equal(res.state, SLO_BURN_INSUFFICIENT);
	assert_true(res.budget_remaining == 1);
	assert_int_equal(res.data_ms, 0);
	/* A time before the ring's first minute must not wrap around. */
	slo_burn_evaluate(&cfg, &ring, 3 * MIN_NS, &res);
	assert_int_equal(res.state, SLO_BURN_INSUFFICIENT);
}

static void old_buckets_give_way(void **state)
{
	(void)state;
	minutes(0, 1, 100);
	slo_burn_evaluate(&cfg, &ring, NOW_NS + 4319 * MIN_NS, &res);
	assert_int_equal(res.window[6].valid, 100);
	slo_burn_evaluate(&cfg, &ring, NOW_NS + 4320 * MIN_NS, &res);
	assert_int_equal(res.window[6].valid, 0);
	/* The slot is used again without having been cleared. */
	assert_true(slo_burn_add(&ring, NOW_NS + 4320 * MIN_NS, true));
	slo_burn_evaluate(&cfg, &ring, NOW_NS + 4320 * MIN_NS, &res);
	assert_int_equal(res.window[6].valid, 1);
	assert_int_equal(res.window[6].good, 1);
}

static void late_and_impossible_times_are_counted(void **state)
{
	(void)state;
	assert_true(slo_burn_add(&ring, NOW_NS, true));
	assert_true(slo_burn_add(&ring, NOW_NS - 4319 * MIN_NS, true));
	assert_false(slo_burn_add(&ring, NOW_NS - 4320 * MIN_NS, true));
	assert_false(slo_burn_add(&ring, 0, true));
	assert_false(slo_burn_add(&ring, -1, true));
	assert_int_equal(ring.late, 3);
}

static void order_does_not_matter(void **state)
{
	struct slo_burn_result forward;

	(void)state;
	srand(7);
	for (int i = 0; i < 20000; i++)
		(void)slo_burn_add(&ring, NOW_NS - (i % 4000) * MIN_NS, i % 13 != 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &forward);
	setup(NULL);
	for (int i = 19999; i >= 0; i--)
		(void)slo_burn_add(&ring, NOW_NS - (i % 4000) * MIN_NS, i % 13 != 0);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_memory_equal(&forward, &res, sizeof(res));
}

/* The engine against sums over a plain list of requests. */
static void windows_equal_brute_force(void **state)
{
	static int64_t at[5000];
	static bool good[5000];

	(void)state;
	srand(11);
	for (int i = 0; i < 5000; i++) {
		at[i] = NOW_NS - (int64_t)(rand() % 4319) * MIN_NS;
		good[i] = rand() % 7 != 0;
		assert_true(slo_burn_add(&ring, at[i], good[i]));
	}
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	for (int w = 0; w < 7; w++) {
		uint64_t valid = 0, fine = 0;

		for (int i = 0; i < 5000; i++) {
			if (NOW_NS - at[i] < (int64_t)standard[w] * 1000000) {
				valid++;
				fine += good[i];
			}
		}
		assert_int_equal(res.window[w].valid, valid);
		assert_int_equal(res.window[w].good, fine);
	}
}

static void unreachable_factor_is_refused(void **state)
{
	struct slo_err err = { 0 };

	(void)state;
	/* At 0.9 everything bad burns 10 times: the 14.4 alert is dead. */
	assert_int_equal(slo_burn_config_init(&cfg, 0.9, standard, 7, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "could never fire"));
	assert_int_equal(slo_burn_config_init(&cfg, 0.9305, standard, 7, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 0.9306, standard, 7, &err), 0);
	/* Without the pair of 14.4 it is fine. */
	assert_int_equal(slo_burn_config_init(&cfg, 0.9, standard + 3, 4, &err), 0);
	assert_int_equal(cfg.pair_count, 2);
}

static void windows_are_checked(void **state)
{
	const uint64_t twice[] = { 5 * MIN_MS, 5 * MIN_MS };
	const uint64_t tiny[] = { 4999 };
	const uint64_t long_one[] = { 5 * MIN_MS, 4321 * MIN_MS };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, standard, 0, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, standard, 9, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, twice, 2, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "twice"));
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, tiny, 1, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, long_one, 2, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 1, standard, 7, &err), -EINVAL);
	assert_int_equal(slo_burn_config_init(&cfg, 0, standard, 7, &err), -EINVAL);
}

static void shortened_windows_keep_their_places(void **state)
{
	/* Any order: 10 s stands for 5m, 2 min for 1h. */
	const uint64_t demo[] = { 7200000, 10000, 60000, 120000, 240000, 720000, 2880000 };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, demo, 7, &err), 0);
	assert_true(cfg.shortened);
	assert_int_equal(cfg.pair_count, 4);
	assert_int_equal(cfg.bucket_ms, 2000);
	assert_int_equal(cfg.window_ms[cfg.pair[0].long_window], 120000);
	assert_int_equal(cfg.window_ms[cfg.pair[0].short_window], 10000);
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, standard, 7, &err), 0);
	assert_false(cfg.shortened);
	assert_int_equal(cfg.bucket_ms, SLO_BURN_BUCKET_MS);
}

static void windows_that_make_no_alert_are_refused_of_an_objective(void **state)
{
	const uint64_t none[] = { MIN_MS, 5 * MIN_MS, 30 * MIN_MS };
	const uint64_t pair[] = { 5 * MIN_MS, 60 * MIN_MS };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_burn_alert_config_init(&cfg, 0.99, none, 3, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "no two of them make an alert"));
	assert_non_null(strstr(err.msg, "1d, 3d)"));
	assert_int_equal(slo_burn_alert_config_init(&cfg, 0.5, pair, 2, &err), -EINVAL);
	assert_int_equal(slo_burn_alert_config_init(&cfg, 0.99, pair, 2, &err), 0);
	assert_int_equal(cfg.pair_count, 1);
	/* Burn rates alone are told of any windows. */
	assert_int_equal(slo_burn_config_init(&cfg, 0.99, none, 3, &err), 0);
}

static void ring_is_found_again(void **state)
{
	struct slo_burn_result before;

	(void)state;
	minutes(0, 100, 3);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &before);
	slo_burn_ring_init(&ring, buckets, MIN_MS);
	slo_burn_evaluate(&cfg, &ring, NOW_NS, &res);
	assert_memory_equal(&before, &res, sizeof(res));
	assert_false(slo_burn_add(&ring, NOW_NS - 4320 * MIN_NS, true));
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(slo_burn_state_name(SLO_BURN_INSUFFICIENT), "insufficient_data");
	for (int i = 0; i < SLO_BURN_STATE_MAX_; i++)
		assert_true(strlen(slo_burn_state_name((enum slo_burn_state)i)) > 0);
}

/* The bad minutes of the last @count, however the clock is set. */
static uint64_t bad_in_an_hour(int64_t now_ns)
{
	slo_burn_evaluate(&cfg, &ring, now_ns, &res);
	return res.window[2].valid - res.window[2].good;
}

static void counts_keep_their_age_when_the_clock_is_set(void **state)
{
	static const int64_t steps[] = {
		60, -60, 61, -4320, 4320, 4321, -4319, 100000, -100000, 0
	};

	(void)state;
	minutes(70, 10, 100); /* an hour ago it was bad */
	minutes(2, 3, 50);
	minutes(0, 2, 0);
	assert_int_equal(bad_in_an_hour(NOW_NS), 150);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int64_t now = NOW_NS + steps[i] * MIN_NS;

		assert_int_equal(slo_burn_ring_follow(&ring, steps[i] * 60000, now), 0);
		assert_int_equal(bad_in_an_hour(now), 150);
		assert_int_equal(res.data_ms, 80 * MIN_MS);
		assert_true(slo_burn_add(&ring, now, true));
		for (size_t b = 0; b < SLO_BURN_BUCKETS; b++) {
			assert_true(slo_burn_bucket_is_sound(&buckets[b]));
			assert_true(!buckets[b].period ||
			            buckets[b].period % SLO_BURN_BUCKETS == b);
		}
		slo_burn_ring_follow(&ring, -steps[i] * 60000, NOW_NS);
	}
	assert_int_equal(ring.late, 0);
}

static void buckets_of_the_future_are_emptied(void **state)
{
	(void)state;
	minutes(-3000, 5, 100);
	minutes(0, 5, 0);
	/* Two days ahead, and then the clock was set right while no agent ran. */
	slo_burn_ring_init(&ring, buckets, MIN_MS);
	assert_int_equal(slo_burn_ring_follow(&ring, 0, NOW_NS + MIN_NS), 500);
	assert_int_equal(ring.newest, NOW_NS / MIN_NS);
	assert_true(slo_burn_add(&ring, NOW_NS - 1400 * MIN_NS, true));
	slo_burn_evaluate(&cfg, &ring, NOW_NS + 3000 * MIN_NS, &res);
	assert_int_equal(res.window[0].valid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_good_burns_nothing, setup),
		cmocka_unit_test_setup(burn_is_bad_share_over_budget, setup),
		cmocka_unit_test_setup(both_windows_fast_page, setup),
		cmocka_unit_test_setup(slow_burn_is_a_ticket, setup),
		cmocka_unit_test_setup(factor_itself_does_not_fire, setup),
		cmocka_unit_test_setup(half_a_window_of_data_is_needed, setup),
		cmocka_unit_test_setup(too_few_requests_are_no_verdict, setup),
		cmocka_unit_test_setup(few_requests_are_silence_unless_all_were_good, setup),
		cmocka_unit_test_setup(empty_ring_is_insufficient, setup),
		cmocka_unit_test_setup(old_buckets_give_way, setup),
		cmocka_unit_test_setup(late_and_impossible_times_are_counted, setup),
		cmocka_unit_test_setup(order_does_not_matter, setup),
		cmocka_unit_test_setup(windows_equal_brute_force, setup),
		cmocka_unit_test_setup(unreachable_factor_is_refused, setup),
		cmocka_unit_test_setup(windows_are_checked, setup),
		cmocka_unit_test_setup(shortened_windows_keep_their_places, setup),
		cmocka_unit_test_setup(windows_that_make_no_alert_are_refused_of_an_objective,
		                       setup),
		cmocka_unit_test_setup(ring_is_found_again, setup),
		cmocka_unit_test_setup(states_have_names, setup),
		cmocka_unit_test_setup(counts_keep_their_age_when_the_clock_is_set, setup),
		cmocka_unit_test_setup(buckets_of_the_future_are_emptied, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
