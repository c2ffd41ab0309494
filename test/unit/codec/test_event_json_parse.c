/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/backend.h"
#include "core/codec/event_json.h"
#include "test/random.h"
#include "test/unit/codec/events.h"

#define BASE                                                                                  \
	"\"ts_unix_nano\":1760000000000000001,\"signal\":\"dns_latency_ms\",\"node\":\"n\","  \
	"\"namespace\":\"\",\"pod\":\"\",\"container\":\"\",\"pid\":1,\"tid\":2,\"value\":5," \
	"\"unit\":\"ms\",\"status\":\"ok\""
#define TUPLE(src, dst, port, proto)                                                    \
	"\"conn_tuple\":{\"src_ip\":\"" src "\",\"dst_ip\":\"" dst "\",\"src_port\":1," \
	"\"dst_port\":" port ",\"protocol\":" proto "}"

static const struct slo_event_json_options beta = { .names = true };
static const struct slo_event_json_options alpha = { .v1alpha1 = true, .names = true };

static struct slo_probe_event must_parse(const char *line)
{
	struct slo_probe_event ev;
	struct slo_err err = { 0 };
	int r = slo_event_json_parse(line, strlen(line), &ev, &err);

	if (r < 0)
		fail_msg("%s: %s", line, err.msg);
	return ev;
}

/* *@ret_msg says the field @names; the event is untouched. */
static void must_fail(const char *line, int code, const char *names)
{
	struct slo_probe_event ev;
	struct slo_probe_event before;
	struct slo_err err = { 0 };
	int r;

	memset(&ev, 0xa5, sizeof(ev));
	before = ev;
	r = slo_event_json_parse(line, strlen(line), &ev, &err);
	if (r != code || !strstr(err.msg, names))
		fail_msg("%s: %d, %s", line, r, err.msg);
	assert_memory_equal(&ev, &before, sizeof(ev));
}

static void check_round_trip(const struct slo_probe_event *ev, const struct slo_event_names *names,
                             const struct slo_event_json_options *opt)
{
	char first[SLO_EVENT_JSON_MAX];
	char second[SLO_EVENT_JSON_MAX];
	struct slo_probe_event read;

	assert_true(slo_event_json_write(first, sizeof(first), ev, SLO_STATUS_ERROR, names, opt) >
	            0);
	read = must_parse(first);
	assert_true(slo_event_json_write(second, sizeof(second), &read, SLO_STATUS_ERROR, names,
	                                 opt) > 0);
	assert_string_equal(first, second);
}

static void every_signal_and_kind_round_trips(void **state)
{
	(void)state;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		for (int kind = 0; kind < SLO_EV_KIND_MAX_; kind++) {
			struct slo_probe_event ev =
				full_event((enum slo_signal)sig, (enum slo_event_kind)kind);
			struct slo_probe_event bare = { .signal = ev.signal,
				                        .kind = ev.kind,
				                        .interval_ns = ev.interval_ns };

			check_round_trip(&ev, &all_names, &beta);
			check_round_trip(&ev, &all_names, &alpha);
			ev.replayed = true;
			ev.source = SLO_SRC_NONE;
			check_round_trip(&ev, &no_names, &beta);
			check_round_trip(&bare, &no_names, &beta);
			check_round_trip(&bare, &no_names, &alpha);
		}
	}
}

static void random_values_round_trip(void **state)
{
	uint64_t x = TEST_RANDOM_SEED;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct slo_probe_event ev = full_event((enum slo_signal)(i % SLO_SIG_MAX_),
		                                       (enum slo_event_kind)(i / 12 % 5));

		(void)test_random(&x);
		/* A percentage is never a single measurement. */
		if (ev.signal == SLO_SIG_CPU_STEAL)
			ev = full_event(ev.signal, SLO_EV_GAUGE);
		ev.value_ns = (x >> 13) >> (i % 40);
		ev.count = x >> 1;
		ev.interval_ns = (x >> 13) >> (i % 30);
		if (ev.kind == SLO_EV_GAUGE)
			ev.gauge = (double)(x >> 20) / 1e7;
		ev.hist.sum_ns = (x >> 13) >> (i % 35);
		ev.cgroup_id = x >> 1;
		memcpy(ev.comm, &x, sizeof(x));
		check_round_trip(&ev, &all_names, &beta);
	}
}

