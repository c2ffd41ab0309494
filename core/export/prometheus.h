/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as Prometheus reads them: text 0.0.4, or OpenMetrics 1.0 with exemplars for those who ask for it. */
#ifndef SLO_EXPORT_PROMETHEUS_H
#define SLO_EXPORT_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/model/metric.h"

enum slo_prometheus_format {
	SLO_PROMETHEUS_TEXT,
	SLO_PROMETHEUS_OPENMETRICS,
	SLO_PROMETHEUS_MAX_,
};

/* By an Accept header ("" none): OpenMetrics where it is preferred, with q-values (RFC 9110, 12.5.1). */
enum slo_prometheus_format slo_prometheus_negotiate(const char *accept);
/* For Content-Type; static. */
const char *slo_prometheus_content_type(enum slo_prometheus_format format);

/* On the caller's stack; fields are the printer's own. */
struct slo_prometheus {
	enum slo_prometheus_format format;
	const struct slo_metric_desc *last;
	char *text;
	size_t len, size;
	int error;
};

void slo_prometheus_init(struct slo_prometheus *p, enum slo_prometheus_format format);
/* slo_metric_fn; @user: struct slo_prometheus. */
void slo_prometheus_series(void *user, const struct slo_metric_desc *desc,
                           const struct slo_metric_series *series);
/* *@ret_text malloc'd, the caller's, with a NUL that does not count. 0, -ENOMEM or -EFBIG (64 MiB); @p is empty after it. */
int slo_prometheus_finish(struct slo_prometheus *p, char **ret_text, size_t *ret_len);

#endif
