/* SPDX-License-Identifier: Apache-2.0 */
/* One request of given spans, written field by field, for tests that say what is in it. */
#ifndef SLO_TEST_OTLP_WRITE_H
#define SLO_TEST_OTLP_WRITE_H

#include <math.h>

#include "core/export/otlp_batch.h"
#include "test/unit/export/otlp_random.h"

#define SPAN_START INT64_C(1790000000000000000)
#define SPAN_MS INT64_C(1000000)

/* A value by the type of what is given: text, or a number. */
struct test_attr {
	const char *key, *text;
	double number; /* where @text is NULL */
};

#define TEST_ATTRS_MAX 12

struct test_event {
	const char *name;
	int64_t at_ms; /* from the span's start */
	struct test_attr attr; /* key NULL: none */
};

struct test_span {
	uint8_t id, parent; /* repeated 8 times; parent 0: none */
	uint8_t trace; /* repeated 16 times; 0: 1 */
	int64_t from_ms, ms; /* start from SPAN_START, and duration */
	enum slo_span_kind kind;
	int status;
	struct test_attr attrs[TEST_ATTRS_MAX];
	struct test_event event; /* name NULL: none */
};

static inline void write_attr(struct bytes *b, uint32_t number, const struct test_attr *a)
{
	struct bytes kv = { 0 }, any = { 0 };
	uint64_t bits;

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY, a->key);
	if (a->text) {
		put_text(&any, SLO_OTLP_ANY_STRING, a->text);
	} else if (a->number == floor(a->number)) {
		put_number(&any, SLO_OTLP_ANY_INT, (uint64_t)(int64_t)a->number);
	} else {
		memcpy(&bits, &a->number, sizeof(bits));
		put_fixed(&any, SLO_OTLP_ANY_DOUBLE, bits, 8);
	}
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_message(b, number, &kv);
}

static inline void write_id(struct bytes *b, uint32_t number, uint8_t byte, size_t len)
{
	uint8_t id[16];

	memset(id, byte, sizeof(id));
	put_data(b, number, id, len);
}

static inline void write_span(struct bytes *b, const struct test_span *s)
{
	struct bytes span = { 0 }, status = { 0 }, event = { 0 };
	int64_t start = SPAN_START + s->from_ms * SPAN_MS;

	write_id(&span, SLO_OTLP_SPAN_TRACE_ID, s->trace ? s->trace : 1, 16);
	write_id(&span, SLO_OTLP_SPAN_SPAN_ID, s->id, 8);
	if (s->parent)
		write_id(&span, SLO_OTLP_SPAN_PARENT_ID, s->parent, 8);
	put_number(&span, SLO_OTLP_SPAN_KIND, s->kind);
	put_fixed(&span, SLO_OTLP_SPAN_START, (uint64_t)start, 8);
	put_fixed(&span, SLO_OTLP_SPAN_END, (uint64_t)(start + s->ms * SPAN_MS), 8);
	for (size_t i = 0; i < TEST_ATTRS_MAX && s->attrs[i].key; i++)
		write_attr(&span, SLO_OTLP_SPAN_ATTRIBUTES, &s->attrs[i]);
	if (s->event.name) {
		put_fixed(&event, SLO_OTLP_EVENT_TIME, (uint64_t)(start + s->event.at_ms * SPAN_MS),
		          8);
		put_text(&event, SLO_OTLP_EVENT_NAME, s->event.name);
		if (s->event.attr.key)
			write_attr(&event, SLO_OTLP_EVENT_ATTRIBUTES, &s->event.attr);
		put_message(&span, SLO_OTLP_SPAN_EVENTS, &event);
	}
	if (s->status) {
		put_number(&status, SLO_OTLP_STATUS_CODE, (uint64_t)s->status);
		put_message(&span, SLO_OTLP_SPAN_STATUS, &status);
	}
	put_message(b, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
}

/* Adds a ResourceSpans of one service to @request. */
static inline void write_service(struct bytes *request, const char *service,
                                 const struct test_span *spans, size_t count)
{
	const struct test_attr name = { "service.name", service, 0 };
	struct bytes rs = { 0 }, ss = { 0 }, resource = { 0 };

	write_attr(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, &name);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_RESOURCE, &resource);
	for (size_t i = 0; i < count; i++)
		write_span(&ss, &spans[i]);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(request, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
}

#endif
