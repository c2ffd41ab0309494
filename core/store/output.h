/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor under a sink: a file, pipe, socket or terminal, opened and written without
 * blocking the caller.
 */
#ifndef SLO_STORE_OUTPUT_H
#define SLO_STORE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct slo_output {
	int fd;
	bool owned; /* else stdout */
	bool regular; /* a file: can be cut and rotated */
	bool is_socket;
	size_t chunk; /* bytes that do not block once poll() says writable; 0: any number */
	uint64_t size; /* regular: at open; the caller adds what it writes */
};

/*
 * Opens @path to append, makes it with mode 0640, and repairs a last line without newline: one that
 * looks torn ("{" without "}" at the end) is cut off, any other gets its newline. 0 or a negative
 * errno.
 */
int slo_output_open(struct slo_output *ret, const char *path);
/* Borrows descriptor 1. 0 or a negative errno. */
int slo_output_stdout(struct slo_output *ret);
/* Not stdout's descriptor. */
void slo_output_close(struct slo_output *out);

/*
 * One write, which may be short. Bytes, or a negative errno: -EAGAIN where nothing could go within
 * @wait_ms.
 */
ssize_t slo_output_write(const struct slo_output *out, const char *p, size_t n, int wait_ms);

/*
 * Takes back the last @n bytes written. False where that cannot be: no file, append-only, or
 * somebody else has written behind them (stdout and stderr in one file).
 */
bool slo_output_cut(const struct slo_output *out, size_t n);

#endif
