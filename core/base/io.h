/* SPDX-License-Identifier: Apache-2.0 */
/* Reading that goes on where read(2) stops early. */
#ifndef SLO_BASE_IO_H
#define SLO_BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads @fd until @size bytes are in @buf or its end. Returns the bytes read, fewer than @size only at the end, or a negative
 * errno (never -EINTR; -EAGAIN where @fd does not block or has a timeout, what came before is lost).
 */
ssize_t slo_read_full(int fd, void *buf, size_t size);

#endif
