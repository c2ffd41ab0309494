/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/metrics.h"

#define MS UINT64_C(1000000)
#define NOW INT64_C(1700000000000000000)
#define SEC INT64_C(1000000000)

static const struct slo_workload chat = { "c", "n", "default", "chat-1", "u1", "app", "", "chat" };
static const struct slo_workload rag = { "c", "n", "default", "rag-1", "u2", "app", "", "rag" };

static struct slo_metrics *make(bool aggregates, size_t workloads, size_t series)
{
	struct slo_metrics_config cfg = { .max_workloads = workloads,
		                          .max_series = series,
		                          .aggregates = aggregates,
		                          .start_unix_ns = NOW };
	struct slo_metrics *m = NULL;

	assert_int_equal(slo_metrics_new(&m, &cfg, NULL), 0);
	return m;
}

/* One series, found by its name and the labels in their order, as "a=b,c=d". */
struct wanted {
	const char *name, *labels;
	unsigned int found, families;
	const char *last;
	struct slo_metric_series s;
	uint64_t buckets[SLO_SIG_BUCKETS_MAX + 1];
	struct slo_exemplar exemplars[SLO_SIG_BUCKETS_MAX + 1];
	char service[32];
};

static void look(void *user, const struct slo_metric_desc *desc, const struct slo_metric_series *s)
{
	struct wanted *w = user;
	char labels[512] = "";
	size_t used = 0;

	if (strcmp(desc->name, w->name) != 0) {
		w->last = desc->name;
		return;
	}
	if (!w->last || strcmp(w->last, desc->name) != 0)
		w->families++;
	w->last = desc->name;
	for (size_t i = 0; i < s->label_count; i++)
		used += (size_t)snprintf(labels + used, sizeof(labels) - used, "%s%s=%s",
		                         i ? "," : "", s->label[i].name, s->label[i].value);
	if (strcmp(labels, w->labels) != 0)
		return;
	w->found++;
	w->s = *s;
	if (s->buckets)
		memcpy(w->buckets, s->buckets, (s->bound_count + 1) * sizeof(*s->buckets));
	if (s->exemplars)
		memcpy(w->exemplars, s->exemplars, (s->bound_count + 1) * sizeof(*s->exemplars));
	if (s->workload)
		(void)snprintf(w->service, sizeof(w->service), "%s", s->workload->service);
}

static struct wanted find_at(const struct slo_metrics *m, const char *name, const char *labels,
                             int64_t unix_ns)
{
	struct wanted w = { .name = name, .labels = labels };

	slo_metrics_visit(m, unix_ns, look, &w);
	assert_true(w.families <= 1);
	return w;
}

static struct wanted find(const struct slo_metrics *m, const char *name, const char *labels)
{
	return find_at(m, name, labels, NOW);
}

static double value(const struct slo_metrics *m, const char *name, const char *labels)
{
	struct wanted w = find(m, name, labels);

	if (w.found != 1)
		fail_msg("%s{%s}: %u series", name, labels, w.found);
	return w.s.value;
}

static void sample(struct slo_metrics *m, enum slo_signal sig, uint64_t ms,
                   const struct slo_workload *who)
{
	struct slo_probe_event ev = { .signal = sig, .kind = SLO_EV_SAMPLE, .value_ns = ms * MS };

	slo_metrics_event(m, &ev, slo_signal_status(sig, (double)ms), who, NOW);
}

static void hist(struct slo_metrics *m, enum slo_signal sig, uint64_t ms, unsigned int n,
                 const struct slo_workload *who)
{
	struct slo_probe_event ev = { .signal = sig, .kind = SLO_EV_HIST, .count = n };

	for (unsigned int i = 0; i < n; i++)
		slo_hist_add(&ev.hist, ms * MS);
	slo_metrics_event(m, &ev, SLO_STATUS_OK, who, NOW);
}

#define CHAT "service=chat,namespace=default,pod=chat-1,container=app"
#define RAG "service=rag,namespace=default,pod=rag-1,container=app"
#define DNS_EVENTS(status) "signal=dns_latency_ms,status=" status

