/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_exporter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <logs.pb-c.h>
#include <metrics.pb-c.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/net/gzip.h"
#include "test/unit/base/remove_dir.h"
#include "test/unit/net/server.h"

#define OK_REPLY                                                                           \
	"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n" \
	"Connection: close\r\n\r\n"
#define STATUS(code) "HTTP/1.1 " code " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

static const struct slo_workload self = { "c1", "node1", "", "", "", "", "", "" };
static const struct slo_workload pod = { "c1",    "node1", "ns",  "pod-1",
	                                 "uid-1", "main",  "abc", "gateway" };

struct rig {
	struct server *server;
	struct slo_http_client *client;
	struct slo_otlp_exporter *x;
	char url[64];
	char dir[64];
};

static void open_client(struct rig *rig)
{
	const struct slo_http_client_config cfg = { .max_requests = 8, .user_agent = "test/1" };

	assert_int_equal(slo_http_client_new(&rig->client, &cfg, NULL), 0);
}

static void open_exporter(struct rig *rig, size_t queue_bytes, bool gzip)
{
	struct slo_otlp_exporter_config cfg = { .endpoint = rig->url,
		                                .headers = "authorization=Basic%20abc, x-b = c",
		                                .gzip = gzip,
		                                .timeout_ms = 2000,
		                                .queue_bytes = queue_bytes,
		                                .spool_dir = rig->dir,
		                                .spool_bytes = 1 << 20,
		                                .self = &self,
		                                .version = "1.2",
		                                .client = rig->client };
	struct slo_err err = { 0 };

	if (slo_otlp_exporter_new(&rig->x, &cfg, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct rig rig_of(const struct server_reply *script, size_t rows)
{
	struct rig rig = { .server = server_start(script, rows, 0) };

	(void)snprintf(rig.url, sizeof(rig.url), "http://127.0.0.1:%u/", rig.server->port);
	open_client(&rig);
	open_exporter(&rig, 1 << 20, false);
	return rig;
}

static void close_rig(struct rig *rig)
{
	slo_otlp_exporter_freep(&rig->x);
	slo_http_client_freep(&rig->client);
	if (rig->server)
		server_stop(rig->server);
}

static struct slo_otlp_exporter_stats stats_of(const struct rig *rig)
{
	struct slo_otlp_exporter_stats st;

	slo_otlp_exporter_stats(rig->x, &st);
	return st;
}

static void run_for(struct rig *rig, uint64_t ms)
{
	uint64_t until = slo_clock_monotonic_ns() + ms * SLO_NS_PER_MS;
	struct pollfd p = { .fd = slo_http_client_fd(rig->client), .events = POLLIN };

	while (slo_clock_monotonic_ns() < until) {
		slo_otlp_exporter_tick(rig->x, slo_clock_monotonic_ns());
		(void)poll(&p, 1, 10);
		slo_http_client_run(rig->client);
	}
}

static void put_spans(struct rig *rig, const char *body, size_t spans)
{
	slo_otlp_exporter_traces(rig->x, (uint8_t *)strdup(body), strlen(body), spans);
}

/* --- what is sent --------------------------------------------------------------------------------------------- */

static const SloProto__AnyValue *attr(SloProto__KeyValue *const *rows, size_t count,
                                      const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(rows[i]->key, key) == 0)
			return rows[i]->value;
	}
	return NULL;
}

static void assert_attr(SloProto__KeyValue *const *rows, size_t count, const char *key,
                        const char *value)
{
	const SloProto__AnyValue *v = attr(rows, count, key);

	assert_non_null(v);
	assert_int_equal(v->value_case, SLO_PROTO__ANY_VALUE__VALUE_STRING_VALUE);
	assert_string_equal(v->string_value, value);
}

static SloProto__ExportLogsServiceRequest *logs_of(struct server *s, size_t nth)
{
	size_t len;
	const char *body = server_body(s, nth, &len);
	SloProto__ExportLogsServiceRequest *logs =
		slo_proto__export_logs_service_request__unpack(NULL, len, (const uint8_t *)body);

	assert_non_null(strstr(s->request[nth], "POST /v1/logs HTTP/1.1\r\n"));
	assert_non_null(logs);
	return logs;
}

static void send_two_events(struct rig *rig)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                      .kind = SLO_EV_SAMPLE,
		                      .source = SLO_SRC_CGROUP_SKB,
		                      .start_ns = 1000,
		                      .realtime_offset_ns = 1700000000000000000,
		                      .value_ns = 220500000,
		                      .tgid = 77,
		                      .tid = 78,
		                      .tuple = { .family = 4,
		                                 .proto = 17,
		                                 .sport = 4000,
		                                 .dport = 53,
		                                 .saddr = { 10, 0, 0, 1 },
		                                 .daddr = { 10, 0, 0, 2 } },
		                      .comm = "py\"th\xffon",
		                      .detail.dns = {
					      .rcode = 3, .retries = 2, .qname = "a.example" } };
	struct slo_otlp_link link = { .trace_id = { 1, 2 }, .span_id = { 3 }, .confidence = 0.9 };

	slo_otlp_exporter_event(rig->x, &ev, SLO_STATUS_ERROR, &pod, &link, true);
	ev.kind = SLO_EV_HIST;
	ev.signal = SLO_SIG_RUNQUEUE_DELAY;
	ev.interval_ns = SLO_NS_PER_SEC;
	ev.detail.runq.cause = SLO_WAIT_QUOTA;
	slo_hist_add(&ev.hist, 2000000);
	ev.count = ev.hist.count;
	slo_otlp_exporter_event(rig->x, &ev, SLO_STATUS_OK, &pod, NULL, true);
}

