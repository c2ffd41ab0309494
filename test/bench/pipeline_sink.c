/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a pipeline's spans end: an OTLP/HTTP receiver that counts and forgets. Prints its port; at each SIGUSR1 a line of
 * what came since the last one: spans, those that a signal was joined to, records of other kinds, bytes, and how old spans
 * were when they came, by the time in their trace id (pipeline_load.c). Ends at SIGTERM.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/export/otlp_fields.h"
#include "core/export/wire.h"
#include "core/net/gzip.h"
#include "core/net/http_server.h"

#define BODY_MAX ((size_t)64 << 20)
#define STEP_NS (SLO_NS_PER_MS / 4)
#define STEPS 40000 /* 10 s; the last one: that old or older */

struct sink {
	uint64_t spans, enriched, requests, bytes, other_requests, other_bytes, broken;
	uint64_t *age; /* STEPS */
};

static void count_span(struct sink *s, struct slo_wire w, uint64_t now_ns)
{
	static const char ours[] = "llm.ebpf.correlation_";
	bool enriched = false;
	struct slo_wire_field f = { 0 };

	while (slo_wire_next(&w, &f) > 0) {
		/* A KeyValue begins with its key: tag, length, text. */
		if (f.number == SLO_OTLP_SPAN_ATTRIBUTES &&
		    slo_wire_left(&f.bytes) > sizeof(ours) + 1)
			enriched |= memcmp(f.bytes.p + 2, ours, sizeof(ours) - 1) == 0;
		if (f.number == SLO_OTLP_SPAN_TRACE_ID && slo_wire_left(&f.bytes) == 16) {
			uint64_t sent, step;

			memcpy(&sent, f.bytes.p + 8, sizeof(sent));
			sent = le64toh(sent);
			step = now_ns > sent ? (now_ns - sent) / STEP_NS : 0;
			s->age[step < STEPS ? step : STEPS - 1]++;
		}
	}
	s->spans++;
	s->enriched += enriched;
}

/* Messages within messages, down to the spans: field 1, 2, 2. */
static void count_spans(struct sink *s, struct slo_wire request, uint64_t now_ns)
{
	struct slo_wire_field rs = { 0 }, ss = { 0 }, span = { 0 };
	int a, b, c;

	while ((a = slo_wire_next(&request, &rs)) > 0) {
		if (rs.number != SLO_OTLP_REQUEST_RESOURCE_SPANS)
			continue;
		while ((b = slo_wire_next(&rs.bytes, &ss)) > 0) {
			if (ss.number != SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS)
				continue;
			while ((c = slo_wire_next(&ss.bytes, &span)) > 0) {
				if (span.number == SLO_OTLP_SCOPE_SPANS_SPANS)
					count_span(s, span.bytes, now_ns);
			}
			s->broken += c < 0;
		}
		s->broken += b < 0;
	}
	s->broken += a < 0;
}

static void on_traces(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	uint64_t now = slo_clock_realtime_ns();
	struct sink *s = user;
	uint8_t *plain = NULL;
	size_t len;

	out->content_type = "application/x-protobuf";
	s->requests++;
	s->bytes += in->body_len;
	if (strcasecmp(in->content_encoding, "gzip") != 0) {
		count_spans(s, (struct slo_wire){ in->body, in->body + in->body_len }, now);
	} else if (slo_gunzip(in->body, in->body_len, BODY_MAX, &plain, &len) < 0) {
		s->broken++;
	} else {
		count_spans(s, (struct slo_wire){ plain, plain + len }, now);
		free(plain);
	}
}

static void on_other(void *user, struct slo_http_in *in, struct slo_http_out *out)
{
	struct sink *s = user;

	out->content_type = "application/x-protobuf";
	s->other_requests++;
	s->other_bytes += in->body_len;
}

static double quantile_ms(const struct sink *s, double q)
{
	uint64_t below = 0;

	for (size_t i = 0; i < STEPS; i++) {
		below += s->age[i];
		if ((double)below >= q * (double)s->spans && below)
			return (double)((i + 1) * STEP_NS) / 1e6;
	}
	return 0;
}

/* Begins anew. */
static void print(struct sink *s)
{
	uint64_t *age = s->age;

	(void)printf(
		"{\"spans\":%" PRIu64 ",\"enriched\":%" PRIu64 ",\"requests\":%" PRIu64
		",\"bytes\":%" PRIu64 ",\"other_requests\":%" PRIu64 ",\"other_bytes\":%" PRIu64
		",\"broken\":%" PRIu64 ",\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}\n",
		s->spans, s->enriched, s->requests, s->bytes, s->other_requests, s->other_bytes,
		s->broken, quantile_ms(s, .5), quantile_ms(s, .99), quantile_ms(s, 1));
	(void)fflush(stdout);
	memset(age, 0, STEPS * sizeof(*age));
	*s = (struct sink){ .age = age };
}

static int loop(struct slo_http_server *server, struct sink *s)
{
	struct pollfd fds[2] = { { .fd = slo_http_server_fd(server), .events = POLLIN },
		                 { .events = POLLIN } };
	struct signalfd_siginfo got = { 0 };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fds[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[1].fd < 0)
		return 4;
	(void)printf("port %u\n", slo_http_server_port(server));
	(void)fflush(stdout);
	while (got.ssi_signo != SIGTERM) {
		if (poll(fds, 2, 1000) < 0)
			break;
		if (fds[1].revents && read(fds[1].fd, &got, sizeof(got)) == (ssize_t)sizeof(got))
			print(s);
		slo_http_server_run(server);
	}
	(void)close(fds[1].fd);
	return 0;
}

int main(void)
{
	static const struct slo_http_route routes[] = {
		{ .method = "POST",
		  .path = "/v1/traces",
		  .max_body = BODY_MAX,
		  .handler = on_traces },
		{ .method = "POST", .path = "/v1/logs", .max_body = BODY_MAX, .handler = on_other },
		{ .method = "POST",
		  .path = "/v1/metrics",
		  .max_body = BODY_MAX,
		  .handler = on_other },
		{ 0 },
	};
	struct sink sink = { .age = calloc(STEPS, sizeof(*sink.age)) };
	const struct slo_http_server_config cfg = {
		.listen = "127.0.0.1:0", .routes = routes, .user = &sink, .max_bytes = 4 * BODY_MAX
	};
	struct slo_http_server *server = NULL;
	struct slo_err err = { 0 };
	int code;

	if (!sink.age || slo_http_server_open(&server, &cfg, &err) < 0) {
		(void)fprintf(stderr, "pipeline_sink: %s\n", err.msg);
		return 4;
	}
	code = loop(server, &sink);
	slo_http_server_freep(&server);
	free(sink.age);
	return code;
}
