/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/json_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* 2^53: integers up to it are exact as doubles. */
#define EXACT_MAX 9007199254740992.0
/* 2^63 */
#define NS_LIMIT 9223372036854775808.0

static const char *const type_names[] = {
	[SLO_JSON_STRING] = "a string",    [SLO_JSON_INTEGER] = "an integer",
	[SLO_JSON_NUMBER] = "a number",    [SLO_JSON_OBJECT] = "an object",
	[SLO_JSON_BOOL] = "true or false",
};
SLO_TABLE_COMPLETE(type_names, SLO_JSON_TYPE_MAX_);

int slo_json_to_i64(const json_t *v, int64_t *ret)
{
	double d;

	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return 0;
	}
	d = json_real_value(v);
	if (!json_is_real(v) || !(d >= -EXACT_MAX && d <= EXACT_MAX) || d != (double)(int64_t)d)
		return -EINVAL;
	*ret = (int64_t)d;
	return 0;
}

static int check_value(const struct slo_json_field *f, const json_t *v, struct slo_err *err)
{
	int64_t n = 0;
	bool fits = false;

	assert(f->type < SLO_JSON_TYPE_MAX_);
	switch (f->type) {
	case SLO_JSON_STRING:
		fits = json_is_string(v);
		break;
	case SLO_JSON_INTEGER:
		fits = slo_json_to_i64(v, &n) == 0;
		break;
	case SLO_JSON_NUMBER:
		fits = json_is_number(v);
		break;
	case SLO_JSON_OBJECT:
		fits = json_is_object(v);
		break;
	case SLO_JSON_BOOL:
		fits = json_is_boolean(v);
		break;
	case SLO_JSON_TYPE_MAX_:
		break;
	}
	if (!fits) {
		return slo_err_set(err, -EINVAL, "field \"%s\" is not %s", f->name,
		                   type_names[f->type]);
	}
	if (f->type == SLO_JSON_INTEGER && (n < f->min || n > f->max)) {
		return slo_err_set(err, -EINVAL,
		                   "field \"%s\": %" PRId64 " is outside %" PRId64 " to %" PRId64,
		                   f->name, n, f->min, f->max);
	}
	return 0;
}

static const struct slo_json_field *find_field(const struct slo_json_field *fields, size_t count,
                                               const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

int slo_json_check_object(json_t *object, const struct slo_json_field *fields, size_t count,
                          struct slo_err *err)
{
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		const char *key = json_object_iter_key(it);
		const json_t *value = json_object_iter_value(it);
		const struct slo_json_field *f = find_field(fields, count, key);
		int r;

		if (!f) {
			return slo_err_set(
				err, -EINVAL, "unknown field " SLO_JSON_QUOTED "%s", key,
				find_field(fields, count, "detail")
					? "; facts of a signal's own belong into \"detail\""
					: "");
		}
		r = check_value(f, value, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < count; i++) {
		if (fields[i].required && !json_object_get(object, fields[i].name)) {
			return slo_err_set(err, -EINVAL, "required field \"%s\" is missing",
			                   fields[i].name);
		}
	}
	return 0;
}

int slo_json_check_fields(const json_t *object, const struct slo_json_field *fields, size_t count,
                          struct slo_err *err)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *v = json_object_get(object, fields[i].name);
		int r = 0;

		if (v && !json_is_null(v))
			r = check_value(&fields[i], v, err);
		else if (fields[i].required)
			r = slo_err_set(err, -EINVAL, "required field \"%s\" is missing",
			                fields[i].name);
		if (r < 0)
			return r;
	}
	return 0;
}

int64_t slo_json_get_i64(const json_t *object, const char *key)
{
	int64_t v = 0;
	const json_t *value = json_object_get(object, key);

	if (value)
		(void)slo_json_to_i64(value, &v);
	return v;
}

const char *slo_json_get_str(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

int slo_json_ms_to_ns(const char *name, const json_t *v, uint64_t *ret_ns, struct slo_err *err)
{
	double ns = json_number_value(v) * 1e6;

	if (!json_is_number(v))
		return slo_err_set(err, -EINVAL, "field \"%s\" is not a number", name);
	if (!(ns >= 0 && ns < NS_LIMIT)) {
		return slo_err_set(err, -EINVAL,
		                   "field \"%s\": %g ms is not within 0 and 292 years", name,
		                   json_number_value(v));
	}
	if (json_is_integer(v)) {
		*ret_ns = (uint64_t)json_integer_value(v) * 1000000;
	} else {
		*ret_ns = (uint64_t)(ns + 0.5);
	}
	return 0;
}

void slo_json_copy_text(char *to, size_t size, const char *text)
{
	size_t n = 0;

	while (*text) {
		size_t len = 1;

		if (strncmp(text, "\xef\xbf\xbd", 3) == 0) {
			if (n + 1 >= size)
				break;
			to[n++] = '\xff';
			text += 3;
			continue;
		}
		while (((unsigned char)text[len] & 0xc0) == 0x80)
			len++;
		if (n + len >= size)
			break;
		memcpy(to + n, text, len);
		n += len;
		text += len;
	}
	memset(to + n, 0, size - n);
}
