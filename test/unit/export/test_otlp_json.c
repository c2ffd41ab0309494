/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trace.pb-c.h>

#include "core/base/base.h"
#include "core/export/otlp_batch.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/export/otlp_random.h"

#define IDS "\"traceId\":\"000102030405060708090A0B0C0D0E0F\",\"spanId\":\"f0f1f2f3f4f5f6f7\""
#define REQUEST(span) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" span "}]}]}]}"
#define VALUE(value) REQUEST(IDS ",\"attributes\":[{\"key\":\"k\",\"value\":{" value "}}]")

static struct slo_err error;

static void none(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	(void)user;
	(void)i;
	(void)span;
	(void)ret;
}

/* What the text became, as protobuf-c reads it; the caller's. */
static SloProto__ExportTraceServiceRequest *read_json(const char *text)
{
	SloProto__ExportTraceServiceRequest *request;
	struct slo_otlp_batch *batch = NULL;
	struct bytes out = { 0 };

	error = (struct slo_err){ 0 };
	if (slo_otlp_batch_parse_json(&batch, text, strlen(text), &error) < 0) {
		assert_null(batch);
		assert_true(*error.msg);
		return NULL;
	}
	assert_int_equal(slo_otlp_batch_splice(batch, none, NULL, &out.p, &out.len), 0);
	request = slo_proto__export_trace_service_request__unpack(NULL, out.len, out.p);
	assert_non_null(request);
	free(out.p);
	slo_otlp_batch_freep(&batch);
	return request;
}

static void release(SloProto__ExportTraceServiceRequest *request)
{
	slo_proto__export_trace_service_request__free_unpacked(request, NULL);
}