static void each_measurement_counts_once(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 0, 0);
	struct slo_probe_event timeout = { .signal = SLO_SIG_DNS_LATENCY,
		                           .kind = SLO_EV_TIMEOUT,
		                           .value_ns = 5000 * MS };
	struct wanted w;

	(void)state;
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("ok")) == 0);
	sample(m, SLO_SIG_DNS_LATENCY, 60, &chat);
	hist(m, SLO_SIG_DNS_LATENCY, 60, 1, &chat);
	hist(m, SLO_SIG_DNS_LATENCY, 3, 2, &chat);
	slo_metrics_event(m, &timeout, SLO_STATUS_ERROR, &chat, NOW);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("ok")) == 2);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("warning")) == 1);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("error")) == 1);
	w = find(m, "llm_ebpf_dns_latency_ms", CHAT);
	assert_int_equal(w.found, 1);
	assert_int_equal(w.s.count, 4);
	assert_true(fabs(w.s.sum - 5066) < 1e-6);
	assert_int_equal(w.buckets[2], 2); /* 2 to 5 */
	assert_int_equal(w.buckets[6], 1); /* 40 to 80 */
	assert_int_equal(w.buckets[13], 1); /* 3200 to 6400 */
	assert_string_equal(w.service, "chat");
}

static void recordings_without_aggregates_count_by_events(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(false, 0, 0);

	(void)state;
	sample(m, SLO_SIG_DNS_LATENCY, 60, &chat);
	sample(m, SLO_SIG_DNS_LATENCY, 200, &chat);
	sample(m, SLO_SIG_CONNECT_LATENCY, 1, &chat);
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", CHAT).s.count, 2);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("error")) == 1);
	/* The first aggregate says all that they said. */
	hist(m, SLO_SIG_DNS_LATENCY, 60, 2, &chat);
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", CHAT).s.count, 2);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("error")) == 0);
	assert_int_equal(find(m, "llm_ebpf_connect_latency_ms", CHAT).s.count, 1);
}

static void counts_and_levels_are_no_histograms(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 0, 0);
	struct slo_probe_event count = { .signal = SLO_SIG_TCP_RETRANSMITS,
		                         .kind = SLO_EV_COUNT,
		                         .count = 7 };
	struct slo_probe_event level = { .signal = SLO_SIG_CPU_STEAL,
		                         .kind = SLO_EV_GAUGE,
		                         .gauge = 12.5 };

	(void)state;
	slo_metrics_event(m, &count, SLO_STATUS_WARNING, &chat, NOW);
	count.sample_weight = 10;
	slo_metrics_event(m, &count, SLO_STATUS_WARNING, &chat, NOW);
	slo_metrics_event(m, &level, SLO_STATUS_ERROR, &chat, NOW);
	assert_true(value(m, "llm_ebpf_tcp_retransmits_total", CHAT) == 77);
	assert_true(value(m, "llm_ebpf_cpu_steal_pct", CHAT) == 12.5);
	assert_true(value(m, "llm_ebpf_probe_events_total", "signal=cpu_steal_pct,status=error") ==
	            1);
	/* A level is of now, or there is none. */
	assert_int_equal(find_at(m, "llm_ebpf_cpu_steal_pct", CHAT, NOW + 16 * SEC).found, 0);
	assert_int_equal(find_at(m, "llm_ebpf_tcp_retransmits_total", CHAT, NOW + 16 * SEC).found,
	                 1);
}

static struct slo_span request(double ttft_ms, enum slo_llm_error error)
{
	struct slo_span s = { .end_ns = NOW,
		              .llm = { .is_request = true,
		                       .ttft_ms = ttft_ms,
		                       .tokens_per_sec = NAN,
		                       .error = error } };

	s.trace_id[0] = 0xab;
	return s;
}

static void requests_are_counted_from_zero(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 0, 0);
	struct slo_span fine = request(900, SLO_LLM_OK), bad = request(NAN, SLO_LLM_THROTTLED);
	struct wanted w;

	(void)state;
	assert_true(value(m, "llm_slo_requests_total", "status=ok") == 0);
	assert_true(value(m, "llm_slo_errors_total", "") == 0);
	slo_metrics_request(m, &fine, &chat, NOW);
	slo_metrics_request(m, &bad, &chat, NOW);
	slo_metrics_request(m, &fine, &rag, NOW);
	assert_true(value(m, "llm_slo_requests_total", CHAT ",status=ok") == 1);
	assert_true(value(m, "llm_slo_requests_total", CHAT ",status=throttled") == 1);
	assert_true(value(m, "llm_slo_errors_total", CHAT) == 1);
	assert_true(value(m, "llm_slo_errors_total", RAG) == 0);
	assert_int_equal(find(m, "llm_slo_requests_total", "status=ok").found, 0);
	w = find(m, "llm_slo_ttft_ms", CHAT);
	assert_int_equal(w.s.count, 1);
	assert_int_equal(w.buckets[12], 1); /* 800 to 1000 */
	assert_int_equal(w.exemplars[12].trace_id[0], 0xab);
	assert_true(w.exemplars[12].value == 900);
	assert_int_equal(find(m, "llm_slo_tokens_per_sec", CHAT).found, 0);
}

