/* SPDX-License-Identifier: Apache-2.0 */
/* Binary captures: struct slo_abi_capture, then records as they came. Written and read through bounded buffers. */
#ifndef SLO_BACKENDS_CAPTURE_H
#define SLO_BACKENDS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/slo_abi.h"
#include "core/base/err.h"

/* Bytes of either buffer; a multiple of the page. */
#define SLO_CAPTURE_BUF_BYTES 65536

struct slo_capture_writer;

struct slo_capture_stats {
	uint64_t records; /* accepted: written, or waiting in the buffer */
	uint64_t lost; /* dropped because the file took no more */
	uint64_t bytes; /* given to the kernel, header included */
};

/*
 * Takes @fd on success (any kind; written where it stands). @realtime_offset_ns must be that of the records' times.
 * @node is copied and cut to 63 bytes; NULL: none. The header leaves with the first record, or on freeing.
 */
int slo_capture_writer_new(struct slo_capture_writer **ret_w, int fd, uint64_t realtime_offset_ns,
                           const char *node, struct slo_err *err);
/*
 * For recording a replay, whose offset is known with its first event only (its realtime_offset_ns; on_record comes
 * before on_event). 0, or -EBUSY where the header has left.
 */
int slo_capture_writer_set_offset(struct slo_capture_writer *w, uint64_t realtime_offset_ns);
/*
 * Copies one record into the buffer and writes the buffer out when full. 0, or a negative errno once for a stretch
 * of failures; from then on records beyond the buffer are lost and counted, with 0, until a flush succeeds.
 * What reaches the file is always a correct prefix of the capture. -EINVAL: not a record's size.
 */
int slo_capture_write(struct slo_capture_writer *w, const void *rec, size_t size,
                      struct slo_err *err);
/* Tries (again) to write the buffer out; call once a second or so, and before freeing. Errors as slo_capture_write. */
int slo_capture_flush(struct slo_capture_writer *w, struct slo_err *err);
void slo_capture_writer_stats(const struct slo_capture_writer *w, struct slo_capture_stats *ret);
/* Flushes once more, unheard, closes the descriptor. NULL-safe, sets *w = NULL. */
void slo_capture_writer_freep(struct slo_capture_writer **w);
#define slo_capture_writer_auto slo_cleanup(slo_capture_writer_freep)

/* Bytes of a descriptor through a bounded buffer; never blocks on pipes, sockets and terminals. */
struct slo_input {
	int fd;
	uint8_t *buf; /* SLO_CAPTURE_BUF_BYTES */
	size_t begin; /* unread bytes are buf[begin..end) */
	size_t end;
	uint64_t offset; /* of buf[begin] in the file */
	bool eof;
};

/* Takes @fd on success. */
int slo_input_init(struct slo_input *in, int fd, struct slo_err *err);
void slo_input_fini(struct slo_input *in);
/*
 * Reads more behind the unread bytes, which move: pointers into the buffer die. Bytes read; 0: the end, for good;
 * -EAGAIN: nothing there now; -ENOBUFS: the buffer is full of unread bytes; else negative errno with @err.
 */
int slo_input_fill(struct slo_input *in, struct slo_err *err);
void slo_input_skip(struct slo_input *in, size_t bytes);

/* What the first bytes of a file say. */
enum slo_capture_magic {
	SLO_CAPTURE_NO, /* something else */
	SLO_CAPTURE_YES,
	SLO_CAPTURE_SWAPPED, /* of a machine of the other byte order */
	SLO_CAPTURE_SHORT, /* so far it may be one: more bytes are needed */
};
enum slo_capture_magic slo_capture_magic(const void *bytes, size_t size);

/*
 * Takes the header from the front of @in. 0; -EAGAIN: not all there yet (nothing taken, call again); -EBADMSG: no
 * capture that this program can read, or cut inside the header; else negative errno of reading. @in's position
 * is the file's beginning.
 */
int slo_capture_read_header(struct slo_input *in, struct slo_abi_capture *ret, struct slo_err *err);
/*
 * The next record: borrowed until the next call, 8-byte aligned, size is right, content is for slo_decode() to
 * judge. Returns its size; 0: the end; -EAGAIN: not all there yet; -EBADMSG: the record is broken or cut, with its
 * offset, and so is all behind it, for lengths chain the records; else negative errno of reading.
 */
int slo_capture_read(struct slo_input *in, const void **ret_rec, struct slo_err *err);

#endif
