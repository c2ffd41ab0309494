/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of tests and benches, the same on every machine: what fails once fails again. xorshift64 (Marsaglia 2003). */
#ifndef SLO_TEST_RANDOM_H
#define SLO_TEST_RANDOM_H

#include <stdint.h>

/* A state to begin with; any but 0 does. */
#define TEST_RANDOM_SEED UINT64_C(88172645463325252)

/* All 64 bits; @state is what is returned. */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* 0 to @n - 1. */
static inline uint64_t test_random_below(uint64_t *state, uint64_t n)
{
	return test_random(state) % n;
}

/* 0 to less than 1. */
static inline double test_random_uniform(uint64_t *state)
{
	return (double)(test_random(state) >> 11) / 9007199254740992.0;
}

#endif
