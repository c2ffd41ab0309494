/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/codec/schema_check_node.h"
#include "core/codec/schema_check_pattern.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

const char *const slo_schema_type_names[SLO_SCHEMA_TYPE_MAX_] = {
	[SLO_SCHEMA_NULL] = "null",       [SLO_SCHEMA_BOOLEAN] = "boolean",
	[SLO_SCHEMA_INTEGER] = "integer", [SLO_SCHEMA_NUMBER] = "number",
	[SLO_SCHEMA_STRING] = "string",   [SLO_SCHEMA_ARRAY] = "array",
	[SLO_SCHEMA_OBJECT] = "object",
};

/* Where the compiler is in the schema: a pointer from the inside out, printed only in messages. */
struct at {
	const struct at *up;
	const char *key; /* NULL: @index of an array */
	size_t index;
	unsigned int depth;
};

struct compiler {
	struct slo_schema_check *check;
	struct slo_err *err;
	const json_t *defs; /* of the top; NULL: none */
	struct slo_schema_node **def_node; /* as many as @defs has, in its order; owned */
};

struct keyword {
	const char *name;
	int (*take)(struct compiler *c, struct slo_schema_node *n, const json_t *v,
	            const struct at *at);
	size_t offset; /* of the field that @take fills, where it serves several keywords */
	bool open; /* exclusive limits */
	size_t min; /* items that a list needs */
};

static int compile(struct compiler *c, const json_t *v, const struct at *at,
                   struct slo_schema_node **ret);

/* --- messages ------------------------------------------------------------------------------------------------ */

static size_t print_at(const struct at *at, char *buf, size_t size)
{
	const struct at *way[SLO_SCHEMA_CHECK_DEPTH_MAX * 2 + 4] = { NULL };
	size_t n = 0, len = (size_t)snprintf(buf, size, "#");

	for (; at->up && n < SLO_ARRAY_SIZE(way); at = at->up)
		way[n++] = at;
	while (n-- > 0 && len < size) {
		if (way[n]->key)
			len += (size_t)snprintf(buf + len, size - len, "/%.60s", way[n]->key);
		else
			len += (size_t)snprintf(buf + len, size - len, "/%zu", way[n]->index);
	}
	return len;
}

#define refuse(c, at, ...)                                         \
	({                                                         \
		char _where[160];                                  \
		(void)print_at((at), _where, sizeof(_where));      \
		(void)slo_err_set((c)->err, -EINVAL, __VA_ARGS__); \
		slo_err_wrap((c)->err, -EINVAL, "%s", _where);     \
	})

static int no_memory(struct compiler *c)
{
	return slo_err_set(c->err, -ENOMEM, "schema: out of memory");
}

/* --- nodes --------------------------------------------------------------------------------------------------- */

static int new_node(struct compiler *c, struct slo_schema_node **ret)
{
	struct slo_schema_node *n;

	if (c->check->node_count == SLO_SCHEMA_CHECK_NODES_MAX)
		return slo_err_set(c->err, -EINVAL, "more than %d subschemas",
		                   SLO_SCHEMA_CHECK_NODES_MAX);
	n = calloc(1, sizeof(*n));
	if (!n)
		return no_memory(c);
	n->next = c->check->nodes;
	c->check->nodes = n;
	c->check->node_count++;
	*ret = n;
	return 0;
}

static void free_node(struct slo_schema_node *n)
{
	free(n->field);
	free(n->slot);
	free(n->prefix.node);
	free(n->all.node);
	free(n->any.node);
	free(n->one.node);
	if (n->pattern_text)
		regfree(&n->pattern);
	free(n);
}

void slo_schema_check_freep(struct slo_schema_check **check)
{
	if (!*check)
		return;
	while ((*check)->nodes) {
		struct slo_schema_node *n = (*check)->nodes;

		(*check)->nodes = n->next;
		free_node(n);
	}
	json_decref((*check)->schema);
	slo_freep(check);
}

/* --- keywords: the simple ones ------------------------------------------------------------------------------- */

static const struct keyword *keyword_of(const struct at *at);

#define FIELD(n, at, type) ((type *)((char *)(n) + keyword_of(at)->offset))

static int take_annotation(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                           const struct at *at)
{
	(void)c;
	(void)n;
	(void)v;
	(void)at;
	return 0;
}

static int take_dialect(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct at *at)
{
	const char *text = json_string_value(v);

	(void)n;
	if (!text || strncmp(text, DIALECT, strlen(DIALECT)) != 0)
		return refuse(c, at, "another dialect (accepted: " DIALECT ")");
	return 0;
}

