/* SPDX-License-Identifier: Apache-2.0 */
/* The way of single events to user space: a ring buffer or, on old kernels, a perf buffer; and the timer that empties it. */
#ifndef SLO_BACKENDS_EVENTS_H
#define SLO_BACKENDS_EVENTS_H

#include <bpf/libbpf.h>

#include "backends/shared.h"

/* Takes a borrowed record. */
typedef void (*slo_events_fn)(void *user, const void *record, size_t size);

struct slo_events {
	struct ring_buffer *ring; /* NULL where @perf */
	struct perf_buffer *perf;
	int epoll; /* readable when there is something to do: call poll */
	int timer;
	slo_events_fn fn;
	void *user;
	int count; /* given in this poll */
};

/* Zeroes, so that close() is safe. */
void slo_events_init(struct slo_events *ev);
/* The record's address must not change: callbacks hold it. 0 or negative errno; close() in either case. */
int slo_events_open(struct slo_events *ev, const struct slo_shared *shared, slo_events_fn fn,
                    void *user, struct slo_err *err);
void slo_events_close(struct slo_events *ev);

/* Gives what waits, without blocking. Number given, or negative errno. */
int slo_events_poll(struct slo_events *ev, struct slo_err *err);

#endif
