/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/json_pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define AREA ((size_t)8 << 20)
#define PAGE ((size_t)4096)
#define STEP ((size_t)16) /* sizes of pieces, and what they are aligned to */
#define CLASSES ((size_t)16) /* pieces up to 256 bytes */

#if defined(__SANITIZE_ADDRESS__)
#define POOLED 0
#elif defined(__has_feature)
#define POOLED (!__has_feature(address_sanitizer))
#else
#define POOLED 1
#endif

struct piece {
	struct piece *next;
};

/* Of the thread, like the count of failures in json_load.c and for its reason: jansson's allocator gets no context. */
static _Thread_local struct {
	char *area; /* NULL: none yet, or none to be had */
	size_t pages; /* in use, from the first on */
	struct piece *idle[CLASSES];
	uint8_t class_of[AREA / PAGE]; /* of the pieces of a page */
} pool;

/* A page more of pieces of @class; false where there is no room. */
static int grow(size_t class)
{
	size_t size = (class + 1) * STEP;
	char *page;

	if (!pool.area) {
		void *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (area == MAP_FAILED)
			return 0;
		pool.area = area;
	}
	if (pool.pages == AREA / PAGE)
		return 0;
	page = pool.area + pool.pages * PAGE;
	pool.class_of[pool.pages++] = (uint8_t) class;
	for (size_t at = PAGE / size * size; at >= size; at -= size) {
		struct piece *p = (struct piece *)(void *)(page + at - size);

		p->next = pool.idle[class];
		pool.idle[class] = p;
	}
	return 1;
}

/* NULL: it is large, or there is no room. */
static void *take(size_t size)
{
	size_t class = (size - 1) / STEP;
	struct piece *p;

	if (class >= CLASSES || (!pool.idle[class] && !grow(class)))
		return NULL;
	p = pool.idle[class];
	pool.idle[class] = p->next;
	return p;
}

void *slo_json_pool_malloc(size_t size)
{
	size_t at_least = size ? size : 1;
	void *piece = POOLED ? take(at_least) : NULL;

	return piece ? piece : malloc(at_least);
}

void slo_json_pool_free(void *piece)
{
	uintptr_t at = (uintptr_t)piece - (uintptr_t)pool.area;
	struct piece *p = piece;
	size_t class;

	if (!pool.area || at >= AREA) {
		free(piece);
		return;
	}
	class = pool.class_of[at / PAGE];
	p->next = pool.idle[class];
	pool.idle[class] = p;
}
