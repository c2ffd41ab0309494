/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes off the wire: KeyValue and AnyValue, read to their end so that what is passed on is known to be whole. */
#ifndef SLO_EXPORT_OTLP_VALUE_H
#define SLO_EXPORT_OTLP_VALUE_H

#include "core/export/llm_request.h"
#include "core/export/wire.h"

/* Where a request broke, and how. at NULL: nowhere yet. */
struct slo_otlp_fault {
	const uint8_t *at;
	const char *why; /* static */
};

/* The first fault stays. -EBADMSG. */
static inline int slo_otlp_bad(struct slo_otlp_fault *fault, const uint8_t *at, const char *why)
{
	if (!fault->at)
		*fault = (struct slo_otlp_fault){ at, why };
	return -EBADMSG;
}

/* slo_wire_next() that notes where it fails. */
static inline int slo_otlp_next(struct slo_otlp_fault *fault, struct slo_wire *w,
                                struct slo_wire_field *f)
{
	const uint8_t *at = w->p;
	int r = slo_wire_next(w, f);

	return r < 0 ? slo_otlp_bad(fault, at, "a field that is cut or broken") : r;
}

/* A field of another type than ours is one that we do not know: it stays as it is. */
static inline bool slo_otlp_is_bytes(const struct slo_wire_field *f, uint32_t number)
{
	return f->number == number && f->type == SLO_WIRE_BYTES;
}

struct slo_otlp_attr_in {
	struct slo_wire key;
	struct slo_otlp_value value;
};

/* One KeyValue. 0 or -EBADMSG with @fault. */
int slo_otlp_read_attr(struct slo_otlp_fault *fault, struct slo_wire w,
                       struct slo_otlp_attr_in *ret);
/* A message of which nothing but its attributes, field @number, is nested. 0 or -EBADMSG with @fault. */
int slo_otlp_check_attrs(struct slo_otlp_fault *fault, struct slo_wire w, uint32_t number);

#endif
