/* SPDX-License-Identifier: Apache-2.0 */
#include <common.pb-c.h>
#include <resource.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/export/otlp_pairs.h"

static struct slo_otlp_pairs p;

/* To the last byte, and not beyond: what has no room is counted, and what is smaller still gets in. */
static void test_full_pairs_count_what_they_drop(void **state)
{
	static char text[SLO_OTLP_PAIRS_BYTES];
	/* tag and length of the pair, of its key of three, of its value, and of the text */
	const size_t around = 3 + 5 + 3 + 3;

	(void)state;
	memset(text, 'x', sizeof(text));
	slo_otlp_pairs_init(&p, 6);
	slo_otlp_pairs_plain(&p, "all", text, sizeof(text) - around + 1);
	assert_int_equal(p.dropped, 1);
	assert_int_equal(p.len, 0);
	slo_otlp_pairs_plain(&p, "all", text, sizeof(text) - around);
	assert_int_equal(p.len, sizeof(p.bytes));
	slo_otlp_pairs_bool(&p, "n", true);
	slo_otlp_pairs_i64(&p, "n", 1);
	slo_otlp_pairs_double(&p, "n", 1);
	slo_otlp_pairs_str(&p, "n", "\xff");
	assert_int_equal(p.dropped, 5);
	assert_int_equal(p.len, sizeof(p.bytes));
}

static void test_bytes_that_are_not_utf8(void **state)
{
	static const char from[] = "a\xff\0b\xc3\xa4", to[] = "a\xef\xbf\xbd\xef\xbf\xbd"
							      "b\xc3\xa4";
	char text[32];

	(void)state;
	assert_int_equal(slo_otlp_utf8(NULL, from, sizeof(from) - 1), sizeof(to) - 1);
	assert_int_equal(slo_otlp_utf8(text, from, sizeof(from) - 1), sizeof(to) - 1);
	assert_memory_equal(text, to, sizeof(to) - 1);
	assert_int_equal(slo_otlp_utf8(text, "", 0), 0);
}

/* --- against protobuf-c ----------------------------------------------------------------------------------------- */

struct truth {
	SloProto__KeyValue pair[32], *row[32];
	SloProto__AnyValue value[32];
	size_t n;
};

static SloProto__AnyValue *truth_add(struct truth *t, const char *key,
                                     SloProto__AnyValue__ValueCase type)
{
	slo_proto__key_value__init(&t->pair[t->n]);
	slo_proto__any_value__init(&t->value[t->n]);
	t->pair[t->n].key = (char *)(uintptr_t)key;
	t->pair[t->n].value = &t->value[t->n];
	t->value[t->n].value_case = type;
	t->row[t->n] = &t->pair[t->n];
	return &t->value[t->n++];
}

static void text(struct truth *t, const char *key, const char *value)
{
	slo_otlp_pairs_str(&p, key, value);
	truth_add(t, key, SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE)->string_value =
		(char *)(uintptr_t)value;
}

static void truth_value(struct truth *t, const char *key, bool value)
{
	slo_otlp_pairs_bool(&p, key, value);
	truth_add(t, key, SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE)->bool_value = value;
}

static void real(struct truth *t, const char *key, double value)
{
	slo_otlp_pairs_double(&p, key, value);
	truth_add(t, key, SLO_PROTO__ANY_VALUE__VALUE_DOUBLE_VALUE)->double_value = value;
}

static void test_bytes_are_those_of_protobuf_c(void **state)
{
	static const int64_t numbers[] = { 0, 1, 127, 128, -1, INT64_MAX, INT64_MIN };
	SloProto__KeyValueList all = SLO_PROTO__KEY_VALUE_LIST__INIT;
	static char longer[300];
	static uint8_t theirs[4096];
	static struct truth t;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	slo_otlp_pairs_init(&p, 1);
	text(&t, "empty", "");
	text(&t, "short", "s");
	text(&t, "long", longer);
	text(&t, "umlaut", "\xc3\xa4");
	truth_value(&t, "no", false);
	truth_value(&t, "yes", true);
	real(&t, "double", -0.125);
	real(&t, "zero", 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(numbers); i++) {
		slo_otlp_pairs_i64(&p, "number", numbers[i]);
		truth_add(&t, "number", SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE)->int_value =
			numbers[i];
	}
	p.outer = "outer";
	slo_otlp_pairs_i64(&p, "inner", 7);
	truth_add(&t, "outer.inner", SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE)->int_value = 7;
	all.n_values = t.n;
	all.values = t.row;
	assert_int_equal(p.len, slo_proto__key_value_list__pack(&all, theirs));
	assert_memory_equal(p.bytes, theirs, p.len);
	assert_int_equal(p.dropped, 0);
}

/* A name as long as all the room there is: the resource says that it was left out. */
static void test_resource_without_room(void **state)
{
	static char name[SLO_OTLP_PAIRS_BYTES + 1];
	struct slo_workload who = { .service = name,
		                    .namespace_ = "",
		                    .cluster = "",
		                    .pod = "",
		                    .pod_uid = "",
		                    .container = "",
		                    .container_id = "",
		                    .node = "n" };
	struct slo_pb_buf b = { 0 };
	SloProto__Resource *r;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	slo_otlp_put_resource(&b, &who, "", "");
	assert_false(b.failed);
	/* Behind its own tag and length, of one byte each. */
	r = slo_proto__resource__unpack(NULL, b.len - 2, b.data + 2);
	assert_non_null(r);
	assert_int_equal(r->n_attributes, 1);
	assert_string_equal(r->attributes[0]->key, "host.name");
	assert_int_equal(r->dropped_attributes_count, 1);
	slo_proto__resource__free_unpacked(r, NULL);
	slo_pb_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_pairs_count_what_they_drop),
		cmocka_unit_test(test_bytes_that_are_not_utf8),
		cmocka_unit_test(test_bytes_are_those_of_protobuf_c),
		cmocka_unit_test(test_resource_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
