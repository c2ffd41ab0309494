/* SPDX-License-Identifier: Apache-2.0 */
/* One signal read from /proc or /sys once an interval; the rows of procfs.c. */
#ifndef SLO_PROCFS_READER_H
#define SLO_PROCFS_READER_H

#include "core/backend.h"
#include "core/base/err.h"
#include "core/model/event.h"
#include "core/model/verdict.h"

typedef void (*slo_procfs_event_fn)(void *user, const struct slo_probe_event *ev);

/* What a reader of single events is told of them; others have none to choose from. */
struct slo_procfs_options {
	uint64_t threshold_ns; /* events at or above it, and errors */
	bool emit_all;
};

struct slo_procfs_reader {
	enum slo_signal signal;
	/* Fills a zeroed verdict: serves, or why not. @root: dirfd of the host's root. */
	void (*probe)(int root, struct slo_verdict *v);
	/* Opens the file and takes the first reading. @root is borrowed for the call. *@ret_state is the caller's. */
	int (*open)(int root, void **ret_state, struct slo_err *err);
	/*
	 * What happened since the last reading, as any number of events, complete with times, source and signal; each
	 * is borrowed by @fn during its call. 0, or negative errno (what could be read was given all the same).
	 */
	int (*read)(void *state, uint64_t now_ns, slo_procfs_event_fn fn, void *user,
	            struct slo_err *err);
	void (*close)(void *state); /* NULL-safe */
	/* NULL: its events are the same whatever is asked for. */
	void (*tune)(void *state, const struct slo_procfs_options *options);
	/* A descriptor that is readable when read() has something to give before the interval is over; NULL: none. */
	int (*fd)(void *state);
	/*
	 * Nothing is given until it is unmuted, and the time between is not averaged in: for a reader that could not be opened
	 * again, since a right it takes is dropped by then. NULL: it is closed, and opened anew. 0 or negative errno; idempotent.
	 */
	int (*mute)(void *state, bool mute, struct slo_err *err);
	/* Adds to @st what was lost or could not be joined since the last call; NULL: nothing is. */
	void (*account)(void *state, struct slo_signal_stats *st);
	/* Gives single events that came by now; NULL where there is no fd. Number given, or negative errno. */
	int (*poll)(void *state, slo_procfs_event_fn fn, void *user, struct slo_err *err);
};

extern const struct slo_procfs_reader slo_procfs_dns;
extern const struct slo_procfs_reader slo_procfs_retransmit;
extern const struct slo_procfs_reader slo_procfs_runqueue;
extern const struct slo_procfs_reader slo_procfs_connect;
extern const struct slo_procfs_reader slo_procfs_connect_errors;
extern const struct slo_procfs_reader slo_procfs_reclaim;
extern const struct slo_procfs_reader slo_procfs_disk;
extern const struct slo_procfs_reader slo_procfs_steal;
extern const struct slo_procfs_reader slo_procfs_throttle;

#endif
