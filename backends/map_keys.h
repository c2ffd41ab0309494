/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a BPF map, one after the other, on any kernel. */
#ifndef SLO_BACKENDS_MAP_KEYS_H
#define SLO_BACKENDS_MAP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLO_MAP_KEY_MAX 64

struct slo_map_keys {
	int fd; /* borrowed */
	size_t size;
	uint32_t left;
	bool more;
	unsigned char next[SLO_MAP_KEY_MAX];
};

/*
 * Keys have @size bytes, SLO_MAP_KEY_MAX at most and never all bits set. Not more than @most are given: who changes the map
 * meanwhile may send a walk back to its begin. A map that cannot be read has none.
 */
void slo_map_keys_begin(struct slo_map_keys *k, int fd, size_t size, uint32_t most);

/* The next one to @ret_key, which may be deleted before it is called again. */
bool slo_map_keys_next(struct slo_map_keys *k, void *ret_key);

/* Is there any? */
bool slo_map_has_keys(int fd, size_t size);

#endif
