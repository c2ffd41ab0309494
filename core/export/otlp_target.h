/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where and how each kind of OTLP data is sent, of the configuration and, where that is silent, of OTEL_EXPORTER_OTLP_*
 * as the OpenTelemetry specification ("OpenTelemetry Protocol Exporter") has them.
 */
#ifndef SLO_EXPORT_OTLP_TARGET_H
#define SLO_EXPORT_OTLP_TARGET_H

#include "core/export/otlp_exporter.h"

#define SLO_OTLP_HEADERS_MAX 16
#define SLO_OTLP_FILES 3

struct slo_otlp_target {
	char *url; /* owned; NULL: nothing of this kind is sent */
	bool gzip;
	uint64_t timeout_ms;
	struct slo_http_tls
		tls; /* borrowed of configuration and environment, whose copies the caller keeps */
	struct slo_http_header header[SLO_OTLP_HEADERS_MAX]; /* into @text */
	size_t header_count;
	char *text; /* owned, as are these */
	char *file[SLO_OTLP_FILES];
};

/* 0, or -EINVAL, -ENOMEM, with @err; @ret needs fini on success only. */
int slo_otlp_target_init(struct slo_otlp_target *ret, enum slo_otlp_kind kind,
                         const struct slo_otlp_exporter_config *cfg, struct slo_err *err);
void slo_otlp_target_fini(struct slo_otlp_target *t);

/* "traces", "logs", "metrics". */
const char *slo_otlp_kind_name(enum slo_otlp_kind kind);

#endif
