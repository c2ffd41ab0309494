/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the n-th allocation of a test fail. Include in one source of a test program. */
#ifndef SLO_TEST_FAIL_ALLOC_H
#define SLO_TEST_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAIL_ALLOC 1
void *__interceptor_malloc(size_t size);
void *__interceptor_calloc(size_t n, size_t size);
void *__interceptor_realloc(void *p, size_t size);
#define real_malloc __interceptor_malloc
#define real_calloc __interceptor_calloc
#define real_realloc __interceptor_realloc
#elif defined(__GLIBC__)
#define FAIL_ALLOC 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
#define real_malloc __libc_malloc
#define real_calloc __libc_calloc
#define real_realloc __libc_realloc
#else
#define FAIL_ALLOC 0 /* no name for the real ones: such tests skip */
#endif

/* Allocations that still succeed before one fails; negative: all do. */
static int fail_alloc_after = -1;

#if FAIL_ALLOC
static bool alloc_fails(void)
{
	return fail_alloc_after >= 0 && fail_alloc_after-- == 0;
}

void *malloc(size_t size)
{
	return alloc_fails() ? NULL : real_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return alloc_fails() ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return alloc_fails() ? NULL : real_realloc(p, size);
}

char *strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, s, size) : NULL;
}
#endif

#endif
