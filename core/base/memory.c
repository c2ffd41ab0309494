/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/memory.h"

#include <stdint.h>

/* A loop that moves bytes must not become a call of itself: clang keeps to -fno-builtin, gcc does not. */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/*
 * musl for x86-64 copies by rep movsq, which takes 30 cycles to begin: a JSON parser that appends to a string byte by byte spends a
 * tenth of its time there. Its memmove() towards higher addresses goes backwards by rep movsb, a byte a cycle, and that is what a
 * sorted list does at each insertion; its memcmp() goes byte by byte. Here: two loads that may overlap for all up to 32
 * bytes, then 64 bytes at a time. All of a step is loaded before any of it is stored, so that areas may overlap.
 */
typedef unsigned char bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t bytes8 __attribute__((aligned(1), may_alias));
typedef uint32_t bytes4 __attribute__((aligned(1), may_alias));
typedef uint16_t bytes2 __attribute__((aligned(1), may_alias));

#define STEP ((size_t)64)

/* The first and the last of @n bytes, sizeof(@type) <= n <= 2 sizeof(@type). */
#define MOVE_ENDS(type, to, from, n)                                                     \
	do {                                                                             \
		type first_ = *(const type *)(const void *)(from);                       \
		type last_ = *(const type *)(const void *)((from) + (n) - sizeof(type)); \
		*(type *)(void *)(to) = first_;                                          \
		*(type *)(void *)((to) + (n) - sizeof(type)) = last_;                    \
	} while (0)

struct step {
	bytes16 part[4];
};

static inline struct step load(const unsigned char *from)
{
	const bytes16 *p = (const bytes16 *)(const void *)from;

	return (struct step){ { p[0], p[1], p[2], p[3] } };
}

static inline void store(unsigned char *to, struct step s)
{
	bytes16 *p = (bytes16 *)(void *)to;

	p[0] = s.part[0];
	p[1] = s.part[1];
	p[2] = s.part[2];
	p[3] = s.part[3];
}

/* 33 to 64 bytes. */
static void move_middle(unsigned char *to, const unsigned char *from, size_t n)
{
	const bytes16 *head = (const bytes16 *)(const void *)from;
	const bytes16 *tail = (const bytes16 *)(const void *)(from + n - STEP / 2);
	bytes16 a = head[0], b = head[1], c = tail[0], d = tail[1];

	((bytes16 *)(void *)to)[0] = a;
	((bytes16 *)(void *)to)[1] = b;
	((bytes16 *)(void *)(to + n - STEP / 2))[0] = c;
	((bytes16 *)(void *)(to + n - STEP / 2))[1] = d;
}

/* More than STEP bytes, whose end does not lie under what is written before it is read. */
static void move_up(unsigned char *to, const unsigned char *from, size_t n)
{
	const struct step tail = load(from + n - STEP);
	size_t at = 0;

	for (; at + STEP < n; at += STEP)
		store(to + at, load(from + at));
	store(to + n - STEP, tail);
}

static void move_down(unsigned char *to, const unsigned char *from, size_t n)
{
	const struct step head = load(from);
	size_t left = n;

	for (; left > STEP; left -= STEP)
		store(to + left - STEP, load(from + left - STEP));
	store(to, head);
}

void *slo_memory_move(void *to, const void *from, size_t n)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if (n <= 16) {
		if (n >= 8)
			MOVE_ENDS(bytes8, d, s, n);
		else if (n >= 4)
			MOVE_ENDS(bytes4, d, s, n);
		else if (n >= 2)
			MOVE_ENDS(bytes2, d, s, n);
		else if (n)
			*d = *s;
	} else if (n <= 32) {
		MOVE_ENDS(bytes16, d, s, n);
	} else if (n <= STEP) {
		move_middle(d, s, n);
	} else if ((uintptr_t)d - (uintptr_t)s >= n) {
		move_up(d, s, n);
	} else {
		move_down(d, s, n);
	}
	return to;
}

/* Of two words that differ, by their first byte in memory. */
static int by_first_byte(uint64_t a, uint64_t b)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
#endif
	return a < b ? -1 : 1;
}

int slo_memory_compare(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	uint64_t u, v;

	for (; n >= 8; n -= 8, x += 8, y += 8) {
		u = *(const bytes8 *)(const void *)x;
		v = *(const bytes8 *)(const void *)y;
		if (u != v)
			return by_first_byte(u, v);
	}
	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x < *y ? -1 : 1;
	}
	return 0;
}

#ifdef SLO_WRAP_MEMORY
void *__wrap_memcpy(void *to, const void *from, size_t n) __attribute__((alias("slo_memory_move")));
void *__wrap_memmove(void *to, const void *from, size_t n)
	__attribute__((alias("slo_memory_move")));
int __wrap_memcmp(const void *a, const void *b, size_t n)
	__attribute__((alias("slo_memory_compare")));
#endif
