/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_batch.h"

#include "core/base/base.h"
#include "core/export/otlp_batch_parts.h"

void slo_otlp_batch_freep(struct slo_otlp_batch **b)
{
	if (!*b)
		return;
	free((*b)->body);
	free((*b)->pieces);
	free((*b)->spans);
	free((*b)->resources);
	free((*b)->strings);
	free((*b)->conns);
	free(*b);
	*b = NULL;
}

size_t slo_otlp_batch_spans(const struct slo_otlp_batch *b, const struct slo_span **ret)
{
	*ret = b->spans;
	return b->span_count;
}

const struct slo_span_resource *slo_otlp_batch_resource(const struct slo_otlp_batch *b,
                                                        uint32_t resource)
{
	assert(resource < b->resource_count);
	return &b->resources[resource];
}

size_t slo_otlp_batch_rejected(const struct slo_otlp_batch *b, const char **ret_why)
{
	*ret_why = b->why;
	return b->rejected;
}

void slo_otlp_batch_forget_conns(struct slo_otlp_batch *b)
{
	for (size_t i = 0; i < b->span_count; i++)
		b->spans[i].conn = "";
	slo_freep(&b->conns);
	b->bytes -= b->conn_bytes;
	b->conn_bytes = 0;
}

size_t slo_otlp_batch_bytes(const struct slo_otlp_batch *b)
{
	return b->bytes;
}
