/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/sign.h"

#include <errno.h>
#include <string.h>

#define BLOCK 64 /* of SHA-256 */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void begin(struct slo_sha256 *s, const uint8_t key[BLOCK], uint8_t pad)
{
	uint8_t block[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	slo_sha256_init(s);
	slo_sha256_add(s, block, BLOCK);
}

void slo_hmac_init(struct slo_hmac *h, const void *key, size_t key_len)
{
	uint8_t block[BLOCK] = { 0 };

	if (key_len > BLOCK) {
		slo_sha256_init(&h->inner);
		slo_sha256_add(&h->inner, key, key_len);
		slo_sha256_finish(&h->inner, block);
	} else {
		memcpy(block, key, key_len);
	}
	begin(&h->inner, block, 0x36);
	begin(&h->outer, block, 0x5c);
}

void slo_hmac_add(struct slo_hmac *h, const void *data, size_t len)
{
	slo_sha256_add(&h->inner, data, len);
}

void slo_hmac_finish(struct slo_hmac *h, uint8_t ret[SLO_SHA256_BYTES])
{
	slo_sha256_finish(&h->inner, ret);
	slo_sha256_add(&h->outer, ret, SLO_SHA256_BYTES);
	slo_sha256_finish(&h->outer, ret);
}

void slo_base64_encode(const uint8_t *data, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)data[i] << 16 |
		             (i + 1 < len ? (uint32_t)data[i + 1] << 8 : 0) |
		             (i + 2 < len ? data[i + 2] : 0);

		*ret++ = digits[v >> 18];
		*ret++ = digits[v >> 12 & 63];
		*ret++ = (char)(i + 1 < len ? digits[v >> 6 & 63] : '=');
		*ret++ = (char)(i + 2 < len ? digits[v & 63] : '=');
	}
	*ret = '\0';
}

int slo_base64_decode(const char *text, uint8_t *ret)
{
	size_t n = strlen(text);
	uint32_t v = 0;
	int len = 0;

	while (n && text[n - 1] == '=')
		n--;
	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		const char *at = text[i] ? strchr(digits, text[i]) : NULL;

		if (!at)
			return -EINVAL;
		v = v << 6 | (uint32_t)(at - digits);
		if (i % 4)
			ret[len++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
	return len;
}
