/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of metrics as OTLP: cumulative sums and histograms, gauges, exemplars; gathered series by series. */
#ifndef SLO_EXPORT_OTLP_METRICS_H
#define SLO_EXPORT_OTLP_METRICS_H

#include "core/export/otlp_groups.h"
#include "core/model/metric.h"

#define SLO_OTLP_EXEMPLARS_MAX 64 /* of one histogram: one a bucket */

struct slo_otlp_metrics {
	struct slo_otlp_groups groups;
	/* Of the group of the same index: the family that is open, and its data points. */
	const struct slo_metric_desc *open[SLO_OTLP_GROUPS_MAX];
	struct slo_pb_buf points[SLO_OTLP_GROUPS_MAX];
	struct slo_pb_buf scratch;
	int64_t unix_ns;
	size_t items; /* data points */
};

int slo_otlp_metrics_init(struct slo_otlp_metrics *m, const char *version);
void slo_otlp_metrics_fini(struct slo_otlp_metrics *m);

/* 0; -ENOSPC: too many resources in one request, take it first; -ENOMEM. */
int slo_otlp_metrics_add(struct slo_otlp_metrics *m, const struct slo_metric_desc *desc,
                         const struct slo_metric_series *series, const struct slo_workload *self,
                         const char *version);

/* As slo_otlp_groups_take(). @items begins at 0 again. */
uint8_t *slo_otlp_metrics_take(struct slo_otlp_metrics *m, size_t *ret_len);

#endif
