/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/export/llm_request.h"
#include "test/unit/export/otlp_write.h"

static struct slo_otlp_batch *batch;
static const struct slo_span *spans;

/* Takes @request, and borrows its spans until the test ends. */
static size_t read_request(struct bytes *request)
{
	struct slo_err err = { 0 };

	slo_otlp_batch_freep(&batch);
	assert_int_equal(slo_otlp_batch_parse(&batch, request->p, request->len, &err), 0);
	*request = (struct bytes){ 0 };
	return slo_otlp_batch_spans(batch, &spans);
}

static size_t read_spans(const struct test_span *list, size_t count)
{
	struct bytes request = { 0 };

	write_service(&request, "gateway", list, count);
	return read_request(&request);
}

static const struct slo_span *read_span(struct test_span s)
{
	if (!s.id)
		s.id = 9;
	if (!s.ms)
		s.ms = 2000;
	assert_int_equal(read_spans(&s, 1), 1);
	return &spans[0];
}

static int release(void **state)
{
	(void)state;
	slo_otlp_batch_freep(&batch);
	return 0;
}

static double number_of(const struct slo_llm_request *llm, enum slo_llm_field field)
{
	switch ((int)field) {
	case SLO_LLM_TTFT:
		return llm->ttft_ms;
	case SLO_LLM_LATENCY:
		return llm->latency_ms;
	case SLO_LLM_QUEUE:
		return llm->queue_ms;
	case SLO_LLM_OUTPUT_TOKENS:
		return llm->output_tokens;
	case SLO_LLM_TOKENS_PER_SEC:
		return llm->tokens_per_sec;
	default:
		return -1;
	}
}

static void each_alias_of_a_number_gives_it_in_our_unit(void **state)
{
	const struct slo_llm_alias *rows;
	size_t count = slo_llm_aliases(&rows), seen = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct test_span s = { .attrs = { { rows[i].key, NULL, .375 } } };
		double got;

		if (rows[i].field > SLO_LLM_TOKENS_PER_SEC)
			continue;
		got = number_of(&read_span(s)->llm, rows[i].field);
		assert_true(got == .375 * rows[i].scale);
		assert_true(rows[i].scale == 1 || rows[i].scale == 1000);
		seen++;
	}
	assert_true(seen > 10);
}

static void rows_are_found_by_their_keys_alone(void **state)
{
	const struct slo_otlp_value one = { .type = SLO_OTLP_VALUE_TEXT,
		                            .text = { (const uint8_t *)"1",
		                                      (const uint8_t *)"1" + 1 } };
	struct slo_llm_reading reading;
	const struct slo_llm_alias *rows;
	struct slo_llm_index index;
	size_t count = slo_llm_aliases(&rows);

	(void)state;
	slo_llm_index_init(&index);
	for (size_t i = 0; i < count; i++) {
		struct slo_wire key = { (const uint8_t *)rows[i].key,
			                (const uint8_t *)rows[i].key + rows[i].key_len };

		assert_int_equal(strlen(rows[i].key), rows[i].key_len);
		slo_llm_reading_begin(&reading, &index);
		slo_llm_reading_attr(&reading, key, &one);
		assert_int_equal(reading.row[rows[i].field], i + 1);
		slo_llm_reading_begin(&reading, &index);
		key.end--;
		slo_llm_reading_attr(&reading, key, &one);
		assert_int_not_equal(reading.row[rows[i].field], i + 1);
	}
}

static void the_preferred_name_wins_in_any_order(void **state)
{
	const struct test_attr ours = { "llm.slo.ttft_ms", NULL, 111 };
	const struct test_attr otel = { "gen_ai.response.time_to_first_chunk", NULL, .5 };

	(void)state;
	assert_true(read_span((struct test_span){ .attrs = { ours, otel } })->llm.ttft_ms == 111);
	assert_true(read_span((struct test_span){ .attrs = { otel, ours } })->llm.ttft_ms == 111);
}

