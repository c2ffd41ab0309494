/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/llm_request.h"

#include <math.h>

#include "core/base/base.h"
#include "core/base/hash.h"
#include "core/export/llm_class.h"

#define NS_PER_MS 1e6
#define ANCESTORS_MAX 64 /* that are looked at; a ring of parents ends there too */

static double number_of(const struct slo_llm_reading *r, enum slo_llm_field field)
{
	return slo_llm_has(r, field) ? r->number[field] : NAN;
}

static double ttft_of(const struct slo_llm_reading *r, const struct slo_span *span)
{
	if (slo_llm_has(r, SLO_LLM_TTFT))
		return r->number[SLO_LLM_TTFT];
	if (r->first_token_ns == INT64_MAX || !span->start_ns || r->first_token_ns < span->start_ns)
		return NAN;
	return (double)(r->first_token_ns - span->start_ns) / NS_PER_MS;
}

static double latency_of(const struct slo_llm_reading *r, const struct slo_span *span)
{
	if (slo_llm_has(r, SLO_LLM_LATENCY))
		return r->number[SLO_LLM_LATENCY];
	if (!span->start_ns || span->end_ns < span->start_ns)
		return NAN;
	return (double)(span->end_ns - span->start_ns) / NS_PER_MS;
}

/* Messages sent and received are no requests; kinds that senders leave out are. */
static bool may_count(enum slo_span_kind kind)
{
	return kind != SLO_SPAN_PRODUCER && kind != SLO_SPAN_CONSUMER;
}

enum slo_llm_class slo_llm_reading_end(const struct slo_llm_reading *r, struct slo_span *span)
{
	enum slo_llm_class class = slo_llm_class(r);
	struct slo_llm_request *llm = &span->llm;

	*llm = (struct slo_llm_request){
		.is_request = class == SLO_LLM_CLASS_REQUEST && may_count(span->kind),
		.is_retrieval = class == SLO_LLM_CLASS_RETRIEVAL && may_count(span->kind),
		.ttft_ms = ttft_of(r, span),
		.latency_ms = latency_of(r, span),
		.queue_ms = number_of(r, SLO_LLM_QUEUE),
		.output_tokens = number_of(r, SLO_LLM_OUTPUT_TOKENS),
		.tokens_per_sec = number_of(r, SLO_LLM_TOKENS_PER_SEC),
		.model = "",
	};
	if (slo_llm_has(r, SLO_LLM_MODEL)) {
		llm->model = (const char *)r->text[SLO_LLM_MODEL].p;
		llm->model_len = (uint32_t)slo_wire_left(&r->text[SLO_LLM_MODEL]);
	}
	llm->error = slo_llm_error(r, span);
	return class;
}

/* --- nested instrumentation ------------------------------------------------------------------------------------ */

/* Spans by id. */
struct span_index {
	uint32_t *slot; /* span + 1; 0: none */
	size_t mask;
	uint64_t seed;
};

static size_t slot_of(const struct span_index *x, const uint8_t *trace_id, const uint8_t *span_id)
{
	uint8_t key[SLO_TRACE_ID_LEN + SLO_SPAN_ID_LEN];

	memcpy(key, trace_id, SLO_TRACE_ID_LEN);
	memcpy(key + SLO_TRACE_ID_LEN, span_id, SLO_SPAN_ID_LEN);
	return (size_t)slo_hash_bytes(x->seed, key, sizeof(key)) & x->mask;
}

/* The slot of a span, or the empty one where it would lie. */
static size_t find_slot(const struct span_index *x, const struct slo_span *spans,
                        const uint8_t *trace_id, const uint8_t *span_id)
{
	size_t s = slot_of(x, trace_id, span_id);

	for (; x->slot[s]; s = (s + 1) & x->mask) {
		const struct slo_span *at = &spans[x->slot[s] - 1];

		if (memcmp(at->span_id, span_id, SLO_SPAN_ID_LEN) == 0 &&
		    memcmp(at->trace_id, trace_id, SLO_TRACE_ID_LEN) == 0)
			break;
	}
	return s;
}

