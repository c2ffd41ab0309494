/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/sli_event_json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/codec/schema_check.h"
#include "core/codec/schemas.h"
#include "core/codec/synthetic_json.h"
#include "core/config/rows.h"

static struct slo_err err;

static const char raw_text[] =
	"{\"timestamp\":\"2026-03-01T00:00:00.5Z\",\"cluster\":\"c\",\"namespace\":\"n\","
	"\"workload\":\"w\",\"service\":\"s\",\"request_id\":\"r\",\"trace_id\":\"t\",\"ttft_ms\":1000,"
	"\"request_latency_ms\":1,\"token_throughput_tps\":2,\"error_rate\":0.5,\"more\":[]}";

static json_t *parsed(const char *text)
{
	json_t *v = json_loads(text, 0, NULL);

	assert_non_null(v);
	return v;
}

/* Each event of a sample is a valid slo-event, and reads back. */
static void events_of_a_sample_are_valid_and_read_back(void **state)
{
	struct slo_schema_check *check slo_schema_check_auto = NULL;
	const char *schema = slo_schema_get("slo-event.v1");
	json_t *object = parsed(raw_text);
	struct slo_sli_sample sample;

	(void)state;
	assert_int_equal(slo_schema_check_compile_text(&check, schema, strlen(schema), &err), 0);
	assert_int_equal(slo_sli_sample_from_json(object, &sample, &err), 0);
	for (int i = 0; i <= SLO_SLI_ERROR_RATE; i++) {
		char buf[2048];
		struct slo_jsonw w;
		struct slo_sli_event ev;
		json_t *event;

		slo_jsonw_init(&w, buf, sizeof(buf));
		slo_sli_sample_write_sli(&w, &sample, (enum slo_sli)i);
		assert_true(slo_jsonw_finish(&w) > 0);
		event = parsed(buf);
		assert_int_equal(slo_schema_check_run(check, event, &err), 0);
		assert_int_equal(slo_sli_event_from_json(event, &ev, &err), 0);
		assert_int_equal(ev.sli, i);
		assert_true(ev.value == sample.value[i]);
		assert_true(ev.unix_ns == INT64_C(1772323200500000000));
		assert_string_equal(ev.k8s_namespace, "n");
		json_decref(event);
	}
	json_decref(object);
}

static void a_sample_has_no_value_of_what_it_does_not_carry(void **state)
{
	json_t *object = parsed(raw_text);
	struct slo_sli_sample sample;

	(void)state;
	assert_int_equal(slo_sli_sample_from_json(object, &sample, &err), 0);
	assert_true(isnan(sample.value[SLO_SLI_RETRIEVAL_LATENCY]) &&
	            isnan(sample.value[SLO_SLI_PROVIDER_ERROR_RATE]));
	assert_string_equal(sample.source, "");
	assert_string_equal(sample.node, "");
	json_decref(object);
}

static void required_fields_are_required(void **state)
{
	static const char *const fields[] = { "timestamp",
		                              "cluster",
		                              "namespace",
		                              "workload",
		                              "service",
		                              "request_id",
		                              "ttft_ms",
		                              "request_latency_ms",
		                              "token_throughput_tps",
		                              "error_rate" };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(fields); i++) {
		json_t *object = parsed(raw_text);
		struct slo_sli_sample sample = { .node = "untouched" };

		assert_int_equal(json_object_del(object, fields[i]), 0);
		assert_int_equal(slo_sli_sample_from_json(object, &sample, &err), -EINVAL);
		assert_non_null(strstr(err.msg, fields[i]));
		assert_string_equal(sample.node, "untouched");
		json_decref(object);
	}
}

/* What loadgen writes, collector reads; what faultreplay writes names its truth. */
static void made_up_records_say_so(void **state)
{
	const struct slo_synthetic_id id = { .prefix = "x", .number = 1, .unix_ns = 1 };
	const struct slo_scenario_record record = {
		.label = "mixed",
		.domains = SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS) |
		           SLO_DOMAIN_BIT(SLO_DOMAIN_CPU_THROTTLE),
		.ttft_ms = 1,
		.request_latency_ms = 2,
		.signals = 1,
	};
	struct slo_sli_sample sample;
	struct slo_jsonw w;
	char buf[2048];
	json_t *object;

	(void)state;
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_synthetic_write_raw(&w, &id, &record);
	assert_true(slo_jsonw_finish(&w) > 0);
	object = parsed(buf);
	assert_int_equal(slo_sli_sample_from_json(object, &sample, &err), 0);
	assert_string_equal(sample.source, "synthetic");
	json_decref(object);
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_synthetic_write_fault(&w, &id, &record);
	assert_true(slo_jsonw_finish(&w) > 0);
	object = parsed(buf);
	assert_string_equal(json_string_value(json_object_get(object, "source")), "synthetic");
	assert_int_equal(json_array_size(json_object_get(object, "expected_domains")), 2);
	assert_null(json_object_get(object, "expected_domain"));
	assert_int_equal(json_object_size(json_object_get(object, "signals")), 1);
	json_decref(object);
}

static void configuration_and_model_name_the_same_indicators(void **state)
{
	const struct slo_config_row *row = slo_config_row_find("slo.x", "sli");

	(void)state;
	for (int i = 0; i < SLO_SLI_MAX_; i++)
		assert_string_equal(row->names[i], slo_sli_desc((enum slo_sli)i)->name);
	assert_null(row->names[SLO_SLI_MAX_]);
}

static bool is_synthetic(const char *more)
{
	char text[1024];
	struct slo_sli_sample sample;
	json_t *object;

	(void)snprintf(
		text, sizeof(text),
		"{\"timestamp\":\"2026-02-18T00:00:01.5Z\",\"cluster\":\"c\",\"namespace\":"
		"\"n\",\"workload\":\"w\",\"service\":\"s\",\"request_id\":\"r\",\"trace_id\":"
		"\"t\",\"ttft_ms\":284.647,\"request_latency_ms\":569,"
		"\"token_throughput_tps\":29.5,\"error_rate\":0.01%s}",
		more);
	object = json_loads(text, 0, NULL);
	if (slo_sli_sample_from_json(object, &sample, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(sample.common.unix_ns == INT64_C(1771372801500000000));
	assert_true(sample.value[SLO_SLI_TTFT] == 284.647);
	json_decref(object);
	return sample.synthetic;
}

static void synthetic_samples_are_known_as_such(void **state)
{
	(void)state;
	assert_false(is_synthetic(""));
	assert_false(is_synthetic(",\"synthetic\":false,\"source\":\"gateway\",\"more\":[1,{}]"));
	assert_true(is_synthetic(",\"synthetic\":true"));
	assert_true(is_synthetic(",\"source\":\"synthetic\""));
	assert_true(is_synthetic(",\"labels\":{\"source\":\"synthetic\"}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_a_sample_are_valid_and_read_back),
		cmocka_unit_test(synthetic_samples_are_known_as_such),
		cmocka_unit_test(a_sample_has_no_value_of_what_it_does_not_carry),
		cmocka_unit_test(required_fields_are_required),
		cmocka_unit_test(made_up_records_say_so),
		cmocka_unit_test(configuration_and_model_name_the_same_indicators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
