/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what correlation costs, in CPU seconds: the live index, a million signals against a hundred
 * thousand spans, in several shapes; and the parts of the evaluator on a generated file (the JSON
 * parser's share is what a faster one could save). Nothing is judged here: machines differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/codec/jsonl.h"
#include "core/codec/labeled_pair.h"
#include "core/codec/record_time.h"
#include "core/engine/correlate_eval.h"
#include "core/engine/correlate_index.h"
#include "test/random.h"

#define SIGNALS 1000000
#define SPANS 100000
#define PAIRS 400000
#define SPREAD_NS (INT64_C(60) * 1000000000) /* what an agent retains */
#define T0 (INT64_C(1771372800) * 1000000000)
#define NAME 64

static uint64_t random_state = TEST_RANDOM_SEED;

static uint64_t rnd(uint64_t n)
{
	return test_random_below(&random_state, n);
}

/* Of this process: what others do on the machine meanwhile is not in it. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SLO_NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "bench_correlate: %s\n", what);
	exit(1);
}

/* --- live index ---------------------------------------------------------------------------------------------- */

struct shape {
	const char *what;
	unsigned int nodes, pods_per_node, pids_per_pod, services;
	int64_t span_min_ns, span_max_ns;
	enum slo_corr_distance distance;
};

static const struct shape shapes[] = {
	{ "fleet: 50 nodes, 1000 pods, spans to 10 s, point", 50, 20, 2, 20, 100000000, 10000000000,
	  SLO_CORR_POINT },
	{ "fleet: 50 nodes, 1000 pods, spans to 10 s, interval", 50, 20, 2, 20, 100000000,
	  10000000000, SLO_CORR_INTERVAL },
	{ "one node, 40 pods, spans to 500 ms, point", 1, 40, 4, 4, 20000000, 500000000,
	  SLO_CORR_POINT },
	{ "one node, 40 pods, spans to 500 ms, interval", 1, 40, 4, 4, 20000000, 500000000,
	  SLO_CORR_INTERVAL },
	{ "one node, 40 pods, spans to 10 s, interval", 1, 40, 4, 4, 100000000, 10000000000,
	  SLO_CORR_INTERVAL },
	{ "one node, one service, 8 pods, point", 1, 8, 4, 1, 20000000, 500000000, SLO_CORR_POINT },
};

/* Strings of one record, as a decoder would have them. */
struct record {
	char trace[NAME], pod[NAME], conn[NAME], service[NAME], node[NAME];
	uint32_t pid;
	int64_t time_ns;
};

static void make_record(struct record *r, const struct shape *s, unsigned int traced_pct,
                        uint64_t trace, int64_t time_ns)
{
	unsigned int node = (unsigned int)rnd(s->nodes), pod = (unsigned int)rnd(s->pods_per_node);

	memset(r, 0, sizeof(*r));
	if (rnd(100) < traced_pct)
		(void)snprintf(r->trace, NAME, "4bf92f3577b34da6a3ce929d%08x", (unsigned int)trace);
	(void)snprintf(r->node, NAME, "gpu-node-eu-west-1a-%02u", node);
	(void)snprintf(r->pod, NAME, "llm-gateway-7d9c5b6f4-%02u%03u", node, pod);
	(void)snprintf(r->service, NAME, "service-%u", pod % s->services);
	if (rnd(10) < 7)
		(void)snprintf(r->conn, NAME, "10.%u.%u.2:%u->10.96.0.10:443/tcp", node, pod,
		               32768 + (unsigned int)rnd(64));
	r->pid = 1000 + pod * s->pids_per_pod + (unsigned int)rnd(s->pids_per_pod);
	r->time_ns = time_ns;
}

static struct slo_corr_who who_of(const struct record *r)
{
	return (struct slo_corr_who){ .trace_id = r->trace,
		                      .pod = r->pod,
		                      .conn = r->conn,
		                      .service = r->service,
		                      .node = r->node,
		                      .pid = r->pid };
}

static struct record *make_records(const struct shape *s, size_t n, unsigned int traced_pct)
{
	struct record *r = calloc(n, sizeof(*r));

	if (!r)
		die("out of memory");
	/* In order of time, but for what different CPUs deliver late. */
	for (size_t i = 0; i < n; i++)
		make_record(&r[i], s, traced_pct, traced_pct == 100 ? i : rnd(SPANS),
		            T0 + (int64_t)((double)i * SPREAD_NS / (double)n) +
		                    (int64_t)rnd(100000000));
	return r;
}

static void run_shape(const struct shape *s)
{
	const struct slo_correlator_config cfg = {
		.rule = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD, s->distance },
		.max_signals = SIGNALS,
		.max_spans = SPANS,
		.max_names = SIGNALS,
	};
	struct record *signals = make_records(s, SIGNALS, 10), *spans = make_records(s, SPANS, 100);
	slo_correlator_auto struct slo_correlator *c = NULL;
	static uint64_t id[SPANS];
	struct slo_correlator_stats stats;
	uint64_t begin = cpu_ns(), added, matched = 0, hits = 0;

	if (slo_correlator_new(&c, &cfg, NULL) < 0)
		die("no index");
	for (size_t i = 0; i < SIGNALS; i++) {
		const struct slo_corr_signal e = { who_of(&signals[i]), signals[i].time_ns,
			                           (enum slo_signal)(i % SLO_SIG_MAX_), 1 };

		if (slo_correlator_add_signal(c, &e) < 0)
			die("a signal was refused");
	}
	for (size_t i = 0; i < SPANS; i++) {
		int64_t length =
			s->span_min_ns + (int64_t)rnd((uint64_t)(s->span_max_ns - s->span_min_ns));
		const struct slo_corr_span span = { who_of(&spans[i]), spans[i].time_ns,
			                            spans[i].time_ns + length };

		if (slo_correlator_add_span(c, &span, &id[i]) < 0)
			die("a span was refused");
	}
	added = cpu_ns();
	for (size_t i = 0; i < SPANS; i++) {
		struct slo_corr_result r;

		if (slo_correlator_match(c, id[i], &r) < 0)
			die("a span is gone");
		hits += r.count;
	}
	matched = cpu_ns();
	slo_correlator_stats_get(c, &stats);
	printf("%-56s %5.2f s  (index %.2f s, match %.2f s; %llu hits, %llu pairs below)\n",
	       s->what, (double)(matched - begin) / 1e9, (double)(added - begin) / 1e9,
	       (double)(matched - added) / 1e9, (unsigned long long)hits,
	       (unsigned long long)stats.below);
	free(signals);
	free(spans);
}

