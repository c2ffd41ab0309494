/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/schema_check.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "core/codec/schemas.h"
#include "test/unit/base/fail_alloc.h"

static struct slo_err err;

static struct slo_schema_check *compiled(const char *schema)
{
	struct slo_schema_check *check = NULL;

	if (slo_schema_check_compile_text(&check, schema, strlen(schema), &err) < 0)
		print_error("%s: %s\n", schema, err.msg);
	assert_non_null(check);
	return check;
}

static json_t *parsed(const char *text)
{
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

	if (!v)
		print_error("%s\n", text);
	assert_non_null(v);
	return v;
}

static bool is_valid(const char *schema, const char *value)
{
	struct slo_schema_check *check slo_schema_check_auto = compiled(schema);
	json_t *v = parsed(value);
	int r = slo_schema_check_run(check, v, &err);

	assert_true(r == 0 || r == -EINVAL);
	assert_int_equal(slo_schema_check_run(check, v, NULL), r);
	json_decref(v);
	return r == 0;
}

static void assert_message(const char *schema, const char *value, const char *message)
{
	assert_false(is_valid(schema, value));
	assert_string_equal(err.msg, message);
}

static void assert_refused(const char *schema, const char *part)
{
	struct slo_schema_check *check = NULL;

	assert_int_equal(slo_schema_check_compile_text(&check, schema, strlen(schema), &err),
	                 -EINVAL);
	assert_null(check);
	if (!strstr(err.msg, part))
		print_error("%s\n", err.msg);
	assert_non_null(strstr(err.msg, part));
}