/* Of spans with the same ids the first counts. */
static int index_spans(struct span_index *x, const struct slo_span *spans, size_t count)
{
	size_t size = 16;

	while (size < 2 * count)
		size *= 2;
	x->slot = calloc(size, sizeof(*x->slot));
	if (!x->slot)
		return -ENOMEM;
	x->mask = size - 1;
	x->seed = (uint64_t)(uintptr_t)
	                  x->slot; /* ids come from outside: chains cannot be made at will */
	for (size_t i = 0; i < count; i++) {
		size_t s = find_slot(x, spans, spans[i].trace_id, spans[i].span_id);

		if (!x->slot[s])
			x->slot[s] = (uint32_t)(i + 1);
	}
	return 0;
}

/* The span @of is a child of; @count: it is not here. */
static size_t parent_of(const struct span_index *x, const struct slo_span *spans, size_t count,
                        const struct slo_span *of)
{
	uint32_t found = x->slot[find_slot(x, spans, of->trace_id, of->parent_id)];

	return found ? found - 1 : count;
}

static bool same_workload(const struct slo_span_resource *resources, uint32_t a, uint32_t b)
{
	const struct slo_workload *wa = &resources[a].who, *wb = &resources[b].who;

	return a == b || (strcmp(wa->service, wb->service) == 0 && strcmp(wa->pod, wb->pod) == 0);
}

/* What the outer span leaves unsaid. Times to the first token count from the outer one's start. */
static void inherit(struct slo_span *outer, const struct slo_span *inner)
{
	struct slo_llm_request *to = &outer->llm;
	const struct slo_llm_request *from = &inner->llm;

	if (isnan(to->ttft_ms) && inner->start_ns >= outer->start_ns && outer->start_ns)
		to->ttft_ms =
			from->ttft_ms + (double)(inner->start_ns - outer->start_ns) / NS_PER_MS;
	if (isnan(to->output_tokens))
		to->output_tokens = from->output_tokens;
	if (isnan(to->queue_ms))
		to->queue_ms = from->queue_ms;
	if (!to->model_len) {
		to->model = from->model;
		to->model_len = from->model_len;
	}
	if (to->error == SLO_LLM_OTHER_ERROR && from->error != SLO_LLM_OK)
		to->error = from->error;
}

struct nesting {
	struct slo_span *spans;
	size_t count;
	const uint8_t *classes;
	const struct slo_span_resource *resources;
	struct span_index index;
};

/* The outermost span that is the same operation as @i; @i itself where there is none. */
static size_t outermost(const struct nesting *n, size_t i)
{
	size_t found = i, at = i;

	for (unsigned int hop = 0; hop < ANCESTORS_MAX; hop++) {
		at = parent_of(&n->index, n->spans, n->count, &n->spans[at]);
		if (at == n->count || at == i)
			break;
		if (n->classes[at] == SLO_LLM_CLASS_NONE)
			continue;
		if (n->classes[at] != n->classes[i] ||
		    !same_workload(n->resources, n->spans[at].resource, n->spans[i].resource))
			break;
		found = at;
	}
	return found;
}

static void derive_rate(struct slo_llm_request *llm)
{
	double ms = llm->latency_ms;

	if (!isnan(llm->tokens_per_sec) || isnan(llm->output_tokens) || isnan(ms))
		return;
	if (llm->ttft_ms < ms)
		ms -= llm->ttft_ms;
	if (ms > 0)
		llm->tokens_per_sec = llm->output_tokens * 1e3 / ms;
}

int slo_llm_requests_settle(struct slo_span *spans, size_t count, const uint8_t *classes,
                            const struct slo_span_resource *resources)
{
	struct nesting n = { spans, count, classes, resources, { 0 } };
	size_t counted = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		counted += spans[i].llm.is_request || spans[i].llm.is_retrieval;
	if (counted > 1) {
		r = index_spans(&n.index, spans, count);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < count && counted > 1; i++) {
		struct slo_llm_request *llm = &spans[i].llm;
		size_t outer;

		if (!llm->is_request && !llm->is_retrieval)
			continue;
		outer = outermost(&n, i);
		if (outer == i)
			continue;
		inherit(&spans[outer], &spans[i]);
		llm->is_request = false;
		llm->is_retrieval = false;
	}
	free(n.index.slot);
	for (size_t i = 0; i < count; i++)
		derive_rate(&spans[i].llm);
	return 0;
}
