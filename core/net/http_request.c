/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/http_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"

#define FIRST_BYTES (16U << 10)
/*
 * Each step copies what came before. Who says how much will come gets up to that in fewer steps; who does not say it, whose
 * bodies are seldom of the length that a large step makes, would take other senders' room.
 */
#define GROWTH_ANNOUNCED 8
#define GROWTH 2
#define DISCARD_MAX \
	(UINT64_C(1) << 20) /* read on after an error, so that the sender sees the answer */
#define RETRY_AFTER_S 1

struct request {
	const struct slo_http_route *route; /* NULL before the head was whole, and of errors */
	struct slo_http_conn *conn; /* NULL: unknown */
	bool started;
	unsigned int error; /* status that it will be answered with; 0: the handler's */
	const char *why;
	uint8_t *body; /* of @size + 1 bytes */
	size_t len, size;
	size_t most; /* bytes that may come: as announced, else the route's maximum */
	bool announced;
	uint64_t discarded;
	char query[];
};

/* --- answers -------------------------------------------------------------------------------------------------- */

static const char *header(const struct slo_http_server *s, struct MHD_Connection *connection,
                          const char *name)
{
	const char *value = s->mhd.lookup_connection_value(connection, MHD_HEADER_KIND, name);

	return value ? value : "";
}

/* The methods that the path has: "GET, HEAD, POST". */
static void list_methods(const struct slo_http_server *s, const char *path, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (const struct slo_http_route *r = s->cfg.routes; r->path; r++) {
		if (strcmp(r->path, path) != 0 || used >= size)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s%s", used ? ", " : "",
		                         r->method, strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
	}
}

static void add_headers(const struct slo_http_server *s, struct MHD_Connection *connection,
                        struct MHD_Response *response, const struct slo_http_out *out,
                        const char *path)
{
	char text[128];

	(void)s->mhd.add_response_header(response, "Content-Type",
	                                 out->content_type ? out->content_type
	                                                   : "text/plain; charset=utf-8");
	if (out->retry_after_s > 0) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)out->retry_after_s);
		(void)s->mhd.add_response_header(response, "Retry-After", text);
	}
	if (out->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
		list_methods(s, path, text, sizeof(text));
		(void)s->mhd.add_response_header(response, "Allow", text);
	}
	/* RFC 6750, section 3.1: no error code for a request without a token. */
	if (out->status == MHD_HTTP_UNAUTHORIZED) {
		const char *challenge =
			*header(s, connection, "Authorization")
				? "Bearer realm=\"llm-slo\", error=\"invalid_token\""
				: "Bearer realm=\"llm-slo\"";

		(void)s->mhd.add_response_header(response, "WWW-Authenticate", challenge);
	}
}

static enum MHD_Result answer(struct slo_http_server *s, struct MHD_Connection *connection,
                              const struct request *q, struct slo_http_out *out, const char *path)
{
	struct MHD_Response *response;
	enum MHD_Result r;

	if (!out->status)
		out->status = MHD_HTTP_OK;
	response = s->mhd.create_response_from_buffer(out->body ? out->body_len : 0, out->body,
	                                              MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(out->body);
		return MHD_NO;
	}
	add_headers(s, connection, response, out, path);
	if (q->conn)
		q->conn->state = SLO_HTTP_ANSWER;
	r = s->mhd.queue_response(connection, out->status, response);
	s->mhd.destroy_response(response);
	return r;
}

static void describe(const struct slo_http_server *s, struct slo_http_in *in,
                     struct MHD_Connection *connection, const struct request *q, const char *method,
                     const char *path)
{
	*in = (struct slo_http_in){
		.method = method,
		.path = path,
		.query = q->query,
		.content_type = header(s, connection, "Content-Type"),
		.content_encoding = header(s, connection, "Content-Encoding"),
		.accept = header(s, connection, "Accept"),
		.user_agent = header(s, connection, "User-Agent"),
	};
}

static enum MHD_Result refuse(struct slo_http_server *s, struct MHD_Connection *connection,
                              const struct request *q, const char *method, const char *path)
{
	struct slo_http_out out = { 0 };
	struct slo_http_in in;

	describe(s, &in, connection, q, method, path);
	s->st.refused++;
	if (s->cfg.on_error) {
		s->cfg.on_error(s->cfg.user, &in, q->error, q->why, &out);
	} else {
		int n = asprintf(&out.body, "%u %s\n", q->error, q->why);

		if (n < 0)
			out.body = NULL;
		else
			out.body_len = (size_t)n;
	}
	out.status = q->error;
	if (q->error == MHD_HTTP_SERVICE_UNAVAILABLE && !out.retry_after_s)
		out.retry_after_s = RETRY_AFTER_S;
	return answer(s, connection, q, &out, path);
}

/* --- bodies --------------------------------------------------------------------------------------------------- */

static void drop_body(struct slo_http_server *s, struct request *q)
{
	if (q->size)
		s->bytes -= q->size;
	slo_freep(&q->body);
	q->len = q->size = 0;
}

static void fail(struct slo_http_server *s, struct request *q, unsigned int status, const char *why)
{
	drop_body(s, q);
	q->error = status;
	q->why = why;
}

static bool grow(struct slo_http_server *s, struct request *q, size_t need)
{
	size_t size = q->size ? q->size * (q->announced ? GROWTH_ANNOUNCED : GROWTH) : FIRST_BYTES;
	size_t room = s->max_bytes - (s->bytes - q->size);
	uint8_t *body;

	if (size < need)
		size = need;
	if (size > q->most)
		size = q->most;
	if (size > room)
		size = room;
	if (size < need)
		return false;
	body = realloc(q->body, size + 1);
	if (!body)
		return false;
	q->body = body;
	s->bytes += size - q->size;
	q->size = size;
	return true;
}

