/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue on disk: records wait in segment files until they are acknowledged, through restarts and kill -9. Past its
 * caps the oldest segment goes first. A folder has one owner at a time; files are in the machine's byte order.
 */
#ifndef SLO_STORE_SPOOL_H
#define SLO_STORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

#define SLO_SPOOL_BYTES_MIN 65536

struct slo_spool_config {
	const char *dir; /* made where it is not there, mode 0700; of its own. Copied */
	uint64_t
		max_bytes; /* on disk, SLO_SPOOL_BYTES_MIN or more; an older cap may have left more: it is cut at open */
	uint64_t max_age_ms; /* 0: any */
	void (*on_lost)(
		void *user,
		uint32_t
			tag); /* for each record dropped or damaged whose head is known; NULL: none */
	void *user;
};

struct slo_spool_stats {
	uint64_t records,
		bytes; /* waiting; bytes on disk, which may hold a few records that are done */
	uint64_t dropped; /* records past the caps */
	uint64_t damaged; /* records whose data or segment are broken, or gone */
	uint64_t
		torn_bytes; /* cut off at open: a write that never ended, or what follows a broken head */
	uint64_t failed; /* appends that failed: disk full and the like */
	int unread; /* errno of the last slo_spool_peek(), which is to be tried again; 0: it went well */
};

struct slo_spool_record {
	uint64_t position; /* from 1, ascending; none is used twice */
	int64_t unix_ms; /* when it was appended */
	uint32_t tag; /* the writer's */
	const uint8_t *data; /* borrowed until the next slo_spool_peek() or the end */
	size_t len;
};

struct slo_spool;

/* 0; -EBUSY: another owner; or another negative errno with @err naming the folder. */
int slo_spool_open(struct slo_spool **ret, const struct slo_spool_config *cfg, struct slo_err *err);
/* What waits stays on disk. NULL-safe. */
void slo_spool_freep(struct slo_spool **s);
#define slo_spool_auto slo_cleanup(slo_spool_freep)

/*
 * 0: kept, also through kill -9, and with @sync through a power cut. Else nothing of it is left: -EMSGSIZE (larger than the whole spool may be), -ENOSPC, -EIO, ... with @err; counted.
 */
int slo_spool_append(struct slo_spool *s, uint32_t tag, const void *data, size_t len, bool sync,
                     struct slo_err *err);
/* Of the record that was appended last, by whichever owner; 0: none ever was. */
uint64_t slo_spool_last(const struct slo_spool *s);

/* The oldest record that waits: 0, -ENOENT (none), or another negative errno: not now. What is damaged is skipped and counted. */
int slo_spool_peek(struct slo_spool *s, struct slo_spool_record *ret);

/* All up to @position are done. Written at once, not synced: a power cut may bring some back. */
void slo_spool_ack(struct slo_spool *s, uint64_t position);

/* Gives up what is older than the cap, or could not be read for as long. */
void slo_spool_expire(struct slo_spool *s, int64_t unix_ms);

void slo_spool_stats(const struct slo_spool *s, struct slo_spool_stats *ret);

#endif
