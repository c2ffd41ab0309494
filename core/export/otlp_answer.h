/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector's answer means (opentelemetry-proto, "OTLP/HTTP Response"). */
#ifndef SLO_EXPORT_OTLP_ANSWER_H
#define SLO_EXPORT_OTLP_ANSWER_H

#include "core/export/otlp_exporter.h"

struct slo_otlp_answer {
	enum slo_otlp_verdict verdict;
	uint64_t rejected; /* items of an accepted request; at most those it had */
	char why[200]; /* "": all is well */
};

void slo_otlp_answer_read(const struct slo_http_reply *reply, uint64_t items,
                          struct slo_otlp_answer *ret);

#endif
