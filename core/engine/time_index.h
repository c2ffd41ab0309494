/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of records, ordered by key and time: which of a key lie in a range of time, and how many.
 * It allocates when made and never again; records come and go in any order.
 */
#ifndef SLO_ENGINE_TIME_INDEX_H
#define SLO_ENGINE_TIME_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_TIME_INDEX_MAX ((size_t)1 << 26)

struct slo_time_index;

/* @max entries, 1 to SLO_TIME_INDEX_MAX. 0, -EINVAL or -ENOMEM. */
int slo_time_index_new(struct slo_time_index **ret, size_t max, struct slo_err *err);
/* NULL-safe, sets *ix = NULL. */
void slo_time_index_freep(struct slo_time_index **ix);
#define slo_time_index_auto slo_cleanup(slo_time_index_freep)

/*
 * @id and @note are below UINT32_MAX; an entry stands once. @note is the caller's, 0 for none. Cost grows with the square
 * root of the number of entries, about 150 ns at a million. False where @max are there already.
 */
bool slo_time_index_add(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id,
                        uint32_t note);
/* Both: false where there is no such entry. */
bool slo_time_index_remove(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id);
bool slo_time_index_note(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id,
                         uint32_t note);

/* Entries of @key with @from <= time <= @to. */
uint64_t slo_time_index_count(const struct slo_time_index *ix, uint64_t key, int64_t from,
                              int64_t to);

/*
 * Walks the entries of a key in order of time, then id: struct slo_time_cursor c =
 * slo_time_index_seek(ix, key, from); while (slo_time_index_next(ix, &c, to, &e)) ... Adding and
 * removing ends the walk; a note may change. After its end it goes on with a later @to.
 */
struct slo_time_cursor {
	uint64_t key;
	size_t block, at;
};

struct slo_time_entry {
	uint64_t key;
	int64_t time;
	uint32_t id, note;
};

struct slo_time_cursor slo_time_index_seek(const struct slo_time_index *ix, uint64_t key,
                                           int64_t from);
bool slo_time_index_next(const struct slo_time_index *ix, struct slo_time_cursor *c, int64_t to,
                         struct slo_time_entry *ret);

/* Some of the last entries of @key with time <= @to, latest first: up to @max, fewer where they lie apart. How many. */
size_t slo_time_index_latest(const struct slo_time_index *ix, uint64_t key, int64_t to,
                             struct slo_time_entry *ret, size_t max);

/* What a walk passed over: entries with a note, and those of them whose note is @note. */
struct slo_time_passed {
	uint32_t note;
	uint64_t noted, same;
};

/* The next without a note. Many with one and the same are passed by the hundred. */
bool slo_time_index_next_bare(const struct slo_time_index *ix, struct slo_time_cursor *c,
                              int64_t to, uint32_t *ret_id, struct slo_time_passed *passed);

size_t slo_time_index_size(const struct slo_time_index *ix);

#endif
