/* SPDX-License-Identifier: Apache-2.0 */
/* A request of chat spans as an SDK sends them, for the benchmarks of OTLP. */
#ifndef SLO_BENCH_OTLP_REQUEST_H
#define SLO_BENCH_OTLP_REQUEST_H

#include <string.h>

#include "core/export/otlp_batch.h"
#include "test/unit/export/otlp_random.h"

static void text_field(struct bytes *b, uint32_t number, const char *key, const char *value)
{
	struct bytes kv = { 0 }, any = { 0 };

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, key);
	put_text(&any, SLO_OTLP_ANY_STRING, value);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(b, number, &kv);
}

static void int_field(struct bytes *b, uint32_t number, const char *key, uint64_t value)
{
	struct bytes kv = { 0 }, any = { 0 };

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, key);
	put_number(&any, SLO_OTLP_ANY_INT, value);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(b, number, &kv);
}

static void text_attr(struct bytes *span, const char *key, const char *value)
{
	text_field(span, SLO_OTLP_SPAN_ATTRIBUTES, key, value);
}

static void int_attr(struct bytes *span, const char *key, uint64_t value)
{
	int_field(span, SLO_OTLP_SPAN_ATTRIBUTES, key, value);
}

static void double_attr(struct bytes *span, const char *key, double value)
{
	struct bytes kv = { 0 }, any = { 0 };
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, key);
	put_fixed(&any, SLO_OTLP_ANY_DOUBLE, bits, 8);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(span, SLO_OTLP_SPAN_ATTRIBUTES, &kv);
}

/* A chat request of some time, its length given, with 15 attributes as OpenTelemetry's conventions have it. */
static struct bytes chat_of(struct otlp_random *r, uint64_t length_ns)
{
	struct bytes span = { 0 };
	uint64_t start = UINT64_C(1790000000000000000) + below(r, 1000000000);

	put_id(r, &span, SLO_OTLP_SPAN_TRACE_ID, 16);
	put_id(r, &span, SLO_OTLP_SPAN_SPAN_ID, 8);
	put_id(r, &span, SLO_OTLP_SPAN_PARENT_ID, 8);
	put_text(&span, SLO_OTLP_SPAN_NAME, "chat gpt-4o-mini");
	put_number(&span, SLO_OTLP_SPAN_KIND, 3);
	put_fixed(&span, SLO_OTLP_SPAN_START, start, 8);
	put_fixed(&span, SLO_OTLP_SPAN_END, start + length_ns, 8);
	text_attr(&span, "gen_ai.operation.name", "chat");
	text_attr(&span, "gen_ai.provider.name", "openai");
	text_attr(&span, "gen_ai.request.model", "gpt-4o-mini");
	text_attr(&span, "gen_ai.response.model", "gpt-4o-mini-2024-07-18");
	text_attr(&span, "gen_ai.response.id", "chatcmpl-BxkS9m2mP3u7ZhYQ2kXa");
	double_attr(&span, "gen_ai.request.temperature", .7);
	double_attr(&span, "gen_ai.response.time_to_first_chunk", .412);
	int_attr(&span, "gen_ai.request.max_tokens", 1024);
	int_attr(&span, "gen_ai.usage.input_tokens", 812);
	int_attr(&span, "gen_ai.usage.output_tokens", 219);
	text_attr(&span, "server.address", "api.openai.com");
	int_attr(&span, "server.port", 443);
	text_attr(&span, "http.request.method", "POST");
	int_attr(&span, "http.response.status_code", 200);
	text_attr(&span, "code.function.name", "gateway.handlers.chat.stream_completion");
	return span;
}

static inline void put_chat(struct otlp_random *r, struct bytes *ss)
{
	struct bytes span = chat_of(r, 1500000000);

	put_message(ss, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
}

static inline struct bytes request_of(size_t spans)
{
	struct otlp_random r = { .state = 0x5107 };
	struct bytes request = { 0 }, rs = { 0 }, ss = { 0 };

	for (size_t i = 0; i < spans; i++)
		put_chat(&r, &ss);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(&request, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	return request;
}

#endif
