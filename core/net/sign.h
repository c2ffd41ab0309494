/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA256 (RFC 2104) and base64 (RFC 4648 section 4): what signatures of webhooks are made of. */
#ifndef SLO_NET_SIGN_H
#define SLO_NET_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/sha256.h"

struct slo_hmac {
	struct slo_sha256 inner, outer;
};

void slo_hmac_init(struct slo_hmac *h, const void *key, size_t key_len);
void slo_hmac_add(struct slo_hmac *h, const void *data, size_t len);
void slo_hmac_finish(struct slo_hmac *h, uint8_t ret[SLO_SHA256_BYTES]);

#define SLO_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* of @n bytes, with the NUL */

void slo_base64_encode(const uint8_t *data, size_t len, char *ret);
/* Bytes written to @ret of strlen(text) bytes, or -EINVAL: that is no base64. Padding may be missing. */
int slo_base64_decode(const char *text, uint8_t *ret);

#endif
