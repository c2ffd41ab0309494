/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/codec/record_time.h"
#include "core/codec/schema_check_node.h"

/* Where a value stands: a pointer from the inside out, printed only where something is wrong. */
struct place {
	const struct place *up;
	const char *key; /* NULL: @index of an array */
	size_t index;
	unsigned int depth;
	uint64_t *steps; /* taken for the whole value: alternatives within alternatives multiply */
};

#define TEXT_MAX 120 /* of a pointer in a message, with the NUL */

static int run(const struct slo_schema_node *n, const json_t *v, const struct place *at,
               struct slo_err *err);

/* --- messages ------------------------------------------------------------------------------------------------ */

/* RFC 6901: "/" in a key is ~1, "~" is ~0. */
static size_t print_key(char *buf, size_t size, const char *key)
{
	size_t n = 0;

	for (; *key && n + 3 < size && n < 60; key++) {
		if (*key == '~' || *key == '/') {
			buf[n++] = '~';
			buf[n++] = *key == '~' ? '0' : '1';
		} else {
			buf[n++] = *key;
		}
	}
	buf[n] = '\0';
	return n;
}

static void print_place(const struct place *at, char buf[TEXT_MAX])
{
	const struct place *way[SLO_SCHEMA_CHECK_DEPTH_MAX + 2];
	size_t n = 0, len = 0;

	for (; at->up && n < SLO_ARRAY_SIZE(way); at = at->up)
		way[n++] = at;
	(void)snprintf(buf, TEXT_MAX, "(top)");
	while (n-- > 0 && len + 24 < TEXT_MAX) {
		if (way[n]->key) {
			buf[len++] = '/';
			len += print_key(buf + len, TEXT_MAX - len, way[n]->key);
		} else {
			len += (size_t)snprintf(buf + len, TEXT_MAX - len, "/%zu", way[n]->index);
		}
	}
}

/* Nothing is formatted where nobody reads: most schemas of an anyOf fail. */
#define invalid(err, at, ...)                                             \
	({                                                                \
		if (err) {                                                \
			char _where[TEXT_MAX];                            \
			print_place((at), _where);                        \
			(void)slo_err_set((err), -EINVAL, __VA_ARGS__);   \
			(void)slo_err_wrap((err), -EINVAL, "%s", _where); \
		}                                                         \
		-EINVAL;                                                  \
	})

static const char *const kinds[] = {
	[JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_TRUE] = "true",
	[JSON_FALSE] = "false",      [JSON_NULL] = "null",
};

/* A value in a few words. */
static const char *show(const json_t *v, char *buf, size_t size)
{
	if (json_is_string(v))
		(void)snprintf(buf, size, "\"%.40s\"", json_string_value(v));
	else if (json_is_integer(v))
		(void)snprintf(buf, size, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		(void)snprintf(buf, size, "%.15g", json_real_value(v));
	else
		(void)snprintf(buf, size, "%s", kinds[json_typeof(v)]);
	return buf;
}

/* --- types and equality -------------------------------------------------------------------------------------- */

static unsigned int types_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_NULL:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_NULL);
	case JSON_TRUE:
	case JSON_FALSE:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_BOOLEAN);
	case JSON_INTEGER:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_INTEGER) |
		       SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_NUMBER);
	case JSON_REAL:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_NUMBER) |
		       (json_real_value(v) == trunc(json_real_value(v))
		                ? SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_INTEGER)
		                : 0);
	case JSON_STRING:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_STRING);
	case JSON_ARRAY:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_ARRAY);
	case JSON_OBJECT:
		return SLO_SCHEMA_TYPE_BIT(SLO_SCHEMA_OBJECT);
	}
	return 0;
}

static long double number_of(const json_t *v)
{
	return json_is_integer(v) ? (long double)json_integer_value(v)
	                          : (long double)json_real_value(v);
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the shallower of both values, which a parser bounds. */
static bool equal_arrays(const json_t *a, const json_t *b)
{
	if (json_array_size(a) != json_array_size(b))
		return false;
	for (size_t i = 0; i < json_array_size(a); i++) {
		if (!slo_schema_equal(json_array_get(a, i), json_array_get(b, i)))
			return false;
	}
	return true;
}

static bool equal_objects(const json_t *a, const json_t *b)
{
	if (json_object_size(a) != json_object_size(b))
		return false;
	for (void *it = json_object_iter((json_t *)(uintptr_t)a); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)a, it)) {
		const json_t *other = json_object_get(b, json_object_iter_key(it));

		if (!other || !slo_schema_equal(json_object_iter_value(it), other))
			return false;
	}
	return true;
}

/* Depth: that of values was checked, or is bounded by that of the schema. */
bool slo_schema_equal(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return number_of(a) == number_of(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_string(a))
		return json_string_length(a) == json_string_length(b) &&
		       memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) ==
		               0;
	if (json_is_array(a))
		return equal_arrays(a, b);
	return json_is_object(a) ? equal_objects(a, b) : true;
}

