/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and means over the last 10 s by key: thresholds of counts and percentages apply to those, not to one interval. */
#ifndef SLO_ENGINE_WINDOW_H
#define SLO_ENGINE_WINDOW_H

#include "core/base/err.h"
#include "core/model/event.h"

#define SLO_WINDOW_SECONDS 10

struct slo_windows;

/* @max keys (signal, cgroup, remote) are followed; beyond that an event is judged alone and counted as dropped. */
int slo_windows_new(struct slo_windows **ret_w, size_t max, struct slo_err *err);
void slo_windows_freep(struct slo_windows **w);
#define slo_windows_auto slo_cleanup(slo_windows_freep)

/*
 * Status of @ev: of windowed signals by the sum (counts, throttled ms) or mean (percentages) over the 10 s that end
 * with @ev, itself included; of others by its own value. Only aggregates (COUNT, GAUGE) enter a window: a single
 * event is in its interval's aggregate too.
 */
enum slo_status slo_windows_status(struct slo_windows *w, const struct slo_probe_event *ev);

/* Forget keys silent for longer than the window. @now_ns: CLOCK_MONOTONIC, as the events'. */
void slo_windows_expire(struct slo_windows *w, uint64_t now_ns);

uint64_t slo_windows_dropped(const struct slo_windows *w);

#endif
