/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU that one span costs the exporter on its way from a ready request to a collector on this host: copied, packed or
 * not, queued, sent, answered. The collector is a child that reads and says 200. Nothing is judged here.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "core/export/otlp_exporter.h"
#include "test/bench/otlp_request.h"

#define SPANS 512 /* an SDK's batch */
#define REQUESTS 400
#define RECORDS 200000U
#define QUEUE_MAX ((size_t)4 << 20)

static const struct slo_workload self = { "", "n", "", "", "", "", "", "" };

/* --- the collector -------------------------------------------------------------------------------------------- */

struct connection {
	char head[4096];
	size_t len, body_left;
};

/* One read's bytes: heads are gathered, bodies thrown away. False: closed. */
static bool serve(int fd, struct connection *c)
{
	static const char ok[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
	static char buf[1 << 18];
	ssize_t n = read(fd, c->body_left ? buf : c->head + c->len,
	                 c->body_left ? sizeof(buf) : sizeof(c->head) - 1 - c->len);
	char *end, *length;
	size_t at;

	if (n <= 0)
		return false;
	if (!c->body_left) {
		c->len += (size_t)n;
		c->head[c->len] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		length = strcasestr(c->head, "\r\ncontent-length:");
		if (!end || !length)
			return c->len < sizeof(c->head) - 1;
		at = (size_t)(end - c->head) + 4;
		c->body_left = strtoul(length + 17, NULL, 10);
		n = (ssize_t)(c->len - at);
		c->len = 0;
	}
	c->body_left -= (size_t)n < c->body_left ? (size_t)n : c->body_left;
	return c->body_left || write(fd, ok, sizeof(ok) - 1) == (ssize_t)sizeof(ok) - 1;
}

static void collect(int listener)
{
	static struct connection connection[64];
	struct pollfd p[64] = { { .fd = listener, .events = POLLIN } };
	nfds_t count = 1;

	while (poll(p, count, -1) > 0) {
		for (nfds_t i = 1; i < count; i++) {
			if (p[i].revents && !serve(p[i].fd, &connection[i])) {
				(void)close(p[i].fd);
				p[i].fd = -1;
			}
		}
		if (p[0].revents && count < 64) {
			p[count] = (struct pollfd){ .fd = accept(listener, NULL, NULL),
				                    .events = POLLIN };
			connection[count++] = (struct connection){ .len = 0 };
		}
	}
}

static pid_t start_collector(char *url, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		abort();
	(void)snprintf(url, size, "http://127.0.0.1:%u", ntohs(at.sin_port));
	pid = fork();
	if (pid == 0) {
		collect(fd);
		_exit(0);
	}
	(void)close(fd);
	return pid;
}

/* --- the measurement ------------------------------------------------------------------------------------------ */

static void run(struct slo_otlp_exporter *x, struct slo_http_client *c, const struct bytes *in)
{
	struct pollfd p = { .fd = slo_http_client_fd(c), .events = POLLIN };
	struct slo_otlp_exporter_stats st;

	for (int i = 0; i < REQUESTS; i++) {
		uint8_t *body = malloc(in->len);

		memcpy(body, in->p, in->len);
		slo_otlp_exporter_traces(x, body, in->len, SPANS);
		slo_http_client_run(c);
		/* As full as it may be, and no fuller: nothing is lost. */
		for (slo_otlp_exporter_stats(x, &st); st.queue_bytes > QUEUE_MAX / 2;
		     slo_otlp_exporter_stats(x, &st)) {
			(void)poll(&p, 1, 100);
			slo_http_client_run(c);
		}
	}
	slo_otlp_exporter_drain(x, 60000);
}

/* Log records of DNS measurements, sixteen workloads in turn. */
static void run_records(struct slo_otlp_exporter *x, struct slo_http_client *c)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                      .kind = SLO_EV_SAMPLE,
		                      .source = SLO_SRC_CGROUP_SKB,
		                      .tgid = 4711,
		                      .tuple = { .family = 4, .proto = 17, .dport = 53 },
		                      .comm = "python3",
		                      .detail.dns.qname = "gateway.prod.svc.cluster.local" };
	char pod[16];
	struct slo_workload who = {
		"c1", "node1", "prod", pod, "8d1f0b9e", "main", "cid", "gateway"
	};

	for (unsigned int i = 0; i < RECORDS; i++) {
		(void)snprintf(pod, sizeof(pod), "gateway-%u", i % 16);
		ev.value_ns = i * 1000;
		slo_otlp_exporter_event(x, &ev, SLO_STATUS_OK, &who, NULL, true);
		if (i % 512 == 511)
			slo_http_client_run(c);
	}
	slo_otlp_exporter_drain(x, 60000);
}

