/* SPDX-License-Identifier: Apache-2.0 */
/* Random trace requests as bytes, written field by field: nothing of the code under test but its field numbers. */
#ifndef SLO_TEST_OTLP_RANDOM_H
#define SLO_TEST_OTLP_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/export/otlp_fields.h"
#include "test/random.h"

struct bytes {
	uint8_t *p;
	size_t len, size;
};

struct otlp_random {
	uint64_t state;
	unsigned int resources, scopes, spans, attrs; /* at most that many, at least 0 */
	bool exact; /* that many, not up to */
	bool unknown; /* fields that nobody knows in between */
	bool faults; /* spans that are refused alone */
	size_t good, refused; /* spans written */
};

static inline uint64_t otlp_random_next(struct otlp_random *r)
{
	return test_random(&r->state);
}

static inline unsigned int below(struct otlp_random *r, unsigned int n)
{
	return n ? (unsigned int)((otlp_random_next(r) >> 20) % n) : 0;
}

static inline unsigned int up_to(struct otlp_random *r, unsigned int n)
{
	return r->exact ? n : below(r, n + 1);
}

static inline void put(struct bytes *b, const void *data, size_t len)
{
	if (b->len + len > b->size) {
		b->size = 2 * (b->len + len) + 64;
		b->p = realloc(b->p, b->size);
		if (!b->p)
			abort();
	}
	if (len)
		memcpy(b->p + b->len, data, len);
	b->len += len;
}

static inline void put_varint(struct bytes *b, uint64_t v)
{
	uint8_t byte;

	do {
		byte = (uint8_t)(v & 0x7f);
		v >>= 7;
		if (v)
			byte |= 0x80;
		put(b, &byte, 1);
	} while (v);
}

static inline void put_number(struct bytes *b, uint32_t number, uint64_t v)
{
	put_varint(b, (uint64_t)number << 3);
	put_varint(b, v);
}

static inline void put_fixed(struct bytes *b, uint32_t number, uint64_t v, unsigned int size)
{
	put_varint(b, (uint64_t)number << 3 | (size == 8 ? 1 : 5));
	for (unsigned int i = 0; i < size; i++, v >>= 8)
		put(b, &(uint8_t){ (uint8_t)v }, 1);
}

static inline void put_data(struct bytes *b, uint32_t number, const void *data, size_t len)
{
	put_varint(b, (uint64_t)number << 3 | 2);
	put_varint(b, len);
	put(b, data, len);
}

static inline void put_text(struct bytes *b, uint32_t number, const char *text)
{
	put_data(b, number, text, strlen(text));
}

/* Takes @inner: its bytes become field @number of @b. */
static inline void put_message(struct bytes *b, uint32_t number, struct bytes *inner)
{
	put_data(b, number, inner->p, inner->len);
	free(inner->p);
	*inner = (struct bytes){ 0 };
}

static inline void put_id(struct otlp_random *r, struct bytes *b, uint32_t number, size_t len)
{
	uint8_t id[32];

	for (size_t i = 0; i < len; i++)
		id[i] = (uint8_t)(1 + below(r, 255));
	put_data(b, number, id, len);
}

static inline void put_unknown(struct otlp_random *r, struct bytes *b)
{
	uint32_t number = 100 + below(r, 5000);

	if (!r->unknown || below(r, 4))
		return;
	switch (below(r, 4)) {
	case 0:
		put_number(b, number, otlp_random_next(r));
		break;
	case 1:
		put_fixed(b, number, otlp_random_next(r), 8);
		break;
	case 2:
		put_fixed(b, number, otlp_random_next(r), 4);
		break;
	default:
		put_id(r, b, number, below(r, 30));
		break;
	}
}

static const char *const otlp_random_keys[] = {
	"gen_ai.operation.name",
	"gen_ai.request.model",
	"gen_ai.provider.name",
	"gen_ai.usage.input_tokens",
	"gen_ai.usage.output_tokens",
	"gen_ai.response.id",
	"gen_ai.response.time_to_first_chunk",
	"server.address",
	"server.port",
	"network.peer.address",
	"network.peer.port",
	"http.response.status_code",
	"error.type",
	"llm.ebpf.dns.latency_ms",
	"llm.slo.ttft_ms",
	"thread.id",
	"code.function.name",
	"x",
	"",
};

static inline void put_attr(struct otlp_random *r, struct bytes *b, uint32_t number,
                            unsigned int depth);

static inline void put_any(struct otlp_random *r, struct bytes *b, unsigned int depth)
{
	struct bytes list = { 0 }, item = { 0 };
	char text[40];

	put_unknown(r, b);
	switch (below(r, depth > 2 ? 5 : 8)) {
	case 0:
		put_number(b, SLO_OTLP_ANY_BOOL, below(r, 2));
		break;
	case 1:
		put_number(b, SLO_OTLP_ANY_INT, otlp_random_next(r) >> below(r, 64));
		break;
	case 2:
		put_fixed(b, SLO_OTLP_ANY_DOUBLE, UINT64_C(0x3fe0000000000000) + below(r, 1 << 20),
		          8);
		break;
	case 3:
	case 4:
		(void)snprintf(text, sizeof(text), "value-%u-of-some-length", below(r, 100000));
		put_data(b, SLO_OTLP_ANY_STRING, text, below(r, (unsigned int)strlen(text) + 1));
		break;
	case 5:
		for (unsigned int i = below(r, 4); i > 0; i--) {
			put_any(r, &item, depth + 1);
			put_message(&list, SLO_OTLP_LIST_VALUES, &item);
		}
		put_message(b, SLO_OTLP_ANY_ARRAY, &list);
		break;
	case 6:
		for (unsigned int i = below(r, 4); i > 0; i--)
			put_attr(r, &list, SLO_OTLP_LIST_VALUES, depth + 1);
		put_message(b, SLO_OTLP_ANY_KVLIST, &list);
		break;
	default:
		put_id(r, b, SLO_OTLP_ANY_BYTES, below(r, 20));
		break;
	}
}

