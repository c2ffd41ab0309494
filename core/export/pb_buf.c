/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/pb_buf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES ((size_t)1024)
#define VARINT_MAX 10
#define WIRE_VARINT 0U
#define WIRE_BYTES 2U

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

static size_t varint_len(uint64_t v)
{
	size_t n = 1;

	for (; v > 0x7f; v >>= 7)
		n++;
	return n;
}

static void varint(struct slo_pb_buf *b, uint64_t v)
{
	uint8_t *p = room(b, VARINT_MAX);

	if (!p)
		return;
	for (; v > 0x7f; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	b->len = (size_t)(p - b->data);
}

size_t slo_pb_wrapped(unsigned int field, size_t len)
{
	return varint_len((uint64_t)field << 3) + varint_len(len) + len;
}

void slo_pb_put_raw(struct slo_pb_buf *b, const void *data, size_t len)
{
	uint8_t *p = room(b, len);

	if (!p || !len)
		return;
	memcpy(p, data, len);
	b->len += len;
}

void slo_pb_put_head(struct slo_pb_buf *b, unsigned int field, size_t len)
{
	varint(b, (uint64_t)field << 3 | WIRE_BYTES);
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
	varint(b, (uint64_t)field << 3 | WIRE_VARINT);
	varint(b, v);
}

void slo_pb_put_message(struct slo_pb_buf *b, unsigned int field, const ProtobufCMessage *m)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *p;

	slo_pb_put_head(b, field, len);
	p = room(b, len);
	if (p)
		b->len += protobuf_c_message_pack(m, p);
}
