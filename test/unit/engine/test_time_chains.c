/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/time_chains.h"
#include "test/unit/base/fail_alloc.h"

#define ROOM 256
#define N 3000
#define BITS 20
#define SLOT (INT64_C(1) << BITS)

static uint64_t keys[N];
static int64_t times[N];

static uint64_t state_ = 88172645463325252;

static uint64_t rnd(uint64_t n) /* xorshift64 (Marsaglia) */
{
	state_ ^= state_ << 13;
	state_ ^= state_ >> 7;
	state_ ^= state_ << 17;
	return state_ % n;
}

static struct slo_time_chains *make(void)
{
	struct slo_time_chains *chains = NULL;

	assert_int_equal(slo_time_chains_new(&chains, ROOM, BITS, NULL), 0);
	return chains;
}

/* Each record of the range once, and no other; @count have been added, those below @first are gone. */
static void check_range(const struct slo_time_chains *chains, uint64_t count, uint64_t first,
                        uint64_t key, int64_t from, int64_t to)
{
	struct slo_time_walk w = slo_time_chains_seek(chains, key, from, to, first);
	uint64_t oldest = count > ROOM ? count - ROOM : 0, n;
	static bool seen[N];
	size_t walked = 0, expected = 0;

	memset(seen, 0, sizeof(seen));
	while (slo_time_chains_next(chains, &w, &n)) {
		assert_true(n < count && n >= first && n >= oldest && !seen[n]);
		assert_true(keys[n] == key && times[n] >= from && times[n] <= to);
		seen[n] = true;
		walked++;
	}
	for (uint64_t i = first > oldest ? first : oldest; i < count; i++)
		expected += key && keys[i] == key && times[i] >= from && times[i] <= to;
	assert_int_equal(walked, expected);
}

static void ranges_are_those_of_a_plain_array(void **state)
{
	slo_time_chains_auto struct slo_time_chains *chains = make();

	(void)state;
	check_range(chains, 0, 0, 1, INT64_MIN, INT64_MAX);
	for (uint64_t i = 0; i < N; i++) {
		keys[i] = rnd(6); /* 0: none */
		times[i] = (int64_t)rnd((uint64_t)SLOT * 64) - SLOT * 8;
		slo_time_chains_add(chains, keys[i], times[i]);
		for (int k = 0; k < 4; k++) {
			int64_t from = (int64_t)rnd((uint64_t)SLOT * 70) - SLOT * 10;

			check_range(chains, i + 1, rnd(i + 2), rnd(7), from,
			            from + (int64_t)rnd((uint64_t)SLOT * 40));
		}
	}
	check_range(chains, N, 0, 3, INT64_MIN, INT64_MAX);
	check_range(chains, N, 0, 3, 5, 4);
	check_range(chains, N, 0, 0, INT64_MIN, INT64_MAX);
}

/* A range of more slots than there are records is walked record by record: it must end at once. */
static void endless_range_costs_no_more_than_the_ring(void **state)
{
	slo_time_chains_auto struct slo_time_chains *chains = make();

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		keys[i] = 1 + i % 2;
		times[i] = (int64_t)i;
		slo_time_chains_add(chains, keys[i], times[i]);
	}
	for (int i = 0; i < 1000; i++)
		check_range(chains, 10, 0, 1, INT64_MIN, INT64_MAX);
}

static void sizes_out_of_range_and_want_of_memory_are_told(void **state)
{
	struct slo_time_chains *chains = NULL;

	(void)state;
	assert_int_equal(slo_time_chains_new(&chains, 0, BITS, NULL), -EINVAL);
	assert_int_equal(slo_time_chains_new(&chains, 3, BITS, NULL), -EINVAL);
	assert_int_equal(slo_time_chains_new(&chains, 2 * SLO_TIME_CHAINS_MAX, BITS, NULL),
	                 -EINVAL);
	assert_int_equal(slo_time_chains_new(&chains, 4, 19, NULL), -EINVAL);
	for (int n = 0; FAIL_ALLOC && n < 3; n++) {
		fail_alloc_after = n;
		assert_int_equal(slo_time_chains_new(&chains, 4, BITS, NULL), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(chains);
	}
	slo_time_chains_freep(&chains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_those_of_a_plain_array),
		cmocka_unit_test(endless_range_costs_no_more_than_the_ring),
		cmocka_unit_test(sizes_out_of_range_and_want_of_memory_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
