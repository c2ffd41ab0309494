/* SPDX-License-Identifier: Apache-2.0 */
/* Between the walk over a request and the reading of its spans. */
#ifndef SLO_EXPORT_OTLP_PARSE_PARTS_H
#define SLO_EXPORT_OTLP_PARSE_PARTS_H

#include <string.h>

#include "core/export/llm_request.h"
#include "core/export/otlp_batch_parts.h"
#include "core/export/otlp_value.h"

#define SLO_OTLP_WHO_NAMES (sizeof(struct slo_workload) / sizeof(const char *))

struct slo_otlp_parser {
	struct slo_otlp_batch *b;
	bool counting;
	struct slo_otlp_fault fault;
	size_t resource_bytes; /* of all Resource messages */
	size_t string_len; /* used of b->strings */
	uint8_t *classes; /* of spans: enum slo_llm_class */
	struct slo_llm_index index;
	struct slo_llm_reading reading;
	/* The resource being read. */
	struct slo_wire who[SLO_OTLP_WHO_NAMES];
	uint8_t who_row[SLO_OTLP_WHO_NAMES]; /* + 1; 0: none */
};

static inline int slo_otlp_parse_next(struct slo_otlp_parser *ps, struct slo_wire *w,
                                      struct slo_wire_field *f)
{
	return slo_otlp_next(&ps->fault, w, f);
}

static inline bool slo_otlp_key_is(struct slo_wire key, const char *text)
{
	size_t len = slo_wire_left(&key);

	return strlen(text) == len && memcmp(key.p, text, len) == 0;
}

/* The span in @w: the batch has one more, or @piece is marked as rejected. 0 or -EBADMSG with @ps->fault. */
int slo_otlp_read_span(struct slo_otlp_parser *ps, struct slo_wire w, struct slo_otlp_piece *piece);

#endif
