/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_receiver.h"

#include <collector.pb-c.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/jsonw.h"
#include "core/export/rpc_status.h"
#include "core/net/gzip.h"
#include "core/net/http_server.h"

#define PATH "/v1/traces"
#define BODY_DEFAULT ((size_t)16 << 20)
#define BODY_MAX ((size_t)64 << 20)
#define RETRY_AFTER_S 1

#define PROTOBUF "application/x-protobuf"
#define JSON "application/json"

struct slo_otlp_receiver {
	struct slo_http_server *server;
	struct slo_http_route routes[2]; /* an empty row ends them */
	size_t max_body;
	slo_otlp_batch_fn on_batch;
	void *user;
	struct slo_otlp_receiver_stats st;
};

/* --- what a request is ----------------------------------------------------------------------------------------- */

/* The media type alone, without parameters such as a charset. */
static bool is_type(const char *content_type, const char *type)
{
	size_t len = strcspn(content_type, "; \t");

	return strlen(type) == len && strncasecmp(content_type, type, len) == 0;
}

/* Senders whose type we do not know are likely people: JSON can be read. */
static bool is_json(const struct slo_http_in *in)
{
	return !is_type(in->content_type, PROTOBUF);
}

/*
 * An agent whose endpoint is its own address, which is what SDKs have as their default, or that of all agents of a cluster,
 * would send each span round and round, and count its request every time.
 */
static bool is_agent(const struct slo_http_in *in)
{
	return strncmp(in->user_agent, SLO_OTLP_AGENT, sizeof(SLO_OTLP_AGENT) - 1) == 0;
}

/* --- answers --------------------------------------------------------------------------------------------------- */

struct code_row {
	unsigned int http;
	enum slo_rpc_code code;
};

static const struct code_row codes[] = {
	{ 400, SLO_RPC_INVALID_ARGUMENT },   { 401, SLO_RPC_UNAUTHENTICATED },
	{ 404, SLO_RPC_UNIMPLEMENTED },      { 405, SLO_RPC_UNIMPLEMENTED },
	{ 413, SLO_RPC_RESOURCE_EXHAUSTED }, { 415, SLO_RPC_INVALID_ARGUMENT },
	{ 429, SLO_RPC_RESOURCE_EXHAUSTED }, { 503, SLO_RPC_UNAVAILABLE },
	{ 508, SLO_RPC_INVALID_ARGUMENT },
};

static enum slo_rpc_code rpc_code(unsigned int http)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(codes); i++) {
		if (codes[i].http == http)
			return codes[i].code;
	}
	return SLO_RPC_INTERNAL;
}

static void answer_error(struct slo_otlp_receiver *r, const struct slo_http_in *in,
                         unsigned int status, const char *why, struct slo_http_out *out)
{
	bool json = is_json(in);

	if (status == 429)
		r->st.throttled++;
	else
		r->st.bad_requests++;
	out->status = status;
	out->content_type = json ? JSON : PROTOBUF;
	out->retry_after_s = status == 429 || status == 503 ? RETRY_AFTER_S : 0;
	out->body = slo_rpc_status_body(rpc_code(status), why, json, &out->body_len);
}

/* What the server refuses by itself. */
static void on_error(void *user, const struct slo_http_in *in, unsigned int status, const char *why,
                     struct slo_http_out *out)
{
	struct slo_otlp_receiver *r = user;

	if (status == 404)
		why = "only traces are taken here, by POST to " PATH;
	answer_error(r, in, status, why, out);
}

static char *success_json(size_t rejected, const char *why, size_t *ret_len)
{
	size_t size = 6 * strlen(why) + 128;
	char *buf = malloc(size);
	char count[24];
	struct slo_jsonw w;

	if (!buf)
		return NULL;
	(void)snprintf(count, sizeof(count), "%zu", rejected);
	slo_jsonw_init(&w, buf, size);
	slo_jsonw_object_begin(&w);
	if (rejected) {
		slo_jsonw_key(&w, "partialSuccess");
		slo_jsonw_object_begin(&w);
		slo_jsonw_member_str(&w, "rejectedSpans",
		                     count); /* 64 bits are text in OTLP/JSON */
		slo_jsonw_member_str(&w, "errorMessage", why);
		slo_jsonw_object_end(&w);
	}
	slo_jsonw_object_end(&w);
	*ret_len = (size_t)slo_jsonw_finish(&w);
	return buf;
}

static char *success_protobuf(size_t rejected, const char *why, size_t *ret_len)
{
	SloProto__ExportPartialSuccess partial;
	SloProto__ExportResponse response;
	uint8_t *buf;

	slo_proto__export_partial_success__init(&partial);
	slo_proto__export_response__init(&response);
	if (rejected) {
		partial.rejected = (int64_t)rejected;
		partial.error_message = (char *)(uintptr_t)why;
		response.partial_success = &partial;
	}
	buf = malloc(slo_proto__export_response__get_packed_size(&response) + 1);
	if (!buf)
		return NULL;
	*ret_len = slo_proto__export_response__pack(&response, buf);
	return (char *)buf;
}

static void answer_success(const struct slo_http_in *in, size_t rejected, const char *why,
                           struct slo_http_out *out)
{
	bool json = is_json(in);

	out->status = 200;
	out->content_type = json ? JSON : PROTOBUF;
	out->body = json ? success_json(rejected, why, &out->body_len)
	                 : success_protobuf(rejected, why, &out->body_len);
}

/* --- the body -------------------------------------------------------------------------------------------------- */

/* In place of a packed body the unpacked one. HTTP status of the failure, 0: none. */
static unsigned int unpack(const struct slo_otlp_receiver *r, struct slo_http_in *in,
                           struct slo_err *err)
{
	uint8_t *plain = NULL, *fitting;
	size_t len = 0;
	int code;

