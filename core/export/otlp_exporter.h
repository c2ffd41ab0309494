/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP out: enriched spans, records as logs, metrics; batches, gzip, retries, a bounded queue that spills to disk.
 * A collector that is down costs nothing but delay; past the caps the oldest batch goes first, counted.
 */
#ifndef SLO_EXPORT_OTLP_EXPORTER_H
#define SLO_EXPORT_OTLP_EXPORTER_H

#include "core/base/err.h"
#include "core/model/event.h"
#include "core/model/metric.h"
#include "core/model/notice.h"
#include "core/model/sli_event.h"
#include "core/model/workload.h"
#include "core/net/http_client.h"

enum slo_otlp_kind {
	SLO_OTLP_TRACES,
	SLO_OTLP_LOGS,
	SLO_OTLP_METRICS,
	SLO_OTLP_KIND_MAX_,
};

/* What became of a request. */
enum slo_otlp_verdict {
	SLO_OTLP_ACCEPTED, /* but for what a partial success names */
	SLO_OTLP_AGAIN, /* it is tried again */
	SLO_OTLP_REFUSED, /* for good */
};

struct slo_otlp_exporter_config {
	const char *
		endpoint; /* base URL: /v1/traces and so on are appended; "": nothing is sent (but see the environment) */
	const char *headers; /* "k=v,k2=v2", values percent-encoded as OTEL_EXPORTER_OTLP_HEADERS */
	bool gzip;
	uint64_t timeout_ms;
	struct slo_http_tls tls;
	char *const *
		environment; /* OTEL_EXPORTER_OTLP_*, read where the configuration is silent; NULL: none */
	struct slo_err *
		ignored; /* why a variable of them is taken for none, the last one; NULL: not told */
	size_t queue_bytes; /* in memory, all kinds */
	const char *spool_dir; /* "": no disk; a folder of its own */
	uint64_t spool_bytes,
		spool_age_ms; /* caps on disk; the first is shared out among the kinds */
	const struct slo_workload *self; /* the agent's own resource; borrowed */
	const char *version;
	struct slo_http_client *client; /* borrowed until free; shared */
};

/* Of a kind's last attempt. */
struct slo_otlp_last {
	enum slo_otlp_verdict verdict; /* SLO_OTLP_ACCEPTED before the first */
	char why[256]; /* for people: the last that there was a word on; "": none */
};

/* Each counts items: spans, log records, data points. */
struct slo_otlp_exporter_stats {
	uint64_t exported[SLO_OTLP_KIND_MAX_];
	uint64_t rejected[SLO_OTLP_KIND_MAX_]; /* partial_success and 4xx */
	uint64_t dropped
		[SLO_OTLP_KIND_MAX_]; /* past the caps, too large, or unsent at the end and on no disk */
	uint64_t retried; /* requests sent again */
	uint64_t queue_bytes, queue_batches; /* in memory now */
	uint64_t spool_bytes, spool_batches; /* on disk now */
	uint64_t spool_damaged; /* requests; their items are in dropped where the head was whole */
	uint64_t spool_cut_bytes; /* when it was opened: they were broken */
	int spool_unread; /* errno of the last attempt to read it, which is made again; 0: none */
	struct slo_otlp_last last[SLO_OTLP_KIND_MAX_];
};

struct slo_otlp_exporter;

/* A port 4317 is refused with -EINVAL and a word on gRPC. */
int slo_otlp_exporter_new(struct slo_otlp_exporter **ret,
                          const struct slo_otlp_exporter_config *cfg, struct slo_err *err);
/* What is queued in memory goes to disk. NULL-safe. */
void slo_otlp_exporter_freep(struct slo_otlp_exporter **x);
#define slo_otlp_exporter_auto slo_cleanup(slo_otlp_exporter_freep)

/* An ExportTraceServiceRequest of @spans spans. Takes @body (malloc'd) over, always. */
void slo_otlp_exporter_traces(struct slo_otlp_exporter *x, uint8_t *body, size_t len, size_t spans);

/* Whose a kernel event is in the span world: all zero, none. */
struct slo_otlp_link {
	uint8_t trace_id[SLO_TRACE_ID_LEN];
	uint8_t span_id[SLO_SPAN_ID_LEN];
	double confidence; /* 0: not joined */
};

/* Log records, gathered into batches by resource; sent after 1 s or 512 of them. @names: DNS names and SNI go out. */
void slo_otlp_exporter_event(struct slo_otlp_exporter *x, const struct slo_probe_event *ev,
                             enum slo_status status, const struct slo_workload *who,
                             const struct slo_otlp_link *link, bool names);
void slo_otlp_exporter_sli(struct slo_otlp_exporter *x, const struct slo_sli_event *ev,
                           const struct slo_workload *who);
void slo_otlp_exporter_notice(struct slo_otlp_exporter *x, const struct slo_notice *n,
                              const struct slo_workload *who);

/* One snapshot of metrics: begin, a slo_metric_fn for each series, end (which queues it). */
void slo_otlp_exporter_metrics_begin(struct slo_otlp_exporter *x, int64_t unix_ns);
void slo_otlp_exporter_metric(void *exporter, const struct slo_metric_desc *desc,
                              const struct slo_metric_series *series);
void slo_otlp_exporter_metrics_end(struct slo_otlp_exporter *x);

/* Several times a second: sends what is due. @now_ns CLOCK_MONOTONIC. */
void slo_otlp_exporter_tick(struct slo_otlp_exporter *x, uint64_t now_ns);
/*
 * At the end: as much as goes within @timeout_ms (the client is run meanwhile), though not before a Retry-After. The rest
 * goes to disk; without one it is dropped, counted.
 */
void slo_otlp_exporter_drain(struct slo_otlp_exporter *x, uint64_t timeout_ms);
void slo_otlp_exporter_stats(const struct slo_otlp_exporter *x,
                             struct slo_otlp_exporter_stats *ret);

#endif
