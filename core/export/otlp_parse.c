/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks over the bytes: the outer messages alone, to count and to make room once; then all of it, each message that
 * we know to its end. What a strict receiver further on would refuse is refused here, where its sender can be told.
 */
#include "core/export/llm_request.h"
#include "core/export/otlp_fields.h"
#include "core/export/otlp_parse_parts.h"

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

/* --- resources ------------------------------------------------------------------------------------------------- */

static void take_who(struct slo_otlp_parser *ps, const struct slo_otlp_attr_in *a,
                     struct slo_span_resource *resource)
{
	double pid;

	if (slo_otlp_key_is(a->key, "process.pid")) {
		pid = slo_otlp_value_number(&a->value);
		if (pid >= 1 && pid <= INT32_MAX)
			resource->pid = (uint32_t)pid;
		return;
	}
	if (a->value.type != SLO_OTLP_VALUE_TEXT || !slo_wire_left(&a->value.text))
		return;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(who_rows); i++) {
		size_t name = who_rows[i].offset / sizeof(const char *);

		if (!slo_otlp_key_is(a->key, who_rows[i].key))
			continue;
		if (!ps->who_row[name] || ps->who_row[name] > i + 1) {
			ps->who_row[name] = (uint8_t)(i + 1);
			ps->who[name] = a->value.text;
		}
	}
}

static int read_resource(struct slo_otlp_parser *ps, struct slo_wire w)
{
	struct slo_span_resource *resource = &ps->b->resources[ps->b->resource_count - 1];
	struct slo_wire_field f;
	struct slo_otlp_attr_in attr;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (!slo_otlp_is_bytes(&f, SLO_OTLP_RESOURCE_ATTRIBUTES))
			continue;
		r = slo_otlp_read_attr(&ps->fault, f.bytes, &attr);
		if (r < 0)
			return r;
		take_who(ps, &attr, resource);
	}
	return r;
}

/* Copies the names that were found, now that no better ones can come. */
static void keep_who(struct slo_otlp_parser *ps)
{
	struct slo_span_resource *resource = &ps->b->resources[ps->b->resource_count - 1];
	const char **names = (const char **)&resource->who; /* which has nothing else in it */

	for (size_t name = 0; name < SLO_OTLP_WHO_NAMES; name++) {
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

/* --- the outer messages ---------------------------------------------------------------------------------------- */

/* The piece that @f is: counted, or noted. */
static struct slo_otlp_piece *add_piece(struct slo_otlp_parser *ps, const struct slo_wire_field *f,
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

static int walk_scope_spans(struct slo_otlp_parser *ps, struct slo_wire w, uint32_t self)
{
	struct slo_otlp_batch *b = ps->b;
	struct slo_otlp_piece *piece;
	struct slo_wire_field f;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, SLO_OTLP_SCOPE_SPANS_SPANS)) {
			piece = add_piece(ps, &f, SLO_OTLP_PIECE_SPAN, self);
			if (!piece)
				b->span_count++;
			else
				r = slo_otlp_read_span(ps, f.bytes, piece);
		} else if (slo_otlp_is_bytes(&f, SLO_OTLP_SCOPE_SPANS_SCOPE) && !ps->counting) {
			r = slo_otlp_check_attrs(&ps->fault, f.bytes, SLO_OTLP_SCOPE_ATTRIBUTES);
		}
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_resource_spans(struct slo_otlp_parser *ps, struct slo_wire w, uint32_t self)
{
	struct slo_wire_field f;
	int r;

	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		if (slo_otlp_is_bytes(&f, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS)) {
			uint32_t scope = (uint32_t)ps->b->piece_count;

			(void)add_piece(ps, &f, SLO_OTLP_PIECE_SCOPE_SPANS, self);
			r = walk_scope_spans(ps, f.bytes, scope);
		} else if (slo_otlp_is_bytes(&f, SLO_OTLP_RESOURCE_SPANS_RESOURCE)) {
			ps->resource_bytes += slo_wire_left(&f.bytes);
			r = ps->counting ? 0 : read_resource(ps, f.bytes);
		}
		if (r < 0)
			return r;
	}
	return r;
}

static int walk_request(struct slo_otlp_parser *ps)
{
	struct slo_wire_field f;
	struct slo_wire w;
	int r;

	if (!ps->b->len) /* there may be no body at all */
		return 0;
	w = (struct slo_wire){ ps->b->body, ps->b->body + ps->b->len };
	while ((r = slo_otlp_parse_next(ps, &w, &f)) > 0) {
		uint32_t self = (uint32_t)ps->b->piece_count;

		if (!slo_otlp_is_bytes(&f, SLO_OTLP_REQUEST_RESOURCE_SPANS))
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
static int make_room(struct slo_otlp_parser *ps)
{
	struct slo_otlp_batch *b = ps->b;
	size_t strings = ps->resource_bytes + b->resource_count * SLO_OTLP_WHO_NAMES;

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

static int parse(struct slo_otlp_parser *ps)
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

static int explain(const struct slo_otlp_parser *ps, int code, struct slo_err *err)
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
	struct slo_otlp_parser ps = { 0 };
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
