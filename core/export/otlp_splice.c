/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths come before contents, so: first the attributes of all spans are asked for and encoded side by side, then
 * lengths are added up from the last message to the first (children come after their parents), then all is copied once.
 */
#include "core/export/otlp_batch_parts.h"
#include "core/export/otlp_fields.h"

/* A span's attribute that is left out. */
struct cut {
	uint32_t from, to;
};

/* What becomes of one piece. */
struct change {
	uint32_t len; /* of the contents, new */
	uint32_t added; /* bytes of the encoded attributes, a span's */
	uint32_t cuts; /* a span's */
};

struct splicer {
	const struct slo_otlp_batch *b;
	struct change *changes; /* one a piece */
	uint8_t *added; /* encoded attributes of all spans */
	size_t added_len, added_size;
	struct cut *cuts;
	size_t cut_count, cut_size;
};

/* --- encoding -------------------------------------------------------------------------------------------------- */

/* The AnyValue's bytes, and how many. @buf NULL measures. */
static size_t any_value(const struct slo_otlp_attr *a, uint8_t *buf)
{
	uint8_t number[SLO_WIRE_VARINT_MAX + 1];
	uint8_t *end = number;
	uint64_t bits;
	size_t len;

	switch (a->type) {
	case SLO_OTLP_STRING:
		len = strlen(a->s);
		if (buf)
			(void)slo_wire_put_bytes(buf, SLO_OTLP_ANY_STRING, a->s, len);
		return 1 + slo_wire_varint_size(len) + len;
	case SLO_OTLP_BOOL:
		end = slo_wire_put_tag(end, SLO_OTLP_ANY_BOOL, SLO_WIRE_VARINT);
		end = slo_wire_put_varint(end, a->i != 0);
		break;
	case SLO_OTLP_INT:
		end = slo_wire_put_tag(end, SLO_OTLP_ANY_INT, SLO_WIRE_VARINT);
		end = slo_wire_put_varint(end, (uint64_t)a->i);
		break;
	case SLO_OTLP_DOUBLE:
	default:
		memcpy(&bits, &a->d, sizeof(bits));
		end = slo_wire_put_tag(end, SLO_OTLP_ANY_DOUBLE, SLO_WIRE_FIXED64);
		end = slo_wire_put_fixed64(end, bits);
		break;
	}
	len = (size_t)(end - number);
	if (buf)
		memcpy(buf, number, len);
	return len;
}

static int make_room(struct splicer *sp, size_t more)
{
	size_t size = sp->added_size ? sp->added_size : 4096;
	uint8_t *grown;

	if (sp->added_len + more <= sp->added_size)
		return 0;
	if (sp->added_len + more > SLO_OTLP_BODY_MAX)
		return -EFBIG;
	while (size < sp->added_len + more)
		size *= 2;
	grown = realloc(sp->added, size);
	if (!grown)
		return -ENOMEM;
	sp->added = grown;
	sp->added_size = size;
	return 0;
}

/* One Span.attributes field. */
static int add_attr(struct splicer *sp, const struct slo_otlp_attr *a)
{
	size_t key_len = strlen(a->key);
	size_t value_len = any_value(a, NULL);
	size_t len = 1 + slo_wire_varint_size(key_len) + key_len + 1 +
	             slo_wire_varint_size(value_len) + value_len;
	uint8_t *p;
	int r = make_room(sp, 1 + SLO_WIRE_VARINT_MAX + len);

	if (r < 0)
		return r;
	assert(sp->added);
	p = slo_wire_put_head(sp->added + sp->added_len, SLO_OTLP_SPAN_ATTRIBUTES, len);
	p = slo_wire_put_bytes(p, SLO_OTLP_KEY_VALUE_KEY, a->key, key_len);
	p = slo_wire_put_head(p, SLO_OTLP_KEY_VALUE_VALUE, value_len);
	p += any_value(a, p);
	sp->added_len = (size_t)(p - sp->added);
	return 0;
}

/* --- what is replaced ------------------------------------------------------------------------------------------ */

