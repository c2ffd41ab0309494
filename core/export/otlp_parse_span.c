/* SPDX-License-Identifier: Apache-2.0 */
/* One span, read to its end: what we take of it, and whether it is passed on. */
#include <stdio.h>

#include "core/export/llm_class.h"
#include "core/export/otlp_fields.h"
#include "core/export/otlp_parse_parts.h"

/* A span while it is read: the lengths of ids are judged when all of it is known to be whole. */
struct raw_span {
	struct slo_wire trace_id, span_id, parent_id;
	uint64_t start, end, kind, status;
	uint64_t keys;
	bool bad_link;
};

static int read_event(struct slo_otlp_parser *ps, struct slo_wire w)
{
	struct slo_wire name = { w.p, w.p };
	struct slo_wire_field f;
	uint64_t unix_ns = 0;
	struct slo_otlp_attr_in attr;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, SLO_OTLP_EVENT_ATTRIBUTES)) {
			r = slo_otlp_read_attr(&ps->fault, f.bytes, &attr);
			if (r < 0)
				return r;
			if (slo_otlp_key_is(attr.key, "exception.type"))
				slo_llm_reading_attr(&ps->reading, attr.key, &attr.value);
		} else if (slo_otlp_is_bytes(&f, SLO_OTLP_EVENT_NAME)) {
			name = f.bytes;
		} else if (f.number == SLO_OTLP_EVENT_TIME && f.type == SLO_WIRE_FIXED64) {
			unix_ns = f.value;
		}
	}
	if (r == 0)
		slo_llm_reading_event(&ps->reading, name, unix_ns);
	return r;
}

static bool is_id(struct slo_wire id, size_t len)
{
	return slo_wire_left(&id) == len;
}

/* Links with ids of a wrong length make strict receivers refuse the whole request. */
static int read_link(struct slo_otlp_parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire whole = w;
	struct slo_wire_field f;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if ((slo_otlp_is_bytes(&f, SLO_OTLP_LINK_TRACE_ID) &&
		     !is_id(f.bytes, SLO_TRACE_ID_LEN)) ||
		    (slo_otlp_is_bytes(&f, SLO_OTLP_LINK_SPAN_ID) &&
		     !is_id(f.bytes, SLO_SPAN_ID_LEN)))
			raw->bad_link = true;
	}
	return r < 0 ? r : slo_otlp_check_attrs(&ps->fault, whole, SLO_OTLP_LINK_ATTRIBUTES);
}

static int read_status(struct slo_otlp_parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire_field f;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (f.number == SLO_OTLP_STATUS_CODE && f.type == SLO_WIRE_VARINT)
			raw->status = f.value;
	}
	return r;
}

static int read_span_attr(struct slo_otlp_parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_otlp_attr_in attr;
	int r = slo_otlp_read_attr(&ps->fault, w, &attr);

	if (r < 0)
		return r;
	raw->keys |= slo_otlp_key_bit(attr.key.p, slo_wire_left(&attr.key));
	slo_llm_reading_attr(&ps->reading, attr.key, &attr.value);
	return 0;
}

static int take_span_bytes(struct slo_otlp_parser *ps, const struct slo_wire_field *f,
                           struct raw_span *raw)
{
	switch (f->number) {
	case SLO_OTLP_SPAN_TRACE_ID:
		raw->trace_id = f->bytes;
		return 0;
	case SLO_OTLP_SPAN_SPAN_ID:
		raw->span_id = f->bytes;
		return 0;
	case SLO_OTLP_SPAN_PARENT_ID:
		raw->parent_id = f->bytes;
		return 0;
	case SLO_OTLP_SPAN_ATTRIBUTES:
		return read_span_attr(ps, f->bytes, raw);
	case SLO_OTLP_SPAN_EVENTS:
		return read_event(ps, f->bytes);
	case SLO_OTLP_SPAN_LINKS:
		return read_link(ps, f->bytes, raw);
	case SLO_OTLP_SPAN_STATUS:
		return read_status(ps, f->bytes, raw);
	default:
		return 0;
	}
}

static int read_raw_span(struct slo_otlp_parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire_field f;
	int r;

	*raw = (struct raw_span){ { w.p, w.p }, { w.p, w.p }, { w.p, w.p }, 0, 0, 0, 0, 0, false };
	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (f.type == SLO_WIRE_BYTES) {
			r = take_span_bytes(ps, &f, raw);
			if (r < 0)
				return r;
		} else if (f.number == SLO_OTLP_SPAN_START && f.type == SLO_WIRE_FIXED64) {
			raw->start = f.value;
		} else if (f.number == SLO_OTLP_SPAN_END && f.type == SLO_WIRE_FIXED64) {
			raw->end = f.value;
		} else if (f.number == SLO_OTLP_SPAN_KIND && f.type == SLO_WIRE_VARINT) {
			raw->kind = f.value;
		}
	}
	return r;
}

