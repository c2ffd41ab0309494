/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/model/hist.h"

static void slots_begin_at_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(slo_hist_slot(0), 0);
	assert_int_equal(slo_hist_slot(1023), 0);
	for (unsigned int i = 1; i < SLO_HIST_SLOTS - 1; i++) {
		uint64_t begin = UINT64_C(1) << (i + 9);

		assert_int_equal(slo_hist_slot(begin), i);
		assert_int_equal(slo_hist_slot(begin - 1), i - 1);
		assert_int_equal(slo_hist_slot(2 * begin - 1), i);
	}
	assert_int_equal(slo_hist_slot(UINT64_MAX), SLO_HIST_SLOTS - 1);
}

static void empty_histogram_has_quantile_zero(void **state)
{
	const struct slo_hist h = { 0 };

	(void)state;
	assert_true(slo_hist_quantile(&h, 0.5) == 0);
	assert_true(slo_hist_quantile(&h, 1) == 0);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The truth is the sorted sample; the histogram may be off by its slot's width, a factor of two. */
static void quantiles_are_within_a_factor_of_two_of_the_sample(void **state)
{
	static uint64_t sample[5000];
	static const double q[] = { 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1 };
	struct slo_hist h = { 0 };

	(void)state;
	srand(7);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(sample); i++) {
		sample[i] = UINT64_C(1) << (10 + rand() % 20);
		sample[i] += (uint64_t)rand() % sample[i];
		slo_hist_add(&h, sample[i]);
	}
	qsort(sample, SLO_ARRAY_SIZE(sample), sizeof(sample[0]), by_value);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(q); i++) {
		size_t rank = (size_t)(q[i] * SLO_ARRAY_SIZE(sample));
		double truth = (double)sample[rank ? rank - 1 : 0];
		double got = slo_hist_quantile(&h, q[i]);

		assert_true(got >= truth / 2 && got <= truth * 2);
	}
	assert_true(slo_hist_quantile(&h, 1) == (double)h.max_ns);
}

static void quantiles_never_pass_the_maximum(void **state)
{
	struct slo_hist h = { 0 };

	(void)state;
	slo_hist_add(&h, 1100);
	assert_true(slo_hist_quantile(&h, 0.99) <= 1100);
	assert_true(slo_hist_quantile(&h, 0.99) >= 1024);
}

static void merging_equals_adding(void **state)
{
	struct slo_hist a = { 0 }, b = { 0 }, both = { 0 };

	(void)state;
	for (uint64_t v = 1; v < 1000000000; v = v * 3 + 1) {
		slo_hist_add(v & 1 ? &a : &b, v);
		slo_hist_add(&both, v);
	}
	slo_hist_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
}

/* 900 waits of 50 us and 10 of 40 ms: nearly all waits are short, nearly all waiting is in the long ones. */
static void the_time_quantile_is_where_the_time_went(void **state)
{
	struct slo_hist h = { 0 };

	(void)state;
	for (int i = 0; i < 900; i++)
		slo_hist_add(&h, 50000);
	for (int i = 0; i < 10; i++)
		slo_hist_add(&h, 40000000);
	assert_true(slo_hist_quantile(&h, 0.9) < 100000);
	assert_true(slo_hist_time_quantile(&h, 0.5) > 20e6);
	assert_true(slo_hist_time_quantile(&h, 0.01) < 100000);
	assert_true(slo_hist_time_quantile(&h, 1) <= 40e6);
	h = (struct slo_hist){ 0 };
	assert_true(slo_hist_time_quantile(&h, 0.5) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_begin_at_powers_of_two),
		cmocka_unit_test(empty_histogram_has_quantile_zero),
		cmocka_unit_test(quantiles_are_within_a_factor_of_two_of_the_sample),
		cmocka_unit_test(quantiles_never_pass_the_maximum),
		cmocka_unit_test(the_time_quantile_is_where_the_time_went),
		cmocka_unit_test(merging_equals_adding),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
