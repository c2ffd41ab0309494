/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/codec/event_json.h"
#include "core/codec/schemas.h"
#include "test/unit/codec/events.h"

static json_t *load(const char *name)
{
	const char *text = slo_schema_get(name);
	json_t *v;

	assert_non_null(text);
	v = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(v);
	return v;
}

static void every_schema_is_json_and_ends_in_a_newline(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct slo_schema *s; (s = slo_schema_at(count)); count++) {
		json_t *v = load(s->name);

		assert_int_equal(s->text[strlen(s->text) - 1], '\n');
		assert_ptr_equal(slo_schema_get(s->name), s->text);
		assert_true(strlen(s->help) > 0);
		assert_string_equal(json_string_value(json_object_get(v, "$schema")),
		                    "https://json-schema.org/draft/2020-12/schema");
		assert_non_null(json_object_get(v, "$id"));
		json_decref(v);
	}
	assert_true(count >= 2);
	assert_null(slo_schema_get("probe-event"));
}

static void v1beta1_contains_v1alpha1(void **state)
{
	json_t *alpha = load("probe-event.v1alpha1");
	json_t *beta = load("probe-event.v1beta1");
	json_t *properties = json_object_get(beta, "properties");
	json_t *old = json_object_get(alpha, "properties");

	(void)state;
	assert_true(
		json_equal(json_object_get(alpha, "required"), json_object_get(beta, "required")));
	for (void *it = json_object_iter(old); it; it = json_object_iter_next(old, it)) {
		assert_true(json_equal(json_object_get(properties, json_object_iter_key(it)),
		                       json_object_iter_value(it)));
	}
	json_decref(alpha);
	json_decref(beta);
}

static json_t *enum_of(json_t *schema, const char *property)
{
	return json_object_get(json_object_get(json_object_get(schema, "properties"), property),
	                       "enum");
}

static void enums_are_those_of_the_tables(void **state)
{
	json_t *schema = load("probe-event.v1beta1");
	json_t *sources = enum_of(schema, "source");
	json_t *statuses = enum_of(schema, "status");

	(void)state;
	assert_int_equal(json_array_size(sources), SLO_SRC_MAX_ - 1);
	for (int src = SLO_SRC_NONE + 1; src < SLO_SRC_MAX_; src++) {
		assert_string_equal(json_string_value(json_array_get(sources, (size_t)src - 1)),
		                    slo_source_name((enum slo_source)src));
	}
	assert_int_equal(json_array_size(statuses), SLO_STATUS_MAX_);
	for (int st = 0; st < SLO_STATUS_MAX_; st++) {
		assert_string_equal(json_string_value(json_array_get(statuses, (size_t)st)),
		                    slo_status_name((enum slo_status)st));
	}
	json_decref(schema);
}

/* Keys both ways; types are what test/contract/schema_valid.py checks on real output. */
static void check_fields(const char *name, bool v1alpha1)
{
	const struct slo_event_json_options opt = { .v1alpha1 = v1alpha1, .names = true };
	json_t *schema = load(name);
	json_t *properties = json_object_get(schema, "properties");
	json_t *printed = json_object();

	for (int kind = 0; kind < SLO_EV_KIND_MAX_; kind++) {
		struct slo_probe_event ev =
			full_event(SLO_SIG_CONNECT_ERRORS, (enum slo_event_kind)kind);
		char line[SLO_EVENT_JSON_MAX];
		json_t *v;

		assert_true(slo_event_json_write(line, sizeof(line), &ev, SLO_STATUS_OK, &all_names,
		                                 &opt) > 0);
		v = json_loads(line, 0, NULL);
		assert_int_equal(json_object_update(printed, v), 0);
		json_decref(v);
	}
	for (void *it = json_object_iter(printed); it; it = json_object_iter_next(printed, it))
		assert_non_null(json_object_get(properties, json_object_iter_key(it)));
	/* confidence is set by the correlation, not by a probe. */
	assert_int_equal(json_object_size(printed) + 1, json_object_size(properties));
	json_decref(printed);
	json_decref(schema);
}

static void writer_prints_the_fields_of_the_schemas(void **state)
{
	(void)state;
	check_fields("probe-event.v1alpha1", true);
	check_fields("probe-event.v1beta1", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_schema_is_json_and_ends_in_a_newline),
		cmocka_unit_test(v1beta1_contains_v1alpha1),
		cmocka_unit_test(enums_are_those_of_the_tables),
		cmocka_unit_test(writer_prints_the_fields_of_the_schemas),
	};

	return cmocka_run_group_tests_name("schemas", tests, NULL, NULL);
}
