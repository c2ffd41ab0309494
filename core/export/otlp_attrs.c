/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_attrs.h"

#include <errno.h>
#include <resource.pb-c.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/export/otlp_fields.h"
#include "core/export/wire.h"

void slo_otlp_attr_list_init(struct slo_otlp_attr_list *l)
{
	l->count = 0;
	l->dropped = 0;
	l->text_len = 0;
}

/* Bytes from 1 to 127 that @s begins with. */
static size_t ascii(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (signed char)s[i] > 0)
		i++;
	return i;
}

const char *slo_otlp_attr_text(struct slo_otlp_attr_list *l, const char *s, size_t n)
{
	static const char unknown[] = "\xef\xbf\xbd";
	char *to = l->text + l->text_len, *end = l->text + sizeof(l->text), *p = to;

	if (to == end)
		return "";
	for (size_t step, put; n; s += step, n -= step) {
		const char *from = s;

		step = ascii(s, n);
		if (!step && *s)
			step = slo_jsonw_utf8_length((const unsigned char *)s, n);
		put = step;
		if (!step || !*s) {
			from = unknown;
			put = sizeof(unknown) - 1;
			step = 1;
		}
		if ((size_t)(end - p) <= put)
			return "";
		memcpy(p, from, put);
		p += put;
	}
	*p = '\0';
	l->text_len += (size_t)(p - to) + 1;
	return to;
}

static SloProto__AnyValue *add(struct slo_otlp_attr_list *l, const char *key,
                               SloProto__AnyValue__ValueCase type)
{
	SloProto__KeyValue *pair;
	SloProto__AnyValue *value;

	if (l->count == SLO_OTLP_ATTR_LIST_MAX) {
		l->dropped++;
		return NULL;
	}
	pair = &l->pair[l->count];
	value = &l->value[l->count];
	slo_proto__key_value__init(pair);
	slo_proto__any_value__init(value);
	pair->key = (char *)(uintptr_t)key;
	pair->value = value;
	value->value_case = type;
	l->row[l->count++] = pair;
	return value;
}

void slo_otlp_attr_strn(struct slo_otlp_attr_list *l, const char *key, const char *value, size_t n)
{
	const char *text = slo_otlp_attr_text(l, value, n);
	SloProto__AnyValue *v;

	if (n && !*text) {
		l->dropped++;
		return;
	}
	v = add(l, key, SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE);
	if (v)
		v->string_value = (char *)(uintptr_t)text;
}

void slo_otlp_attr_str(struct slo_otlp_attr_list *l, const char *key, const char *value)
{
	slo_otlp_attr_strn(l, key, value, strlen(value));
}

void slo_otlp_attr_known(struct slo_otlp_attr_list *l, const char *key, const char *value)
{
	if (*value)
		slo_otlp_attr_str(l, key, value);
}

void slo_otlp_attr_i64(struct slo_otlp_attr_list *l, const char *key, int64_t value)
{
	SloProto__AnyValue *v = add(l, key, SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE);

	if (v)
		v->int_value = value;
}

void slo_otlp_attr_double(struct slo_otlp_attr_list *l, const char *key, double value)
{
	SloProto__AnyValue *v = add(l, key, SLO_PROTO__ANY_VALUE__VALUE_DOUBLE_VALUE);

	if (v)
		v->double_value = value;
}

void slo_otlp_attr_bool(struct slo_otlp_attr_list *l, const char *key, bool value)
{
	SloProto__AnyValue *v = add(l, key, SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE);

	if (v)
		v->bool_value = value;
}

/* --- bytes ------------------------------------------------------------------------------------------------------ */

/* Of the AnyValue, which add() made: one of four. */
static size_t value_size(const SloProto__AnyValue *v)
{
	size_t len;

	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE) {
		len = strlen(v->string_value);
		return 1 + slo_wire_varint_size(len) + len;
	}
	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE)
		return 1 + slo_wire_varint_size((uint64_t)v->int_value);
	return v->value_case == SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE ? 2 : 1 + sizeof(double);
}

