/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver alone, for senders that are not ours: prints its port, then a line of JSON for each span; at SIGTERM its
 * counts. "--spliced FILE" adds each request as it goes on, two attributes richer: four bytes of length (little endian)
 * before each. "--refuse" has no room for any batch.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "core/base/jsonw.h"
#include "core/export/otlp_receiver.h"

struct sink {
	FILE *spliced;
	bool refuse, quiet;
};

static void add(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	(void)user;
	(void)span;
	ret->count = 2;
	ret->attr[0] = (struct slo_otlp_attr){ .key = "llm.ebpf.dns.latency_ms",
		                               .type = SLO_OTLP_DOUBLE,
		                               .d = (double)i + .5 };
	ret->attr[1] = (struct slo_otlp_attr){ .key = "llm.ebpf.correlation_tier",
		                               .type = SLO_OTLP_STRING,
		                               .s = "trace_id_exact" };
}

static void write_spliced(struct sink *sink, const struct slo_otlp_batch *batch)
{
	uint8_t *out, head[4];
	size_t len;

	if (slo_otlp_batch_splice(batch, add, NULL, &out, &len) < 0)
		abort();
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(len >> 8 * i);
	if (fwrite(head, 1, 4, sink->spliced) != 4 || fwrite(out, 1, len, sink->spliced) != len ||
	    fflush(sink->spliced) != 0)
		abort();
	free(out);
}

static void put_hex(struct slo_jsonw *w, const char *key, const uint8_t *id, size_t len)
{
	char text[2 * SLO_TRACE_ID_LEN + 1];

	for (size_t i = 0; i < len; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", id[i]);
	slo_jsonw_key(w, key);
	slo_jsonw_str(w, text);
}

static void put_number(struct slo_jsonw *w, const char *key, double v)
{
	slo_jsonw_key(w, key);
	slo_jsonw_double(w, v); /* null where it is not known */
}

static void print_span(const struct slo_span *s, const struct slo_span_resource *of)
{
	char line[4096];
	struct slo_jsonw w;

	slo_jsonw_init(&w, line, sizeof(line));
	slo_jsonw_object_begin(&w);
	put_hex(&w, "trace_id", s->trace_id, SLO_TRACE_ID_LEN);
	put_hex(&w, "span_id", s->span_id, SLO_SPAN_ID_LEN);
	put_hex(&w, "parent_id", s->parent_id, SLO_SPAN_ID_LEN);
	slo_jsonw_key(&w, "service");
	slo_jsonw_str(&w, of->who.service);
	slo_jsonw_key(&w, "pod");
	slo_jsonw_str(&w, of->who.pod);
	put_number(&w, "pid", of->pid);
	put_number(&w, "kind", s->kind);
	slo_jsonw_key(&w, "conn");
	slo_jsonw_str(&w, s->conn);
	slo_jsonw_key(&w, "model");
	slo_jsonw_strn(&w, s->llm.model, s->llm.model_len);
	slo_jsonw_key(&w, "is_request");
	slo_jsonw_bool(&w, s->llm.is_request);
	slo_jsonw_key(&w, "is_retrieval");
	slo_jsonw_bool(&w, s->llm.is_retrieval);
	put_number(&w, "error", s->llm.error);
	put_number(&w, "ttft_ms", s->llm.ttft_ms);
	put_number(&w, "latency_ms", s->llm.latency_ms);
	put_number(&w, "queue_ms", s->llm.queue_ms);
	put_number(&w, "output_tokens", s->llm.output_tokens);
	put_number(&w, "tokens_per_sec", s->llm.tokens_per_sec);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) > 0)
		(void)puts(line);
}

static int on_batch(void *user, struct slo_otlp_batch *batch)
{
	struct sink *sink = user;
	const struct slo_span *spans;
	size_t count = slo_otlp_batch_spans(batch, &spans);

	if (sink->refuse)
		return -EAGAIN;
	for (size_t i = 0; i < count && !sink->quiet; i++)
		print_span(&spans[i], slo_otlp_batch_resource(batch, spans[i].resource));
	(void)fflush(stdout);
	if (sink->spliced)
		write_spliced(sink, batch);
	slo_otlp_batch_freep(&batch);
	return 0;
}

static int loop(struct slo_otlp_receiver *r)
{
	struct pollfd fds[2] = { { .fd = slo_otlp_receiver_fd(r), .events = POLLIN },
		                 { .events = POLLIN } };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	fds[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[1].fd < 0)
		return 4;
	while (!fds[1].revents) {
		if (poll(fds, 2, 1000) < 0)
			return 4;
		slo_otlp_receiver_run(r);
	}
	(void)close(fds[1].fd);
	return 0;
}

/* Of this program's own pages: getrusage() remembers those of who started it. */
static long peak_kb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	}
	if (f)
		(void)fclose(f);
	return kb;
}

static void print_stats(const struct slo_otlp_receiver *r)
{
	struct slo_otlp_receiver_stats st;

	slo_otlp_receiver_stats(r, &st);
	printf("{\"requests\":%" PRIu64 ",\"spans\":%" PRIu64 ",\"rejected_spans\":%" PRIu64
	       ",\"bad_requests\":%" PRIu64 ",\"throttled\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"peak_kb\":%ld}\n",
	       st.requests, st.spans, st.rejected_spans, st.bad_requests, st.throttled, st.bytes,
	       peak_kb());
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "spliced", required_argument, NULL, 's' },
		{ "token", required_argument, NULL, 't' },
		{ "refuse", no_argument, NULL, 'r' },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	struct sink sink = { 0 };
	struct slo_otlp_receiver_config cfg = { .listen = "127.0.0.1:0",
		                                .on_batch = on_batch,
		                                .user = &sink };
	struct slo_otlp_receiver *r = NULL;
	struct slo_err err = { 0 };
	int opt, code;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'l')
			cfg.listen = optarg;
		else if (opt == 't')
			cfg.token = optarg;
		else if (opt == 'r')
			sink.refuse = true;
		else if (opt == 'q')
			sink.quiet = true;
		else if (opt != 's' || !(sink.spliced = fopen(optarg, "we")))
			return 2;
	}
	if (slo_otlp_receiver_open(&r, &cfg, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		return 4;
	}
	printf("port %u\n", slo_otlp_receiver_port(r));
	(void)fflush(stdout);
	code = loop(r);
	print_stats(r);
	slo_otlp_receiver_freep(&r);
	if (sink.spliced)
		(void)fclose(sink.spliced);
	return code;
}
