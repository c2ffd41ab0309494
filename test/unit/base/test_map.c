/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/map.h"
#include "test/random.h"
#include "test/unit/base/fail_alloc.h"

static struct slo_map *new_map(size_t key_size, size_t value_size, size_t max)
{
	const struct slo_map_config cfg = { key_size, value_size, max };
	struct slo_map *map = NULL;

	assert_int_equal(slo_map_new(&map, &cfg, NULL), 0);
	return map;
}

static void insert_find_and_erase_agree(void **state)
{
	slo_map_auto struct slo_map *map = new_map(sizeof(uint64_t), sizeof(uint32_t), 4);
	uint64_t key = 42;
	uint32_t *value;
	bool is_new = false;

	(void)state;
	assert_null(slo_map_find(map, &key));
	value = slo_map_get(map, &key, &is_new);
	assert_true(is_new);
	assert_int_equal(*value, 0);
	*value = 7;
	assert_ptr_equal(slo_map_get(map, &key, &is_new), value);
	assert_false(is_new);
	assert_int_equal(*(uint32_t *)slo_map_find(map, &key), 7);
	assert_true(slo_map_erase(map, &key));
	assert_false(slo_map_erase(map, &key));
	assert_int_equal(slo_map_count(map), 0);
	value = slo_map_get(map, &key, NULL);
	assert_int_equal(*value, 0);
}

static void full_map_refuses_and_counts(void **state)
{
	slo_map_auto struct slo_map *map = new_map(1, 8, 3);

	(void)state;
	for (unsigned char key = 0; key < 3; key++)
		assert_non_null(slo_map_get(map, &key, NULL));
	assert_null(slo_map_get(map, "\x09", NULL));
	assert_null(slo_map_get(map, "\x0a", NULL));
	assert_int_equal(slo_map_dropped(map), 2);
	assert_non_null(slo_map_get(map, "\x01", NULL));
	assert_true(slo_map_erase(map, "\x01"));
	assert_non_null(slo_map_get(map, "\x09", NULL));
	assert_int_equal(slo_map_count(map), slo_map_max(map));
}

/*
 * Against a plain array as the truth, nearly full, so that searches run long and erasing moves
 * entries back.
 */
static void random_use_agrees_with_an_array(void **state)
{
	enum {
		KEYS = 300,
		MAX = 200
	};
	slo_map_auto struct slo_map *map = new_map(13, sizeof(uint32_t), MAX);
	uint32_t truth[KEYS] = { 0 };
	uint64_t x = TEST_RANDOM_SEED;
	size_t count = 0;

	(void)state;
	for (uint32_t step = 1; step < 200000; step++) {
		uint32_t k = (uint32_t)test_random_below(&x, KEYS);
		unsigned char key[13] = { 0 };
		uint32_t *value;

		memcpy(key + 5, &k, sizeof(k));
		if (test_random(&x) % 5 < 2) {
			assert_int_equal(slo_map_erase(map, key), truth[k] != 0);
			count -= truth[k] != 0;
			truth[k] = 0;
		} else if (truth[k] || count < MAX) {
			value = slo_map_get(map, key, NULL);
			assert_non_null(value);
			assert_int_equal(*value, truth[k]);
			count += truth[k] == 0;
			*value = truth[k] = step;
		}
		value = slo_map_find(map, key);
		assert_int_equal(value ? *value : 0, truth[k]);
		assert_int_equal(slo_map_count(map), count);
	}
	assert_int_equal(slo_map_dropped(map), 0);
}

static void walk_sees_each_entry_once_and_may_erase(void **state)
{
	slo_map_auto struct slo_map *map = new_map(sizeof(int), sizeof(int), 64);
	int seen[64] = { 0 };
	const void *key;
	size_t pos = 0;
	int *value;

	(void)state;
	for (int i = 0; i < 64; i++)
		*(int *)slo_map_get(map, &i, NULL) = i * i;
	while ((value = slo_map_next(map, &pos, &key))) {
		int i = *(const int *)key;

		assert_int_equal(*value, i * i);
		seen[i]++;
		if (i % 2)
			assert_true(slo_map_erase(map, key));
	}
	for (int i = 0; i < 64; i++) {
		assert_int_equal(seen[i], 1);
		assert_int_equal(slo_map_find(map, &i) == NULL, i % 2);
	}
	assert_int_equal(slo_map_count(map), 32);
}

static void values_stay_in_place_while_others_go(void **state)
{
	slo_map_auto struct slo_map *map = new_map(sizeof(int), sizeof(uint64_t), 1000);
	int key = 500;
	uint64_t *value = slo_map_get(map, &key, NULL);

	(void)state;
	*value = 1234;
	for (int i = 0; i < 1000; i++)
		(void)slo_map_get(map, &i, NULL);
	for (int i = 0; i < 500; i++)
		(void)slo_map_erase(map, &i);
	assert_ptr_equal(slo_map_find(map, &key), value);
	assert_int_equal(*value, 1234);
	assert_int_equal((uintptr_t)value % 8, 0);
}

static void set_without_values_works(void **state)
{
	slo_map_auto struct slo_map *map = new_map(3, 0, 2);
	size_t pos = 0;

	(void)state;
	assert_non_null(slo_map_get(map, "abc", NULL));
	assert_non_null(slo_map_find(map, "abc"));
	assert_null(slo_map_find(map, "abd"));
	assert_non_null(slo_map_next(map, &pos, NULL));
	assert_null(slo_map_next(map, &pos, NULL));
}

static void clear_empties_the_map(void **state)
{
	slo_map_auto struct slo_map *map = new_map(sizeof(int), sizeof(int), 2);
	size_t pos = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)slo_map_get(map, &i, NULL);
	slo_map_clear(map);
	assert_int_equal(slo_map_count(map), 0);
	assert_int_equal(slo_map_dropped(map), 1);
	assert_null(slo_map_next(map, &pos, NULL));
	for (int i = 5; i < 7; i++)
		assert_int_equal(*(int *)slo_map_get(map, &i, NULL), 0);
}

static void sizes_out_of_range_are_refused(void **state)
{
	static const struct slo_map_config bad[] = {
		{ 0, 8, 8 },
		{ 4097, 8, 8 },
		{ 8, (1U << 20) + 1, 8 },
		{ 8, 8, 0 },
		{ 8, 8, (size_t)SLO_MAP_MAX + 1 },
	};
	struct slo_map *map = NULL;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(slo_map_new(&map, &bad[i], &err), -EINVAL);
		assert_true(strlen(err.msg) > 0);
		assert_null(map);
	}
}

static void each_failed_allocation_leaves_nothing(void **state)
{
	const struct slo_map_config cfg = { 8, 8, 8 };
	struct slo_map *map = NULL;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0; n < 3; n++) {
		struct slo_err err = { 0 };

		fail_alloc_after = n;
		assert_int_equal(slo_map_new(&map, &cfg, &err), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(map);
		assert_true(strlen(err.msg) > 0);
	}
	slo_map_freep(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(insert_find_and_erase_agree),
		cmocka_unit_test(full_map_refuses_and_counts),
		cmocka_unit_test(random_use_agrees_with_an_array),
		cmocka_unit_test(walk_sees_each_entry_once_and_may_erase),
		cmocka_unit_test(values_stay_in_place_while_others_go),
		cmocka_unit_test(set_without_values_works),
		cmocka_unit_test(clear_empties_the_map),
		cmocka_unit_test(sizes_out_of_range_are_refused),
		cmocka_unit_test(each_failed_allocation_leaves_nothing),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
