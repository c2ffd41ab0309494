/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's wire format, field by field over borrowed bytes: for messages that are looked at and passed on, where
 * unpacking into objects would cost more than all the rest and lose what it does not know.
 */
#ifndef SLO_EXPORT_WIRE_H
#define SLO_EXPORT_WIRE_H

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum slo_wire_type {
	SLO_WIRE_VARINT = 0,
	SLO_WIRE_FIXED64 = 1,
	SLO_WIRE_BYTES = 2,
	SLO_WIRE_GROUP = 3,
	SLO_WIRE_GROUP_END = 4,
	SLO_WIRE_FIXED32 = 5,
};

/* Bytes that are left. */
struct slo_wire {
	const uint8_t *p, *end;
};

struct slo_wire_field {
	uint32_t number;
	enum slo_wire_type type;
	uint64_t value; /* VARINT, FIXED64, FIXED32 */
	struct slo_wire bytes; /* BYTES */
	const uint8_t *at; /* the field's own first byte, its tag's */
};

#define SLO_WIRE_VARINT_MAX 10
#define SLO_WIRE_GROUPS_MAX 16 /* groups within groups */

static inline size_t slo_wire_left(const struct slo_wire *w)
{
	return (size_t)(w->end - w->p);
}

/* 0; -EBADMSG: cut, or longer than 64 bits. */
static inline int slo_wire_varint(struct slo_wire *w, uint64_t *ret)
{
	const uint8_t *p = w->p;
	uint64_t v = 0;

	for (unsigned int shift = 0; shift < 64 && p < w->end; shift += 7) {
		uint8_t byte = *p++;

		if (shift == 63 && byte > 1)
			return -EBADMSG;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			w->p = p;
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Past the group @number, whose tag has been read. 0 or -EBADMSG. */
int slo_wire_skip_group(struct slo_wire *w, uint32_t number);

static inline int slo_wire_fixed(struct slo_wire *w, size_t size, uint64_t *ret)
{
	uint64_t v = 0;

	if (slo_wire_left(w) < size)
		return -EBADMSG;
	memcpy(&v, w->p, size);
	w->p += size;
	*ret = le64toh(v);
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): slo_wire_skip_group() asks for no group, so once. */

/* What comes after the tag. */
static inline int slo_wire_value(struct slo_wire *w, struct slo_wire_field *f)
{
	uint64_t len;

	switch (f->type) {
	case SLO_WIRE_VARINT:
		return slo_wire_varint(w, &f->value);
	case SLO_WIRE_FIXED64:
		return slo_wire_fixed(w, 8, &f->value);
	case SLO_WIRE_FIXED32:
		return slo_wire_fixed(w, 4, &f->value);
	case SLO_WIRE_BYTES:
		if (slo_wire_varint(w, &len) < 0 || len > slo_wire_left(w))
			return -EBADMSG;
		f->bytes = (struct slo_wire){ w->p, w->p + len };
		w->p += len;
		return 0;
	case SLO_WIRE_GROUP:
		return slo_wire_skip_group(w, f->number);
	case SLO_WIRE_GROUP_END:
	default:
		return -EBADMSG;
	}
}

/* NOLINTEND(misc-no-recursion) */

static inline int slo_wire_tag(struct slo_wire *w, struct slo_wire_field *f)
{
	uint64_t tag;

	f->at = w->p;
	if (slo_wire_varint(w, &tag) < 0 || tag > UINT32_MAX || tag < 8)
		return -EBADMSG;
	f->number = (uint32_t)tag >> 3;
	f->type = (enum slo_wire_type)(tag & 7);
	return 0;
}

/* The next field: 1; 0 at the end; -EBADMSG. A group is passed over whole, with its type alone. */
static inline int slo_wire_next(struct slo_wire *w, struct slo_wire_field *f)
{
	if (w->p == w->end)
		return 0;
	if (slo_wire_tag(w, f) < 0 || slo_wire_value(w, f) < 0)
		return -EBADMSG;
	return 1;
}

/* Writing. The caller has made room. */

static inline size_t slo_wire_varint_size(uint64_t v)
{
	return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

static inline uint8_t *slo_wire_put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline uint8_t *slo_wire_put_tag(uint8_t *p, uint32_t number, enum slo_wire_type type)
{
	return slo_wire_put_varint(p, (uint64_t)number << 3 | (uint64_t)type);
}

static inline uint8_t *slo_wire_put_fixed64(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Tag and length of @len bytes that follow. */
static inline uint8_t *slo_wire_put_head(uint8_t *p, uint32_t number, size_t len)
{
	return slo_wire_put_varint(slo_wire_put_tag(p, number, SLO_WIRE_BYTES), len);
}

static inline uint8_t *slo_wire_put_bytes(uint8_t *p, uint32_t number, const void *bytes,
                                          size_t len)
{
	p = slo_wire_put_head(p, number, len);
	memcpy(p, bytes, len);
	return p + len;
}

#endif
