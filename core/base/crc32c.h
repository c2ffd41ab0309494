/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4): tells a damaged record of ours from a good one. */
#ifndef SLO_BASE_CRC32C_H
#define SLO_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of @len bytes; "123456789" gives 0xe3069283. */
uint32_t slo_crc32c(const void *data, size_t len);

#endif
