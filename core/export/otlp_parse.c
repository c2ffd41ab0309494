/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks over the bytes: the outer messages alone, to count and to make room once; then all of it, each message that
 * we know to its end. What a strict receiver further on would refuse is refused here, where its sender can be told.
 */
#include <stdio.h>

#include "core/export/llm_class.h"
#include "core/export/llm_request.h"
#include "core/export/otlp_batch_parts.h"
#include "core/export/otlp_fields.h"
#include "core/export/otlp_value.h"

#define PIECES_MAX ((size_t)4 * SLO_OTLP_SPANS_MAX)

/* Which name of a workload a resource attribute gives. */
struct who_row {
	const char *key;
	size_t offset; /* in struct slo_workload */
};

#define WHO(key, field)                                   \
	{                                                 \
		key, offsetof(struct slo_workload, field) \
	}

/* Preferred ones first within a name. */
static const struct who_row who_rows[] = {
	WHO("k8s.cluster.name", cluster),
	WHO("k8s.node.name", node),
	WHO("host.name", node),
	WHO("k8s.namespace.name", namespace_),
	WHO("service.namespace", namespace_),
	WHO("k8s.pod.name", pod),
	WHO("k8s.pod.uid", pod_uid),
	WHO("k8s.container.name", container),
	WHO("container.id", container_id),
	WHO("service.name", service),
};
#define WHO_NAMES (sizeof(struct slo_workload) / sizeof(const char *))

struct parser {
	struct slo_otlp_batch *b;
	bool counting;
	struct slo_otlp_fault fault;
	size_t resource_bytes; /* of all Resource messages */
	size_t string_len; /* used of b->strings */
	uint8_t *classes; /* of spans: enum slo_llm_class */
	struct slo_llm_index index;
	struct slo_llm_reading reading;
	/* The resource being read. */
	struct slo_wire who[WHO_NAMES];
	uint8_t who_row[WHO_NAMES]; /* + 1; 0: none */
};

static inline int next(struct parser *ps, struct slo_wire *w, struct slo_wire_field *f)
{
	return slo_otlp_next(&ps->fault, w, f);
}

static inline bool is_bytes(const struct slo_wire_field *f, uint32_t number)
{
	return slo_otlp_is_bytes(f, number);
}

/* --- resources ------------------------------------------------------------------------------------------------- */

static bool key_is(struct slo_wire key, const char *text)
{
	size_t len = slo_wire_left(&key);

	return strlen(text) == len && memcmp(key.p, text, len) == 0;
}

static void take_who(struct parser *ps, const struct slo_otlp_attr_in *a,
                     struct slo_span_resource *resource)
{
	double pid;

	if (key_is(a->key, "process.pid")) {
		pid = slo_otlp_value_number(&a->value);
		if (pid >= 1 && pid <= INT32_MAX)
			resource->pid = (uint32_t)pid;
		return;
	}
	if (a->value.type != SLO_OTLP_VALUE_TEXT || !slo_wire_left(&a->value.text))
		return;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(who_rows); i++) {
		size_t name = who_rows[i].offset / sizeof(const char *);

		if (!key_is(a->key, who_rows[i].key))
			continue;
		if (!ps->who_row[name] || ps->who_row[name] > i + 1) {
			ps->who_row[name] = (uint8_t)(i + 1);
			ps->who[name] = a->value.text;
		}
	}
}

static int read_resource(struct parser *ps, struct slo_wire w)
{
	struct slo_span_resource *resource = &ps->b->resources[ps->b->resource_count - 1];
	struct slo_wire_field f;
	struct slo_otlp_attr_in attr;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if (!is_bytes(&f, SLO_OTLP_RESOURCE_ATTRIBUTES))
			continue;
		r = slo_otlp_read_attr(&ps->fault, f.bytes, &attr);
		if (r < 0)
			return r;
		take_who(ps, &attr, resource);
	}
	return r;
}

/* Copies the names that were found, now that no better ones can come. */
static void keep_who(struct parser *ps)
{
	struct slo_span_resource *resource = &ps->b->resources[ps->b->resource_count - 1];
	const char **names = (const char **)&resource->who; /* which has nothing else in it */

	for (size_t name = 0; name < WHO_NAMES; name++) {
		const char *text = "";
		size_t len;

		if (ps->who_row[name]) {
			len = slo_wire_left(&ps->who[name]);
			text = memcpy(ps->b->strings + ps->string_len, ps->who[name].p, len);
			ps->string_len += len;
			ps->b->strings[ps->string_len++] = '\0';
		}
		names[name] = text;
	}
}

/* --- spans ----------------------------------------------------------------------------------------------------- */

