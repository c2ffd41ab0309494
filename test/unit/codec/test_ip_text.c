/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec/ip_text.h"
#include "test/random.h"

/* RFC 5952 section 4 and 5. */
static const char *const canonical[] = {
	"::",
	"::1",
	"1::",
	"fe80::1",
	"2001:db8::1",
	"2001:db8:0:1:1:1:1:1", /* one zero group is not shortened */
	"2001:0:0:1::1", /* the longer run is */
	"2001:db8::1:0:0:1", /* of equal runs the first */
	"1:2:3:4:5:6:7:8",
	"1:2:3:4:5:6::",
	"::3:4:5:6:7:8",
	"ff02::fb",
	"::ffff:192.0.2.1",
	"::ffff:0.0.0.0",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"0.0.0.0",
	"10.96.0.10",
	"255.255.255.255",
};

static void canonical_text_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
		char text[SLO_IP_TEXT_SIZE];
		uint8_t addr[16];
		int family = slo_ip_parse(canonical[i], addr);

		assert_int_equal(family, strchr(canonical[i], ':') ? 6 : 4);
		assert_int_equal(slo_ip_text((uint8_t)family, addr, text), strlen(canonical[i]));
		assert_string_equal(text, canonical[i]);
	}
}

static void random_addresses_read_back_the_same(void **state)
{
	uint64_t x = TEST_RANDOM_SEED;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		char text[SLO_IP_TEXT_SIZE];
		uint8_t addr[16];
		uint8_t read[16];

		for (int b = 0; b < 16; b++) {
			(void)test_random(&x);
			addr[b] = x & 0x300 ? 0 : (uint8_t)(x >> 16);
		}
		(void)slo_ip_text(6, addr, text);
		assert_int_equal(slo_ip_parse(text, read), 6);
		assert_memory_equal(read, addr, 16);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "",    "1.2.3",        "1.2.3.4.5", "256.1.1.1", ":::",
		                           "g::", "fe80::1%eth0", "localhost", "1.2.3.4 " };
	uint8_t addr[16] = { 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(slo_ip_parse(bad[i], addr), -EINVAL);
		assert_int_equal(addr[0], 9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_text_round_trips),
		cmocka_unit_test(random_addresses_read_back_the_same),
		cmocka_unit_test(what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests_name("ip_text", tests, NULL, NULL);
}
