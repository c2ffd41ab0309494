/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "backends/procfs/dns.h"
#include "backends/procfs/interval.h"
#include "backends/procfs/snmp.h"

/* IPv4, UDP 192.0.2.1:40000 -> 192.0.2.53:53, id 0x1234, "a.test" A. */
static const uint8_t query[] = {
	0x45, 0,    0, 52,  0,   0,   0,   0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 53, /* IP */
	0x9c, 0x40, 0, 53,  0,   32,  0,   0, /* UDP */
	0x12, 0x34, 1, 0,   0,   1,   0,   0, 0,  0,  0, 0, /* DNS */
	1,    'a',  4, 't', 'e', 's', 't', 0, 0,  1,  0, 1,
};

static void a_query_is_read(void **state)
{
	struct slo_dns_packet p;

	(void)state;
	assert_int_equal(slo_dns_packet_parse(query, sizeof(query), &p), 0);
	assert_int_equal(p.family, AF_INET);
	assert_int_equal(p.sport, 40000);
	assert_int_equal(p.dport, 53);
	assert_int_equal(p.id, 0x1234);
	assert_false(p.answer);
	assert_int_equal(p.question_len, 12);
	assert_memory_equal(p.question, query + 40, 12);
}

static void an_answer_comes_from_the_port_and_a_query_does_not(void **state)
{
	uint8_t b[sizeof(query)];
	struct slo_dns_packet p;

	(void)state;
	memcpy(b, query, sizeof(b));
	b[30] |= 0x80; /* QR, but to port 53 */
	assert_int_equal(slo_dns_packet_parse(b, sizeof(b), &p), -EBADMSG);
	b[20] = 0;
	b[21] = 53;
	b[22] = 0x9c;
	b[23] = 0x40;
	b[31] = 0x83;
	assert_int_equal(slo_dns_packet_parse(b, sizeof(b), &p), 0);
	assert_true(p.answer);
	assert_int_equal(p.rcode, 3);
}

static void no_length_is_read_beyond(void **state)
{
	struct slo_dns_packet p;

	(void)state;
	/* Each length in memory of exactly that size, so that the sanitizer sees a step too far. */
	for (size_t n = 0; n < sizeof(query); n++) {
		uint8_t *b = test_malloc(n ? n : 1);

		memcpy(b, query, n);
		assert_int_equal(slo_dns_packet_parse(b, n, &p), n < 40 ? -EBADMSG : 0);
		test_free(b);
	}
}

static void counters_stand_below_their_names(void **state)
{
	static const char text[] = "Ip: Forwarding InReceives\nIp: 1 77\n"
				   "Tcp: RtoAlgorithm MaxConn AttemptFails RetransSegs\n"
				   "Tcp: 1 -1 5 42\nUdp: InDatagrams\nUdp: 3\n";
	char copy[sizeof(text)];
	uint64_t v = 7;

	(void)state;
	memcpy(copy, text, sizeof(text));
	assert_int_equal(slo_snmp_parse(copy, "RetransSegs", &v), 0);
	assert_int_equal(v, 42);
	memcpy(copy, text, sizeof(text));
	assert_int_equal(slo_snmp_parse(copy, "InReceives", &v), -ENODATA);
	memcpy(copy, text, sizeof(text));
	assert_int_equal(slo_snmp_parse(copy, "MaxConn", &v), -EBADMSG);
	assert_int_equal(v, 42);
	(void)snprintf(copy, sizeof(copy), "Tcp: RetransSegs\n");
	assert_int_equal(slo_snmp_parse(copy, "RetransSegs", &v), -ENODATA);
}

static void means_fill_one_slot(void **state)
{
	struct slo_hist h = { 0 };

	(void)state;
	slo_interval_add(&h, 2000000, 10);
	slo_interval_add(&h, 8000000, 1);
	assert_int_equal(h.count, 11);
	assert_int_equal(h.sum_ns, 28000000);
	assert_int_equal(h.max_ns, 8000000);
	assert_int_equal(h.slot[slo_hist_slot(2000000)], 10);
}

/* A query before, an answer after the clock was set: no answer takes an hour. */
static void stamps_of_another_clock_are_not_used(void **state)
{
	const uint64_t second = 1000000000, offset = 1700000000 * second, now = 100 * second;

	(void)state;
	assert_int_equal(slo_dns_stamp_ns(offset + now - second, offset, now), now - second);
	assert_int_equal(slo_dns_stamp_ns(offset + now, offset, now), now);
	assert_int_equal(slo_dns_stamp_ns(offset + now - 3600 * second, offset, now), now);
	assert_int_equal(slo_dns_stamp_ns(offset + now + 3600 * second, offset, now), now);
	assert_int_equal(slo_dns_stamp_ns(0, offset, now), now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_read),
		cmocka_unit_test(an_answer_comes_from_the_port_and_a_query_does_not),
		cmocka_unit_test(no_length_is_read_beyond),
		cmocka_unit_test(counters_stand_below_their_names),
		cmocka_unit_test(means_fill_one_slot),
		cmocka_unit_test(stamps_of_another_clock_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