/* --- evaluator ----------------------------------------------------------------------------------------------- */

static void print_who(FILE *f, const struct record *r)
{
	char time[SLO_RECORD_TIME_SIZE];

	(void)fprintf(f, "\"trace_id\":\"%s\",\"service\":\"%s\",\"node\":\"%s\",\"pod\":\"%s\",",
	              r->trace, r->service, r->node, r->pod);
	(void)fprintf(f, "\"pid\":%u,\"conn_tuple\":\"%s\",\"timestamp\":\"%s\"", r->pid, r->conn,
	              slo_record_time_print(r->time_ns, time));
}

static void make_pairs(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("no file for pairs");
	for (size_t i = 0; i < PAIRS; i++) {
		struct record r;

		make_record(&r, &shapes[0], 30, i, T0 + (int64_t)i * 1000000);
		(void)fprintf(f, "{\"case_id\":\"case-%zu\",\"span\":{", i);
		print_who(f, &r);
		(void)fprintf(f, "},\"signal\":{\"signal\":\"dns_latency_ms\",");
		r.time_ns += (int64_t)rnd(400000000);
		print_who(f, &r);
		(void)fprintf(f, ",\"value\":140.5},\"expected_match\":true,\"expected_tier\":"
		                 "\"pod_pid_100ms\"}\n");
	}
	if (fclose(f) != 0)
		die("pairs cannot be written");
}

/* @depth 0: lines to objects; 1: objects to pairs, too; 2: and judged. ns in all. */
static uint64_t read_pairs(const char *path, int depth)
{
	const struct slo_corr_rule rule = { SLO_CORR_WINDOW_NS, SLO_CORR_THRESHOLD,
		                            SLO_CORR_POINT };
	slo_jsonl_auto struct slo_jsonl *j = NULL;
	struct slo_corr_eval eval = { 0 };
	uint64_t begin = cpu_ns();
	json_t *object = NULL;

	if (slo_jsonl_open(&j, path, NULL) < 0)
		die("pairs cannot be read");
	while (slo_jsonl_next(j, &object, NULL) == 1) {
		struct slo_labeled_pair p;

		if (depth > 0 && slo_labeled_pair_read(object, &p, NULL) < 0)
			die("a pair was refused");
		if (depth > 1) {
			struct slo_corr_match m = slo_correlate(&rule, &p.span, &p.signal);

			slo_corr_eval_add(&eval, &rule, &m, p.expected_match, p.expected_tier);
		}
		json_decref(object);
	}
	return cpu_ns() - begin;
}

/* ns a pair; the least of three, as others have the machine, too. */
static double least(const char *path, int depth)
{
	uint64_t best = UINT64_MAX, took;

	for (int i = 0; i < 3; i++) {
		took = read_pairs(path, depth);
		best = took < best ? took : best;
	}
	return (double)best / PAIRS;
}

static void run_evaluator(const char *path)
{
	double parse, read, all;

	make_pairs(path);
	parse = least(path, 0);
	read = least(path, 1);
	all = least(path, 2);
	printf("evaluator, %d pairs: %.0f pairs/s; %.0f ns a pair: JSON parser %.0f (%.0f %%), "
	       "record %.0f, rule %.0f\n",
	       PAIRS, 1e9 / all, all, parse, 100 * parse / all, read - parse, all - read);
	printf("evaluator without the parser's share: %.0f pairs/s\n", 1e9 / (all - parse));
}

/* Shapes whose name has @what in it, NULL: all. */
static void run_shapes(const char *what)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(shapes); i++) {
		if (!what || strstr(shapes[i].what, what))
			run_shape(&shapes[i]);
	}
}

/*
 * With a path, the generated pairs stay there: time sloctl correlationeval on them; --no-shapes behind it: and that is all.
 * With --shapes TEXT the shapes of that name alone: what a profiler is to see.
 */
int main(int argc, char **argv)
{
	char path[] = "/tmp/bench-correlate-XXXXXX";
	int fd;

	if (argc > 2 && strcmp(argv[1], "--shapes") == 0) {
		run_shapes(argv[2]);
		return 0;
	}
	if (argc > 1) {
		run_evaluator(argv[1]);
	} else {
		fd = mkstemp(path);
		if (fd < 0)
			die("no temporary file");
		(void)close(fd);
		run_evaluator(path);
		(void)unlink(path);
	}
	if (argc < 3 || strcmp(argv[2], "--no-shapes") != 0)
		run_shapes(NULL);
	return 0;
}
