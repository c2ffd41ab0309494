/* SPDX-License-Identifier: Apache-2.0 */
/* One request of http_client.h on a curl handle: set up, its answer gathered, its errors told. */
#ifndef SLO_NET_HTTP_TRANSFER_H
#define SLO_NET_HTTP_TRANSFER_H

#include "core/net/curl.h"
#include "core/net/http_client.h"

struct slo_http_transfer {
	const struct slo_curl *curl; /* borrowed */
	CURL *easy; /* owned; CURLOPT_PRIVATE is the transfer */
	uint64_t id;
	struct slo_http_transfer *next; /* the client's: of those not begun yet */
	struct slo_http_client *client; /* borrowed */
	bool begun; /* the multi handle has it */
	bool cancelled;
	/* The rest is the module's own. */
	struct curl_slist *headers;
	char address[128]; /* scheme, host and port: a path or query may be secret */
	char why[CURL_ERROR_SIZE];
	uint8_t *body;
	size_t len, size, max;
	bool too_long, refused;
	bool headed; /* the head of the answer is whole */
	bool open_ended; /* its body ends where the connection does */
	int64_t retry_after_ms;
	slo_http_data_fn on_data;
	slo_http_done_fn on_done;
	void *user;
};

/* Owned by the caller; borrows @curl. 0; -EINVAL, -ENOMEM, or -EKEYREJECTED (https, and no CA certificates) with @err. */
int slo_http_transfer_new(struct slo_http_transfer **ret, const struct slo_curl *curl,
                          const struct slo_http_request *req, const char *user_agent,
                          struct slo_err *err);
void slo_http_transfer_freep(struct slo_http_transfer **t);

/* What came of it, once curl has ended with @code; borrows from @t. */
void slo_http_transfer_reply(const struct slo_http_transfer *t, CURLcode code,
                             struct slo_http_reply *ret);

/* Milliseconds from @unix_s on: of "120" or an HTTP date (RFC 9110 section 5.6.7); -1: neither. */
int64_t slo_http_retry_after_ms(const char *value, int64_t unix_s);

#endif
