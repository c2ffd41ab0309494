/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/clock.h"

static void monotonic_never_goes_back(void **state)
{
	uint64_t last = slo_clock_monotonic_ns();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t now = slo_clock_monotonic_ns();

		assert_true(now >= last);
		last = now;
	}
}

/*
 * The sum lies between two readings of the realtime clock, give or take what slewing does in
 * between.
 */
static void offset_leads_from_monotonic_to_realtime(void **state)
{
	const uint64_t slack = SLO_NS_PER_MS;
	uint64_t before = slo_clock_realtime_ns();
	uint64_t sum = slo_clock_realtime_offset_ns() + slo_clock_monotonic_ns();
	uint64_t after = slo_clock_realtime_ns();

	(void)state;
	assert_true(sum + slack >= before);
	assert_true(sum <= after + slack);
}

static void a_clock_that_was_set_is_followed(void **state)
{
	const uint64_t hour = 3600 * SLO_NS_PER_SEC, slack = 5 * SLO_NS_PER_MS;
	uint64_t offset = slo_clock_realtime_offset_ns(), kept = offset;
	int64_t step = slo_clock_follow_realtime(&offset);

	(void)state;
	/* A preemption may show as a step of its length at most. */
	assert_true(step < (int64_t)slack && step > -(int64_t)slack);
	offset = kept - hour;
	step = slo_clock_follow_realtime(&offset);
	assert_in_range(step, hour - slack, hour + slack);
	assert_in_range(offset, kept - slack, kept + slack);
	offset = kept + hour;
	step = slo_clock_follow_realtime(&offset);
	assert_in_range(-step, hour - slack, hour + slack);
	assert_in_range(offset, kept - slack, kept + slack);
}

static void rfc3339_agrees_with_strftime(void **state)
{
	static const uint64_t times[] = {
		0,
		999999,
		1000000,
		UINT64_C(951782399999000000),
		UINT64_C(951782400000000000),
		UINT64_C(1760000000123456789),
		INT64_MAX,
		UINT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		time_t seconds = (time_t)(times[i] / SLO_NS_PER_SEC);
		char got[SLO_CLOCK_RFC3339_SIZE];
		char date[32];
		char want[64];
		struct tm tm;

		assert_non_null(gmtime_r(&seconds, &tm));
		assert_true(strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) > 0);
		(void)snprintf(want, sizeof(want), "%s.%03uZ", date,
		               (unsigned int)(times[i] / SLO_NS_PER_MS % 1000));
		assert_string_equal(slo_clock_rfc3339(times[i], got), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_never_goes_back),
		cmocka_unit_test(offset_leads_from_monotonic_to_realtime),
		cmocka_unit_test(a_clock_that_was_set_is_followed),
		cmocka_unit_test(rfc3339_agrees_with_strftime),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
