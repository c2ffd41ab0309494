/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON objects against rows of fields: what a schema with additionalProperties false says, and
 * errors that name the field.
 */
#ifndef SLO_CODEC_JSON_FIELDS_H
#define SLO_CODEC_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"

enum slo_json_type {
	SLO_JSON_STRING,
	SLO_JSON_INTEGER,
	SLO_JSON_NUMBER,
	SLO_JSON_OBJECT,
	SLO_JSON_BOOL,
	SLO_JSON_TYPE_MAX_,
};

struct slo_json_field {
	const char *name;
	enum slo_json_type type;
	bool required;
	int64_t min; /* of integers */
	int64_t max;
};

/* Text of the input in a message, cut so that the rest of the message fits. */
#define SLO_JSON_QUOTED "\"%.40s\""

/*
 * Each key known, of its type and in its range; each required one there. 0, or -EINVAL with @err
 * naming the field.
 */
int slo_json_check_object(json_t *object, const struct slo_json_field *fields, size_t count,
                          struct slo_err *err);

/*
 * The same for records of other programs, which may hold more than we read: fields beside @fields
 * are not looked at, and null is as good as absent.
 */
int slo_json_check_fields(const json_t *object, const struct slo_json_field *fields, size_t count,
                          struct slo_err *err);

/* 0 where @v is whole, as JSON Schema's "integer" has it (3.0 is 3), else -EINVAL. */
int slo_json_to_i64(const json_t *v, int64_t *ret);

/* Of a checked object; absent is 0 or "". The string is borrowed from @object. */
int64_t slo_json_get_i64(const json_t *object, const char *key);
const char *slo_json_get_str(const json_t *object, const char *key);

/*
 * Nanoseconds of the milliseconds @v; exact for integers, else to 2^51 ns. @name is for @err. 0 or
 * -EINVAL.
 */
int slo_json_ms_to_ns(const char *name, const json_t *v, uint64_t *ret_ns, struct slo_err *err);

/*
 * Copies UTF-8 @text and fills the rest with zeros; cut between characters where it is too long.
 * U+FFFD becomes the byte 0xff, which is what our writer made it of: so a name of bytes that are
 * not UTF-8 fits again, and prints the same again.
 */
void slo_json_copy_text(char *to, size_t size, const char *text);

#endif
