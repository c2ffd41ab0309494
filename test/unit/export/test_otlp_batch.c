/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c, which knows nothing of our walker, tells what a spliced request says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <trace.pb-c.h>

#include "core/base/base.h"
#include "core/export/otlp_batch.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/export/otlp_write.h"

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

static void none(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	(void)user;
	(void)i;
	(void)span;
	(void)ret;
}

static void nothing_added_is_the_same_bytes(void **state)
{
	struct otlp_random r = {
		.state = 0x77, .resources = 3, .scopes = 3, .spans = 5, .attrs = 9, .unknown = true
	};

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct bytes in = otlp_random_request(&r), out = { 0 };
		struct slo_otlp_batch *batch = parse(&in, NULL);

		assert_non_null(batch);
		assert_int_equal(slo_otlp_batch_splice(batch, none, NULL, &out.p, &out.len), 0);
		assert_int_equal(out.len, in.len);
		assert_memory_equal(out.p, in.p, in.len);
		slo_otlp_batch_freep(&batch);
		free(out.p);
		free(in.p);
	}
}

/* A span of fields that no library of ours knows: groups, known numbers of other types, tags longer than they need be. */
static void what_is_odd_stays_as_it_is(void **state)
{
	static const uint8_t odd[] = {
		0xa3, 0x06, 0x08, 0x01, 0xab, 0x06, 0xac, 0x06, 0xa4,
		0x06, /* groups 100 {1: 1, 101 {}} */
		0x2d, 1,    2,    3,    4, /* name (5), of 32 bits */
		0x48, 0x05, /* attributes (9), a varint */
		0xfd, 0xff, 0xff, 0xff, 0x0f, 1,    2,    3,    4, /* the largest number */
		0xfa, 0x87, 0x80, 0x80, 0x00, 0x01, 'x', /* 127 in a tag of five bytes, the last of them 0 */
	};
	struct bytes span = { 0 }, ss = { 0 }, rs = { 0 }, in = { 0 }, out = { 0 };
	struct slo_otlp_batch *batch;
	struct slo_err err = { 0 };
	size_t calls = 0;

	(void)state;
	put_data(&span, SLO_OTLP_SPAN_TRACE_ID, "0123456789abcdef", 16);
	put_data(&span, SLO_OTLP_SPAN_SPAN_ID, "01234567", 8);
	put(&span, odd, sizeof(odd));
	put_message(&ss, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	batch = parse(&in, &err);
	assert_string_equal(err.msg, "");
	assert_int_equal(slo_otlp_batch_splice(batch, fill, &calls, &out.p, &out.len), 0);
	assert_true(out.len > in.len);
	assert_non_null(memmem(out.p, out.len, odd, sizeof(odd)));
	slo_otlp_batch_freep(&batch);
	free(out.p);
	free(in.p);
}

static void broken_requests_are_refused_with_their_place(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *why;
	} rows[] = {
		{ "\x0a", 1, "a field that is cut or broken at byte 0 of 1" },
		{ "\x0a\x05\x12", 3, "a field that is cut or broken at byte 0 of 3" },
		{ "\x0a\x02\x12\x01", 4, "a field that is cut or broken at byte 2 of 4" },
		{ "\x00\x00", 2, "a field that is cut or broken at byte 0 of 2" }, /* number 0 */
		{ "\x0c", 1,
		  "a field that is cut or broken at byte 0 of 1" }, /* a group's end alone */
		{ "\x0b\x14", 2,
		  "a field that is cut or broken at byte 0 of 2" }, /* of another group */
		{ "\x0e\x00", 2, "a field that is cut or broken at byte 0 of 2" }, /* type 6 */
		{ "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11,
		  "a field that is cut or broken at byte 0 of 11" }, /* 65 bits */
		{ "{\"resourceSpans\":[]}", 20, "a field that is cut or broken at byte 0 of 20" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_otlp_batch *batch = NULL;
		uint8_t *body = malloc(rows[i].len);
		struct slo_err err = { 0 };

		assert_non_null(body);
		memcpy(body, rows[i].bytes, rows[i].len);
		assert_int_equal(slo_otlp_batch_parse(&batch, body, rows[i].len, &err), -EBADMSG);
		assert_null(batch);
		if (!strstr(err.msg, rows[i].why))
			fail_msg("row %zu: %s", i, err.msg);
		free(body);
	}
}

/* Each byte cut off makes another request, or none: never a crash, never a byte read too far (ASan tells). */
static void every_cut_is_told_or_read(void **state)
{
	struct otlp_random r = {
		.state = 5, .resources = 2, .scopes = 1, .spans = 2, .attrs = 4, .exact = true
	};
	struct bytes in = otlp_random_request(&r);
	size_t whole = 0;

	(void)state;
	for (size_t len = 0; len <= in.len; len++) {
		struct bytes cut = { in.p, len, len };
		struct slo_err err = { 0 };
		struct slo_otlp_batch *batch = parse(&cut, &err);
		SloProto__ExportTraceServiceRequest *truth =
			slo_proto__export_trace_service_request__unpack(NULL, len, in.p);

		assert_true(!batch == !truth);
		whole += !!batch;
		if (truth)
			slo_proto__export_trace_service_request__free_unpacked(truth, NULL);
		slo_otlp_batch_freep(&batch);
	}
	assert_int_equal(whole, 3); /* none, one, or both ResourceSpans */
	free(in.p);
}

static struct bytes nested(unsigned int levels)
{
	struct bytes any = { 0 };

	put_number(&any, SLO_OTLP_ANY_BOOL, 1);
	for (unsigned int i = 0; i < levels; i++) {
		struct bytes list = { 0 }, outer = { 0 };

		put_message(&list, SLO_OTLP_LIST_VALUES, &any);
		put_message(&outer, SLO_OTLP_ANY_ARRAY, &list);
		any = outer;
	}
	return any;
}

static int parse_nested(unsigned int levels, struct slo_err *err)
{
	struct bytes any = nested(levels), kv = { 0 }, resource = { 0 }, rs = { 0 }, in = { 0 };
	struct slo_otlp_batch *batch;
	bool good;

	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, &kv);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_RESOURCE, &resource);
	put_message(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	batch = parse(&in, err);
	good = batch != NULL;
	slo_otlp_batch_freep(&batch);
	free(in.p);
	return good;
}