	if (!*in->content_encoding || strcasecmp(in->content_encoding, "identity") == 0)
		return 0;
	if (strcasecmp(in->content_encoding, "gzip") != 0) {
		(void)slo_err_set(err, -ENOTSUP,
		                  "content encoding '%.40s' is not known here, send gzip or none",
		                  in->content_encoding);
		return 415;
	}
	code = slo_gunzip(in->body, in->body_len, r->max_body, &plain, &len);
	if (code == -EFBIG) {
		(void)slo_err_set(
			err, code,
			"more than %zu bytes when unpacked: lower the sender's batch size",
			r->max_body);
		return 413;
	}
	if (code < 0) {
		(void)slo_err_set(err, code, code == -ENOMEM ? "no memory" : "the body is no gzip");
		return code == -ENOMEM ? 503 : 400;
	}
	fitting = realloc(plain, len + 1); /* batches are kept a while */
	free(in->body);
	in->body = fitting ? fitting : plain;
	in->body_len = len;
	return 0;
}

static unsigned int http_status(int code)
{
	switch (code) {
	case -ENOMEM:
		return 503;
	case -E2BIG:
		return 413;
	default:
		return 400;
	}
}

/* The batch of the body. HTTP status of the failure, 0: none. */
static unsigned int read_batch(struct slo_http_in *in, struct slo_otlp_batch **ret,
                               struct slo_err *err)
{
	int code;

	if (is_type(in->content_type, PROTOBUF)) {
		code = slo_otlp_batch_parse(ret, in->body, in->body_len, err);
		if (code == 0)
			in->body = NULL;
	} else {
		code = slo_otlp_batch_parse_json(ret, (const char *)in->body, in->body_len, err);
	}
	return code < 0 ? http_status(code) : 0;
}

static void on_traces(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	struct slo_otlp_receiver *r = user;
	struct slo_otlp_batch *batch = NULL;
	const struct slo_span *spans;
	struct slo_err err = { 0 };
	size_t count, rejected, bytes;
	unsigned int status;
	char why[128];
	const char *text;

	if (is_agent(in)) {
		answer_error(
			r, in, 508,
			"these spans come from an llm-slo-agent: let its [otlp] endpoint be a collector, not an "
			"agent",
			out);
		return;
	}
	if (!is_type(in->content_type, PROTOBUF) && !is_type(in->content_type, JSON)) {
		answer_error(r, in, 415, "content type must be " PROTOBUF " or " JSON, out);
		return;
	}
	status = unpack(r, in, &err);
	bytes = in->body_len;
	if (!status)
		status = read_batch(in, &batch, &err);
	if (status) {
		answer_error(r, in, status, err.msg, out);
		return;
	}
	count = slo_otlp_batch_spans(batch, &spans);
	rejected = slo_otlp_batch_rejected(batch, &text);
	(void)snprintf(why, sizeof(why), "%s", text);
	if (count && r->on_batch(r->user, batch) < 0) {
		slo_otlp_batch_freep(&batch);
		answer_error(r, in, 429, "no room for more spans, try again later", out);
		return;
	}
	if (!count)
		slo_otlp_batch_freep(&batch);
	r->st.requests++;
	r->st.spans += count;
	r->st.rejected_spans += rejected;
	r->st.bytes += bytes;
	answer_success(in, rejected, why, out);
}

/* --- from open to free ----------------------------------------------------------------------------------------- */

int slo_otlp_receiver_open(struct slo_otlp_receiver **ret,
                           const struct slo_otlp_receiver_config *cfg, struct slo_err *err)
{
	struct slo_otlp_receiver *r;
	struct slo_http_server_config server;
	int code;

	if (cfg->max_body > BODY_MAX)
		return slo_err_set(err, -EINVAL, "a body of %zu bytes is more than OTLP's %zu",
		                   cfg->max_body, BODY_MAX);
	r = calloc(1, sizeof(*r));
	if (!r)
		return slo_err_set(err, -ENOMEM, "no memory for the OTLP receiver");
	r->max_body = cfg->max_body ? cfg->max_body : BODY_DEFAULT;
	r->on_batch = cfg->on_batch;
	r->user = cfg->user;
	r->routes[0] = (struct slo_http_route){
		.method = "POST", .path = PATH, .max_body = r->max_body, .handler = on_traces
	};
	server = (struct slo_http_server_config){ .listen = cfg->listen,
		                                  .token = cfg->token,
		                                  .routes = r->routes,
		                                  .on_error = on_error,
		                                  .user = r };
	code = slo_http_server_open(&r->server, &server, err);
	if (code < 0) {
		free(r);
		return code;
	}
	*ret = r;
	return 0;
}

void slo_otlp_receiver_freep(struct slo_otlp_receiver **r)
{
	if (!*r)
		return;
	slo_http_server_freep(&(*r)->server);
	free(*r);
	*r = NULL;
}

int slo_otlp_receiver_fd(const struct slo_otlp_receiver *r)
{
	return slo_http_server_fd(r->server);
}

void slo_otlp_receiver_run(struct slo_otlp_receiver *r)
{
	slo_http_server_run(r->server);
}

uint16_t slo_otlp_receiver_port(const struct slo_otlp_receiver *r)
{
	return slo_http_server_port(r->server);
}

void slo_otlp_receiver_stats(const struct slo_otlp_receiver *r, struct slo_otlp_receiver_stats *ret)
{
	struct slo_http_server_stats http;

	slo_http_server_stats(r->server, &http);
	*ret = r->st;
	ret->refused = http.refused;
	ret->aborted = http.aborted;
	ret->connections = http.connections;
}
