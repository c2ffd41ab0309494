/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled subschema: what schema_check_compile.c makes and schema_check_run.c walks. */
#ifndef SLO_CODEC_SCHEMA_CHECK_NODE_H
#define SLO_CODEC_SCHEMA_CHECK_NODE_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/codec/schema_check.h"

enum slo_schema_type {
	SLO_SCHEMA_NULL,
	SLO_SCHEMA_BOOLEAN,
	SLO_SCHEMA_INTEGER,
	SLO_SCHEMA_NUMBER, /* any number */
	SLO_SCHEMA_STRING,
	SLO_SCHEMA_ARRAY,
	SLO_SCHEMA_OBJECT,
	SLO_SCHEMA_TYPE_MAX_,
};

#define SLO_SCHEMA_TYPE_BIT(t) (1U << (t))

extern const char *const slo_schema_type_names[SLO_SCHEMA_TYPE_MAX_];

struct slo_schema_node;

struct slo_schema_field {
	const char *name; /* borrowed from the schema */
	uint32_t hash;
	struct slo_schema_node *node; /* NULL: only required, not in "properties" */
	uint64_t required; /* its bit in slo_schema_node.required; 0: optional */
};

/* A limit of a number, or of a count. */
struct slo_schema_bound {
	bool set;
	bool open; /* the limit itself is excluded */
	/* 64 bits of mantissa or more on what we build for: exact for doubles and for 64-bit integers. */
	long double value;
};

struct slo_schema_list {
	size_t count;
	struct slo_schema_node **node;
};

struct slo_schema_node {
	struct slo_schema_node *next; /* of all nodes of the schema */
	bool never; /* the schema "false" */
	unsigned int types; /* SLO_SCHEMA_TYPE_BIT of those allowed; 0: all */
	const json_t *choices; /* "enum"; borrowed from the schema */
	const json_t *constant; /* "const" */
	/* objects */
	struct slo_schema_field *field;
	size_t field_count;
	uint16_t *slot; /* open addressing: index + 1 of @field; @slot_mask + 1 of them */
	uint32_t slot_mask;
	uint64_t required;
	struct slo_schema_node *additional; /* NULL: anything */
	struct slo_schema_bound min_fields, max_fields;
	/* arrays */
	struct slo_schema_list prefix;
	struct slo_schema_node *items;
	struct slo_schema_bound min_items, max_items;
	bool unique;
	/* strings; lengths in characters */
	struct slo_schema_bound min_length, max_length;
	regex_t pattern;
	const char *pattern_text; /* NULL: no pattern */
	bool date_time;
	/* numbers */
	struct slo_schema_bound min, max, open_min, open_max;
	/* the same value by other schemas */
	struct slo_schema_node *ref;
	struct slo_schema_list all, any, one;
	struct slo_schema_node *not_node, *if_node, *then_node, *else_node;
	bool applies; /* has any of those */
	unsigned char color; /* of the search for circles */
};

struct slo_schema_check {
	json_t *schema; /* owned reference */
	struct slo_schema_node *top;
	struct slo_schema_node *nodes; /* all of them, owned */
	size_t node_count;
};

/* FNV-1a. */
static inline uint32_t slo_schema_hash(const char *s)
{
	uint32_t h = 2166136261U;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

/* The field @name or NULL. */
static inline const struct slo_schema_field *slo_schema_field_find(const struct slo_schema_node *n,
                                                                   const char *name)
{
	uint32_t hash = slo_schema_hash(name);

	if (!n->slot)
		return NULL;
	for (uint32_t i = hash & n->slot_mask; n->slot[i]; i = (i + 1) & n->slot_mask) {
		const struct slo_schema_field *f = &n->field[n->slot[i] - 1];

		if (f->hash == hash && strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

/* Equal as JSON Schema has it: 1 is 1.0, the order of keys does not matter. */
bool slo_schema_equal(const json_t *a, const json_t *b);

#endif
