/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/buckets.h"
#include "core/model/signal.h"
#include "test/random.h"

#define MS 1000000

static const double bounds[] = { 1, 2, 5, 10, 20, 40, 80 };
#define N SLO_ARRAY_SIZE(bounds)

struct counts {
	uint64_t count[N + 1];
	float owed[N + 1];
};

static struct slo_buckets of(struct counts *c)
{
	return (struct slo_buckets){ bounds, N, 1e6, c->count, c->owed };
}

static uint64_t total(const struct counts *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= N; i++)
		sum += c->count[i];
	return sum;
}

static void a_bound_holds_what_is_equal_to_it(void **state)
{
	(void)state;
	assert_int_equal(slo_buckets_find(bounds, N, 0), 0);
	assert_int_equal(slo_buckets_find(bounds, N, 1), 0);
	assert_int_equal(slo_buckets_find(bounds, N, 1.0001), 1);
	assert_int_equal(slo_buckets_find(bounds, N, 80), N - 1);
	assert_int_equal(slo_buckets_find(bounds, N, 81), N);
	assert_int_equal(slo_buckets_find(NULL, 0, 81), 0);
}

static void one_and_two_are_placed_exactly(void **state)
{
	struct counts c = { 0 };
	struct slo_buckets b = of(&c);
	struct slo_hist h = { 0 };

	(void)state;
	slo_hist_add(&h, 39 * MS); /* its slot spans 33.6 to 67.1 ms */
	slo_buckets_add(&b, &h, 1);
	assert_int_equal(c.count[5], 1);
	slo_hist_add(&h, 41 * MS);
	slo_buckets_add(&b, &h, 10);
	assert_int_equal(c.count[5], 11);
	assert_int_equal(c.count[6], 10);
}

/* Against the values themselves: what a slot spans is spread, the rest is exact. */
static void many_are_spread_and_none_is_lost(void **state)
{
	struct counts c = { 0 }, truth = { 0 };
	struct slo_buckets b = of(&c);
	uint64_t seed = TEST_RANDOM_SEED + 1;

	(void)state;
	for (int interval = 0; interval < 1000; interval++) {
		struct slo_hist h = { 0 };
		uint64_t before[N + 1];

		for (int i = 0; i < 7; i++) {
			uint64_t ns;

			ns = test_random_below(&seed, 100 * MS);
			slo_hist_add(&h, ns);
			truth.count[slo_buckets_find(bounds, N, (double)ns / 1e6)]++;
		}
		memcpy(before, c.count, sizeof(before));
		slo_buckets_add(&b, &h, 1);
		for (size_t i = 0; i <= N; i++)
			assert_true(c.count[i] >= before[i]);
		assert_int_equal(total(&c), (interval + 1) * 7);
	}
	for (size_t i = 0; i <= N; i++) {
		double off = (double)c.count[i] - (double)truth.count[i];

		assert_true(off < 70 && off > -70); /* 1 % of all */
	}
}

static void the_largest_ends_its_slot(void **state)
{
	struct counts c = { 0 };
	struct slo_buckets b = of(&c);
	struct slo_hist h = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		slo_hist_add(&h, 35 * MS + (uint64_t)i);
	slo_buckets_add(&b, &h, 1);
	assert_int_equal(c.count[5], 100);
	memset(&h, 0, sizeof(h));
	h.slot[SLO_HIST_SLOTS - 1] = 5;
	h.count = 5;
	slo_buckets_add(&b, &h, 1);
	assert_int_equal(c.count[N], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bound_holds_what_is_equal_to_it),
		cmocka_unit_test(one_and_two_are_placed_exactly),
		cmocka_unit_test(many_are_spread_and_none_is_lost),
		cmocka_unit_test(the_largest_ends_its_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
