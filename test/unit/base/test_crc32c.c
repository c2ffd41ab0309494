/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/crc32c.h"

static uint32_t bit_by_bit(const unsigned char *p, size_t len)
{
	uint32_t crc = ~0U;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static void rfc_3720_vectors_hold(void **state)
{
	unsigned char buf[32] = { 0 };

	(void)state;
	assert_int_equal(slo_crc32c("123456789", 9), 0xe3069283U);
	assert_int_equal(slo_crc32c(buf, sizeof(buf)), 0x8a9136aaU);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(slo_crc32c(buf, sizeof(buf)), 0x62a8ab43U);
}

static void any_bytes_agree_with_the_definition(void **state)
{
	unsigned char buf[300];
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++) {
		x = x * 1664525U + 1013904223U;
		buf[i] = (unsigned char)(x >> 24);
		assert_int_equal(slo_crc32c(buf, i), bit_by_bit(buf, i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_3720_vectors_hold),
		cmocka_unit_test(any_bytes_agree_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
