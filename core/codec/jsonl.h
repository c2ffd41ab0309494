/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects of a file or of standard input, one a line. A line that is none is told with its
 * place and counted; the lines after it are read all the same.
 */
#ifndef SLO_CODEC_JSONL_H
#define SLO_CODEC_JSONL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* Bytes without the line's end; a longer line is one bad line. */
#define SLO_JSONL_LINE_MAX (16U << 20)

struct slo_jsonl;

/*
 * @path "-" is standard input, called "stdin" in messages. 0, or a negative errno: -ENOENT, -EACCES,
 * -EISDIR, -ENOMEM, ... Opening a FIFO waits for its writer.
 */
int slo_jsonl_open(struct slo_jsonl **ret, const char *path, struct slo_err *err);
/* NULL-safe, sets *j = NULL. */
void slo_jsonl_freep(struct slo_jsonl **j);
#define slo_jsonl_auto slo_cleanup(slo_jsonl_freep)

/*
 * 1: *@ret_object is the next line's object, a reference that the caller gives back by
 * json_decref(). 0: the end. -EBADMSG: this line holds no JSON object (or one with a key twice);
 * it is counted, @err says "FILE:LINE: what, what was expected", and the next call goes on behind
 * it. Any other negative errno: this input cannot be read further.
 *
 * Blank lines are skipped (but numbered); CRLF, a byte order mark and a last line without its
 * newline are accepted.
 */
int slo_jsonl_next(struct slo_jsonl *j, json_t **ret_object, struct slo_err *err);

/*
 * The caller refuses the object it got last, @err says why: puts "FILE:LINE: " in front, counts the
 * line as rejected and returns -EBADMSG. Once a line.
 */
int slo_jsonl_reject(struct slo_jsonl *j, struct slo_err *err);

/* Bytes and lines that were read before. */
struct slo_jsonl_mark {
	uint64_t offset, line;
};

/*
 * As slo_jsonl_open(), for a file that still grows: nothing ever waits, and slo_jsonl_next() gives 0 where there is no
 * whole line for now; what lacks its newline is none yet. It gives -EAGAIN where it has passed over so much (256 KiB of
 * blank lines, or of one line) that the caller's other work comes first: the next call goes on there. A FIFO need not
 * have a writer.
 */
int slo_jsonl_open_growing(struct slo_jsonl **ret, const char *path, struct slo_err *err);
/* Of a regular file, before anything is read: goes on behind @from. 0 or a negative errno. */
int slo_jsonl_go_on(struct slo_jsonl *j, const struct slo_jsonl_mark *from, struct slo_err *err);
/* It grows no more: what is left is read as slo_jsonl_open() would, its end being the end. */
void slo_jsonl_finish(struct slo_jsonl *j);
/* Of one that grows: the read that found nothing found the end of a pipe, which nobody writes to now. */
bool slo_jsonl_is_hung_up(const struct slo_jsonl *j);
/* Bytes read that are no whole line yet. */
size_t slo_jsonl_unfinished(const struct slo_jsonl *j);
/* Borrowed, to look at: reading or seeking there is not for the caller. */
int slo_jsonl_fd(const struct slo_jsonl *j);

/* Number of the line read last, from 1; 0 before the first. */
uint64_t slo_jsonl_line(const struct slo_jsonl *j);
/* Lines that held no JSON object, and those that the caller refused. */
uint64_t slo_jsonl_rejected(const struct slo_jsonl *j);
/* Bytes consumed, up to the end of the line read last. */
uint64_t slo_jsonl_offset(const struct slo_jsonl *j);
/* Bytes there were to read when it was opened; -1 where nobody knows (pipe, terminal). */
int64_t slo_jsonl_size(const struct slo_jsonl *j);

#endif
