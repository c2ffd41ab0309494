/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/codec/json_load.h"
#include "core/codec/schema_check_compile.h"

#define refuse slo_schema_refuse

/* --- messages ------------------------------------------------------------------------------------------------ */

size_t slo_schema_print_at(const struct slo_schema_at *at, char *buf, size_t size)
{
	const struct slo_schema_at *way[SLO_SCHEMA_CHECK_DEPTH_MAX * 2 + 4] = { NULL };
	size_t n = 0, len = (size_t)snprintf(buf, size, "#");

	for (; at->up && n < SLO_ARRAY_SIZE(way); at = at->up)
		way[n++] = at;
	while (n-- > 0 && len < size) {
		/* cppcheck-suppress uninitvar ; filled just above */
		if (way[n]->key)
			len += (size_t)snprintf(buf + len, size - len, "/%.60s", way[n]->key);
		else
			len += (size_t)snprintf(buf + len, size - len, "/%zu", way[n]->index);
	}
	return len;
}

int slo_schema_no_memory(struct slo_schema_compiler *c)
{
	return slo_err_set(c->err, -ENOMEM, "schema: out of memory");
}

/* --- nodes --------------------------------------------------------------------------------------------------- */

static int new_node(struct slo_schema_compiler *c, struct slo_schema_node **ret)
{
	struct slo_schema_node *n;

	if (c->check->node_count == SLO_SCHEMA_CHECK_NODES_MAX)
		return slo_err_set(c->err, -EINVAL, "more than %d subschemas",
		                   SLO_SCHEMA_CHECK_NODES_MAX);
	n = calloc(1, sizeof(*n));
	if (!n)
		return slo_schema_no_memory(c);
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

/* --- a schema ------------------------------------------------------------------------------------------------ */

static int fill(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
                const struct slo_schema_at *at)
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
	r = slo_schema_make_fields(c, n, v, at);
	for (void *it = json_object_iter((json_t *)(uintptr_t)v); r == 0 && it;
	     it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
		const struct slo_schema_at inner = { at, json_object_iter_key(it), 0,
			                             at->depth + 1 };
		const struct slo_schema_keyword *k = slo_schema_keyword_find(inner.key);

		r = k ? k->take(c, n, json_object_iter_value(it), &inner)
		      : refuse(c, &inner, "this keyword is not supported");
	}
	if (r == 0)
		slo_schema_index_fields(n);
	return r;
}

/* Depth is bounded by fill(). */
int slo_schema_compile(struct slo_schema_compiler *c, const json_t *v,
                       const struct slo_schema_at *at, struct slo_schema_node **ret)
{
	int r = new_node(c, ret);

	return r < 0 ? r : fill(c, *ret, v, at);
}

/* Nodes first: definitions refer to each other in any order. */
static int compile_defs(struct slo_schema_compiler *c, const struct slo_schema_at *top)
{
	const struct slo_schema_at defs = { top, "$defs", 0, 1 };
	size_t i = 0;

	if (!json_is_object(c->defs))
		return 0;
	c->def_node = calloc(json_object_size(c->defs) + 1, sizeof(struct slo_schema_node *));
	if (!c->def_node)
		return slo_schema_no_memory(c);
	for (; i < json_object_size(c->defs); i++) {
		int r = new_node(c, &c->def_node[i]);

		if (r < 0)
			return r;
	}
	i = 0;
	for (void *it = json_object_iter((json_t *)(uintptr_t)c->defs); it;
	     it = json_object_iter_next((json_t *)(uintptr_t)c->defs, it)) {
		const struct slo_schema_at inner = { &defs, json_object_iter_key(it), 0, 2 };
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
	struct slo_schema_compiler c = { .check = check,
		                         .err = err,
		                         .defs = json_object_get(schema, "$defs") };
	const struct slo_schema_at top = { .depth = 0 };
	int r;

	if (!check)
		return slo_schema_no_memory(&c);
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
	json_t *schema = NULL;
	int r = slo_json_load(&schema, text, len, JSON_REJECT_DUPLICATES, &why);

	if (r == -ENOMEM)
		return slo_err_set(err, r, "no memory for a schema of %zu bytes", len);
	if (r < 0)
		return slo_err_set(err, -EINVAL, "line %d: %s", why.line, why.text);
	r = slo_schema_check_compile(ret, schema, err);
	json_decref(schema);
	return r;
}
