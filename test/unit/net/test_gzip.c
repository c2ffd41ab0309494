/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/gzip.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"

#define LARGE 50000

static uint8_t large[LARGE];

static size_t pack(const void *in, size_t len, uint8_t *at)
{
	uint8_t *packed = NULL;
	size_t n = 0;

	assert_int_equal(slo_gzip(in, len, &packed, &n), 0);
	memcpy(at, packed, n);
	free(packed);
	return n;
}

/* As slo_gunzip(); what came out is compared with @want. */
static int unpack(const uint8_t *in, size_t len, size_t max, const void *want, size_t want_len)
{
	uint8_t *plain = NULL;
	size_t n = 0;
	int r = slo_gunzip(in, len, max, &plain, &n);

	if (r == 0) {
		assert_int_equal(n, want_len);
		assert_memory_equal(plain, want, n);
	}
	free(plain);
	return r;
}

static void what_fits_exactly_is_taken_and_a_byte_more_refused(void **state)
{
	static uint8_t packed[LARGE];
	size_t n = pack(large, sizeof(large), packed);

	(void)state;
	assert_int_equal(unpack(packed, n, LARGE, large, LARGE), 0);
	assert_int_equal(unpack(packed, n, LARGE + 1, large, LARGE), 0);
	assert_int_equal(unpack(packed, n, LARGE - 1, NULL, 0), -EFBIG);
}

/* A sender that packs piece by piece: what stood behind the first one was lost without a word. */
static void members_follow_one_another(void **state)
{
	uint8_t packed[256];
	size_t first = pack("hello ", 6, packed), both = first + pack("world", 5, packed + first);

	(void)state;
	assert_int_equal(unpack(packed, both, 100, "hello world", 11), 0);
	assert_int_equal(unpack(packed, first, 100, "hello ", 6), 0);
	assert_int_equal(unpack(packed, both, 10, NULL, 0), -EFBIG);
	assert_int_equal(unpack(packed, both - 1, 100, NULL, 0), -EBADMSG);
	packed[first] = 'x'; /* no member */
	assert_int_equal(unpack(packed, both, 100, NULL, 0), -EBADMSG);
}

static void what_is_cut_is_refused(void **state)
{
	uint8_t packed[256];
	size_t n = pack("hello", 5, packed);

	(void)state;
	for (size_t len = 0; len < n; len++)
		assert_int_equal(unpack(packed, len, 100, NULL, 0), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_exactly_is_taken_and_a_byte_more_refused),
		cmocka_unit_test(members_follow_one_another),
		cmocka_unit_test(what_is_cut_is_refused),
	};

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * i >> 3);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
