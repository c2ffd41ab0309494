/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded generator: the same seed gives the same numbers on every machine. Not for secrets. */
#ifndef SLO_ENGINE_STATS_RANDOM_H
#define SLO_ENGINE_STATS_RANDOM_H

#include <stdint.h>

/* xoshiro256** 1.0 (Blackman and Vigna, https://prng.di.unimi.it/). Copying it copies the sequence to come. */
struct slo_random {
	uint64_t s[4]; /* never all zero */
};

/* Any @seed; the state is filled by splitmix64, as its authors advise. */
static inline void slo_random_init(struct slo_random *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++) {
		uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		r->s[i] = z ^ (z >> 31);
	}
}

static inline uint64_t slo_random_rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* 64 uniform bits. */
static inline uint64_t slo_random_u64(struct slo_random *r)
{
	uint64_t *s = r->s;
	const uint64_t result = slo_random_rotate(s[1] * 5, 7) * 9;
	const uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = slo_random_rotate(s[3], 45);
	return result;
}

/*
 * Uniform in [0, @n), without bias, of 32 uniform @bits: multiply and reject (Lemire, Fast Random Integer Generation in
 * an Interval, 2019); once in 2^32 / @n draws new bits are needed. @n > 0.
 */
static inline uint32_t slo_random_scale(struct slo_random *r, uint32_t bits, uint32_t n)
{
	uint64_t m = (uint64_t)bits * n;

	if (__builtin_expect((uint32_t)m < n, 0)) {
		const uint32_t least = -n % n;

		while ((uint32_t)m < least)
			m = (slo_random_u64(r) >> 32) * n;
	}
	return (uint32_t)(m >> 32);
}

/* The same of new bits. */
static inline uint32_t slo_random_below(struct slo_random *r, uint32_t n)
{
	return slo_random_scale(r, (uint32_t)(slo_random_u64(r) >> 32), n);
}

/* Uniform in [0, 1): 53 bits. */
static inline double slo_random_unit(struct slo_random *r)
{
	return (double)(slo_random_u64(r) >> 11) * 0x1p-53;
}

#endif