static void sample_keeps_every_field(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_SAMPLE);
	char line[SLO_EVENT_JSON_MAX];
	struct slo_probe_event read;

	(void)state;
	assert_true(slo_event_json_write(line, sizeof(line), &ev, SLO_STATUS_OK, &no_names, &beta) >
	            0);
	read = must_parse(line);
	assert_int_equal(read.kind, SLO_EV_SAMPLE);
	assert_int_equal(read.source, ev.source);
	assert_int_equal(slo_event_realtime_ns(&read), slo_event_realtime_ns(&ev));
	assert_int_equal(read.start_ns, ev.start_ns + ev.realtime_offset_ns);
	assert_int_equal(read.realtime_offset_ns, 0);
	assert_int_equal(read.value_ns, ev.value_ns);
	assert_int_equal(read.tgid, ev.tgid);
	assert_int_equal(read.tid, ev.tid);
	assert_int_equal(read.cgroup_id, ev.cgroup_id);
	assert_int_equal(read.netns, ev.netns);
	assert_int_equal(read.err, ev.err);
	assert_int_equal(read.sample_weight, ev.sample_weight);
	assert_string_equal(read.comm, ev.comm);
	assert_memory_equal(&read.tuple, &ev.tuple, sizeof(ev.tuple));
	assert_string_equal(read.detail.dns.qname, ev.detail.dns.qname);
	assert_int_equal(read.detail.dns.qtype, ev.detail.dns.qtype);
	assert_int_equal(read.detail.dns.rcode, ev.detail.dns.rcode);
	assert_int_equal(read.detail.dns.retries, ev.detail.dns.retries);
	assert_int_equal(read.detail.dns.server_ns, ev.detail.dns.server_ns);
	assert_true(read.detail.dns.upstream);
	assert_true(read.detail.dns.truncated);
	assert_false(read.replayed);
}

static void histogram_keeps_its_slots(void **state)
{
	struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, SLO_EV_HIST);
	char line[SLO_EVENT_JSON_MAX];
	struct slo_probe_event read;

	(void)state;
	ev.hist.slot[27] = UINT32_MAX;
	ev.hist.count += UINT32_MAX;
	assert_true(slo_event_json_write(line, sizeof(line), &ev, SLO_STATUS_OK, &no_names, &beta) >
	            0);
	read = must_parse(line);
	assert_int_equal(read.kind, SLO_EV_HIST);
	assert_memory_equal(&read.hist, &ev.hist, sizeof(ev.hist));
	assert_int_equal(read.count, ev.count);
	assert_int_equal(read.interval_ns, ev.interval_ns);
	assert_int_equal(read.tgid, ev.tgid);
	assert_string_equal(read.comm, ev.comm);
}

static void other_kinds_are_told_apart(void **state)
{
	static const enum slo_event_kind kinds[] = { SLO_EV_TIMEOUT, SLO_EV_COUNT, SLO_EV_GAUGE };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(kinds); i++) {
		struct slo_probe_event ev = full_event(SLO_SIG_DNS_LATENCY, kinds[i]);
		char line[SLO_EVENT_JSON_MAX];
		struct slo_probe_event read;

		assert_true(slo_event_json_write(line, sizeof(line), &ev, SLO_STATUS_OK, &no_names,
		                                 &beta) > 0);
		read = must_parse(line);
		assert_int_equal(read.kind, ev.kind);
		assert_int_equal(read.count, kinds[i] == SLO_EV_COUNT ? ev.count : 0);
		assert_true(read.gauge == ev.gauge);
	}
}