static void a_request_is_read_whole(void **state)
{
	SloProto__ExportTraceServiceRequest *got = read_json(
		"{\"resourceSpans\":[{\"schemaUrl\":\"u\",\"resource\":{\"droppedAttributesCount\":2,"
		"\"entityRefs\":[{\"type\":\"t\",\"idKeys\":[\"a\",\"b\"]}]},"
		"\"scopeSpans\":[{\"scope\":{\"name\":\"n\",\"version\":\"1\"},\"spans\":[{" IDS
		",\"parentSpanId\":\"\",\"traceState\":\"a=b\",\"name\":\"chat \\u00fc\",\"kind\":\"SPAN_KIND_CLIENT\","
		"\"startTimeUnixNano\":\"1790000000000000001\",\"endTimeUnixNano\":1790000000000000002,"
		"\"flags\":257,\"notYetKnown\":{\"a\":[1]},\"droppedLinksCount\":null,"
		"\"events\":[{\"timeUnixNano\":\"7\",\"name\":\"e\"}],"
		"\"links\":[{\"traceId\":\"ffffffffffffffffffffffffffffffff\",\"spanId\":\"ffffffffffffffff\"}],"
		"\"status\":{\"code\":2,\"message\":\"m\"}}]}]}]}");
	const SloProto__Span *span;

	(void)state;
	assert_non_null(got);
	assert_string_equal(got->resource_spans[0]->schema_url, "u");
	assert_int_equal(got->resource_spans[0]->resource->dropped_attributes_count, 2);
	assert_string_equal(got->resource_spans[0]->scope_spans[0]->scope->name, "n");
	span = got->resource_spans[0]->scope_spans[0]->spans[0];
	assert_memory_equal(span->trace_id.data, "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
	assert_memory_equal(span->span_id.data, "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7", 8);
	assert_int_equal(span->parent_span_id.len, 0);
	assert_string_equal(span->trace_state, "a=b");
	assert_string_equal(span->name, "chat \xc3\xbc");
	assert_int_equal(span->kind, 3);
	assert_true(span->start_time_unix_nano == UINT64_C(1790000000000000001));
	assert_true(span->end_time_unix_nano == UINT64_C(1790000000000000002));
	assert_int_equal(span->flags, 257);
	assert_int_equal(span->n_events, 1);
	assert_int_equal(span->events[0]->time_unix_nano, 7);
	assert_int_equal(span->links[0]->trace_id.len, 16);
	assert_int_equal(span->status->code, 2);
	assert_string_equal(span->status->message, "m");
	release(got);
}

static void values_of_each_type(void **state)
{
	static const struct {
		const char *text;
		int64_t i;
		double d;
		const char *s;
		size_t len;
	} rows[] = {
		{ VALUE("\"intValue\":\"-9223372036854775808\""), INT64_MIN, 0, NULL, 0 },
		{ VALUE("\"intValue\":9223372036854775807"), INT64_MAX, 0, NULL, 0 },
		{ VALUE("\"intValue\":1e3"), 1000, 0, NULL, 0 },
		{ VALUE("\"boolValue\":true"), 1, 0, NULL, 0 },
		{ VALUE("\"doubleValue\":0.5"), 0, .5, NULL, 0 },
		{ VALUE("\"doubleValue\":\"-Infinity\""), 0, -INFINITY, NULL, 0 },
		{ VALUE("\"doubleValue\":3"), 0, 3, NULL, 0 },
		{ VALUE("\"stringValue\":\"a\\u0000b\""), 0, 0, "a\0b", 3 },
		{ VALUE("\"bytesValue\":\"AP/+\""), 0, 0, "\x00\xff\xfe", 3 },
		{ VALUE("\"bytesValue\":\"AP_-\""), 0, 0, "\x00\xff\xfe", 3 },
		{ VALUE("\"bytesValue\":\"AA==\""), 0, 0, "\x00", 1 },
		{ VALUE("\"bytesValue\":\"\""), 0, 0, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		SloProto__ExportTraceServiceRequest *got = read_json(rows[i].text);
		const SloProto__AnyValue *any;

		if (!got)
			fail_msg("row %zu: %s", i, error.msg);
		any = got->resource_spans[0]->scope_spans[0]->spans[0]->attributes[0]->value;
		switch ((int)any->value_case) {
		case SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE:
			assert_true(any->int_value == rows[i].i);
			break;
		case SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE:
			assert_true(any->bool_value == rows[i].i);
			break;
		case SLO_PROTO__ANY_VALUE__VALUE_DOUBLE_VALUE:
			assert_true(any->double_value == rows[i].d);
			break;
		case SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE: /* ends at the NUL for protobuf-c */
			assert_string_equal(any->string_value, rows[i].s);
			break;
		case SLO_PROTO__ANY_VALUE__VALUE_BYTES_VALUE:
			assert_int_equal(any->bytes_value.len, rows[i].len);
			assert_memory_equal(any->bytes_value.data, rows[i].s, rows[i].len);
			break;
		default:
			fail_msg("row %zu: no value", i);
		}
		release(got);
	}
}

static void faults_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "no JSON: nothing is there in line 1, column 1" },
		{ "{\"resourceSpans\":[}",
		  "no JSON: unexpected token near '}' in line 1, column 19" },
		{ "[]", "the request: no object" },
		{ "{\"resourceSpans\":{}}", "resourceSpans: no array" },
		{ "{\"resourceSpans\":[{},7]}", "resourceSpans[1]: no object" },
		{ REQUEST("\"traceId\":7"),
		  "resourceSpans[0].scopeSpans[0].spans[0].traceId: no string of hex" },
		{ REQUEST("\"traceId\":\"AAECAwQFBgcICQoLDA0ODw==\""),
		  "OTLP has ids in hex, not in base64" },
		{ REQUEST(IDS ",\"kind\":\"CLIENT\""),
		  "spans[0].kind: neither a number nor one of its names" },
		{ REQUEST(IDS ",\"startTimeUnixNano\":\"-1\""),
		  "startTimeUnixNano: no whole number from 0" },
		{ REQUEST(IDS ",\"startTimeUnixNano\":\"1 \""),
		  "startTimeUnixNano: no whole number from 0" },
		{ REQUEST(IDS ",\"startTimeUnixNano\":\"99999999999999999999\""),
		  "no whole number from 0" },
		{ REQUEST(IDS ",\"flags\":4294967296"), "flags: above 32 bits" },
		{ REQUEST(IDS ",\"name\":[]"), "name: no string" },
		{ VALUE("\"intValue\":1.5"),
		  "attributes[0].value.intValue: no whole number of 64 bits" },
		{ VALUE("\"doubleValue\":\"x\""), "value.doubleValue: no number" },
		{ VALUE("\"boolValue\":\"true\""), "value.boolValue: neither true nor false" },
		{ VALUE("\"bytesValue\":\"A\""), "value.bytesValue: no base64" },
		{ VALUE("\"bytesValue\":\"A*==\""), "value.bytesValue: no base64" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		assert_null(read_json(rows[i].text));
		assert_int_equal(error.code, -EBADMSG);
		if (!strstr(error.msg, rows[i].why))
			fail_msg("row %zu: %s", i, error.msg);
	}
}