static size_t pair_size(uint32_t key, uint32_t value)
{
	return 1 + slo_wire_varint_size(key) + key + 1 + slo_wire_varint_size(value) + value;
}

void slo_otlp_attr_sizes(const struct slo_otlp_attr_list *l, struct slo_otlp_attr_sizes *ret)
{
	ret->all = 0;
	for (size_t i = 0; i < l->count; i++) {
		size_t pair;

		ret->key[i] = (uint32_t)strlen(l->pair[i].key);
		ret->value[i] = (uint32_t)value_size(&l->value[i]);
		pair = pair_size(ret->key[i], ret->value[i]);
		ret->all += 1 + slo_wire_varint_size(pair) + pair;
	}
}

static uint8_t *write_value(uint8_t *p, const SloProto__AnyValue *v)
{
	uint64_t bits;

	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE)
		return slo_wire_put_bytes(p, SLO_OTLP_ANY_STRING, v->string_value,
		                          strlen(v->string_value));
	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE) {
		p = slo_wire_put_tag(p, SLO_OTLP_ANY_INT, SLO_WIRE_VARINT);
		return slo_wire_put_varint(p, (uint64_t)v->int_value);
	}
	if (v->value_case == SLO_PROTO__ANY_VALUE__VALUE_BOOL_VALUE) {
		p = slo_wire_put_tag(p, SLO_OTLP_ANY_BOOL, SLO_WIRE_VARINT);
		return slo_wire_put_varint(p, v->bool_value);
	}
	memcpy(&bits, &v->double_value, sizeof(bits));
	p = slo_wire_put_tag(p, SLO_OTLP_ANY_DOUBLE, SLO_WIRE_FIXED64);
	return slo_wire_put_fixed64(p, bits);
}

uint8_t *slo_otlp_attr_write(const struct slo_otlp_attr_list *l, unsigned int field,
                             const struct slo_otlp_attr_sizes *sizes, uint8_t *p)
{
	for (size_t i = 0; i < l->count; i++) {
		p = slo_wire_put_head(p, field, pair_size(sizes->key[i], sizes->value[i]));
		p = slo_wire_put_bytes(p, SLO_OTLP_KEY_VALUE_KEY, l->pair[i].key, sizes->key[i]);
		p = slo_wire_put_head(p, SLO_OTLP_KEY_VALUE_VALUE, sizes->value[i]);
		p = write_value(p, &l->value[i]);
	}
	return p;
}

void slo_otlp_put_resource(struct slo_pb_buf *b, const struct slo_workload *who,
                           const char *fallback, const char *version)
{
	SloProto__Resource resource = SLO_PROTO__RESOURCE__INIT;
	struct slo_otlp_attr_list l;

	slo_otlp_attr_list_init(&l);
	slo_otlp_attr_known(&l, "service.name", *who->service ? who->service : fallback);
	slo_otlp_attr_known(&l, "service.namespace", who->namespace_);
	slo_otlp_attr_known(&l, "service.version", version);
	slo_otlp_attr_known(&l, "k8s.cluster.name", who->cluster);
	slo_otlp_attr_known(&l, "k8s.namespace.name", who->namespace_);
	slo_otlp_attr_known(&l, "k8s.pod.name", who->pod);
	slo_otlp_attr_known(&l, "k8s.pod.uid", who->pod_uid);
	slo_otlp_attr_known(&l, "k8s.container.name", who->container);
	slo_otlp_attr_known(&l, "container.id", who->container_id);
	slo_otlp_attr_known(&l, "k8s.node.name", *who->pod || *who->pod_uid ? who->node : "");
	slo_otlp_attr_known(&l, "host.name", who->node);
	resource.n_attributes = l.count;
	resource.attributes = l.row;
	resource.dropped_attributes_count = l.dropped;
	slo_pb_put_message(b, 1, &resource.base);
}
