/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups out of packets whose devices and times the test chooses. */
#include "backends/procfs/dns_lookups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define BEGIN (100 * SLO_NS_PER_SEC)
#define BRIDGE 2
#define PORT 3 /* of the bridge */

static unsigned int samples, timeouts, retries;

static void on_event(void *user, const struct slo_probe_event *ev)
{
	(void)user;
	samples += ev->kind == SLO_EV_SAMPLE;
	timeouts += ev->kind == SLO_EV_TIMEOUT;
	retries += ev->detail.dns.retries;
}

static int setup(void **state)
{
	static struct slo_dns_lookups d;

	d = (struct slo_dns_lookups){ .fn = on_event, .options.emit_all = true };
	samples = timeouts = retries = 0;
	*state = &d;
	return slo_dns_lookups_init(&d, NULL);
}

static int teardown(void **state)
{
	slo_dns_lookups_fini(*state);
	return 0;
}

static void put(struct slo_dns_lookups *d, uint16_t id, bool answer, int ifindex, uint64_t ns)
{
	static const uint8_t question[] = { 1, 'a', 0, 0, 1, 0, 1 };
	const struct slo_dns_packet p = { .sport = answer ? 53 : 4000,
		                          .dport = answer ? 4000 : 53,
		                          .id = id,
		                          .family = AF_INET,
		                          .answer = answer,
		                          .question = question,
		                          .question_len = sizeof(question) };

	(void)slo_dns_lookups_take(d, &p, ifindex, ns);
}

static void a_packet_on_its_next_device_is_no_retry(void **state)
{
	struct slo_dns_lookups *d = *state;

	put(d, 1, false, BRIDGE, BEGIN);
	put(d, 1, false, PORT, BEGIN + 20000);
	put(d, 1, true, PORT, BEGIN + SLO_NS_PER_MS);
	put(d, 1, true, BRIDGE, BEGIN + SLO_NS_PER_MS + 20000);
	assert_int_equal(samples, 1);
	assert_int_equal(retries, 0);
	assert_int_equal(d->unmatched, 0);
	/* Asked again on the same way, and by another device. */
	put(d, 2, false, BRIDGE, BEGIN);
	put(d, 2, false, PORT, BEGIN + 20000);
	put(d, 2, false, BRIDGE, BEGIN + 500000);
	put(d, 2, false, PORT, BEGIN + 520000);
	put(d, 2, false, PORT, BEGIN + SLO_NS_PER_SEC);
	put(d, 2, true, BRIDGE, BEGIN + 2 * SLO_NS_PER_SEC);
	assert_int_equal(retries, 2);
}

static void an_answer_to_no_query_is_counted(void **state)
{
	struct slo_dns_lookups *d = *state;

	put(d, 1, true, BRIDGE, BEGIN);
	assert_int_equal(d->unmatched, 1);
	put(d, 2, false, BRIDGE, BEGIN);
	put(d, 2, true, BRIDGE, BEGIN + 10);
	put(d, 2, true, BRIDGE, BEGIN + 20);
	assert_int_equal(d->unmatched, 2);
	assert_int_equal(samples, 1);
}

static void a_query_without_room_is_counted(void **state)
{
	struct slo_dns_lookups *d = *state;

	for (unsigned int i = 0; i < slo_map_max(d->queries) + 3; i++)
		put(d, (uint16_t)i, false, BRIDGE, BEGIN);
	assert_int_equal(d->inflight_full, 3);
}

static void what_may_have_lost_its_answer_is_no_timeout(void **state)
{
	struct slo_dns_lookups *d = *state;

	put(d, 1, false, BRIDGE, BEGIN);
	put(d, 2, false, BRIDGE, BEGIN + SLO_NS_PER_SEC);
	d->lost_ns = BEGIN + SLO_NS_PER_SEC / 2;
	slo_dns_lookups_sweep(d, BEGIN + 5 * SLO_NS_PER_SEC);
	assert_int_equal(d->unmatched + timeouts, 0);
	slo_dns_lookups_sweep(d, BEGIN + 9 * SLO_NS_PER_SEC);
	assert_int_equal(timeouts, 1);
	assert_int_equal(d->unmatched, 1);
	assert_int_equal(slo_map_count(d->queries), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_packet_on_its_next_device_is_no_retry),
		TEST(an_answer_to_no_query_is_counted),
		TEST(a_query_without_room_is_counted),
		TEST(what_may_have_lost_its_answer_is_no_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
