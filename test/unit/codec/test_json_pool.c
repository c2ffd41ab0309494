/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/codec/json_pool.h"

#define PIECES 300000

static unsigned char *piece[PIECES];

static size_t size_of(size_t i)
{
	return i % 7 == 0 ? 257 + i % 900 : i % 257;
}

/* More than the area holds, each filled to its last byte: none lies upon another, and all are aligned. */
static void pieces_do_not_overlap(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = (size_t)round % 2; i < PIECES; i += 1 + (size_t)round % 2) {
			if (piece[i])
				continue;
			piece[i] = slo_json_pool_malloc(size_of(i));
			assert_non_null(piece[i]);
			assert_int_equal((uintptr_t)piece[i] % 16, 0);
			memset(piece[i], (int)(i % 251), size_of(i));
		}
		for (size_t i = 0; i < PIECES; i++) {
			for (size_t at = 0; piece[i] && at < size_of(i); at++)
				assert_int_equal(piece[i][at], i % 251);
			if (i % 3 == (size_t)round) {
				slo_json_pool_free(piece[i]);
				piece[i] = NULL;
			}
		}
	}
	for (size_t i = 0; i < PIECES; i++)
		slo_json_pool_free(piece[i]);
}

/* jansson frees with ours what it took from malloc() before it was told of ours. */
static void pieces_of_malloc_and_null_are_taken(void **state)
{
	(void)state;
	slo_json_pool_free(malloc(10));
	slo_json_pool_free(NULL);
	slo_json_pool_free(slo_json_pool_malloc(10));
	slo_json_pool_free(malloc(10));
	slo_json_pool_free(NULL);
}

/* A line's pieces come and go: the next line's are the same ones. */
static void a_freed_piece_is_the_next_of_its_size(void **state)
{
	void *first = slo_json_pool_malloc(40), *second;

	(void)state;
	slo_json_pool_free(first);
	second = slo_json_pool_malloc(33);
#if !defined(__SANITIZE_ADDRESS__)
	assert_ptr_equal(first, second);
#endif
	slo_json_pool_free(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_do_not_overlap),
		cmocka_unit_test(pieces_of_malloc_and_null_are_taken),
		cmocka_unit_test(a_freed_piece_is_the_next_of_its_size),
	};

	return cmocka_run_group_tests_name("json_pool", tests, NULL, NULL);
}
