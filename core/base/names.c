/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/names.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"

#define NAMES_MAX ((size_t)1 << 26)
#define BYTES_MAX ((size_t)1 << 31)
#define FIRST_NAMES 64
#define FIRST_BYTES 4096

struct name {
	uint32_t hash;
	uint32_t len;
	uint32_t offset; /* in @bytes; FREE: this number is not given out */
	uint32_t next_free;
	uint64_t stamp;
};

#define FREE UINT32_MAX

/*
 * @cells holds numbers (0: empty) by hash, open addressing, at most half full: it has twice as
 * many cells as there is room in @name. Number n stands in name[n - 1].
 */
struct slo_names {
	size_t max, max_bytes;
	size_t room; /* of @name; a power of two */
	size_t room_bytes;
	size_t count;
	size_t high; /* from here on no number was ever given out */
	size_t used_bytes;
	uint32_t first_free;
	uint64_t seed;
	uint64_t refused;
	struct name *name;
	uint32_t *cells;
	char *bytes;
};

static void *resize(void *old, size_t old_bytes, size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		return NULL;
	if (old)
		memcpy(p, old, old_bytes);
	free(old);
	return p;
}

static void put_cell(struct slo_names *names, uint32_t number)
{
	size_t mask = 2 * names->room - 1;
	size_t cell = names->name[number - 1].hash & mask;

	while (names->cells[cell])
		cell = (cell + 1) & mask;
	names->cells[cell] = number;
}

static void fill_cells(struct slo_names *names)
{
	memset(names->cells, 0, 2 * names->room * sizeof(*names->cells));
	for (size_t i = 0; i < names->high; i++) {
		if (names->name[i].offset != FREE)
			put_cell(names, (uint32_t)i + 1);
	}
}

static int grow_names(struct slo_names *names)
{
	size_t room = names->room ? 2 * names->room : FIRST_NAMES;
	uint32_t *cells = malloc(2 * room * sizeof(*cells));
	struct name *name =
		cells ? resize(names->name, names->high * sizeof(*name), room * sizeof(*name))
		      : NULL;

	if (!name) {
		free(cells);
		return -ENOMEM;
	}
	free(names->cells);
	names->cells = cells;
	names->name = name;
	names->room = room;
	fill_cells(names);
	return 0;
}

static int grow_bytes(struct slo_names *names, size_t len)
{
	size_t room = names->room_bytes ? names->room_bytes : FIRST_BYTES;
	char *bytes;

	while (room < names->used_bytes + len)
		room *= 2;
	bytes = resize(names->bytes, names->used_bytes, room);
	if (!bytes)
		return -ENOMEM;
	names->bytes = bytes;
	names->room_bytes = room;
	return 0;
}

int slo_names_new(struct slo_names **ret, const struct slo_names_config *cfg, struct slo_err *err)
{
	slo_names_auto struct slo_names *names = NULL;

	if (cfg->max == 0 || cfg->max > NAMES_MAX || cfg->max_bytes == 0 ||
	    cfg->max_bytes > BYTES_MAX)
		return slo_err_set(err, -EINVAL,
		                   "names: %zu in %zu bytes, 1 to %zu in 1 to %zu allowed",
		                   cfg->max, cfg->max_bytes, NAMES_MAX, BYTES_MAX);
	names = calloc(1, sizeof(*names));
	if (!names)
		return slo_err_set(err, -ENOMEM, "names: out of memory");
	names->max = cfg->max;
	names->max_bytes = cfg->max_bytes;
	names->seed = slo_hash_mix((uintptr_t)names ^ slo_clock_monotonic_ns());
	if (grow_names(names) < 0 || grow_bytes(names, 0) < 0)
		return slo_err_set(err, -ENOMEM, "names: out of memory");
	*ret = slo_take_ptr(names);
	return 0;
}

void slo_names_freep(struct slo_names **names)
{
	if (*names) {
		free((*names)->name);
		free((*names)->cells);
		free((*names)->bytes);
	}
	slo_freep(names);
}

bool slo_names_is_full(const struct slo_names *names, size_t len)
{
	return names->count == names->max || len > names->max_bytes - names->used_bytes;
}

