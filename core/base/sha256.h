/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4): names files and models by their content. Not meant for secrets. */
#ifndef SLO_BASE_SHA256_H
#define SLO_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"

#define SLO_SHA256_BYTES 32
#define SLO_SHA256_HEX_SIZE (2 * SLO_SHA256_BYTES + 1) /* with the NUL */

/* On the caller's stack. Fields are the module's own. */
struct slo_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

void slo_sha256_init(struct slo_sha256 *s);
void slo_sha256_add(struct slo_sha256 *s, const void *data, size_t n);
/* @s needs slo_sha256_init() before it is used again. */
void slo_sha256_finish(struct slo_sha256 *s, uint8_t ret_digest[SLO_SHA256_BYTES]);
/* The same in lower-case hexadecimal. */
void slo_sha256_finish_hex(struct slo_sha256 *s, char ret_hex[SLO_SHA256_HEX_SIZE]);

/* Of what @fd has from where it is read on. Returns 0 or a negative errno of reading it. */
int slo_sha256_fd_hex(int fd, char ret_hex[SLO_SHA256_HEX_SIZE]);

#endif
