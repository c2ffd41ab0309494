/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest records of a ring by key and time, where records leave by being the oldest: adding
 * touches one cold cache line and leaving costs nothing, unlike time_index.h, which also counts.
 * It allocates when made and never again.
 */
#ifndef SLO_ENGINE_TIME_CHAINS_H
#define SLO_ENGINE_TIME_CHAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_TIME_CHAINS_MAX ((size_t)1 << 26)

struct slo_time_chains;

/*
 * @room records, a power of two up to SLO_TIME_CHAINS_MAX. A chain holds a key's records of
 * 2^@slot_bits ns, 20 to 40: about as long as what is asked for. 0, -EINVAL or -ENOMEM.
 */
int slo_time_chains_new(struct slo_time_chains **ret, size_t room, unsigned int slot_bits,
                        struct slo_err *err);
/* NULL-safe, sets *chains = NULL. */
void slo_time_chains_freep(struct slo_time_chains **chains);
#define slo_time_chains_auto slo_cleanup(slo_time_chains_freep)

/* The next record; the first has number 0. @key 0: it has none. */
void slo_time_chains_add(struct slo_time_chains *chains, uint64_t key, int64_t time);

/*
 * Walks the records of @key with @from <= time <= @to that are not older than number @first, in no
 * useful order: struct slo_time_walk w = slo_time_chains_seek(...); while
 * (slo_time_chains_next(chains, &w, &number)) ... Costs as much as there are slots in the range, or
 * records in the ring where they are fewer. Adding ends the walk.
 */
struct slo_time_walk {
	uint64_t key;
	int64_t from, to;
	uint64_t first; /* oldest that counts */
	int64_t slot, last_slot;
	uint64_t link; /* number of the next record to look at, and 1; 0: none */
	bool all; /* look at each record: more slots than records */
};

struct slo_time_walk slo_time_chains_seek(const struct slo_time_chains *chains, uint64_t key,
                                          int64_t from, int64_t to, uint64_t first);
bool slo_time_chains_next(const struct slo_time_chains *chains, struct slo_time_walk *w,
                          uint64_t *ret_number);

#endif
