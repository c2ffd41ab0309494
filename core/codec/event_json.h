/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe events as JSON lines: the writer that every path out uses, and the reader that replays what
 * it wrote.
 *
 * write -> read -> write gives the same line for every kind of event, provided the caller gives the
 * same names, status and options. What a line says and struct slo_probe_event cannot hold is
 * checked and then dropped by the reader: node, namespace, pod, container, container_id, pod_uid,
 * status, confidence, ids that are not as W3C writes them, and the percentiles of a histogram (they
 * are computed again from its slots).
 */
#ifndef SLO_CODEC_EVENT_JSON_H
#define SLO_CODEC_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "core/model/event.h"

/* Whose the event is. Borrowed during the call; "" where unknown, never NULL. */
struct slo_event_names {
	const char *node;
	const char *namespace_;
	const char *pod;
	const char *container; /* "": the first 12 characters of @container_id stand in */
	const char *container_id;
	const char *pod_uid;
};

struct slo_event_json_options {
	bool v1alpha1; /* only the fields of the earlier schema: no source, detail, ... */
	bool names; /* print DNS names; off is [privacy] names = off */
};

/* Holds any line whose names are no longer than Kubernetes allows (253 bytes each). */
#define SLO_EVENT_JSON_MAX 8192

/* A longer line is not an event. */
#define SLO_EVENT_JSON_LINE_MAX (1U << 20)

/*
 * Keys of detail{} that any signal may carry, comma separated; the others stand in the signal's
 * row. All but the first two belong to histograms: `slots` is "slot:count,..." (struct slo_hist),
 * `worst_*` whose the largest value was.
 */
extern const char slo_event_common_detail[];

/*
 * Writes @ev, a newline and a NUL (not counted) to @buf. Length of the line; -ENOSPC where @size is
 * too small; -EDOM where the value is not a number; -EINVAL where an enum of @ev or @status is out
 * of range. @status is the caller's because thresholds of windowed signals need more than one
 * event. Times past the year 2262 are printed as that.
 */
ssize_t slo_event_json_write(char *buf, size_t size, const struct slo_probe_event *ev,
                             enum slo_status status, const struct slo_event_names *names,
                             const struct slo_event_json_options *opt);

/*
 * The reader, a slo_event_parse_fn of core/backend.h, for v1alpha1 and v1beta1 lines. @line need
 * not be terminated. start_ns is CLOCK_REALTIME with realtime_offset_ns 0; `replayed` is what the
 * line says of itself (the replay backend sets it). Milliseconds are exact up to 2^51 ns (26 days).
 * Unknown keys of detail{} are skipped, any other unknown field is an error, as the schema has it.
 *
 * 0; -ENODATA for a blank line; -EMSGSIZE for a line above SLO_EVENT_JSON_LINE_MAX; -EBADMSG where
 * it is not JSON; -EINVAL where it is not a probe event, with @err naming the field; -ENOMEM.
 * *@ret_ev changes only on success.
 */
int slo_event_json_parse(const char *line, size_t len, struct slo_probe_event *ret_ev,
                         struct slo_err *err);

#endif