static void v1alpha1_kinds_follow_from_the_unit(void **state)
{
	struct slo_probe_event ev = must_parse("{" BASE "}");

	(void)state;
	assert_int_equal(ev.kind, SLO_EV_SAMPLE);
	assert_int_equal(ev.value_ns, 5000000);
	assert_int_equal(ev.source, SLO_SRC_NONE);
	ev = must_parse(
		"{\"ts_unix_nano\":7,\"signal\":\"tcp_retransmits_total\",\"node\":\"\","
		"\"namespace\":\"\",\"pod\":\"\",\"container\":\"\",\"pid\":0,\"tid\":0,"
		"\"value\":3.0,\"unit\":\"count\",\"status\":\"warning\",\"trace_id\":\"ab\","
		"\"span_id\":\"cd\",\"confidence\":0.9,\"errno\":-111}");
	assert_int_equal(ev.kind, SLO_EV_SAMPLE);
	assert_int_equal(ev.count, 3);
	assert_int_equal(ev.err, 111);
	ev = must_parse("{\"ts_unix_nano\":7,\"signal\":\"cpu_steal_pct\",\"node\":\"\","
	                "\"namespace\":\"\",\"pod\":\"\",\"container\":\"\",\"pid\":0,\"tid\":0,"
	                "\"value\":2.5,\"unit\":\"pct\",\"status\":\"ok\"}");
	assert_int_equal(ev.kind, SLO_EV_GAUGE);
	assert_true(ev.gauge == 2.5);
}

static void ids_are_kept_where_they_are_as_w3c_has_them(void **state)
{
	static const char *const others[] = {
		"0123456789abcdef0123456789abcde", /* short */
		"0123456789abcdef0123456789abcdef0", /* long */
		"0123456789ABCDEF0123456789ABCDEF",  "0123456789abcdeg0123456789abcdef", "",
	};
	struct slo_probe_event ev;
	char line[512];

	(void)state;
	ev = must_parse("{" BASE ",\"trace_id\":\"0123456789abcdef0123456789abcdef\","
	                "\"span_id\":\"fedcba9876543210\"}");
	assert_memory_equal(ev.trace_id,
	                    "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
	                    SLO_TRACE_ID_LEN);
	assert_memory_equal(ev.span_id, "\xfe\xdc\xba\x98\x76\x54\x32\x10", SLO_SPAN_ID_LEN);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(others); i++) {
		(void)snprintf(line, sizeof(line),
		               "{" BASE ",\"trace_id\":\"%s\","
		               "\"span_id\":\"fedcba9876543210\"}",
		               others[i]);
		ev = must_parse(line);
		assert_false(slo_event_is_traced(&ev));
		assert_int_equal(ev.span_id[0], 0);
	}
}

static void beginning_before_1970_keeps_the_end(void **state)
{
	struct slo_probe_event ev = must_parse(
		"{\"ts_unix_nano\":0,\"signal\":\"dns_latency_ms\",\"node\":\"\",\"namespace\":\"\","
		"\"pod\":\"\",\"container\":\"\",\"pid\":0,\"tid\":0,\"value\":250.5,\"unit\":\"ms\","
		"\"status\":\"error\"}");

	(void)state;
	assert_int_equal(ev.start_ns, 0);
	assert_int_equal(slo_event_realtime_ns(&ev), 0);
}

static void blank_lines_are_skipped(void **state)
{
	struct slo_probe_event ev;

	(void)state;
	assert_int_equal(slo_event_json_parse("", 0, &ev, NULL), -ENODATA);
	assert_int_equal(slo_event_json_parse(" \t\r\n", 4, &ev, NULL), -ENODATA);
	assert_int_equal(slo_event_json_parse("\0", 1, &ev, NULL), -EBADMSG);
}

static void what_is_not_json_is_refused(void **state)
{
	(void)state;
	must_fail("{", -EBADMSG, "byte");
	must_fail("{" BASE "} x", -EBADMSG, "byte");
	must_fail("{" BASE ",\"pid\":1}", -EBADMSG, "duplicate");
	must_fail("{" BASE ",\"comm\":\"\xff\"}", -EBADMSG, "0xff");
	must_fail("{" BASE ",\"comm\":\"\\u0000\"}", -EBADMSG, "NUL");
	must_fail("{" BASE ",\"cgroup_id\":99999999999999999999}", -EBADMSG, "too big");
	must_fail("{" BASE ",\"interval_ms\":1e999}", -EBADMSG, "real number overflow");
	must_fail("[]", -EINVAL, "object");
}

