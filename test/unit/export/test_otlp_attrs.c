/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_attrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

static void test_bytes_are_those_of_protobuf_c(void **state)
{
	static const int64_t numbers[] = { 0, 1, 127, 128, -1, INT64_MAX, INT64_MIN };
	static struct slo_otlp_attr_list l;
	static struct slo_otlp_attr_sizes sizes;
	static char text[300];
	uint8_t ours[4096], theirs[4096];
	SloProto__KeyValueList all = SLO_PROTO__KEY_VALUE_LIST__INIT;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	slo_otlp_attr_list_init(&l);
	slo_otlp_attr_sizes(&l, &sizes);
	assert_int_equal(sizes.all, 0);
	slo_otlp_attr_str(&l, "empty", "");
	slo_otlp_attr_str(&l, "short", "s");
	slo_otlp_attr_str(&l, "long", text);
	slo_otlp_attr_bool(&l, "no", false);
	slo_otlp_attr_bool(&l, "yes", true);
	slo_otlp_attr_double(&l, "double", -0.125);
	slo_otlp_attr_double(&l, "zero", 0);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		slo_otlp_attr_i64(&l, "number", numbers[i]);
	all.n_values = l.count;
	all.values = l.row;
	slo_otlp_attr_sizes(&l, &sizes);
	assert_int_equal(sizes.all, slo_proto__key_value_list__pack(&all, theirs));
	assert_ptr_equal(slo_otlp_attr_write(&l, 1, &sizes, ours), ours + sizes.all);
	assert_memory_equal(ours, theirs, sizes.all);
}

/* A fuzzer's find: what comes behind a NUL is no part of a name that is skipped, nor is there anything to read. */
static void test_key_with_a_nul(void **state)
{
	static const char json[] = "{\"a\0bcdefghijklmnopqrstuvwxyz\":1,\"c\":2}";
	char *name = strdup("a"); /* so that the sanitizer sees where it ends */
	const char *const skip[] = { name, NULL };
	static struct slo_otlp_attr_list l;

	(void)state;
	slo_otlp_attr_list_init(&l);
	assert_int_equal(slo_otlp_attr_json(&l, json, sizeof(json) - 1, skip), 0);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.pair[0].key, "c");
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_to_the_last_byte),
		cmocka_unit_test(test_full_list_counts_what_it_drops),
		cmocka_unit_test(test_bytes_that_are_not_utf8),
		cmocka_unit_test(test_bytes_are_those_of_protobuf_c),
		cmocka_unit_test(test_key_with_a_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
