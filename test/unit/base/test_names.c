/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/names.h"
#include "test/unit/base/fail_alloc.h"

static struct slo_names *make(size_t max, size_t max_bytes)
{
	const struct slo_names_config cfg = { max, max_bytes };
	struct slo_names *names = NULL;

	assert_int_equal(slo_names_new(&names, &cfg, NULL), 0);
	return names;
}

static uint32_t get(struct slo_names *names, const char *s, uint64_t stamp)
{
	return slo_names_get(names, s, strlen(s), stamp, NULL);
}

static void equal_strings_have_equal_numbers_and_only_they(void **state)
{
	enum {
		N = 20000
	};
	slo_names_auto struct slo_names *names = make(N, (size_t)N * 8);
	static uint32_t number[N];
	char text[16];
	bool is_new;

	(void)state;
	for (int i = 0; i < N; i++) {
		(void)snprintf(text, sizeof(text), "n%d", i);
		number[i] = slo_names_get(names, text, strlen(text), 0, &is_new);
		assert_true(number[i] > 0 && is_new);
	}
	for (int i = 0; i < N; i++) {
		(void)snprintf(text, sizeof(text), "n%d", i);
		assert_int_equal(slo_names_get(names, text, strlen(text), 0, &is_new), number[i]);
		assert_false(is_new);
		assert_true(i == 0 || number[i] != number[i - 1]);
	}
	assert_int_equal(slo_names_count(names), N);
	assert_int_equal(slo_names_get(names, "n1x", 2, 0, &is_new), number[1]);
}

static void full_table_refuses_and_counts(void **state)
{
	slo_names_auto struct slo_names *few = make(2, 100);
	slo_names_auto struct slo_names *small = make(100, 5);

	(void)state;
	assert_true(get(few, "a", 0) && get(few, "b", 0));
	assert_false(slo_names_is_full(small, 5));
	assert_int_equal(get(few, "c", 0), 0);
	assert_true(get(few, "a", 0) > 0);
	assert_int_equal(slo_names_refused(few), 1);
	assert_true(get(small, "abc", 0) > 0);
	assert_int_equal(get(small, "def", 0), 0);
	assert_true(get(small, "de", 0) > 0);
	assert_true(slo_names_is_full(small, 1));
	assert_int_equal(slo_names_refused(small), 1);
}

static void sweep_forgets_what_was_not_used(void **state)
{
	slo_names_auto struct slo_names *names = make(4, 16);
	uint32_t keep;

	(void)state;
	assert_true(get(names, "old1", 1) && get(names, "old2", 2));
	keep = get(names, "keep", 3);
	assert_true(get(names, "last", 4) > 0);
	assert_int_equal(get(names, "more", 5), 0);
	slo_names_sweep(names, 3);
	assert_int_equal(slo_names_count(names), 2);
	assert_int_equal(get(names, "keep", 5), keep);
	assert_true(get(names, "more", 5) > 0);
	assert_true(get(names, "old1", 5) > 0);
	assert_int_equal(get(names, "old2", 5), 0);
	assert_int_equal(get(names, "keep", 5), keep);
}

static void limits_out_of_range_are_refused(void **state)
{
	static const struct slo_names_config bad[] = {
		{ 0, 1 }, { 1, 0 }, { SIZE_MAX, 1 }, { 1, SIZE_MAX }
	};
	struct slo_names *names = NULL;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		assert_int_equal(slo_names_new(&names, &bad[i], NULL), -EINVAL);
	assert_null(names);
	slo_names_freep(&names);
}

/* Without memory a name is refused, and those there are stay. */
static void every_allocation_may_fail(void **state)
{
	int failures = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0;; n++) {
		const struct slo_names_config cfg = { 1000, 100000 };
		slo_names_auto struct slo_names *names = NULL;
		unsigned int refused = 0;
		int r;

		fail_alloc_after = n;
		r = slo_names_new(&names, &cfg, NULL);
		for (int i = 0; r == 0 && i < 1000; i++) {
			char text[64];

			(void)snprintf(text, sizeof(text), "%050d", i);
			refused += get(names, text, (uint64_t)i) == 0;
		}
		if (r == 0)
			slo_names_sweep(names, 500);
		if (fail_alloc_after >= 0) {
			fail_alloc_after = -1;
			break;
		}
		fail_alloc_after = -1;
		assert_true(r == 0 || (r == -ENOMEM && !names));
		assert_true(r < 0 || slo_names_refused(names) == refused);
		assert_true(r < 0 || refused > 0 || slo_names_count(names) == 500);
		failures++;
	}
	assert_true(failures > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_strings_have_equal_numbers_and_only_they),
		cmocka_unit_test(full_table_refuses_and_counts),
		cmocka_unit_test(sweep_forgets_what_was_not_used),
		cmocka_unit_test(limits_out_of_range_are_refused),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
