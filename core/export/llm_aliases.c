/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of aliases. Units: OpenTelemetry's conventions count seconds, Vercel's AI SDK and our own names milliseconds;
 * a value is never guessed to be of the other unit. Names of more than one unit are left out: of
 * gen_ai.response.time_to_first_token some send seconds, LoongSuite nanoseconds.
 */
#include <math.h>

#include "core/base/base.h"
#include "core/base/hash.h"
#include "core/export/llm_request.h"

#define ROW(key, field, scale, who)                               \
	{                                                         \
		key, sizeof(key) - 1, SLO_LLM_##field, scale, who \
	}

static const struct slo_llm_alias aliases[] = {
	ROW("llm.slo.ttft_ms", TTFT, 1, "llm-slo"),
	ROW("gen_ai.response.time_to_first_chunk", TTFT, 1e3, "OpenTelemetry"),
	ROW("gen_ai.server.time_to_first_token", TTFT, 1e3, "OpenTelemetry's metric, OpenLIT"),
	ROW("gen_ai.client.operation.time_to_first_chunk", TTFT, 1e3, "OpenTelemetry's metric"),
	ROW("gen_ai.latency.time_to_first_token", TTFT, 1e3, "vLLM, SGLang"),
	ROW("ai.response.msToFirstChunk", TTFT, 1, "Vercel AI SDK"),
	ROW("ai.stream.msToFirstChunk", TTFT, 1, "Vercel AI SDK, older"),
	ROW("ttft_ms", TTFT, 1, "coding agents"),

	ROW("gen_ai.latency.e2e", LATENCY, 1e3, "vLLM, SGLang"),
	ROW("gen_ai.server.request.duration", LATENCY, 1e3, "OpenTelemetry's metric"),
	ROW("gen_ai.client.operation.duration", LATENCY, 1e3, "OpenTelemetry's metric"),

	ROW("gen_ai.latency.time_in_queue", QUEUE, 1e3, "vLLM, SGLang"),

	ROW("gen_ai.usage.output_tokens", OUTPUT_TOKENS, 1, "OpenTelemetry"),
	ROW("gen_ai.usage.completion_tokens", OUTPUT_TOKENS, 1, "OpenTelemetry, older; vLLM"),
	ROW("llm.usage.completion_tokens", OUTPUT_TOKENS, 1, "OpenLLMetry"),
	ROW("llm.token_count.completion", OUTPUT_TOKENS, 1, "OpenInference"),
	ROW("ai.usage.outputTokens", OUTPUT_TOKENS, 1, "Vercel AI SDK"),
	ROW("ai.usage.completionTokens", OUTPUT_TOKENS, 1, "Vercel AI SDK, older"),

	ROW("llm.slo.tokens_per_sec", TOKENS_PER_SEC, 1, "llm-slo"),

	ROW("http.response.status_code", HTTP_STATUS, 1, "OpenTelemetry"),
	ROW("http.status_code", HTTP_STATUS, 1, "OpenTelemetry, older"),
	ROW("rpc.grpc.status_code", GRPC_STATUS, 1, "OpenTelemetry"),

	ROW("network.local.port", LOCAL_PORT, 1, "OpenTelemetry"),
	ROW("net.sock.host.port", LOCAL_PORT, 1, "OpenTelemetry, older"),
	ROW("network.peer.port", PEER_PORT, 1, "OpenTelemetry"),
	ROW("net.sock.peer.port", PEER_PORT, 1, "OpenTelemetry, older"),
	ROW("server.port", SERVER_PORT, 1, "OpenTelemetry"),
	ROW("client.port", CLIENT_PORT, 1, "OpenTelemetry"),

	ROW("gen_ai.request.model", MODEL, 1, "OpenTelemetry"),
	ROW("gen_ai.response.model", MODEL, 1, "OpenTelemetry, vLLM"),
	ROW("llm.request.model", MODEL, 1, "OpenLLMetry"),
	ROW("llm.model_name", MODEL, 1, "OpenInference"),
	ROW("ai.model.id", MODEL, 1, "Vercel AI SDK"),

	ROW("gen_ai.operation.name", OPERATION, 1, "OpenTelemetry"),
	ROW("openinference.span.kind", OPENINFERENCE_KIND, 1, "OpenInference"),
	ROW("langsmith.span.kind", OPENINFERENCE_KIND, 1, "LangSmith"),
	ROW("gen_ai.span.kind", OPENINFERENCE_KIND, 1, "LoongSuite"),
	ROW("traceloop.span.kind", TRACELOOP_KIND, 1, "OpenLLMetry"),
	ROW("llm.request.type", REQUEST_TYPE, 1, "OpenLLMetry"),
	ROW("ai.operationId", VERCEL_OPERATION, 1, "Vercel AI SDK"),
	ROW("langfuse.observation.type", LANGFUSE_TYPE, 1, "Langfuse"),

	ROW("gen_ai.provider.name", PROVIDER, 1, "OpenTelemetry"),
	ROW("gen_ai.system", PROVIDER, 1, "OpenTelemetry, older"),
	ROW("llm.provider", PROVIDER, 1, "OpenInference"),
	ROW("llm.system", PROVIDER, 1, "OpenInference"),
	ROW("llm.vendor", PROVIDER, 1, "OpenLLMetry, older"),
	ROW("ai.model.provider", PROVIDER, 1, "Vercel AI SDK"),

	ROW("gen_ai.tool.name", TOOL_NAME, 1, "OpenTelemetry"),
	ROW("tool.name", TOOL_NAME, 1, "OpenInference"),
	ROW("gen_ai.tool.type", TOOL_TYPE, 1, "OpenTelemetry"),
	ROW("db.system.name", DB_SYSTEM, 1, "OpenTelemetry"),
	ROW("db.system", DB_SYSTEM, 1, "OpenTelemetry, older; OpenLLMetry"),

	ROW("error.type", ERROR_TYPE, 1, "OpenTelemetry"),
	ROW("exception.type", EXCEPTION_TYPE, 1, "OpenTelemetry, on events"),

	ROW("network.local.address", LOCAL_ADDRESS, 1, "OpenTelemetry"),
	ROW("net.sock.host.addr", LOCAL_ADDRESS, 1, "OpenTelemetry, older"),
	ROW("net.host.ip", LOCAL_ADDRESS, 1, "OpenTelemetry, older"),
	ROW("network.peer.address", PEER_ADDRESS, 1, "OpenTelemetry"),
	ROW("net.sock.peer.addr", PEER_ADDRESS, 1, "OpenTelemetry, older"),
	ROW("net.peer.ip", PEER_ADDRESS, 1, "OpenTelemetry, older"),
	ROW("server.address", SERVER_ADDRESS, 1, "OpenTelemetry"),
	ROW("client.address", CLIENT_ADDRESS, 1, "OpenTelemetry"),
	ROW("network.transport", TRANSPORT, 1, "OpenTelemetry"),
	ROW("net.transport", TRANSPORT, 1, "OpenTelemetry, older"),
};
static_assert(SLO_ARRAY_SIZE(aliases) < 128, "the index is at most half full");

