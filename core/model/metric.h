/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot of metrics, series by series, on its way to whoever prints or sends them. */
#ifndef SLO_MODEL_METRIC_H
#define SLO_MODEL_METRIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/model/span.h"

enum slo_metric_type {
	SLO_METRIC_COUNTER, /* cumulative since start_unix_ns */
	SLO_METRIC_GAUGE,
	SLO_METRIC_HISTOGRAM, /* cumulative since start_unix_ns */
	SLO_METRIC_TYPE_MAX_,
};

/* One family. Static strings. */
struct slo_metric_desc {
	const char *name; /* Prometheus name, counters with _total */
	const char *help; /* one line */
	const char *unit; /* UCUM for OTLP: "ms", "1", "By", "{request}" */
	enum slo_metric_type type;
};

/* Links a bucket to a trace. unix_ns 0: there is none. */
struct slo_exemplar {
	double value;
	int64_t unix_ns;
	uint8_t trace_id[SLO_TRACE_ID_LEN];
	uint8_t span_id[SLO_SPAN_ID_LEN];
};

struct slo_metric_label {
	const char *name;
	const char *value; /* any UTF-8; the printer escapes it */
};

#define SLO_METRIC_LABELS_MAX 8

/* One series. Borrowed during the call. */
struct slo_metric_series {
	struct slo_metric_label label[SLO_METRIC_LABELS_MAX];
	size_t label_count;
	const struct slo_workload *workload; /* resource it belongs to; NULL: the agent's own */
	int64_t start_unix_ns; /* counters and histograms: when they began at 0 */
	double value; /* COUNTER, GAUGE */
	/* HISTOGRAM: */
	const double *bounds; /* ascending upper bounds, inclusive */
	size_t bound_count;
	const uint64_t *buckets; /* bound_count + 1, each its own count, not cumulative */
	uint64_t count;
	double sum;
	const struct slo_exemplar *exemplars; /* bound_count + 1; NULL: none */
};

/* All series of one family come one after the other. */
typedef void (*slo_metric_fn)(void *user, const struct slo_metric_desc *desc,
                              const struct slo_metric_series *series);

#endif