/* Every keyword: a schema, a value that fits and one that does not. A row whose keyword is ignored fails. */
static const struct {
	const char *schema, *good, *bad;
} rows[] = {
	{ "{\"type\":\"string\"}", "\"a\"", "1" },
	{ "{\"type\":\"integer\"}", "3.0", "3.5" },
	{ "{\"type\":\"number\"}", "3", "\"3\"" },
	{ "{\"type\":\"null\"}", "null", "false" },
	{ "{\"type\":\"boolean\"}", "false", "0" },
	{ "{\"type\":[\"array\",\"object\"]}", "{}", "\"\"" },
	{ "{\"enum\":[1,\"a\",{\"b\":[1]}]}", "{\"b\":[1.0]}", "{\"b\":[2]}" },
	{ "{\"const\":{\"a\":1,\"b\":2}}", "{\"b\":2,\"a\":1}", "{\"a\":1}" },
	{ "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":\"\",\"b\":1}", "{\"a\":1}" },
	{ "{\"required\":[\"a\",\"b\"]}", "{\"b\":1,\"a\":2}", "{\"b\":1}" },
	{ "{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1}",
	  "{\"b\":1}" },
	{ "{\"required\":[\"a\"],\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"\"}",
	  "{\"a\":1}" },
	{ "{\"minProperties\":1}", "{\"a\":1}", "{}" },
	{ "{\"maxProperties\":1}", "{\"a\":1}", "{\"a\":1,\"b\":1}" },
	{ "{\"items\":{\"type\":\"integer\"}}", "[1,2]", "[1,\"2\"]" },
	{ "{\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"string\"}}", "[1,\"a\"]",
	  "[1,2]" },
	{ "{\"prefixItems\":[{\"type\":\"integer\"}]}", "[1,true]", "[\"a\"]" },
	{ "{\"minItems\":2}", "[1,2]", "[1]" },
	{ "{\"maxItems\":1}", "[1]", "[1,2]" },
	{ "{\"uniqueItems\":true}", "[1,2,\"1\"]", "[1,2,1.0]" },
	{ "{\"minLength\":2}", "\"\\u00e4b\"", "\"\\u00e4\"" },
	{ "{\"maxLength\":1}", "\"\\u00e4\"", "\"ab\"" },
	{ "{\"pattern\":\"^[0-9a-f]{4}$\"}", "\"00ff\"", "\"00fg\"" },
	{ "{\"format\":\"date-time\"}", "\"2026-01-02T03:04:05.5+02:00\"", "\"2026-01-02 03:04\"" },
	{ "{\"minimum\":1}", "1", "0.999" },
	{ "{\"maximum\":1}", "1", "1.001" },
	{ "{\"exclusiveMinimum\":1}", "1.001", "1" },
	{ "{\"exclusiveMaximum\":1}", "0.999", "1" },
	{ "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "2", "3" },
	{ "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "5", "4" },
	{ "{\"oneOf\":[{\"minimum\":2},{\"maximum\":5}]}", "6", "3" },
	{ "{\"not\":{\"type\":\"string\"}}", "1", "\"\"" },
	{ "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]}}", "{\"c\":1}",
	  "{\"a\":1}" },
	{ "{\"if\":{\"required\":[\"a\"]},\"else\":{\"required\":[\"b\"]}}", "{\"a\":1}",
	  "{\"c\":1}" },
	{ "{\"$ref\":\"#/$defs/x\",\"maximum\":5,\"$defs\":{\"x\":{\"type\":\"integer\"}}}", "4",
	  "4.5" },
	{ "{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"minimum\":3}},\"$ref\":\"#/$defs/a\"}",
	  "3", "2" },
	{ "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", "[[],[[]]]", "[[],[[1]]]" },
	{ "{\"properties\":{\"a\":false}}", "{\"b\":1}", "{\"a\":1}" },
	{ "{\"title\":\"t\",\"description\":\"d\",\"$id\":\"urn:x\",\"default\":1,\"type\":\"null\"}",
	  "null", "1" },
	{ "{\"maximum\":9007199254740992}", "9007199254740992", "9007199254740993" },
	{ "{\"const\":9223372036854775807}", "9223372036854775807", "9223372036854775806" },
	{ "{\"additionalProperties\":{\"$ref\":\"#\"},\"maxProperties\":1}", "{\"a\":{\"b\":{}}}",
	  "{\"a\":{\"b\":1,\"c\":2}}" },
};

static void every_keyword_accepts_and_rejects(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		if (!is_valid(rows[i].schema, rows[i].good) ||
		    is_valid(rows[i].schema, rows[i].bad))
			fail_msg("%s: %s", rows[i].schema, err.msg);
	}
}

static void boolean_schemas_work(void **state)
{
	struct slo_schema_check *check slo_schema_check_auto = NULL;
	json_t *never = json_false(), *v = parsed("1");

	(void)state;
	assert_int_equal(slo_schema_check_compile(&check, never, &err), 0);
	assert_int_equal(slo_schema_check_run(check, v, &err), -EINVAL);
	slo_schema_check_freep(&check);
	assert_int_equal(slo_schema_check_compile(&check, json_true(), &err), 0);
	assert_int_equal(slo_schema_check_run(check, v, &err), 0);
	json_decref(v);
}

static void messages_name_place_and_expectation(void **state)
{
	const char *tuple =
		"{\"properties\":{\"conn_tuple\":{\"properties\":{\"src_port\":{\"maximum\":65535}}}}}";

	(void)state;
	assert_message(tuple, "{\"conn_tuple\":{\"src_port\":70000}}",
	               "/conn_tuple/src_port: 70000 is above 65535");
	assert_message("{\"type\":\"object\"}", "[]", "(top): an array, expected object");
	assert_message("{\"items\":{\"enum\":[\"a\",\"b\"]}}", "[\"a\",\"c\"]",
	               "/1: \"c\" is none of \"a\", \"b\"");
	assert_message("{\"required\":[\"x\"]}", "{}", "(top): required property \"x\" is missing");
	assert_message("{\"additionalProperties\":false}", "{\"a/b~c\":1}",
	               "/a~1b~0c: unknown property");
	assert_message("{\"minLength\":3}", "\"ab\"", "(top): 2 characters, at least 3 are needed");
	assert_message("{\"exclusiveMaximum\":0.5}", "0.5", "(top): 0.5 is not below 0.5");
	assert_message("{\"type\":[\"null\",\"string\"]}", "1",
	               "(top): 1, expected null or string");
}

static void unsupported_keywords_are_refused(void **state)
{
	static const char *const unknown[] = { "patternProperties", "multipleOf",
		                               "contains",          "dependentRequired",
		                               "propertyNames",     "unevaluatedProperties",
		                               "$anchor",           "$dynamicRef",
		                               "contentEncoding",   "minimun",
		                               "definitions",       "dependencies" };
	char schema[128];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(unknown); i++) {
		(void)snprintf(schema, sizeof(schema), "{\"properties\":{\"a\":{\"%s\":{}}}}",
		               unknown[i]);
		assert_refused(schema, "this keyword is not supported");
		assert_non_null(strstr(err.msg, "#/properties/a/"));
	}
}

