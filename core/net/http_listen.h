/* SPDX-License-Identifier: Apache-2.0 */
/* A listening TCP socket from the text that people write: "127.0.0.1:4318", "[::1]:80", "name:80", ":2112" (everywhere). */
#ifndef SLO_NET_HTTP_LISTEN_H
#define SLO_NET_HTTP_LISTEN_H

#include <stdint.h>

#include "core/base/err.h"

/* A non-blocking descriptor, the caller's, and *@ret_port; or a negative errno, @err with the address and the way out. */
int slo_http_listen(const char *address, uint16_t *ret_port, struct slo_err *err);

#endif