/* OpenLLMetry, Vercel's AI SDK, OpenInference, and names that applications give. */
static const char *const first_token_events[] = {
	"gen_ai.first_token",
	"gen_ai.content.chunk",
	"llm.content.completion.chunk",
	"ai.stream.firstChunk",
	"First Token Stream Event",
	"first_token",
	"llm.first_token",
	NULL,
};

size_t slo_llm_aliases(const struct slo_llm_alias **ret)
{
	*ret = aliases;
	return SLO_ARRAY_SIZE(aliases);
}

const char *const *slo_llm_first_token_events(void)
{
	return first_token_events;
}

/* Keys share their beginnings, so the end and the length tell them apart. */
static uint8_t slot_of(const uint8_t *key, size_t len)
{
	uint64_t tail = 0;

	if (len >= sizeof(tail))
		memcpy(&tail, key + len - sizeof(tail), sizeof(tail));
	else
		memcpy(&tail, key, len);
	return (uint8_t)(((tail ^ len) * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

void slo_llm_index_init(struct slo_llm_index *index)
{
	memset(index, 0, sizeof(*index));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(aliases); i++) {
		uint8_t slot = slot_of((const uint8_t *)aliases[i].key, aliases[i].key_len);

		while (index->row[slot])
			slot++;
		index->row[slot] = (uint8_t)(i + 1);
	}
}

static uint8_t row_of(const struct slo_llm_index *index, struct slo_wire key)
{
	size_t len = slo_wire_left(&key);
	uint8_t row;

	for (uint8_t slot = slot_of(key.p, len); (row = index->row[slot]) != 0; slot++) {
		const struct slo_llm_alias *a = &aliases[row - 1];

		if (a->key_len == len && memcmp(a->key, key.p, len) == 0)
			return row;
	}
	return 0;
}

/* Of text such as "25": some SDKs send all values as strings. */
static double text_number(struct slo_wire text)
{
	size_t len = slo_wire_left(&text);
	char buf[40];
	char *end;
	double v;

	if (!len || len >= sizeof(buf) || !strchr("+-.0123456789", *text.p))
		return NAN;
	memcpy(buf, text.p, len);
	buf[len] = '\0';
	v = strtod(buf, &end);
	return *end ? NAN : v;
}

double slo_otlp_value_number(const struct slo_otlp_value *value)
{
	switch (value->type) {
	case SLO_OTLP_VALUE_INT:
		return (double)value->i;
	case SLO_OTLP_VALUE_DOUBLE:
		return value->d;
	case SLO_OTLP_VALUE_TEXT:
		return text_number(value->text);
	case SLO_OTLP_VALUE_NONE:
	default:
		return NAN;
	}
}

void slo_llm_reading_begin(struct slo_llm_reading *r, const struct slo_llm_index *index)
{
	r->index = index;
	r->first_token_ns = INT64_MAX;
	memset(r->row, 0, sizeof(r->row));
}

/* Numbers of ours are never negative; what is, or is not finite, says nothing. */
static bool take(struct slo_llm_reading *r, const struct slo_llm_alias *a,
                 const struct slo_otlp_value *value)
{
	double v;

	if (a->field >= SLO_LLM_FIRST_TEXT) {
		if (value->type == SLO_OTLP_VALUE_TEXT && slo_wire_left(&value->text)) {
			r->text[a->field] = value->text;
			return true;
		}
		return false;
	}
	v = slo_otlp_value_number(value) * a->scale;
	if (!isfinite(v) || v < 0)
		return false;
	r->number[a->field] = v;
	return true;
}

void slo_llm_reading_attr(struct slo_llm_reading *r, struct slo_wire key,
                          const struct slo_otlp_value *value)
{
	uint8_t row = row_of(r->index, key);
	const struct slo_llm_alias *a;

	if (!row)
		return;
	a = &aliases[row - 1];
	if (r->row[a->field] && r->row[a->field] <= row)
		return;
	if (take(r, a, value))
		r->row[a->field] = row;
}

void slo_llm_reading_event(struct slo_llm_reading *r, struct slo_wire name, uint64_t unix_ns)
{
	size_t len = slo_wire_left(&name);

	if (!unix_ns || unix_ns >= (uint64_t)r->first_token_ns)
		return;
	for (const char *const *e = first_token_events; *e; e++) {
		if (strlen(*e) == len && memcmp(*e, name.p, len) == 0)
			r->first_token_ns = (int64_t)unix_ns;
	}
}