static void bad_schemas_are_refused(void **state)
{
	(void)state;
	assert_refused("{\"type\":\"int\"}", "#/type: no type of JSON");
	assert_refused("{\"type\":[]}", "#/type");
	assert_refused("{\"type\":3}", "#/type");
	assert_refused("{\"enum\":1}", "#/enum");
	assert_refused("{\"properties\":[]}", "#/properties: not an object");
	assert_refused("{\"properties\":{\"a\":1}}", "#/properties/a: not a schema");
	assert_refused("{\"required\":\"a\"}", "#/required");
	assert_refused("{\"required\":[1]}", "item 0");
	assert_refused("{\"required\":[\"a\",\"a\"]}", "twice");
	assert_refused("{\"minLength\":-1}", "#/minLength");
	assert_refused("{\"minItems\":1.5}", "#/minItems");
	assert_refused("{\"minimum\":\"1\"}", "#/minimum");
	assert_refused("{\"uniqueItems\":1}", "#/uniqueItems");
	assert_refused("{\"format\":\"email\"}", "date-time");
	assert_refused("{\"anyOf\":[]}", "#/anyOf");
	assert_refused("{\"anyOf\":[true,{\"type\":\"x\"}]}", "#/anyOf/1/type");
	assert_refused("{\"$ref\":\"other.json\"}", "#/$ref: not supported");
	assert_refused("{\"$ref\":\"#/$defs/none\"}", "there is no #/$defs/none");
	assert_refused("{\"items\":{\"$defs\":{}}}", "only the top");
	assert_refused("{\"$defs\":3}", "#/$defs");
	assert_refused("{\"$defs\":{\"a\":{\"type\":\"x\"}}}", "#/$defs/a/type");
	assert_refused("{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
	               "another dialect");
	assert_refused("{\"type\":\"string\",\"type\":\"null\"}", "duplicate");
	assert_refused("{\"a\":\n", "line ");
	assert_refused("[]", "not a schema");
}

static void circles_are_refused(void **state)
{
	(void)state;
	assert_refused("{\"$ref\":\"#\"}", "back to itself");
	assert_refused("{\"$defs\":{\"a\":{\"anyOf\":[true,{\"$ref\":\"#/$defs/b\"}]},"
	               "\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}",
	               "back to itself");
}

static void patterns_mean_the_same_or_are_refused(void **state)
{
	static const char *const refused[] = {
		"(?:a)",       "a*?",     "a+?",  "\\\\w",   "\\\\bx", "(a)\\\\1",
		"[[:alpha:]]", "[\\\\d]", "[]a]", "a{,3}",   "a{x}",   "*a",
		"^*",          "a|",      "(|a)", "()",      "a{200}", "(((a{100}){100}){100})",
		"[a",          "a]",      "a}",   "\\u00e4", "(a"
	};
	char schema[128];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(refused); i++) {
		(void)snprintf(schema, sizeof(schema), "{\"pattern\":\"%s\"}", refused[i]);
		assert_refused(schema, "#/pattern");
	}
	assert_true(
		is_valid("{\"pattern\":\"^\\\\d+\\\\.\\\\d{1,3}(-[a-z]+)?$\"}", "\"12.345-rc\""));
	assert_false(
		is_valid("{\"pattern\":\"^\\\\d+\\\\.\\\\d{1,3}(-[a-z]+)?$\"}", "\"12.3456\""));
	assert_true(is_valid("{\"pattern\":\"b\"}", "\"abc\"")); /* not anchored */
	assert_false(is_valid("{\"pattern\":\"a.c\"}", "\"a\\nc\""));
	assert_true(is_valid("{\"pattern\":\"^(a|b){2}$\"}", "\"ba\""));
}