/* A span while it is read: the lengths of ids are judged when all of it is known to be whole. */
struct raw_span {
	struct slo_wire trace_id, span_id, parent_id;
	uint64_t start, end, kind, status;
	uint64_t keys;
	bool bad_link;
};

static int read_event(struct parser *ps, struct slo_wire w)
{
	struct slo_wire name = { w.p, w.p };
	struct slo_wire_field f;
	uint64_t unix_ns = 0;
	struct slo_otlp_attr_in attr;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if (is_bytes(&f, SLO_OTLP_EVENT_ATTRIBUTES)) {
			r = slo_otlp_read_attr(&ps->fault, f.bytes, &attr);
			if (r < 0)
				return r;
			if (key_is(attr.key, "exception.type"))
				slo_llm_reading_attr(&ps->reading, attr.key, &attr.value);
		} else if (is_bytes(&f, SLO_OTLP_EVENT_NAME)) {
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
static int read_link(struct parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire whole = w;
	struct slo_wire_field f;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if ((is_bytes(&f, SLO_OTLP_LINK_TRACE_ID) && !is_id(f.bytes, SLO_TRACE_ID_LEN)) ||
		    (is_bytes(&f, SLO_OTLP_LINK_SPAN_ID) && !is_id(f.bytes, SLO_SPAN_ID_LEN)))
			raw->bad_link = true;
	}
	return r < 0 ? r : slo_otlp_check_attrs(&ps->fault, whole, SLO_OTLP_LINK_ATTRIBUTES);
}

static int read_status(struct parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire_field f;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if (f.number == SLO_OTLP_STATUS_CODE && f.type == SLO_WIRE_VARINT)
			raw->status = f.value;
	}
	return r;
}

static int read_span_attr(struct parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_otlp_attr_in attr;
	int r = slo_otlp_read_attr(&ps->fault, w, &attr);

	if (r < 0)
		return r;
	raw->keys |= slo_otlp_key_bit(attr.key.p, slo_wire_left(&attr.key));
	slo_llm_reading_attr(&ps->reading, attr.key, &attr.value);
	return 0;
}

static int take_span_bytes(struct parser *ps, const struct slo_wire_field *f, struct raw_span *raw)
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

