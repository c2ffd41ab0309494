/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf bytes gathered piece by piece: whole messages of protobuf-c, and what wraps them. Kept and reused, so that
 * nothing is allocated per record once it has grown. What does not fit is remembered: ask @failed at the end.
 */
#ifndef SLO_EXPORT_PB_BUF_H
#define SLO_EXPORT_PB_BUF_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero is an empty one. */
struct slo_pb_buf {
	uint8_t *data;
	size_t len, size;
	bool failed; /* out of memory; sticky until reset */
};

void slo_pb_buf_fini(struct slo_pb_buf *b);
/* Empty again; the memory stays. */
void slo_pb_buf_reset(struct slo_pb_buf *b);

/* Field @field of wire type 2: these bytes, a string, or this message. */
void slo_pb_put_bytes(struct slo_pb_buf *b, unsigned int field, const void *data, size_t len);
void slo_pb_put_string(struct slo_pb_buf *b, unsigned int field, const char *s);
void slo_pb_put_message(struct slo_pb_buf *b, unsigned int field, const ProtobufCMessage *m);
/* With @len bytes behind it that are fields of its own, in the place of those that it lacks. */
void slo_pb_put_message_and(struct slo_pb_buf *b, unsigned int field, const ProtobufCMessage *m,
                            const void *more, size_t len);
/* The same for a message whose @len bytes follow, put as they are. */
void slo_pb_put_head(struct slo_pb_buf *b, unsigned int field, size_t len);
void slo_pb_put_raw(struct slo_pb_buf *b, const void *data, size_t len);
/* Room for @len bytes that the caller fills, which count from now on; NULL: no memory. */
uint8_t *slo_pb_put_room(struct slo_pb_buf *b, size_t len);
void slo_pb_put_varint(struct slo_pb_buf *b, unsigned int field, uint64_t v);
/* Bytes of tag, length and @len bytes of a field. */
size_t slo_pb_wrapped(unsigned int field, size_t len);

#endif
