/* SPDX-License-Identifier: Apache-2.0 */
/* A walk through a map's keys, by kernels that give the first one without a key and by those that don't. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backends/map_keys.h"

#define MAP_FD 42
#define KEYS_MAX 4

/* In place of libbpf's: the map of a kernel. */
static struct {
	uint64_t key[KEYS_MAX];
	size_t count;
	bool before_4_12;
	int again; /* so many times a key that is asked for has just gone */
} map;

int bpf_map_get_next_key(int fd, const void *key, void *next_key);

int bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
	size_t at = 0;

	assert_int_equal(fd, MAP_FD);
	if (!key && map.before_4_12) {
		errno = EFAULT;
		return -EFAULT;
	}
	while (key && at < map.count && memcmp(&map.key[at], key, sizeof(uint64_t)) != 0)
		at++;
	if (!key || at == map.count)
		at = 0;
	else
		at = map.again && map.again-- ? 0 : at + 1;
	if (at >= map.count) {
		errno = ENOENT;
		return -ENOENT;
	}
	memcpy(next_key, &map.key[at], sizeof(uint64_t));
	return 0;
}

static void fill(bool before_4_12, size_t count)
{
	memset(&map, 0, sizeof(map));
	map.before_4_12 = before_4_12;
	for (; map.count < count; map.count++)
		map.key[map.count] = 100 + map.count;
}

static size_t walk(uint32_t most)
{
	struct slo_map_keys keys;
	uint64_t key = 0;
	size_t count = 0;

	slo_map_keys_begin(&keys, MAP_FD, sizeof(key), most);
	while (slo_map_keys_next(&keys, &key))
		assert_int_equal(key, 100 + count++ % (map.count ? map.count : 1));
	return count;
}

static void each_key_once(void **state)
{
	(void)state;
	for (int old = 0; old < 2; old++) {
		for (size_t count = 0; count <= KEYS_MAX; count++) {
			fill(old, count);
			assert_int_equal(walk(UINT32_MAX), count);
			assert_int_equal(slo_map_has_keys(MAP_FD, sizeof(uint64_t)), count > 0);
		}
	}
}

static void it_ends_where_others_send_it_back(void **state)
{
	struct slo_map_keys keys;
	uint64_t key;
	size_t count = 0;

	(void)state;
	fill(true, KEYS_MAX);
	map.again = 1000;
	slo_map_keys_begin(&keys, MAP_FD, sizeof(key), 7);
	while (slo_map_keys_next(&keys, &key))
		count++;
	assert_int_equal(count, 7);
}

static void what_cannot_be_read_has_none(void **state)
{
	struct slo_map_keys keys;
	char key[SLO_MAP_KEY_MAX + 1];

	(void)state;
	fill(false, KEYS_MAX);
	slo_map_keys_begin(&keys, -1, sizeof(uint64_t), 1);
	assert_false(slo_map_keys_next(&keys, key));
	slo_map_keys_begin(&keys, MAP_FD, sizeof(key), 1);
	assert_false(slo_map_keys_next(&keys, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_once),
		cmocka_unit_test(it_ends_where_others_send_it_back),
		cmocka_unit_test(what_cannot_be_read_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
