/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/codec/event_json.h"
#include "core/model/detail.h"
#include "test/unit/codec/events.h"

static const struct slo_event_json_options beta = { .names = true };
static const struct slo_event_json_options alpha = { .v1alpha1 = true, .names = true };

static char line[SLO_EVENT_JSON_MAX];

static const char *write_event(const struct slo_probe_event *ev,
                               const struct slo_event_names *names,
                               const struct slo_event_json_options *opt)
{
	ssize_t n = slo_event_json_write(line, sizeof(line), ev, SLO_STATUS_WARNING, names, opt);

	assert_true(n > 0);
	assert_int_equal(strlen(line), n);
	assert_int_equal(line[n - 1], '\n');
	return line;
}

static json_t *write_and_load(const struct slo_probe_event *ev,
                              const struct slo_event_json_options *opt)
{
	json_t *v = json_loads(write_event(ev, &all_names, opt), JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(v);
	return v;
}

/* Whether @key stands in the comma separated @list. */
static bool is_listed(const char *list, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, key, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

static void dns_sample_prints_as_documented(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_SAMPLE);

	(void)state;
	ev.err = 0;
	assert_string_equal(
		write_event(&ev, &all_names, &beta),
		"{\"ts_unix_nano\":1760123456976666666,\"signal\":\"dns_latency_ms\",\"node\":\"node-1\","
		"\"namespace\":\"prod\",\"pod\":\"gateway-0\",\"container\":\"gateway\",\"pid\":4000000001,"
		"\"tid\":4000000002,\"conn_tuple\":{\"src_ip\":\"10.0.0.1\",\"dst_ip\":\"10.96.0.10\","
		"\"src_port\":54321,\"dst_port\":53,\"protocol\":\"udp\"},\"value\":187.654321,\"unit\":\"ms\","
		"\"status\":\"warning\",\"trace_id\":\"f7f8f9fafbfcfdfeff00010203040506\","
		"\"span_id\":\"00102030405060ff\",\"source\":\"tp_btf\",\"comm\":\"python3\","
		"\"cgroup_id\":9007199254740993,\"container_id\":\"4c01db0b339c8f0f5a5c\","
		"\"pod_uid\":\"0a6d2f5e-6f0c-4d0a-9f43-0a8f7f3b9f11\",\"netns\":4026531840,"
		"\"sample_weight\":8,\"detail\":{\"qname\":\"a\\\\.b.example.org.\",\"qtype\":\"AAAA\","
		"\"rcode\":\"NXDOMAIN\",\"retries\":2,\"server_ms\":41.000001,\"hop\":\"upstream\","
		"\"truncated\":true}}\n");
}

static void v1alpha1_leaves_our_fields_out(void **state)
{
	static const char *const ours[] = { "source",        "comm",  "cgroup_id", "container_id",
		                            "pod_uid",       "netns", "count",     "interval_ms",
		                            "sample_weight", "detail" };

	(void)state;
	for (int kind = 0; kind < SLO_EV_KIND_MAX_; kind++) {
		struct slo_probe_event ev =
			full_event(SLO_SIG_CONNECT_ERRORS, (enum slo_event_kind)kind);
		json_t *v = write_and_load(&ev, &alpha);

		for (size_t i = 0; i < SLO_ARRAY_SIZE(ours); i++)
			assert_null(json_object_get(v, ours[i]));
		assert_int_equal(json_integer_value(json_object_get(v, "errno")), 111);
		json_decref(v);
	}
}

/* Comma separated, from the rows. */
static void own_keys(enum slo_signal sig, char *buf, size_t size)
{
	size_t count, used = 0;
	const struct slo_detail_field *f = slo_detail_fields(&count);

	buf[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (f[i].signals & SLO_SIG_BIT(sig))
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
			                         f[i].key);
		assert_true(used < size);
	}
}

static void every_detail_key_is_listed(void **state)
{
	(void)state;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		for (int kind = 0; kind < SLO_EV_KIND_MAX_; kind++) {
			struct slo_probe_event ev =
				full_event((enum slo_signal)sig, (enum slo_event_kind)kind);
			char own[1024];
			json_t *detail;
			json_t *v;

			ev.replayed = true;
			own_keys((enum slo_signal)sig, own, sizeof(own));
			v = write_and_load(&ev, &beta);
			detail = json_object_get(v, "detail");
			for (void *it = json_object_iter(detail); it;
			     it = json_object_iter_next(detail, it)) {
				const char *key = json_object_iter_key(it);

				if (!is_listed(own, key) &&
				    !is_listed(slo_event_common_detail, key)) {
					fail_msg("%s prints detail.%s, which no list has",
					         slo_signal_desc(ev.signal)->name, key);
				}
			}
			json_decref(v);
		}
	}
}

