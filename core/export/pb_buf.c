/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/pb_buf.h"

#include <stdlib.h>
#include <string.h>

#include "core/export/wire.h"

#define FIRST_BYTES ((size_t)1024)

void slo_pb_buf_fini(struct slo_pb_buf *b)
{
	free(b->data);
	*b = (struct slo_pb_buf){ 0 };
}

void slo_pb_buf_reset(struct slo_pb_buf *b)
{
	b->len = 0;
	b->failed = false;
}

static uint8_t *room(struct slo_pb_buf *b, size_t need)
{
	size_t size = b->size ? b->size : FIRST_BYTES;
	uint8_t *more;

	if (b->failed)
		return NULL;
	if (need <= b->size - b->len)
		return b->data + b->len;
	while (size - b->len < need)
		size *= 2;
	more = realloc(b->data, size);
	if (!more) {
		b->failed = true;
		return NULL;
	}
	b->data = more;
	b->size = size;
	return b->data + b->len;
}

static void varint(struct slo_pb_buf *b, uint64_t v)
{
	uint8_t *p = room(b, SLO_WIRE_VARINT_MAX);

	if (p)
		b->len = (size_t)(slo_wire_put_varint(p, v) - b->data);
}

size_t slo_pb_wrapped(unsigned int field, size_t len)
{
	return slo_wire_varint_size((uint64_t)field << 3) + slo_wire_varint_size(len) + len;
}

void slo_pb_put_raw(struct slo_pb_buf *b, const void *data, size_t len)
{
	uint8_t *p = room(b, len);

	if (!p || !len)
		return;
	memcpy(p, data, len);
	b->len += len;
}

uint8_t *slo_pb_put_room(struct slo_pb_buf *b, size_t len)
{
	uint8_t *p = room(b, len);

	if (p)
		b->len += len;
	return p;
}

void slo_pb_put_head(struct slo_pb_buf *b, unsigned int field, size_t len)
{
	varint(b, (uint64_t)field << 3 | SLO_WIRE_BYTES);
	varint(b, len);
}

void slo_pb_put_bytes(struct slo_pb_buf *b, unsigned int field, const void *data, size_t len)
{
	slo_pb_put_head(b, field, len);
	slo_pb_put_raw(b, data, len);
}

void slo_pb_put_string(struct slo_pb_buf *b, unsigned int field, const char *s)
{
	if (*s)
		slo_pb_put_bytes(b, field, s, strlen(s));
}

void slo_pb_put_varint(struct slo_pb_buf *b, unsigned int field, uint64_t v)
{
	varint(b, (uint64_t)field << 3 | SLO_WIRE_VARINT);
	varint(b, v);
}

void slo_pb_put_message_and(struct slo_pb_buf *b, unsigned int field, const ProtobufCMessage *m,
                            const void *more, size_t more_len)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *p;

	slo_pb_put_head(b, field, len + more_len);
	p = room(b, len);
	if (p)
		b->len += protobuf_c_message_pack(m, p);
	slo_pb_put_raw(b, more, more_len);
}

void slo_pb_put_message(struct slo_pb_buf *b, unsigned int field, const ProtobufCMessage *m)
{
	slo_pb_put_message_and(b, field, m, NULL, 0);
}