static void bad_fields_are_named(void **state)
{
	static const struct {
		const char *line;
		const char *names;
	} cases[] = {
		{ "{" BASE ",\"pidd\":1}", "pidd" },
		{ "{" BASE ",\"comm\":1}", "comm" },
		{ "{" BASE ",\"netns\":4294967296}", "netns" },
		{ "{" BASE ",\"cgroup_id\":-1}", "cgroup_id" },
		{ "{" BASE ",\"count\":1.5}", "count" },
		{ "{" BASE ",\"errno\":\"x\"}", "errno" },
		{ "{" BASE ",\"confidence\":1.5}", "confidence" },
		{ "{" BASE ",\"interval_ms\":-1}", "interval_ms" },
		{ "{" BASE ",\"source\":\"guess\"}", "source" },
		{ "{" BASE ",\"source\":\"none\"}", "source" },
		{ "{" BASE ",\"conn_tuple\":{}}", "conn_tuple" },
		{ "{" BASE "," TUPLE("1.2.3", "1.2.3.4", "1", "\"tcp\"") "}", "conn_tuple.src_ip" },
		{ "{" BASE "," TUPLE("1.2.3.4", "", "1", "\"tcp\"") "}", "conn_tuple.dst_ip" },
		{ "{" BASE "," TUPLE("1.2.3.4", "::1", "1", "\"tcp\"") "}", "IPv6" },
		{ "{" BASE "," TUPLE("::", "::1", "65536", "\"tcp\"") "}", "dst_port" },
		{ "{" BASE "," TUPLE("::", "::1", "1", "\"256\"") "}", "conn_tuple.protocol" },
		{ "{" BASE "," TUPLE("::", "::1", "1", "6") "}", "protocol" },
		{ "{" BASE ",\"detail\":[]}", "detail" },
		{ "{" BASE ",\"detail\":{\"x\":null}}", "detail" },
		{ "{" BASE ",\"detail\":{\"x\":{}}}", "detail" },
		{ "{" BASE ",\"detail\":{\"rcode\":3}}", "detail.rcode" },
		{ "{" BASE ",\"detail\":{\"rcode\":\"NOPE\"}}", "detail.rcode" },
		{ "{" BASE ",\"detail\":{\"qtype\":\"TYPE65536\"}}", "detail.qtype" },
		{ "{" BASE ",\"detail\":{\"retries\":65536}}", "detail.retries" },
		{ "{" BASE ",\"detail\":{\"retries\":-1}}", "detail.retries" },
		{ "{" BASE ",\"detail\":{\"hop\":\"server\"}}", "detail.hop" },
		{ "{" BASE ",\"detail\":{\"server_ms\":-1}}", "server_ms" },
		{ "{" BASE ",\"detail\":{\"truncated\":1}}", "detail.truncated" },
		{ "{" BASE ",\"detail\":{\"timeout\":\"yes\"}}", "detail.timeout" },
		{ "{" BASE ",\"detail\":{\"slots\":\"1:2,1:3\"}}", "detail.slots" },
		{ "{" BASE ",\"detail\":{\"slots\":\"28:1\"}}", "detail.slots" },
		{ "{" BASE ",\"detail\":{\"slots\":\"1:4294967296\"}}", "detail.slots" },
		{ "{" BASE ",\"detail\":{\"slots\":\"1:2,\"}}", "detail.slots" },
		{ "{" BASE ",\"detail\":{\"slots\":\"1\"}}", "detail.slots" },
		{ "{" BASE ",\"detail\":{\"slots\":7}}", "detail.slots" },
		{ "{\"pid\":1}", "ts_unix_nano" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++)
		must_fail(cases[i].line, -EINVAL, cases[i].names);
}

/* The text @from in a valid line replaced by @to. */
static void replaced_must_fail(const char *from, const char *to, const char *names)
{
	const char base[] = "{" BASE "}";
	const char *at = strstr(base, from);
	char line[1024];

	assert_non_null(at);
	(void)snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - base), base, to,
	               at + strlen(from));
	must_fail(line, -EINVAL, names);
}