static void nesting_is_bounded(void **state)
{
	struct slo_err err = { 0 };

	(void)state;
	assert_true(parse_nested(32, &err));
	assert_false(parse_nested(33, &err));
	assert_non_null(strstr(err.msg, "values nested deeper than 32 levels"));
	assert_false(parse_nested(20000, &err));
}

static void too_many_spans_are_refused(void **state)
{
	struct bytes ss = { 0 }, rs = { 0 }, in = { 0 };
	struct slo_otlp_batch *batch;
	struct slo_err err = { 0 };
	const char *why;

	(void)state;
	for (size_t i = 0; i < SLO_OTLP_SPANS_MAX; i++)
		put_data(&ss, SLO_OTLP_SCOPE_SPANS_SPANS, "", 0);
	put_data(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, ss.p, ss.len);
	put_message(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	batch = parse(&in, &err);
	assert_non_null(batch);
	assert_int_equal(slo_otlp_batch_rejected(batch, &why), SLO_OTLP_SPANS_MAX);
	assert_string_equal(why, "span 0: trace_id has 0 bytes instead of 16");
	slo_otlp_batch_freep(&batch);
	put_data(&ss, SLO_OTLP_SCOPE_SPANS_SPANS, "", 0);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	in.len = 0;
	put_message(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	assert_null(parse(&in, &err));
	assert_int_equal(err.code, -E2BIG);
	assert_non_null(strstr(err.msg, "65537 spans"));
	/* Empty messages cost us more than their two bytes. */
	in.len = 0;
	for (size_t i = 0; i < (1U << 20); i++)
		put_data(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, "", 0);
	assert_null(parse(&in, &err));
	assert_int_equal(err.code, -E2BIG);
	free(in.p);
}

static void an_empty_request_is_one(void **state)
{
	struct slo_otlp_batch *batch = NULL;
	const struct slo_span *spans;
	struct bytes out = { 0 };
	const char *why;

	(void)state;
	assert_int_equal(slo_otlp_batch_parse(&batch, NULL, 0, NULL), 0);
	assert_int_equal(slo_otlp_batch_spans(batch, &spans), 0);
	assert_int_equal(slo_otlp_batch_rejected(batch, &why), 0);
	assert_string_equal(why, "");
	assert_int_equal(slo_otlp_batch_splice(batch, none, NULL, &out.p, &out.len), 0);
	assert_int_equal(out.len, 0);
	free(out.p);
	slo_otlp_batch_freep(&batch);
}

static void large_attrs(void *user, size_t i, const struct slo_span *span,
                        struct slo_otlp_attrs *ret)
{
	(void)i;
	(void)span;
	ret->attr[ret->count++] =
		(struct slo_otlp_attr){ .key = "k", .type = SLO_OTLP_STRING, .s = user };
}

static void what_grows_too_large_is_refused(void **state)
{
	struct otlp_random r = {
		.state = 5, .resources = 1, .scopes = 1, .spans = 33, .exact = true
	};
	struct bytes in = otlp_random_request(&r), out = { 0 };
	struct slo_otlp_batch *batch = parse(&in, NULL);
	char *text = malloc((2U << 20) + 1);

	(void)state;
	assert_true(batch && text);
	memset(text, 'x', 2U << 20);
	text[2U << 20] = '\0';
	assert_int_equal(slo_otlp_batch_splice(batch, large_attrs, text, &out.p, &out.len), -EFBIG);
	assert_null(out.p);
	free(text);
	slo_otlp_batch_freep(&batch);
	free(in.p);
}

/* The first of two names for one thing, wherever it stands; strings end with NUL. */
static void resources_tell_the_workload(void **state)
{
	static const struct test_attr attrs[] = {
		{ "host.name", "worker-7.example", 0 }, { "k8s.pod.name", "gw-1", 0 },
		{ "k8s.node.name", "worker-7", 0 },     { "service.namespace", "shop", 0 },
		{ "k8s.cluster.name", "prod", 0 },      { "k8s.pod.uid", "u-1", 0 },
		{ "k8s.container.name", "gw", 0 },      { "container.id", "c0ffee", 0 },
		{ "process.pid", NULL, 4711 },          { "service.name", "gateway", 0 },
	};
	const struct test_span span = { .id = 1, .ms = 1 };
	struct bytes resource = { 0 }, rs = { 0 }, ss = { 0 }, in = { 0 };
	const struct slo_span_resource *got;
	struct slo_otlp_batch *batch;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(attrs); i++)
		write_attr(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, &attrs[i]);
	write_span(&ss, &span);
	/* Spans first: no order of fields is promised. */
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_RESOURCE, &resource);
	put_message(&in, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	write_service(&in, "other", &span, 1);
	batch = parse(&in, NULL);
	assert_non_null(batch);
	got = slo_otlp_batch_resource(batch, 0);
	assert_string_equal(got->who.cluster, "prod");
	assert_string_equal(got->who.node, "worker-7");
	assert_string_equal(got->who.namespace_, "shop");
	assert_string_equal(got->who.pod, "gw-1");
	assert_string_equal(got->who.pod_uid, "u-1");
	assert_string_equal(got->who.container, "gw");
	assert_string_equal(got->who.container_id, "c0ffee");
	assert_string_equal(got->who.service, "gateway");
	assert_int_equal(got->pid, 4711);
	got = slo_otlp_batch_resource(batch, 1);
	assert_string_equal(got->who.service, "other");
	assert_string_equal(got->who.node, "");
	assert_int_equal(got->pid, 0);
	assert_true(slo_otlp_batch_bytes(batch) > in.len);
	slo_otlp_batch_freep(&batch);
	free(in.p);
}

static void every_allocation_may_fail(void **state)
{
	struct otlp_random r = {
		.state = 11, .resources = 1, .scopes = 1, .spans = 9, .attrs = 3, .exact = true
	};
	struct bytes in = otlp_random_request(&r), out = { 0 };
	struct slo_otlp_batch *batch = NULL;
	struct slo_err err = { 0 };
	int code = -ENOMEM, fails = 0;
	size_t calls;
	uint8_t *body;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	body = malloc(in.len);
	assert_non_null(body);
	memcpy(body, in.p, in.len);
	for (int n = 0; code == -ENOMEM; n++, fails++) {
		fail_alloc_after = n;
		code = slo_otlp_batch_parse(&batch, body, in.len, &err);
		fail_alloc_after = -1;
		assert_true(code == 0 || (!batch && *err.msg));
	}
	assert_int_equal(code, 0);
	assert_true(fails > 5);
	code = -ENOMEM;
	for (int n = 0; code == -ENOMEM; n++) {
		calls = 0;
		fail_alloc_after = n;
		code = slo_otlp_batch_splice(batch, fill, &calls, &out.p, &out.len);
		fail_alloc_after = -1;
		assert_true(code == 0 || !out.p);
	}
	assert_int_equal(code, 0);
	free(out.p);
	slo_otlp_batch_freep(&batch);
	free(in.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splices_say_what_protobuf_c_says),
		cmocka_unit_test(nothing_added_is_the_same_bytes),
		cmocka_unit_test(what_is_odd_stays_as_it_is),
		cmocka_unit_test(broken_requests_are_refused_with_their_place),
		cmocka_unit_test(every_cut_is_told_or_read),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(too_many_spans_are_refused),
		cmocka_unit_test(an_empty_request_is_one),
		cmocka_unit_test(what_grows_too_large_is_refused),
		cmocka_unit_test(resources_tell_the_workload),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("otlp_batch", tests, NULL, NULL);
}