/* MHD_NO: the connection is cut. */
static enum MHD_Result take(struct slo_http_server *s, struct request *q, const char *data,
                            size_t len)
{
	if (q->conn)
		q->conn->received += len;
	if (!q->error && q->len + len > q->most)
		fail(s, q, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	if (!q->error && q->len + len > q->size && !grow(s, q, q->len + len))
		fail(s, q, MHD_HTTP_SERVICE_UNAVAILABLE, "too many bodies are being received");
	if (q->error) {
		q->discarded += len;
		return q->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
	}
	memcpy(q->body + q->len, data, len);
	q->len += len;
	return MHD_YES;
}

/* --- heads ---------------------------------------------------------------------------------------------------- */

static const struct slo_http_route *find_route(const struct slo_http_server *s, const char *method,
                                               const char *path, bool *ret_known)
{
	bool head = strcmp(method, "HEAD") == 0;

	*ret_known = false;
	for (const struct slo_http_route *r = s->cfg.routes; r->path; r++) {
		if (strcmp(r->path, path) != 0)
			continue;
		*ret_known = true;
		if (strcmp(r->method, head ? "GET" : method) == 0)
			return r;
	}
	return NULL;
}

/* Takes as long for any wrong token of the right length; of the length itself no secret is made. */
static bool is_token(const char *given, const char *token)
{
	size_t n = strlen(token);
	unsigned char diff = 0;

	if (strlen(given) < 7 || strncasecmp(given, "Bearer ", 7) != 0)
		return false;
	given += 7 + strspn(given + 7, " ");
	if (strlen(given) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)((unsigned char)given[i] ^ (unsigned char)token[i]);
	return !diff;
}

/* What can be told by the head alone: before "100 Continue", before the body is read. */
static void judge(struct slo_http_server *s, struct MHD_Connection *connection, struct request *q,
                  const char *method, const char *path)
{
	const char *length = header(s, connection, "Content-Length");
	const char *token = s->cfg.token;
	unsigned long long announced = strtoull(length, NULL, 10);
	bool known;

	q->route = find_route(s, method, path, &known);
	if (!q->route) {
		fail(s, q, known ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND,
		     known ? "this path has other methods" : "no such path");
		return;
	}
	q->announced = *length;
	q->most =
		*length && announced < q->route->max_body ? (size_t)announced : q->route->max_body;
	if (!q->route->open && token && *token &&
	    !is_token(header(s, connection, "Authorization"), token))
		fail(s, q, MHD_HTTP_UNAUTHORIZED, "a bearer token is needed, and the right one");
	else if (*length && (announced > q->route->max_body || announced > s->max_bytes))
		fail(s, q, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long");
	else if (*length && s->bytes + announced > s->max_bytes)
		fail(s, q, MHD_HTTP_SERVICE_UNAVAILABLE, "too many bodies are being received");
}

static enum MHD_Result serve(struct slo_http_server *s, struct MHD_Connection *connection,
                             struct request *q, const char *method, const char *path)
{
	struct slo_http_out out = { 0 };
	struct slo_http_in in;
	uint8_t *less;

	describe(s, &in, connection, q, method, path);
	if (q->body) {
		q->body[q->len] = '\0';
		/* It may be kept for long, and may be nearly empty: bodies grow by steps. */
		less = realloc(q->body, q->len + 1);
		q->body = less ? less : q->body;
	}
	in.body = q->body;
	in.body_len = q->len;
	s->bytes -= q->size;
	q->body = NULL;
	q->size = 0;
	s->st.requests++;
	q->route->handler(s->cfg.user, &in, &out);
	free(in.body);
	return answer(s, connection, q, &out, path);
}

/* --- what libmicrohttpd calls --------------------------------------------------------------------------------- */

void *slo_http_request_begin(void *user, const char *uri, struct MHD_Connection *connection)
{
	const struct slo_http_server *s = user;
	const char *query = strchr(uri, '?');
	size_t len = query ? strlen(++query) : 0;
	struct request *q = calloc(1, sizeof(*q) + len + 1);
	const union MHD_ConnectionInfo *info;

	if (!q)
		return NULL;
	if (len)
		memcpy(q->query, query, len);
	info = s->mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	q->conn = info ? info->socket_context : NULL;
	return q;
}

/* NOLINTNEXTLINE(readability-function-size): the library's own signature */
enum MHD_Result slo_http_request_piece(void *user, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *data, size_t *data_len, void **context)
{
	struct slo_http_server *s = user;
	struct request *q = *context;
	size_t len = *data_len;

	(void)version;
	if (!q)
		return MHD_NO; /* out of memory */
	if (!q->started) {
		q->started = true;
		if (q->conn)
			q->conn->state = SLO_HTTP_BODY;
		judge(s, connection, q, method, url);
		return q->error ? refuse(s, connection, q, method, url) : MHD_YES;
	}
	if (len) {
		*data_len = 0;
		return take(s, q, data, len);
	}
	return q->error ? refuse(s, connection, q, method, url)
	                : serve(s, connection, q, method, url);
}

void slo_http_request_end(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_RequestTerminationCode code)
{
	struct slo_http_server *s = user;
	struct request *q = *context;

	(void)connection;
	*context = NULL;
	if (!q)
		return;
	if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
		s->st.aborted++;
	if (q->conn && q->conn->fd >= 0) {
		q->conn->state = SLO_HTTP_HEAD;
		q->conn->since_ns = slo_clock_monotonic_ns();
		q->conn->received = 0;
		q->conn->served++;
	}
	drop_body(s, q);
	free(q);
}
