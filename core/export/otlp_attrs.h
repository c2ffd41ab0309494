/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of OTLP attributes on the stack, for one record or resource: no allocation, valid UTF-8 whatever comes in, and
 * what finds no room is counted in the message itself (dropped_attributes_count).
 */
#ifndef SLO_EXPORT_OTLP_ATTRS_H
#define SLO_EXPORT_OTLP_ATTRS_H

#include <common.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/export/pb_buf.h"
#include "core/model/workload.h"

#define SLO_OTLP_ATTR_LIST_MAX 64
#define SLO_OTLP_ATTR_TEXT_BYTES 8192

struct slo_otlp_attr_list {
	size_t count;
	uint32_t dropped;
	SloProto__KeyValue *row[SLO_OTLP_ATTR_LIST_MAX]; /* what the messages point to */
	SloProto__KeyValue pair[SLO_OTLP_ATTR_LIST_MAX];
	SloProto__AnyValue value[SLO_OTLP_ATTR_LIST_MAX];
	size_t text_len;
	char text[SLO_OTLP_ATTR_TEXT_BYTES];
};

/* Not the whole structure is touched. */
void slo_otlp_attr_list_init(struct slo_otlp_attr_list *l);

/* @n bytes copied into the list's own text, each that is not UTF-8 as U+FFFD; "" where there is no room. */
const char *slo_otlp_attr_text(struct slo_otlp_attr_list *l, const char *s, size_t n);

/* Keys are borrowed. */
void slo_otlp_attr_str(struct slo_otlp_attr_list *l, const char *key, const char *value);
void slo_otlp_attr_strn(struct slo_otlp_attr_list *l, const char *key, const char *value, size_t n);
void slo_otlp_attr_known(struct slo_otlp_attr_list *l, const char *key,
                         const char *value); /* but not "" */
void slo_otlp_attr_i64(struct slo_otlp_attr_list *l, const char *key, int64_t value);
void slo_otlp_attr_double(struct slo_otlp_attr_list *l, const char *key, double value);
void slo_otlp_attr_bool(struct slo_otlp_attr_list *l, const char *key, bool value);

/*
 * Members of one JSON object that this program wrote, nested ones as "outer.inner"; arrays and nulls are left out, and
 * so is each key that @skip (ends with NULL) names. 0, or -EBADMSG: it is no such object.
 */
int slo_otlp_attr_json(struct slo_otlp_attr_list *l, const char *json, size_t len,
                       const char *const *skip);

/*
 * The list as fields @field (below 16) of a message, byte for byte as protobuf-c packs them, which takes five times as long:
 * how many bytes, then those bytes at @p, which are @sizes' and of the list as it was.
 */
struct slo_otlp_attr_sizes {
	size_t all;
	uint32_t key[SLO_OTLP_ATTR_LIST_MAX], value[SLO_OTLP_ATTR_LIST_MAX];
};
void slo_otlp_attr_sizes(const struct slo_otlp_attr_list *l, struct slo_otlp_attr_sizes *ret);
uint8_t *slo_otlp_attr_write(const struct slo_otlp_attr_list *l, unsigned int field,
                             const struct slo_otlp_attr_sizes *sizes, uint8_t *p);

/* The Resource of @who as message bytes into @b; @fallback is its service.name where it has none, @version "" unknown. */
void slo_otlp_put_resource(struct slo_pb_buf *b, const struct slo_workload *who,
                           const char *fallback, const char *version);

#endif
