/* SPDX-License-Identifier: Apache-2.0 */
/* Against qsort(): any size, signs, ties, and where there is no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/engine/stats_sort.h"
#include "test/random.h"
#include "test/unit/base/fail_alloc.h"

#define N_MAX 5000

static uint64_t state_ = TEST_RANDOM_SEED;

static uint64_t rnd(uint64_t n)
{
	return test_random_below(&state_, n);
}

/* Kinds: many ties and both zeros; all magnitudes and signs; close together. */
static double draw(unsigned int kind)
{
	double v;
	uint64_t bits;

	if (kind == 0)
		return (double)((int64_t)rnd(9) - 4) * (rnd(2) ? 1.0 : -1.0);
	if (kind == 2)
		return 300 + (double)rnd(1000000) / 1000;
	do {
		bits = rnd(UINT64_MAX);
		memcpy(&v, &bits, sizeof(v));
	} while (v - v != 0); /* finite */
	return v;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void check(size_t n, unsigned int kind)
{
	double *given = calloc(n, sizeof(*given)), *truth = calloc(n, sizeof(*truth)),
	       *sorted = calloc(n, sizeof(*sorted));
	struct slo_stats_item *items = calloc(n, sizeof(*items));

	assert_true(given && truth && sorted && items);
	for (size_t i = 0; i < n; i++) {
		given[i] = truth[i] = sorted[i] = draw(kind);
		items[i] = (struct slo_stats_item){ given[i], (uint32_t)i };
	}
	qsort(truth, n, sizeof(*truth), by_value);
	slo_stats_sort(sorted, n);
	slo_stats_sort_items(items, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(sorted[i] == truth[i]);
		assert_true(items[i].value == truth[i]);
		assert_true(given[items[i].index] == truth[i]);
		if (i && items[i].value == items[i - 1].value)
			assert_true(items[i].index > items[i - 1].index);
	}
	free(given);
	free(truth);
	free(sorted);
	free(items);
}

static void samples_are_in_the_order_of_qsort(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 100, 511, 512, 513, 514, 2000, N_MAX };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(sizes); i++) {
		for (unsigned int kind = 0; kind < 3; kind++)
			check(sizes[i], kind);
	}
	slo_stats_sort(NULL, 0);
	slo_stats_sort_items(NULL, 0);
}

static void without_memory_they_are_sorted_all_the_same(void **state)
{
	static double v[N_MAX];
	static struct slo_stats_item items[N_MAX];

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int i = 0; i < N_MAX; i++) {
		v[i] = draw(2);
		items[i] = (struct slo_stats_item){ v[i], (uint32_t)i };
	}
	fail_alloc_after = 0;
	slo_stats_sort(v, N_MAX);
	assert_int_equal(fail_alloc_after, -1);
	fail_alloc_after = 0;
	slo_stats_sort_items(items, N_MAX);
	assert_int_equal(fail_alloc_after, -1);
	for (int i = 1; i < N_MAX; i++)
		assert_true(v[i - 1] <= v[i] && items[i - 1].value <= items[i].value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_in_the_order_of_qsort),
		cmocka_unit_test(without_memory_they_are_sorted_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