/* A list that promises a key which nothing prints is as wrong. */
static void every_listed_key_is_printed_by_some_event(void **state)
{
	(void)state;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		const struct slo_signal_desc *desc = slo_signal_desc((enum slo_signal)sig);
		char keys[1024];
		char *rest = keys;
		const char *key;

		own_keys((enum slo_signal)sig, keys, sizeof(keys));
		(void)snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), ",%s",
		               slo_event_common_detail);
		while ((key = strsep(&rest, ","))) {
			bool printed = !*key;

			for (int kind = 0; kind < SLO_EV_KIND_MAX_; kind++) {
				struct slo_probe_event ev =
					full_event((enum slo_signal)sig, (enum slo_event_kind)kind);
				json_t *v;

				ev.replayed = true;
				v = write_and_load(&ev, &beta);
				printed |=
					json_object_get(json_object_get(v, "detail"), key) != NULL;
				json_decref(v);
			}
			if (!printed)
				fail_msg("no event of %s prints detail.%s", desc->name, key);
		}
	}
}

static void names_off_hides_the_dns_name(void **state)
{
	const struct slo_event_json_options hidden = { .names = false };
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_SAMPLE);

	(void)state;
	assert_null(strstr(write_event(&ev, &all_names, &hidden), "example"));
	assert_non_null(strstr(line, "\"qtype\":\"AAAA\""));
}

static void container_id_stands_in_for_the_name(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE);
	struct slo_event_names names = all_names;

	(void)state;
	names.container = "";
	assert_non_null(strstr(write_event(&ev, &names, &alpha), "\"container\":\"4c01db0b339c\""));
	names.container_id = "4c01";
	assert_non_null(strstr(write_event(&ev, &names, &alpha), "\"container\":\"4c01\""));
	assert_non_null(strstr(write_event(&ev, &no_names, &beta), "\"container\":\"\""));
	assert_null(strstr(line, "container_id"));
	assert_null(strstr(line, "pod_uid"));
}

static void replayed_event_says_so_and_keeps_its_source(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE);

	(void)state;
	assert_null(strstr(write_event(&ev, &no_names, &beta), "detail"));
	ev.replayed = true;
	(void)write_event(&ev, &no_names, &beta);
	assert_non_null(strstr(line, "\"source\":\"tp_btf\""));
	assert_non_null(strstr(line, "\"detail\":{\"replayed\":true}"));
	ev.source = SLO_SRC_NONE;
	assert_non_null(strstr(write_event(&ev, &no_names, &beta), "\"source\":\"replay\""));
	ev.source = SLO_SRC_SYNTHETIC;
	assert_non_null(strstr(write_event(&ev, &no_names, &beta), "\"source\":\"synthetic\""));
	ev.source = SLO_SRC_NONE;
	ev.replayed = false;
	assert_null(strstr(write_event(&ev, &no_names, &beta), "\"source\""));
}

static void histogram_belongs_to_nobody_but_names_the_worst(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_RUNQUEUE_DELAY, SLO_EV_HIST);
	json_t *v = write_and_load(&ev, &beta);
	json_t *detail = json_object_get(v, "detail");
	double p50 = json_number_value(json_object_get(detail, "p50_ms"));
	double p95 = json_number_value(json_object_get(detail, "p95_ms"));
	double p99 = json_number_value(json_object_get(detail, "p99_ms"));
	double max = json_number_value(json_object_get(detail, "max_ms"));

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(v, "pid")), 0);
	assert_int_equal(json_integer_value(json_object_get(v, "tid")), 0);
	assert_null(json_object_get(v, "comm"));
	assert_int_equal(json_integer_value(json_object_get(detail, "worst_pid")), 4000000001);
	assert_string_equal(json_string_value(json_object_get(detail, "worst_comm")), "python3");
	assert_int_equal(json_integer_value(json_object_get(v, "count")), 300);
	assert_true(json_number_value(json_object_get(v, "value")) == p95);
	assert_true(fabs(p95 - slo_event_value(&ev)) < 1e-6);
	assert_true(p50 <= p95 && p95 <= p99 && p99 <= max);
	assert_null(json_object_get(detail, "cpu"));
	json_decref(v);
}

static void mechanism_names_are_text(void **state)
{
	struct slo_probe_event retr = full_event(SLO_SIG_TCP_RETRANSMITS, SLO_EV_SAMPLE);
	struct slo_probe_event error = full_event(SLO_SIG_CONNECT_ERRORS, SLO_EV_SAMPLE);

	(void)state;
	assert_non_null(strstr(write_event(&retr, &no_names, &beta),
	                       "\"detail\":{\"kind\":\"rto\",\"tcp_state\":\"ESTABLISHED\","
	                       "\"passive\":true}"));
	assert_non_null(strstr(write_event(&error, &no_names, &beta),
	                       "\"detail\":{\"error\":\"ECONNREFUSED\",\"origin\":\"local\","
	                       "\"syn_retrans\":3,\"after_ms\":7000.000001,\"aborted\":true}"));
	error.detail.conn.local = false;
	assert_non_null(strstr(write_event(&error, &no_names, &beta), "\"origin\":\"remote\""));
}

