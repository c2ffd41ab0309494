/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request in the making: records gathered by the resource they belong to. Log records and metrics are wrapped
 * alike, so both are made here; buffers are kept from one request to the next.
 */
#ifndef SLO_EXPORT_OTLP_GROUPS_H
#define SLO_EXPORT_OTLP_GROUPS_H

#include "core/export/pb_buf.h"
#include "core/model/workload.h"

#define SLO_OTLP_GROUPS_MAX 512 /* resources of one request */
#define SLO_OTLP_RECORD_FIELD 2 /* of ScopeLogs and ScopeMetrics */

struct slo_otlp_group {
	uint64_t hash; /* of @names */
	struct slo_pb_buf names; /* what the resource is made of */
	struct slo_pb_buf resource;
	struct slo_pb_buf records; /* fields SLO_OTLP_RECORD_FIELD of the scope message */
};

struct slo_otlp_groups {
	struct slo_otlp_group group[SLO_OTLP_GROUPS_MAX];
	size_t count;
	struct slo_pb_buf names, scope; /* @names: of whom is looked for */
};

/* 0 or -ENOMEM; @version of the scope "llm-slo". */
int slo_otlp_groups_init(struct slo_otlp_groups *g, const char *version);
void slo_otlp_groups_fini(struct slo_otlp_groups *g);

/* The group of @who; NULL: there are too many already, take the request first; or no memory. */
struct slo_otlp_group *slo_otlp_groups_of(struct slo_otlp_groups *g, const struct slo_workload *who,
                                          const char *fallback, const char *version);

/* Bytes gathered, about. */
size_t slo_otlp_groups_bytes(const struct slo_otlp_groups *g);

/* The request, malloc'd, the caller's; then it is empty. NULL: there is nothing, or no memory (@ret_len is SIZE_MAX). */
uint8_t *slo_otlp_groups_take(struct slo_otlp_groups *g, size_t *ret_len);

#endif
