/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/prom_response.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

static struct slo_prom_value v;
static struct slo_err err;

static int read_text(const char *text)
{
	json_t *body = json_loads(text, 0, NULL);
	int r;

	assert_non_null(body);
	r = slo_prom_response_read(body, &v, &err);
	json_decref(body);
	return r;
}

static int read_data(const char *type, const char *result)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	               "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":%s}}",
	               type, result);
	return read_text(text);
}

static void one_series_is_a_value(void **state)
{
	(void)state;
	assert_int_equal(
		read_data("vector",
	                  "[{\"metric\":{\"a\":\"b\"},\"value\":[1700000000.25,\"0.83\"]}]"),
		0);
	assert_false(v.none);
	assert_true(v.value == 0.83 && v.at_ns == INT64_C(1700000000250000000));
	assert_int_equal(read_data("scalar", "[1700000000,\"7\"]"), 0);
	assert_true(v.value == 7);
}

static void special_values_are_passed_on(void **state)
{
	(void)state;
	assert_int_equal(read_data("scalar", "[0,\"NaN\"]"), 0);
	assert_true(isnan(v.value));
	assert_int_equal(read_data("scalar", "[0,\"+Inf\"]"), 0);
	assert_true(isinf(v.value) && v.value > 0);
	assert_int_equal(read_data("scalar", "[0,\"1.5e-07\"]"), 0);
	assert_true(v.value == 1.5e-07);
}

static void no_series_and_several_are_no_value(void **state)
{
	const char *two = "[{\"value\":[0,\"1\"]},{\"value\":[0,\"2\"]}]";

	(void)state;
	assert_int_equal(read_data("vector", "[]"), 0);
	assert_true(v.none && strstr(v.why, "no series"));
	assert_int_equal(read_data("vector", two), 0);
	assert_true(v.none && strstr(v.why, "2 series"));
}

static void what_is_no_answer_is_refused(void **state)
{
	static const char *const results[] = { "{}",
		                               "[{}]",
		                               "[{\"value\":[0]}]",
		                               "[{\"value\":[0,1]}]",
		                               "[{\"value\":[\"0\",\"1\"]}]",
		                               "[{\"value\":[0,\"\"]}]",
		                               "[{\"value\":[0,\"0x10\"]}]",
		                               "[{\"value\":[0,\"1 \"]}]",
		                               "[{\"value\":[-1,\"1\"]}]",
		                               "[{\"value\":[1e300,\"1\"]}]",
		                               "[{\"value\":[0,\"nan(1)\"]}]" };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(results); i++) {
		v.value = 42;
		if (read_data("vector", results[i]) != -EBADMSG)
			fail_msg("%s is taken", results[i]);
		assert_true(v.value == 42);
	}
	assert_int_equal(read_data("matrix", "[]"), -EBADMSG);
	assert_int_equal(read_text("{}"), -EBADMSG);
	assert_int_equal(read_text("{\"status\":\"success\"}"), -EBADMSG);
	assert_int_equal(read_text("{\"status\":1,\"data\":[]}"), -EBADMSG);
	assert_int_equal(slo_prom_response_read(NULL, &v, &err), -EBADMSG);
}

static void a_failed_query_says_why(void **state)
{
	(void)state;
	assert_int_equal(
		read_text(
			"{\"status\":\"error\",\"errorType\":\"timeout\",\"error\":\"query timed out\"}"),
		-EBADMSG);
	assert_string_equal(err.msg, "the query failed: query timed out");
	assert_int_equal(read_text("{\"status\":\"error\"}"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_series_is_a_value),
		cmocka_unit_test(special_values_are_passed_on),
		cmocka_unit_test(no_series_and_several_are_no_value),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(a_failed_query_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
