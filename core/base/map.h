/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash map with keys and values of fixed size and a fixed maximum: it allocates when made and never
 * again.
 */
#ifndef SLO_BASE_MAP_H
#define SLO_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* A larger maximum is refused: a configuration mistake, not a need. */
#define SLO_MAP_MAX (1U << 26)

struct slo_map_config {
	size_t key_size; /* bytes, 1 to 4096; keys are compared as bytes, so zero their padding */
	size_t value_size; /* bytes, 0 to 1 MiB; 0 makes a set */
	size_t max; /* entries, 1 to SLO_MAP_MAX */
};

struct slo_map;

/* 0, -EINVAL (a size out of range) or -ENOMEM. */
int slo_map_new(struct slo_map **ret_map, const struct slo_map_config *cfg, struct slo_err *err);
/* NULL-safe, sets *map = NULL. */
void slo_map_freep(struct slo_map **map);
#define slo_map_auto slo_cleanup(slo_map_freep)

/*
 * The value of @key, inserted with all bytes zero where there was none; *@ret_new (nullable) tells
 * which. NULL where the map is full: counted as dropped. Values are 8-byte aligned and stay where
 * they are until erased or cleared.
 */
void *slo_map_get(struct slo_map *map, const void *key, bool *ret_new);
/* The value of @key or NULL. */
void *slo_map_find(const struct slo_map *map, const void *key);
/* True where @key was there. */
bool slo_map_erase(struct slo_map *map, const void *key);
/* Erases every entry; the drop counter stays. */
void slo_map_clear(struct slo_map *map);

/*
 * Walks all entries, in no useful order: size_t pos = 0; while ((value = slo_map_next(map, &pos,
 * &key))) ... @ret_key (nullable) borrows the key until its entry is erased. Erasing the entry just
 * returned is allowed; what is inserted meanwhile may be seen or not.
 */
void *slo_map_next(const struct slo_map *map, size_t *pos, const void **ret_key);

size_t slo_map_count(const struct slo_map *map);
size_t slo_map_max(const struct slo_map *map);
/* Insertions refused because the map was full. */
uint64_t slo_map_dropped(const struct slo_map *map);

#endif
