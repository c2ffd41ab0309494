/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The buckets of one SLO's burn rate in a mapped file, so that a restart, or kill -9, does not forget three days of
 * requests. The file is 128 bytes of header and SLO_BURN_BUCKETS buckets, in the machine's byte order.
 */
#ifndef SLO_STORE_MINUTE_RING_H
#define SLO_STORE_MINUTE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/burn_bucket.h"

#define SLO_MINUTE_RING_NAME_LEN 80 /* with the NUL */

/* Whose counts these are. A file of another one is set aside: its counts mean something else. */
struct slo_minute_ring_key {
	char name
		[SLO_MINUTE_RING_NAME_LEN]; /* "chat|gateway|ttft_ms|800": all that decides what is good and valid */
	uint32_t bucket_ms;
};

/* What was found, for the log. */
struct slo_minute_ring_report {
	bool made; /* there was no file, or it was set aside */
	bool repaired; /* one bucket was half written, as kill -9 may leave it: it is empty now */
	char set_aside[512]; /* where the refused file is now; "": none was refused */
	char why[200]; /* it was refused */
};

struct slo_minute_ring;

/*
 * Opens @path, or makes it. A file that is no sound ring of @key (damaged, of another version, cut) is renamed to
 * "@path.refused" (one before it is replaced), @report says why, and a new one is made. 0; or -EBUSY: another process
 * has it open; another negative errno: -EACCES, -ENOSPC, -EISDIR, -ENOMEM, ...
 */
int slo_minute_ring_open(struct slo_minute_ring **ret, const char *path,
                         const struct slo_minute_ring_key *key,
                         struct slo_minute_ring_report *report, struct slo_err *err);
/* Writes back and unmaps. NULL-safe, sets *r = NULL. */
void slo_minute_ring_freep(struct slo_minute_ring **r);
#define slo_minute_ring_auto slo_cleanup(slo_minute_ring_freep)

/* SLO_BURN_BUCKETS of them, for slo_burn_ring_init(); borrowed until the ring is freed. What is written is kept. */
struct slo_burn_bucket *slo_minute_ring_buckets(struct slo_minute_ring *r);

/* Asks the kernel to write now what it would write later. 0 or a negative errno. */
int slo_minute_ring_sync(struct slo_minute_ring *r, struct slo_err *err);

#endif