static void events_are_log_records_of_their_workload(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);
	SloProto__ExportLogsServiceRequest *logs;
	const SloProto__LogRecord *r;

	(void)state;
	send_two_events(&rig);
	slo_otlp_exporter_drain(rig.x, 5000);
	assert_int_equal(server_count(rig.server), 1);
	assert_non_null(
		strstr(rig.server->request[0], "\r\nContent-Type: application/x-protobuf\r\n"));
	assert_non_null(strstr(rig.server->request[0], "\r\nauthorization: Basic abc\r\n"));
	assert_non_null(strstr(rig.server->request[0], "\r\nx-b: c\r\n"));
	logs = logs_of(rig.server, 0);
	assert_int_equal(logs->n_resource_logs, 1);
	assert_attr(logs->resource_logs[0]->resource->attributes,
	            logs->resource_logs[0]->resource->n_attributes, "k8s.pod.uid", "uid-1");
	assert_attr(logs->resource_logs[0]->resource->attributes,
	            logs->resource_logs[0]->resource->n_attributes, "service.name", "gateway");
	assert_string_equal(logs->resource_logs[0]->scope_logs[0]->scope->name, "llm-slo");
	assert_int_equal(logs->resource_logs[0]->scope_logs[0]->n_log_records, 2);
	r = logs->resource_logs[0]->scope_logs[0]->log_records[0];
	assert_string_equal(r->event_name, "llm.ebpf.dns_latency_ms");
	assert_int_equal(r->severity_number, 17);
	assert_int_equal(r->time_unix_nano, 1700000000000001000 + 220500000);
	assert_int_equal(r->trace_id.len, 16);
	assert_int_equal(r->span_id.len, 8);
	assert_int_equal(r->trace_id.data[1], 2);
	assert_string_equal(r->body->string_value, "dns_latency_ms 220.5 ms (error)");
	assert_attr(r->attributes, r->n_attributes, "source", "cgroup_skb");
	assert_attr(r->attributes, r->n_attributes, "conn_tuple.dst_ip", "10.0.0.2");
	assert_attr(r->attributes, r->n_attributes, "detail.rcode", "NXDOMAIN");
	assert_attr(r->attributes, r->n_attributes, "detail.qname", "a.example");
	assert_attr(r->attributes, r->n_attributes, "comm", "py\"th\xef\xbf\xbdon");
	assert_int_equal(attr(r->attributes, r->n_attributes, "detail.retries")->int_value, 2);
	assert_true(attr(r->attributes, r->n_attributes, "value")->double_value == 220.5);
	assert_null(attr(r->attributes, r->n_attributes, "pod"));
	r = logs->resource_logs[0]->scope_logs[0]->log_records[1];
	assert_attr(r->attributes, r->n_attributes, "detail.cause", "quota");
	assert_int_equal(r->trace_id.len, 0);
	slo_proto__export_logs_service_request__free_unpacked(logs, NULL);
	assert_int_equal(stats_of(&rig).exported[SLO_OTLP_LOGS], 2);
	close_rig(&rig);
}

