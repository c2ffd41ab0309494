/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a pipeline of spans: requests of 512 chat spans, encoded beforehand and dated when they leave, over a few
 * kept connections; beside them, as records of a capture on descriptor 3, signals of those spans' connections and
 * processes as a kernel would have made them.
 *   pipeline_load PORT SPANS/s SECONDS SIGNALS/s CGROUP NODE PID...
 * 0 signals: descriptor 3 is left alone. Prints what was taken and what was not, and how late the latest request left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backends/capture.h"
#include "core/base/base.h"
#include "core/base/clock.h"
#include "core/export/wire.h"
#include "test/bench/otlp_request.h"

#define SPANS 512 /* an SDK's batch */
#define SERVICES_MAX 16
#define CONNS 4
#define FIRST_PORT 20000 /* with the next 40000 the same number of bytes as a varint */
#define PORTS 40000
#define PORT_BYTES 3
#define SHORT_NS (40 * SLO_NS_PER_MS)
#define LONG_NS SLO_NS_PER_SEC /* each LONG_EACH-th span's length */
#define LONG_EACH 8
#define SIGNALS_FD 3
#define FIXED_ARGS 7

static const uint8_t here[4] = { 10, 1, 0, 7 }, there[4] = { 10, 96, 0, 10 };

/* Where in a request a span's own bytes are. */
struct place {
	size_t trace, span, start, end, port;
};

struct service {
	struct bytes request;
	struct place at[SPANS];
	uint32_t pid;
};

struct load {
	struct service service[SERVICES_MAX];
	size_t services;
	const char *node;
	uint64_t cgroup;
	int conn[CONNS];
	bool waits[CONNS]; /* for an answer */
	struct slo_capture_writer *capture; /* NULL: no signals */
	struct otlp_random random;
	uint64_t next_port;
	uint64_t taken, throttled, refused, signals, late_ns;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "pipeline_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static struct bytes resource_of(const struct load *l, size_t i)
{
	struct bytes resource = { 0 };
	char name[32];

	(void)snprintf(name, sizeof(name), "gateway-%zu", i);
	text_field(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, "service.name", name);
	text_field(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, "service.namespace", "prod");
	text_field(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, "host.name", l->node);
	text_field(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, "telemetry.sdk.language", "python");
	int_field(&resource, SLO_OTLP_RESOURCE_ATTRIBUTES, "process.pid", l->service[i].pid);
	return resource;
}

/* @at: within the span's bytes, by the order in which they are written. */
static struct bytes span_of(struct load *l, struct place *at)
{
	struct bytes span = chat_of(&l->random, SHORT_NS);
	struct slo_wire w = { span.p, span.p + span.len };
	struct slo_wire_field f = { 0 };

	while (slo_wire_next(&w, &f) > 0) {
		if (f.number == SLO_OTLP_SPAN_TRACE_ID)
			at->trace = (size_t)(f.bytes.p - span.p);
		else if (f.number == SLO_OTLP_SPAN_SPAN_ID)
			at->span = (size_t)(f.bytes.p - span.p);
		else if (f.number == SLO_OTLP_SPAN_START)
			at->start = (size_t)(w.p - span.p) - 8;
		else if (f.number == SLO_OTLP_SPAN_END)
			at->end = (size_t)(w.p - span.p) - 8;
	}
	text_attr(&span, "network.peer.address", "10.96.0.10");
	int_attr(&span, "network.peer.port", 443);
	text_attr(&span, "network.local.address", "10.1.0.7");
	int_attr(&span, "network.local.port", FIRST_PORT);
	at->port = span.len - PORT_BYTES;
	return span;
}

static void make_service(struct load *l, size_t i)
{
	struct service *s = &l->service[i];
	struct bytes rs = { 0 }, ss = { 0 }, resource = resource_of(l, i);
	size_t shift;

	for (size_t k = 0; k < SPANS; k++) {
		struct bytes span = span_of(l, &s->at[k]);
		size_t len = span.len;

		put_message(&ss, SLO_OTLP_SCOPE_SPANS_SPANS, &span);
		shift = ss.len - len;
		s->at[k].trace += shift;
		s->at[k].span += shift;
		s->at[k].start += shift;
		s->at[k].end += shift;
		s->at[k].port += shift;
	}
	/* What is inside comes last: one shift for all that is around it. */
	shift = ss.len;
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_RESOURCE, &resource);
	put_message(&rs, SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, &ss);
	put_message(&s->request, SLO_OTLP_REQUEST_RESOURCE_SPANS, &rs);
	shift = s->request.len - shift;
	for (size_t k = 0; k < SPANS; k++) {
		s->at[k].trace += shift;
		s->at[k].span += shift;
		s->at[k].start += shift;
		s->at[k].end += shift;
		s->at[k].port += shift;
	}
}

