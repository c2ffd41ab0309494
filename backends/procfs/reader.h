/* SPDX-License-Identifier: Apache-2.0 */
/* One signal read from /proc or /sys once an interval; the rows of procfs.c. */
#ifndef SLO_PROCFS_READER_H
#define SLO_PROCFS_READER_H

#include "core/model/event.h"
#include "core/model/verdict.h"

struct slo_procfs_reader {
	enum slo_signal signal;
	/* Fills a zeroed verdict: serves, or why not. @root: dirfd of the host's root. */
	void (*probe)(int root, struct slo_verdict *v);
	/* Opens the file and takes the first reading. @root is borrowed for the call. *@ret_state is the caller's. */
	int (*open)(int root, void **ret_state, struct slo_err *err);
	/*
	 * The mean since the last reading that gave an event. 1: *@ret_ev (zeroed by the caller, times, source and
	 * signal too are filled here); 0: nothing to tell yet; or negative errno.
	 */
	int (*read)(void *state, uint64_t now_ns, struct slo_probe_event *ret_ev,
	            struct slo_err *err);
	void (*close)(void *state); /* NULL-safe */
};

extern const struct slo_procfs_reader slo_procfs_steal;

#endif
