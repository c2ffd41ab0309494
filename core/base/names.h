/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings to small numbers: equal strings have equal numbers and only they, so that what compares
 * names by the million compares integers. Bounded; names unused for long can be swept out.
 */
#ifndef SLO_BASE_NAMES_H
#define SLO_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_names_config {
	size_t max; /* names, 1 to 2^26 */
	size_t max_bytes; /* of all names together, 1 to 2^31 */
};

struct slo_names;

/*
 * Memory grows by doubling up to the two limits and is kept. 0, -EINVAL (a limit out of range) or
 * -ENOMEM.
 */
int slo_names_new(struct slo_names **ret, const struct slo_names_config *cfg, struct slo_err *err);
/* NULL-safe, sets *names = NULL. */
void slo_names_freep(struct slo_names **names);
#define slo_names_auto slo_cleanup(slo_names_freep)

/*
 * The number, above 0, of the @len bytes at @s, copied where they are new; *@ret_new (nullable)
 * tells which. 0 where no room is left: counted as refused. @stamp is the caller's clock or
 * counter, kept as the last use: it never runs backwards.
 */
uint32_t slo_names_get(struct slo_names *names, const char *s, size_t len, uint64_t stamp,
                       bool *ret_new);

/*
 * The same in three steps, for who asks for several names at once: each step's cold memory comes while the next name's is
 * asked for. A hash stays right as long as the table lives.
 */
uint32_t slo_names_hash(const struct slo_names *names, const char *s, size_t len);
void slo_names_fetch(const struct slo_names *names, uint32_t hash);
uint32_t slo_names_get_hashed(struct slo_names *names, uint32_t hash, const char *s, size_t len,
                              uint64_t stamp, bool *ret_new);

/* Whether @number, given out and not swept since, is of these bytes; then it counts as used. A tenth of a search's cost. */
bool slo_names_again(struct slo_names *names, uint32_t number, const char *s, size_t len,
                     uint64_t stamp);

/*
 * Forgets the names last used before @stamp; their numbers are given out again, so nobody may hold
 * one. Costs as much as there are names: for when they run out, see slo_names_is_full().
 */
void slo_names_sweep(struct slo_names *names, uint64_t stamp);

/* Whether @len more bytes for one more name are too many. */
bool slo_names_is_full(const struct slo_names *names, size_t len);
size_t slo_names_count(const struct slo_names *names);
uint64_t slo_names_refused(const struct slo_names *names);

#endif
