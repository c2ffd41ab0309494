/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/time_chains.h"

#include <errno.h>

#include "core/base/hash.h"

/* As in a compressor's window (RFC 1951, 4): the newest of each bucket, and from each to the one before. */
struct node {
	uint64_t key;
	int64_t time;
	uint64_t link; /* the record before it in its bucket, its number and 1; 0: none */
};

struct slo_time_chains {
	uint64_t mask;
	uint64_t next; /* number of the record to come */
	unsigned int slot_bits;
	struct node *node; /* of record n: n & mask */
	uint64_t *head; /* of each bucket: number of its newest record and 1; 0: none */
};

int slo_time_chains_new(struct slo_time_chains **ret, size_t room, unsigned int slot_bits,
                        struct slo_err *err)
{
	slo_time_chains_auto struct slo_time_chains *chains = NULL;

	if (room == 0 || room > SLO_TIME_CHAINS_MAX || (room & (room - 1)) != 0 || slot_bits < 20 ||
	    slot_bits > 40)
		return slo_err_set(err, -EINVAL, "time chains: %zu records by 2^%u ns not allowed",
		                   room, slot_bits);
	chains = calloc(1, sizeof(*chains));
	if (chains) {
		chains->node = calloc(room, sizeof(*chains->node));
		chains->head = calloc(room, sizeof(*chains->head));
	}
	if (!chains || !chains->node || !chains->head)
		return slo_err_set(err, -ENOMEM, "time chains: no memory for %zu records", room);
	chains->mask = room - 1;
	chains->slot_bits = slot_bits;
	*ret = slo_take_ptr(chains);
	return 0;
}

void slo_time_chains_freep(struct slo_time_chains **chains)
{
	if (*chains) {
		free((*chains)->node);
		free((*chains)->head);
	}
	slo_freep(chains);
}

static int64_t slot_of(const struct slo_time_chains *chains, int64_t time)
{
	return time >> chains->slot_bits;
}

static uint64_t *head_of(const struct slo_time_chains *chains, uint64_t key, int64_t slot)
{
	/* Fibonacci hashing spreads the slots, the mixer the rest. */
	uint64_t h = key + (uint64_t)slot * UINT64_C(0x9e3779b97f4a7c15);

	return &chains->head[slo_hash_mix(h) & chains->mask];
}

void slo_time_chains_add(struct slo_time_chains *chains, uint64_t key, int64_t time)
{
	struct node *node = &chains->node[chains->next & chains->mask];
	uint64_t *head;

	*node = (struct node){ .key = key, .time = time };
	chains->next++;
	if (key == 0)
		return;
	head = head_of(chains, key, slot_of(chains, time));
	node->link = *head;
	*head = chains->next;
}

struct slo_time_walk slo_time_chains_seek(const struct slo_time_chains *chains, uint64_t key,
                                          int64_t from, int64_t to, uint64_t first)
{
	struct slo_time_walk w = { .key = key, .from = from, .to = to, .first = first };
	uint64_t oldest = chains->next > chains->mask ? chains->next - chains->mask - 1 : 0;

	if (w.first < oldest)
		w.first = oldest;
	w.slot = slot_of(chains, from);
	w.last_slot = slot_of(chains, to);
	if (from > to || key == 0) {
		w.last_slot = w.slot;
		return w;
	}
	w.all = (uint64_t)w.last_slot - (uint64_t)w.slot >= chains->next - w.first;
	w.link = w.all ? chains->next : *head_of(chains, key, w.slot);
	return w;
}

/*
 * The slots of a long range lie anywhere: their heads are brought near AHEAD slots before they are
 * looked at, and their newest records half as many.
 */
#define AHEAD 8

static void look_ahead(const struct slo_time_chains *chains, const struct slo_time_walk *w)
{
	uint64_t link;

	if (w->last_slot - w->slot < AHEAD)
		return;
	__builtin_prefetch(head_of(chains, w->key, w->slot + AHEAD));
	link = *head_of(chains, w->key, w->slot + AHEAD / 2);
	if (link > w->first)
		__builtin_prefetch(&chains->node[(link - 1) & chains->mask]);
}

/* The link to look at next, through all slots; 0 at the end. */
static uint64_t next_link(const struct slo_time_chains *chains, struct slo_time_walk *w)
{
	while (w->link <= w->first) {
		if (w->all || w->slot == w->last_slot)
			return 0;
		w->slot++;
		look_ahead(chains, w);
		w->link = *head_of(chains, w->key, w->slot);
	}
	return w->link;
}

bool slo_time_chains_next(const struct slo_time_chains *chains, struct slo_time_walk *w,
                          uint64_t *ret_number)
{
	uint64_t link;

	while ((link = next_link(chains, w)) != 0) {
		const struct node *node = &chains->node[(link - 1) & chains->mask];

		w->link = w->all ? link - 1 : node->link;
		__builtin_prefetch(&chains->node[(w->link - 1) & chains->mask]);
		/* Buckets are shared by keys, and by the slots of one key. */
		if (node->key != w->key || node->time < w->from || node->time > w->to ||
		    (!w->all && slot_of(chains, node->time) != w->slot))
			continue;
		*ret_number = link - 1;
		return true;
	}
	return false;
}
