/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/correlate_enrich.h"
#include "test/unit/base/fail_alloc.h"

#define SEC INT64_C(1000000000)
#define T0 (INT64_C(1771372800) * SEC)

static struct slo_storms *make(size_t max)
{
	struct slo_storms *storms = NULL;

	assert_int_equal(slo_storms_new(&storms, max, NULL), 0);
	return storms;
}

static void attribute_keeps_the_larger_value(void **state)
{
	struct slo_enrichment e = { 0 };
	const struct slo_corr_result r = {
		.count = 3,
		.hit = { { .signal = SLO_SIG_DNS_LATENCY,
		           .value = 40,
		           .tier = SLO_TIER_POD_PID,
		           .confidence = 0.9 },
		         { .signal = SLO_SIG_DNS_LATENCY,
		           .value = 30,
		           .tier = SLO_TIER_POD_CONN,
		           .confidence = 0.8 },
		         { .signal = SLO_SIG_CPU_STEAL,
		           .value = 0,
		           .tier = SLO_TIER_POD_CONN,
		           .confidence = 0.8 } },
	};
	const struct slo_corr_result better = {
		.count = 1,
		.hit = { { .signal = SLO_SIG_DNS_LATENCY,
		           .value = 7,
		           .tier = SLO_TIER_TRACE,
		           .confidence = 1 } },
	};

	(void)state;
	slo_enrichment_add(&e, &r);
	assert_int_equal(e.present,
	                 SLO_SIG_BIT(SLO_SIG_DNS_LATENCY) | SLO_SIG_BIT(SLO_SIG_CPU_STEAL));
	assert_true(e.value[SLO_SIG_DNS_LATENCY] == 40);
	assert_true(e.value[SLO_SIG_CPU_STEAL] == 0);
	assert_int_equal(e.tier, SLO_TIER_POD_PID);
	assert_true(e.confidence == 0.9);
	slo_enrichment_add(&e, &better);
	assert_true(e.value[SLO_SIG_DNS_LATENCY] == 40);
	assert_int_equal(e.tier, SLO_TIER_TRACE);
	assert_true(e.confidence == 1);
	slo_enrichment_add(&e, &r);
	assert_int_equal(e.tier, SLO_TIER_TRACE);
	slo_enrichment_put(&e, SLO_SIG_DNS_LATENCY, 41);
	assert_true(e.value[SLO_SIG_DNS_LATENCY] == 41);
}

static void retrieval_is_the_sum_of_what_is_present(void **state)
{
	struct slo_enrichment e = { 0 };
	double ms = -1;

	(void)state;
	slo_enrichment_put(&e, SLO_SIG_SYSCALL, 1000);
	assert_false(slo_enrichment_retrieval_ms(&e, &ms));
	assert_true(ms == -1);
	slo_enrichment_put(&e, SLO_SIG_CONNECT_LATENCY, 0);
	assert_true(slo_enrichment_retrieval_ms(&e, &ms));
	assert_true(ms == 0);
	slo_enrichment_put(&e, SLO_SIG_DNS_LATENCY, 20.5);
	slo_enrichment_put(&e, SLO_SIG_TLS_HANDSHAKE, 60);
	slo_enrichment_put(&e, SLO_SIG_CONNECT_LATENCY, 3);
	assert_true(slo_enrichment_retrieval_ms(&e, &ms));
	assert_true(ms == 83.5);
}

static bool storms_has(const struct slo_storms *storms, const char *pod, int64_t start_ns,
                       int64_t end_ns)
{
	struct slo_storm storm;

	return slo_storms_get(storms, pod, &storm) && storm.begin_ns <= end_ns &&
	       storm.end_ns >= start_ns;
}

