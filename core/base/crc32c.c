/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/crc32c.h"

#define POLYNOMIAL 0x82f63b78U /* 0x1edc6f41, bits reversed */

/* Bit by bit: our records have 16 to a few hundred bytes, and a table would be state or 1 KiB of constants. */
uint32_t slo_crc32c(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t crc = ~0U;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
	}
	return ~crc;
}