static inline void put_attr(struct otlp_random *r, struct bytes *b, uint32_t number,
                            unsigned int depth)
{
	struct bytes kv = { 0 }, any = { 0 };

	put_text(&kv, SLO_OTLP_KEY_VALUE_KEY,
	         otlp_random_keys[below(r, sizeof(otlp_random_keys) / sizeof(*otlp_random_keys))]);
	put_any(r, &any, depth);
	put_message(&kv, SLO_OTLP_KEY_VALUE_VALUE, &any);
	put_unknown(r, &kv);
	put_message(b, number, &kv);
}

static inline void put_event(struct otlp_random *r, struct bytes *span)
{
	struct bytes event = { 0 };

	put_fixed(&event, SLO_OTLP_EVENT_TIME, UINT64_C(1790000000000000000) + below(r, 1000000000),
	          8);
	put_text(&event, SLO_OTLP_EVENT_NAME, below(r, 2) ? "exception" : "gen_ai.content.chunk");
	for (unsigned int i = below(r, 3); i > 0; i--)
		put_attr(r, &event, SLO_OTLP_EVENT_ATTRIBUTES, 0);
	put_message(span, SLO_OTLP_SPAN_EVENTS, &event);
}

static inline void put_link(struct otlp_random *r, struct bytes *span)
{
	struct bytes link = { 0 };

	put_id(r, &link, SLO_OTLP_LINK_TRACE_ID, 16);
	put_id(r, &link, SLO_OTLP_LINK_SPAN_ID, 8);
	if (below(r, 2))
		put_attr(r, &link, SLO_OTLP_LINK_ATTRIBUTES, 0);
	put_fixed(&link, SLO_OTLP_LINK_FLAGS, 0x101, 4);
	put_message(span, SLO_OTLP_SPAN_LINKS, &link);
}

/* Some fault of those that a span is refused for; 0: none. */
static inline void put_span(struct otlp_random *r, struct bytes *b, unsigned int fault)
{
	struct bytes span = { 0 }, status = { 0 };
	uint64_t start = UINT64_C(1790000000000000000) + below(r, 1000000000);

	put_id(r, &span, SLO_OTLP_SPAN_TRACE_ID, fault == 1 ? 15 : 16);
	put_id(r, &span, SLO_OTLP_SPAN_SPAN_ID, fault == 2 ? 9 : 8);
	if (fault == 3 || below(r, 2))
		put_id(r, &span, SLO_OTLP_SPAN_PARENT_ID, fault == 3 ? 4 : 8);
	put_unknown(r, &span);
	put_text(&span, SLO_OTLP_SPAN_NAME, "chat some-model");
	put_number(&span, SLO_OTLP_SPAN_KIND, below(r, 6));
	put_fixed(&span, SLO_OTLP_SPAN_START, start, 8);
	put_fixed(&span, SLO_OTLP_SPAN_END, fault == 4 ? start - 1 : start + below(r, 2000000000),
	          8);
	for (unsigned int i = up_to(r, r->attrs); i > 0; i--) {
		put_attr(r, &span, SLO_OTLP_SPAN_ATTRIBUTES, 0);
		put_unknown(r, &span);
	}
	for (unsigned int i = below(r, 3); i > 0 && !r->exact; i--)
		put_event(r, &span);
	for (unsigned int i = below(r, 2); i > 0 && !r->exact; i--)
		put_link(r, &span);
	if (below(r, 2)) {
		put_text(&status, 2, "why");
		put_number(&status, 3, below(r, 3));
		put_message(&span, SLO_OTLP_SPAN_STATUS, &status);
	}
	put_fixed(&span, SLO_OTLP_SPAN_FLAGS, 0x100, 4);
	put_message(b, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
	if (fault)
		r->refused++;
	else
		r->good++;
}

static inline void put_scope_spans(struct otlp_random *r, struct bytes *b)
{
	struct bytes ss = { 0 }, scope = { 0 };

	put_text(&scope, SLO_OTLP_SCOPE_NAME, "some.library");
	put_attr(r, &scope, SLO_OTLP_SCOPE_ATTRIBUTES, 0);
	put_message(&ss, SLO_OTLP_SCOPE_SPANS_SCOPE, &scope);
	for (unsigned int i = up_to(r, r->spans); i > 0; i--) {
		put_span(r, &ss, r->faults && !below(r, 3) ? 1 + below(r, 4) : 0);
		put_unknown(r, &ss);
	}
	put_text(&ss, SLO_OTLP_SCOPE_SPANS_SCHEMA_URL, "https://opentelemetry.io/schemas/1.37.0");
	put_message(b, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
}

static inline struct bytes otlp_random_request(struct otlp_random *r)
{
	struct bytes request = { 0 }, rs = { 0 }, resource = { 0 };

	r->good = r->refused = 0;
	for (unsigned int i = up_to(r, r->resources); i > 0; i--) {
		put_attr(r, &resource, SLO_OTLP_RESOURCE_ATTRIBUTES, 0);
		put_unknown(r, &resource);
		put_message(&rs, SLO_OTLP_RESOURCE_SPANS_RESOURCE, &resource);
		for (unsigned int k = up_to(r, r->scopes); k > 0; k--) {
			put_scope_spans(r, &rs);
			put_unknown(r, &rs);
		}
		put_message(&request, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
		put_unknown(r, &request);
	}
	return request;
}

#endif
