/* SPDX-License-Identifier: Apache-2.0 */
/* gzip both ways, bounded: what unpacks to more than was allowed is refused, not cut. */
#ifndef SLO_NET_GZIP_H
#define SLO_NET_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* *@ret malloc'd, the caller's. 0; -EFBIG: more than @max bytes; -EBADMSG: no gzip, or cut; -ENOMEM. */
int slo_gunzip(const uint8_t *in, size_t len, size_t max, uint8_t **ret, size_t *ret_len);
/* As level 1 does it: speed before size. 0 or -ENOMEM. */
int slo_gzip(const uint8_t *in, size_t len, uint8_t **ret, size_t *ret_len);

#endif
