/* SPDX-License-Identifier: Apache-2.0 */
/* Service level indicators, one row each in sli_event.c, and the record of one measured value. */
#ifndef SLO_MODEL_SLI_EVENT_H
#define SLO_MODEL_SLI_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"

enum slo_sli {
	SLO_SLI_TTFT,
	SLO_SLI_REQUEST_LATENCY,
	SLO_SLI_TOKEN_THROUGHPUT,
	SLO_SLI_ERROR_RATE,
	SLO_SLI_RETRIEVAL_LATENCY,
	SLO_SLI_PROVIDER_ERROR_RATE,
	SLO_SLI_MAX_,
};

enum slo_sli_status {
	SLO_SLI_OK,
	SLO_SLI_WARNING,
	SLO_SLI_BREACH,
	SLO_SLI_STATUS_MAX_,
};

struct slo_sli_desc {
	const char *name; /* sli_name on the wire; unique, never renamed */
	const char *help; /* one line */
	const char *unit; /* "ms", "tps", "ratio" */
	double warning; /* in @unit; the status at this value or beyond it */
	double breach;
	bool more_is_better; /* beyond is below, and a value at the threshold of an SLO or above is good */
	double max; /* largest value that can be meant; the smallest is 0 */
};

/* Never NULL for a valid @sli. */
const struct slo_sli_desc *slo_sli_desc(enum slo_sli sli);

/* 0 and *@ret_sli, or -ENOENT with *@ret_sli untouched. */
int slo_sli_from_name(const char *name, enum slo_sli *ret_sli);

/* "ok", "warning", "breach". */
const char *slo_sli_status_name(enum slo_sli_status status);

/* By the thresholds of the row, which set the status only: an SLO has a threshold of its own. */
enum slo_sli_status slo_sli_status_of(enum slo_sli sli, double value);

/* Whether @value keeps an SLO's @threshold: at most, or at least where more is better. */
bool slo_sli_is_good(enum slo_sli sli, double value, double threshold);

/*
 * Upper bounds of TTFT histograms, ascending, in ms: those of OpenTelemetry's gen_ai.server.time_to_first_token, and 800,
 * the threshold of the default SLO.
 */
#define SLO_SLI_TTFT_BOUNDS 17
extern const double slo_sli_ttft_bounds_ms[SLO_SLI_TTFT_BOUNDS];

/* One slo-event (v1). All strings are borrowed from whoever filled it, never NULL; "" where absent. */
struct slo_sli_event {
	int64_t unix_ns; /* ns since 1970 UTC */
	const char *event_id;
	const char *cluster;
	const char *k8s_namespace;
	const char *workload;
	const char *service;
	const char *request_id;
	const char *trace_id;
	enum slo_sli sli;
	enum slo_sli_status status;
	double value; /* finite, in the row's unit */
};

/* Latency limits of MLPerf Inference (99th percentiles of the server and interactive scenarios), as ready-made SLOs. */
struct slo_sli_preset {
	const char *name; /* "8b-interactive" */
	const char *help;
	double ttft_ms; /* time to first token */
	double tpot_ms; /* time per output token; a token throughput of 1000 / tpot_ms */
	double objective;
};

/* Row @i, or NULL past the last. */
const struct slo_sli_preset *slo_sli_preset_at(size_t i);

#endif
