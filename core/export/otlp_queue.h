/* SPDX-License-Identifier: Apache-2.0 */
/* Ready requests of one kind that wait in memory, oldest first, and the tag that they have in a spool. */
#ifndef SLO_EXPORT_OTLP_QUEUE_H
#define SLO_EXPORT_OTLP_QUEUE_H

#include "core/export/otlp_exporter.h"

#define SLO_OTLP_ITEMS_MAX ((UINT32_C(1) << 24) - 1) /* what a tag holds */

/* What is known of a request beside its kind and body. */
struct slo_otlp_label {
	bool gzip;
	uint32_t items;
};

uint32_t slo_otlp_tag_of(enum slo_otlp_kind kind, const struct slo_otlp_label *label);
/* False: no tag of ours. */
bool slo_otlp_tag_read(uint32_t tag, enum slo_otlp_kind *ret_kind, struct slo_otlp_label *ret);

struct slo_otlp_batch {
	struct slo_otlp_batch *next; /* the next younger one */
	struct slo_otlp_label label;
	uint8_t *body; /* owned */
	size_t len;
	bool under_way, tried;
};

/* All zero: empty. */
struct slo_otlp_queue {
	struct slo_otlp_batch *oldest, *youngest; /* owned */
	size_t bytes, count;
};

/* Takes @body (malloc'd) over where it returns 0; else -ENOMEM. @gzip: it is packed, once, whatever becomes of it. */
int slo_otlp_queue_put(struct slo_otlp_queue *q, uint8_t *body, size_t len, uint32_t items,
                       bool gzip);
/* Frees it. */
void slo_otlp_queue_remove(struct slo_otlp_queue *q, struct slo_otlp_batch *b);
/* The oldest that is not under way; NULL: none. */
struct slo_otlp_batch *slo_otlp_queue_idle(const struct slo_otlp_queue *q);

#endif
