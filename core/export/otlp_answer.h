/* SPDX-License-Identifier: Apache-2.0 */
/* What a collector's answer means (opentelemetry-proto, "OTLP/HTTP Response"). */
#ifndef SLO_EXPORT_OTLP_ANSWER_H
#define SLO_EXPORT_OTLP_ANSWER_H

#include "core/net/http_client.h"

enum slo_otlp_verdict {
	SLO_OTLP_ACCEPTED, /* but for @rejected */
	SLO_OTLP_AGAIN,
	SLO_OTLP_REFUSED, /* for good */
};

struct slo_otlp_answer {
	enum slo_otlp_verdict verdict;
	uint64_t rejected; /* items of an accepted request; at most those it had */
	char why[200]; /* "": all is well */
};

void slo_otlp_answer_read(const struct slo_http_reply *reply, uint64_t items,
                          struct slo_otlp_answer *ret);

#endif