static void names_stay_out_where_privacy_asks(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);
	const struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                            .kind = SLO_EV_SAMPLE,
		                            .detail.dns.qname = "secret.example" };
	size_t len;

	(void)state;
	slo_otlp_exporter_event(rig.x, &ev, SLO_STATUS_OK, &pod, NULL, false);
	slo_otlp_exporter_drain(rig.x, 5000);
	(void)server_body(rig.server, 0, &len);
	assert_null(memmem(rig.server->request[0], rig.server->length[0], "secret", 6));
	close_rig(&rig);
}

static void sli_and_notices_are_log_records(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);
	const struct slo_sli_event sli = { .unix_ns = 5,
		                           .event_id = "e1",
		                           .cluster = "",
		                           .k8s_namespace = "",
		                           .workload = "w",
		                           .service = "s",
		                           .request_id = "r1",
		                           .trace_id = "0102030405060708090a0b0c0d0e0f10",
		                           .sli = SLO_SLI_TTFT,
		                           .status = SLO_SLI_BREACH,
		                           .value = 1200 };
	const struct slo_notice notice = { .kind = SLO_NOTICE_OPEN,
		                           .severity = SLO_SEVERITY_CRITICAL,
		                           .id = "n1",
		                           .dedup_key = "k",
		                           .incident_id = "i1",
		                           .summary = "TTFT burns",
		                           .cluster = "c",
		                           .namespace_ = "n",
		                           .service = "s",
		                           .slo = "chat",
		                           .sli = "ttft_ms",
		                           .domain = "network_dns",
		                           .next_step = "look",
		                           .confidence = .9,
		                           .burn_rate = 20,
		                           .unix_ns = 7,
		                           .json = "{}",
		                           .json_len = 2,
		                           .synthetic = true };
	SloProto__ExportLogsServiceRequest *logs;
	const SloProto__LogRecord *r;

	(void)state;
	slo_otlp_exporter_sli(rig.x, &sli, &pod);
	slo_otlp_exporter_notice(rig.x, &notice, &self);
	slo_otlp_exporter_drain(rig.x, 5000);
	logs = logs_of(rig.server, 0);
	assert_int_equal(logs->n_resource_logs, 2); /* one a workload */
	r = logs->resource_logs[0]->scope_logs[0]->log_records[0];
	assert_string_equal(r->event_name, "llm.slo.ttft_ms");
	assert_int_equal(r->trace_id.data[15], 0x10);
	r = logs->resource_logs[1]->scope_logs[0]->log_records[0];
	assert_string_equal(r->event_name, "llm.slo.incident.open");
	assert_int_equal(r->severity_number, 18);
	assert_string_equal(r->body->string_value, "TTFT burns");
	assert_attr(r->attributes, r->n_attributes, "source", "synthetic");
	slo_proto__export_logs_service_request__free_unpacked(logs, NULL);
	close_rig(&rig);
}

