/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements, SLI values and notices as OTLP log records. */
#ifndef SLO_EXPORT_OTLP_LOGS_H
#define SLO_EXPORT_OTLP_LOGS_H

#include "core/export/otlp_exporter.h"
#include "core/export/otlp_groups.h"

/* Each appends one record. 0, -ENOMEM, or -EINVAL (not a measurement that can be told). */
int slo_otlp_log_event(struct slo_otlp_group *g, const struct slo_probe_event *ev,
                       enum slo_status status, const struct slo_otlp_link *link, bool names);
int slo_otlp_log_sli(struct slo_otlp_group *g, const struct slo_sli_event *ev);
int slo_otlp_log_notice(struct slo_otlp_group *g, const struct slo_notice *n);

#endif
