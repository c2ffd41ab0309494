/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of the toolkit configuration against the rows that the agent reads it by: the same keys and ranges. */
#include "core/codec/schemas.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <jansson.h>
#include <string.h>

#include "core/config/rows.h"

/* The schema of the key, below "properties" of each part of the row's path. */
static const json_t *find(const json_t *schema, const struct slo_config_row *row)
{
	char path[128];
	const json_t *at = schema;
	const char *dot;

	(void)snprintf(path, sizeof(path), "%s", row->yaml ? row->yaml : "");
	if (!row->yaml)
		(void)snprintf(path, sizeof(path), "%s.%s", row->section, row->key);
	for (char *part = path; at; part += dot - part + 1) {
		dot = part + strcspn(part, ".");
		if (*dot == '\0')
			return json_object_get(json_object_get(at, "properties"), part);
		path[dot - path] = '\0';
		at = json_object_get(json_object_get(at, "properties"), part);
	}
	return NULL;
}

static void check_range(const struct slo_config_row *row, const json_t *s)
{
	const char *low = row->flags & SLO_CONFIG_F_OPEN ? "exclusiveMinimum" : "minimum";
	const char *high = row->flags & SLO_CONFIG_F_OPEN ? "exclusiveMaximum" : "maximum";

	assert_true(json_number_value(json_object_get(s, low)) == row->min);
	assert_true(json_number_value(json_object_get(s, high)) == row->max);
}

static void check_row(const json_t *schema, const struct slo_config_row *row)
{
	const json_t *s = find(schema, row), *names;

	if (!s)
		fail_msg("the schema has no [%s] %s", row->section, row->key);
	names = json_object_get(s, "enum");
	switch (row->type) {
	case SLO_CONFIG_ENUM:
		for (size_t i = 0; row->names[i]; i++)
			assert_string_equal(json_string_value(json_array_get(names, i)),
			                    row->names[i]);
		assert_null(row->names[json_array_size(names)]);
		break;
	case SLO_CONFIG_BOOL:
		assert_string_equal(json_string_value(json_object_get(s, "type")), "boolean");
		break;
	case SLO_CONFIG_UINT:
	case SLO_CONFIG_DURATION:
	case SLO_CONFIG_SIZE:
	case SLO_CONFIG_NUMBER:
		check_range(row, s);
		break;
	case SLO_CONFIG_STRING:
		assert_int_equal(json_integer_value(json_object_get(s, "minLength")), row->min);
		assert_int_equal(json_integer_value(json_object_get(s, "maxLength")), row->max);
		break;
	case SLO_CONFIG_LIST:
	case SLO_CONFIG_PIDS:
	case SLO_CONFIG_WINDOWS:
		assert_string_equal(json_string_value(json_object_get(s, "type")), "array");
		break;
	case SLO_CONFIG_URL:
	case SLO_CONFIG_SIGNALS:
	case SLO_CONFIG_TYPE_MAX_:
		break;
	}
}

static void every_configuration_key_is_in_the_schema(void **state)
{
	json_t *schema = json_loads(slo_schema_get("toolkit-config.v1beta1"), 0, NULL);
	size_t keys = 0;

	(void)state;
	assert_non_null(schema);
	for (size_t i = 0; i < slo_config_row_count(); i++)
		check_row(schema, slo_config_row_at(i));
	/* And nothing else is. */
	for (void *it = json_object_iter(json_object_get(schema, "properties")); it;
	     it = json_object_iter_next(json_object_get(schema, "properties"), it)) {
		const json_t *section = json_object_get(json_object_iter_value(it), "properties");

		keys += section ? json_object_size(section) : 0;
	}
	/* signal_set stands at the top, apiVersion, kind and slo are no rows. */
	assert_int_equal(keys + 1, slo_config_row_count());
	json_decref(schema);
}

static void every_key_of_an_objective_is_in_the_schema(void **state)
{
	json_t *schema = json_loads(slo_schema_get("toolkit-config.v1beta1"), 0, NULL);
	const json_t *objective = json_object_get(json_object_get(schema, "$defs"), "objective");

	(void)state;
	for (size_t i = 0; i < slo_config_slo_row_count(); i++) {
		struct slo_config_row row = *slo_config_slo_row_at(i);

		row.yaml = row.key;
		check_row(objective, &row);
	}
	assert_int_equal(json_object_size(json_object_get(objective, "properties")),
	                 slo_config_slo_row_count());
	json_decref(schema);
}

static void old_configuration_has_the_old_keys_only(void **state)
{
	json_t *schema = json_loads(slo_schema_get("toolkit-config.v1alpha1"), 0, NULL);

	(void)state;
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);

		assert_int_equal(find(schema, row) != NULL, (row->flags & SLO_CONFIG_F_ALPHA) != 0);
	}
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_configuration_key_is_in_the_schema),
		cmocka_unit_test(every_key_of_an_objective_is_in_the_schema),
		cmocka_unit_test(old_configuration_has_the_old_keys_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
