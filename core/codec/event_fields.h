/* SPDX-License-Identifier: Apache-2.0 */
/* A probe event field by field, under the names and in the order of its JSON line: what every way out is made of. */
#ifndef SLO_CODEC_EVENT_FIELDS_H
#define SLO_CODEC_EVENT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/codec/event_json.h"

/* What is made of them. Keys are static; strings are borrowed during the call. @to: the caller's. */
struct slo_event_fields {
	/* Those up to end() are @key's: one level deep. Perhaps there are none. */
	void (*begin)(void *to, const char *key);
	void (*end)(void *to);
	void (*name)(void *to, const char *key, const char *s,
	             size_t n); /* of our tables: ASCII that needs no escape */
	void (*text)(void *to, const char *key, const char *s, size_t n); /* any bytes */
	void (*number)(void *to, const char *key, uint64_t v);
	void (*decimal)(void *to, const char *key, int64_t v,
	                unsigned int decimals); /* v / 10^decimals; 0: an integer */
	void (*real)(void *to, const char *key, double v);
	void (*truth)(void *to, const char *key, bool v);
};

/*
 * @names NULL: neither when it was nor whose it is, for records that say so elsewhere. 0, or -EDOM or -EINVAL as
 * slo_event_json_write(), before any call.
 */
int slo_event_fields(const struct slo_event_fields *fields, void *to,
                     const struct slo_probe_event *ev, enum slo_status status,
                     const struct slo_event_names *names, const struct slo_event_json_options *opt);

#endif
