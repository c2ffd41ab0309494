/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of operations, of errors, and a span's connection: what llm_request.c asks of a reading. */
#ifndef SLO_EXPORT_LLM_CLASS_H
#define SLO_EXPORT_LLM_CLASS_H

#include "core/export/llm_request.h"

enum slo_llm_class slo_llm_class(const struct slo_llm_reading *r);
enum slo_llm_error slo_llm_error(const struct slo_llm_reading *r, const struct slo_span *span);
/* Writes "ip:port->ip:port/proto", this side first, or "" where the span does not say all of it. */
void slo_llm_conn(const struct slo_llm_reading *r, enum slo_span_kind kind,
                  char conn[SLO_SPAN_CONN_LEN]);

static inline bool slo_llm_has(const struct slo_llm_reading *r, enum slo_llm_field field)
{
	return r->row[field] != 0;
}

#endif
