/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of one period, good and valid: what burn rates are computed of, in memory and in a file. */
#ifndef SLO_MODEL_BURN_BUCKET_H
#define SLO_MODEL_BURN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/base.h"

#define SLO_BURN_BUCKETS 4320 /* of a ring: 3 days of minutes */

/*
 * It knows which period it counts, so a ring
 * needs no clearing: a slot whose @period is not the one asked for is empty. All zero is empty.
 */
struct slo_burn_bucket {
	uint32_t period; /* unix time / bucket_ms */
	uint32_t good;
	uint32_t valid; /* >= good; both stop at UINT32_MAX */
	uint32_t check; /* CRC-32C of the 12 bytes before */
};
static_assert(sizeof(struct slo_burn_bucket) == 16, "written to disk");

/* Sets @check from the counts. */
void slo_burn_bucket_seal(struct slo_burn_bucket *b);
/* Whether @check is the right one and the counts are possible. An empty (zero) bucket is sound. */
bool slo_burn_bucket_is_sound(const struct slo_burn_bucket *b);

#endif