static int add_type(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                    const struct at *at)
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

static int take_type(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct at *at)
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

static int take_enum(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct at *at)
{
	if (!json_is_array(v))
		return refuse(c, at, "not an array");
	n->choices = v;
	return 0;
}

static int take_const(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct at *at)
{
	(void)c;
	(void)at;
	n->constant = v;
	return 0;
}

static int take_count(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct at *at)
{
	double d = json_number_value(v);

	if (!json_is_number(v) || d < 0 || d > 4294967295.0 || d != floor(d))
		return refuse(c, at, "not a whole number of 0 or more");
	*FIELD(n, at, struct slo_schema_bound) =
		(struct slo_schema_bound){ .set = true, .value = (long double)d };
	return 0;
}

static int take_limit(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                      const struct at *at)
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

static int take_unique(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct at *at)
{
	if (!json_is_boolean(v))
		return refuse(c, at, "neither true nor false");
	n->unique = json_is_true(v);
	return 0;
}

static int take_pattern(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct at *at)
{
	struct slo_err why = { 0 };
	int r;

	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return refuse(c, at, "not a string without NUL");
	r = slo_schema_pattern_compile(&n->pattern, json_string_value(v), &why);
	if (r == -EINVAL)
		return refuse(c, at, "%.150s", why.msg);
	if (r < 0)
		return no_memory(c);
	n->pattern_text = json_string_value(v);
	return 0;
}

static int take_format(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct at *at)
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
static int make_fields(struct compiler *c, struct slo_schema_node *n, const json_t *object,
                       const struct at *at)
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
	return n->field && n->slot ? 0 : no_memory(c);
}

static void index_fields(struct slo_schema_node *n)
{
	for (size_t i = 0; i < n->field_count; i++) {
		uint32_t at = n->field[i].hash & n->slot_mask;

		while (n->slot[at])
			at = (at + 1) & n->slot_mask;
		n->slot[at] = (uint16_t)(i + 1);
	}
}

