/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/JSON to protobuf's bytes, by tables of fields, so that one path reads both. Messages are written from their end to
 * their beginning: a length is known when its place is reached. Fields that we do not know are passed over, as the
 * protocol asks of receivers of JSON.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "core/codec/json_load.h"
#include "core/export/otlp_batch_parts.h"
#include "core/export/otlp_json_fields.h"

#define DEPTH_MAX \
	100 /* messages; a value nested too deeply is refused below that, by otlp_parse.c */
#define VALUES_MAX \
	((size_t)1 \
	 << 18) /* of JSON, whose objects cost some 200 bytes each: 3,000 spans and more */

/* --- writing backwards ----------------------------------------------------------------------------------------- */

/* Where a value stands, for errors: a list from it up to the request. */
struct place {
	const struct place *up;
	const char *name;
	size_t index; /* + 1; 0: no element of an array */
};

struct writer {
	uint8_t *begin, *p; /* what is written lies from p on */
	struct slo_err *err;
};

static int fail(const struct writer *w, const struct place *at, const char *what)
{
	char path[160] = "";
	size_t used = sizeof(path) - 1;

	/* From its end too: the innermost names tell most. */
	for (; at && at->name; at = at->up) {
		char part[64];
		int n = at->index
		                ? snprintf(part, sizeof(part), "%s[%zu].", at->name, at->index - 1)
		                : snprintf(part, sizeof(part), "%s.", at->name);

		if (n < 0 || (size_t)n > used)
			break;
		used -= (size_t)n;
		memcpy(path + used, part, (size_t)n);
	}
	path[sizeof(path) - 1] = '\0';
	if (path[used])
		path[sizeof(path) - 2] = '\0';
	return slo_err_set(w->err, -EBADMSG, "%s: %s", path[used] ? path + used : "the request",
	                   what);
}

static uint8_t *room(struct writer *w, size_t len)
{
	assert((size_t)(w->p - w->begin) >= len);
	w->p -= len;
	return w->p;
}

static void put_varint(struct writer *w, uint64_t v)
{
	(void)slo_wire_put_varint(room(w, slo_wire_varint_size(v)), v);
}

static void put_tag(struct writer *w, const struct slo_otlp_json_field *f, enum slo_wire_type type)
{
	put_varint(w, (uint64_t)f->number << 3 | (uint64_t)type);
}

/* Length and tag of what lies from the present place up to @end. */
static void put_head(struct writer *w, const struct slo_otlp_json_field *f, const uint8_t *end)
{
	put_varint(w, (uint64_t)(end - w->p));
	put_tag(w, f, SLO_WIRE_BYTES);
}

static void put_number(struct writer *w, const struct slo_otlp_json_field *f, uint64_t v)
{
	put_varint(w, v);
	put_tag(w, f, SLO_WIRE_VARINT);
}

static void put_fixed64(struct writer *w, const struct slo_otlp_json_field *f, uint64_t v)
{
	(void)slo_wire_put_fixed64(room(w, 8), v);
	put_tag(w, f, SLO_WIRE_FIXED64);
}

/* --- values ---------------------------------------------------------------------------------------------------- */

