/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_logs.h"

#include <logs.pb-c.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/export/wire.h"
#include "test/random.h"

static const struct slo_workload who = { "", "n", "", "", "", "", "", "s" };

/* The one record of @g, which protobuf-c reads and packs to the same bytes again. The caller frees it. */
static SloProto__LogRecord *record_of(const struct slo_otlp_group *g)
{
	struct slo_wire w = { g->records.data, g->records.data + g->records.len };
	struct slo_wire_field f;
	SloProto__LogRecord *log;
	uint8_t again[8192];

	assert_int_equal(slo_wire_next(&w, &f), 1);
	assert_int_equal(f.number, SLO_OTLP_RECORD_FIELD);
	assert_int_equal(slo_wire_left(&w), 0);
	log = slo_proto__log_record__unpack(NULL, slo_wire_left(&f.bytes), f.bytes.p);
	assert_non_null(log);
	assert_int_equal(slo_proto__log_record__get_packed_size(log), slo_wire_left(&f.bytes));
	assert_int_equal(slo_proto__log_record__pack(log, again), slo_wire_left(&f.bytes));
	assert_memory_equal(again, f.bytes.p, slo_wire_left(&f.bytes));
	return log;
}

static SloProto__LogRecord *log_event(double value_ms, const struct slo_otlp_link *link)
{
	const struct slo_probe_event ev = { .kind = SLO_EV_SAMPLE,
		                            .signal = SLO_SIG_DNS_LATENCY,
		                            .start_ns = 5,
		                            .count = 1,
		                            .value_ns = (uint64_t)llround(value_ms * 1e6) };
	static struct slo_otlp_groups groups;
	struct slo_otlp_group *g;
	SloProto__LogRecord *log;

	assert_int_equal(slo_otlp_groups_init(&groups, "1"), 0);
	g = slo_otlp_groups_of(&groups, &who, "", "");
	assert_non_null(g);
	assert_int_equal(slo_otlp_log_event(g, &ev, SLO_STATUS_OK, link, true), 0);
	log = record_of(g);
	slo_otlp_groups_fini(&groups);
	return log;
}

static void record_is_as_protobuf_c_packs_it(void **state)
{
	const struct slo_otlp_link link = { { 1, 2 }, { 3 }, 0.9 };
	SloProto__LogRecord *log = log_event(5, NULL);

	(void)state;
	assert_string_equal(log->event_name, "llm.ebpf.dns_latency_ms");
	assert_string_equal(log->body->string_value, "dns_latency_ms 5 ms (ok)");
	assert_string_equal(log->severity_text, "INFO");
	assert_int_equal(log->trace_id.len, 0);
	slo_proto__log_record__free_unpacked(log, NULL);
	log = log_event(5, &link);
	assert_int_equal(log->trace_id.len, sizeof(link.trace_id));
	assert_memory_equal(log->trace_id.data, link.trace_id, sizeof(link.trace_id));
	assert_int_equal(log->span_id.len, sizeof(link.span_id));
	slo_proto__log_record__free_unpacked(log, NULL);
}

static const SloProto__AnyValue *attribute(const SloProto__LogRecord *log, const char *key)
{
	for (size_t i = 0; i < log->n_attributes; i++) {
		if (strcmp(log->attributes[i]->key, key) == 0)
			return log->attributes[i]->value;
	}
	return NULL;
}

/* Stores give a key one type: that of a whole number of milliseconds is no other. */
static void an_attribute_has_one_type(void **state)
{
	static const double ms[] = { 0, 12, 12.5, 0.000001, 86400000 };
	/* Time and workload are the record's and the resource's own. */
	static const char *const elsewhere[] = { "ts_unix_nano", "node", "namespace", "pod",
		                                 "container" };

	(void)state;
	for (size_t i = 0; i < sizeof(ms) / sizeof(*ms); i++) {
		SloProto__LogRecord *log = log_event(ms[i], NULL);
		const SloProto__AnyValue *value = attribute(log, "value");
		const SloProto__AnyValue *retries = attribute(log, "detail.retries");

		assert_non_null(value);
		assert_int_equal(value->value_case, SLO_PROTO__ANY_VALUE__VALUE_DOUBLE_VALUE);
		assert_true(value->double_value == ms[i]);
		assert_non_null(retries);
		assert_int_equal(retries->value_case, SLO_PROTO__ANY_VALUE__VALUE_INT_VALUE);
		for (size_t k = 0; k < sizeof(elsewhere) / sizeof(*elsewhere); k++)
			assert_null(attribute(log, elsewhere[k]));
		slo_proto__log_record__free_unpacked(log, NULL);
	}
}

/* As %.6g has it. */
static void body_has_six_digits(void **state)
{
	static const double ms[] = { 0,        0.000001, 0.00009,  0.0001,   0.000101, 0.001234,
		                     0.1,      0.123456, 0.999999, 1,        1.5,      9.999996,
		                     12.34567, 99.99996, 120,      1234.567, 99999.96, 123456.4,
		                     999998.7, 999999.4, 1000000,  12345678 };
	uint64_t random = TEST_RANDOM_SEED;

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		double v = i < sizeof(ms) / sizeof(*ms) ? ms[i] : 0;
		SloProto__LogRecord *log;
		char expected[64];

		if (i >= sizeof(ms) / sizeof(*ms)) {
			uint64_t shift = 33 + test_random_below(&random, 31);

			v = (double)(test_random(&random) >> shift) / 1e6;
		}
		log = log_event(v, NULL);
		(void)snprintf(expected, sizeof(expected), "dns_latency_ms %.6g ms (ok)", v);
		assert_string_equal(log->body->string_value, expected);
		slo_proto__log_record__free_unpacked(log, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_is_as_protobuf_c_packs_it),
		cmocka_unit_test(an_attribute_has_one_type),
		cmocka_unit_test(body_has_six_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
