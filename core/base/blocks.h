/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks of memory that are used again: the static build's malloc() and free() for them; elsewhere the C library's
 * do as much.
 */
#ifndef SLO_BASE_BLOCKS_H
#define SLO_BASE_BLOCKS_H

#include <stddef.h>

#define SLO_BLOCKS_MAX 32
#define SLO_BLOCKS_BYTES ((size_t)2 << 20) /* kept at the most */
#define SLO_BLOCK_MIN ((size_t)16 << 10) /* smaller ones the C library keeps itself */

/* Kept blocks. All zero: none. Not for several threads at once. */
struct slo_blocks {
	size_t count, bytes;
	struct {
		void *p;
		size_t size;
	} block[SLO_BLOCKS_MAX]; /* the one kept last is last */
};

/* The kept block that @size fits best and does not waste an eighth of; NULL: there is none. The caller's. */
void *slo_blocks_take(struct slo_blocks *b, size_t size);

/*
 * Keeps @p of @size bytes, or not: it is large enough itself, or as good as. What has to go for it, in @ret[] (at most
 * SLO_BLOCKS_MAX + 1, @p perhaps among them), is the caller's to free; how many.
 */
size_t slo_blocks_put(struct slo_blocks *b, void *p, size_t size, void *ret[]);

/* From now on this process keeps them. Not before: a start's large blocks nothing comes to use again. */
void slo_blocks_keep(void);

#endif
