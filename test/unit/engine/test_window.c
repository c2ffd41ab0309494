/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/engine/window.h"

#define SECOND SLO_NS_PER_SEC

static struct slo_probe_event retransmits(uint64_t second, uint64_t n, uint8_t remote)
{
	struct slo_probe_event ev = {
		.signal = SLO_SIG_TCP_RETRANSMITS,
		.kind = SLO_EV_COUNT,
		.start_ns = second * SECOND,
		.interval_ns = SECOND,
		.count = n,
		.tuple = { .family = 4, .daddr = { 10, 0, 0, remote } },
	};

	return ev;
}

static enum slo_status add(struct slo_windows *w, uint64_t second, uint64_t n, uint8_t remote)
{
	struct slo_probe_event ev = retransmits(second, n, remote);

	return slo_windows_status(w, &ev);
}

/* Thresholds 2 and 5 per 10 s: one a second is a warning at the second, an error at the fifth. */
static void counts_add_up_over_ten_seconds(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;

	(void)state;
	assert_int_equal(slo_windows_new(&w, 8, NULL), 0);
	assert_int_equal(add(w, 100, 1, 1), SLO_STATUS_OK);
	assert_int_equal(add(w, 101, 1, 1), SLO_STATUS_WARNING);
	assert_int_equal(add(w, 102, 1, 1), SLO_STATUS_WARNING);
	assert_int_equal(add(w, 103, 1, 1), SLO_STATUS_WARNING);
	assert_int_equal(add(w, 104, 1, 1), SLO_STATUS_ERROR);
}

static void old_counts_leave_the_window(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;

	(void)state;
	assert_int_equal(slo_windows_new(&w, 8, NULL), 0);
	assert_int_equal(add(w, 100, 4, 1), SLO_STATUS_WARNING);
	assert_int_equal(add(w, 109, 1, 1), SLO_STATUS_ERROR);
	assert_int_equal(add(w, 110, 1, 1), SLO_STATUS_WARNING);
	assert_int_equal(add(w, 200, 1, 1), SLO_STATUS_OK);
}

static void remotes_are_judged_apart(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;

	(void)state;
	assert_int_equal(slo_windows_new(&w, 8, NULL), 0);
	for (uint8_t remote = 1; remote < 6; remote++)
		assert_int_equal(add(w, 100, 1, remote), SLO_STATUS_OK);
}

static void percentages_are_means(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;
	struct slo_probe_event ev = { .signal = SLO_SIG_CPU_STEAL,
		                      .kind = SLO_EV_GAUGE,
		                      .interval_ns = SECOND };

	(void)state;
	assert_int_equal(slo_windows_new(&w, 8, NULL), 0);
	for (uint64_t i = 0; i < 9; i++) {
		ev.start_ns = (100 + i) * SECOND;
		assert_int_equal(slo_windows_status(w, &ev), SLO_STATUS_OK);
	}
	/* 30 % for one second of ten is 3 % of the window. */
	ev.start_ns = 109 * SECOND;
	ev.gauge = 30;
	assert_int_equal(slo_windows_status(w, &ev), SLO_STATUS_WARNING);
}

static void single_latencies_are_judged_alone(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                      .kind = SLO_EV_SAMPLE,
		                      .value_ns = 41 * SLO_NS_PER_MS };

	(void)state;
	assert_int_equal(slo_windows_new(&w, 8, NULL), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(slo_windows_status(w, &ev), SLO_STATUS_WARNING);
}

static void full_table_counts_and_judges_alone(void **state)
{
	slo_windows_auto struct slo_windows *w = NULL;

	(void)state;
	assert_int_equal(slo_windows_new(&w, 2, NULL), 0);
	for (uint8_t remote = 0; remote < 200; remote++)
		assert_int_equal(add(w, 100, 2, remote), SLO_STATUS_WARNING);
	assert_true(slo_windows_dropped(w) > 0);
	slo_windows_expire(w, 200 * SECOND);
	assert_int_equal(add(w, 200, 1, 77), SLO_STATUS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_add_up_over_ten_seconds),
		cmocka_unit_test(old_counts_leave_the_window),
		cmocka_unit_test(remotes_are_judged_apart),
		cmocka_unit_test(percentages_are_means),
		cmocka_unit_test(single_latencies_are_judged_alone),
		cmocka_unit_test(full_table_counts_and_judges_alone),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