/* A number for a name that is new, or 0. */
static uint32_t take_number(struct slo_names *names, size_t len)
{
	uint32_t number = names->first_free;

	if (slo_names_is_full(names, len))
		return 0;
	if (names->used_bytes + len > names->room_bytes && grow_bytes(names, len) < 0)
		return 0;
	if (number) {
		names->first_free = names->name[number - 1].next_free;
		return number;
	}
	if (names->high == names->room && grow_names(names) < 0)
		return 0;
	return (uint32_t)++names->high;
}

uint32_t slo_names_hash(const struct slo_names *names, const char *s, size_t len)
{
	uint32_t hash = (uint32_t)slo_hash_bytes(names->seed, s, len);

	__builtin_prefetch(&names->cells[hash & (2 * names->room - 1)]);
	return hash;
}

void slo_names_fetch(const struct slo_names *names, uint32_t hash)
{
	uint32_t number = names->cells[hash & (2 * names->room - 1)];

	if (number)
		__builtin_prefetch(&names->name[number - 1]);
}

static bool is_name(const struct slo_names *names, const struct name *name, const char *s,
                    size_t len)
{
	return name->len == len && memcmp(names->bytes + name->offset, s, len) == 0;
}

bool slo_names_again(struct slo_names *names, uint32_t number, const char *s, size_t len,
                     uint64_t stamp)
{
	struct name *name = &names->name[number - 1];

	if (!is_name(names, name, s, len))
		return false;
	name->stamp = stamp;
	return true;
}

uint32_t slo_names_get(struct slo_names *names, const char *s, size_t len, uint64_t stamp,
                       bool *ret_new)
{
	return slo_names_get_hashed(names, (uint32_t)slo_hash_bytes(names->seed, s, len), s, len,
	                            stamp, ret_new);
}

uint32_t slo_names_get_hashed(struct slo_names *names, uint32_t hash, const char *s, size_t len,
                              uint64_t stamp, bool *ret_new)
{
	size_t mask = 2 * names->room - 1;
	struct name *name;
	uint32_t number;

	if (ret_new)
		*ret_new = false;
	for (size_t cell = hash & mask; names->cells[cell]; cell = (cell + 1) & mask) {
		name = &names->name[names->cells[cell] - 1];
		if (name->hash == hash && is_name(names, name, s, len)) {
			name->stamp = stamp;
			return names->cells[cell];
		}
	}
	number = take_number(names, len);
	if (!number) {
		names->refused++;
		return 0;
	}
	name = &names->name[number - 1];
	*name = (struct name){ .hash = hash,
		               .len = (uint32_t)len,
		               .offset = (uint32_t)names->used_bytes,
		               .stamp = stamp };
	memcpy(names->bytes + names->used_bytes, s, len);
	names->used_bytes += len;
	names->count++;
	put_cell(names, number);
	if (ret_new)
		*ret_new = true;
	return number;
}

/*
 * The bytes of what stays move into a fresh buffer; where there is no memory for it the old ones
 * stay as they are, holes and all, and only numbers become free.
 */
static void compact(struct slo_names *names)
{
	char *bytes = malloc(names->room_bytes);
	size_t used = 0;

	if (!bytes)
		return;
	for (size_t i = 0; i < names->high; i++) {
		struct name *name = &names->name[i];

		if (name->offset == FREE)
			continue;
		memcpy(bytes + used, names->bytes + name->offset, name->len);
		name->offset = (uint32_t)used;
		used += name->len;
	}
	free(names->bytes);
	names->bytes = bytes;
	names->used_bytes = used;
}

void slo_names_sweep(struct slo_names *names, uint64_t stamp)
{
	for (size_t i = 0; i < names->high; i++) {
		struct name *name = &names->name[i];

		if (name->offset == FREE || name->stamp >= stamp)
			continue;
		name->offset = FREE;
		name->next_free = names->first_free;
		names->first_free = (uint32_t)i + 1;
		names->count--;
	}
	fill_cells(names);
	compact(names);
}

size_t slo_names_count(const struct slo_names *names)
{
	return names->count;
}

uint64_t slo_names_refused(const struct slo_names *names)
{
	return names->refused;
}