static void send_metrics(struct rig *rig)
{
	static const struct slo_metric_desc requests = { "llm_slo_requests_total", "Requests.",
		                                         "{request}", SLO_METRIC_COUNTER };
	static const struct slo_metric_desc up = { "llm_slo_agent_up", "Up.", "1",
		                                   SLO_METRIC_GAUGE };
	static const struct slo_metric_desc dns = { "llm_ebpf_dns_latency_ms", "DNS.", "ms",
		                                    SLO_METRIC_HISTOGRAM };
	static const double bounds[] = { 1, 5 };
	static const uint64_t buckets[] = { 3, 2, 1 };
	static const struct slo_exemplar exemplars[3] = { [1] = { 4.5, 99, { 7 }, { 8 } } };
	struct slo_metric_series s = { .label = { { "status", "ok" } },
		                       .label_count = 1,
		                       .workload = &pod,
		                       .start_unix_ns = 10,
		                       .value = 41 };

	slo_otlp_exporter_metrics_begin(rig->x, 50);
	slo_otlp_exporter_metric(rig->x, &requests, &s);
	s.label[0].value = "error";
	slo_otlp_exporter_metric(rig->x, &requests, &s);
	s.workload = NULL;
	slo_otlp_exporter_metric(rig->x, &up, &s);
	s = (struct slo_metric_series){ .workload = &pod,
		                        .start_unix_ns = 10,
		                        .bounds = bounds,
		                        .bound_count = 2,
		                        .buckets = buckets,
		                        .count = 6,
		                        .sum = 0,
		                        .exemplars = exemplars };
	slo_otlp_exporter_metric(rig->x, &dns, &s);
	slo_otlp_exporter_metrics_end(rig->x);
}

static void check_histogram(const SloProto__Metric *m)
{
	const SloProto__HistogramDataPoint *p;

	assert_int_equal(m->data_case, SLO_PROTO__METRIC__DATA_HISTOGRAM);
	assert_int_equal(m->histogram->aggregation_temporality, 2);
	p = m->histogram->data_points[0];
	assert_int_equal(p->count, 6);
	assert_int_equal(p->known_case, SLO_PROTO__HISTOGRAM_DATA_POINT__KNOWN_SUM);
	assert_int_equal(p->n_bucket_counts, 3);
	assert_int_equal(p->n_explicit_bounds, 2);
	assert_int_equal(p->bucket_counts[0], 3);
	assert_true(p->explicit_bounds[1] == 5);
	assert_int_equal(p->start_time_unix_nano, 10);
	assert_int_equal(p->n_exemplars, 1);
	assert_true(p->exemplars[0]->as_double == 4.5);
	assert_int_equal(p->exemplars[0]->trace_id.len, 16);
	assert_int_equal(p->exemplars[0]->trace_id.data[0], 7);
}

static void metrics_are_cumulative_and_grouped(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);
	SloProto__ExportMetricsServiceRequest *all;
	const SloProto__ScopeMetrics *of_pod, *own;
	const char *body;
	size_t len;

	(void)state;
	send_metrics(&rig);
	slo_otlp_exporter_drain(rig.x, 5000);
	assert_non_null(strstr(rig.server->request[0], "POST /v1/metrics HTTP/1.1\r\n"));
	body = server_body(rig.server, 0, &len);
	all = slo_proto__export_metrics_service_request__unpack(NULL, len, (const uint8_t *)body);
	assert_non_null(all);
	assert_int_equal(all->n_resource_metrics, 2);
	of_pod = all->resource_metrics[0]->scope_metrics[0];
	own = all->resource_metrics[1]->scope_metrics[0];
	assert_attr(all->resource_metrics[1]->resource->attributes,
	            all->resource_metrics[1]->resource->n_attributes, "service.name",
	            "llm-slo-agent");
	assert_int_equal(of_pod->n_metrics, 2);
	assert_string_equal(of_pod->metrics[0]->name, "llm_slo_requests_total");
	assert_string_equal(of_pod->metrics[0]->unit, "{request}");
	assert_int_equal(of_pod->metrics[0]->data_case, SLO_PROTO__METRIC__DATA_SUM);
	assert_true(of_pod->metrics[0]->sum->is_monotonic);
	assert_int_equal(of_pod->metrics[0]->sum->aggregation_temporality, 2);
	assert_int_equal(of_pod->metrics[0]->sum->n_data_points, 2);
	assert_true(of_pod->metrics[0]->sum->data_points[1]->as_double == 41);
	assert_int_equal(of_pod->metrics[0]->sum->data_points[1]->start_time_unix_nano, 10);
	assert_int_equal(of_pod->metrics[0]->sum->data_points[1]->time_unix_nano, 50);
	check_histogram(of_pod->metrics[1]);
	assert_int_equal(own->metrics[0]->data_case, SLO_PROTO__METRIC__DATA_GAUGE);
	assert_int_equal(own->metrics[0]->gauge->n_data_points, 1);
	slo_proto__export_metrics_service_request__free_unpacked(all, NULL);
	assert_int_equal(stats_of(&rig).exported[SLO_OTLP_METRICS], 4);
	close_rig(&rig);
}