static void depth_and_work_are_bounded(void **state)
{
	const char *twice =
		"{\"anyOf\":[{\"items\":{\"$ref\":\"#\"},\"minItems\":1},{\"items\":{\"$ref\":\"#\"},\"minItems\":1}]}";
	char deep[300];

	(void)state;
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = '\0';
	assert_false(is_valid("{\"items\":{\"$ref\":\"#\"}}", deep));
	assert_non_null(strstr(err.msg, "deeper than 64"));
	memset(deep, '[', 40);
	memset(deep + 40, ']', 40);
	deep[80] = '\0';
	/* 2^40 ways, none of which fits. */
	assert_false(is_valid(twice, deep));
}

static void too_large_schemas_are_refused(void **state)
{
	static char big[200000];
	size_t n = (size_t)snprintf(big, sizeof(big), "{\"required\":[\"x\"");

	(void)state;
	for (int i = 0; i < 64; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n, ",\"x%d\"", i);
	(void)snprintf(big + n, sizeof(big) - n, "]}");
	assert_refused(big, "more than 64 required");
	n = (size_t)snprintf(big, sizeof(big), "{\"anyOf\":[true");
	for (int i = 0; i < SLO_SCHEMA_CHECK_NODES_MAX; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n, ",true");
	(void)snprintf(big + n, sizeof(big) - n, "]}");
	assert_refused(big, "subschemas");
	for (n = 0; n < 9 * 70; n += 9)
		memcpy(big + n, "{\"items\":", 9);
	memcpy(big + n, "true", 4);
	memset(big + n + 4, '}', 70);
	big[n + 74] = '\0';
	assert_refused(big, "deeper than 64");
}

static void every_embedded_schema_compiles(void **state)
{
	const struct slo_schema *s;

	(void)state;
	for (size_t i = 0; (s = slo_schema_at(i)); i++) {
		struct slo_schema_check *check slo_schema_check_auto = NULL;

		if (slo_schema_check_compile_text(&check, s->text, strlen(s->text), &err) < 0)
			fail_msg("%s: %s", s->name, err.msg);
	}
}

static void each_failed_allocation_is_told(void **state)
{
	json_t *schema;
	int r = -ENOMEM;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	schema = parsed("{\"properties\":{\"a\":{\"anyOf\":[true,{\"$ref\":\"#/$defs/b\"}]}},"
	                "\"required\":[\"a\"],\"$defs\":{\"b\":{\"pattern\":\"^a$\"}}}");
	for (int n = 0; r == -ENOMEM; n++) {
		struct slo_schema_check *check slo_schema_check_auto = NULL;

		assert_true(n < 10000);
		fail_alloc_after = n;
		r = slo_schema_check_compile(&check, schema, &err);
		fail_alloc_after = -1;
		assert_true(r == 0 || (r == -ENOMEM && !check));
		if (r == 0)
			assert_true(n > 10);
	}
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_keyword_accepts_and_rejects),
		cmocka_unit_test(boolean_schemas_work),
		cmocka_unit_test(messages_name_place_and_expectation),
		cmocka_unit_test(unsupported_keywords_are_refused),
		cmocka_unit_test(bad_schemas_are_refused),
		cmocka_unit_test(circles_are_refused),
		cmocka_unit_test(patterns_mean_the_same_or_are_refused),
		cmocka_unit_test(depth_and_work_are_bounded),
		cmocka_unit_test(too_large_schemas_are_refused),
		cmocka_unit_test(every_embedded_schema_compiles),
		cmocka_unit_test(each_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
