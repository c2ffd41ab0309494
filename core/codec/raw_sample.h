/* SPDX-License-Identifier: Apache-2.0 */
/* RawSample: what a load generator or a gateway writes per request. */
#ifndef SLO_CODEC_RAW_SAMPLE_H
#define SLO_CODEC_RAW_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_raw_sample {
	int64_t timestamp_ns; /* since 1970 */
	double ttft_ms, request_latency_ms; /* >= 0 */
	double tokens_per_sec; /* >= 0 */
	double error_rate; /* 0 to 1 */
	/* Borrowed from the object; node and fault_label are "" where absent. */
	const char *cluster, *namespace_, *workload, *service, *node;
	const char *request_id, *trace_id, *fault_label;
	bool synthetic; /* "synthetic": true, or "source": "synthetic" */
};

/*
 * Reads one record; fields that it does not know are passed over. 0, or -EINVAL with @err naming the field and what
 * was expected.
 */
int slo_raw_sample_read(json_t *object, struct slo_raw_sample *ret, struct slo_err *err);

#endif
