/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/codec/schema_check_compile.h"
#include "core/codec/schema_check_pattern.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define refuse slo_schema_refuse

const char *const slo_schema_type_names[SLO_SCHEMA_TYPE_MAX_] = {
	[SLO_SCHEMA_NULL] = "null",       [SLO_SCHEMA_BOOLEAN] = "boolean",
	[SLO_SCHEMA_INTEGER] = "integer", [SLO_SCHEMA_NUMBER] = "number",
	[SLO_SCHEMA_STRING] = "string",   [SLO_SCHEMA_ARRAY] = "array",
	[SLO_SCHEMA_OBJECT] = "object",
};

/* --- keywords: the simple ones ------------------------------------------------------------------------------- */

static const struct slo_schema_keyword *keyword_of(const struct slo_schema_at *at);

#define FIELD(n, at, type) ((type *)((char *)(n) + keyword_of(at)->offset))

static int take_annotation(struct slo_schema_compiler *c, struct slo_schema_node *n,
                           const json_t *v, const struct slo_schema_at *at)
{
	(void)c;
	(void)n;
	(void)v;
	(void)at;
	return 0;
}

static int take_dialect(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct slo_schema_at *at)
{
	const char *text = json_string_value(v);

	(void)n;
	if (!text || strncmp(text, DIALECT, strlen(DIALECT)) != 0)
		return refuse(c, at, "another dialect (accepted: " DIALECT ")");
	return 0;
}

static int add_type(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                    const struct slo_schema_at *at)
{
	for (unsigned int t = 0; json_is_string(v) && t < SLO_SCHEMA_TYPE_MAX_; t++) {
		if (strcmp(json_string_value(v), slo_schema_type_names[t]) == 0) {
			n->types |= SLO_SCHEMA_TYPE_BIT(t);
			return 0;
		}
	}
	return refuse(
		c, at,
		"no type of JSON (accepted: null, boolean, integer, number, string, array, object)");
}

