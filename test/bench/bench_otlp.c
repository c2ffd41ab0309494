/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds that one span costs the walker: reading it, and writing it again with three attributes more. Beside it, in
 * the same run, what protobuf-c needs to unpack and pack the same bytes. Nothing is judged here: machines differ.
 */
#include <stdio.h>
#include <trace.pb-c.h>

#include "core/base/clock.h"
#include "core/export/otlp_batch.h"
#include "test/unit/export/otlp_random.h"

#define SPANS 512 /* an SDK's batch */
#define ROUNDS 60

static void text_attr(struct bytes *span, const char *key, const char *value)
{
	struct bytes kv = { 0 }, any = { 0 };

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, key);
	put_text(&any, SLO_OTLP_ANY_STRING, value);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(span, SLO_OTLP_SPAN_ATTRIBUTES, &kv);
}

static void int_attr(struct bytes *span, const char *key, uint64_t value)
{
	struct bytes kv = { 0 }, any = { 0 };

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, key);
	put_number(&any, SLO_OTLP_ANY_INT, value);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(span, SLO_OTLP_SPAN_ATTRIBUTES, &kv);
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

/* A chat request with 15 attributes, as OpenTelemetry's conventions have it. */
static void put_chat(struct otlp_random *r, struct bytes *b)
{
	struct bytes span = { 0 };
	uint64_t start = UINT64_C(1790000000000000000) + below(r, 1000000000);

	put_id(r, &span, SLO_OTLP_SPAN_TRACE_ID, 16);
	put_id(r, &span, SLO_OTLP_SPAN_SPAN_ID, 8);
	put_id(r, &span, SLO_OTLP_SPAN_PARENT_ID, 8);
	put_text(&span, SLO_OTLP_SPAN_NAME, "chat gpt-4o-mini");
	put_number(&span, SLO_OTLP_SPAN_KIND, 3);
	put_fixed(&span, SLO_OTLP_SPAN_START, start, 8);
	put_fixed(&span, SLO_OTLP_SPAN_END, start + 1500000000, 8);
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
	put_message(b, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
}

static struct bytes request_of(size_t spans)
{
	struct otlp_random r = { .state = 0x5107 };
	struct bytes request = { 0 }, rs = { 0 }, ss = { 0 };

	for (size_t i = 0; i < spans; i++)
		put_chat(&r, &ss);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(&request, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	return request;
}

static void three(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	(void)user;
	(void)i;
	(void)span;
	ret->count = 3;
	ret->attr[0] = (struct slo_otlp_attr){ .key = "llm.ebpf.dns.latency_ms",
		                               .type = SLO_OTLP_DOUBLE,
		                               .d = 41.5 };
	ret->attr[1] = (struct slo_otlp_attr){ .key = "llm.ebpf.correlation_confidence",
		                               .type = SLO_OTLP_DOUBLE,
		                               .d = 1 };
	ret->attr[2] = (struct slo_otlp_attr){ .key = "llm.ebpf.correlation_tier",
		                               .type = SLO_OTLP_STRING,
		                               .s = "trace_id_exact" };
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct figures {
	uint64_t parse_ns, splice_ns, peer_ns; /* of one request, the best round's */
};

static void measure_ours(const struct bytes *in, struct figures *f)
{
	struct slo_otlp_batch *batch = NULL;
	uint8_t *body = malloc(in->len), *out;
	uint64_t t0, t1, t2;
	size_t len;

	memcpy(body, in->p, in->len);
	t0 = slo_clock_monotonic_ns();
	if (slo_otlp_batch_parse(&batch, body, in->len, NULL) < 0)
		abort();
	t1 = slo_clock_monotonic_ns();
	if (slo_otlp_batch_splice(batch, three, NULL, &out, &len) < 0)
		abort();
	t2 = slo_clock_monotonic_ns();
	f->parse_ns = least(f->parse_ns, t1 - t0);
	f->splice_ns = least(f->splice_ns, t2 - t1);
	free(out);
	slo_otlp_batch_freep(&batch);
}

static void measure_peer(const struct bytes *in, struct figures *f)
{
	uint8_t *out = malloc(in->len + 1);
	uint64_t t0 = slo_clock_monotonic_ns();
	SloProto__ExportTraceServiceRequest *request =
		slo_proto__export_trace_service_request__unpack(NULL, in->len, in->p);

	if (!request || slo_proto__export_trace_service_request__pack(request, out) != in->len)
		abort();
	slo_proto__export_trace_service_request__free_unpacked(request, NULL);
	f->peer_ns = least(f->peer_ns, slo_clock_monotonic_ns() - t0);
	free(out);
}

int main(void)
{
	struct figures f = { UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct bytes in = request_of(SPANS);
	double ours;

	for (int round = 0; round < ROUNDS; round++) {
		measure_ours(&in, &f);
		measure_peer(&in, &f);
	}
	ours = (double)(f.parse_ns + f.splice_ns) / SPANS;
	printf("otlp: %d spans of 15 attributes, %zu bytes each\n", SPANS, in.len / SPANS);
	printf("parse                %7.1f ns/span\n", (double)f.parse_ns / SPANS);
	printf("splice, 3 attributes %7.1f ns/span\n", (double)f.splice_ns / SPANS);
	printf("parse + splice       %7.1f ns/span\n", ours);
	printf("protobuf-c, unpack + pack + free %7.1f ns/span, %.1f times ours\n",
	       (double)f.peer_ns / SPANS, (double)f.peer_ns / SPANS / ours);
	free(in.p);
	return 0;
}
