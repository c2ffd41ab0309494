/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/llm_class.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "core/base/base.h"
#include "core/codec/ip_text.h"

static bool equals(struct slo_wire text, const char *to)
{
	size_t len = slo_wire_left(&text);

	return strlen(to) == len && strncasecmp((const char *)text.p, to, len) == 0;
}

/* Of a long text the beginning is enough: names are short, and senders not always kind. */
#define LOOKED_AT 128

static void lower(struct slo_wire text, char buf[LOOKED_AT])
{
	size_t len = slo_wire_left(&text);

	if (len > LOOKED_AT - 1)
		len = LOOKED_AT - 1;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = text.p[i];

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		buf[i] = (char)(c ? c : ' ');
	}
	buf[len] = '\0';
}

static bool is(const struct slo_llm_reading *r, enum slo_llm_field field, const char *text)
{
	return slo_llm_has(r, field) && equals(r->text[field], text);
}

/* @part in lower case. */
static bool has_part(const struct slo_llm_reading *r, enum slo_llm_field field, const char *part)
{
	char buf[LOOKED_AT];

	if (!slo_llm_has(r, field))
		return false;
	lower(r->text[field], buf);
	return strstr(buf, part) != NULL;
}

/* One value of one field, and the class it tells. In order: the first that fits decides. */
struct class_row {
	const char *value;
	enum slo_llm_field field;
	enum slo_llm_class class;
};

static const struct class_row classes[] = {
	{ "chat", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "text_completion", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "generate_content", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "completion", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "chat_completion", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "responses", SLO_LLM_OPERATION, SLO_LLM_CLASS_REQUEST },
	{ "retrieval", SLO_LLM_OPERATION, SLO_LLM_CLASS_RETRIEVAL },
	{ "vectordb", SLO_LLM_OPERATION, SLO_LLM_CLASS_RETRIEVAL },
	{ "LLM", SLO_LLM_OPENINFERENCE_KIND, SLO_LLM_CLASS_REQUEST },
	{ "RETRIEVER", SLO_LLM_OPENINFERENCE_KIND, SLO_LLM_CLASS_RETRIEVAL },
	{ "chat", SLO_LLM_REQUEST_TYPE, SLO_LLM_CLASS_REQUEST },
	{ "completion", SLO_LLM_REQUEST_TYPE, SLO_LLM_CLASS_REQUEST },
	{ "generation", SLO_LLM_LANGFUSE_TYPE, SLO_LLM_CLASS_REQUEST },
	{ "retriever", SLO_LLM_LANGFUSE_TYPE, SLO_LLM_CLASS_RETRIEVAL },
	{ "pinecone", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "chroma", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "chromadb", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "qdrant", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "weaviate", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "milvus", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "marqo", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "lancedb", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "pgvector", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "vespa", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "vald", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "faiss", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "elasticsearch", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
	{ "opensearch", SLO_LLM_DB_SYSTEM, SLO_LLM_CLASS_RETRIEVAL },
};

/* A field whose other values are GenAI's too, but nothing that is counted. */
static const enum slo_llm_field kinds[] = {
	SLO_LLM_OPERATION,    SLO_LLM_OPENINFERENCE_KIND, SLO_LLM_TRACELOOP_KIND,
	SLO_LLM_REQUEST_TYPE, SLO_LLM_LANGFUSE_TYPE,
};

/* A tool that searches: its type says "datastore" (retrieval), or its name what it does. */
static bool is_search_tool(const struct slo_llm_reading *r)
{
	if (!is(r, SLO_LLM_OPERATION, "execute_tool") && !is(r, SLO_LLM_OPENINFERENCE_KIND, "TOOL"))
		return false;
	return is(r, SLO_LLM_TOOL_TYPE, "datastore") || has_part(r, SLO_LLM_TOOL_NAME, "search") ||
	       has_part(r, SLO_LLM_TOOL_NAME, "retriev");
}

/* Spans that name no operation: engines give times, older SDKs a provider and a model. */
static enum slo_llm_class class_unnamed(const struct slo_llm_reading *r)
{
	if (slo_llm_has(r, SLO_LLM_VERCEL_OPERATION)) {
		if (has_part(r, SLO_LLM_VERCEL_OPERATION, ".dogenerate") ||
		    has_part(r, SLO_LLM_VERCEL_OPERATION, ".dostream"))
			return SLO_LLM_CLASS_REQUEST;
		return SLO_LLM_CLASS_OTHER;
	}
	if (slo_llm_has(r, SLO_LLM_TTFT))
		return SLO_LLM_CLASS_REQUEST;
	if (slo_llm_has(r, SLO_LLM_OUTPUT_TOKENS) &&
	    (slo_llm_has(r, SLO_LLM_MODEL) || slo_llm_has(r, SLO_LLM_LATENCY)))
		return SLO_LLM_CLASS_REQUEST;
	return slo_llm_has(r, SLO_LLM_PROVIDER) ? SLO_LLM_CLASS_OTHER : SLO_LLM_CLASS_NONE;
}

enum slo_llm_class slo_llm_class(const struct slo_llm_reading *r)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(classes); i++) {
		if (is(r, classes[i].field, classes[i].value))
			return classes[i].class;
	}
	if (is_search_tool(r))
		return SLO_LLM_CLASS_RETRIEVAL;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(kinds); i++) {
		if (slo_llm_has(r, kinds[i]))
			return SLO_LLM_CLASS_OTHER;
	}
	return class_unnamed(r);
}

