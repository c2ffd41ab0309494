/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds that one span costs the walker: reading it, and writing it again with three attributes more. Beside it, in
 * the same run, what protobuf-c needs to unpack and pack the same bytes. Nothing is judged here: machines differ.
 */
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