static bool is_replaced(struct slo_wire attr, const struct slo_otlp_attrs *by)
{
	struct slo_wire key = { attr.p, attr.p };
	struct slo_wire_field f;

	while (slo_wire_next(&attr, &f) > 0) {
		if (f.number == SLO_OTLP_KEY_VALUE_KEY && f.type == SLO_WIRE_BYTES)
			key = f.bytes;
	}
	for (size_t i = 0; i < by->count; i++) {
		size_t len = strlen(by->attr[i].key);

		if (len == slo_wire_left(&key) && memcmp(by->attr[i].key, key.p, len) == 0)
			return true;
	}
	return false;
}

static int add_cut(struct splicer *sp, const uint8_t *from, const uint8_t *to)
{
	struct cut *grown;

	if (sp->cut_count == sp->cut_size) {
		size_t size = sp->cut_size ? 2 * sp->cut_size : 64;

		grown = realloc(sp->cuts, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		sp->cuts = grown;
		sp->cut_size = size;
	}
	sp->cuts[sp->cut_count++] =
		(struct cut){ (uint32_t)(from - sp->b->body), (uint32_t)(to - sp->b->body) };
	return 0;
}

/* Notes the attributes of a span that new ones replace. */
static int cut_replaced(struct splicer *sp, const struct slo_otlp_piece *piece,
                        const struct slo_otlp_attrs *by, struct change *change)
{
	struct slo_wire w = { sp->b->body + piece->at, sp->b->body + piece->end };
	struct slo_wire_field f;
	int r;

	while (slo_wire_next(&w, &f) > 0) {
		if (f.number != SLO_OTLP_SPAN_ATTRIBUTES || f.type != SLO_WIRE_BYTES ||
		    !is_replaced(f.bytes, by))
			continue;
		r = add_cut(sp, f.at, w.p);
		if (r < 0)
			return r;
		change->cuts++;
		change->len -= (uint32_t)(w.p - f.at);
	}
	return 0;
}

/* --- the three passes ------------------------------------------------------------------------------------------ */

static int change_span(struct splicer *sp, const struct slo_otlp_piece *piece,
                       const struct slo_otlp_attrs *attrs, struct change *change)
{
	size_t begin = sp->added_len;
	uint64_t keys = 0;
	int r;

	for (size_t i = 0; i < attrs->count; i++) {
		keys |= slo_otlp_key_bit(attrs->attr[i].key, strlen(attrs->attr[i].key));
		r = add_attr(sp, &attrs->attr[i]);
		if (r < 0)
			return r;
	}
	change->added = (uint32_t)(sp->added_len - begin);
	change->len = piece->end - piece->at + change->added;
	return keys & piece->keys ? cut_replaced(sp, piece, attrs, change) : 0;
}

static int ask_attrs(struct splicer *sp, slo_otlp_attrs_fn fill, void *user)
{
	struct slo_otlp_attrs attrs;
	size_t span = 0;
	int r;

	for (size_t i = 0; i < sp->b->piece_count; i++) {
		const struct slo_otlp_piece *piece = &sp->b->pieces[i];

		sp->changes[i] = (struct change){ .len = piece->end - piece->at };
		if (piece->kind != SLO_OTLP_PIECE_SPAN)
			continue;
		attrs.count = 0;
		fill(user, span, &sp->b->spans[span], &attrs);
		assert(attrs.count <= SLO_OTLP_ATTRS_MAX);
		span++;
		r = change_span(sp, piece, &attrs, &sp->changes[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Bytes of a piece with its head: before, as it came; after, as it goes. */
static size_t size_before(const struct slo_otlp_piece *piece)
{
	return piece->end - piece->tag_at;
}

static size_t size_after(const struct slo_otlp_piece *piece, const struct change *change)
{
	if (piece->kind == SLO_OTLP_PIECE_REJECTED)
		return 0;
	return 1 + slo_wire_varint_size(change->len) + change->len;
}

/* Fills the new lengths, and the whole request's. */
static int add_up(struct splicer *sp, size_t *ret_len)
{
	int64_t total = (int64_t)sp->b->len;

	for (size_t i = sp->b->piece_count; i-- > 0;) {
		const struct slo_otlp_piece *piece = &sp->b->pieces[i];
		int64_t more =
			(int64_t)size_after(piece, &sp->changes[i]) - (int64_t)size_before(piece);
		int64_t len;

		if (piece->parent == SLO_OTLP_NO_PARENT) {
			total += more;
			continue;
		}
		len = (int64_t)sp->changes[piece->parent].len + more;
		if (len > SLO_OTLP_BODY_MAX)
			return -EFBIG;
		sp->changes[piece->parent].len = (uint32_t)len;
	}
	if (total > SLO_OTLP_BODY_MAX)
		return -EFBIG;
	*ret_len = (size_t)total;
	return 0;
}

static uint8_t *copy(uint8_t *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static uint8_t *write_span(const struct splicer *sp, const struct slo_otlp_piece *piece,
                           const struct change *change, const struct cut *cut, uint8_t *out)
{
	const uint8_t *body = sp->b->body;
	uint32_t at = piece->at;

	for (uint32_t i = 0; cut && i < change->cuts; i++) {
		out = copy(out, body + at, cut[i].from - at);
		at = cut[i].to;
	}
	return copy(out, body + at, piece->end - at);
}

static uint32_t number_of(enum slo_otlp_piece_kind kind)
{
	switch (kind) {
	case SLO_OTLP_PIECE_RESOURCE_SPANS:
		return SLO_OTLP_REQUEST_RESOURCE_SPANS;
	case SLO_OTLP_PIECE_SCOPE_SPANS:
		return SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS;
	case SLO_OTLP_PIECE_SPAN:
	case SLO_OTLP_PIECE_REJECTED:
	default:
		return SLO_OTLP_SCOPE_SPANS_SPANS;
	}
}

static uint8_t *write_all(const struct splicer *sp, uint8_t *out)
{
	const struct slo_otlp_batch *b = sp->b;
	const uint8_t *added = sp->added;
	const struct cut *cut = sp->cuts;
	uint32_t at = 0; /* of the body, copied up to there */

	if (!b->len) /* there may be no body at all */
		return out;
	for (size_t i = 0; i < b->piece_count; i++) {
		const struct slo_otlp_piece *piece = &b->pieces[i];
		const struct change *change = &sp->changes[i];

		out = copy(out, b->body + at, piece->tag_at - at);
		at = piece->kind <= SLO_OTLP_PIECE_SCOPE_SPANS ? piece->at : piece->end;
		if (piece->kind == SLO_OTLP_PIECE_REJECTED)
			continue;
		out = slo_wire_put_head(out, number_of(piece->kind), change->len);
		if (piece->kind != SLO_OTLP_PIECE_SPAN)
			continue;
		out = write_span(sp, piece, change, cut, out);
		cut = change->cuts ? cut + change->cuts : cut;
		if (change->added) {
			assert(added);
			out = copy(out, added, change->added);
			added += change->added;
		}
	}
	return copy(out, b->body + at, b->len - at);
}

static int splice(struct splicer *sp, uint8_t **ret, size_t *ret_len)
{
	uint8_t *out, *end;
	size_t len;
	int r = add_up(sp, &len);

	if (r < 0)
		return r;
	out = malloc(len + 1);
	if (!out)
		return -ENOMEM;
	end = write_all(sp, out);
	assert((size_t)(end - out) == len);
	*ret = out;
	*ret_len = len;
	return 0;
}

int slo_otlp_batch_splice(const struct slo_otlp_batch *b, slo_otlp_attrs_fn attrs, void *user,
                          uint8_t **ret, size_t *ret_len)
{
	struct splicer sp = { .b = b };
	int r;

	sp.changes = malloc(b->piece_count * sizeof(*sp.changes) + 1);
	if (!sp.changes)
		return -ENOMEM;
	r = ask_attrs(&sp, attrs, user);
	if (r == 0)
		r = splice(&sp, ret, ret_len);
	free(sp.changes);
	free(sp.added);
	free(sp.cuts);
	return r;
}
