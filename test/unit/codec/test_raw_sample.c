/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/codec/raw_sample.h"

#define FIELDS                                                                            \
	"\"timestamp\":\"2026-02-18T00:00:01.5Z\",\"cluster\":\"c\",\"namespace\":\"n\"," \
	"\"workload\":\"w\",\"service\":\"s\",\"request_id\":\"r\",\"trace_id\":\"t\","   \
	"\"ttft_ms\":284.647,\"request_latency_ms\":569,\"token_throughput_tps\":29.5,"   \
	"\"error_rate\":0.01"

static struct slo_raw_sample sample;
static struct slo_err error;
static json_t *object;

static int read_text(const char *text)
{
	json_decref(object);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	return slo_raw_sample_read(object, &sample, &error);
}

static int release(void **state)
{
	(void)state;
	json_decref(object);
	object = NULL;
	return 0;
}

static void a_sample_is_read_whole(void **state)
{
	(void)state;
	assert_int_equal(read_text("{" FIELDS ",\"node\":\"a\",\"fault_label\":\"dns_latency\"}"),
	                 0);
	assert_true(sample.timestamp_ns == INT64_C(1771372801500000000));
	assert_string_equal(sample.cluster, "c");
	assert_string_equal(sample.namespace_, "n");
	assert_string_equal(sample.workload, "w");
	assert_string_equal(sample.service, "s");
	assert_string_equal(sample.request_id, "r");
	assert_string_equal(sample.trace_id, "t");
	assert_string_equal(sample.node, "a");
	assert_string_equal(sample.fault_label, "dns_latency");
	assert_true(sample.ttft_ms == 284.647 && sample.request_latency_ms == 569);
	assert_true(sample.tokens_per_sec == 29.5 && sample.error_rate == 0.01);
	assert_false(sample.synthetic);
}

static void optional_and_unknown_fields_may_differ(void **state)
{
	(void)state;
	assert_int_equal(read_text("{" FIELDS ",\"more\":[1,{}]}"), 0);
	assert_string_equal(sample.node, "");
	assert_string_equal(sample.fault_label, "");
}

static void synthetic_records_are_known_as_such(void **state)
{
	(void)state;
	assert_int_equal(read_text("{" FIELDS ",\"source\":\"synthetic\"}"), 0);
	assert_true(sample.synthetic);
	assert_int_equal(read_text("{" FIELDS ",\"synthetic\":true}"), 0);
	assert_true(sample.synthetic);
	assert_int_equal(read_text("{" FIELDS ",\"synthetic\":false,\"source\":\"gateway\"}"), 0);
	assert_false(sample.synthetic);
}

static void bad_fields_are_named_and_leave_the_result(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{}", "required field \"timestamp\" is missing" },
		{ "{\"timestamp\":\"2026-02-18T00:00:01Z\"}",
		  "required field \"cluster\" is missing" },
		{ "{\"timestamp\":7}", "field \"timestamp\" is not a string of RFC 3339" },
		{ "{\"cluster\":7}", "field \"cluster\" is not a string" },
		{ "{\"ttft_ms\":\"7\"}", "field \"ttft_ms\" is not a number" },
		{ "{\"ttft_ms\":null}", "field \"ttft_ms\" is not a number" },
		{ "{\"ttft_ms\":-1}", "field \"ttft_ms\": -1 is not 0 or more" },
		{ "{\"error_rate\":1.5}", "field \"error_rate\": 1.5 is not within 0 and 1" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		sample = (struct slo_raw_sample){ .ttft_ms = 4711 };
		assert_int_equal(read_text(rows[i].text), -EINVAL);
		assert_string_equal(error.msg, rows[i].why);
		assert_true(sample.ttft_ms == 4711);
	}
	assert_int_equal(read_text("{\"timestamp\":\"yesterday\"}"), -EINVAL);
	assert_true(strncmp(error.msg, "field \"timestamp\": ", 19) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_sample_is_read_whole, release),
		cmocka_unit_test_teardown(optional_and_unknown_fields_may_differ, release),
		cmocka_unit_test_teardown(synthetic_records_are_known_as_such, release),
		cmocka_unit_test_teardown(bad_fields_are_named_and_leave_the_result, release),
	};

	return cmocka_run_group_tests_name("raw_sample", tests, NULL, NULL);
}
