/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exporter alone, for collectors that are not ours: otlp_send URL SPOOL-FOLDER TICKS INTERVAL_MS. Each tick 100 spans
 * with ids that count up, two log records of two workloads, and each tenth a snapshot of metrics. Prints its counts.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <trace.pb-c.h>

#include "core/base/clock.h"
#include "core/export/otlp_exporter.h"

#define SPANS 100
#define DRAIN_MS 60000

static const struct slo_workload self = { "c1", "node1", "", "", "", "", "", "" };
static const struct slo_workload pods[] = {
	{ "c1", "node1", "prod", "gateway-1", "uid-1", "main", "cid-1", "gateway" },
	{ "c1", "node1", "prod", "engine-1", "uid-2", "main", "cid-2", "engine" },
};

static void put_id(uint8_t *id, size_t len, uint64_t n)
{
	for (size_t i = 0; i < 8; i++)
		id[len - 1 - i] = (uint8_t)(n >> 8 * i);
}

static void send_spans(struct slo_otlp_exporter *x, uint64_t tick)
{
	SloProto__ExportTraceServiceRequest request = SLO_PROTO__EXPORT_TRACE_SERVICE_REQUEST__INIT;
	SloProto__ResourceSpans resource = SLO_PROTO__RESOURCE_SPANS__INIT, *resources = &resource;
	SloProto__ScopeSpans scope = SLO_PROTO__SCOPE_SPANS__INIT, *scopes = &scope;
	SloProto__Span span[SPANS], *spans[SPANS];
	uint8_t ids[SPANS][SLO_TRACE_ID_LEN] = { 0 };
	uint64_t now = slo_clock_realtime_ns();
	uint8_t *body;
	size_t len;

	for (size_t i = 0; i < SPANS; i++) {
		slo_proto__span__init(&span[i]);
		spans[i] = &span[i];
		put_id(ids[i], SLO_TRACE_ID_LEN, tick * SPANS + i + 1);
		span[i].name = (char *)(uintptr_t) "chat";
		span[i].trace_id = (ProtobufCBinaryData){ SLO_TRACE_ID_LEN, ids[i] };
		span[i].span_id = (ProtobufCBinaryData){ SLO_SPAN_ID_LEN, ids[i] + 8 };
		span[i].start_time_unix_nano = now - 1000;
		span[i].end_time_unix_nano = now;
	}
	scope.n_spans = SPANS;
	scope.spans = spans;
	resource.n_scope_spans = 1;
	resource.scope_spans = &scopes;
	request.n_resource_spans = 1;
	request.resource_spans = &resources;
	len = slo_proto__export_trace_service_request__get_packed_size(&request);
	body = malloc(len);
	if (!body)
		abort();
	(void)slo_proto__export_trace_service_request__pack(&request, body);
	slo_otlp_exporter_traces(x, body, len, SPANS);
}

static void send_logs(struct slo_otlp_exporter *x, uint64_t tick)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                      .kind = SLO_EV_SAMPLE,
		                      .source = SLO_SRC_CGROUP_SKB,
		                      .start_ns = slo_clock_monotonic_ns(),
		                      .realtime_offset_ns = slo_clock_realtime_offset_ns(),
		                      .value_ns = 220000000,
		                      .comm = "bad\xff\xfename" };
	struct slo_otlp_link link = { .confidence = 1 };

	put_id(link.trace_id, SLO_TRACE_ID_LEN, tick * SPANS + 1);
	put_id(link.span_id, SLO_SPAN_ID_LEN, tick * SPANS + 1);
	slo_otlp_exporter_event(x, &ev, SLO_STATUS_ERROR, &pods[0], &link, true);
	ev.source = SLO_SRC_SYNTHETIC;
	slo_otlp_exporter_event(x, &ev, SLO_STATUS_OK, &pods[1], NULL, true);
}

