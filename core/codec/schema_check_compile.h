/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the schema compiler share: schema_check_compile.c walks, schema_check_keywords.c takes keywords. */
#ifndef SLO_CODEC_SCHEMA_CHECK_COMPILE_H
#define SLO_CODEC_SCHEMA_CHECK_COMPILE_H

#include "core/codec/schema_check_node.h"

/* Where the compiler is in the schema: a pointer from the inside out, printed only in messages. */
struct slo_schema_at {
	const struct slo_schema_at *up;
	const char *key; /* NULL: @index of an array */
	size_t index;
	unsigned int depth;
};

struct slo_schema_compiler {
	struct slo_schema_check *check;
	struct slo_err *err;
	const json_t *defs; /* of the top; NULL: none */
	struct slo_schema_node **def_node; /* as many as @defs has, in its order; owned */
};

struct slo_schema_keyword {
	const char *name;
	int (*take)(struct slo_schema_compiler *c, struct slo_schema_node *n, const json_t *v,
	            const struct slo_schema_at *at);
	size_t offset; /* of the field that @take fills, where it serves several keywords */
	bool open; /* exclusive limits */
};

/* The row of @name, or NULL: not in the subset. */
const struct slo_schema_keyword *slo_schema_keyword_find(const char *name);

/* Room for the rows of "properties" and "required" of the schema @object; after both were taken, the index over them. */
int slo_schema_make_fields(struct slo_schema_compiler *c, struct slo_schema_node *n,
                           const json_t *object, const struct slo_schema_at *at);
void slo_schema_index_fields(struct slo_schema_node *n);

/* A node of its own for the schema @v. 0, -EINVAL or -ENOMEM. */
int slo_schema_compile(struct slo_schema_compiler *c, const json_t *v,
                       const struct slo_schema_at *at, struct slo_schema_node **ret);

/* JSON pointer of @at. Returns its length, which may exceed @size. */
size_t slo_schema_print_at(const struct slo_schema_at *at, char *buf, size_t size);
int slo_schema_no_memory(struct slo_schema_compiler *c);

#define slo_schema_refuse(c, at, ...)                                    \
	({                                                               \
		char _where[160];                                        \
		(void)slo_schema_print_at((at), _where, sizeof(_where)); \
		(void)slo_err_set((c)->err, -EINVAL, __VA_ARGS__);       \
		slo_err_wrap((c)->err, -EINVAL, "%s", _where);           \
	})

#endif
