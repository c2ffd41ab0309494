/* SPDX-License-Identifier: Apache-2.0 */
/* What readers of counters share: the event of an interval, and text of a pseudo file read anew. */
#ifndef SLO_PROCFS_INTERVAL_H
#define SLO_PROCFS_INTERVAL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/model/event.h"
#include "core/model/verdict.h"

/* An event of @kind for [from_ns, now_ns), all else zero. */
void slo_interval_event(struct slo_probe_event *ret, enum slo_signal sig, enum slo_event_kind kind,
                        uint64_t from_ns, uint64_t now_ns);

/* @count measurements of @ns each: what is known where the kernel counts their number and their sum only. */
void slo_interval_add(struct slo_hist *h, uint64_t ns, uint64_t count);

/*
 * Whether a table of what was last read holds all there is. Where in the last whole pass something found no room, what is
 * first seen may be as old as the machine, and its total is not this interval's.
 */
struct slo_room {
	size_t beyond; /* found no room in this pass */
	size_t lacked; /* found none in the last whole pass */
};

/* Once a pass: before it, and after it where it went over everything. */
void slo_room_begin(struct slo_room *room);
void slo_room_end(struct slo_room *room);
/* 0, or -ENOSPC with @err: in the last whole pass @what beyond the first @max were not read; and @hence, if it is not "". */
int slo_room_check(const struct slo_room *room, const char *what, size_t max, const char *hence,
                   struct slo_err *err);

/* Text of the open file from its begin, NUL-terminated. Bytes, or negative errno; -EFBIG where it does not fit. */
ssize_t slo_interval_text(int fd, char *buf, size_t size);

/* The verdict of a reader that serves. */
void slo_interval_serve(struct slo_verdict *v, enum slo_source source, const char *mechanism,
                        const char *hooks, const char *note);

#endif