static void slo_events_count_a_request_by_its_error_rate(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 0, 0);
	struct slo_sli_event ttft = { .sli = SLO_SLI_TTFT, .value = 900 };
	struct slo_sli_event fine = { .sli = SLO_SLI_ERROR_RATE, .value = 0 };
	struct slo_sli_event bad = { .sli = SLO_SLI_ERROR_RATE, .value = 1 };
	struct wanted w;

	(void)state;
	slo_metrics_sli(m, &ttft, &chat, NOW);
	assert_int_equal(find(m, "llm_slo_requests_total", CHAT ",status=ok").found, 0);
	slo_metrics_sli(m, &fine, &chat, NOW);
	slo_metrics_sli(m, &bad, &chat, NOW);
	assert_true(value(m, "llm_slo_requests_total", CHAT ",status=ok") == 1);
	assert_true(value(m, "llm_slo_errors_total", CHAT) == 1);
	w = find(m, "llm_slo_ttft_ms", CHAT);
	assert_int_equal(w.s.count, 1);
	assert_int_equal(w.buckets[12], 1); /* 800 to 1000 */
	assert_int_equal(w.exemplars[12].unix_ns, 0);
}

static void workloads_beyond_the_maximum_are_other(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 2, 0);
	struct slo_workload many = chat;
	char pod[16];

	(void)state;
	many.pod = pod;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(pod, sizeof(pod), "p%d", i);
		hist(m, SLO_SIG_DNS_LATENCY, 3, 1, &many);
	}
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", "service=other").s.count, 98);
	assert_int_equal(slo_metrics_dropped(m), 98);
	assert_true(value(m, "llm_ebpf_probe_events_total", DNS_EVENTS("ok")) == 100);
}

/* Two series of one name and the same labels are a broken page to Prometheus. */
static void no_two_series_have_the_same_labels(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 3, 0);
	struct slo_workload who = { "", "", "", "", "", "", "", "" };
	char name[300], labels[400];

	(void)state;
	for (int i = 0; i < 2; i++) {
		memset(name, 'x', sizeof(name) - 1);
		name[sizeof(name) - 2] = (char)('0' + i);
		name[sizeof(name) - 1] = '\0';
		who.service = name;
		hist(m, SLO_SIG_DNS_LATENCY, 3, 1, &who);
	}
	(void)snprintf(labels, sizeof(labels), "service=%.127s", name);
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", labels).found, 1);
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", labels).s.count, 2);
	/* A service of that name, then those for whom there is no room. */
	who.service = "other";
	hist(m, SLO_SIG_DNS_LATENCY, 3, 1, &who);
	assert_int_equal(slo_metrics_dropped(m), 0);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		who.service = name;
		hist(m, SLO_SIG_DNS_LATENCY, 3, 1, &who);
	}
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", "service=other").found, 1);
	assert_int_equal(find(m, "llm_ebpf_dns_latency_ms", "service=other").s.count, 4);
	assert_int_equal(slo_metrics_dropped(m), 3);
}

static void who_is_silent_for_long_makes_room(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 1, 0);
	struct slo_probe_event ev = { .signal = SLO_SIG_TCP_RETRANSMITS,
		                      .kind = SLO_EV_COUNT,
		                      .count = 1 };
	struct wanted w;

	(void)state;
	slo_metrics_event(m, &ev, SLO_STATUS_OK, &chat, NOW);
	slo_metrics_event(m, &ev, SLO_STATUS_OK, &rag, NOW + 601 * SEC);
	assert_int_equal(find(m, "llm_ebpf_tcp_retransmits_total", CHAT).found, 0);
	w = find(m, "llm_ebpf_tcp_retransmits_total", RAG);
	assert_true(w.s.value == 1);
	assert_int_equal(w.s.start_unix_ns, NOW + 601 * SEC);
}