/*
 * New ids, a new time, a connection of its own for each span: they ended one after the other since the service's request
 * before. The second half of a trace id is the time of sending, for the sink.
 */
static void date(struct load *l, struct service *s, uint64_t now_ns, uint64_t since_ns)
{
	for (size_t k = 0; k < SPANS; k++) {
		const struct place *at = &s->at[k];
		uint64_t id = otlp_random_next(&l->random);
		uint64_t end = now_ns - since_ns + (k + 1) * since_ns / SPANS;

		memcpy(s->request.p + at->trace, &id, sizeof(id));
		(void)slo_wire_put_fixed64(s->request.p + at->trace + sizeof(id), now_ns);
		memcpy(s->request.p + at->span, &id, sizeof(id));
		(void)slo_wire_put_fixed64(s->request.p + at->start,
		                           end - (k % LONG_EACH ? SHORT_NS : LONG_NS));
		(void)slo_wire_put_fixed64(s->request.p + at->end, end);
		(void)slo_wire_put_varint(s->request.p + at->port,
		                          FIRST_PORT + (l->next_port + k) % PORTS);
	}
}

/* --- signals ------------------------------------------------------------------------------------------------------ */

static void put_signal(struct load *l, const struct service *s, uint64_t port, uint64_t time_ns)
{
	static const struct {
		uint8_t signal, proto;
		bool of_connection;
	} kinds[] = {
		{ SLO_ABI_CONNECT_LATENCY, IPPROTO_TCP, true },
		{ SLO_ABI_RUNQUEUE_DELAY, 0, false },
		{ SLO_ABI_TCP_RETRANSMITS, IPPROTO_TCP, true },
		{ SLO_ABI_DNS_LATENCY, IPPROTO_UDP, true },
	};
	unsigned int kind = (unsigned int)(l->signals++ % SLO_ARRAY_SIZE(kinds));
	struct slo_abi_event e = {
		.version = SLO_ABI_VERSION,
		.size = sizeof(e),
		.signal = kinds[kind].signal,
		.source = SLO_ABI_SRC_TP_BTF,
		.start_ns = time_ns,
		.value = kinds[kind].signal == SLO_ABI_TCP_RETRANSMITS ? 1 : 5 * SLO_NS_PER_MS,
		.tgid = s->pid,
		.tid = s->pid,
		.cgroup_id = l->cgroup,
		.proto = kinds[kind].proto,
		.comm = "python3",
	};

	/* Timers send again: whose the socket is they do not know. Others have a process, that many spans are of. */
	if (kinds[kind].signal == SLO_ABI_TCP_RETRANSMITS)
		e.tgid = e.tid = 0;
	if (kinds[kind].of_connection) {
		e.family = 2;
		e.sport = (uint16_t)port;
		e.dport = kinds[kind].proto == IPPROTO_UDP ? 53 : 443;
		memcpy(e.saddr, here, sizeof(here));
		memcpy(e.daddr, there, sizeof(there));
	}
	if (slo_capture_write(l->capture, &e, sizeof(e), NULL) < 0)
		die("signals");
}

/* Each in the middle of the short spans that it may be of. */
static void put_signals(struct load *l, const struct service *s, uint64_t per_request,
                        uint64_t since_ns)
{
	uint64_t begin = slo_clock_monotonic_ns() - since_ns - SHORT_NS / 2;

	for (uint64_t i = 0; i < per_request; i++) {
		uint64_t k = i * SPANS / per_request;

		put_signal(l, s, FIRST_PORT + (l->next_port + k) % PORTS,
		           begin + k * since_ns / SPANS);
	}
	if (slo_capture_flush(l->capture, NULL) < 0)
		die("signals");
}

/* --- HTTP --------------------------------------------------------------------------------------------------------- */

static int dial(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		die("connect");
	return fd;
}

static void send_request(struct load *l, size_t c, const struct bytes *body)
{
	char head[160];
	struct iovec io[2] = { { head, 0 }, { body->p, body->len } }, *left = io;
	int parts = 2;

	io[0].iov_len = (size_t)snprintf(head, sizeof(head),
	                                 "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n"
	                                 "Content-Type: application/x-protobuf\r\n"
	                                 "Content-Length: %zu\r\n\r\n",
	                                 body->len);
	while (parts) {
		ssize_t n = writev(l->conn[c], left, parts);

		if (n < 0)
			die("send");
		for (; parts && (size_t)n >= left->iov_len; left++, parts--)
			n -= (ssize_t)left->iov_len;
		if (parts) {
			left->iov_base = (char *)left->iov_base + n;
			left->iov_len -= (size_t)n;
		}
	}
	l->waits[c] = true;
}