/* --- errors --------------------------------------------------------------------------------------------------- */

struct status_row {
	int from, to; /* inclusive */
	enum slo_llm_error error;
};

static const struct status_row http_statuses[] = {
	{ 429, 429, SLO_LLM_THROTTLED },    { 529, 529, SLO_LLM_THROTTLED },
	{ 408, 408, SLO_LLM_SERVER_ERROR }, /* the provider gave up waiting */
	{ 400, 499, SLO_LLM_CLIENT_ERROR }, { 500, 599, SLO_LLM_SERVER_ERROR },
};

static const struct status_row grpc_statuses[] = {
	{ 8, 8, SLO_LLM_THROTTLED }, /* RESOURCE_EXHAUSTED */
	{ 4, 4, SLO_LLM_SERVER_ERROR }, /* DEADLINE_EXCEEDED */
	{ 13, 15, SLO_LLM_SERVER_ERROR }, /* INTERNAL, UNAVAILABLE, DATA_LOSS */
	{ 1, 1, SLO_LLM_CLIENT_ERROR }, /* CANCELLED */
	{ 3, 3, SLO_LLM_CLIENT_ERROR }, /* INVALID_ARGUMENT */
	{ 5, 7, SLO_LLM_CLIENT_ERROR }, /* NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED */
	{ 9, 9, SLO_LLM_CLIENT_ERROR }, /* FAILED_PRECONDITION */
	{ 16, 16, SLO_LLM_CLIENT_ERROR }, /* UNAUTHENTICATED */
	{ 2, 12, SLO_LLM_OTHER_ERROR },
};

