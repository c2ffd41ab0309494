/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec/baseline_manifest.h"
#include "test/unit/base/fail_alloc.h"

static struct slo_baseline_manifest manifest;
static struct slo_err error;

static int parse(const char *text)
{
	return slo_baseline_manifest_parse(text, strlen(text), &manifest, &error);
}

static void both_fields_are_taken(void **state)
{
	(void)state;
	assert_int_equal(
		parse("{\n \"source_ref\": \"v1\", \"source_commit\": \"c0\", \"x\": 1 }\n"), 0);
	assert_string_equal(manifest.source_ref, "v1");
	assert_string_equal(manifest.source_commit, "c0");
}

static void errors_name_line_or_field(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "empty, expected an object with source_ref and source_commit" },
		{ "[]", "JSON, but no object" },
		{ "{}", "required field \"source_ref\" is missing" },
		{ "{\"source_ref\":\"v1\"}", "required field \"source_commit\" is missing" },
		{ "{\"source_ref\":1,\"source_commit\":\"c\"}",
		  "field \"source_ref\" is not a string of 1 to 255 bytes" },
		{ "{\"source_ref\":\"\",\"source_commit\":\"c\"}",
		  "field \"source_ref\" is not a string of 1 to 255 bytes" },
	};

	(void)state;
	(void)snprintf(manifest.source_ref, sizeof(manifest.source_ref), "before");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		assert_int_equal(parse(rows[i].text), -EINVAL);
		assert_string_equal(error.msg, rows[i].why);
		assert_string_equal(manifest.source_ref, "before");
	}
	assert_int_equal(parse("{\n\"source_ref\": \"v1\",\n\"source_ref\": \"v2\"}"), -EINVAL);
	assert_true(strncmp(error.msg, "3: ", 3) == 0);
	assert_int_equal(parse("{\n\"source_ref\""), -EINVAL);
	assert_true(strncmp(error.msg, "2: ", 3) == 0);
}

static void each_allocation_may_fail(void **state)
{
	int r = -ENOMEM;
	int n = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (; r < 0; n++) {
		/* Inside jansson a lack of memory may look like a fault of the text. */
		assert_true(n < 100 && (r == -ENOMEM || r == -EINVAL));
		fail_alloc_after = n;
		r = parse("{\"source_ref\":\"v1\",\"source_commit\":\"c0\"}");
		fail_alloc_after = -1;
	}
	assert_true(n > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_fields_are_taken),
		cmocka_unit_test(errors_name_line_or_field),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("baseline_manifest", tests, NULL, NULL);
}