static int take_type(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct slo_schema_at *at)
{
	if (!json_is_array(v))
		return add_type(c, n, v, at);
	if (json_array_size(v) == 0)
		return refuse(c, at, "an empty list of types");
	for (size_t i = 0; i < json_array_size(v); i++) {
		int r = add_type(c, n, json_array_get(v, i), at);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_enum(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct slo_schema_at *at)
{
	if (!json_is_array(v))
		return refuse(c, at, "not an array");
	n->choices = v;
	return 0;
}

static int take_const(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct slo_schema_at *at)
{
	(void)c;
	(void)at;
	n->constant = v;
	return 0;
}

static int take_count(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct slo_schema_at *at)
{
	double d = json_number_value(v);

	if (!json_is_number(v) || d < 0 || d > 4294967295.0 || d != floor(d))
		return refuse(c, at, "not a whole number of 0 or more");
	*FIELD(n, at, struct slo_schema_bound) =
		(struct slo_schema_bound){ .set = true, .value = (long double)d };
	return 0;
}

static int take_limit(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct slo_schema_at *at)
{
	if (!json_is_number(v))
		return refuse(c, at, "not a number");
	*FIELD(n, at, struct slo_schema_bound) = (struct slo_schema_bound){
		.set = true,
		.open = keyword_of(at)->open,
		.value = json_is_integer(v) ? (long double)json_integer_value(v)
		                            : (long double)json_real_value(v),
	};
	return 0;
}

static int take_unique(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct slo_schema_at *at)
{
	if (!json_is_boolean(v))
		return refuse(c, at, "neither true nor false");
	n->unique = json_is_true(v);
	return 0;
}

static int take_pattern(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct slo_schema_at *at)
{
	struct slo_err why = { 0 };
	int r;

	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return refuse(c, at, "not a string without NUL");
	r = slo_schema_pattern_compile(&n->pattern, json_string_value(v), &why);
	if (r == -EINVAL)
		return refuse(c, at, "%.150s", why.msg);
	if (r < 0)
		return slo_schema_no_memory(c);
	n->pattern_text = json_string_value(v);
	return 0;
}

static int take_format(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct slo_schema_at *at)
{
	if (!json_is_string(v) || strcmp(json_string_value(v), "date-time") != 0)
		return refuse(c, at, "not supported (accepted: \"date-time\")");
	n->date_time = true;
	return 0;
}

/* --- keywords: objects --------------------------------------------------------------------------------------- */

static struct slo_schema_field *get_field(struct slo_schema_node *n, const char *name)
{
	for (size_t i = 0; i < n->field_count; i++) {
		if (strcmp(n->field[i].name, name) == 0)
			return &n->field[i];
	}
	n->field[n->field_count] =
		(struct slo_schema_field){ .name = name, .hash = slo_schema_hash(name) };
	return &n->field[n->field_count++];
}

/* "properties" and "required" fill the same rows, whichever comes first. */
int slo_schema_make_fields(struct slo_schema_compiler *c, struct slo_schema_node *n,
                           const json_t *object, const struct slo_schema_at *at)
{
	const json_t *properties = json_object_get(object, "properties");
	const json_t *required = json_object_get(object, "required");
	size_t count = json_object_size(properties) + json_array_size(required);

	if (count == 0)
		return 0;
	if (count > SLO_SCHEMA_CHECK_FIELDS_MAX)
		return refuse(c, at, "more than %d properties", SLO_SCHEMA_CHECK_FIELDS_MAX);
	for (n->slot_mask = 1; n->slot_mask < 2 * count; n->slot_mask = n->slot_mask * 2 + 1)
		;
	n->field = calloc(count, sizeof(*n->field));
	n->slot = calloc((size_t)n->slot_mask + 1, sizeof(*n->slot));
	return n->field && n->slot ? 0 : slo_schema_no_memory(c);
}

void slo_schema_index_fields(struct slo_schema_node *n)
{
	for (size_t i = 0; i < n->field_count; i++) {
		uint32_t at = n->field[i].hash & n->slot_mask;

		while (n->slot[at])
			at = (at + 1) & n->slot_mask;
		n->slot[at] = (uint16_t)(i + 1);
	}
}

static int take_properties(struct slo_schema_compiler *c, struct slo_schema_node *n,
                           const json_t *v, const struct slo_schema_at *at)
{
	if (!json_is_object(v))
		return refuse(c, at, "not an object");
	/* jansson has no iterator over a const object, though it changes nothing. */
	for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
		struct slo_schema_field *f = get_field(n, json_object_iter_key(it));
		const struct slo_schema_at inner = { at, f->name, 0, at->depth + 1 };
		int r = slo_schema_compile(c, json_object_iter_value(it), &inner, &f->node);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_required(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                         const struct slo_schema_at *at)
{
	if (!json_is_array(v))
		return refuse(c, at, "not an array");
	if (json_array_size(v) > SLO_SCHEMA_CHECK_REQUIRED_MAX)
		return refuse(c, at, "more than %d required properties",
		              SLO_SCHEMA_CHECK_REQUIRED_MAX);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const char *name = json_string_value(json_array_get(v, i));
		struct slo_schema_field *f;

		if (!name)
			return refuse(c, at, "item %zu is not a string", i);
		f = get_field(n, name);
		if (f->required)
			return refuse(c, at, "\"%.60s\" is there twice", name);
		f->required = UINT64_C(1) << i;
		n->required |= f->required;
	}
	return 0;
}

/* --- keywords: subschemas ------------------------------------------------------------------------------------ */

static int take_schema(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct slo_schema_at *at)
{
	return slo_schema_compile(c, v, at, FIELD(n, at, struct slo_schema_node *));
}

/* Of schemas that look at the same value. */
static int take_applied(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct slo_schema_at *at)
{
	n->applies = true;
	return take_schema(c, n, v, at);
}

static int take_list(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct slo_schema_at *at)
{
	struct slo_schema_list *list = FIELD(n, at, struct slo_schema_list);

	if (!json_is_array(v) || json_array_size(v) == 0)
		return refuse(c, at, "not an array of at least one schema");
	list->node = calloc(json_array_size(v), sizeof(struct slo_schema_node *));
	if (!list->node)
		return slo_schema_no_memory(c);
	for (; list->count < json_array_size(v); list->count++) {
		const struct slo_schema_at inner = { at, NULL, list->count, at->depth + 1 };
		int r = slo_schema_compile(c, json_array_get(v, list->count), &inner,
		                           &list->node[list->count]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_applied_list(struct slo_schema_compiler *c, struct slo_schema_node *n,
                             const json_t *v, const struct slo_schema_at *at)
{
	n->applies = true;
	return take_list(c, n, v, at);
}

static int take_ref(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                    const struct slo_schema_at *at)
{
	static const char prefix[] = "#/$defs/";
	const char *text = json_string_value(v);
	size_t i = 0;

	n->applies = true;
	if (text && strcmp(text, "#") == 0) {
		n->ref = c->check->top;
		return 0;
	}
	if (!text || strncmp(text, prefix, sizeof(prefix) - 1) != 0)
		return refuse(c, at, "not supported (accepted: \"#\", \"#/$defs/NAME\")");
	for (void *it = json_object_iter((json_t *)(uintptr_t)c->defs); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)c->defs, it), i++) {
		if (strcmp(json_object_iter_key(it), text + sizeof(prefix) - 1) == 0) {
			n->ref = c->def_node[i];
			return 0;
		}
	}
	return refuse(c, at, "there is no %.80s", text);
}

/* Those of the top were compiled before; elsewhere no $ref could reach them. */
static int take_defs(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct slo_schema_at *at)
{
	if (n != c->check->top)
		return refuse(c, at, "only the top of a schema may have it");
	return json_is_object(v) ? 0 : refuse(c, at, "not an object");
}

#define AT(field) offsetof(struct slo_schema_node, field)

/* clang-format off */
static const struct slo_schema_keyword keywords[] = {
	{ .name = "$schema", .take = take_dialect },
	{ .name = "$id", .take = take_annotation },
	{ .name = "$comment", .take = take_annotation },
	{ .name = "title", .take = take_annotation },
	{ .name = "description", .take = take_annotation },
	{ .name = "default", .take = take_annotation },
	{ .name = "examples", .take = take_annotation },
	{ .name = "deprecated", .take = take_annotation },
	{ .name = "readOnly", .take = take_annotation },
	{ .name = "writeOnly", .take = take_annotation },
	{ .name = "type", .take = take_type },
	{ .name = "enum", .take = take_enum },
	{ .name = "const", .take = take_const },
	{ .name = "properties", .take = take_properties },
	{ .name = "required", .take = take_required },
	{ .name = "additionalProperties", .take = take_schema, .offset = AT(additional) },
	{ .name = "minProperties", .take = take_count, .offset = AT(min_fields) },
	{ .name = "maxProperties", .take = take_count, .offset = AT(max_fields) },
	{ .name = "items", .take = take_schema, .offset = AT(items) },
	{ .name = "prefixItems", .take = take_list, .offset = AT(prefix) },
	{ .name = "minItems", .take = take_count, .offset = AT(min_items) },
	{ .name = "maxItems", .take = take_count, .offset = AT(max_items) },
	{ .name = "uniqueItems", .take = take_unique },
	{ .name = "minLength", .take = take_count, .offset = AT(min_length) },
	{ .name = "maxLength", .take = take_count, .offset = AT(max_length) },
	{ .name = "pattern", .take = take_pattern },
	{ .name = "format", .take = take_format },
	{ .name = "minimum", .take = take_limit, .offset = AT(min) },
	{ .name = "maximum", .take = take_limit, .offset = AT(max) },
	{ .name = "exclusiveMinimum", .take = take_limit, .offset = AT(open_min), .open = true },
	{ .name = "exclusiveMaximum", .take = take_limit, .offset = AT(open_max), .open = true },
	{ .name = "allOf", .take = take_applied_list, .offset = AT(all) },
	{ .name = "anyOf", .take = take_applied_list, .offset = AT(any) },
	{ .name = "oneOf", .take = take_applied_list, .offset = AT(one) },
	{ .name = "not", .take = take_applied, .offset = AT(not_node) },
	{ .name = "if", .take = take_applied, .offset = AT(if_node) },
	{ .name = "then", .take = take_applied, .offset = AT(then_node) },
	{ .name = "else", .take = take_applied, .offset = AT(else_node) },
	{ .name = "$ref", .take = take_ref },
	{ .name = "$defs", .take = take_defs },
};
/* clang-format on */

const struct slo_schema_keyword *slo_schema_keyword_find(const char *name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(keywords); i++) {
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	}
	return NULL;
}

/* The row of the keyword that is being taken: @at ends in its name. */
static const struct slo_schema_keyword *keyword_of(const struct slo_schema_at *at)
{
	return slo_schema_keyword_find(at->key);
}
