/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the HTTP server: one request from its head to its answer, as libmicrohttpd calls for it. */
#ifndef SLO_NET_HTTP_REQUEST_H
#define SLO_NET_HTTP_REQUEST_H

#include "core/net/http_server.h"
#include "core/net/mhd.h"

enum slo_http_state {
	SLO_HTTP_HEAD, /* nothing or a part of a head came: idle ones too */
	SLO_HTTP_BODY,
	SLO_HTTP_ANSWER,
};

struct slo_http_conn {
	int fd; /* -1: free */
	bool shut; /* by us; not yet closed by its owner, no longer counted */
	enum slo_http_state state;
	uint64_t since_ns; /* of the request, or of the end of the last one */
	uint64_t received; /* bytes of this body */
	uint64_t served; /* requests */
};

struct slo_http_server {
	struct slo_http_server_config cfg;
	struct slo_mhd mhd;
	struct MHD_Daemon *daemon; /* NULL until somebody connects */
	int listen_fd, epfd, wakefd, spare_fd;
	uint16_t port;
	size_t max, slots, open; /* connections; rows of @conn; of those, in use and not shut */
	struct slo_http_conn *conn;
	size_t max_bytes, bytes; /* of bodies being gathered */
	unsigned int timeout_s;
	uint64_t swept_ns;
	struct slo_http_server_stats st;
};

/* Callbacks of libmicrohttpd; @user is the server. */
void *slo_http_request_begin(void *user, const char *uri, struct MHD_Connection *connection);
enum MHD_Result slo_http_request_piece(void *user, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *data, size_t *data_len, void **context);
void slo_http_request_end(void *user, struct MHD_Connection *connection, void **context,
                          enum MHD_RequestTerminationCode code);

#endif
