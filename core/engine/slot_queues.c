/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/slot_queues.h"

#include <errno.h>

/* Half a cache line. A link from each slot to the next would be a miss for each, and the next known only after it. */
#define PER_CHUNK 7
#define SLOTS_MAX ((size_t)1 << 26)

struct chunk {
	uint32_t next; /* number and 1, of the queue or of the free ones; 0: none */
	uint32_t slot[PER_CHUNK];
};

/* Chunks by number and 1; 0: the queue is empty. */
struct queue {
	uint32_t first, last;
	uint16_t from; /* the first chunk's slots before this one are taken */
	uint16_t upto; /* the last chunk's from here on are not filled */
};

struct slo_slot_queues {
	struct queue *queue;
	void *area; /* of the chunks, and what aligns them */
	struct chunk *chunk;
	size_t chunks;
	uint32_t used; /* chunks from here on were never given out: memory that nobody touched */
	uint32_t first_free;
};

/* Not aligned_alloc(): calloc() leaves memory that is never used to the kernel. */
static struct chunk *align(void *area)
{
	const uintptr_t size = sizeof(struct chunk);
	const uintptr_t behind = (uintptr_t)area % size;

	return (struct chunk *)(void *)((char *)area + (behind ? size - behind : 0));
}

int slo_slot_queues_new(struct slo_slot_queues **ret, size_t queues, size_t max,
                        struct slo_err *err)
{
	slo_slot_queues_auto struct slo_slot_queues *q = NULL;

	if (queues == 0 || queues > SLOTS_MAX || max == 0 || max > SLOTS_MAX)
		return slo_err_set(err, -EINVAL,
		                   "queues: %zu of %zu slots, 1 to %zu of each allowed", queues,
		                   max, SLOTS_MAX);
	q = calloc(1, sizeof(*q));
	if (!q)
		return slo_err_set(err, -ENOMEM, "queues: out of memory");
	/* Of each queue that is not empty the first and the last may hold a single slot. */
	q->chunks = max / PER_CHUNK + 2 * (queues < max ? queues : max) + 1;
	q->queue = calloc(queues, sizeof(*q->queue));
	q->area = calloc(q->chunks + 1, sizeof(*q->chunk));
	if (!q->queue || !q->area)
		return slo_err_set(err, -ENOMEM, "queues: no memory for %zu slots", max);
	q->chunk = align(q->area);
	*ret = slo_take_ptr(q);
	return 0;
}

void slo_slot_queues_freep(struct slo_slot_queues **q)
{
	if (*q) {
		free((*q)->queue);
		free((*q)->area);
	}
	slo_freep(q);
}

/* Number and 1. */
static uint32_t take_chunk(struct slo_slot_queues *q)
{
	uint32_t number = q->first_free;

	if (number) {
		q->first_free = q->chunk[number - 1].next;
	} else {
		assert(q->used < q->chunks);
		number = ++q->used;
	}
	q->chunk[number - 1].next = 0;
	return number;
}

void slo_slot_queues_push(struct slo_slot_queues *q, size_t queue, uint32_t slot)
{
	struct queue *to = &q->queue[queue];
	uint32_t number;

	if (!to->last || to->upto == PER_CHUNK) {
		number = take_chunk(q);
		if (to->last)
			q->chunk[to->last - 1].next = number;
		else
			*to = (struct queue){ .first = number };
		to->last = number;
		to->upto = 0;
	}
	q->chunk[to->last - 1].slot[to->upto++] = slot;
}

/* The first chunk of @from has been taken whole. */
static void drop_first(struct slo_slot_queues *q, struct queue *from)
{
	struct chunk *c = &q->chunk[from->first - 1];
	uint32_t next = c->next;

	c->next = q->first_free;
	q->first_free = from->first;
	if (next)
		*from = (struct queue){ .first = next, .last = from->last, .upto = from->upto };
	else
		*from = (struct queue){ 0 };
}

size_t slo_slot_queues_take(struct slo_slot_queues *q, size_t queue, uint32_t *ret, size_t max)
{
	struct queue *from = &q->queue[queue];
	size_t n = 0;

	while (n < max && from->first) {
		const struct chunk *c = &q->chunk[from->first - 1];
		uint16_t end = from->first == from->last ? from->upto : PER_CHUNK;

		if (c->next)
			__builtin_prefetch(&q->chunk[c->next - 1]);
		while (n < max && from->from < end)
			ret[n++] = c->slot[from->from++];
		if (from->from == end)
			drop_first(q, from);
	}
	return n;
}