/* A clock that is set an hour back or ahead makes nobody idle, and no series begins behind its own end. */
static void who_is_seen_keeps_its_age_by_a_clock_that_is_set(void **state)
{
	struct slo_probe_event ev = { .signal = SLO_SIG_TCP_RETRANSMITS,
		                      .kind = SLO_EV_COUNT,
		                      .count = 1 };

	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		slo_metrics_auto struct slo_metrics *m = make(true, 1, 0);
		int64_t step = sign * 3600 * SEC;

		slo_metrics_event(m, &ev, SLO_STATUS_OK, &chat, NOW);
		slo_metrics_event(m, &ev, SLO_STATUS_OK, &rag, NOW + 1 * SEC);
		slo_metrics_follow_clock(m, step);
		slo_metrics_event(m, &ev, SLO_STATUS_OK, &rag, NOW + step + 2 * SEC);
		assert_int_equal(find(m, "llm_ebpf_tcp_retransmits_total", RAG).found, 0);
		assert_int_equal(find(m, "llm_ebpf_tcp_retransmits_total", CHAT).s.start_unix_ns,
		                 NOW + step);
		assert_int_equal(
			find(m, "llm_ebpf_tcp_retransmits_total", "service=other").s.start_unix_ns,
			NOW + step + 1 * SEC);
		slo_metrics_event(m, &ev, SLO_STATUS_OK, &rag, NOW + step + 601 * SEC);
		assert_int_equal(find(m, "llm_ebpf_tcp_retransmits_total", RAG).found, 1);
	}
}

static void rows_of_others_are_set_and_cleared(void **state)
{
	slo_metrics_auto struct slo_metrics *m = make(true, 0, 3);

	(void)state;
	assert_true(slo_metrics_set(m, SLO_MET_BURN_RATE, SLO_LABELS("ttft", "chat", "1h"), 2.5));
	assert_true(slo_metrics_set(m, SLO_MET_BURN_RATE, SLO_LABELS("ttft", "chat", "1h"), 3.5));
	assert_true(
		slo_metrics_add(m, SLO_MET_CORRELATION, SLO_LABELS("pod_pid_100ms", "true"), 2));
	assert_true(
		slo_metrics_add(m, SLO_MET_CORRELATION, SLO_LABELS("pod_pid_100ms", "true"), 2));
	assert_true(slo_metrics_set(m, SLO_MET_UP, SLO_LABELS(NULL), 1));
	assert_false(slo_metrics_set(m, SLO_MET_HEARTBEAT, SLO_LABELS(NULL), 1));
	assert_int_equal(slo_metrics_dropped(m), 1);
	assert_true(value(m, "llm_slo_burn_rate", "slo=ttft,service=chat,window=1h") == 3.5);
	assert_true(value(m, "llm_slo_correlation_total", "tier=pod_pid_100ms,enriched=true") == 4);
	slo_metrics_clear(m, SLO_MET_BURN_RATE);
	assert_int_equal(find(m, "llm_slo_burn_rate", "slo=ttft,service=chat,window=1h").found, 0);
	assert_true(slo_metrics_set(m, SLO_MET_HEARTBEAT, SLO_LABELS(NULL), 1));
	assert_true(value(m, "llm_slo_agent_heartbeat", "") == 1);
}

static void every_row_is_filled(void **state)
{
	(void)state;
	for (int i = 0; i < SLO_MET_MAX_; i++) {
		const struct slo_metric_desc *d = &slo_metric_row((enum slo_metric)i)->desc;
		size_t n = strlen(d->name);
		bool total = n > 6 && strcmp(d->name + n - 6, "_total") == 0;

		assert_non_null(d->help);
		assert_non_null(d->unit);
		assert_true(total == (d->type == SLO_METRIC_COUNTER));
		assert_true(d->type != SLO_METRIC_HISTOGRAM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_measurement_counts_once),
		cmocka_unit_test(recordings_without_aggregates_count_by_events),
		cmocka_unit_test(counts_and_levels_are_no_histograms),
		cmocka_unit_test(requests_are_counted_from_zero),
		cmocka_unit_test(slo_events_count_a_request_by_its_error_rate),
		cmocka_unit_test(workloads_beyond_the_maximum_are_other),
		cmocka_unit_test(no_two_series_have_the_same_labels),
		cmocka_unit_test(who_is_silent_for_long_makes_room),
		cmocka_unit_test(who_is_seen_keeps_its_age_by_a_clock_that_is_set),
		cmocka_unit_test(rows_of_others_are_set_and_cleared),
		cmocka_unit_test(every_row_is_filled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