/* A whole number, as JSON's number or as text of digits. */
static int to_integer(const json_t *v, bool is_signed, uint64_t *ret)
{
	const char *text = json_string_value(v);
	double real = json_real_value(v);
	char *end;

	if (json_is_integer(v)) {
		if (!is_signed && json_integer_value(v) < 0)
			return -EINVAL;
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	if (json_is_real(v)) {
		if (real != floor(real) || fabs(real) > 9007199254740992.0 ||
		    (!is_signed && real < 0))
			return -EINVAL;
		*ret = (uint64_t)(int64_t)real;
		return 0;
	}
	if (!text || !*text || (!is_signed && *text == '-') || !strchr("-0123456789", *text))
		return -EINVAL;
	errno = 0;
	*ret = is_signed ? (uint64_t)strtoll(text, &end, 10) : strtoull(text, &end, 10);
	return errno || *end || end != text + json_string_length(v) ? -EINVAL : 0;
}

static int put_integer(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                       const struct place *at)
{
	uint64_t n;

	if (to_integer(v, f->type == SLO_OTLP_JSON_INT64, &n) < 0)
		return fail(w, at,
		            f->type == SLO_OTLP_JSON_INT64 ? "no whole number of 64 bits"
		                                           : "no whole number from 0");
	if ((f->type == SLO_OTLP_JSON_UINT32 || f->type == SLO_OTLP_JSON_FIXED32) && n > UINT32_MAX)
		return fail(w, at, "above 32 bits");
	if (f->type == SLO_OTLP_JSON_FIXED64) {
		put_fixed64(w, f, n);
	} else if (f->type == SLO_OTLP_JSON_FIXED32) {
		uint32_t le = htole32((uint32_t)n);

		memcpy(room(w, sizeof(le)), &le, sizeof(le));
		put_tag(w, f, SLO_WIRE_FIXED32);
	} else {
		put_number(w, f, n);
	}
	return 0;
}

static int put_double(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                      const struct place *at)
{
	const char *text = json_string_value(v);
	double d = json_number_value(v);
	uint64_t bits;
	char *end;

	if (text) {
		d = strtod(text, &end);
		if (!*text || *end)
			return fail(w, at, "no number");
	} else if (!json_is_number(v)) {
		return fail(w, at, "no number");
	}
	memcpy(&bits, &d, sizeof(bits));
	put_fixed64(w, f, bits);
	return 0;
}

static int put_enum(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                    const struct place *at)
{
	const char *text = json_string_value(v);
	uint64_t n;

	for (size_t i = 0; text && f->names[i]; i++) {
		if (strcmp(text, f->names[i]) == 0) {
			put_number(w, f, i);
			return 0;
		}
	}
	if (to_integer(v, false, &n) < 0 || n > INT32_MAX)
		return fail(w, at, "neither a number nor one of its names");
	put_number(w, f, n);
	return 0;
}

static int put_text(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                    const struct place *at)
{
	const uint8_t *end = w->p;
	size_t len = json_string_length(v);

	if (!json_is_string(v))
		return fail(w, at, "no string");
	memcpy(room(w, len), json_string_value(v), len);
	put_head(w, f, end);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int put_hex(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                   const struct place *at)
{
	const char *text = json_string_value(v);
	const uint8_t *end = w->p;
	size_t len = json_string_length(v);
	uint8_t *p;

	if (!text || len % 2)
		return fail(w, at, "no string of hex digits, two a byte");
	p = room(w, len / 2);
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return fail(w, at, "no hex digits; OTLP has ids in hex, not in base64");
		p[i / 2] = (uint8_t)(high << 4 | low);
	}
	put_head(w, f, end);
	return 0;
}

/* Of both alphabets, URLs' too. */
static int base64_digit(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found;

	if (c == '-')
		c = '+';
	if (c == '_')
		c = '/';
	found = c ? strchr(alphabet, c) : NULL;
	return found ? (int)(found - alphabet) : -1;
}

static int put_base64(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                      const struct place *at)
{
	const char *text = json_string_value(v);
	const uint8_t *end = w->p;
	size_t len = json_string_length(v);
	unsigned int bits = 0, held = 0;
	uint8_t *p;

	while (len && text[len - 1] == '=')
		len--;
	if (!text || len % 4 == 1)
		return fail(w, at, "no base64");
	p = room(w, len * 3 / 4);
	for (size_t i = 0; i < len; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return fail(w, at, "no base64");
		held = held << 6 | (unsigned int)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*p++ = (uint8_t)(held >> bits);
		}
	}
	put_head(w, f, end);
	return 0;
}

static int put_bool(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                    const struct place *at)
{
	if (!json_is_boolean(v))
		return fail(w, at, "neither true nor false");
	put_number(w, f, json_is_true(v));
	return 0;
}

/* --- messages -------------------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(misc-no-recursion): bounded by DEPTH_MAX. */

static int put_object(struct writer *w, const struct slo_otlp_json_field *fields,
                      const json_t *object, const struct place *at, unsigned int depth);

static int put_value(struct writer *w, const struct slo_otlp_json_field *f, const json_t *v,
                     const struct place *at, unsigned int depth)
{
	const uint8_t *end = w->p;
	int r;

	switch (f->type) {
	case SLO_OTLP_JSON_TEXT:
		return put_text(w, f, v, at);
	case SLO_OTLP_JSON_HEX:
		return put_hex(w, f, v, at);
	case SLO_OTLP_JSON_BASE64:
		return put_base64(w, f, v, at);
	case SLO_OTLP_JSON_FIXED64:
	case SLO_OTLP_JSON_FIXED32:
	case SLO_OTLP_JSON_UINT32:
	case SLO_OTLP_JSON_INT64:
		return put_integer(w, f, v, at);
	case SLO_OTLP_JSON_BOOL:
		return put_bool(w, f, v, at);
	case SLO_OTLP_JSON_DOUBLE:
		return put_double(w, f, v, at);
	case SLO_OTLP_JSON_ENUM:
		return put_enum(w, f, v, at);
	case SLO_OTLP_JSON_MESSAGE:
	default:
		r = put_object(w, f->fields, v, at, depth + 1);
		if (r == 0)
			put_head(w, f, end);
		return r;
	}
}