static void ids_of_a_wrong_length_reject_their_span_alone(void **state)
{
	static const char text[] = "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS
				   "},{\"traceId\":\"abcd\"}]}]}]}";
	struct slo_otlp_batch *batch = NULL;
	const struct slo_span *spans;
	const char *why;

	(void)state;
	assert_int_equal(slo_otlp_batch_parse_json(&batch, text, strlen(text), NULL), 0);
	assert_int_equal(slo_otlp_batch_spans(batch, &spans), 1);
	assert_int_equal(slo_otlp_batch_rejected(batch, &why), 1);
	assert_string_equal(why, "span 1: trace_id has 2 bytes instead of 16");
	slo_otlp_batch_freep(&batch);
}

static char *repeat(const char *head, const char *part, size_t times, const char *tail)
{
	size_t len = strlen(part);
	char *text = malloc(strlen(head) + times * len + strlen(tail) + 1), *p = text;

	assert_non_null(text);
	p = stpcpy(p, head);
	for (size_t i = 0; i < times; i++)
		p = stpcpy(p, part);
	(void)stpcpy(p, tail);
	return text;
}

/* Objects of JSON cost a hundred times their text. */
static void values_are_counted_before_they_are_made(void **state)
{
	char *text = repeat("{\"x\":[", "{},", 150000, "{}]}");

	(void)state;
	assert_null(read_json(text));
	assert_int_equal(error.code, -E2BIG);
	assert_non_null(strstr(error.msg, "send protobuf"));
	free(text);
	/* Commas in strings are none of values. */
	text = repeat("{\"x\":\"", ",{\\\"", 300000, "\"}");
	release(read_json(text));
	assert_string_equal(error.msg, "");
	free(text);
}

static void nesting_is_bounded(void **state)
{
	char *text, *deep;

	(void)state;
	text = repeat("{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"value\":",
	              "{\"arrayValue\":{\"values\":[", 400, "");
	deep = repeat(text, "]}}", 400, "}]}}]}");
	assert_null(read_json(deep));
	assert_true(strstr(error.msg, "nested too deeply") || strstr(error.msg, "deeper than"));
	free(deep);
	free(text);
}

/* Long texts in arrays are where protobuf is longest beside JSON. */
static void long_texts_fit(void **state)
{
	char *part = repeat("\"", "x", 16384, "\",");
	char *text = repeat("{\"resourceSpans\":[{\"resource\":{\"entityRefs\":[{\"idKeys\":[",
	                    part, 300, "\"\"]}]}}]}");
	SloProto__ExportTraceServiceRequest *got = read_json(text);

	(void)state;
	assert_non_null(got);
	release(got);
	free(text);
	free(part);
}

static void every_allocation_may_fail(void **state)
{
	static const char text[] = VALUE("\"intValue\":7");
	struct slo_otlp_batch *batch = NULL;
	int code = -ENOMEM, fails = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0; code < 0 && n < 1000; n++, fails++) {
		error = (struct slo_err){ 0 };
		fail_alloc_after = n;
		code = slo_otlp_batch_parse_json(&batch, text, strlen(text), &error);
		fail_alloc_after = -1;
		assert_true(code == 0 || (!batch && *error.msg));
	}
	assert_int_equal(code, 0);
	assert_true(fails > 10);
	slo_otlp_batch_freep(&batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_whole),
		cmocka_unit_test(values_of_each_type),
		cmocka_unit_test(faults_are_told_with_their_place),
		cmocka_unit_test(ids_of_a_wrong_length_reject_their_span_alone),
		cmocka_unit_test(values_are_counted_before_they_are_made),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(long_texts_fit),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("otlp_json", tests, NULL, NULL);
}
