/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/signal.h"

static void every_row_is_filled(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)i);

		assert_non_null(d->name);
		assert_non_null(d->help);
		assert_true(d->warn <= d->crit);
		assert_non_null(slo_unit_name(d->unit));
	}
}

/* What is measured one by one has a histogram, with the thresholds among its bounds. */
static void thresholds_are_bounds(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)i);
		unsigned int found = 0;

		assert_int_equal(d->buckets != NULL, d->unit == SLO_UNIT_MS && !d->counted);
		assert_true(d->bucket_count <= SLO_SIG_BUCKETS_MAX);
		for (size_t b = 0; b < d->bucket_count; b++) {
			assert_true(b == 0 || d->buckets[b] > d->buckets[b - 1]);
			found += d->buckets[b] == d->warn || d->buckets[b] == d->crit;
		}
		assert_int_equal(found, d->buckets ? 2 : 0);
	}
}

static void name_round_trips(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		enum slo_signal sig = SLO_SIG_MAX_;

		assert_int_equal(
			slo_signal_from_name(slo_signal_desc((enum slo_signal)i)->name, &sig), 0);
		assert_int_equal(sig, i);
	}
}

static void unknown_name_leaves_result(void **state)
{
	static const char *const bad[] = { "", "dns", "DNS_LATENCY_MS", "dns_latency_ms " };
	enum slo_signal sig = SLO_SIG_RUNQUEUE_DELAY;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		assert_int_equal(slo_signal_from_name(bad[i], &sig), -ENOENT);
		assert_int_equal(sig, SLO_SIG_RUNQUEUE_DELAY);
	}
}

static void units_follow_the_name(void **state)
{
	static const char *const suffix[] = { "_ms", "_total", "_pct" };

	(void)state;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)i);
		size_t n = strlen(d->name), s = strlen(suffix[d->unit]);

		assert_true(n > s);
		assert_string_equal(d->name + n - s, suffix[d->unit]);
	}
}

/* Thresholds of the contract, at and just below the bound. */
static void thresholds_include_their_bound(void **state)
{
	(void)state;
	assert_int_equal(slo_signal_status(SLO_SIG_DNS_LATENCY, 39.999), SLO_STATUS_OK);
	assert_int_equal(slo_signal_status(SLO_SIG_DNS_LATENCY, 40), SLO_STATUS_WARNING);
	assert_int_equal(slo_signal_status(SLO_SIG_DNS_LATENCY, 119.999), SLO_STATUS_WARNING);
	assert_int_equal(slo_signal_status(SLO_SIG_DNS_LATENCY, 120), SLO_STATUS_ERROR);
	assert_int_equal(slo_signal_status(SLO_SIG_CONNECT_ERRORS, 0), SLO_STATUS_OK);
	assert_int_equal(slo_signal_status(SLO_SIG_CONNECT_ERRORS, 1), SLO_STATUS_WARNING);
	assert_int_equal(slo_signal_status(SLO_SIG_CONNECT_ERRORS, 3), SLO_STATUS_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_filled),
		cmocka_unit_test(thresholds_are_bounds),
		cmocka_unit_test(name_round_trips),
		cmocka_unit_test(unknown_name_leaves_result),
		cmocka_unit_test(units_follow_the_name),
		cmocka_unit_test(thresholds_include_their_bound),
	};

	return cmocka_run_group_tests_name("signal", tests, NULL, NULL);
}