static void nothing_is_sent_of_nothing(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);

	(void)state;
	slo_otlp_exporter_metrics_begin(rig.x, 1);
	slo_otlp_exporter_metrics_end(rig.x);
	put_spans(&rig, "", 0);
	put_spans(&rig, "x", 0);
	slo_otlp_exporter_drain(rig.x, 200);
	run_for(&rig, 50);
	assert_int_equal(server_count(rig.server), 0);
	close_rig(&rig);
}

static void gzip_is_told_and_unpacks(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct rig rig = rig_of(&ok, 1);
	uint8_t *plain;
	size_t len, plain_len;
	const char *body;

	(void)state;
	slo_otlp_exporter_freep(&rig.x);
	open_exporter(&rig, 1 << 20, true);
	put_spans(&rig, "some spans some spans some spans", 3);
	slo_otlp_exporter_drain(rig.x, 5000);
	assert_non_null(strstr(rig.server->request[0], "POST /v1/traces HTTP/1.1\r\n"));
	assert_non_null(strstr(rig.server->request[0], "\r\nContent-Encoding: gzip\r\n"));
	body = server_body(rig.server, 0, &len);
	assert_int_equal(slo_gunzip((const uint8_t *)body, len, 1000, &plain, &plain_len), 0);
	assert_int_equal(plain_len, 32);
	assert_memory_equal(plain, "some spans some spans some spans", 32);
	free(plain);
	close_rig(&rig);
}

/* --- what is answered ----------------------------------------------------------------------------------------- */

static void only_what_may_pass_is_retried(void **state)
{
	static const struct {
		const char *reply;
		bool retried;
	} rows[] = {
		{ STATUS("429"), true },
		{ STATUS("502"), true },
		{ STATUS("503"), true },
		{ STATUS("504"), true },
		{ NULL, true },
		{ "garbage\r\n\r\n", true },
		{ STATUS("400"), false },
		{ STATUS("401"), false },
		{ STATUS("404"), false },
		{ STATUS("408"), false },
		{ STATUS("413"), false },
		{ STATUS("500"), false },
		{ STATUS("501"), false },
		{ "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", false },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct server_reply script[] = { { .text = rows[i].reply },
			                               { .text = OK_REPLY } };
		struct rig rig = rig_of(script, 2);
		struct slo_otlp_exporter_stats st;

		put_spans(&rig, "spans", 5);
		slo_otlp_exporter_drain(rig.x, 4000);
		st = stats_of(&rig);
		assert_int_equal(server_count(rig.server), rows[i].retried ? 2 : 1);
		assert_int_equal(st.exported[SLO_OTLP_TRACES], rows[i].retried ? 5 : 0);
		assert_int_equal(st.rejected[SLO_OTLP_TRACES], rows[i].retried ? 0 : 5);
		assert_int_equal(st.retried, rows[i].retried);
		assert_int_equal(st.last[SLO_OTLP_TRACES].verdict,
		                 rows[i].retried ? SLO_OTLP_ACCEPTED : SLO_OTLP_REFUSED);
		assert_int_equal(st.queue_batches, 0);
		assert_true(st.last[SLO_OTLP_TRACES].why[0] != '\0');
		close_rig(&rig);
	}
}

