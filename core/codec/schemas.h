/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our JSON Schemas, embedded at build time. Adding one is a file in core/codec/schema, a label in
 * schemas.S and a row.
 */
#ifndef SLO_CODEC_SCHEMAS_H
#define SLO_CODEC_SCHEMAS_H

#include <stddef.h>

struct slo_schema {
	const char *name; /* "probe-event.v1beta1": what `schema print` takes */
	const char *help; /* one line */
	const char *text; /* the JSON document, NUL-terminated, ends in a newline */
};

/* Row @i, or NULL past the last. */
const struct slo_schema *slo_schema_at(size_t i);

/* The text of the schema @name, or NULL where there is none of that name. */
const char *slo_schema_get(const char *name);

#endif
