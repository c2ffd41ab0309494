/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/map.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"

/*
 * Entries stand in a dense array and never move, so that value pointers stay valid and a walk may
 * erase. The open addressing happens in @index, which holds entry numbers and is at most half full;
 * erasing shifts back what follows (Knuth, TAOCP 6.4, algorithm R) and leaves no tombstones.
 */
#define NO_ENTRY UINT32_MAX
#define KEY_SIZE_MAX 4096
#define VALUE_SIZE_MAX (1U << 20)

struct entry {
	uint32_t hash;
	uint32_t next_free; /* USED, or the next of the free list */
	/* value, 8-byte aligned, then key */
};

#define USED (UINT32_MAX - 1)

struct slo_map {
	size_t key_size;
	size_t key_offset;
	size_t entry_size;
	uint32_t max;
	uint32_t count;
	uint32_t high; /* entries from here on were never used */
	uint32_t free_head;
	uint32_t mask;
	uint64_t seed;
	uint64_t dropped;
	uint32_t *index;
	unsigned char *entries;
};

static struct entry *entry_at(const struct slo_map *map, uint32_t i)
{
	return (struct entry *)(void *)(map->entries + (size_t)i * map->entry_size);
}

static void *entry_value(struct entry *e)
{
	return e + 1;
}

static void *entry_key(const struct slo_map *map, struct entry *e)
{
	return (unsigned char *)(e + 1) + map->key_offset;
}

static uint32_t hash_key(const struct slo_map *map, const void *key)
{
	return (uint32_t)slo_hash_bytes(map->seed, key, map->key_size);
}

static size_t round_up8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static int check_config(const struct slo_map_config *cfg, struct slo_err *err)
{
	if (cfg->key_size == 0 || cfg->key_size > KEY_SIZE_MAX) {
		return slo_err_set(err, -EINVAL, "map: key of %zu bytes, 1 to %d allowed",
		                   cfg->key_size, KEY_SIZE_MAX);
	}
	if (cfg->value_size > VALUE_SIZE_MAX) {
		return slo_err_set(err, -EINVAL, "map: value of %zu bytes, at most %u allowed",
		                   cfg->value_size, VALUE_SIZE_MAX);
	}
	if (cfg->max == 0 || cfg->max > SLO_MAP_MAX) {
		return slo_err_set(err, -EINVAL, "map: maximum of %zu entries, 1 to %u allowed",
		                   cfg->max, SLO_MAP_MAX);
	}
	return 0;
}

int slo_map_new(struct slo_map **ret_map, const struct slo_map_config *cfg, struct slo_err *err)
{
	slo_map_auto struct slo_map *map = NULL;
	size_t cells = 2;
	int r = check_config(cfg, err);

	if (r < 0)
		return r;
	while (cells < cfg->max * 2)
		cells *= 2;

	map = calloc(1, sizeof(*map));
	if (!map)
		goto no_memory;
	map->key_size = cfg->key_size;
	map->key_offset = round_up8(cfg->value_size);
	map->entry_size = sizeof(struct entry) + map->key_offset + round_up8(cfg->key_size);
	map->max = (uint32_t)cfg->max;
	map->mask = (uint32_t)(cells - 1);
	map->seed = slo_hash_mix((uintptr_t)map ^ slo_clock_monotonic_ns());
	map->index = malloc(cells * sizeof(*map->index));
	map->entries = calloc(cfg->max, map->entry_size);
	if (!map->index || !map->entries)
		goto no_memory;

	slo_map_clear(map);
	*ret_map = slo_take_ptr(map);
	return 0;

no_memory:
	return slo_err_set(err, -ENOMEM, "map: no memory for %zu entries; lower its maximum",
	                   cfg->max);
}

void slo_map_freep(struct slo_map **map)
{
	if (*map) {
		free((*map)->index);
		free((*map)->entries);
		free(*map);
	}
	*map = NULL;
}

/* The cell that holds @key, or the empty one where it would go. There is always an empty cell. */
static uint32_t find_cell(const struct slo_map *map, const void *key, uint32_t hash)
{
	uint32_t cell = hash & map->mask;

	for (; map->index[cell] != NO_ENTRY; cell = (cell + 1) & map->mask) {
		struct entry *e = entry_at(map, map->index[cell]);

		if (e->hash == hash && memcmp(entry_key(map, e), key, map->key_size) == 0)
			break;
	}
	return cell;
}

static uint32_t take_free(struct slo_map *map)
{
	uint32_t i = map->free_head;

	if (i == NO_ENTRY)
		return map->high++;
	map->free_head = entry_at(map, i)->next_free;
	return i;
}

void *slo_map_get(struct slo_map *map, const void *key, bool *ret_new)
{
	uint32_t hash = hash_key(map, key);
	uint32_t cell = find_cell(map, key, hash);
	uint32_t i = map->index[cell];
	struct entry *e;

	if (i != NO_ENTRY) {
		if (ret_new)
			*ret_new = false;
		return entry_value(entry_at(map, i));
	}
	if (map->count == map->max) {
		map->dropped++;
		return NULL;
	}

	i = take_free(map);
	e = entry_at(map, i);
	e->hash = hash;
	e->next_free = USED;
	memset(entry_value(e), 0, map->key_offset);
	memcpy(entry_key(map, e), key, map->key_size);
	map->index[cell] = i;
	map->count++;
	if (ret_new)
		*ret_new = true;
	return entry_value(e);
}

void *slo_map_find(const struct slo_map *map, const void *key)
{
	uint32_t i = map->index[find_cell(map, key, hash_key(map, key))];

	return i == NO_ENTRY ? NULL : entry_value(entry_at(map, i));
}

/* Empties @hole, moving back each follower whose search path runs through it. */
static void close_gap(struct slo_map *map, uint32_t hole)
{
	uint32_t cell = hole;

	for (;;) {
		uint32_t home;

		cell = (cell + 1) & map->mask;
		if (map->index[cell] == NO_ENTRY)
			break;
		home = entry_at(map, map->index[cell])->hash & map->mask;
		if (((cell - home) & map->mask) < ((cell - hole) & map->mask))
			continue;
		map->index[hole] = map->index[cell];
		hole = cell;
	}
	map->index[hole] = NO_ENTRY;
}

bool slo_map_erase(struct slo_map *map, const void *key)
{
	uint32_t cell = find_cell(map, key, hash_key(map, key));
	uint32_t i = map->index[cell];

	if (i == NO_ENTRY)
		return false;
	close_gap(map, cell);
	entry_at(map, i)->next_free = map->free_head;
	map->free_head = i;
	map->count--;
	return true;
}

void slo_map_clear(struct slo_map *map)
{
	memset(map->index, 0xff, ((size_t)map->mask + 1) * sizeof(*map->index));
	map->free_head = NO_ENTRY;
	map->high = 0;
	map->count = 0;
}

void *slo_map_next(const struct slo_map *map, size_t *pos, const void **ret_key)
{
	while (*pos < map->high) {
		struct entry *e = entry_at(map, (uint32_t)(*pos)++);

		if (e->next_free != USED)
			continue;
		if (ret_key)
			*ret_key = entry_key(map, e);
		return entry_value(e);
	}
	return NULL;
}

size_t slo_map_count(const struct slo_map *map)
{
	return map->count;
}

size_t slo_map_max(const struct slo_map *map)
{
	return map->max;
}

uint64_t slo_map_dropped(const struct slo_map *map)
{
	return map->dropped;
}