/* NOLINTEND(misc-no-recursion) */

static int check_types(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                       struct slo_err *err)
{
	char shown[64], allowed[96] = "";
	size_t len = 0;

	if (!n->types || (n->types & types_of(v)))
		return 0;
	if (!err)
		return -EINVAL;
	for (unsigned int t = 0; t < SLO_SCHEMA_TYPE_MAX_; t++) {
		if ((n->types & SLO_SCHEMA_TYPE_BIT(t)) && len < sizeof(allowed))
			len += (size_t)snprintf(allowed + len, sizeof(allowed) - len, "%s%s",
			                        len ? " or " : "", slo_schema_type_names[t]);
	}
	return invalid(err, at, "%s, expected %s", show(v, shown, sizeof(shown)), allowed);
}

static int check_choices(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                         struct slo_err *err)
{
	char shown[64], one[64], all[120] = "";
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(n->choices); i++) {
		if (slo_schema_equal(json_array_get(n->choices, i), v))
			return 0;
	}
	if (!err)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(n->choices) && len < sizeof(all); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "",
		                        show(json_array_get(n->choices, i), one, sizeof(one)));
	return invalid(err, at, "%s is none of %s", show(v, shown, sizeof(shown)), all);
}

/* --- one kind of value --------------------------------------------------------------------------------------- */

static int check_limit(const struct slo_schema_bound *b, const json_t *v, bool upper,
                       const struct place *at, struct slo_err *err)
{
	long double x = number_of(v);
	char shown[64];

	if (!b->set || (b->open ? (upper ? x < b->value : x > b->value)
	                        : (upper ? x <= b->value : x >= b->value)))
		return 0;
	return invalid(err, at, "%s is %s%.17Lg", show(v, shown, sizeof(shown)),
	               b->open ? (upper ? "not below " : "not above ")
	                       : (upper ? "above " : "below "),
	               b->value);
}

static int check_number(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                        struct slo_err *err)
{
	int r = check_limit(&n->min, v, false, at, err);

	if (r == 0)
		r = check_limit(&n->max, v, true, at, err);
	if (r == 0)
		r = check_limit(&n->open_min, v, false, at, err);
	return r ? r : check_limit(&n->open_max, v, true, at, err);
}

static int check_count(const struct slo_schema_bound *min, const struct slo_schema_bound *max,
                       size_t count, const char *what, const struct place *at, struct slo_err *err)
{
	if (min->set && (long double)count < min->value)
		return invalid(err, at, "%zu %s, at least %.0Lf are needed", count, what,
		               min->value);
	if (max->set && (long double)count > max->value)
		return invalid(err, at, "%zu %s, at most %.0Lf are allowed", count, what,
		               max->value);
	return 0;
}

