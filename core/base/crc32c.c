/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/crc32c.h"

#include <string.h>

/* What four bits leave behind of the polynomial 0x1edc6f41, bits reversed: spooled batches have megabytes. */
static const uint32_t nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t by_nibbles(uint32_t crc, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = (crc >> 4) ^ nibbles[crc & 15];
		crc = (crc >> 4) ^ nibbles[crc & 15];
	}
	return crc;
}

#ifdef __x86_64__
/* Of this polynomial the processor has an instruction: a row of requests counted is sealed for each of them. */
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc,
                                                                 const unsigned char *p, size_t len)
{
	uint64_t sum = crc, part;

	for (; len >= sizeof(part); p += sizeof(part), len -= sizeof(part)) {
		memcpy(&part, p, sizeof(part));
		sum = __builtin_ia32_crc32di(sum, part);
	}
	return by_nibbles((uint32_t)sum, p, len);
}

uint32_t slo_crc32c(const void *data, size_t len)
{
	return ~(__builtin_cpu_supports("sse4.2") ? by_instruction(~0U, data, len)
	                                          : by_nibbles(~0U, data, len));
}
#else
uint32_t slo_crc32c(const void *data, size_t len)
{
	return ~by_nibbles(~0U, data, len);
}
#endif
