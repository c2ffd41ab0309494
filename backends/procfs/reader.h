/* SPDX-License-Identifier: Apache-2.0 */
/* One signal read from /proc or /sys once an interval; the rows of procfs.c. */
#ifndef SLO_PROCFS_READER_H
#define SLO_PROCFS_READER_H

#include "core/model/event.h"
#include "core/model/verdict.h"

typedef void (*slo_procfs_event_fn)(void *user, const struct slo_probe_event *ev);

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
};

extern const struct slo_procfs_reader slo_procfs_steal;
extern const struct slo_procfs_reader slo_procfs_throttle;

#endif
