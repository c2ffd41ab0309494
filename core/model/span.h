/* SPDX-License-Identifier: Apache-2.0 */
/* A span as the agent needs it: who, when, what it says of an LLM request. The rest stays in the bytes it came in. */
#ifndef SLO_MODEL_SPAN_H
#define SLO_MODEL_SPAN_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/model/event.h"
#include "core/model/workload.h"

#define SLO_SPAN_CONN_LEN 112 /* "[v6]:port->[v6]:port/tcp" and the NUL */

enum slo_span_kind {
	SLO_SPAN_UNSPECIFIED,
	SLO_SPAN_INTERNAL,
	SLO_SPAN_SERVER,
	SLO_SPAN_CLIENT,
	SLO_SPAN_PRODUCER,
	SLO_SPAN_CONSUMER,
	SLO_SPAN_KIND_MAX_,
};

/* What went wrong, from error.type, status codes and SSE events: classes of one provider reply. */
enum slo_llm_error {
	SLO_LLM_OK,
	SLO_LLM_THROTTLED, /* 429, 529, RESOURCE_EXHAUSTED, rate_limit* */
	SLO_LLM_SERVER_ERROR, /* other 5xx, overloaded_error, timeouts of the provider */
	SLO_LLM_STREAM_ERROR, /* the stream began and ended in an error */
	SLO_LLM_CLIENT_ERROR, /* 400, 401, 403, 404, billing: the client's own configuration */
	SLO_LLM_OTHER_ERROR, /* the span says error and no more */
	SLO_LLM_ERROR_MAX_,
};

/* Attributes of an LLM request; NaN (numbers) or "" where the span has none. By the alias table of llm_request.c. */
struct slo_llm_request {
	double ttft_ms; /* time to first token */
	double tokens_per_sec; /* output tokens / time after the first token (all of it where TTFT is unknown) */
	double latency_ms; /* of the whole request: the span's own duration where no attribute says */
	double queue_ms; /* waited in the engine */
	double output_tokens;
	const char *model; /* borrowed from the batch, NOT terminated by NUL: see @model_len */
	uint32_t model_len;
	enum slo_llm_error error : 8;
	bool is_request; /* one whole LLM request: what SLOs count. Its children and mere HTTP calls are not */
	bool is_retrieval; /* a retrieval (vector database, search) inside a request */
};

struct slo_span {
	uint8_t trace_id[SLO_TRACE_ID_LEN]; /* all zero: none */
	uint8_t span_id[SLO_SPAN_ID_LEN];
	uint8_t parent_id[SLO_SPAN_ID_LEN];
	int64_t start_ns; /* CLOCK_REALTIME of the sender; 0 unknown */
	int64_t end_ns;
	uint32_t resource; /* index of its struct slo_span_resource */
	enum slo_span_kind kind : 8;
	bool is_error; /* status code ERROR */
	const char *
		conn; /* its connection in the form of slo_corr_who.conn; "": not said in full; the batch's */
	struct slo_llm_request llm;
};

/* All that come wait for the signals' lag: at 50,000 a second each 64 bytes here are a MiB. */
static_assert(sizeof(struct slo_span) <= 120, "fields of one size side by side");

/* One ResourceSpans' resource. */
struct slo_span_resource {
	struct slo_workload who; /* borrowed from the batch, NUL-terminated */
	uint32_t pid; /* process.pid, as the process sees itself; 0 unknown */
};

#endif