static void arrays_without_nul_are_not_overrun(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_SAMPLE);
	json_t *v;

	(void)state;
	memset(ev.comm, 'c', sizeof(ev.comm));
	memset(ev.detail.dns.qname, 'q', sizeof(ev.detail.dns.qname));
	v = write_and_load(&ev, &beta);
	assert_int_equal(json_string_length(json_object_get(v, "comm")), sizeof(ev.comm));
	assert_int_equal(json_string_length(json_object_get(json_object_get(v, "detail"), "qname")),
	                 sizeof(ev.detail.dns.qname));
	json_decref(v);
}

static void short_buffer_is_told_at_every_size(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_HIST);
	size_t len = strlen(write_event(&ev, &all_names, &beta));

	(void)state;
	for (size_t size = 0; size <= len; size++) {
		char *buf = malloc(size ? size : 1);

		assert_int_equal(
			slo_event_json_write(buf, size, &ev, SLO_STATUS_WARNING, &all_names, &beta),
			-ENOSPC);
		free(buf);
	}
}

static void longest_kubernetes_names_fit_the_line(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_HIST);
	struct slo_event_names names;
	char name[254];

	(void)state;
	memset(name, 'n', 253);
	name[253] = '\0';
	names = (struct slo_event_names){ name, name, name, name, name, name };
	memset(ev.comm, '\001', sizeof(ev.comm));
	for (int i = 0; i < SLO_HIST_SLOTS; i++)
		ev.hist.slot[i] = UINT32_MAX;
	(void)write_event(&ev, &names, &beta);
}

static void extreme_numbers_stay_readable(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_CONNECT_ERRORS, SLO_EV_SAMPLE);
	json_t *v;

	(void)state;
	ev.start_ns = UINT64_MAX - ev.realtime_offset_ns - 5;
	ev.value_ns = 0;
	ev.count = UINT64_MAX;
	ev.detail.conn.after_ns = UINT64_MAX;
	ev.cgroup_id = INT64_MAX;
	v = write_and_load(&ev, &beta);
	assert_true(json_integer_value(json_object_get(v, "ts_unix_nano")) == INT64_MAX);
	assert_true(json_integer_value(json_object_get(v, "value")) == INT64_MAX);
	assert_true(json_integer_value(json_object_get(v, "cgroup_id")) == INT64_MAX);
	json_decref(v);
}

static void what_is_no_event_is_refused(void **state)
{
	struct slo_probe_event bad[] = {
		full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE),
		full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE),
		full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE),
		full_event(SLO_SIG_TCP_RETRANSMITS, SLO_EV_SAMPLE),
	};

	(void)state;
	bad[0].signal = SLO_SIG_MAX_;
	bad[1].kind = SLO_EV_KIND_MAX_;
	bad[2].source = SLO_SRC_MAX_;
	bad[3].detail.retr.kind = SLO_RETR_MAX_;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		assert_int_equal(slo_event_json_write(line, sizeof(line), &bad[i], SLO_STATUS_OK,
		                                      &no_names, &beta),
		                 -EINVAL);
	}
	bad[0] = full_event(SLO_SIG_CPU_STEAL, SLO_EV_GAUGE);
	assert_int_equal(slo_event_json_write(line, sizeof(line), &bad[0], SLO_STATUS_MAX_,
	                                      &no_names, &beta),
	                 -EINVAL);
	bad[0].gauge = NAN;
	assert_int_equal(
		slo_event_json_write(line, sizeof(line), &bad[0], SLO_STATUS_OK, &no_names, &beta),
		-EDOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dns_sample_prints_as_documented),
		cmocka_unit_test(v1alpha1_leaves_our_fields_out),
		cmocka_unit_test(every_detail_key_is_listed),
		cmocka_unit_test(every_listed_key_is_printed_by_some_event),
		cmocka_unit_test(names_off_hides_the_dns_name),
		cmocka_unit_test(container_id_stands_in_for_the_name),
		cmocka_unit_test(replayed_event_says_so_and_keeps_its_source),
		cmocka_unit_test(histogram_belongs_to_nobody_but_names_the_worst),
		cmocka_unit_test(mechanism_names_are_text),
		cmocka_unit_test(arrays_without_nul_are_not_overrun),
		cmocka_unit_test(short_buffer_is_told_at_every_size),
		cmocka_unit_test(longest_kubernetes_names_fit_the_line),
		cmocka_unit_test(extreme_numbers_stay_readable),
		cmocka_unit_test(what_is_no_event_is_refused),
	};

	return cmocka_run_group_tests_name("event_json", tests, NULL, NULL);
}