static void five_retransmits_in_ten_seconds_are_a_storm(void **state)
{
	slo_storms_auto struct slo_storms *storms = make(4);

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_false(slo_storms_add(storms, "p", T0 + i * SEC, 1));
	assert_false(slo_storms_add(storms, "q", T0 + 5 * SEC, 1));
	assert_false(storms_has(storms, "p", T0, T0 + 10 * SEC));
	assert_true(slo_storms_add(storms, "p", T0 + 10 * SEC, 1));
	assert_true(storms_has(storms, "p", T0 + 10 * SEC, T0 + 11 * SEC));
	assert_true(storms_has(storms, "p", T0 - SEC, T0));
	assert_false(storms_has(storms, "p", T0 + 10 * SEC + 1, T0 + 11 * SEC));
	assert_false(storms_has(storms, "q", T0, T0 + 10 * SEC));
	/* A gap: the fifth newest is 10 s and 1 ns old. */
	assert_false(slo_storms_add(storms, "p", T0 + 11 * SEC + 1, 1));
	assert_true(slo_storms_add(storms, "p", T0 + 12 * SEC, 1));
}

static void a_count_is_so_many_retransmits(void **state)
{
	slo_storms_auto struct slo_storms *storms = make(4);

	(void)state;
	assert_false(slo_storms_add(storms, "p", T0, 0));
	assert_false(slo_storms_add(storms, "p", T0, 3));
	assert_true(slo_storms_add(storms, "p", T0 + 10 * SEC, 2));
	assert_true(slo_storms_add(storms, "q", T0, UINT64_MAX));
}

static void order_of_arrival_is_of_no_matter(void **state)
{
	static const int order[] = { 4, 0, 3, 1, 2 };
	slo_storms_auto struct slo_storms *storms = make(1);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(slo_storms_add(storms, "p", T0 + order[i] * 2 * SEC, 1), i == 4);
	/* Late, but in the window of what is there. */
	assert_true(slo_storms_add(storms, "p", T0 + SEC, 1));
	/* Older than all five: of no account. */
	assert_true(slo_storms_add(storms, "p", T0 - 100 * SEC, 5));
	assert_true(storms_has(storms, "p", T0 + 2 * SEC, T0 + 2 * SEC));
}

static void what_is_silent_expires_and_what_finds_no_room_is_counted(void **state)
{
	slo_storms_auto struct slo_storms *storms = make(1);
	char longest[SLO_STORM_POD_LEN + 2];

	(void)state;
	assert_true(slo_storms_add(storms, "p", T0, 5));
	assert_false(slo_storms_add(storms, "q", T0, 5));
	assert_int_equal(slo_storms_dropped(storms), 5);
	slo_storms_expire(storms, T0);
	assert_true(storms_has(storms, "p", T0, T0));
	slo_storms_expire(storms, T0 + 1);
	assert_false(storms_has(storms, "p", T0, T0));
	assert_true(slo_storms_add(storms, "q", T0, 5));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(slo_storms_add(storms, longest, T0, 5));
	assert_false(slo_storms_add(storms, "", T0, 5));
	assert_false(slo_storms_add(storms, NULL, T0, 5));
	assert_false(storms_has(storms, NULL, T0, T0));
}

static void want_of_memory_is_told(void **state)
{
	struct slo_storms *storms = NULL;

	(void)state;
	assert_int_equal(slo_storms_new(&storms, 0, NULL), -EINVAL);
	for (int n = 0; FAIL_ALLOC && n < 4; n++) {
		fail_alloc_after = n;
		assert_int_equal(slo_storms_new(&storms, 4, NULL), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(storms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attribute_keeps_the_larger_value),
		cmocka_unit_test(retrieval_is_the_sum_of_what_is_present),
		cmocka_unit_test(five_retransmits_in_ten_seconds_are_a_storm),
		cmocka_unit_test(a_count_is_so_many_retransmits),
		cmocka_unit_test(order_of_arrival_is_of_no_matter),
		cmocka_unit_test(what_is_silent_expires_and_what_finds_no_room_is_counted),
		cmocka_unit_test(want_of_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