static void partial_success_is_counted_never_retried(void **state)
{
	static const struct server_reply script[] = { {
		.text = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n"
			"Connection: close\r\n\r\n\x0a\x07\x08\x02\x12\x03"
			"bad",
	} };
	struct rig rig = rig_of(script, 1);
	struct slo_otlp_exporter_stats st;

	(void)state;
	put_spans(&rig, "spans", 5);
	slo_otlp_exporter_drain(rig.x, 3000);
	run_for(&rig, 100);
	st = stats_of(&rig);
	assert_int_equal(server_count(rig.server), 1);
	assert_int_equal(st.exported[SLO_OTLP_TRACES], 3);
	assert_int_equal(st.rejected[SLO_OTLP_TRACES], 2);
	assert_non_null(strstr(st.last[SLO_OTLP_TRACES].why, "bad"));
	assert_int_equal(st.last[SLO_OTLP_TRACES].verdict, SLO_OTLP_ACCEPTED);
	close_rig(&rig);
}

static void retry_after_is_waited_for(void **state)
{
	static const struct server_reply script[] = {
		{ .text = "HTTP/1.1 503 X\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" },
		{ .text = OK_REPLY },
	};
	struct rig rig = rig_of(script, 2);

	(void)state;
	put_spans(&rig, "spans", 5);
	run_for(&rig, 1800);
	assert_int_equal(server_count(rig.server), 1);
	run_for(&rig, 700);
	assert_int_equal(server_count(rig.server), 2);
	assert_int_equal(stats_of(&rig).exported[SLO_OTLP_TRACES], 5);
	close_rig(&rig);
}

/* --- outages -------------------------------------------------------------------------------------------------- */

static void outage_costs_delay_alone(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	static char body[2000];
	struct rig rig = rig_of(&ok, 1);
	unsigned short port = rig.server->port;
	struct slo_otlp_exporter_stats st;
	bool seen[100] = { false };

	(void)state;
	server_stop(rig.server); /* nobody listens now */
	rig.server = NULL;
	slo_otlp_exporter_freep(&rig.x);
	(void)snprintf(rig.dir, sizeof(rig.dir), "/tmp/slo_otlp.XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	open_exporter(&rig, 20000, false);
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 100; i++) {
		body[0] = (char)('0' + i / 10);
		body[1] = (char)('0' + i % 10);
		put_spans(&rig, body, 2);
	}
	run_for(&rig, 200);
	st = stats_of(&rig);
	assert_int_equal(st.last[SLO_OTLP_TRACES].verdict, SLO_OTLP_AGAIN);
	assert_true(st.queue_bytes <= 20000);
	assert_true(st.spool_batches >= 89);
	assert_int_equal(st.spool_batches + st.queue_batches, 100);
	slo_otlp_exporter_freep(&rig.x); /* a restart amid the outage */
	open_exporter(&rig, 20000, false);
	assert_int_equal(stats_of(&rig).spool_batches, 100);
	rig.server = server_start(&ok, 1, port);
	slo_otlp_exporter_drain(rig.x, 20000);
	st = stats_of(&rig);
	assert_int_equal(st.exported[SLO_OTLP_TRACES], 200);
	assert_int_equal(st.dropped[SLO_OTLP_TRACES], 0);
	assert_int_equal(st.spool_batches, 0);
	assert_int_equal(server_count(rig.server), 100);
	for (size_t i = 0; i < 100; i++) {
		const char *got = server_body(rig.server, i, NULL);
		int n = (got[0] - '0') * 10 + got[1] - '0';

		assert_false(seen[n]);
		seen[n] = true;
	}
	close_rig(&rig);
	remove_dir(rig.dir);
}

