/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/blocks.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/random.h"

static char memory[64];
static void *go[SLO_BLOCKS_MAX + 1];

static void best_fit_is_taken_and_no_waste(void **state)
{
	struct slo_blocks b = { 0 };

	(void)state;
	assert_null(slo_blocks_take(&b, SLO_BLOCK_MIN));
	assert_int_equal(slo_blocks_put(&b, &memory[0], 300000, go), 0);
	assert_int_equal(slo_blocks_put(&b, &memory[1], 200000, go), 0);
	assert_int_equal(slo_blocks_put(&b, &memory[2], 400000, go), 0);
	assert_null(slo_blocks_take(&b, 400001));
	assert_null(slo_blocks_take(&b, 170000));
	assert_int_equal(slo_blocks_put(&b, &memory[3], 290000, go), 0);
	assert_ptr_equal(slo_blocks_take(&b, 290000), &memory[3]);
	assert_ptr_equal(slo_blocks_take(&b, 290000), &memory[0]);
	assert_null(slo_blocks_take(&b, 290000));
	assert_ptr_equal(slo_blocks_take(&b, 380000), &memory[2]);
	assert_ptr_equal(slo_blocks_take(&b, 190000), &memory[1]);
	assert_int_equal(b.count, 0);
	assert_int_equal(b.bytes, 0);
}

static void caps_hold_and_the_oldest_goes(void **state)
{
	struct slo_blocks b = { 0 };
	const size_t third = SLO_BLOCKS_BYTES / 3;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(slo_blocks_put(&b, &memory[i], third, go), 0);
	assert_int_equal(slo_blocks_put(&b, &memory[3], third + 3, go), 2);
	assert_ptr_equal(go[0], &memory[0]);
	assert_ptr_equal(go[1], &memory[1]);
	assert_int_equal(slo_blocks_put(&b, &memory[4], SLO_BLOCKS_BYTES / 2 + 1, go), 1);
	assert_ptr_equal(go[0], &memory[4]);
	for (size_t i = 0; i < 50; i++) {
		(void)slo_blocks_put(&b, &memory[i], SLO_BLOCK_MIN, go);
		assert_true(b.count <= SLO_BLOCKS_MAX && b.bytes <= SLO_BLOCKS_BYTES);
	}
	assert_int_equal(b.count, SLO_BLOCKS_MAX);
}

/* In the static build through the wrappers, elsewhere the C library's own. */
static void blocks_hold_what_is_written(void **state)
{
	unsigned char *p[40] = { NULL };
	size_t size[40] = { 0 };
	uint64_t random = TEST_RANDOM_SEED;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		size_t i = test_random(&random) >> 33;
		size_t at = i % 40;

		if (p[at]) {
			assert_int_equal(p[at][0], at);
			assert_int_equal(p[at][size[at] - 1], at);
			free(p[at]);
		}
		size[at] = 1 + (i >> 6) % (round % 2 ? 1000000 : 1000);
		p[at] = round % 5 ? malloc(size[at]) : calloc(1, size[at]);
		assert_non_null(p[at]);
		for (size_t k = 0; round % 5 == 0 && k < size[at]; k++)
			assert_int_equal(p[at][k], 0);
		memset(p[at], 0xa5, size[at]);
		if (round % 3 == 0) {
			size[at] *= 2;
			p[at] = realloc(p[at], size[at]);
			assert_non_null(p[at]);
		}
		p[at][0] = p[at][size[at] - 1] = (unsigned char)at;
		if (round == 500)
			slo_blocks_keep();
	}
	for (size_t i = 0; i < 40; i++)
		free(p[i]);
}

/* What a library takes by calloc(), what is cut to its length. */
static void blocks_are_used_again_whole(void **state)
{
	unsigned char *p;
	uintptr_t was;

	(void)state;
#ifndef SLO_WRAP_BLOCKS
	skip();
#endif
	slo_blocks_keep();
	p = malloc(1000000);
	assert_non_null(p);
	memset(p, 0xa5, 1000000);
	was = (uintptr_t)p;
	free(p);
	p = calloc(1, 990000);
	assert_int_equal((uintptr_t)p, was);
	for (size_t i = 0; i < 990000; i++)
		assert_int_equal(p[i], 0);
	p = realloc(p, 900000);
	assert_int_equal((uintptr_t)p, was);
	assert_true(malloc_usable_size(p) >= 1000000);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_fit_is_taken_and_no_waste),
		cmocka_unit_test(caps_hold_and_the_oldest_goes),
		cmocka_unit_test(blocks_hold_what_is_written),
		cmocka_unit_test(blocks_are_used_again_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
