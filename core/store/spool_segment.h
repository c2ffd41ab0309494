/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of a spool: 16 bytes of header, then records of 40 bytes of head and their data, each with a CRC-32C of its
 * own. Positions within a segment have no gaps.
 */
#ifndef SLO_STORE_SPOOL_SEGMENT_H
#define SLO_STORE_SPOOL_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLO_SPOOL_SEGMENT_BYTES 16 /* of an empty segment */
#define SLO_SPOOL_HEAD_BYTES 40
#define SLO_SPOOL_DATA_MAX (UINT32_C(1) << 30)
#define SLO_SPOOL_NAME_SIZE 24

struct slo_spool_head {
	uint64_t position;
	int64_t unix_ms;
	uint32_t tag;
	uint32_t len;
	uint32_t check; /* of the data */
};

/* "0000000000000001.spool" */
void slo_spool_segment_name(uint64_t first, char ret[SLO_SPOOL_NAME_SIZE]);
/* The first position, or 0: no segment's name. */
uint64_t slo_spool_segment_first(const char *name);

/* A new, empty one: its descriptor (read and write), or a negative errno. */
int slo_spool_segment_make(int dirfd, uint64_t first);
/* Its descriptor and *@ret_size, or a negative errno: -EBADMSG where it is no segment of @first. */
int slo_spool_segment_open(int dirfd, uint64_t first, uint64_t *ret_size);

/* At the end of the file, which is @at. 0, or a negative errno, and nothing of it is left (but -EUCLEAN: something is). */
int slo_spool_segment_write(int fd, uint64_t at, const struct slo_spool_head *head,
                            const void *data, bool sync);

/* The record at @at of a file of @size bytes. 0; -ENODATA: that is its end; -EBADMSG: no sound record; -EIO. */
int slo_spool_segment_head(int fd, uint64_t at, uint64_t size, struct slo_spool_head *ret);
/* Its data into @buf of head->len bytes. 0, -EBADMSG or another negative errno. */
int slo_spool_segment_data(int fd, uint64_t at, const struct slo_spool_head *head, uint8_t *buf);

/*
 * Walks from the first record on; stops at the end, and at an unsound head. Data are left to their reader to judge: a sound
 * head says where the next one is. *@ret_size: up to there; *@ret_last: the last position (first - 1: none). 0, or a
 * negative errno: it could not be read.
 */
int slo_spool_segment_walk(int fd, uint64_t first, uint64_t size, uint64_t *ret_size,
                           uint64_t *ret_last);

#endif