/* Parts of error.type and of exceptions' names; the first that fits decides: an empty account is told as 429 too. */
static const struct {
	const char *part;
	enum slo_llm_error error;
} error_names[] = {
	{ "insufficient_quota", SLO_LLM_CLIENT_ERROR },
	{ "billing", SLO_LLM_CLIENT_ERROR },
	{ "rate_limit", SLO_LLM_THROTTLED },
	{ "ratelimit", SLO_LLM_THROTTLED },
	{ "resource_exhausted", SLO_LLM_THROTTLED },
	{ "resourceexhausted", SLO_LLM_THROTTLED },
	{ "too_many_requests", SLO_LLM_THROTTLED },
	{ "toomanyrequests", SLO_LLM_THROTTLED },
	{ "throttl", SLO_LLM_THROTTLED },
	{ "overloaded", SLO_LLM_SERVER_ERROR },
	{ "timeout", SLO_LLM_SERVER_ERROR },
	{ "deadline", SLO_LLM_SERVER_ERROR },
	{ "internalserver", SLO_LLM_SERVER_ERROR },
	{ "internal_server", SLO_LLM_SERVER_ERROR },
	{ "api_error", SLO_LLM_SERVER_ERROR },
	{ "server_error", SLO_LLM_SERVER_ERROR },
	{ "unavailable", SLO_LLM_SERVER_ERROR },
	{ "bad_gateway", SLO_LLM_SERVER_ERROR },
	{ "authentication", SLO_LLM_CLIENT_ERROR },
	{ "permission", SLO_LLM_CLIENT_ERROR },
	{ "unauthorized", SLO_LLM_CLIENT_ERROR },
	{ "forbidden", SLO_LLM_CLIENT_ERROR },
	{ "notfound", SLO_LLM_CLIENT_ERROR },
	{ "not_found", SLO_LLM_CLIENT_ERROR },
	{ "badrequest", SLO_LLM_CLIENT_ERROR },
	{ "bad_request", SLO_LLM_CLIENT_ERROR },
	{ "invalid_request", SLO_LLM_CLIENT_ERROR },
	{ "invalid_argument", SLO_LLM_CLIENT_ERROR },
	{ "unprocessable", SLO_LLM_CLIENT_ERROR },
	{ "cancelled", SLO_LLM_CLIENT_ERROR },
	{ "canceled", SLO_LLM_CLIENT_ERROR },
};

static enum slo_llm_error by_status(const struct status_row *rows, size_t count, double status)
{
	for (size_t i = 0; i < count; i++) {
		if (status >= rows[i].from && status <= rows[i].to)
			return rows[i].error;
	}
	return SLO_LLM_OK;
}

static enum slo_llm_error by_name(const struct slo_llm_reading *r, enum slo_llm_field field)
{
	char buf[LOOKED_AT];

	if (!slo_llm_has(r, field))
		return SLO_LLM_OK;
	lower(r->text[field], buf);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(error_names); i++) {
		if (strstr(buf, error_names[i].part))
			return error_names[i].error;
	}
	return SLO_LLM_OK;
}

/* Of HTTP, also where error.type holds it, else of gRPC. */
static enum slo_llm_error status_error(const struct slo_llm_reading *r)
{
	struct slo_otlp_value type = { .type = SLO_OTLP_VALUE_NONE };
	enum slo_llm_error error = SLO_LLM_OK;

	if (slo_llm_has(r, SLO_LLM_HTTP_STATUS))
		error = by_status(http_statuses, SLO_ARRAY_SIZE(http_statuses),
		                  r->number[SLO_LLM_HTTP_STATUS]);
	if (error == SLO_LLM_OK && slo_llm_has(r, SLO_LLM_ERROR_TYPE)) {
		type.type = SLO_OTLP_VALUE_TEXT;
		type.text = r->text[SLO_LLM_ERROR_TYPE];
		error = by_status(http_statuses, SLO_ARRAY_SIZE(http_statuses),
		                  slo_otlp_value_number(&type));
	}
	if (error == SLO_LLM_OK && slo_llm_has(r, SLO_LLM_GRPC_STATUS))
		error = by_status(grpc_statuses, SLO_ARRAY_SIZE(grpc_statuses),
		                  r->number[SLO_LLM_GRPC_STATUS]);
	return error;
}

enum slo_llm_error slo_llm_error(const struct slo_llm_reading *r, const struct slo_span *span)
{
	enum slo_llm_error status = status_error(r), name;

	if (status == SLO_LLM_OK && !span->is_error && !slo_llm_has(r, SLO_LLM_ERROR_TYPE))
		return SLO_LLM_OK;
	name = by_name(r, SLO_LLM_ERROR_TYPE);
	if (name == SLO_LLM_OK)
		name = by_name(r, SLO_LLM_EXCEPTION_TYPE);
	/* Of all 429, those of an empty account are the client's own. */
	if (status == SLO_LLM_THROTTLED && name == SLO_LLM_CLIENT_ERROR)
		return name;
	if (status != SLO_LLM_OK)
		return status;
	if (name != SLO_LLM_CLIENT_ERROR && !isnan(span->llm.ttft_ms))
		return SLO_LLM_STREAM_ERROR;
	return name == SLO_LLM_OK ? SLO_LLM_OTHER_ERROR : name;
}

