/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validates JSON values against a schema of JSON Schema 2020-12, compiled once. The subset is what our own schemas
 * use; a keyword outside it is refused when the schema is compiled, so none is silently ignored:
 *
 *   type enum const | properties required additionalProperties minProperties maxProperties |
 *   items prefixItems minItems maxItems uniqueItems | minLength maxLength pattern format |
 *   minimum maximum exclusiveMinimum exclusiveMaximum | allOf anyOf oneOf not if then else | $ref $defs
 *
 * $ref is "#" or "#/$defs/NAME". format is "date-time" (RFC 3339) and is asserted. Annotations ($schema $id $comment
 * title description default examples deprecated readOnly writeOnly) may stand anywhere. pattern: schema_check_pattern.h.
 */
#ifndef SLO_CODEC_SCHEMA_CHECK_H
#define SLO_CODEC_SCHEMA_CHECK_H

#include <jansson.h>
#include <stddef.h>

#include "core/base/err.h"

#define SLO_SCHEMA_CHECK_NODES_MAX 4096 /* subschemas of one schema */
#define SLO_SCHEMA_CHECK_FIELDS_MAX 1024 /* properties of one subschema */
#define SLO_SCHEMA_CHECK_REQUIRED_MAX 64 /* required properties of one subschema */
#define SLO_SCHEMA_CHECK_DEPTH_MAX \
	64 /* of subschemas within each other, and of values within each other */
/* Subschemas looked at for one value; 20 million take about a second. What needs more is called invalid. */
#define SLO_SCHEMA_CHECK_STEPS_MAX 20000000

struct slo_schema_check;

/*
 * Keeps a reference to @schema, which must not be changed. 0, -ENOMEM, or -EINVAL with @err naming the place by its
 * JSON pointer: "#/properties/pid/minimum: ...".
 */
int slo_schema_check_compile(struct slo_schema_check **ret, json_t *schema, struct slo_err *err);
/* The same of JSON text; -EINVAL also where that is no JSON: "line 3: ...". */
int slo_schema_check_compile_text(struct slo_schema_check **ret, const char *text, size_t len,
                                  struct slo_err *err);
/* NULL-safe, sets *check = NULL. */
void slo_schema_check_freep(struct slo_schema_check **check);
#define slo_schema_check_auto slo_cleanup(slo_schema_check_freep)

/*
 * 0 where @value is valid; else -EINVAL, and @err (may be NULL) tells the first finding after the JSON pointer of its
 * place: "/conn_tuple/src_port: 70000 is above 65535". The whole value is called "(top)". No allocation, but by
 * pattern's regexec() and uniqueItems' comparisons.
 */
int slo_schema_check_run(const struct slo_schema_check *check, const json_t *value,
                         struct slo_err *err);

#endif
