/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP out: many requests at once over libcurl's multi interface, its sockets and timers behind one descriptor. No
 * redirects are followed; TLS is verified, and without a CA bundle refused. Proxies are those of the environment
 * (http_proxy, HTTPS_PROXY, NO_PROXY), as curl has them.
 */
#ifndef SLO_NET_HTTP_CLIENT_H
#define SLO_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_http_client;

struct slo_http_client_config {
	size_t max_requests; /* at once; more are refused with -EAGAIN; 1 to 256 */
	const char *user_agent; /* copied */
};

struct slo_http_tls {
	const char *ca_file; /* "" or NULL: the usual places are probed */
	const char *cert_file, *key_file; /* client certificate; "" or NULL: none */
};

struct slo_http_header {
	const char *name;
	const char
		*value; /* without control characters: else the request is refused with -EINVAL */
};

struct slo_http_reply {
	/*
	 * 0: an HTTP answer came, whatever its status. Else negative errno: -EHOSTUNREACH (also: no such name),
	 * -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EPROTO, -ECANCELED, -EFBIG, -EKEYREJECTED (TLS), -ENOMEM
	 */
	int error;
	char why[256]; /* where @error: for people, with scheme, host and port; paths may be secret */
	/* HTTP status; with @error too where the head came whole and its body did not (cut, too slow, -EFBIG), else 0. */
	unsigned int status;
	int64_t retry_after_ms; /* Retry-After, of seconds or a date, at most a day; -1: none */
	const char *content_type; /* "" none */
	const uint8_t *body; /* borrowed during the call; NULL where streamed */
	size_t body_len;
};

/* Text of the other side for a log line: the first @size - 1 bytes of @n, blanks for what is not printable ASCII. */
void slo_http_quote(char *to, size_t size, const char *s, size_t n);

typedef void (*slo_http_done_fn)(void *user, const struct slo_http_reply *reply);
/* A piece of a streamed body (status 2xx only; others are gathered). Not 0: the request ends with -ECANCELED. */
typedef int (*slo_http_data_fn)(void *user, const uint8_t *data, size_t len);

/* Everything is copied by submit, but @body: that is borrowed until @on_done. */
struct slo_http_request {
	const char *method; /* "GET", "POST" */
	const char *url;
	const struct slo_http_header *headers;
	size_t header_count;
	const void *body;
	size_t body_len;
	uint64_t timeout_ms; /* of the whole request; streams: of the connection, and of silence */
	size_t max_reply_bytes; /* longer is -EFBIG; 0: 4 MiB */
	struct slo_http_tls tls;
	slo_http_data_fn on_data; /* not NULL: the reply is a stream */
	slo_http_done_fn
		on_done; /* called exactly once, from run() or cancel(), never from submit(); may submit */
	void *user;
};

int slo_http_client_new(struct slo_http_client **ret, const struct slo_http_client_config *cfg,
                        struct slo_err *err);
/* Requests that are under way end with -ECANCELED first. NULL-safe, sets *c = NULL. */
void slo_http_client_freep(struct slo_http_client **c);
#define slo_http_client_auto slo_cleanup(slo_http_client_freep)

/* For the caller's epoll set; readable: call run(). Owned by the client. */
int slo_http_client_fd(const struct slo_http_client *c);
void slo_http_client_run(struct slo_http_client *c);

/*
 * 0 and *@ret_id (nullable; never 0), or -EAGAIN (max_requests), -EINVAL, -ENOMEM, -EKEYREJECTED (https, and no CA
 * certificates anywhere).
 */
int slo_http_client_submit(struct slo_http_client *c, const struct slo_http_request *req,
                           uint64_t *ret_id, struct slo_err *err);
/* on_done comes with -ECANCELED during the call; called from on_data, in the same run(). Unknown ids are ignored. */
void slo_http_client_cancel(struct slo_http_client *c, uint64_t id);

/*
 * One request, waited for: programs without a loop. 0: an answer came; else the reply's error, or that of submit (then
 * on_done was not called), with @err.
 */
int slo_http_fetch(const struct slo_http_request *req, struct slo_err *err);

#endif