/* --- connection ----------------------------------------------------------------------------------------------- */

#define END_SIZE 64

/* One end in two ways to say it: of the socket, and of the role. */
struct end_fields {
	enum slo_llm_field address, port;
};

/* "A:PORT", "[A]:PORT" of IPv6. By hand: two a span, and snprintf() takes as long as the rest of the reading. */
static void put_address(int family, const char *text, unsigned int port, char out[END_SIZE])
{
	size_t len = strlen(text), n = 0;
	char digits[8];

	static_assert(SLO_IP_TEXT_SIZE + sizeof("[]:65535") <= END_SIZE, "room for any");
	if (family == 6)
		*out++ = '[';
	memcpy(out, text, len);
	out += len;
	if (family == 6)
		*out++ = ']';
	*out++ = ':';
	do
		digits[n++] = (char)('0' + port % 10);
	while (port /= 10);
	while (n)
		*out++ = digits[--n];
	*out = '\0';
}

/*
 * Writes address and port as correlation compares them: IPv4 within IPv6 is IPv4. Its family, 4 or 6; 0: not said, or no
 * address but a name.
 */
static int put_end(const struct slo_llm_reading *r, struct end_fields f, char out[END_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[SLO_IP_TEXT_SIZE];
	uint8_t addr[16];
	size_t len;
	int family;

	if (!slo_llm_has(r, f.address) || !slo_llm_has(r, f.port))
		return 0;
	len = slo_wire_left(&r->text[f.address]);
	if (len >= sizeof(text) || !(r->number[f.port] >= 1 && r->number[f.port] <= 65535))
		return 0;
	memcpy(text, r->text[f.address].p, len);
	text[len] = '\0';
	family = slo_ip_parse(text, addr);
	if (family < 0)
		return 0;
	if (family == 6 && memcmp(addr, mapped, sizeof(mapped)) == 0) {
		family = 4;
		memmove(addr, addr + sizeof(mapped), 4);
	}
	(void)slo_ip_text((uint8_t)family, addr, text);
	put_address(family, text, (unsigned int)r->number[f.port], out);
	return family;
}

static int put_one_of(const struct slo_llm_reading *r, struct end_fields socket_end,
                      struct end_fields role_end, char out[END_SIZE])
{
	int family = put_end(r, socket_end, out);

	return family ? family : put_end(r, role_end, out);
}

static const char *protocol(const struct slo_llm_reading *r)
{
	if (is(r, SLO_LLM_TRANSPORT, "udp") || is(r, SLO_LLM_TRANSPORT, "quic") ||
	    is(r, SLO_LLM_TRANSPORT, "ip_udp"))
		return "udp";
	return "tcp";
}

void slo_llm_conn(const struct slo_llm_reading *r, enum slo_span_kind kind,
                  char conn[SLO_SPAN_CONN_LEN])
{
	static const struct end_fields local = { SLO_LLM_LOCAL_ADDRESS, SLO_LLM_LOCAL_PORT };
	static const struct end_fields peer = { SLO_LLM_PEER_ADDRESS, SLO_LLM_PEER_PORT };
	static const struct end_fields server = { SLO_LLM_SERVER_ADDRESS, SLO_LLM_SERVER_PORT };
	static const struct end_fields client = { SLO_LLM_CLIENT_ADDRESS, SLO_LLM_CLIENT_PORT };
	bool serves = kind == SLO_SPAN_SERVER || kind == SLO_SPAN_CONSUMER;
	char here[END_SIZE], there[END_SIZE];
	int family;

	conn[0] = '\0';
	if (!slo_llm_has(r, SLO_LLM_LOCAL_ADDRESS) && !slo_llm_has(r, SLO_LLM_SERVER_ADDRESS) &&
	    !slo_llm_has(r, SLO_LLM_CLIENT_ADDRESS))
		return;
	family = put_one_of(r, local, serves ? server : client, here);
	if (family && put_one_of(r, peer, serves ? client : server, there) == family)
		(void)stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(conn, here), "->"), there), "/"),
		             protocol(r));
}
