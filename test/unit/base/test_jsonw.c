/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/jsonw.h"
#include "test/random.h"

static char text[4096];

static const char *printed_double(double v)
{
	struct slo_jsonw w;

	slo_jsonw_init(&w, text, sizeof(text));
	slo_jsonw_double(&w, v);
	assert_true(slo_jsonw_finish(&w) > 0);
	return text;
}

static const char *printed_decimal(int64_t v, unsigned int decimals)
{
	struct slo_jsonw w;

	slo_jsonw_init(&w, text, sizeof(text));
	slo_jsonw_decimal(&w, v, decimals);
	assert_true(slo_jsonw_finish(&w) > 0);
	return text;
}

static const char *printed_string(const char *s, size_t n)
{
	struct slo_jsonw w;

	slo_jsonw_init(&w, text, sizeof(text));
	slo_jsonw_strn(&w, s, n);
	assert_true(slo_jsonw_finish(&w) > 0);
	return text;
}

static void write_sample(struct slo_jsonw *w)
{
	slo_jsonw_object_begin(w);
	slo_jsonw_key(w, "a");
	slo_jsonw_u64(w, UINT64_MAX);
	slo_jsonw_key(w, "b");
	slo_jsonw_array_begin(w);
	slo_jsonw_i64(w, INT64_MIN);
	slo_jsonw_bool(w, true);
	slo_jsonw_bool(w, false);
	slo_jsonw_null(w);
	slo_jsonw_object_begin(w);
	slo_jsonw_object_end(w);
	slo_jsonw_array_begin(w);
	slo_jsonw_array_end(w);
	slo_jsonw_array_end(w);
	slo_jsonw_key_escaped(w, "q\"\n");
	slo_jsonw_str(w, "x");
	slo_jsonw_key(w, "p");
	slo_jsonw_plain(w, "plain", 5);
	slo_jsonw_object_end(w);
}

static const char sample[] =
	"{\"a\":18446744073709551615,\"b\":[-9223372036854775808,true,false,null,"
	"{},[]],\"q\\\"\\n\":\"x\",\"p\":\"plain\"}";

static void nested_values_get_their_commas(void **state)
{
	struct slo_jsonw w;

	(void)state;
	slo_jsonw_init(&w, text, sizeof(text));
	write_sample(&w);
	assert_int_equal(slo_jsonw_finish(&w), sizeof(sample) - 1);
	assert_string_equal(text, sample);
}

static void any_short_buffer_is_told_and_never_overrun(void **state)
{
	struct slo_jsonw w;

	(void)state;
	for (size_t size = 0; size <= sizeof(sample) + 1; size++) {
		char *buf = size ? malloc(size) : NULL; /* exact, so that ASan sees an overrun */

		slo_jsonw_init(&w, buf, size);
		write_sample(&w);
		assert_int_equal(w.len, sizeof(sample) - 1);
		if (size < sizeof(sample)) {
			assert_int_equal(slo_jsonw_finish(&w), -ENOSPC);
			assert_true(w.overflow);
		} else {
			assert_int_equal(slo_jsonw_finish(&w), sizeof(sample) - 1);
			assert_string_equal(buf, sample);
		}
		free(buf);
	}
}

static void strings_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(printed_string("", 0), "\"\"");
	assert_string_equal(printed_string("a\"b\\c/", 6), "\"a\\\"b\\\\c/\"");
	assert_string_equal(printed_string("\b\f\n\r\t", 5), "\"\\b\\f\\n\\r\\t\"");
	assert_string_equal(printed_string("\0\001\x1f\x7f", 4), "\"\\u0000\\u0001\\u001f\x7f\"");
	assert_string_equal(printed_string("12345678\"abcdefg\n", 17),
	                    "\"12345678\\\"abcdefg\\n\"");
}

