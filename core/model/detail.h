/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of detail{}: one row each. JSON is written, read and documented from these rows. */
#ifndef SLO_MODEL_DETAIL_H
#define SLO_MODEL_DETAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/event.h"

enum slo_detail_type {
	SLO_DETAIL_CODED, /* written and read by code of its own; the row documents it */
	SLO_DETAIL_U32,
	SLO_DETAIL_U64,
	SLO_DETAIL_MS, /* uint64_t of ns; absent where 0 */
	SLO_DETAIL_TRUE, /* bool; absent where false */
	SLO_DETAIL_ENUM, /* uint32_t, a name of @names */
	SLO_DETAIL_TEXT, /* char[@size]; absent where "" */
	SLO_DETAIL_TYPE_MAX_,
};

struct slo_detail_field {
	uint64_t signals; /* SLO_SIG_BIT of each that may carry it */
	const char *key;
	const char *help; /* one line: meaning and unit */
	enum slo_detail_type type;
	size_t offset; /* in struct slo_probe_event; not of CODED */
	const char *const *names; /* ENUM */
	uint32_t max; /* ENUM: number of names; TEXT: bytes with the NUL */
	bool aggregates; /* stands in histograms and counts too: it is part of their key */
	bool optional; /* numbers: absent where 0; ENUM: absent where 0 */
	bool hooked; /* only a kernel hook can tell: absent where the kernel's counters were read */
	bool is_name; /* left out with [privacy] names = off */
};

/* All rows; those of one signal stand in the order in which they are written. */
const struct slo_detail_field *slo_detail_fields(size_t *ret_count);

/* Whether the field stands in a record of this signal and kind. */
bool slo_detail_applies(const struct slo_detail_field *f, const struct slo_probe_event *ev);

#endif
