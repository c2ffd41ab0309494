/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"

/* musl 1.2 and glibc before 2.35 do not name it. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

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

/*
 * What a suspend of @seconds leaves: a CLOCK_MONOTONIC that is behind, all others right. False where the kernel has no
 * time namespaces (5.6) or this process may not make one.
 */
static bool enter_suspended(int seconds)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "monotonic -%d 0\nboottime 0 0\n", seconds);
	int offsets = -1, next = -1;
	bool done = unshare(CLONE_NEWTIME) == 0;

	if (done)
		offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
	done = offsets >= 0 && write(offsets, text, (size_t)len) == len;
	if (done)
		next = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	done = next >= 0 && setns(next, CLONE_NEWTIME) == 0;
	(void)close(offsets);
	(void)close(next);
	return done;
}

static void a_suspend_is_no_clock_that_was_set(void **state)
{
	const int64_t slack = 5 * (int64_t)SLO_NS_PER_MS, minute = 60 * (int64_t)SLO_NS_PER_SEC;
	uint64_t of_monotonic = slo_clock_realtime_offset_ns(), of_boottime = 0;
	int64_t step;

	(void)state;
	assert_int_equal(slo_clock_follow_set(&of_boottime), 0);
	if (slo_clock_monotonic_ns() < 2 * (uint64_t)minute || !enter_suspended(60)) {
		print_message("no time namespace can be made here: %s\n", strerror(errno));
		skip();
	}
	step = slo_clock_follow_realtime(&of_monotonic);
	assert_true(step > minute - slack && step < minute + slack);
	step = slo_clock_follow_set(&of_boottime);
	assert_true(step > -slack && step < slack);
	of_boottime += 3600 * SLO_NS_PER_SEC;
	step = slo_clock_follow_set(&of_boottime);
	assert_true(step < -59 * minute && step > -61 * minute);
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
		/* The last: its clock is another one afterwards. */
		cmocka_unit_test(a_suspend_is_no_clock_that_was_set),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