static void past_the_caps_the_oldest_goes_and_is_counted(void **state)
{
	struct rig rig = { .url = "http://127.0.0.1:1" };
	static char body[1000];
	struct slo_otlp_exporter_stats st;

	(void)state;
	open_client(&rig);
	open_exporter(&rig, 10000, false);
	memset(body, 'x', sizeof(body) - 1);
	for (int i = 0; i < 50; i++)
		put_spans(&rig, body, 3);
	st = stats_of(&rig);
	assert_true(st.queue_bytes <= 10000);
	assert_int_equal(st.dropped[SLO_OTLP_TRACES] + 3 * st.queue_batches, 150);
	slo_otlp_exporter_traces(rig.x, calloc(1, (64 << 20) + 1), (64 << 20) + 1, 7);
	assert_int_equal(stats_of(&rig).dropped[SLO_OTLP_TRACES], st.dropped[SLO_OTLP_TRACES] + 7);
	close_rig(&rig);
}

/* --- configuration -------------------------------------------------------------------------------------------- */

static struct slo_err ignored;

static int try_new(struct rig *rig, const char *endpoint, char *const *environment,
                   struct slo_err *err)
{
	struct slo_otlp_exporter_config cfg = { .endpoint = endpoint,
		                                .environment = environment,
		                                .ignored = &ignored,
		                                .queue_bytes = 1000,
		                                .self = &self,
		                                .version = "1",
		                                .client = rig->client };

	return slo_otlp_exporter_new(&rig->x, &cfg, err);
}

