/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON lines to stdout or to a file that is rotated by size. Nothing that happens to the output
 * stops the caller: lines that cannot be written wait in the sink's buffer, lines that find no room
 * there are lost and counted.
 */
#ifndef SLO_STORE_SINK_H
#define SLO_STORE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

/* Lines wait here until flushed; a longer line is refused. */
#define SLO_SINK_BUFFER_BYTES 65536
#define SLO_SINK_KEEP_MAX 99

struct slo_sink_config {
	const char *path; /* NULL or "-": stdout. Copied */
	uint64_t max_bytes; /* a file is rotated before it grows past this; 0: never */
	unsigned int keep; /* rotated files kept, path.1 the newest; 0: none, the file is emptied */
	int wait_ms; /* a flush waits so long for a slow pipe; 0: not (event loops), -1: for ever */
	uint64_t retry_ns; /* pause after a failure; 0: one second */
};

/* written_lines + lost_lines + pending_lines = lines given. */
struct slo_sink_stats {
	uint64_t written_lines;
	uint64_t written_bytes; /* what was cut back again not counted */
	uint64_t lost_lines;
	uint64_t pending_lines; /* still in the buffer */
	uint64_t rotations;
	uint64_t failures; /* attempts that failed */
};

struct slo_sink;

/*
 * New files get mode 0640. A line torn by an earlier crash at the end of an existing file is cut
 * off, so that what follows is a line of its own. The caller ignores SIGPIPE and SIGXFSZ. 0 or a
 * negative errno.
 */
int slo_sink_open(struct slo_sink **ret_sink, const struct slo_sink_config *cfg,
                  struct slo_err *err);

/*
 * The result of write, flush and reopen: 0; a negative errno with @err (cause and way out) where an
 * outage begins; 1 where one has just ended. Each is told once an outage, whichever call meets it,
 * so the caller logs what it gets and goes on. During an outage the output is tried again once per
 * retry_ns (a slow pipe: at each flush).
 *
 * @line ends in its only newline. Buffered: a line reaches the output at the latest by the next
 * flush, and whole lines only. A line longer than the buffer or without its newline is lost,
 * -EMSGSIZE or -EINVAL, told each time.
 */
int slo_sink_write(struct slo_sink *sink, const char *line, size_t len, struct slo_err *err);
int slo_sink_flush(struct slo_sink *sink, struct slo_err *err);

/*
 * For SIGHUP: flushes and opens the path anew. Where that fails the old file stays in use. No-op on
 * stdout.
 */
int slo_sink_reopen(struct slo_sink *sink, struct slo_err *err);

void slo_sink_stats_get(const struct slo_sink *sink, struct slo_sink_stats *ret_stats);

/*
 * Flushes once more, frees and sets *sink = NULL; what does not go out counts as lost in @ret_stats
 * (nullable). 0 or, where lines in the buffer were lost now, a negative errno.
 */
int slo_sink_close(struct slo_sink **sink, struct slo_sink_stats *ret_stats, struct slo_err *err);
/* The same without telling. NULL-safe. */
void slo_sink_closep(struct slo_sink **sink);
#define slo_sink_auto slo_cleanup(slo_sink_closep)

#endif
