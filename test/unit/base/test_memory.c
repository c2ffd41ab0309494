/* SPDX-License-Identifier: Apache-2.0 */
/* Every length, alignment and overlap up to some hundred bytes against a loop over bytes; areas end where the heap's guard begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/memory.h"

#define LENGTH_MAX 300
#define SHIFT_MAX 80

/* Volatile: no compiler makes a call of what is tested out of these loops. */
static void copy_bytes(volatile unsigned char *to, const volatile unsigned char *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
}

static void fill(unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((volatile unsigned char *)bytes)[i] = (unsigned char)(i * 167 + i / 251);
}

static size_t difference(const unsigned char *a, const unsigned char *b, size_t n)
{
	size_t i = 0;

	while (i < n && ((const volatile unsigned char *)a)[i] == b[i])
		i++;
	return i;
}

/* From one half of an area to another, @shift bytes apart: what moved, and what lies beside it. */
static void check_move(size_t n, size_t from, size_t to)
{
	unsigned char before[LENGTH_MAX + SHIFT_MAX], *area;
	const size_t size = n + (from > to ? from : to);

	area = malloc(size ? size : 1);
	assert_non_null(area);
	fill(area, size);
	fill(before, size);
	assert_ptr_equal(slo_memory_move(area + to, area + from, n), area + to);
	assert_int_equal(difference(area, before, to), to);
	assert_int_equal(difference(area + to, before + from, n), n);
	assert_int_equal(difference(area + to + n, before + to + n, size - to - n), size - to - n);
	free(area);
}

static void overlapping_areas_move_either_way(void **state)
{
	(void)state;
	for (size_t n = 0; n < LENGTH_MAX; n++) {
		for (size_t shift = 0; shift < SHIFT_MAX; shift++) {
			check_move(n, 0, shift);
			check_move(n, shift, 0);
		}
	}
}

static void areas_apart_move_whole_and_no_byte_more(void **state)
{
	(void)state;
	for (size_t n = 0; n < LENGTH_MAX; n++) {
		unsigned char *from = malloc(n + 1), *to = malloc(n + 1);

		assert_true(from && to);
		fill(from, n);
		(void)slo_memory_move(to, from, n);
		assert_int_equal(difference(to, from, n), n);
		free(from);
		free(to);
	}
}

static void the_first_byte_that_differs_decides(void **state)
{
	(void)state;
	for (size_t n = 0; n < 80; n++) {
		unsigned char *a = malloc(n ? n : 1), *b = malloc(n ? n : 1);

		assert_true(a && b);
		fill(a, n);
		copy_bytes(b, a, n);
		assert_int_equal(slo_memory_compare(a, b, n), 0);
		for (size_t i = 0; i < n; i++) {
			/* Unsigned, and what comes behind says the opposite. */
			a[i] = 0x80;
			b[i] = 0x7f;
			if (i + 1 < n)
				b[i + 1] = (unsigned char)(a[i + 1] + 1);
			assert_true(slo_memory_compare(a, b, n) > 0);
			assert_true(slo_memory_compare(b, a, n) < 0);
			fill(a, n);
			copy_bytes(b, a, n);
		}
		free(a);
		free(b);
	}
}

/* The static build's, through the names that everyone calls. */
static void the_build_has_the_ones_it_says(void **state)
{
	(void)state;
#ifdef SLO_WRAP_MEMORY
	void *(*volatile move)(void *, const void *, size_t) = memmove;
	void *(*volatile copy)(void *restrict, const void *restrict, size_t) = memcpy;
	int (*volatile compare)(const void *, const void *, size_t) = memcmp;

	assert_ptr_equal((uintptr_t)move, (uintptr_t)slo_memory_move);
	assert_ptr_equal((uintptr_t)copy, (uintptr_t)slo_memory_move);
	assert_ptr_equal((uintptr_t)compare, (uintptr_t)slo_memory_compare);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlapping_areas_move_either_way),
		cmocka_unit_test(areas_apart_move_whole_and_no_byte_more),
		cmocka_unit_test(the_first_byte_that_differs_decides),
		cmocka_unit_test(the_build_has_the_ones_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