static void bad_required_fields_are_named(void **state)
{
	(void)state;
	replaced_must_fail("dns_latency_ms", "dns", "signal");
	replaced_must_fail("\"ms\"", "\"count\"", "unit");
	replaced_must_fail("\"ok\"", "\"fine\"", "status");
	replaced_must_fail("\"value\":5", "\"value\":-5", "value");
	replaced_must_fail("\"value\":5", "\"value\":1e13", "value");
	replaced_must_fail("\"value\":5", "\"value\":\"5\"", "value");
	replaced_must_fail("\"pid\":1", "\"pid\":-1", "pid");
	replaced_must_fail("1760000000000000001", "-1", "ts_unix_nano");
	replaced_must_fail("\"node\":\"n\",", "", "node");
}

static void unknown_detail_is_skipped(void **state)
{
	struct slo_probe_event ev = must_parse(
		"{" BASE ",\"detail\":{\"sni\":\"x\",\"alert\":40,\"y\":true,\"retries\":3.0}}");

	(void)state;
	assert_int_equal(ev.detail.dns.retries, 3);
}

static void long_names_are_cut_between_characters(void **state)
{
	struct slo_probe_event ev =
		must_parse("{" BASE ",\"comm\":\"123456789012345\xc3\xa9\xc3\xa9\"}");

	(void)state;
	assert_string_equal(ev.comm, "123456789012345");
}

static void line_length_is_bounded(void **state)
{
	size_t len = SLO_EVENT_JSON_LINE_MAX + 1;
	char *line = malloc(len);
	struct slo_probe_event ev;
	struct slo_err err = { 0 };

	(void)state;
	memset(line, ' ', len);
	assert_int_equal(slo_event_json_parse(line, len, &ev, &err), -EMSGSIZE);
	assert_true(strlen(err.msg) > 0);
	memset(line, '[', len);
	assert_int_equal(slo_event_json_parse(line, len - 1, &ev, &err), -EBADMSG);
	free(line);
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void each_failed_allocation_is_an_error(void **state)
{
	/* Short tokens: jansson 2.14 asserts where the buffer of a token cannot grow. */
	const char line[] = "{\"pid\":1,\"comm\":\"x\",\"detail\":{\"a\":1.5}}";
	struct slo_probe_event ev;
	int r = -ENOMEM;

	(void)state;
	json_set_alloc_funcs(failing_malloc, free);
	for (int n = 0; r != -EINVAL; n++) {
		struct slo_err err = { 0 };

		assert_true(n < 1000);
		allocations_left = n;
		r = slo_event_json_parse(line, strlen(line), &ev, &err);
		assert_true(r < 0 && strlen(err.msg) > 0);
	}
	json_set_alloc_funcs(malloc, free);
}

static void reader_is_what_the_replay_backend_takes(void **state)
{
	slo_event_parse_fn reader = slo_event_json_parse;

	(void)state;
	assert_non_null(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signal_and_kind_round_trips),
		cmocka_unit_test(random_values_round_trip),
		cmocka_unit_test(sample_keeps_every_field),
		cmocka_unit_test(histogram_keeps_its_slots),
		cmocka_unit_test(other_kinds_are_told_apart),
		cmocka_unit_test(v1alpha1_kinds_follow_from_the_unit),
		cmocka_unit_test(ids_are_kept_where_they_are_as_w3c_has_them),
		cmocka_unit_test(beginning_before_1970_keeps_the_end),
		cmocka_unit_test(blank_lines_are_skipped),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(bad_fields_are_named),
		cmocka_unit_test(bad_required_fields_are_named),
		cmocka_unit_test(unknown_detail_is_skipped),
		cmocka_unit_test(long_names_are_cut_between_characters),
		cmocka_unit_test(line_length_is_bounded),
		cmocka_unit_test(each_failed_allocation_is_an_error),
		cmocka_unit_test(reader_is_what_the_replay_backend_takes),
	};

	return cmocka_run_group_tests_name("event_json_parse", tests, NULL, NULL);
}