static int read_raw_span(struct parser *ps, struct slo_wire w, struct raw_span *raw)
{
	struct slo_wire_field f;
	int r;

	*raw = (struct raw_span){ { w.p, w.p }, { w.p, w.p }, { w.p, w.p }, 0, 0, 0, 0, 0, false };
	while ((r = next(ps, &w, &f)) > 0) {
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

static void set_span(struct parser *ps, const struct raw_span *raw)
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

static int read_span(struct parser *ps, struct slo_wire w, struct slo_otlp_piece *piece)
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

/* --- the outer messages ---------------------------------------------------------------------------------------- */

/* The piece that @f is: counted, or noted. */
static struct slo_otlp_piece *add_piece(struct parser *ps, const struct slo_wire_field *f,
                                        enum slo_otlp_piece_kind kind, uint32_t parent)
{
	struct slo_otlp_batch *b = ps->b;
	struct slo_otlp_piece *piece = ps->counting ? NULL : &b->pieces[b->piece_count];

	if (piece) {
		*piece = (struct slo_otlp_piece){ .tag_at = (uint32_t)(f->at - b->body),
			                          .at = (uint32_t)(f->bytes.p - b->body),
			                          .end = (uint32_t)(f->bytes.end - b->body),
			                          .parent = parent,
			                          .kind = kind };
	}
	b->piece_count++;
	return piece;
}

static int walk_scope_spans(struct parser *ps, struct slo_wire w, uint32_t self)
{
	struct slo_otlp_batch *b = ps->b;
	struct slo_otlp_piece *piece;
	struct slo_wire_field f;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if (is_bytes(&f, SLO_OTLP_SCOPE_SPANS_SPANS)) {
			piece = add_piece(ps, &f, SLO_OTLP_PIECE_SPAN, self);
			if (!piece)
				b->span_count++;
			else
				r = read_span(ps, f.bytes, piece);
		} else if (is_bytes(&f, SLO_OTLP_SCOPE_SPANS_SCOPE) && !ps->counting) {
			r = slo_otlp_check_attrs(&ps->fault, f.bytes, SLO_OTLP_SCOPE_ATTRIBUTES);
		}
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_resource_spans(struct parser *ps, struct slo_wire w, uint32_t self)
{
	struct slo_wire_field f;
	int r;

	while ((r = next(ps, &w, &f)) > 0) {
		if (is_bytes(&f, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS)) {
			uint32_t scope = (uint32_t)ps->b->piece_count;

			(void)add_piece(ps, &f, SLO_OTLP_PIECE_SCOPE_SPANS, self);
			r = walk_scope_spans(ps, f.bytes, scope);
		} else if (is_bytes(&f, SLO_OTLP_RESOURCE_SPANS_RESOURCE)) {
			ps->resource_bytes += slo_wire_left(&f.bytes);
			r = ps->counting ? 0 : read_resource(ps, f.bytes);
		}
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_request(struct parser *ps)
{
	struct slo_wire_field f;
	struct slo_wire w;
	int r;

	if (!ps->b->len) /* there may be no body at all */
		return 0;
	w = (struct slo_wire){ ps->b->body, ps->b->body + ps->b->len };
	while ((r = next(ps, &w, &f)) > 0) {
		uint32_t self = (uint32_t)ps->b->piece_count;

		if (!is_bytes(&f, SLO_OTLP_REQUEST_RESOURCE_SPANS))
			continue;
		(void)add_piece(ps, &f, SLO_OTLP_PIECE_RESOURCE_SPANS, SLO_OTLP_NO_PARENT);
		ps->b->resource_count++;
		memset(ps->who_row, 0, sizeof(ps->who_row));
		r = walk_resource_spans(ps, f.bytes, self);
		if (r < 0)
			return r;
		if (!ps->counting)
			keep_who(ps);
	}
	return r;
}

/* Room for what was counted, and the counts back to nothing. */
static int make_room(struct parser *ps)
{
	struct slo_otlp_batch *b = ps->b;
	size_t strings = ps->resource_bytes + b->resource_count * WHO_NAMES;

	b->pieces = malloc(b->piece_count * sizeof(*b->pieces) + 1);
	b->spans = malloc(b->span_count * sizeof(*b->spans) + 1);
	b->conn_bytes = b->span_count * SLO_SPAN_CONN_LEN;
	b->conns = malloc(b->conn_bytes + 1);
	b->resources = calloc(b->resource_count + 1, sizeof(*b->resources));
	b->strings = malloc(strings + 1);
	ps->classes = malloc(b->span_count + 1);
	b->bytes = sizeof(*b) + b->len + b->piece_count * sizeof(*b->pieces) +
	           b->span_count * sizeof(*b->spans) + b->resource_count * sizeof(*b->resources) +
	           strings + b->conn_bytes;
	b->piece_count = b->span_count = b->resource_count = 0;
	return b->pieces && b->spans && b->conns && b->resources && b->strings && ps->classes
	               ? 0
	               : -ENOMEM;
}

static int parse(struct parser *ps)
{
	struct slo_otlp_batch *b = ps->b;
	int r;

	ps->counting = true;
	r = walk_request(ps);
	if (r < 0)
		return r;
	if (b->span_count > SLO_OTLP_SPANS_MAX || b->piece_count > PIECES_MAX)
		return -E2BIG;
	r = make_room(ps);
	if (r < 0)
		return r;
	ps->counting = false;
	slo_llm_index_init(&ps->index);
	r = walk_request(ps);
	if (r < 0)
		return r;
	return slo_llm_requests_settle(b->spans, b->span_count, ps->classes, b->resources);
}

static int explain(const struct parser *ps, int code, struct slo_err *err)
{
	const struct slo_otlp_batch *b = ps->b;

	switch (code) {
	case -EBADMSG:
		return slo_err_set(err, code, "no ExportTraceServiceRequest: %s at byte %zu of %zu",
		                   ps->fault.why, (size_t)(ps->fault.at - b->body), b->len);
	case -E2BIG:
		return slo_err_set(
			err, code,
			"%zu spans in %zu messages are too many for one request, send at most "
			"%d: lower the sender's batch size",
			b->span_count, b->piece_count, SLO_OTLP_SPANS_MAX);
	default:
		return slo_err_set(err, code, "no memory for a request of %zu bytes", b->len);
	}
}

int slo_otlp_batch_parse(struct slo_otlp_batch **ret, uint8_t *body, size_t len,
                         struct slo_err *err)
{
	struct slo_otlp_batch *b;
	struct parser ps = { 0 };
	int r;

	if (len > SLO_OTLP_BODY_MAX)
		return slo_err_set(err, -E2BIG,
		                   "%zu bytes are too many for one request, send at most %u", len,
		                   SLO_OTLP_BODY_MAX);
	b = calloc(1, sizeof(*b));
	if (!b)
		return slo_err_set(err, -ENOMEM, "no memory for a request of %zu bytes", len);
	b->body = body;
	b->len = len;
	ps.b = b;
	r = parse(&ps);
	free(ps.classes);
	if (r < 0) {
		r = explain(&ps, r, err);
		b->body = NULL; /* still the caller's */
		slo_otlp_batch_freep(&b);
		return r;
	}
	*ret = b;
	return 0;
}
