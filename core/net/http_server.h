/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP in: one listener of libmicrohttpd, its epoll descriptor in the caller's loop. Bodies are gathered whole, bounded
 * each and all together; slow senders are cut off; a listener that has no room refuses connections, and counts them.
 */
#ifndef SLO_NET_HTTP_SERVER_H
#define SLO_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_http_server;

struct slo_http_in {
	const char *method;
	const char *path; /* without the query */
	const char *query; /* "" none; of "a=b" pairs, not decoded */
	const char *content_type; /* "" none; as sent */
	const char *content_encoding; /* "" none */
	const char *accept; /* "" none */
	const char *user_agent; /* "" none */
	uint8_t *body; /* may be taken by setting it NULL: then the handler frees it */
	size_t body_len;
};

/* Filled by the handler; zero is status 200 with an empty body. */
struct slo_http_out {
	unsigned int status; /* 0: 200 */
	const char *content_type; /* static; NULL: text/plain */
	int64_t retry_after_s; /* 0: none */
	char *body; /* malloc'd, taken over; NULL: none */
	size_t body_len;
};

typedef void (*slo_http_handler_fn)(void *user, struct slo_http_in *in, struct slo_http_out *out);

/* A path of another method answers 405, another path 404. */
struct slo_http_route {
	const char *method; /* GET also serves HEAD */
	const char *path;
	size_t max_body; /* bytes as sent; longer is 413, told before it is read where the length is announced */
	bool open; /* no token asked: health checks */
	slo_http_handler_fn handler;
};

struct slo_http_server_config {
	const char *
		listen; /* "127.0.0.1:4318", "[::]:2112", ":2112", "unix:/run/x.sock" is not served; borrowed */
	const char *
		token; /* bearer token; "" or NULL: none asked. Compared in constant time. Borrowed until close */
	const struct slo_http_route *routes; /* ends with an empty row; borrowed until close */
	/* Body of an error that the server itself answers (404, 405, 413, 401, 400, 503); NULL: one line of text. */
	void (*on_error)(void *user, const struct slo_http_in *in, unsigned int status,
	                 const char *why, struct slo_http_out *out);
	void *user; /* of all handlers */
	size_t max_connections; /* 0: 256 */
	size_t max_bytes; /* of all bodies being gathered; 0: 64 MiB; beyond: 503 with Retry-After */
	unsigned int
		timeout_s; /* of a connection that does not move; and of a whole request, 4 times that; 0: 10 */
};

struct slo_http_server_stats {
	uint64_t requests; /* answered by handlers */
	uint64_t refused; /* by the server itself */
	uint64_t aborted; /* ended before they were whole */
	uint64_t connections; /* open now */
};

/* -EADDRINUSE and others with @err naming the address and the way out. */
int slo_http_server_open(struct slo_http_server **ret, const struct slo_http_server_config *cfg,
                         struct slo_err *err);
void slo_http_server_freep(struct slo_http_server **s);
#define slo_http_server_auto slo_cleanup(slo_http_server_freep)

/* For the caller's epoll set; readable: call run(). */
int slo_http_server_fd(const struct slo_http_server *s);
/* Also once a second, for timeouts. Handlers run inside. */
void slo_http_server_run(struct slo_http_server *s);
/* Port that is listened on: the kernel's choice where 0 was asked. */
uint16_t slo_http_server_port(const struct slo_http_server *s);
void slo_http_server_stats(const struct slo_http_server *s, struct slo_http_server_stats *ret);

#endif
