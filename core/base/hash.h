/* SPDX-License-Identifier: Apache-2.0 */
/* The hash of bytes that our tables use. For tables within one process: seeded, not portable. */
#ifndef SLO_BASE_HASH_H
#define SLO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Multiply and fold (MurmurHash3's finalizer). */
static inline uint64_t slo_hash_mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ (h >> 33);
}

/* Keys such as addresses and trace ids come from the network: give each table a @seed of its own. */
static inline uint64_t slo_hash_bytes(uint64_t seed, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = seed ^ n;
	uint64_t word;

	for (; n > 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = slo_hash_mix(h ^ word);
	}
	word = 0;
	memcpy(&word, p, n);
	return slo_hash_mix(h ^ word);
}

#endif