/* Answers are short and come one at a time: the head with its length, then that many bytes. */
static void take_answer(struct load *l, size_t c)
{
	char buf[4096];
	const char *end = NULL, *length;
	size_t len = 0, whole = SIZE_MAX;
	long status;

	if (!l->waits[c])
		return;
	while (len < whole) {
		ssize_t n = read(l->conn[c], buf + len, sizeof(buf) - 1 - len);

		if (n <= 0)
			die("answer");
		len += (size_t)n;
		buf[len] = '\0';
		if (!end && (end = strstr(buf, "\r\n\r\n"))) {
			length = strcasestr(buf, "content-length:");
			whole = (size_t)(end + 4 - buf) +
			        (length ? strtoul(length + 15, NULL, 10) : 0);
		}
	}
	status = strtol(buf + sizeof("HTTP/1.1"), NULL, 10);
	if (status == 200)
		l->taken += SPANS;
	else if (status == 429 || status == 503)
		l->throttled += SPANS;
	else
		l->refused += SPANS;
	l->waits[c] = false;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void run(struct load *l, uint64_t rate, uint64_t seconds, uint64_t signals)
{
	uint64_t requests = rate * seconds / SPANS, begin = slo_clock_monotonic_ns();
	uint64_t since = l->services * SPANS * SLO_NS_PER_SEC / rate;

	for (uint64_t i = 0; i < requests || i == 0; i++) {
		struct service *s = &l->service[i % l->services];
		uint64_t due = begin + i * SPANS * SLO_NS_PER_SEC / rate;
		uint64_t now = slo_clock_monotonic_ns();
		size_t c = i % CONNS;

		if (due > now)
			(void)usleep((useconds_t)((due - now) / 1000));
		take_answer(l, c);
		now = slo_clock_monotonic_ns();
		if (now > due && now - due > l->late_ns)
			l->late_ns = now - due;
		if (l->capture)
			put_signals(l, s, SPANS * signals / rate, since);
		date(l, s, slo_clock_realtime_ns(), since);
		send_request(l, c, &s->request);
		l->next_port += SPANS;
	}
	for (size_t c = 0; c < CONNS; c++)
		take_answer(l, c);
}

int main(int argc, char **argv)
{
	struct load l = { .random = { .state = 0x5107 } };
	uint64_t rate, signals, begin;

	if (argc <= FIXED_ARGS || argc > FIXED_ARGS + SERVICES_MAX ||
	    !(rate = strtoull(argv[2], NULL, 10))) {
		(void)fprintf(stderr,
		              "usage: pipeline_load PORT SPANS/s SECONDS SIGNALS/s CGROUP NODE "
		              "PID...\n");
		return 2;
	}
	signals = strtoull(argv[4], NULL, 10);
	l.cgroup = strtoull(argv[5], NULL, 10);
	l.node = argv[6];
	for (int i = FIXED_ARGS; i < argc; i++) {
		l.service[l.services].pid = (uint32_t)strtoul(argv[i], NULL, 10);
		make_service(&l, l.services++);
	}
	for (size_t c = 0; c < CONNS; c++)
		l.conn[c] = dial((uint16_t)strtoul(argv[1], NULL, 10));
	if (signals && slo_capture_writer_new(&l.capture, SIGNALS_FD,
	                                      slo_clock_realtime_offset_ns(), l.node, NULL) < 0)
		die("signals");
	begin = slo_clock_monotonic_ns();
	run(&l, rate, strtoull(argv[3], NULL, 10), signals);
	(void)printf(
		"{\"taken\":%" PRIu64 ",\"throttled\":%" PRIu64 ",\"refused\":%" PRIu64
		",\"signals\":%" PRIu64 ",\"late_ms\":%.1f,\"seconds\":%.3f,\"span_bytes\":%zu}\n",
		l.taken, l.throttled, l.refused, l.signals, (double)l.late_ns / 1e6,
		(double)(slo_clock_monotonic_ns() - begin) / 1e9, l.service[0].request.len / SPANS);
	slo_capture_writer_freep(&l.capture);
	for (size_t i = 0; i < l.services; i++)
		free(l.service[i].request.p);
	return 0;
}
