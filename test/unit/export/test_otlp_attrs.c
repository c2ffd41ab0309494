/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_attrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_text_to_the_last_byte(void **state)
{
	static struct slo_otlp_attr_list l;
	static char text[SLO_OTLP_ATTR_TEXT_BYTES];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t left = 0; left < 4; left++) {
		slo_otlp_attr_list_init(&l);
		assert_string_equal(slo_otlp_attr_text(&l, text, sizeof(text)), "");
		assert_int_equal(strlen(slo_otlp_attr_text(&l, text, sizeof(text) - 1 - left)),
		                 sizeof(text) - 1 - left);
		for (size_t n = left; n < 8; n++)
			assert_string_equal(slo_otlp_attr_text(&l, text, n), "");
		assert_true(l.text_len <= sizeof(l.text));
	}
}

static void test_full_list_counts_what_it_drops(void **state)
{
	static struct slo_otlp_attr_list l;
	static char text[SLO_OTLP_ATTR_TEXT_BYTES - 1];

	(void)state;
	slo_otlp_attr_list_init(&l);
	memset(text, 'x', sizeof(text) - 1);
	slo_otlp_attr_str(&l, "all", text);
	slo_otlp_attr_str(&l, "more", "y");
	assert_int_equal(l.count, 1);
	assert_int_equal(l.dropped, 1);
	for (size_t i = 1; i < SLO_OTLP_ATTR_LIST_MAX + 2; i++)
		slo_otlp_attr_i64(&l, "n", (int64_t)i);
	assert_int_equal(l.count, SLO_OTLP_ATTR_LIST_MAX);
	assert_int_equal(l.dropped, 3);
}

static void test_bytes_that_are_not_utf8(void **state)
{
	static struct slo_otlp_attr_list l;

	(void)state;
	slo_otlp_attr_list_init(&l);
	assert_string_equal(slo_otlp_attr_text(&l, "a\xff\0b", 4), "a\xef\xbf\xbd\xef\xbf\xbd"
	                                                           "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_to_the_last_byte),
		cmocka_unit_test(test_full_list_counts_what_it_drops),
		cmocka_unit_test(test_bytes_that_are_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