static int take_properties(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                           const struct at *at)
{
	if (!json_is_object(v))
		return refuse(c, at, "not an object");
	/* jansson has no iterator over a const object, though it changes nothing. */
	for (void *it = json_object_iter((json_t *)(uintptr_t)v); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
		struct slo_schema_field *f = get_field(n, json_object_iter_key(it));
		const struct at inner = { at, f->name, 0, at->depth + 1 };
		int r = compile(c, json_object_iter_value(it), &inner, &f->node);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_required(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                         const struct at *at)
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

static int take_schema(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                       const struct at *at)
{
	return compile(c, v, at, FIELD(n, at, struct slo_schema_node *));
}

/* Of schemas that look at the same value. */
static int take_applied(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                        const struct at *at)
{
	n->applies = true;
	return take_schema(c, n, v, at);
}

static int take_list(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct at *at)
{
	struct slo_schema_list *list = FIELD(n, at, struct slo_schema_list);

	if (!json_is_array(v) || json_array_size(v) == 0)
		return refuse(c, at, "not an array of at least one schema");
	list->node = calloc(json_array_size(v), sizeof(struct slo_schema_node *));
	if (!list->node)
		return no_memory(c);
	for (; list->count < json_array_size(v); list->count++) {
		const struct at inner = { at, NULL, list->count, at->depth + 1 };
		int r = compile(c, json_array_get(v, list->count), &inner,
		                &list->node[list->count]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int take_applied_list(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                             const struct at *at)
{
	n->applies = true;
	return take_list(c, n, v, at);
}

static int take_ref(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                    const struct at *at)
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
static int take_defs(struct compiler *c, struct slo_schema_node *n, const json_t *v,
                     const struct at *at)
{
	if (n != c->check->top)
		return refuse(c, at, "only the top of a schema may have it");
	return json_is_object(v) ? 0 : refuse(c, at, "not an object");
}

#define AT(field) offsetof(struct slo_schema_node, field)

/* clang-format off */
static const struct keyword keywords[] = {
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

static const struct keyword *find_keyword(const char *name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(keywords); i++) {
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	}
	return NULL;
}

/* The row of the keyword that is being taken: @at ends in its name. */
static const struct keyword *keyword_of(const struct at *at)
{
	return find_keyword(at->key);
}

/* --- a schema ------------------------------------------------------------------------------------------------ */

static int fill(struct compiler *c, struct slo_schema_node *n, const json_t *v, const struct at *at)
{
	int r;

	if (json_is_boolean(v)) {
		n->never = json_is_false(v);
		return 0;
	}
	if (!json_is_object(v))
		return refuse(c, at, "not a schema (accepted: an object, true, false)");
	if (at->depth > SLO_SCHEMA_CHECK_DEPTH_MAX)
		return refuse(c, at, "deeper than %d levels", SLO_SCHEMA_CHECK_DEPTH_MAX);
	r = make_fields(c, n, v, at);
	for (void *it = json_object_iter((json_t *)(uintptr_t)v); r == 0 && it;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
		const struct at inner = { at, json_object_iter_key(it), 0, at->depth + 1 };
		const struct keyword *k = find_keyword(inner.key);

		r = k ? k->take(c, n, json_object_iter_value(it), &inner)
		      : refuse(c, &inner, "this keyword is not supported");
	}
	if (r == 0)
		index_fields(n);
	return r;
}

/* Depth is bounded by fill(). */
static int compile(struct compiler *c, const json_t *v, const struct at *at,
                   struct slo_schema_node **ret)
{
	int r = new_node(c, ret);

	return r < 0 ? r : fill(c, *ret, v, at);
}

/* Nodes first: definitions refer to each other in any order. */
static int compile_defs(struct compiler *c, const struct at *top)
{
	const struct at defs = { top, "$defs", 0, 1 };
	size_t i = 0;

	if (!json_is_object(c->defs))
		return 0;
	c->def_node = calloc(json_object_size(c->defs) + 1, sizeof(struct slo_schema_node *));
	if (!c->def_node)
		return no_memory(c);
	for (; i < json_object_size(c->defs); i++) {
		int r = new_node(c, &c->def_node[i]);

		if (r < 0)
			return r;
	}
	i = 0;
	for (void *it = json_object_iter((json_t *)(uintptr_t)c->defs); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)c->defs, it)) {
		const struct at inner = { &defs, json_object_iter_key(it), 0, 2 };
		int r = fill(c, c->def_node[i++], json_object_iter_value(it), &inner);

		if (r < 0)
			return r;
	}
	return 0;
}

/* --- circles ------------------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(misc-no-recursion): each node at most once, so as deep as there are nodes. */
static bool is_circular(struct slo_schema_node *n);

static bool any_circular(const struct slo_schema_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (is_circular(list->node[i]))
			return true;
	}
	return false;
}

/* Whether a schema comes back to itself for the same value, which would never end. */
static bool is_circular(struct slo_schema_node *n)
{
	enum {
		NEW,
		OPEN,
		DONE
	};

	if (!n || !n->applies || n->color == DONE)
		return false;
	if (n->color == OPEN)
		return true;
	n->color = OPEN;
	if (is_circular(n->ref) || is_circular(n->not_node) || is_circular(n->if_node) ||
	    is_circular(n->then_node) || is_circular(n->else_node) || any_circular(&n->all) ||
	    any_circular(&n->any) || any_circular(&n->one))
		return true;
	n->color = DONE;
	return false;
}

/* NOLINTEND(misc-no-recursion) */

int slo_schema_check_compile(struct slo_schema_check **ret, json_t *schema, struct slo_err *err)
{
	struct slo_schema_check *check slo_schema_check_auto = calloc(1, sizeof(*check));
	struct compiler c = { .check = check,
		              .err = err,
		              .defs = json_object_get(schema, "$defs") };
	const struct at top = { .depth = 0 };
	int r;

	if (!check)
		return no_memory(&c);
	check->schema = json_incref(schema);
	r = new_node(&c, &check->top);
	if (r == 0)
		r = compile_defs(&c, &top);
	if (r == 0)
		r = fill(&c, check->top, schema, &top);
	free(c.def_node);
	for (struct slo_schema_node *n = check->nodes; r == 0 && n; n = n->next) {
		if (is_circular(n))
			r = slo_err_set(err, -EINVAL,
			                "a $ref leads back to itself for the same value");
	}
	if (r < 0)
		return r;
	*ret = slo_take_ptr(check);
	return 0;
}

int slo_schema_check_compile_text(struct slo_schema_check **ret, const char *text, size_t len,
                                  struct slo_err *err)
{
	json_error_t why;
	json_t *schema = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	int r;

	if (!schema)
		return slo_err_set(err, -EINVAL, "line %d: %s", why.line, why.text);
	r = slo_schema_check_compile(ret, schema, err);
	json_decref(schema);
	return r;
}