static void measure_records(const char *url)
{
	const struct slo_http_client_config http = { .max_requests = 8, .user_agent = "bench" };
	slo_http_client_auto struct slo_http_client *c = NULL;
	slo_otlp_exporter_auto struct slo_otlp_exporter *x = NULL;
	struct slo_otlp_exporter_config cfg = { .endpoint = url,
		                                .gzip = true,
		                                .queue_bytes = 64 << 20,
		                                .self = &self,
		                                .version = "bench" };
	struct slo_otlp_exporter_stats st;
	uint64_t cpu;

	if (slo_http_client_new(&c, &http, NULL) < 0)
		abort();
	cfg.client = c;
	if (slo_otlp_exporter_new(&x, &cfg, NULL) < 0)
		abort();
	cpu = slo_clock_thread_cpu_ns();
	run_records(x, c);
	cpu = slo_clock_thread_cpu_ns() - cpu;
	slo_otlp_exporter_stats(x, &st);
	if (st.exported[SLO_OTLP_LOGS] != RECORDS)
		abort();
	printf("gzip   %7.0f ns/log record of CPU: %8.0f records/s a core\n", (double)cpu / RECORDS,
	       RECORDS * 1e9 / (double)cpu);
}

static void measure(const char *url, bool gzip, const struct bytes *in)
{
	const struct slo_http_client_config http = { .max_requests = 8, .user_agent = "bench" };
	slo_http_client_auto struct slo_http_client *c = NULL;
	slo_otlp_exporter_auto struct slo_otlp_exporter *x = NULL;
	struct slo_otlp_exporter_config cfg = { .endpoint = url,
		                                .gzip = gzip,
		                                .queue_bytes = QUEUE_MAX,
		                                .self = &self,
		                                .version = "bench" };
	struct slo_otlp_exporter_stats st;
	uint64_t cpu, wall;

	if (slo_http_client_new(&c, &http, NULL) < 0)
		abort();
	cfg.client = c;
	if (slo_otlp_exporter_new(&x, &cfg, NULL) < 0)
		abort();
	cpu = slo_clock_thread_cpu_ns();
	wall = slo_clock_monotonic_ns();
	run(x, c, in);
	cpu = slo_clock_thread_cpu_ns() - cpu;
	wall = slo_clock_monotonic_ns() - wall;
	slo_otlp_exporter_stats(x, &st);
	if (st.exported[SLO_OTLP_TRACES] != (uint64_t)REQUESTS * SPANS)
		abort();
	printf("%-6s %7.0f ns/span of CPU: %8.0f spans/s a core; %8.0f spans/s by the clock here\n",
	       gzip ? "gzip" : "plain", (double)cpu / (REQUESTS * SPANS),
	       REQUESTS * SPANS * 1e9 / (double)cpu, REQUESTS * SPANS * 1e9 / (double)wall);
}

int main(void)
{
	struct bytes in = request_of(SPANS);
	char url[64];
	pid_t pid = start_collector(url, sizeof(url));

	printf("otlp out: %d requests of %d spans, %zu bytes each span\n", REQUESTS, SPANS,
	       in.len / SPANS);
	measure(url, false, &in);
	measure(url, true, &in);
	measure_records(url);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	free(in.p);
	return 0;
}
