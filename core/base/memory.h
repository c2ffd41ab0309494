/* SPDX-License-Identifier: Apache-2.0 */
/* Moves and compares bytes. The static build's memcpy(), memmove() and memcmp(); elsewhere the C library's are as fast. */
#ifndef SLO_BASE_MEMORY_H
#define SLO_BASE_MEMORY_H

#include <stddef.h>

/* As memmove() and memcpy() of the C standard: the areas may overlap. Returns @to. */
void *slo_memory_move(void *to, const void *from, size_t n);

/* As memcmp(): below, above or 0 by the first byte that differs. */
int slo_memory_compare(const void *a, const void *b, size_t n);

#endif
