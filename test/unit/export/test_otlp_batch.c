/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c, which knows nothing of our walker, tells what a spliced request says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trace.pb-c.h>

#include "core/export/otlp_batch.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/export/otlp_random.h"

typedef SloProto__ExportTraceServiceRequest request_t;

static struct slo_otlp_batch *parse(const struct bytes *b, struct slo_err *err)
{
	struct slo_otlp_batch *batch = NULL;
	uint8_t *body = malloc(b->len + 1);

	assert_non_null(body);
	if (b->len)
		memcpy(body, b->p, b->len);
	if (slo_otlp_batch_parse(&batch, body, b->len, err) < 0) {
		assert_null(batch);
		free(body);
	}
	return batch;
}

static struct slo_otlp_attr attr_double(const char *key, double v)
{
	return (struct slo_otlp_attr){ .key = key, .type = SLO_OTLP_DOUBLE, .d = v };
}

/* By span: none, or a few of each type; two of them are on random spans already. */
static void fill(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	size_t *calls = user;

	assert_int_equal(i, *calls);
	(*calls)++;
	assert_non_null(span);
	if (i % 3 == 2)
		return;
	ret->attr[ret->count++] = attr_double("llm.ebpf.dns.latency_ms", (double)i + .5);
	if (i % 3)
		return;
	ret->attr[ret->count++] = attr_double("llm.slo.ttft_ms", 3e300);
	ret->attr[ret->count++] = (struct slo_otlp_attr){ .key = "llm.ebpf.correlation_tier",
		                                          .type = SLO_OTLP_STRING,
		                                          .s = "trace_id_exact" };
	ret->attr[ret->count++] = (struct slo_otlp_attr){ .key = "llm.ebpf.tcp.retry_storm",
		                                          .type = SLO_OTLP_BOOL,
		                                          .i = 1 };
	ret->attr[ret->count++] = (struct slo_otlp_attr){ .key = "llm.ebpf.tcp.retransmits",
		                                          .type = SLO_OTLP_INT,
		                                          .i = -(int64_t)i };
}

static SloProto__KeyValue *truth_attr(const struct slo_otlp_attr *a)
{
	SloProto__KeyValue *kv = calloc(1, sizeof(*kv));
	SloProto__AnyValue *any = calloc(1, sizeof(*any));

	assert_true(kv && any);
	slo_proto__key_value__init(kv);
	slo_proto__any_value__init(any);
	kv->key = strdup(a->key);
	kv->value = any;
	switch (a->type) {
	case SLO_OTLP_DOUBLE:
		any->value_case = SLO_PROTO__ANY_VALUE__VALUE_DOUBLE_VALUE;
		any->double_value = a->d;
		break;
	case SLO_OTLP_INT:
		any->value_case = SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE;
		any->int_value = a->i;
		break;
	case SLO_OTLP_BOOL:
		any->value_case = SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE;
		any->bool_value = a->i != 0;
		break;
	case SLO_OTLP_STRING:
	default:
		any->value_case = SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE;
		any->string_value = strdup(a->s);
		break;
	}
	return kv;
}

/* The same on protobuf-c's objects: what is replaced goes, what is new comes last. */
static void truth_add(SloProto__Span *span, const struct slo_otlp_attrs *by)
{
	size_t kept = 0;

	for (size_t i = 0; i < span->n_attributes; i++) {
		bool replaced = false;

		for (size_t k = 0; k < by->count; k++)
			replaced |= strcmp(span->attributes[i]->key, by->attr[k].key) == 0;
		if (replaced)
			slo_proto__key_value__free_unpacked(span->attributes[i], NULL);
		else
			span->attributes[kept++] = span->attributes[i];
	}
	span->n_attributes = kept + by->count;
	if (span->n_attributes)
		span->attributes = realloc(span->attributes, span->n_attributes * sizeof(void *));
	for (size_t k = 0; k < by->count; k++)
		span->attributes[kept + k] = truth_attr(&by->attr[k]);
}

static bool truth_refuses(const SloProto__Span *s)
{
	return s->trace_id.len != 16 || s->span_id.len != 8 ||
	       (s->parent_span_id.len != 8 && s->parent_span_id.len != 0) ||
	       s->end_time_unix_nano < s->start_time_unix_nano;
}

static void truth_splice(request_t *request)
{
	size_t span = 0, calls = 0;

	for (size_t r = 0; r < request->n_resource_spans; r++) {
		SloProto__ResourceSpans *rs = request->resource_spans[r];

		for (size_t c = 0; c < rs->n_scope_spans; c++) {
			SloProto__ScopeSpans *ss = rs->scope_spans[c];
			size_t kept = 0;

			for (size_t i = 0; i < ss->n_spans; i++) {
				struct slo_otlp_attrs by = { 0 };

				if (truth_refuses(ss->spans[i])) {
					slo_proto__span__free_unpacked(ss->spans[i], NULL);
					continue;
				}
				fill(&calls, span++, (const struct slo_span *)1, &by);
				truth_add(ss->spans[i], &by);
				ss->spans[kept++] = ss->spans[i];
			}
			ss->n_spans = kept;
		}
	}
}

static struct bytes packed(const request_t *request)
{
	struct bytes b = { .len = slo_proto__export_trace_service_request__get_packed_size(
				   request) };

	b.p = malloc(b.len + 1);
	assert_non_null(b.p);
	(void)slo_proto__export_trace_service_request__pack(request, b.p);
	return b;
}

static void compare(const struct bytes *in, const struct slo_otlp_batch *batch)
{
	request_t *want = slo_proto__export_trace_service_request__unpack(NULL, in->len, in->p);
	struct bytes out = { 0 }, want_bytes, got_bytes;
	request_t *got;
	size_t calls = 0;

	assert_non_null(want);
	truth_splice(want);
	assert_int_equal(slo_otlp_batch_splice(batch, fill, &calls, &out.p, &out.len), 0);
	got = slo_proto__export_trace_service_request__unpack(NULL, out.len, out.p);
	assert_non_null(got);
	want_bytes = packed(want);
	got_bytes = packed(got);
	assert_int_equal(got_bytes.len, want_bytes.len);
	assert_memory_equal(got_bytes.p, want_bytes.p, want_bytes.len);
	free(got_bytes.p);
	free(want_bytes.p);
	free(out.p);
	slo_proto__export_trace_service_request__free_unpacked(got, NULL);
	slo_proto__export_trace_service_request__free_unpacked(want, NULL);
}

static void splices_say_what_protobuf_c_says(void **state)
{
	struct otlp_random r = { .state = 0x5107,
		                 .resources = 3,
		                 .scopes = 3,
		                 .spans = 5,
		                 .attrs = 9,
		                 .unknown = true,
		                 .faults = true };

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct bytes in = otlp_random_request(&r);
		struct slo_err err = { 0 };
		struct slo_otlp_batch *batch = parse(&in, &err);
		const struct slo_span *spans;
		const char *why;

		assert_string_equal(err.msg, "");
		assert_int_equal(slo_otlp_batch_spans(batch, &spans), r.good);
		assert_int_equal(slo_otlp_batch_rejected(batch, &why), r.refused);
		assert_true(!r.refused == !*why);
		compare(&in, batch);
		slo_otlp_batch_freep(&batch);
		free(in.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splices_say_what_protobuf_c_says),
	};

	return cmocka_run_group_tests_name("otlp_batch", tests, NULL, NULL);
}