static void send_metrics(struct slo_otlp_exporter *x, uint64_t tick, int64_t start)
{
	static const struct slo_metric_desc total = { "llm_slo_requests_total", "Requests.",
		                                      "{request}", SLO_METRIC_COUNTER };
	static const struct slo_metric_desc dns = { "llm_ebpf_dns_latency_ms", "DNS.", "ms",
		                                    SLO_METRIC_HISTOGRAM };
	static const double bounds[] = { 1, 40, 120 };
	uint64_t buckets[] = { tick, 1, 2, 3 };
	struct slo_exemplar exemplars[4] = { 0 };
	struct slo_metric_series s = { .label = { { "status", "ok" } },
		                       .label_count = 1,
		                       .start_unix_ns = start,
		                       .value = (double)tick };
	struct slo_metric_series h = { .workload = &pods[0],
		                       .start_unix_ns = start,
		                       .bounds = bounds,
		                       .bound_count = 3,
		                       .buckets = buckets,
		                       .count = tick + 6,
		                       .sum = 12.5,
		                       .exemplars = exemplars };

	exemplars[3].value = 220;
	exemplars[3].unix_ns = start;
	put_id(exemplars[3].trace_id, SLO_TRACE_ID_LEN, 1);
	put_id(exemplars[3].span_id, SLO_SPAN_ID_LEN, 1);
	slo_otlp_exporter_metrics_begin(x, (int64_t)slo_clock_realtime_ns());
	slo_otlp_exporter_metric(x, &total, &s);
	slo_otlp_exporter_metric(x, &dns, &h);
	slo_otlp_exporter_metrics_end(x);
}

static void run(struct slo_otlp_exporter *x, struct slo_http_client *c, uint64_t ticks, uint64_t ms)
{
	int64_t start = (int64_t)slo_clock_realtime_ns();
	struct pollfd p = { .fd = slo_http_client_fd(c), .events = POLLIN };

	for (uint64_t i = 0; i < ticks; i++) {
		uint64_t until = slo_clock_monotonic_ns() + ms * SLO_NS_PER_MS;

		send_spans(x, i);
		send_logs(x, i);
		if (i % 10 == 9)
			send_metrics(x, i, start);
		do {
			slo_otlp_exporter_tick(x, slo_clock_monotonic_ns());
			(void)poll(&p, 1, ms ? 5 : 0);
			slo_http_client_run(c);
		} while (slo_clock_monotonic_ns() < until);
	}
	slo_otlp_exporter_drain(x, DRAIN_MS);
}

int main(int argc, char **argv)
{
	const struct slo_http_client_config http = { .max_requests = 8, .user_agent = "otlp_send" };
	slo_http_client_auto struct slo_http_client *client = NULL;
	slo_otlp_exporter_auto struct slo_otlp_exporter *x = NULL;
	struct slo_otlp_exporter_config cfg = { .gzip = true,
		                                .timeout_ms = 2000,
		                                .queue_bytes = 65536,
		                                .spool_bytes = 64 << 20,
		                                .self = &self,
		                                .version = "test" };
	struct slo_otlp_exporter_stats st;
	struct slo_err err = { 0 };

	if (argc != 5)
		return 2;
	cfg.endpoint = argv[1];
	cfg.spool_dir = argv[2];
	if (slo_http_client_new(&client, &http, &err) < 0)
		return 1;
	cfg.client = client;
	if (slo_otlp_exporter_new(&x, &cfg, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	run(x, client, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	slo_otlp_exporter_stats(x, &st);
	(void)printf(
		"{\"traces\":%llu,\"logs\":%llu,\"metrics\":%llu,\"retried\":%llu,\"rejected\":%llu,"
		"\"dropped\":%llu,\"why\":\"%s\"}\n",
		(unsigned long long)st.exported[SLO_OTLP_TRACES],
		(unsigned long long)st.exported[SLO_OTLP_LOGS],
		(unsigned long long)st.exported[SLO_OTLP_METRICS], (unsigned long long)st.retried,
		(unsigned long long)(st.rejected[0] + st.rejected[1] + st.rejected[2]),
		(unsigned long long)(st.dropped[0] + st.dropped[1] + st.dropped[2]),
		st.last[SLO_OTLP_TRACES].why);
	return 0;
}