static void senseless_numbers_say_nothing(void **state)
{
	static const struct test_attr rows[] = {
		{ "gen_ai.response.time_to_first_chunk", NULL, -1 },
		{ "gen_ai.response.time_to_first_chunk", "soon", 0 },
		{ "gen_ai.response.time_to_first_chunk", "", 0 },
		{ "gen_ai.response.time_to_first_chunk", "inf", 0 },
		{ "gen_ai.response.time_to_first_chunk", "nan", 0 },
		{ "gen_ai.response.time_to_first_chunk", "1e999", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		assert_true(
			isnan(read_span((struct test_span){ .attrs = { rows[i] } })->llm.ttft_ms));
	assert_true(read_span((struct test_span){
				      .attrs = { { "ai.response.msToFirstChunk", "25.5", 0 } } })
	                    ->llm.ttft_ms == 25.5);
}

static void first_tokens_are_told_by_events_too(void **state)
{
	struct test_span s = { .event = { .at_ms = 300 } };
	size_t seen = 0;

	(void)state;
	for (const char *const *e = slo_llm_first_token_events(); *e; e++, seen++) {
		s.event.name = *e;
		assert_true(read_span(s)->llm.ttft_ms == 300);
	}
	assert_true(seen > 3);
	s.event.name = "gen_ai.choice";
	assert_true(isnan(read_span(s)->llm.ttft_ms));
	s.event.name = "first_token";
	s.event.at_ms = -5; /* before the span */
	assert_true(isnan(read_span(s)->llm.ttft_ms));
	s.event.at_ms = 300;
	s.attrs[0] = (struct test_attr){ "gen_ai.latency.time_to_first_token", NULL, .25 };
	assert_true(read_span(s)->llm.ttft_ms == 250);
}

static void classes_of_spans(void **state)
{
	static const struct {
		struct test_attr attrs[4];
		bool request, retrieval;
		enum slo_span_kind kind;
	} rows[] = {
		{ { { "gen_ai.operation.name", "chat", 0 } }, true, false, SLO_SPAN_CLIENT },
		{ { { "gen_ai.operation.name", "chat", 0 } }, true, false, SLO_SPAN_SERVER },
		{ { { "gen_ai.operation.name", "text_completion", 0 } },
		  true,
		  false,
		  SLO_SPAN_INTERNAL },
		{ { { "gen_ai.operation.name", "generate_content", 0 } }, true, false, 0 },
		{ { { "gen_ai.operation.name", "chat", 0 } }, false, false, SLO_SPAN_PRODUCER },
		{ { { "gen_ai.operation.name", "embeddings", 0 } }, false, false, 0 },
		{ { { "gen_ai.operation.name", "invoke_agent", 0 },
		    { "gen_ai.request.model", "m", 0 },
		    { "gen_ai.usage.output_tokens", NULL, 5 } },
		  false,
		  false,
		  0 },
		{ { { "gen_ai.operation.name", "retrieval", 0 } }, false, true, 0 },
		{ { { "gen_ai.operation.name", "execute_tool", 0 } }, false, false, 0 },
		{ { { "gen_ai.operation.name", "execute_tool", 0 },
		    { "gen_ai.tool.name", "web_Search", 0 } },
		  false,
		  true,
		  0 },
		{ { { "gen_ai.operation.name", "execute_tool", 0 },
		    { "gen_ai.tool.type", "datastore", 0 } },
		  false,
		  true,
		  0 },
		{ { { "gen_ai.tool.name", "web_search", 0 } }, false, false, 0 },
		{ { { "openinference.span.kind", "LLM", 0 } }, true, false, 0 },
		{ { { "openinference.span.kind", "RETRIEVER", 0 } }, false, true, 0 },
		{ { { "openinference.span.kind", "CHAIN", 0 }, { "llm.model_name", "m", 0 } },
		  false,
		  false,
		  0 },
		{ { { "langsmith.span.kind", "llm", 0 } }, true, false, 0 },
		{ { { "openinference.span.kind", "TOOL", 0 }, { "tool.name", "retriever", 0 } },
		  false,
		  true,
		  0 },
		{ { { "llm.request.type", "chat", 0 } }, true, false, SLO_SPAN_CLIENT },
		{ { { "llm.request.type", "rerank", 0 } }, false, false, SLO_SPAN_CLIENT },
		{ { { "traceloop.span.kind", "workflow", 0 } }, false, false, 0 },
		{ { { "langfuse.observation.type", "generation", 0 } }, true, false, 0 },
		{ { { "ai.operationId", "ai.streamText", 0 },
		    { "ai.response.msToFirstChunk", NULL, 20 } },
		  false,
		  false,
		  0 },
		{ { { "ai.operationId", "ai.streamText.doStream", 0 } }, true, false, 0 },
		{ { { "gen_ai.latency.time_to_first_token", NULL, .5 } },
		  true,
		  false,
		  SLO_SPAN_SERVER },
		{ { { "gen_ai.latency.e2e", NULL, .5 },
		    { "gen_ai.usage.completion_tokens", NULL, 7 } },
		  true,
		  false,
		  SLO_SPAN_SERVER },
		{ { { "gen_ai.system", "openai", 0 },
		    { "gen_ai.request.model", "m", 0 },
		    { "gen_ai.usage.output_tokens", NULL, 7 } },
		  true,
		  false,
		  SLO_SPAN_CLIENT },
		{ { { "gen_ai.system", "openai", 0 } }, false, false, SLO_SPAN_CLIENT },
		{ { { "db.system.name", "qdrant", 0 } }, false, true, SLO_SPAN_CLIENT },
		{ { { "db.system", "Pinecone", 0 } }, false, true, SLO_SPAN_CLIENT },
		{ { { "db.system.name", "postgresql", 0 } }, false, false, SLO_SPAN_CLIENT },
		{ { { "http.response.status_code", NULL, 200 } }, false, false, SLO_SPAN_CLIENT },
		{ { { "db.system", "chromatic", 0 } }, false, false, SLO_SPAN_CLIENT },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct test_span s = { .kind = rows[i].kind };
		const struct slo_span *got;

		memcpy(s.attrs, rows[i].attrs, sizeof(rows[i].attrs));
		got = read_span(s);
		if (got->llm.is_request != rows[i].request ||
		    got->llm.is_retrieval != rows[i].retrieval)
			fail_msg("row %zu: request %d, retrieval %d", i, got->llm.is_request,
			         got->llm.is_retrieval);
	}
}

static void errors_have_classes(void **state)
{
	static const struct {
		struct test_attr attrs[3];
		int status;
		struct test_event event;
		enum slo_llm_error error;
	} rows[] = {
		{ { { 0 } }, 0, { 0 }, SLO_LLM_OK },
		{ { { 0 } }, 1, { 0 }, SLO_LLM_OK },
		{ { { 0 } }, 2, { 0 }, SLO_LLM_OTHER_ERROR },
		{ { { "http.response.status_code", NULL, 200 } }, 0, { 0 }, SLO_LLM_OK },
		{ { { "http.response.status_code", NULL, 429 } }, 0, { 0 }, SLO_LLM_THROTTLED },
		{ { { "http.status_code", NULL, 529 } }, 2, { 0 }, SLO_LLM_THROTTLED },
		{ { { "http.response.status_code", NULL, 503 } }, 2, { 0 }, SLO_LLM_SERVER_ERROR },
		{ { { "http.response.status_code", NULL, 401 } }, 2, { 0 }, SLO_LLM_CLIENT_ERROR },
		{ { { "http.response.status_code", NULL, 429 },
		    { "error.type", "insufficient_quota", 0 } },
		  2,
		  { 0 },
		  SLO_LLM_CLIENT_ERROR },
		{ { { "error.type", "429", 0 } }, 2, { 0 }, SLO_LLM_THROTTLED },
		{ { { "error.type", "429", 0 }, { "llm.slo.ttft_ms", NULL, 5 } },
		  2,
		  { 0 },
		  SLO_LLM_THROTTLED },
		{ { { "error.type", "openai.RateLimitError", 0 } }, 0, { 0 }, SLO_LLM_THROTTLED },
		{ { { "error.type", "RESOURCE_EXHAUSTED", 0 } }, 2, { 0 }, SLO_LLM_THROTTLED },
		{ { { "rpc.grpc.status_code", NULL, 8 } }, 2, { 0 }, SLO_LLM_THROTTLED },
		{ { { "rpc.grpc.status_code", NULL, 14 } }, 2, { 0 }, SLO_LLM_SERVER_ERROR },
		{ { { "rpc.grpc.status_code", NULL, 0 } }, 0, { 0 }, SLO_LLM_OK },
		{ { { "error.type", "overloaded_error", 0 } }, 2, { 0 }, SLO_LLM_SERVER_ERROR },
		{ { { "error.type", "openai.APITimeoutError", 0 } },
		  2,
		  { 0 },
		  SLO_LLM_SERVER_ERROR },
		{ { { "error.type", "AuthenticationError", 0 } }, 2, { 0 }, SLO_LLM_CLIENT_ERROR },
		{ { { "error.type", "ValueError", 0 } }, 2, { 0 }, SLO_LLM_OTHER_ERROR },
		{ { { "error.type", "overloaded_error", 0 }, { "llm.slo.ttft_ms", NULL, 5 } },
		  2,
		  { 0 },
		  SLO_LLM_STREAM_ERROR },
		{ { { 0 } }, 2, { "first_token", 20, { 0 } }, SLO_LLM_STREAM_ERROR },
		{ { { 0 } },
		  2,
		  { "exception", 20, { "exception.type", "RateLimitError", 0 } },
		  SLO_LLM_THROTTLED },
		{ { { 0 } },
		  0,
		  { "exception", 20, { "exception.type", "RateLimitError", 0 } },
		  SLO_LLM_OK }, /* it was handled */
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct test_span s = { .status = rows[i].status, .event = rows[i].event };
		enum slo_llm_error got;

		memcpy(s.attrs, rows[i].attrs, sizeof(rows[i].attrs));
		got = read_span(s)->llm.error;
		if (got != rows[i].error)
			fail_msg("row %zu: error %d instead of %d", i, got, rows[i].error);
	}
}

static void connections_are_said_in_full_or_not_at_all(void **state)
{
	static const struct {
		enum slo_span_kind kind;
		struct test_attr attrs[6];
		const char *conn;
	} rows[] = {
		{ SLO_SPAN_CLIENT,
		  { { "network.local.address", "10.0.0.7", 0 },
		    { "network.local.port", NULL, 40123 },
		    { "network.peer.address", "::ffff:192.0.2.9", 0 },
		    { "network.peer.port", NULL, 443 } },
		  "10.0.0.7:40123->192.0.2.9:443/tcp" },
		{ SLO_SPAN_CLIENT,
		  { { "network.local.address", "2001:DB8:0::7", 0 },
		    { "network.local.port", NULL, 1 },
		    { "network.peer.address", "2001:db8::1", 0 },
		    { "network.peer.port", NULL, 65535 },
		    { "network.transport", "udp", 0 } },
		  "[2001:db8::7]:1->[2001:db8::1]:65535/udp" },
		{ SLO_SPAN_SERVER,
		  { { "server.address", "10.0.0.7", 0 },
		    { "server.port", NULL, 8000 },
		    { "client.address", "10.0.0.9", 0 },
		    { "client.port", NULL, 50000 } },
		  "10.0.0.7:8000->10.0.0.9:50000/tcp" },
		{ SLO_SPAN_CLIENT,
		  { { "net.sock.host.addr", "10.0.0.7", 0 },
		    { "net.sock.host.port", "40123", 0 },
		    { "server.address", "10.0.0.9", 0 },
		    { "server.port", NULL, 50000 } },
		  "10.0.0.7:40123->10.0.0.9:50000/tcp" },
		{ SLO_SPAN_CLIENT,
		  { { "network.peer.address", "10.0.0.7", 0 }, { "network.peer.port", NULL, 443 } },
		  "" },
		{ SLO_SPAN_CLIENT,
		  { { "network.local.address", "10.0.0.7", 0 },
		    { "network.local.port", NULL, 40123 },
		    { "server.address", "api.example.com", 0 },
		    { "server.port", NULL, 443 } },
		  "" },
		{ SLO_SPAN_CLIENT,
		  { { "network.local.address", "10.0.0.7", 0 },
		    { "network.local.port", NULL, 70000 },
		    { "network.peer.address", "10.0.0.8", 0 },
		    { "network.peer.port", NULL, 443 } },
		  "" },
		{ SLO_SPAN_CLIENT,
		  { { "network.local.address", "10.0.0.7", 0 },
		    { "network.local.port", NULL, 40123 },
		    { "network.peer.address", "2001:db8::1", 0 },
		    { "network.peer.port", NULL, 443 } },
		  "" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct test_span s = { .kind = rows[i].kind };

		memcpy(s.attrs, rows[i].attrs, sizeof(rows[i].attrs));
		assert_string_equal(read_span(s)->conn, rows[i].conn);
	}
}

static void forgotten_connections_free_their_memory(void **state)
{
	struct test_span two[2] = { { .id = 1, .ms = 1 }, { .id = 2, .ms = 1 } };
	size_t before;

	(void)state;
	memcpy(two[1].attrs,
	       (struct test_attr[]){ { "network.local.address", "10.0.0.5", 0 },
	                             { "network.local.port", NULL, 40123 },
	                             { "network.peer.address", "10.0.0.9", 0 },
	                             { "network.peer.port", NULL, 443 } },
	       4 * sizeof(struct test_attr));
	assert_int_equal(read_spans(two, 2), 2);
	assert_string_equal(spans[1].conn, "10.0.0.5:40123->10.0.0.9:443/tcp");
	before = slo_otlp_batch_bytes(batch);
	for (int again = 0; again < 2; again++) {
		slo_otlp_batch_forget_conns(batch);
		assert_string_equal(spans[0].conn, "");
		assert_string_equal(spans[1].conn, "");
		assert_int_equal(before - slo_otlp_batch_bytes(batch), 2 * SLO_SPAN_CONN_LEN);
	}
}

#define CHAT                                       \
	{                                          \
		"gen_ai.operation.name", "chat", 0 \
	}

/* A framework's span around its SDK's, with an HTTP span in between: one request. */
static void nested_instrumentation_counts_once(void **state)
{
	static const struct test_span list[] = {
		{ .id = 3,
		  .parent = 2,
		  .from_ms = 10,
		  .ms = 900,
		  .attrs = { CHAT,
		             { "gen_ai.response.time_to_first_chunk", NULL, .2 },
		             { "gen_ai.usage.output_tokens", NULL, 79 },
		             { "gen_ai.request.model", "m", 0 } } },
		{ .id = 2, .parent = 1, .from_ms = 5, .ms = 950 },
		{ .id = 1, .parent = 9, .from_ms = 0, .ms = 1000, .attrs = { CHAT } },
	};

	(void)state;
	assert_int_equal(read_spans(list, 3), 3);
	assert_false(spans[0].llm.is_request);
	assert_false(spans[1].llm.is_request);
	assert_true(spans[2].llm.is_request);
	assert_true(spans[2].llm.ttft_ms == 210); /* from the outer span's start */
	assert_true(spans[2].llm.output_tokens == 79);
	assert_true(spans[2].llm.tokens_per_sec == 100);
	assert_int_equal(spans[2].llm.model_len, 1);
}

static void an_agent_between_makes_two_requests(void **state)
{
	static const struct test_span list[] = {
		{ .id = 1, .ms = 1000, .attrs = { CHAT } },
		{ .id = 2,
		  .parent = 1,
		  .ms = 900,
		  .attrs = { { "gen_ai.operation.name", "execute_tool", 0 } } },
		{ .id = 3, .parent = 2, .ms = 800, .attrs = { CHAT } },
		{ .id = 4,
		  .parent = 1,
		  .trace = 7,
		  .ms = 800,
		  .attrs = { CHAT } }, /* another trace */
		{ .id = 5, .parent = 5, .ms = 800, .attrs = { CHAT } }, /* its own parent */
	};

	(void)state;
	assert_int_equal(read_spans(list, 5), 5);
	assert_true(spans[0].llm.is_request);
	assert_true(spans[2].llm.is_request);
	assert_true(spans[3].llm.is_request);
	assert_true(spans[4].llm.is_request);
}

/* The engine's request and the application's are each counted in its own service's SLO. */
static void services_count_for_themselves(void **state)
{
	static const struct test_span app = { .id = 1, .ms = 1000, .attrs = { CHAT } };
	static const struct test_span engine = { .id = 2,
		                                 .parent = 1,
		                                 .ms = 800,
		                                 .attrs = { { "gen_ai.latency.time_to_first_token",
		                                              NULL, .25 } } };
	struct bytes request = { 0 };

	(void)state;
	write_service(&request, "app", &app, 1);
	write_service(&request, "vllm", &engine, 1);
	assert_int_equal(read_request(&request), 2);
	assert_true(spans[0].llm.is_request && spans[1].llm.is_request);
	assert_true(isnan(spans[0].llm.ttft_ms));
}

static void a_retry_within_leaves_a_good_request_good(void **state)
{
	static const struct test_span list[] = {
		{ .id = 1, .ms = 1000, .attrs = { CHAT } },
		{ .id = 2,
		  .parent = 1,
		  .ms = 10,
		  .status = 2,
		  .attrs = { CHAT, { "http.response.status_code", NULL, 429 } } },
		{ .id = 3, .parent = 1, .from_ms = 500, .ms = 400, .attrs = { CHAT } },
		{ .id = 4, .ms = 1000, .status = 2, .attrs = { CHAT } },
		{ .id = 5,
		  .parent = 4,
		  .ms = 10,
		  .status = 2,
		  .attrs = { CHAT, { "http.response.status_code", NULL, 429 } } },
	};

	(void)state;
	assert_int_equal(read_spans(list, 5), 5);
	assert_int_equal(spans[0].llm.error, SLO_LLM_OK);
	assert_int_equal(spans[1].llm.error, SLO_LLM_THROTTLED);
	assert_int_equal(spans[3].llm.error, SLO_LLM_THROTTLED);
}

/* Parents in a ring end, and a chain longer than is looked at ends too. */
static void rings_of_parents_end(void **state)
{
	struct test_span list[200] = { 0 };

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		list[i].id = (uint8_t)(i + 1);
		list[i].parent = (uint8_t)(i ? i : 200);
		list[i].ms = 10;
		list[i].attrs[0] = (struct test_attr)CHAT;
	}
	assert_int_equal(read_spans(list, 200), 200);
}

static void rates_count_from_the_first_token(void **state)
{
	struct test_span s = { .ms = 2000,
		               .attrs = { { "gen_ai.usage.output_tokens", NULL, 100 } } };

	(void)state;
	assert_true(read_span(s)->llm.tokens_per_sec == 50);
	s.attrs[1] = (struct test_attr){ "llm.slo.ttft_ms", NULL, 1000 };
	assert_true(read_span(s)->llm.tokens_per_sec == 100);
	s.attrs[1].number = 2000; /* nothing after it: no stream */
	assert_true(read_span(s)->llm.tokens_per_sec == 50);
	s.attrs[1].key = "gen_ai.latency.e2e";
	s.attrs[1].number = 4;
	assert_true(read_span(s)->llm.tokens_per_sec == 25);
}

/* The page names every row; what it names beside that a person must see. */
static void the_page_names_every_alias(void **state)
{
	static char page[32768];
	const struct slo_llm_alias *rows;
	size_t count = slo_llm_aliases(&rows);
	FILE *f = fopen(SLO_TEST_DIR "/../core/export/otlp.md", "re");
	char quoted[80];

	(void)state;
	if (!f)
		skip(); /* the binary is run elsewhere */
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	(void)fclose(f);
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(quoted, sizeof(quoted), "`%s`", rows[i].key);
		if (!strstr(page, quoted))
			fail_msg("core/export/otlp.md lacks %s", quoted);
	}
	for (const char *const *e = slo_llm_first_token_events(); *e; e++)
		assert_non_null(strstr(page, *e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_alias_of_a_number_gives_it_in_our_unit, release),
		cmocka_unit_test_teardown(rows_are_found_by_their_keys_alone, release),
		cmocka_unit_test_teardown(the_preferred_name_wins_in_any_order, release),
		cmocka_unit_test_teardown(senseless_numbers_say_nothing, release),
		cmocka_unit_test_teardown(first_tokens_are_told_by_events_too, release),
		cmocka_unit_test_teardown(classes_of_spans, release),
		cmocka_unit_test_teardown(errors_have_classes, release),
		cmocka_unit_test_teardown(connections_are_said_in_full_or_not_at_all, release),
		cmocka_unit_test_teardown(forgotten_connections_free_their_memory, release),
		cmocka_unit_test_teardown(nested_instrumentation_counts_once, release),
		cmocka_unit_test_teardown(an_agent_between_makes_two_requests, release),
		cmocka_unit_test_teardown(services_count_for_themselves, release),
		cmocka_unit_test_teardown(a_retry_within_leaves_a_good_request_good, release),
		cmocka_unit_test_teardown(rings_of_parents_end, release),
		cmocka_unit_test_teardown(rates_count_from_the_first_token, release),
		cmocka_unit_test(the_page_names_every_alias),
	};

	return cmocka_run_group_tests_name("llm_request", tests, NULL, NULL);
}
