/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "core/net/gzip.h"

uint32_t slo_otlp_tag_of(enum slo_otlp_kind kind, const struct slo_otlp_label *label)
{
	return (uint32_t)kind | (label->gzip ? 4U : 0U) | label->items << 8;
}

bool slo_otlp_tag_read(uint32_t tag, enum slo_otlp_kind *ret_kind, struct slo_otlp_label *ret)
{
	if ((tag & 3) >= SLO_OTLP_KIND_MAX_ || (tag & 0xf8))
		return false;
	*ret_kind = (enum slo_otlp_kind)(tag & 3);
	*ret = (struct slo_otlp_label){ .gzip = tag & 4, .items = tag >> 8 };
	return true;
}

/* The queue and the disk hold more so. */
static void pack(struct slo_otlp_batch *b)
{
	uint8_t *packed;
	size_t len;

	if (slo_gzip(b->body, b->len, &packed, &len) < 0)
		return;
	free(b->body);
	b->body = packed;
	b->len = len;
	b->label.gzip = true;
}

int slo_otlp_queue_put(struct slo_otlp_queue *q, uint8_t *body, size_t len, uint32_t items,
                       bool gzip)
{
	struct slo_otlp_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->label.items = items;
	b->body = body;
	b->len = len;
	if (gzip)
		pack(b);
	if (q->youngest) {
		q->youngest->next = b;
	} else {
		q->oldest = b;
	}
	q->youngest = b;
	q->bytes += b->len;
	q->count++;
	return 0;
}

void slo_otlp_queue_remove(struct slo_otlp_queue *q, struct slo_otlp_batch *b)
{
	struct slo_otlp_batch **at = &q->oldest, *before = NULL;

	while (*at != b) {
		before = *at;
		at = &before->next;
	}
	*at = b->next;
	if (q->youngest == b)
		q->youngest = before;
	q->bytes -= b->len;
	q->count--;
	free(b->body);
	free(b);
}

struct slo_otlp_batch *slo_otlp_queue_idle(const struct slo_otlp_queue *q)
{
	struct slo_otlp_batch *b = q->oldest;

	while (b && b->under_way)
		b = b->next;
	return b;
}
