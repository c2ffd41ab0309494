/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and record formats of kernel tracepoints, wherever tracefs is; hosts often do not mount it. */
#ifndef SLO_COMPAT_TRACEFS_H
#define SLO_COMPAT_TRACEFS_H

#include "core/base/err.h"

/*
 * Id of tracepoint @category/@name for perf_event_open(): from <root>/sys/kernel/tracing, the old place below debugfs,
 * else a detached mount. -ENOENT where this kernel has no such tracepoint (@err), or the errno of the last way tried.
 */
int slo_tracefs_event_id(int root, const char *category, const char *name, struct slo_err *err);

/* The text of its format file (which fields its record has, and where), cut to @size - 1. 0, or errors as above. */
int slo_tracefs_format(int root, const char *category, const char *name, char *buf, size_t size,
                       struct slo_err *err);

/*
 * Perf event on tracepoint @id that counts nothing and fires programs attached to it on all CPUs. Fd or negative errno.
 */
int slo_tracefs_perf_open(int id);

#endif