static void invalid_utf8_becomes_the_replacement_character(void **state)
{
	static const struct {
		const char *in;
		size_t replaced; /* bytes; 0: kept */
	} cases[] = {
		{ "\xc3\xa9", 0 }, /* U+00E9 */
		{ "\xe2\x82\xac", 0 }, /* U+20AC */
		{ "\xf0\x9f\x98\x80", 0 }, /* U+1F600 */
		{ "\xf4\x8f\xbf\xbf", 0 }, /* U+10FFFF */
		{ "\xed\x9f\xbf", 0 }, /* U+D7FF */
		{ "\x80", 1 }, /* continuation alone */
		{ "\xc0\xaf", 2 }, /* overlong */
		{ "\xe0\x9f\xbf", 3 }, /* overlong */
		{ "\xf0\x8f\xbf\xbf", 4 }, /* overlong */
		{ "\xed\xa0\x80", 3 }, /* surrogate */
		{ "\xf4\x90\x80\x80", 4 }, /* past U+10FFFF */
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xe2\x82", 2 }, /* cut */
		{ "\xff\xfe", 2 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		char want[64] = "\"";

		for (size_t n = 0; n < cases[i].replaced; n++)
			memcpy(want + 1 + 3 * n, "\xef\xbf\xbd", 4);
		if (!cases[i].replaced)
			memcpy(want + 1, cases[i].in, strlen(cases[i].in) + 1);
		want[strlen(want) + 1] = '\0';
		want[strlen(want)] = '"';
		assert_string_equal(printed_string(cases[i].in, strlen(cases[i].in)), want);
	}
}

static void every_pair_of_bytes_gives_json(void **state)
{
	(void)state;
	for (unsigned int pair = 0; pair < 65536; pair++) {
		const char in[] = { 'x', (char)(pair >> 8), (char)(pair & 255), 'y' };
		json_t *v;

		(void)printed_string(in, sizeof(in));
		v = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(v);
		json_decref(v);
	}
}

/* The word-wise search must agree with the byte-wise one wherever the special byte stands. */
static void special_byte_is_found_at_every_place(void **state)
{
	static const unsigned char special[] = { '"', '\\', 0x00, 0x1f, 0x80, 0xff };

	(void)state;
	for (size_t n = 1; n < 26; n++) {
		for (size_t at = 0; at < n; at++) {
			for (size_t i = 0; i < sizeof(special); i++) {
				char in[26];

				memset(in, i % 2 ? '!' : '~', sizeof(in));
				in[at] = (char)special[i];
				(void)printed_string(in, n);
				assert_true(strlen(text) > n + 2);
				assert_memory_equal(text + 1, in, at);
				assert_memory_equal(text + strlen(text) - (n - at), in + at + 1,
				                    n - at - 1);
			}
		}
	}
}

static void decimals_are_exact_and_short(void **state)
{
	(void)state;
	assert_string_equal(printed_decimal(12500000, 6), "12.5");
	assert_string_equal(printed_decimal(12000000, 6), "12");
	assert_string_equal(printed_decimal(1, 6), "0.000001");
	assert_string_equal(printed_decimal(-1, 6), "-0.000001");
	assert_string_equal(printed_decimal(0, 6), "0");
	assert_string_equal(printed_decimal(10, 1), "1");
	assert_string_equal(printed_decimal(-105, 1), "-10.5");
	assert_string_equal(printed_decimal(1234567, 3), "1234.567");
	assert_string_equal(printed_decimal(42, 0), "42");
	assert_string_equal(printed_decimal(INT64_MAX, 18), "9.223372036854775807");
	assert_string_equal(printed_decimal(INT64_MIN, 18), "-9.223372036854775808");
	assert_string_equal(printed_decimal(INT64_MIN, 0), "-9223372036854775808");
}

static void doubles_are_short(void **state)
{
	(void)state;
	assert_string_equal(printed_double(0), "0");
	assert_string_equal(printed_double(-0.0), "-0.0");
	assert_string_equal(printed_double(0.1), "0.1");
	assert_string_equal(printed_double(-2.5), "-2.5");
	assert_string_equal(printed_double(1e6), "1000000");
	assert_string_equal(printed_double(0.30000000000000004), "0.30000000000000004");
	assert_string_equal(printed_double(NAN), "null");
	assert_string_equal(printed_double(INFINITY), "null");
	assert_string_equal(printed_double(-INFINITY), "null");
}

static void check_double(double v)
{
	json_t *read;

	(void)printed_double(v);
	read = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(read);
	assert_true(json_number_value(read) == v);
	json_decref(read);
}

static void doubles_read_back_the_same(void **state)
{
	static const double edges[] = { 5e-324, 1.7976931348623157e308, 0x1p53, 0x1p53 + 2,
		                        1e-7,   9007199254.740993,      1e22,   -1e-300 };
	uint64_t x = TEST_RANDOM_SEED;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(edges); i++)
		check_double(edges[i]);
	for (int i = 0; i < 20000; i++) {
		double v;

		(void)test_random(&x);
		memcpy(&v, &x, sizeof(v));
		if (isfinite(v))
			check_double(v);
		check_double((double)(x % 1000000000) / 1e4);
	}
}

static void locale_does_not_change_numbers(void **state)
{
	static const char *const with_comma[] = { "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8" };
	const char *set = NULL;

	(void)state;
	for (size_t i = 0; !set && i < SLO_ARRAY_SIZE(with_comma); i++)
		set = setlocale(LC_NUMERIC, with_comma[i]);
	if (!set)
		skip();
	assert_string_equal(printed_double(1.0 / 3), "0.3333333333333333");
	assert_non_null(setlocale(LC_NUMERIC, "C"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_values_get_their_commas),
		cmocka_unit_test(any_short_buffer_is_told_and_never_overrun),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(invalid_utf8_becomes_the_replacement_character),
		cmocka_unit_test(every_pair_of_bytes_gives_json),
		cmocka_unit_test(special_byte_is_found_at_every_place),
		cmocka_unit_test(decimals_are_exact_and_short),
		cmocka_unit_test(doubles_are_short),
		cmocka_unit_test(doubles_read_back_the_same),
		cmocka_unit_test(locale_does_not_change_numbers),
	};

	return cmocka_run_group_tests_name("jsonw", tests, NULL, NULL);
}
