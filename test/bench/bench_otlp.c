/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds that one span costs the walker: reading it, and writing it again with three attributes more. Beside it, in
 * the same run, what protobuf-c needs to unpack and pack the same bytes. Nothing is judged here: machines differ.
 */
#include <inttypes.h>
#include <stdio.h>
#include <trace.pb-c.h>

#include "core/base/clock.h"
#include "core/export/otlp_batch.h"
#include "test/bench/otlp_request.h"

#define SPANS 512 /* an SDK's batch */
#define ROUNDS 60

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

static void put_hex_field(struct bytes *b, const char *name, const ProtobufCBinaryData *id)
{
	char text[64];

	put(b, text, (size_t)snprintf(text, sizeof(text), "\"%s\":\"", name));
	for (size_t i = 0; i < id->len; i++)
		put(b, text, (size_t)snprintf(text, sizeof(text), "%02x", id->data[i]));
	put(b, "\",", 2);
}

static void put_json_attr(struct bytes *b, const SloProto__KeyValue *kv, bool first)
{
	const SloProto__AnyValue *v = kv->value;
	char text[256];
	int n;

	n = snprintf(text, sizeof(text), "%s{\"key\":\"%s\",\"value\":{", first ? "" : ",",
	             kv->key);
	put(b, text, (size_t)n);
	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE)
		n = snprintf(text, sizeof(text), "\"stringValue\":\"%s\"}}", v->string_value);
	else if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE)
		n = snprintf(text, sizeof(text), "\"intValue\":\"%" PRId64 "\"}}", v->int_value);
	else
		n = snprintf(text, sizeof(text), "\"doubleValue\":%g}}", v->double_value);
	put(b, text, (size_t)n);
}

/* The same spans in OTLP/JSON. */
static struct bytes to_json(const struct bytes *in)
{
	SloProto__ExportTraceServiceRequest *request =
		slo_proto__export_trace_service_request__unpack(NULL, in->len, in->p);
	const SloProto__ScopeSpans *ss = request->resource_spans[0]->scope_spans[0];
	struct bytes b = { 0 };
	char text[256];

	put(&b, text,
	    (size_t)snprintf(text, sizeof(text),
	                     "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["));
	for (size_t i = 0; i < ss->n_spans; i++) {
		const SloProto__Span *span = ss->spans[i];

		put(&b, i ? ",{" : "{", i ? 2 : 1);
		put_hex_field(&b, "traceId", &span->trace_id);
		put_hex_field(&b, "spanId", &span->span_id);
		put_hex_field(&b, "parentSpanId", &span->parent_span_id);
		put(&b, text,
		    (size_t)snprintf(text, sizeof(text),
		                     "\"name\":\"%s\",\"kind\":3,\"startTimeUnixNano\":\"%" PRIu64
		                     "\",\"endTimeUnixNano\":\"%" PRIu64 "\",\"attributes\":[",
		                     span->name, span->start_time_unix_nano,
		                     span->end_time_unix_nano));
		for (size_t k = 0; k < span->n_attributes; k++)
			put_json_attr(&b, span->attributes[k], k == 0);
		put(&b, "]}", 2);
	}
	put(&b, "]}]}]}", 6);
	slo_proto__export_trace_service_request__free_unpacked(request, NULL);
	return b;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct figures {
	uint64_t parse_ns, splice_ns, json_ns, peer_ns; /* of one request, the best round's */
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

static void measure_json(const struct bytes *in, struct figures *f)
{
	struct slo_otlp_batch *batch = NULL;
	uint64_t t0 = slo_clock_monotonic_ns();
	const struct slo_span *spans;

	if (slo_otlp_batch_parse_json(&batch, (const char *)in->p, in->len, NULL) < 0 ||
	    slo_otlp_batch_spans(batch, &spans) != SPANS)
		abort();
	f->json_ns = least(f->json_ns, slo_clock_monotonic_ns() - t0);
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
	struct figures f = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };
	struct bytes in = request_of(SPANS), json = to_json(&in);
	double ours;

	for (int round = 0; round < ROUNDS; round++) {
		measure_ours(&in, &f);
		measure_peer(&in, &f);
		measure_json(&json, &f);
	}
	ours = (double)(f.parse_ns + f.splice_ns) / SPANS;
	printf("otlp: %d spans of 15 attributes, %zu bytes each\n", SPANS, in.len / SPANS);
	printf("parse                %7.1f ns/span\n", (double)f.parse_ns / SPANS);
	printf("splice, 3 attributes %7.1f ns/span\n", (double)f.splice_ns / SPANS);
	printf("parse + splice       %7.1f ns/span\n", ours);
	printf("protobuf-c, unpack + pack + free %7.1f ns/span, %.1f times ours\n",
	       (double)f.peer_ns / SPANS, (double)f.peer_ns / SPANS / ours);
	printf("parse of OTLP/JSON   %7.1f ns/span, %zu bytes each\n", (double)f.json_ns / SPANS,
	       json.len / SPANS);
	free(json.p);
	free(in.p);
	return 0;
}
