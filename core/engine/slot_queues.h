/* SPDX-License-Identifier: Apache-2.0 */
/* Many queues of slot numbers in one pool of memory; each is walked without chasing a pointer from slot to slot. */
#ifndef SLO_ENGINE_SLOT_QUEUES_H
#define SLO_ENGINE_SLOT_QUEUES_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_slot_queues;

/* @queues of them, and @max slots in all of them together, 1 to 2^26 of each. 0, -EINVAL or -ENOMEM; it allocates never again. */
int slo_slot_queues_new(struct slo_slot_queues **ret, size_t queues, size_t max,
                        struct slo_err *err);
/* NULL-safe, sets *q = NULL. */
void slo_slot_queues_freep(struct slo_slot_queues **q);
#define slo_slot_queues_auto slo_cleanup(slo_slot_queues_freep)

/* Behind the others of @queue. The caller keeps to @max. */
void slo_slot_queues_push(struct slo_slot_queues *q, size_t queue, uint32_t slot);

/* Takes up to @max of the oldest out of @queue, oldest first; how many there were, 0: it is empty. */
size_t slo_slot_queues_take(struct slo_slot_queues *q, size_t queue, uint32_t *ret, size_t max);

#endif
