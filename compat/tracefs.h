/* SPDX-License-Identifier: Apache-2.0 */
/* Ids and record formats of kernel tracepoints, wherever tracefs is; hosts often do not mount it. */
#ifndef SLO_COMPAT_TRACEFS_H
#define SLO_COMPAT_TRACEFS_H

#include "core/base/err.h"

/* Where it is mounted, if it is: its own place, and the old one below debugfs. */
#define SLO_TRACEFS_PLACES 2
extern const char *const slo_tracefs_places[SLO_TRACEFS_PLACES];

/*
 * Root directory of tracefs, the caller's: below <root> the first of those that is mounted, else on a live host a
 * detached mount, which before 5.2 costs a child each time. Fd, or with @err the errno of the last way tried.
 */
int slo_tracefs_dir(int root, struct slo_err *err);

/*
 * Id of tracepoint @category/@name for perf_event_open(). -ENOENT where this kernel has no such tracepoint, or errors of
 * slo_tracefs_dir(); @err.
 */
int slo_tracefs_event_id(int root, const char *category, const char *name, struct slo_err *err);

/* The same of one that is at hand. Id or -ENOENT, with @err. */
int slo_tracefs_event_id_in(int tracefs, const char *category, const char *name,
                            struct slo_err *err);

/* The text of its format file (which fields its record has, and where), cut to @size - 1. 0, or errors as above. */
int slo_tracefs_format(int root, const char *category, const char *name, char *buf, size_t size,
                       struct slo_err *err);

/* Where @field begins in the record of tracepoint @category/@name, from its format file. -ENOENT where there is none, with @err. */
int slo_tracefs_field_in(int tracefs, const char *category, const char *name, const char *field,
                         struct slo_err *err);

/*
 * Perf event on tracepoint @id that counts nothing and fires programs attached to it on all CPUs. Fd or negative errno.
 */
int slo_tracefs_perf_open(int id);

#endif
