/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects of a file that a program is writing, as they come: it is followed over rotation (the old file is read to
 * its end first) and truncation, waited for where it is not there yet, and taken up again where an earlier process left
 * off. Asked from time to time, it never waits.
 */
#ifndef SLO_CODEC_JSONL_TAIL_H
#define SLO_CODEC_JSONL_TAIL_H

#include "core/codec/jsonl.h"

/* Of what was written before it was opened, not more than the last bytes are read: the rest is counted as skipped. */
#define SLO_JSONL_TAIL_BACKLOG ((uint64_t)64 << 20)

/* Rotations (path.1, path.2, ...) that are looked through for a file that was not read to its end. */
#define SLO_JSONL_TAIL_ROTATIONS 8

struct slo_jsonl_tail;

/* How far a file was read. All 0: nothing was. */
struct slo_jsonl_tail_place {
	uint64_t device, inode;
	struct slo_jsonl_mark mark;
};

struct slo_jsonl_tail_stats {
	uint64_t lines; /* objects given */
	uint64_t rejected; /* lines that are no object, or that the caller refused */
	uint64_t rotations;
	uint64_t truncations; /* lines written between the last look and the cut are not known of */
	uint64_t cut_bytes; /* of unfinished lines that a truncation took away */
	uint64_t skipped_bytes; /* beyond SLO_JSONL_TAIL_BACKLOG */
	uint64_t lost_files; /* found no more: what was in them beyond the place that was kept */
};

/*
 * @path "-" is standard input, whose end is the end; all else may come later. Going on at @from (NULL: at the beginning)
 * where that file is still @path, or a rotation of it: then those that came after it are read, too. 0, -ENOMEM, or
 * -EISDIR.
 */
int slo_jsonl_tail_open(struct slo_jsonl_tail **ret, const char *path,
                        const struct slo_jsonl_tail_place *from, struct slo_err *err);
void slo_jsonl_tail_freep(struct slo_jsonl_tail **t);
#define slo_jsonl_tail_auto slo_cleanup(slo_jsonl_tail_freep)

/*
 * As slo_jsonl_next() of a file that grows, but 0 is for now, and so is any errno but -EBADMSG (-EACCES: it cannot be
 * opened; -EAGAIN: there is more, after the caller's other work): the next call tries again.
 */
int slo_jsonl_tail_next(struct slo_jsonl_tail *t, json_t **ret_object, struct slo_err *err);
/* As slo_jsonl_reject(). */
int slo_jsonl_tail_reject(struct slo_jsonl_tail *t, struct slo_err *err);

/* Standard input that ended. */
bool slo_jsonl_tail_is_ended(const struct slo_jsonl_tail *t);
/* There is a file (or FIFO, or standard input) at present. */
bool slo_jsonl_tail_is_there(const struct slo_jsonl_tail *t);
/* All 0 for what has no place (pipes). */
void slo_jsonl_tail_place(const struct slo_jsonl_tail *t, struct slo_jsonl_tail_place *ret);
void slo_jsonl_tail_stats(const struct slo_jsonl_tail *t, struct slo_jsonl_tail_stats *ret);

#endif
