/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/codec/record_time.h"

#define SEC INT64_C(1000000000)

static int64_t parse(const char *text)
{
	struct slo_err err = { 0 };
	int64_t ns = 0;

	if (slo_record_time_parse(text, &ns, &err) < 0)
		fail_msg("%s", err.msg);
	return ns;
}

static void known_times_are_read(void **state)
{
	(void)state;
	assert_true(parse("1970-01-01T00:00:00Z") == 0);
	assert_true(parse("2026-02-18T00:00:00Z") == 1771372800 * SEC);
	assert_true(parse("2026-02-18T00:00:00.050Z") == 1771372800 * SEC + 50000000);
	assert_true(parse("2026-02-18T02:30:00+02:30") == 1771372800 * SEC);
	assert_true(parse("2026-02-17t19:00:00.123456789987-05:00") ==
	            1771372800 * SEC + 123456789);
	assert_true(parse("1969-12-31T23:59:59.5Z") == -SEC / 2);
	/* The leap second before 2017. */
	assert_true(parse("2016-12-31T23:59:60z") == 1483228800 * SEC);
	assert_true(parse("2000-02-29T00:00:00Z") == 951782400 * SEC);
}

static void zero_time_of_go_is_zero(void **state)
{
	(void)state;
	assert_true(parse("0001-01-01T00:00:00Z") == 0);
}

static void every_day_agrees_with_the_c_library(void **state)
{
	char buf[SLO_RECORD_TIME_SIZE];

	(void)state;
	for (int64_t s = -9214560000; s < 9214560000; s += 86400 - 7) {
		time_t t = (time_t)s;
		struct tm tm;
		char text[40];

		(void)gmtime_r(&t, &tm);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_true(parse(text) == s * SEC);
		assert_string_equal(slo_record_time_print(s * SEC, buf), text);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-02-18",
		"2026-02-18 00:00:00Z",
		"2026-02-18T00:00:00",
		"2026-02-18T00:00:00.Z",
		"2026-02-18T00:00:00Zx",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:61Z",
		"2026-01-01T00:00:60Z",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+0100",
		"26-01-01T00:00:00Z",
		"1771372800",
		"0000-01-01T00:00:00Z",
		"+026-01-01T00:00:00Z",
	};
	struct slo_err err = { 0 };
	int64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		if (slo_record_time_parse(bad[i], &ns, &err) != -EINVAL)
			fail_msg("%s", bad[i]);
	}
	assert_int_equal(slo_record_time_parse("1677-12-31T00:00:00Z", &ns, &err), -ERANGE);
	assert_int_equal(slo_record_time_parse("2262-01-01T00:00:00Z", &ns, &err), -ERANGE);
	assert_true(ns == 7);
}

static void fraction_is_printed_without_trailing_zeros(void **state)
{
	char buf[SLO_RECORD_TIME_SIZE];

	(void)state;
	assert_string_equal(slo_record_time_print(1771372800 * SEC, buf), "2026-02-18T00:00:00Z");
	assert_string_equal(slo_record_time_print(1771372800 * SEC + 50000000, buf),
	                    "2026-02-18T00:00:00.05Z");
	assert_string_equal(slo_record_time_print(1, buf), "1970-01-01T00:00:00.000000001Z");
	assert_string_equal(slo_record_time_print(-1, buf), "1969-12-31T23:59:59.999999999Z");
	assert_string_equal(slo_record_time_print(INT64_MAX, buf),
	                    "2262-04-11T23:47:16.854775807Z");
	assert_string_equal(slo_record_time_print(INT64_MIN, buf),
	                    "1677-09-21T00:12:43.145224192Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_times_are_read),
		cmocka_unit_test(zero_time_of_go_is_zero),
		cmocka_unit_test(every_day_agrees_with_the_c_library),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(fraction_is_printed_without_trailing_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
