/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_attrs.h"

#include <errno.h>
#include <resource.pb-c.h>
#include <string.h>

#include "core/base/jsonw.h"

void slo_otlp_attr_list_init(struct slo_otlp_attr_list *l)
{
	l->count = 0;
	l->dropped = 0;
	l->text_len = 0;
}

const char *slo_otlp_attr_text(struct slo_otlp_attr_list *l, const char *s, size_t n)
{
	static const char unknown[] = "\xef\xbf\xbd";
	char *to = l->text + l->text_len, *end = l->text + sizeof(l->text), *p = to;

	if (to == end)
		return "";
	for (size_t step, put; n; s += step, n -= step) {
		const char *from = s;

		step = (unsigned char)*s < 0x80
		               ? 1
		               : slo_jsonw_utf8_length((const unsigned char *)s, n);
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

static void add_text(struct slo_otlp_attr_list *l, const char *key, const char *s, size_t n)
{
	const char *text = slo_otlp_attr_text(l, s, n);
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
	add_text(l, key, value, strlen(value));
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
