/* SPDX-License-Identifier: Apache-2.0 */
/* What a spool knows of itself, for its own files. */
#ifndef SLO_STORE_SPOOL_STATE_H
#define SLO_STORE_SPOOL_STATE_H

#include "core/store/spool.h"

#define SLO_SPOOL_SEGMENTS_MAX 64

struct slo_spool_segment {
	uint64_t first, last; /* positions; last = first - 1: empty */
	uint64_t size;
};

/* How far its readers came; at the beginning of the file "ack". */
struct slo_spool_ack {
	uint64_t position;
	uint32_t check;
	uint32_t zero;
};

struct slo_spool {
	char dir[512];
	uint64_t max_bytes, max_age_ms;
	void (*on_lost)(void *user, uint32_t tag);
	void *user;
	int dirfd, lockfd, ackfd;
	struct slo_spool_segment segment[SLO_SPOOL_SEGMENTS_MAX]; /* ascending */
	size_t count;
	int writefd; /* of the last segment; -1: the next record begins a new one */
	int readfd; /* of the first segment; -1: not open */
	uint64_t at; /* in the first segment: where the record after @acked is */
	uint64_t acked; /* done, or given up */
	uint64_t next; /* position of the next record */
	bool dir_dirty; /* a segment was made since the folder was synced */
	int64_t unread_ms; /* since when its oldest segment cannot be read, CLOCK_REALTIME; 0: it can */
	uint8_t *data; /* of the record that was peeked at */
	size_t data_size;
	struct slo_spool_stats stats;
};

/* The segments, how far they were read and the next position, off the disk; 0 or a negative errno. */
int slo_spool_load(struct slo_spool *s);

#endif
