/* SPDX-License-Identifier: Apache-2.0 */
/* What otlp_parse.c fills and otlp_splice.c writes again. */
#ifndef SLO_EXPORT_OTLP_BATCH_PARTS_H
#define SLO_EXPORT_OTLP_BATCH_PARTS_H

#include "core/export/otlp_batch.h"
#include "core/export/wire.h"

enum slo_otlp_piece_kind {
	SLO_OTLP_PIECE_RESOURCE_SPANS,
	SLO_OTLP_PIECE_SCOPE_SPANS,
	SLO_OTLP_PIECE_SPAN,
	SLO_OTLP_PIECE_REJECTED, /* a span that does not go on */
};

#define SLO_OTLP_BODY_MAX (64U << 20) /* bytes: of a request in, and out */
#define SLO_OTLP_NO_PARENT UINT32_MAX

/* A message whose length may change, in the order of the bytes: parents before children. */
struct slo_otlp_piece {
	uint32_t tag_at; /* of its tag in the body */
	uint32_t at, end; /* of its contents */
	uint32_t parent; /* piece; SLO_OTLP_NO_PARENT: the request itself */
	enum slo_otlp_piece_kind kind;
	uint64_t keys; /* SPAN: slo_otlp_key_bit() of its attributes' keys */
};

struct slo_otlp_batch {
	uint8_t *body; /* owned */
	size_t len;
	struct slo_otlp_piece *pieces;
	size_t piece_count;
	struct slo_span *spans;
	size_t span_count;
	struct slo_span_resource *resources;
	size_t resource_count;
	char *strings; /* of the resources */
	char *conns; /* SLO_SPAN_CONN_LEN a span, until they are forgotten */
	size_t conn_bytes;
	size_t bytes; /* of all that */
	size_t rejected;
	char why[128]; /* the first was rejected; "" */
};

/*
 * Whether a span may carry a key is one look at a set of bits. Keys share their beginnings, so the first bytes alone
 * make few bits: a span without any llm.ebpf.* is told at once.
 */
static inline uint64_t slo_otlp_key_bit(const void *key, size_t len)
{
	uint64_t head = 0;

	memcpy(&head, key, len < sizeof(head) ? len : sizeof(head));
	return UINT64_C(1) << ((head * UINT64_C(0x9e3779b97f4a7c15)) >> 58);
}

#endif