static int put_array(struct writer *w, const struct slo_otlp_json_field *f, const json_t *array,
                     struct place *at, unsigned int depth)
{
	int r;

	if (!json_is_array(array))
		return fail(w, at, "no array");
	for (size_t i = json_array_size(array); i > 0; i--) {
		at->index = i;
		r = put_value(w, f, json_array_get(array, i - 1), at, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_object(struct writer *w, const struct slo_otlp_json_field *fields,
                      const json_t *object, const struct place *at, unsigned int depth)
{
	const struct slo_otlp_json_field *f = fields;
	int r;

	if (!json_is_object(object))
		return fail(w, at, "no object");
	if (depth == DEPTH_MAX)
		return fail(w, at, "nested too deeply");
	while (f->name)
		f++;
	while (f-- > fields) {
		const json_t *v = json_object_get(object, f->name);
		struct place here = { at, f->name, 0 };

		if (!v || json_is_null(v))
			continue;
		r = f->repeated ? put_array(w, f, v, &here, depth)
		                : put_value(w, f, v, &here, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

/* NOLINTEND(misc-no-recursion) */

/* --- the request ----------------------------------------------------------------------------------------------- */

/* Values in the text, or a few more: before a parser that makes objects of them. */
static size_t count_values(const char *text, size_t len)
{
	size_t values = 1;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			in_string = !in_string;
		else if (!in_string && (text[i] == ',' || text[i] == '{' || text[i] == '['))
			values++;
	}
	return values;
}

/*
 * Names and brackets of JSON take more than tags and lengths of protobuf, but for strings of 16 KiB and more in an array:
 * they take one byte less.
 */
static size_t enough_for(size_t text_len)
{
	return text_len + text_len / 4096 + 64;
}

static int to_bytes(const json_t *root, size_t text_len, uint8_t **ret, size_t *ret_len,
                    struct slo_err *err)
{
	size_t size = enough_for(text_len);
	uint8_t *buf = malloc(size), *out = NULL;
	struct writer w = { buf, buf ? buf + size : NULL, err };
	size_t len = 0;
	int r = -ENOMEM;

	if (buf)
		r = put_object(&w, slo_otlp_json_request, root, NULL, 0);
	if (r == 0) {
		len = (size_t)(buf + size - w.p);
		out = malloc(len + 1);
		r = out ? 0 : -ENOMEM;
	}
	if (r == 0) {
		*ret = memcpy(out, w.p, len);
		*ret_len = len;
	}
	free(buf);
	return r == -ENOMEM ? slo_err_set(err, r, "no memory for a request of %zu bytes", text_len)
	                    : r;
}

static int read_text(const char *text, size_t len, uint8_t **ret, size_t *ret_len,
                     struct slo_err *err)
{
	json_t *root = NULL;
	json_error_t why;
	int r;

	if (len > SLO_OTLP_BODY_MAX)
		return slo_err_set(err, -E2BIG,
		                   "%zu bytes are too many for one request, send at most %u", len,
		                   SLO_OTLP_BODY_MAX);
	if (count_values(text, len) > VALUES_MAX) {
		return slo_err_set(err, -E2BIG,
		                   "more than %zu JSON values in one request: send smaller "
		                   "batches, or send protobuf",
		                   VALUES_MAX);
	}
	r = slo_json_load(&root, text, len, JSON_ALLOW_NUL, &why);
	if (r == -ENOMEM)
		return slo_err_set(err, r, "no memory for a request of %zu bytes", len);
	if (r < 0)
		return slo_err_set(err, -EBADMSG, "no JSON: %s in line %d, column %d", why.text,
		                   why.line, why.column);
	r = to_bytes(root, len, ret, ret_len, err);
	json_decref(root);
	return r;
}

int slo_otlp_batch_parse_json(struct slo_otlp_batch **ret, const char *text, size_t len,
                              struct slo_err *err)
{
	uint8_t *body;
	size_t body_len;
	int r = read_text(text, len, &body, &body_len, err);

	if (r < 0)
		return r;
	r = slo_otlp_batch_parse(ret, body, body_len, err);
	if (r < 0)
		free(body);
	return r;
}
