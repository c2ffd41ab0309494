/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec/csv.h"
#include "core/codec/labeled_pair.h"

static json_t *root;
static struct slo_labeled_pair pair;
static struct slo_err error;

static int read_text(const char *text)
{
	json_decref(root);
	root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	memset(&error, 0, sizeof(error));
	return slo_labeled_pair_read(root, &pair, &error);
}

static int drop(void **state)
{
	(void)state;
	json_decref(root);
	root = NULL;
	return 0;
}

#define SPAN "\"span\":{\"timestamp\":\"1970-01-01T00:00:01Z\"}"
#define SIGNAL \
	"\"signal\":{\"signal\":\"cpu_steal_pct\",\"value\":2.5,\"timestamp\":\"1970-01-01T00:00:02Z\"}"
#define REST "\"case_id\":\"a\",\"expected_match\":true"

static void every_field_is_read(void **state)
{
	(void)state;
	assert_int_equal(
		read_text(
			"{\"case_id\":\"a\",\"expected_match\":true,\"expected_tier\":\"svc_node_500ms\","
			"\"span\":{\"trace_id\":\"t\",\"service\":\"s\",\"node\":\"n\",\"pod\":\"p\","
			"\"pid\":4294967295,\"conn_tuple\":\"c\",\"timestamp\":\"1970-01-01T00:00:01Z\","
			"\"end_timestamp\":\"1970-01-01T00:00:01.5Z\"},"
			"\"signal\":{\"signal\":\"tls_handshake_ms\",\"trace_id\":\"u\",\"service\":\"v\","
			"\"node\":\"w\",\"pod\":\"x\",\"pid\":3,\"conn_tuple\":\"y\",\"value\":7,"
			"\"timestamp\":\"1970-01-01T00:00:02Z\"}}"),
		0);
	assert_string_equal(pair.case_id, "a");
	assert_true(pair.expected_match);
	assert_int_equal(pair.expected_tier, SLO_TIER_SERVICE_NODE);
	assert_string_equal(pair.span.who.trace_id, "t");
	assert_string_equal(pair.span.who.service, "s");
	assert_string_equal(pair.span.who.node, "n");
	assert_string_equal(pair.span.who.pod, "p");
	assert_string_equal(pair.span.who.conn, "c");
	assert_true(pair.span.who.pid == UINT32_MAX);
	assert_true(pair.span.start_ns == 1000000000 && pair.span.end_ns == 1500000000);
	assert_string_equal(pair.signal.who.trace_id, "u");
	assert_string_equal(pair.signal.who.service, "v");
	assert_string_equal(pair.signal.who.node, "w");
	assert_string_equal(pair.signal.who.pod, "x");
	assert_string_equal(pair.signal.who.conn, "y");
	assert_int_equal(pair.signal.who.pid, 3);
	assert_int_equal(pair.signal.signal, SLO_SIG_TLS_HANDSHAKE);
	assert_true(pair.signal.value == 7 && pair.signal.time_ns == 2000000000);
}

static void optional_fields_may_be_absent_or_null(void **state)
{
	(void)state;
	assert_int_equal(read_text("{" REST "," SPAN "," SIGNAL "}"), 0);
	assert_string_equal(pair.span.who.pod, "");
	assert_int_equal(pair.span.who.pid, 0);
	assert_int_equal(pair.expected_tier, SLO_TIER_NONE);
	assert_true(pair.span.end_ns == pair.span.start_ns);
	assert_true(pair.signal.value == 2.5);
	assert_int_equal(read_text("{" REST ",\"expected_tier\":null,\"more\":1," SIGNAL
	                           ",\"span\":{\"pid\":null,\"pod\":null,\"end_timestamp\":null,"
	                           "\"timestamp\":\"1970-01-01T00:00:01Z\"}}"),
	                 0);
	assert_int_equal(read_text("{" REST ",\"expected_tier\":\"\"," SPAN "," SIGNAL "}"), 0);
	assert_int_equal(pair.expected_tier, SLO_TIER_NONE);
}

static void wrong_field_is_named_and_the_result_untouched(void **state)
{
	static const struct {
		const char *text;
		const char *part;
	} bad[] = {
		{ "{" SPAN "," SIGNAL ",\"expected_match\":true}", "\"case_id\" is missing" },
		{ "{\"case_id\":7," SPAN "," SIGNAL ",\"expected_match\":true}",
		  "\"case_id\" is not a string" },
		{ "{" REST "," SPAN "}", "\"signal\" is missing" },
		{ "{\"case_id\":\"a\",\"expected_match\":1," SPAN "," SIGNAL "}",
		  "\"expected_match\" is not true or false" },
		{ "{" REST ",\"expected_tier\":\"x\"," SPAN "," SIGNAL "}", "\"expected_tier\"" },
		{ "{" REST "," SIGNAL ",\"span\":{\"timestamp\":1}}",
		  "span: field \"timestamp\" is not a string" },
		{ "{" REST "," SIGNAL ",\"span\":{\"timestamp\":\"\"}}",
		  "span: field \"timestamp\"" },
		{ "{" REST "," SIGNAL
		  ",\"span\":{\"timestamp\":\"1970-01-01T00:00:01Z\",\"pid\":1.5}}",
		  "span: field \"pid\"" },
		{ "{" REST "," SIGNAL
		  ",\"span\":{\"timestamp\":\"1970-01-01T00:00:01Z\",\"pid\":4294967296}}",
		  "outside 0 to 4294967295" },
		{ "{" REST "," SPAN ",\"signal\":{\"signal\":\"x\",\"value\":1,\"timestamp\":"
		  "\"1970-01-01T00:00:01Z\"}}",
		  "signal: field \"signal\": \"x\" is no signal" },
		{ "{" REST "," SPAN ",\"signal\":{\"signal\":\"cpu_steal_pct\",\"value\":\"1\","
		  "\"timestamp\":\"1970-01-01T00:00:01Z\"}}",
		  "signal: field \"value\" is not a number" },
	};

	(void)state;
	pair.case_id = "untouched";
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		assert_int_equal(read_text(bad[i].text), -EINVAL);
		if (!strstr(error.msg, bad[i].part))
			fail_msg("%s\nhas no: %s", error.msg, bad[i].part);
		assert_string_equal(pair.case_id, "untouched");
	}
}

static void csv_fields_are_quoted_where_needed(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	slo_csv_put(f, "plain-1");
	(void)fputc(',', f);
	slo_csv_put(f, "");
	(void)fputc(',', f);
	slo_csv_put(f, "a,\"b\"\n");
	(void)fputc(',', f);
	slo_csv_put(f, " x");
	(void)fclose(f);
	assert_string_equal(text, "plain-1,,\"a,\"\"b\"\"\n\",\" x\"");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_field_is_read, drop),
		cmocka_unit_test_teardown(optional_fields_may_be_absent_or_null, drop),
		cmocka_unit_test_teardown(wrong_field_is_named_and_the_result_untouched, drop),
		cmocka_unit_test(csv_fields_are_quoted_where_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
