/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libmicrohttpd that are used, through a table: see library.h. */
#ifndef SLO_NET_MHD_H
#define SLO_NET_MHD_H

#include <microhttpd.h>

#include "core/base/err.h"

#define SLO_MHD_FUNCTIONS(X)           \
	X(add_connection)              \
	X(add_response_header)         \
	X(create_response_from_buffer) \
	X(destroy_response)            \
	X(get_connection_info)         \
	X(get_daemon_info)             \
	X(get_timeout)                 \
	X(lookup_connection_value)     \
	X(queue_response)              \
	X(run)                         \
	X(start_daemon)                \
	X(stop_daemon)

struct slo_mhd {
#define X(name) __typeof__(MHD_##name) *name;
	SLO_MHD_FUNCTIONS(X)
#undef X
	void *library; /* owned */
};

/* As slo_library_check() and slo_library_open(). */
int slo_mhd_check(struct slo_err *err);
int slo_mhd_open(struct slo_mhd *ret, struct slo_err *err);
/* Zeroed is as good as open. */
void slo_mhd_close(struct slo_mhd *m);

#endif
