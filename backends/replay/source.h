/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded events one by one, from a binary capture or JSONL, from a file or a pipe. */
#ifndef SLO_REPLAY_SOURCE_H
#define SLO_REPLAY_SOURCE_H

#include "backends/capture.h"
#include "core/backend.h"

enum slo_replay_format {
	SLO_REPLAY_UNKNOWN, /* nothing read yet */
	SLO_REPLAY_CAPTURE,
	SLO_REPLAY_JSONL,
	SLO_REPLAY_END, /* or given up */
};

struct slo_replay_source {
	struct slo_input in;
	enum slo_replay_format format;
	slo_event_parse_fn parse; /* NULL: no JSONL */
	char *name; /* of the file, for messages; owned */
	uint64_t realtime_offset_ns; /* of a capture */
	uint64_t line; /* JSONL: the last one read, from 1 */
	size_t scanned; /* unread bytes known to hold no newline */
	bool too_long; /* inside a line that is being skipped */
};

/*
 * Opens @path ("-": standard input, which stays open afterwards) and, where its first bytes are there already, tells
 * what it is. 0, or negative errno with @err and nothing left behind. End with slo_replay_source_fini().
 */
int slo_replay_source_init(struct slo_replay_source *s, const char *path, slo_event_parse_fn parse,
                           struct slo_err *err);
/* The same checks; consumes nothing of a pipe. */
int slo_replay_source_probe(const char *path, slo_event_parse_fn parse, struct slo_err *err);
void slo_replay_source_fini(struct slo_replay_source *s);

/*
 * 1: the next event is in @ev; *@ret_rec is its record, borrowed until the next call, or NULL where it came from
 * JSONL. 0: the end. -EAGAIN: nothing there now. -EBADMSG: one line or record could not be read and is skipped,
 * call again. Else the file cannot be read any further (-EIO, or another errno): the next call says 0.
 */
int slo_replay_source_next(struct slo_replay_source *s, struct slo_probe_event *ev,
                           const void **ret_rec, struct slo_err *err);

#endif