static size_t characters(const json_t *v)
{
	const char *s = json_string_value(v);
	size_t n = 0;

	for (size_t i = 0; i < json_string_length(v); i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static int check_string(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                        struct slo_err *err)
{
	char shown[64];
	int64_t ns;
	int r = 0;

	if (n->min_length.set || n->max_length.set)
		r = check_count(&n->min_length, &n->max_length, characters(v), "characters", at,
		                err);
	if (r < 0)
		return r;
	if (n->pattern_text && regexec(&n->pattern, json_string_value(v), 0, NULL, 0) != 0)
		return invalid(err, at, "%s does not match %.80s", show(v, shown, sizeof(shown)),
		               n->pattern_text);
	/* -ERANGE is a time that our clocks cannot hold, but a time. */
	if (n->date_time && slo_record_time_parse(json_string_value(v), &ns, NULL) == -EINVAL)
		return invalid(err, at, "%s is no date-time (RFC 3339)",
		               show(v, shown, sizeof(shown)));
	return 0;
}

static int check_unique(const json_t *v, const struct place *at, struct slo_err *err)
{
	for (size_t i = 1; i < json_array_size(v); i++) {
		for (size_t j = 0; j < i; j++) {
			if (slo_schema_equal(json_array_get(v, i), json_array_get(v, j)))
				return invalid(err, at, "items %zu and %zu are the same", j, i);
		}
	}
	return 0;
}

/* NOLINTBEGIN(misc-no-recursion): bounded by SLO_SCHEMA_CHECK_DEPTH_MAX and by circles being refused. */
static int check_array(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                       struct slo_err *err)
{
	int r = check_count(&n->min_items, &n->max_items, json_array_size(v), "items", at, err);

	for (size_t i = 0; r == 0 && i < json_array_size(v); i++) {
		const struct slo_schema_node *item =
			i < n->prefix.count ? n->prefix.node[i] : n->items;
		const struct place inner = { at, NULL, i, at->depth + 1, at->steps };

		if (item)
			r = run(item, json_array_get(v, i), &inner, err);
	}
	return r == 0 && n->unique ? check_unique(v, at, err) : r;
}

static int check_missing(const struct slo_schema_node *n, uint64_t seen, const struct place *at,
                         struct slo_err *err)
{
	for (size_t i = 0; err && i < n->field_count; i++) {
		if (n->field[i].required & ~seen)
			return invalid(err, at, "required property \"%.60s\" is missing",
			               n->field[i].name);
	}
	return -EINVAL;
}

static int check_object(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                        struct slo_err *err)
{
	uint64_t seen = 0;
	int r = 0;

	for (void *it = json_object_iter((json_t *)(uintptr_t)v); it && r == 0;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
		const char *key = json_object_iter_key(it);
		const struct slo_schema_field *f = slo_schema_field_find(n, key);
		const struct slo_schema_node *node = f && f->node ? f->node : n->additional;
		const struct place inner = { at, key, 0, at->depth + 1, at->steps };

		if (f)
			seen |= f->required;
		if (!node)
			continue;
		if (node->never && node == n->additional)
			r = invalid(err, &inner, "unknown property");
		else
			r = run(node, json_object_iter_value(it), &inner, err);
	}
	if (r == 0 && (seen & n->required) != n->required)
		r = check_missing(n, seen, at, err);
	if (r == 0)
		r = check_count(&n->min_fields, &n->max_fields, json_object_size(v), "properties",
		                at, err);
	return r;
}

static int check_kind(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                      struct slo_err *err)
{
	if (json_is_object(v))
		return check_object(n, v, at, err);
	if (json_is_array(v))
		return check_array(n, v, at, err);
	if (json_is_string(v))
		return check_string(n, v, at, err);
	return json_is_number(v) ? check_number(n, v, at, err) : 0;
}

/* --- the same value by other schemas ------------------------------------------------------------------------- */

static size_t count_valid(const struct slo_schema_list *list, const json_t *v,
                          const struct place *at)
{
	size_t n = 0;

	for (size_t i = 0; i < list->count; i++)
		n += run(list->node[i], v, at, NULL) == 0;
	return n;
}

static int check_applied(const struct slo_schema_node *n, const json_t *v, const struct place *at,
                         struct slo_err *err)
{
	const struct slo_schema_node *next = NULL;
	size_t valid;
	int r = n->ref ? run(n->ref, v, at, err) : 0;

	for (size_t i = 0; r == 0 && i < n->all.count; i++)
		r = run(n->all.node[i], v, at, err);
	if (r < 0)
		return r;
	if (n->any.count && count_valid(&n->any, v, at) == 0)
		return invalid(err, at, "fits none of the %zu schemas of anyOf", n->any.count);
	if (n->one.count) {
		valid = count_valid(&n->one, v, at);
		if (valid != 1)
			return invalid(err, at, "fits %zu of the %zu schemas of oneOf, not one",
			               valid, n->one.count);
	}
	if (n->not_node && run(n->not_node, v, at, NULL) == 0)
		return invalid(err, at, "fits what \"not\" excludes");
	if (n->if_node)
		next = run(n->if_node, v, at, NULL) == 0 ? n->then_node : n->else_node;
	return next ? run(next, v, at, err) : 0;
}

/* Depth: that of the value, checked here, times that of schemas for the same value, which are in no circle. */
static int run(const struct slo_schema_node *n, const json_t *v, const struct place *at,
               struct slo_err *err)
{
	char shown[64];
	int r;

	if (n->never)
		return invalid(err, at, "nothing is allowed here");
	if (at->depth > SLO_SCHEMA_CHECK_DEPTH_MAX)
		return invalid(err, at, "deeper than %d levels", SLO_SCHEMA_CHECK_DEPTH_MAX);
	if (++*at->steps > SLO_SCHEMA_CHECK_STEPS_MAX)
		return invalid(err, at, "the schema needs more than %d steps for this",
		               SLO_SCHEMA_CHECK_STEPS_MAX);
	r = check_types(n, v, at, err);
	if (r == 0 && n->choices)
		r = check_choices(n, v, at, err);
	if (r == 0 && n->constant && !slo_schema_equal(n->constant, v))
		r = invalid(err, at, "not %s", show(n->constant, shown, sizeof(shown)));
	if (r == 0)
		r = check_kind(n, v, at, err);
	return r == 0 && n->applies ? check_applied(n, v, at, err) : r;
}

/* NOLINTEND(misc-no-recursion) */

int slo_schema_check_run(const struct slo_schema_check *check, const json_t *value,
                         struct slo_err *err)
{
	uint64_t steps = 0;
	const struct place top = { .steps = &steps };

	return run(check->top, value, &top, err);
}
