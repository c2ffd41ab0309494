/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_groups.h"

#include <common.pb-c.h>
#include <errno.h>
#include <string.h>

#include "core/base/base.h"
#include "core/base/hash.h"
#include "core/export/otlp_pairs.h"

int slo_otlp_groups_init(struct slo_otlp_groups *g, const char *version)
{
	SloProto__InstrumentationScope scope;

	memset(g, 0, sizeof(*g));
	slo_proto__instrumentation_scope__init(&scope);
	scope.name = (char *)(uintptr_t) "llm-slo";
	scope.version = (char *)(uintptr_t)version;
	slo_pb_put_message(&g->scope, 1, &scope.base);
	return g->scope.failed ? -ENOMEM : 0;
}

void slo_otlp_groups_fini(struct slo_otlp_groups *g)
{
	for (size_t i = 0; i < SLO_OTLP_GROUPS_MAX; i++) {
		slo_pb_buf_fini(&g->group[i].names);
		slo_pb_buf_fini(&g->group[i].resource);
		slo_pb_buf_fini(&g->group[i].records);
	}
	slo_pb_buf_fini(&g->names);
	slo_pb_buf_fini(&g->scope);
	g->count = 0;
}

/* Each with its NUL: what two resources differ in, at a tenth of the cost of encoding one. */
static void put_names(struct slo_pb_buf *b, const struct slo_workload *who, const char *fallback,
                      const char *version)
{
	const char *const name[] = { who->cluster, who->node,      who->namespace_,   who->pod,
		                     who->pod_uid, who->container, who->container_id, who->service,
		                     fallback,     version };

	slo_pb_buf_reset(b);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(name); i++)
		slo_pb_put_raw(b, name[i], strlen(name[i]) + 1);
}

struct slo_otlp_group *slo_otlp_groups_of(struct slo_otlp_groups *g, const struct slo_workload *who,
                                          const char *fallback, const char *version)
{
	struct slo_otlp_group *new;
	uint64_t hash;

	put_names(&g->names, who, fallback, version);
	if (g->names.failed)
		return NULL;
	hash = slo_hash_bytes(1, g->names.data, g->names.len);
	for (size_t i = 0; i < g->count; i++) {
		const struct slo_pb_buf *n = &g->group[i].names;

		if (g->group[i].hash == hash && n->len == g->names.len &&
		    memcmp(n->data, g->names.data, n->len) == 0)
			return &g->group[i];
	}
	if (g->count == SLO_OTLP_GROUPS_MAX)
		return NULL;
	new = &g->group[g->count];
	slo_pb_buf_reset(&new->names);
	slo_pb_buf_reset(&new->resource);
	slo_pb_buf_reset(&new->records);
	slo_pb_put_raw(&new->names, g->names.data, g->names.len);
	slo_otlp_put_resource(&new->resource, who, fallback, version);
	if (new->names.failed || new->resource.failed)
		return NULL;
	new->hash = hash;
	g->count++;
	return new;
}

size_t slo_otlp_groups_bytes(const struct slo_otlp_groups *g)
{
	size_t bytes = 0;

	for (size_t i = 0; i < g->count; i++)
		bytes += g->group[i].resource.len + g->group[i].records.len;
	return bytes;
}

/* ResourceLogs or ResourceMetrics: 1 the resource, 2 the scope's message; that: 1 the scope, 2 each record. */
static void put_group(struct slo_pb_buf *out, const struct slo_otlp_groups *g,
                      const struct slo_otlp_group *one)
{
	size_t scoped = g->scope.len + one->records.len;

	slo_pb_put_head(out, 1, one->resource.len + slo_pb_wrapped(2, scoped));
	slo_pb_put_raw(out, one->resource.data, one->resource.len);
	slo_pb_put_head(out, 2, scoped);
	slo_pb_put_raw(out, g->scope.data, g->scope.len);
	slo_pb_put_raw(out, one->records.data, one->records.len);
}

uint8_t *slo_otlp_groups_take(struct slo_otlp_groups *g, size_t *ret_len)
{
	struct slo_pb_buf out = { 0 };
	bool failed = false;

	for (size_t i = 0; i < g->count; i++) {
		failed = failed || g->group[i].records.failed;
		if (g->group[i].records.len)
			put_group(&out, g, &g->group[i]);
	}
	g->count = 0;
	if (failed || out.failed) {
		slo_pb_buf_fini(&out);
		*ret_len = SIZE_MAX;
		return NULL;
	}
	*ret_len = out.len;
	return out.data;
}
