/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers against the C library's own strtod(), bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/decimal.h"
#include "test/random.h"

/* The static build's strtod() may be ours. */
#ifdef SLO_WRAP_STRTOD
double __real_strtod(const char *s, char **end);
#define truth_of __real_strtod
#else
#define truth_of strtod
#endif

static uint64_t state_ = TEST_RANDOM_SEED;

static uint64_t rnd(uint64_t n)
{
	return test_random_below(&state_, n);
}

/* Whether it was read; then it is right. */
static bool check(const char *s)
{
	char *end = NULL, *truth_end = NULL, *any;
	double v = 0, truth = truth_of(s, &truth_end), all;
	bool done = slo_decimal_read(s, &v, &end);

	if (done) {
		assert_memory_equal(&v, &truth, sizeof(v));
		assert_ptr_equal(end, truth_end);
	}
	/* Whichever way it goes, callers see what the library says. */
	all = strtod(s, &any);
	assert_memory_equal(&all, &truth, sizeof(all));
	assert_ptr_equal(any, truth_end);
	return done;
}

static void numbers_of_records_are_read_as_the_library_reads_them(void **state)
{
	static const char *const usual[] = {
		"0",          "-0",
		"1",          "5.0",
		"140.5",      "0.1",
		"-0.25",      "1e5",
		"2E-3",       "123.456",
		"1.5e+2,x",   "12.5}",
		"0.000001",   "9007199254740992",
		"1.e3",       "7e",
		"7e+",        "3-4",
		"999999.999", "1e22",
		"1e-22",      "0.0e0",
		"00.5",       "4.",
		"4.]",        "1718000000",
		"0.9999999",  "100e20",
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(usual); i++)
		assert_true(check(usual[i]));
}

static void what_is_not_exact_or_no_number_is_left_to_the_library(void **state)
{
	static const char *const others[] = {
		"",
		"-",
		" 1",
		"+1",
		".5",
		"x",
		"inf",
		"-nan",
		"0x10",
		"-0X1p3",
		"1e23",
		"1e-23",
		"1e999",
		"1e-400",
		"9007199254740993",
		"0.1234567890123456789",
		"179769313486231570000000000000000000000",
		"4.9406564584124654e-324",
		"e5",
		"-.1",
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(others); i++)
		assert_false(check(others[i]));
}

static void random_numbers_agree_bit_by_bit(void **state)
{
	unsigned int done = 0;
	char s[64];

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t digits = rnd(17), v = state_ >> 10;

		for (; digits < 16; digits++)
			v /= 10;
		if (rnd(2))
			(void)snprintf(s, sizeof(s), "%s%llu.%0*llu", rnd(2) ? "-" : "",
			               (unsigned long long)(v / 1000), (int)(1 + rnd(6)),
			               (unsigned long long)(v % 1000));
		else
			(void)snprintf(s, sizeof(s), "%llue%d", (unsigned long long)v,
			               (int)rnd(60) - 30);
		done += check(s);
	}
	assert_true(done > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_records_are_read_as_the_library_reads_them),
		cmocka_unit_test(what_is_not_exact_or_no_number_is_left_to_the_library),
		cmocka_unit_test(random_numbers_agree_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