static void wrong_settings_are_refused_with_the_way_out(void **state)
{
	static const struct {
		const char *endpoint, *variable, *says;
	} rows[] = {
		{ "http://collector:4317", NULL, "gRPC" },
		{ "http://[::1]:4317/", NULL, "4318" },
		{ "", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "gRPC" },
		{ "", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://c:4317/v1/logs", "gRPC" },
		{ "collector:4318", NULL, "http://" },
		{ "", "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://c", "http://" },
	};
	struct rig rig = { 0 };

	(void)state;
	open_client(&rig);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		char *env[] = { (char *)(uintptr_t)rows[i].variable, NULL };
		struct slo_err err = { 0 };

		assert_int_equal(try_new(&rig, rows[i].endpoint, env, &err), -EINVAL);
		assert_null(rig.x);
		assert_non_null(strstr(err.msg, rows[i].says));
	}
	for (size_t i = 0; i < 6; i++) {
		/* A line break, packed or not, would begin a header of its own. */
		static const char *const bad[] = {
			"PROTOCOL=grpc",    "HEADERS=nonsense",    "HEADERS=a=b%0d%0ac: d",
			"HEADERS=a=b%0Ac:", "HEADERS=two words=b", "HEADERS==b",
		};
		char setting[64];
		char *env[] = { (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
			        setting, NULL };

		(void)snprintf(setting, sizeof(setting), "OTEL_EXPORTER_OTLP_%s", bad[i]);
		assert_int_equal(try_new(&rig, "", env, NULL), -EINVAL);
	}
	slo_http_client_freep(&rig.client);
}

/* As SDKs do: it is warned of, under the name that it has. */
static void numbers_and_words_that_cannot_be_used_are_none(void **state)
{
	static const char *const bad[] = { "TIMEOUT=soon", "TIMEOUT=10s", "TRACES_TIMEOUT=-1",
		                           "COMPRESSION=zstd", "LOGS_COMPRESSION=GZIP" };
	struct rig rig = { 0 };

	(void)state;
	open_client(&rig);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		char setting[64];
		char *env[] = { (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318",
			        setting, NULL };

		(void)snprintf(setting, sizeof(setting), "OTEL_EXPORTER_OTLP_%s", bad[i]);
		ignored = (struct slo_err){ 0 };
		assert_int_equal(try_new(&rig, "", env, NULL), 0);
		assert_int_equal(strncmp(ignored.msg, setting, strcspn(setting, "=")), 0);
		assert_non_null(strstr(ignored.msg, strchr(setting, '=') + 1));
		slo_otlp_exporter_freep(&rig.x);
	}
	ignored = (struct slo_err){ 0 };
	slo_http_client_freep(&rig.client);
}

static void environment_counts_where_the_configuration_is_silent(void **state)
{
	static const struct server_reply ok = { .text = OK_REPLY };
	struct server *server = server_start(&ok, 1, 0);
	char base[96], logs[96];
	char *env[] = { base,
		        logs,
		        (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_HEADERS=a=1",
		        (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_LOGS_HEADERS=b=2%2C3",
		        (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		        (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION=none",
		        (char *)(uintptr_t) "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		        NULL };
	const struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY, .kind = SLO_EV_SAMPLE };
	struct rig rig = { 0 };

	(void)state;
	(void)snprintf(base, sizeof(base), "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u/base/",
	               server->port);
	(void)snprintf(logs, sizeof(logs),
	               "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://127.0.0.1:%u/own", server->port);
	open_client(&rig);
	assert_int_equal(try_new(&rig, "", env, NULL), 0);
	put_spans(&rig, "spans", 1);
	slo_otlp_exporter_drain(rig.x, 3000);
	slo_otlp_exporter_event(rig.x, &ev, SLO_STATUS_OK, &pod, NULL, true);
	slo_otlp_exporter_drain(rig.x, 3000);
	assert_int_equal(server_count(server), 2);
	assert_non_null(strstr(server->request[0], "POST /base/v1/traces HTTP/1.1\r\n"));
	assert_non_null(strstr(server->request[0], "\r\na: 1\r\n"));
	assert_non_null(strstr(server->request[0], "\r\nContent-Encoding: gzip\r\n"));
	assert_non_null(strstr(server->request[1], "POST /own HTTP/1.1\r\n"));
	assert_non_null(strstr(server->request[1], "\r\nb: 2,3\r\n"));
	assert_null(strstr(server->request[1], "\r\na: 1\r\n"));
	assert_null(strstr(server->request[1], "Content-Encoding"));
	close_rig(&rig);
	server_stop(server);
}

static void without_an_endpoint_nothing_is_kept(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	open_client(&rig);
	assert_int_equal(try_new(&rig, "", NULL, NULL), 0);
	put_spans(&rig, "spans", 1);
	send_two_events(&rig);
	send_metrics(&rig);
	slo_otlp_exporter_drain(rig.x, 1000);
	assert_int_equal(stats_of(&rig).queue_batches, 0);
	assert_int_equal(stats_of(&rig).dropped[SLO_OTLP_TRACES], 0);
	close_rig(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_are_log_records_of_their_workload),
		cmocka_unit_test(names_stay_out_where_privacy_asks),
		cmocka_unit_test(sli_and_notices_are_log_records),
		cmocka_unit_test(metrics_are_cumulative_and_grouped),
		cmocka_unit_test(nothing_is_sent_of_nothing),
		cmocka_unit_test(gzip_is_told_and_unpacks),
		cmocka_unit_test(only_what_may_pass_is_retried),
		cmocka_unit_test(partial_success_is_counted_never_retried),
		cmocka_unit_test(retry_after_is_waited_for),
		cmocka_unit_test(outage_costs_delay_alone),
		cmocka_unit_test(past_the_caps_the_oldest_goes_and_is_counted),
		cmocka_unit_test(wrong_settings_are_refused_with_the_way_out),
		cmocka_unit_test(numbers_and_words_that_cannot_be_used_are_none),
		cmocka_unit_test(environment_counts_where_the_configuration_is_silent),
		cmocka_unit_test(without_an_endpoint_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
