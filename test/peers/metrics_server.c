/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's /metrics without an agent: metrics_server TTFT_MS REQUESTS_PER_SECOND [SECONDS]. Prints its port; requests
 * that take TTFT_MS to their first token are counted from then on, and the burn rate of "800 ms for 99 %".
 */
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/engine/metrics.h"
#include "core/export/prometheus.h"
#include "core/net/http_server.h"

static const struct slo_workload chat = { "test", "node-1", "default", "chat-0",
	                                  "uid",  "app",    "",        "chat" };

static void serve(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	struct slo_prometheus p;

	slo_prometheus_init(&p, slo_prometheus_negotiate(in->accept));
	slo_metrics_visit(user, (int64_t)slo_clock_realtime_ns(), slo_prometheus_series, &p);
	out->content_type = slo_prometheus_content_type(p.format);
	if (slo_prometheus_finish(&p, &out->body, &out->body_len) < 0)
		out->status = 500;
}

static void say_all(struct slo_metrics *m)
{
	(void)slo_metrics_set(m, SLO_MET_UP, SLO_LABELS(NULL), 1);
	(void)slo_metrics_set(m, SLO_MET_BUILD_INFO, SLO_LABELS(SLO_VERSION), 1);
	(void)slo_metrics_set(m, SLO_MET_CAPABILITY_MODE, SLO_LABELS("core_full"), 1);
	for (int i = 0; i < SLO_MET_MAX_; i++)
		(void)slo_metrics_set(m, (enum slo_metric)i, SLO_LABELS("a\"\\\n", "b", "c"), 0);
}

static void drive(struct slo_metrics *m, double ttft_ms)
{
	int64_t now = (int64_t)slo_clock_realtime_ns();
	struct slo_span span = {
		.end_ns = now,
		.trace_id = { 1, 2, 3 },
		.span_id = { 4 },
		.llm = { .is_request = true, .ttft_ms = ttft_ms, .tokens_per_sec = 42 }
	};
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY, .kind = SLO_EV_HIST };

	slo_hist_add(&ev.hist, 60 * SLO_NS_PER_MS);
	slo_metrics_event(m, &ev, SLO_STATUS_WARNING, &chat, now);
	slo_metrics_request(m, &span, &chat, now);
	(void)slo_metrics_set(m, SLO_MET_BURN_RATE, SLO_LABELS("ttft", "chat", "1h"),
	                      ttft_ms > 800 ? 100 : 0);
}

int main(int argc, char **argv)
{
	const struct slo_metrics_config cfg = { .aggregates = true,
		                                .start_unix_ns = (int64_t)slo_clock_realtime_ns() };
	static const struct slo_http_route routes[] = { { "GET", "/metrics", 0, false, serve },
		                                        { 0 } };
	struct slo_http_server_config http = { .listen = "127.0.0.1:0", .routes = routes };
	slo_http_server_auto struct slo_http_server *server = NULL;
	slo_metrics_auto struct slo_metrics *m = NULL;
	struct slo_err err = { 0 };
	double ttft = argc > 1 ? strtod(argv[1], NULL) : 0;
	double rate = argc > 2 ? strtod(argv[2], NULL) : 0;
	uint64_t seconds = argc > 3 ? strtoull(argv[3], NULL, 10) : 300;
	uint64_t begin = slo_clock_monotonic_ns(), done = 0;
	struct pollfd p = { .events = POLLIN };

	if (slo_metrics_new(&m, &cfg, &err) < 0)
		goto fail;
	http.user = m;
	if (slo_http_server_open(&server, &http, &err) < 0)
		goto fail;
	say_all(m);
	(void)printf("%u\n", slo_http_server_port(server));
	(void)fflush(stdout);
	p.fd = slo_http_server_fd(server);
	for (uint64_t age = 0; age < seconds * SLO_NS_PER_SEC;
	     age = slo_clock_monotonic_ns() - begin) {
		for (; (double)done < (double)age / 1e9 * rate; done++)
			drive(m, ttft);
		(void)poll(&p, 1, 50);
		slo_http_server_run(server);
	}
	return 0;
fail:
	(void)fprintf(stderr, "metrics_server: %s\n", err.msg);
	return 1;
}
