/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a span's attributes say of an LLM request, whatever convention they follow: one table of aliases, the classes of
 * operations and of errors, and the rule by which nested instrumentation counts once.
 */
#ifndef SLO_EXPORT_LLM_REQUEST_H
#define SLO_EXPORT_LLM_REQUEST_H

#include "core/export/wire.h"
#include "core/model/span.h"

/* What is read. The first row of the table that a span has decides each. */
enum slo_llm_field {
	SLO_LLM_TTFT, /* numbers: */
	SLO_LLM_LATENCY,
	SLO_LLM_QUEUE,
	SLO_LLM_OUTPUT_TOKENS,
	SLO_LLM_TOKENS_PER_SEC,
	SLO_LLM_HTTP_STATUS,
	SLO_LLM_GRPC_STATUS,
	SLO_LLM_LOCAL_PORT,
	SLO_LLM_PEER_PORT,
	SLO_LLM_SERVER_PORT,
	SLO_LLM_CLIENT_PORT,
	SLO_LLM_MODEL, /* text: */
	SLO_LLM_OPERATION,
	SLO_LLM_OPENINFERENCE_KIND,
	SLO_LLM_TRACELOOP_KIND,
	SLO_LLM_REQUEST_TYPE,
	SLO_LLM_VERCEL_OPERATION,
	SLO_LLM_LANGFUSE_TYPE,
	SLO_LLM_PROVIDER,
	SLO_LLM_TOOL_NAME,
	SLO_LLM_TOOL_TYPE,
	SLO_LLM_DB_SYSTEM,
	SLO_LLM_ERROR_TYPE,
	SLO_LLM_EXCEPTION_TYPE, /* of an exception event; counts only where the span says that it failed */
	SLO_LLM_LOCAL_ADDRESS,
	SLO_LLM_PEER_ADDRESS,
	SLO_LLM_SERVER_ADDRESS,
	SLO_LLM_CLIENT_ADDRESS,
	SLO_LLM_TRANSPORT,
	SLO_LLM_FIELD_MAX_,
	SLO_LLM_FIRST_TEXT = SLO_LLM_MODEL,
};

struct slo_llm_alias {
	const char *key;
	uint8_t key_len;
	uint8_t field; /* enum slo_llm_field */
	double scale; /* numbers: to our unit, ms */
	const char *who; /* whose convention it is */
};

/* All rows, preferred ones first within a field. */
size_t slo_llm_aliases(const struct slo_llm_alias **ret);
/* Names of events that tell the first token; NULL at the end. */
const char *const *slo_llm_first_token_events(void);

/* Keys to rows, in one probe for most keys. Made once a request; nothing to free. */
struct slo_llm_index {
	uint8_t row[256]; /* row + 1; 0: none */
};

void slo_llm_index_init(struct slo_llm_index *index);

enum slo_otlp_value_type {
	SLO_OTLP_VALUE_NONE, /* empty, or a list, a map, bytes */
	SLO_OTLP_VALUE_TEXT,
	SLO_OTLP_VALUE_INT, /* booleans too */
	SLO_OTLP_VALUE_DOUBLE,
};

/* One attribute's value; text is borrowed. */
struct slo_otlp_value {
	enum slo_otlp_value_type type;
	struct slo_wire text;
	int64_t i;
	double d;
};

/* One span being read, from begin to end. */
struct slo_llm_reading {
	const struct slo_llm_index *index;
	int64_t first_token_ns; /* by an event; INT64_MAX: none */
	uint8_t row[SLO_LLM_FIELD_MAX_]; /* that gave it, + 1; 0: none */
	double number[SLO_LLM_FIRST_TEXT];
	struct slo_wire text[SLO_LLM_FIELD_MAX_];
};

void slo_llm_reading_begin(struct slo_llm_reading *r, const struct slo_llm_index *index);
void slo_llm_reading_attr(struct slo_llm_reading *r, struct slo_wire key,
                          const struct slo_otlp_value *value);
void slo_llm_reading_event(struct slo_llm_reading *r, struct slo_wire name, uint64_t unix_ns);
enum slo_llm_class {
	SLO_LLM_CLASS_NONE, /* not of GenAI, as far as it says */
	SLO_LLM_CLASS_REQUEST,
	SLO_LLM_CLASS_RETRIEVAL,
	SLO_LLM_CLASS_OTHER, /* of GenAI, but neither: agents, tools, workflows, embeddings */
};

/*
 * Fills @span's llm, given its times, kind and is_error. The class is for slo_llm_requests_settle(), which
 * comes when all spans are read.
 */
enum slo_llm_class slo_llm_reading_end(const struct slo_llm_reading *r, struct slo_span *span);

/* The number of an attribute: of text too, if all of it is one. NaN: none. */
double slo_otlp_value_number(const struct slo_otlp_value *value);

/*
 * Among @spans of one batch, each of its class, clears is_request (is_retrieval) of those within another of the same
 * class in the same trace, service and pod, with nothing else of GenAI in between: the outermost counts. It takes what it
 * does not say itself (TTFT, tokens, model, kind of error) from those within. Then derives tokens_per_sec. 0 or -ENOMEM.
 */
int slo_llm_requests_settle(struct slo_span *spans, size_t count, const uint8_t *classes,
                            const struct slo_span_resource *resources);

#endif
