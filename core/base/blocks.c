/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/blocks.h"

#include <stdbool.h>
#include <string.h>

/* A block of @has bytes for @size, of which no eighth is wasted. */
static bool is_fit(size_t has, size_t size)
{
	return has >= size && has / 8 * 7 <= size;
}

static void *remove_at(struct slo_blocks *b, size_t i)
{
	void *p = b->block[i].p;

	b->bytes -= b->block[i].size;
	b->count--;
	memmove(&b->block[i], &b->block[i + 1], (b->count - i) * sizeof(*b->block));
	return p;
}

void *slo_blocks_take(struct slo_blocks *b, size_t size)
{
	size_t best = b->count;

	for (size_t i = b->count; i-- > 0;) {
		if (!is_fit(b->block[i].size, size))
			continue;
		if (best == b->count || b->block[i].size < b->block[best].size)
			best = i;
	}
	return best == b->count ? NULL : remove_at(b, best);
}

size_t slo_blocks_put(struct slo_blocks *b, void *p, size_t size, void *ret[])
{
	size_t n = 0;

	if (size > SLO_BLOCKS_BYTES / 2) {
		ret[n++] = p;
		return n;
	}
	while (b->count == SLO_BLOCKS_MAX || b->bytes + size > SLO_BLOCKS_BYTES)
		ret[n++] = remove_at(b, 0);
	b->block[b->count].p = p;
	b->block[b->count++].size = size;
	b->bytes += size;
	return n;
}

#ifdef SLO_WRAP_BLOCKS
#include <malloc.h>
#include <stdlib.h>

/*
 * musl gives each block of 128 KiB and more back to the kernel when it is freed and asks for another, and so it does with a
 * group of smaller ones whose last is freed, which of this size is each other one: of an agent that passes batches of spans
 * on, a third of the time is page faults. glibc learns not to.
 */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static struct slo_blocks kept;
static bool busy, keeps;
/* musl's calloc() calls malloc(), and takes a large block for one of zeros from the kernel. */
static _Thread_local bool fresh;

/* No thread waits for another: the C library is always there. */
static bool lock(void)
{
	return !__atomic_test_and_set(&busy, __ATOMIC_ACQUIRE);
}

static void unlock(void)
{
	__atomic_clear(&busy, __ATOMIC_RELEASE);
}

static void *take(size_t size)
{
	void *p;

	if (size < SLO_BLOCK_MIN || fresh || !lock())
		return NULL;
	p = slo_blocks_take(&kept, size);
	unlock();
	return p;
}

void *__wrap_malloc(size_t size)
{
	void *p = take(size);

	return p ? p : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	size_t all;
	void *p = __builtin_mul_overflow(n, size, &all) ? NULL : take(all);

	/* Zeros cost a fifth of what new pages do. */
	if (p)
		return memset(p, 0, all);
	fresh = true;
	p = __real_calloc(n, size);
	fresh = false;
	return p;
}

void *__wrap_realloc(void *p, size_t size)
{
	size_t old = p && size >= SLO_BLOCK_MIN ? malloc_usable_size(p) : size;
	void *grown = old < size ? take(size) : NULL;

	/* What is cut off goes back to the kernel, and the next user of the block asks for it again. */
	if (old > size && is_fit(old, size))
		return p;
	if (!grown)
		return __real_realloc(p, size);
	memcpy(grown, p, old);
	__wrap_free(p);
	return grown;
}

void __wrap_free(void *p)
{
	void *go[SLO_BLOCKS_MAX + 1];
	size_t size = p ? malloc_usable_size(p) : 0, n;

	if (size < SLO_BLOCK_MIN || !__atomic_load_n(&keeps, __ATOMIC_RELAXED) || !lock()) {
		__real_free(p);
		return;
	}
	n = slo_blocks_put(&kept, p, size, go);
	unlock();
	for (size_t i = 0; i < n; i++)
		__real_free(go[i]);
}

void slo_blocks_keep(void)
{
	__atomic_store_n(&keeps, true, __ATOMIC_RELAXED);
}
#else
void slo_blocks_keep(void)
{
}
#endif
