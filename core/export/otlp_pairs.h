/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes as OTLP has them, written as bytes at once: no allocation, valid UTF-8 whatever comes in, and what finds no
 * room is counted, for the message's dropped_attributes_count. Byte for byte what protobuf-c packs, at a tenth of its time.
 */
#ifndef SLO_EXPORT_OTLP_PAIRS_H
#define SLO_EXPORT_OTLP_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/export/pb_buf.h"
#include "core/model/workload.h"

#define SLO_OTLP_PAIRS_BYTES 8192

struct slo_otlp_pairs {
	uint32_t field; /* of the message that they are of: below 16 */
	uint32_t dropped;
	const char *outer; /* keys are "OUTER.KEY" while it is set; static; NULL: none */
	size_t len;
	uint8_t bytes[SLO_OTLP_PAIRS_BYTES];
};

/* Not the whole structure is touched. */
void slo_otlp_pairs_init(struct slo_otlp_pairs *p, uint32_t field);

/* Keys are ours: ASCII, not checked. */
void slo_otlp_pairs_str(struct slo_otlp_pairs *p, const char *key, const char *value);
void slo_otlp_pairs_strn(struct slo_otlp_pairs *p, const char *key, const char *value, size_t n);
/* The same of ASCII without a NUL. */
void slo_otlp_pairs_plain(struct slo_otlp_pairs *p, const char *key, const char *value, size_t n);
void slo_otlp_pairs_known(struct slo_otlp_pairs *p, const char *key,
                          const char *value); /* but not "" */
void slo_otlp_pairs_i64(struct slo_otlp_pairs *p, const char *key, int64_t value);
void slo_otlp_pairs_double(struct slo_otlp_pairs *p, const char *key, double value);
void slo_otlp_pairs_bool(struct slo_otlp_pairs *p, const char *key, bool value);

/* Length of @n bytes with U+FFFD for each that is not UTF-8, or NUL; written to @to where that is not NULL. */
size_t slo_otlp_utf8(char *to, const char *s, size_t n);

/* The Resource of @who as message bytes into @b; @fallback is its service.name where it has none, @version "" unknown. */
void slo_otlp_put_resource(struct slo_pb_buf *b, const struct slo_workload *who,
                           const char *fallback, const char *version);

#endif
