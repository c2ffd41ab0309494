/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers behind /metrics and OTLP metrics. All memory is taken at the start; workloads beyond the maximum are
 * counted together as service "other", further series of a family are refused and counted.
 */
#ifndef SLO_ENGINE_METRICS_H
#define SLO_ENGINE_METRICS_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/model/event.h"
#include "core/model/metric.h"
#include "core/model/sli_event.h"

/* Counters and gauges that others keep: one row each in metrics_rows.c. */
enum slo_metric {
	SLO_MET_UP,
	SLO_MET_HEARTBEAT,
	SLO_MET_BUILD_INFO,
	SLO_MET_CPU_OVERHEAD,
	SLO_MET_CAPABILITY_MODE,
	SLO_MET_SIGNAL_ENABLED,
	SLO_MET_DROPPED_EVENTS,
	SLO_MET_NO_ROOM,
	SLO_MET_WORKLOADS,
	SLO_MET_CORRELATION,
	SLO_MET_BURN_RATE,
	SLO_MET_BUDGET,
	SLO_MET_SLO_STATE,
	SLO_MET_SLO_REQUESTS,
	SLO_MET_SLO_BAD,
	SLO_MET_INCIDENTS,
	SLO_MET_INCIDENTS_OPEN,
	SLO_MET_HTTP_REQUESTS,
	SLO_MET_HTTP_CONNECTIONS,
	SLO_MET_RECEIVED,
	SLO_MET_RETAINED,
	SLO_MET_EXPORTED,
	SLO_MET_EXPORT_QUEUE,
	SLO_MET_WEBHOOK_MESSAGES,
	SLO_MET_WEBHOOK_WAITING,
	SLO_MET_WEBHOOK_DISABLED,
	SLO_MET_KUBERNETES_PODS,
	SLO_MET_KUBERNETES_EVENTS,
	SLO_MET_MAX_,
};

#define SLO_METRIC_VALUES_MAX 4

struct slo_metric_row {
	struct slo_metric_desc desc;
	const char *label[SLO_METRIC_VALUES_MAX]; /* names; NULL after the last */
};

const struct slo_metric_row *slo_metric_row(enum slo_metric id);

struct slo_metrics_config {
	size_t max_workloads; /* 0: 128; others are "other" */
	size_t max_series; /* of counters and gauges; 0: 1024 */
	/*
	 * Aggregates hold what single events say too. On a live kernel they always come (true: single events add nothing
	 * but timeouts); in a recording they may be missing: a signal counts by single events until its first aggregate.
	 */
	bool aggregates;
	int64_t start_unix_ns; /* when all counters were 0 */
};

struct slo_metrics;

int slo_metrics_new(struct slo_metrics **ret, const struct slo_metrics_config *cfg,
                    struct slo_err *err);
void slo_metrics_freep(struct slo_metrics **m);
#define slo_metrics_auto slo_cleanup(slo_metrics_freep)

/* @status as slo_windows_status() says. @who is copied where it is new; @unix_ns: now. */
void slo_metrics_event(struct slo_metrics *m, const struct slo_probe_event *ev,
                       enum slo_status status, const struct slo_workload *who, int64_t unix_ns);
/* A measurement that belongs to a trace: kept as its bucket's exemplar, the newest one; it is counted by its event. */
void slo_metrics_exemplar(struct slo_metrics *m, enum slo_signal sig,
                          const struct slo_workload *who, const struct slo_exemplar *e);
/* The clock was set by @step_ns: beginnings, and when somebody was last seen, keep their age. */
void slo_metrics_follow_clock(struct slo_metrics *m, int64_t step_ns);
/* One LLM request: TTFT and tokens a second where known, requests, errors (all but SLO_LLM_OK). @unix_ns: now. */
void slo_metrics_request(struct slo_metrics *m, const struct slo_span *span,
                         const struct slo_workload *who, int64_t unix_ns);

/*
 * One slo-event of a request that left no span: TTFT and tokens a second by theirs. The request itself is counted by its
 * error_rate, which every request has once: an error from 0.5 on.
 */
void slo_metrics_sli(struct slo_metrics *m, const struct slo_sli_event *ev,
                     const struct slo_workload *who, int64_t unix_ns);

/*
 * A counter's or gauge's value: of as many label values as its row has names (NULL: "", cut at 95 bytes). Counters are
 * told by their totals, or by what they grew. False: no room, counted.
 */
bool slo_metrics_set(struct slo_metrics *m, enum slo_metric id,
                     const char *const values[SLO_METRIC_VALUES_MAX], double value);
bool slo_metrics_add(struct slo_metrics *m, enum slo_metric id,
                     const char *const values[SLO_METRIC_VALUES_MAX], double delta);
/* All series of a row are gone: before those that still are, are set again. */
void slo_metrics_clear(struct slo_metrics *m, enum slo_metric id);

#define SLO_LABELS(...) ((const char *const[SLO_METRIC_VALUES_MAX]){ __VA_ARGS__ })

/* Every series. @unix_ns: now; gauges of signals that were not measured for 15 s are left out. */
void slo_metrics_visit(const struct slo_metrics *m, int64_t unix_ns, slo_metric_fn fn, void *user);

/* Updates that found no room for a workload or a series of their own: for SLO_MET_NO_ROOM. */
uint64_t slo_metrics_dropped(const struct slo_metrics *m);

#endif