static bool is_zero(struct slo_wire id)
{
	while (id.p < id.end && !*id.p)
		id.p++;
	return id.p == id.end;
}

/* Why a span is not passed on. */
struct fault {
	const char *what; /* NULL: it is passed on */
	size_t len, want; /* bytes of an id; want 0: it is no matter of length */
};

static struct fault fault_of(const struct raw_span *raw)
{
	const struct {
		const char *name;
		struct slo_wire id;
		size_t want;
		bool optional;
	} ids[] = {
		{ "trace_id", raw->trace_id, SLO_TRACE_ID_LEN, false },
		{ "span_id", raw->span_id, SLO_SPAN_ID_LEN, false },
		{ "parent_span_id", raw->parent_id, SLO_SPAN_ID_LEN, true },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(ids); i++) {
		size_t len = slo_wire_left(&ids[i].id);

		if (len != ids[i].want && !(len == 0 && ids[i].optional))
			return (struct fault){ ids[i].name, len, ids[i].want };
	}
	if (is_zero(raw->trace_id))
		return (struct fault){ "trace_id is all zeros", 0, 0 };
	if (is_zero(raw->span_id))
		return (struct fault){ "span_id is all zeros", 0, 0 };
	if (raw->bad_link)
		return (struct fault){ "the id of a link has a wrong length", 0, 0 };
	if (raw->start > INT64_MAX || raw->end > INT64_MAX)
		return (struct fault){ "its time is beyond the year 2262", 0, 0 };
	if (raw->end && raw->end < raw->start)
		return (struct fault){ "it ends before it begins", 0, 0 };
	return (struct fault){ NULL, 0, 0 };
}

static void reject(struct slo_otlp_batch *b, const struct fault *fault)
{
	size_t number = b->span_count + b->rejected;

	if (!b->rejected && fault->want)
		(void)snprintf(b->why, sizeof(b->why), "span %zu: %s has %zu bytes instead of %zu",
		               number, fault->what, fault->len, fault->want);
	else if (!b->rejected)
		(void)snprintf(b->why, sizeof(b->why), "span %zu: %s", number, fault->what);
	b->rejected++;
}

static void set_span(struct slo_otlp_parser *ps, const struct raw_span *raw)
{
	struct slo_otlp_batch *b = ps->b;
	struct slo_span *span = &b->spans[b->span_count];
	char *conn = b->conns + b->span_count * SLO_SPAN_CONN_LEN;

	memcpy(span->trace_id, raw->trace_id.p, SLO_TRACE_ID_LEN);
	memcpy(span->span_id, raw->span_id.p, SLO_SPAN_ID_LEN);
	memset(span->parent_id, 0, SLO_SPAN_ID_LEN);
	memcpy(span->parent_id, raw->parent_id.p, slo_wire_left(&raw->parent_id));
	span->start_ns = (int64_t)raw->start;
	span->end_ns = (int64_t)raw->end;
	span->kind = raw->kind < SLO_SPAN_KIND_MAX_ ? (enum slo_span_kind)raw->kind
	                                            : SLO_SPAN_UNSPECIFIED;
	span->is_error = raw->status == SLO_OTLP_STATUS_CODE_ERROR;
	span->resource = (uint32_t)(b->resource_count - 1);
	span->conn = conn;
	ps->classes[b->span_count] = (uint8_t)slo_llm_reading_end(&ps->reading, span);
	slo_llm_conn(&ps->reading, span->kind, conn);
	b->span_count++;
}

int slo_otlp_read_span(struct slo_otlp_parser *ps, struct slo_wire w, struct slo_otlp_piece *piece)
{
	struct raw_span raw;
	struct fault fault;
	int r;

	slo_llm_reading_begin(&ps->reading, &ps->index);
	r = read_raw_span(ps, w, &raw);
	if (r < 0)
		return r;
	fault = fault_of(&raw);
	if (fault.what) {
		piece->kind = SLO_OTLP_PIECE_REJECTED;
		reject(ps->b, &fault);
		return 0;
	}
	piece->keys = raw.keys;
	set_span(ps, &raw);
	return 0;
}
