/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "core/codec/incident_json.h"
#include "core/codec/schemas.h"
#include "test/unit/engine/model.h"

static struct slo_attr_model model;
static struct slo_observation obs;
static struct slo_attribution verdict;

static struct slo_incident incident(void)
{
	return (struct slo_incident){ .incident_id = "inc-1",
		                      .cluster = "c",
		                      .namespace_ = "n",
		                      .service = "s",
		                      .sli = "ttft_ms",
		                      .request_id = "r",
		                      .trace_id = "t",
		                      .source = "",
		                      .model = "default",
		                      .capability_mode = "core_full",
		                      .timestamp_ns = INT64_C(1771545600500000000),
		                      .burn_rate = 2,
		                      .window_minutes = 5,
		                      .observation = &obs,
		                      .verdict = &verdict };
}

static void judge(double dns, double retransmits)
{
	memset(&obs, 0, sizeof(obs));
	if (dns >= 0)
		slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, dns);
	if (retransmits >= 0)
		slo_observation_set(&obs, SLO_SIG_TCP_RETRANSMITS, retransmits);
	load_model(&model, "default");
	slo_attribute_noisy_or(&model, &obs, &verdict);
}

static json_t *write_line(const struct slo_incident *in, bool v1)
{
	char buf[SLO_INCIDENT_JSON_MAX];
	ssize_t len = slo_incident_json_write(buf, sizeof(buf), in, v1);
	json_t *v;

	assert_true(len > 0);
	assert_int_equal(strlen(buf), len);
	assert_int_equal(buf[len - 1], '\n');
	v = json_loads(buf, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(v);
	return v;
}

static const char *str(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The keys of @object are those of @schema, and all that it requires are there. */
static void check_object(json_t *object, json_t *schema)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *required = json_object_get(schema, "required");

	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		json_t *rule = json_object_get(properties, json_object_iter_key(it));
		json_t *value = json_object_iter_value(it);
		json_t *items = json_object_get(rule, "items");

		if (!rule)
			print_error("%s is not in the schema\n", json_object_iter_key(it));
		assert_non_null(rule);
		if (json_is_object(value))
			check_object(value, rule);
		for (size_t i = 0; i < json_array_size(value); i++) {
			if (json_is_object(json_array_get(value, i)))
				check_object(json_array_get(value, i), items);
		}
	}
	for (size_t i = 0; i < json_array_size(required); i++)
		assert_non_null(
			json_object_get(object, json_string_value(json_array_get(required, i))));
}

static void check_schema(const struct slo_incident *in, bool v1)
{
	json_t *line = write_line(in, v1);
	json_t *schema = json_loads(
		slo_schema_get(v1 ? "incident-attribution.v1" : "incident-attribution.v1beta1"), 0,
		NULL);

	assert_non_null(schema);
	check_object(line, schema);
	json_decref(schema);
	json_decref(line);
}

static void every_verdict_keeps_both_schemas(void **state)
{
	static const double dns[] = { -1, 2, 60, 5000 };
	struct slo_incident in = incident();

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(dns); i++) {
		judge(dns[i], i % 2 ? 0.1 : -1);
		in.synthetic = i % 2;
		model.conformal_n = i % 2 ? 10 : 0;
		verdict.has_conformal = i % 2;
		verdict.unexplained = (uint32_t)i;
		verdict.ambiguous = i % 2;
		check_schema(&in, true);
		check_schema(&in, false);
		slo_attribute_bayes(NULL, &obs, &verdict);
		check_schema(&in, true);
		check_schema(&in, false);
		slo_attribute_rule("dns_latency", 1, &verdict);
		check_schema(&in, false);
	}
}

static void v1_leaves_our_additions_out(void **state)
{
	struct slo_incident in = incident();
	json_t *old, *line;

	(void)state;
	judge(5000, 0.1);
	old = write_line(&in, true);
	line = write_line(&in, false);
	assert_null(json_object_get(old, "abstained"));
	assert_null(json_object_get(old, "model"));
	assert_null(json_object_get(json_array_get(json_object_get(old, "evidence"), 0), "nats"));
	assert_non_null(json_object_get(line, "abstained"));
	assert_string_equal(str(line, "model"), "noisy-or");
	assert_string_equal(str(line, "model_parameters"), "default");
	assert_string_equal(str(line, "capability_mode"), "core_full");
	for (void *it = json_object_iter(old); it; it = json_object_iter_next(old, it))
		assert_non_null(json_object_get(line, json_object_iter_key(it)));
	json_decref(old);
	json_decref(line);
}

static void a_verdict_says_what_why_and_what_next(void **state)
{
	struct slo_incident in = incident();
	json_t *line, *evidence;

	(void)state;
	judge(5000, 0.1);
	line = write_line(&in, false);
	assert_string_equal(str(line, "timestamp"), "2026-02-20T00:00:00.5Z");
	assert_string_equal(str(line, "predicted_fault_domain"), "network_dns");
	assert_true(json_is_false(json_object_get(line, "abstained")));
	evidence = json_array_get(json_object_get(line, "evidence"), 0);
	assert_string_equal(str(evidence, "signal"), "dns_latency_ms");
	assert_string_equal(str(evidence, "source"), "ebpf");
	assert_true(json_number_value(json_object_get(evidence, "nats")) > 1);
	assert_int_equal(json_array_size(json_object_get(line, "unobservable_domains")), 5);
	assert_true(json_array_size(json_object_get(line, "next_steps")) >= 2);
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(line, "trace_ids"), 0)), "t");
	assert_null(json_object_get(line, "synthetic"));
	json_decref(line);
}

static void an_abstention_says_why(void **state)
{
	struct slo_incident in = incident();
	json_t *line;

	(void)state;
	judge(-1, -1);
	line = write_line(&in, false);
	assert_string_equal(str(line, "predicted_fault_domain"), "unknown");
	assert_true(json_is_true(json_object_get(line, "abstained")));
	assert_string_equal(str(line, "abstain_reason"), "no_signals");
	assert_int_equal(json_array_size(json_object_get(line, "evidence")), 0);
	assert_int_equal(json_array_size(json_object_get(line, "unobservable_domains")),
	                 SLO_FAULT_MAX);
	json_decref(line);
}

static void an_abstention_shows_the_likeliest_fault_that_could_be_seen(void **state)
{
	(void)state;
	judge(2, 0.1); /* normal: less likely than what nothing is known of */
	assert_int_equal(verdict.top, SLO_DOMAIN_UNKNOWN);
	assert_true(verdict.posterior[SLO_DOMAIN_CPU_THROTTLE] >
	            verdict.posterior[SLO_DOMAIN_NETWORK_DNS]);
	assert_true(slo_incident_focus(&verdict) <= SLO_DOMAIN_NETWORK_EGRESS);
	judge(-1, -1);
	assert_true(slo_incident_focus(&verdict) < SLO_FAULT_MAX);
	assert_int_equal(slo_incident_suspects(&verdict), SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN));
	judge(5000, 0.1);
	assert_int_equal(slo_incident_focus(&verdict), SLO_DOMAIN_NETWORK_DNS);
	assert_int_equal(slo_incident_suspects(&verdict), SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS));
}

static const char *source_as(const char *source, bool synthetic, bool v1)
{
	static char kept[32];
	struct slo_incident in = incident();
	json_t *line;

	in.source = source;
	in.synthetic = synthetic;
	line = write_line(&in, v1);
	(void)snprintf(kept, sizeof(kept), "%s",
	               str(json_array_get(json_object_get(line, "evidence"), 0), "source"));
	assert_int_equal(json_is_true(json_object_get(line, "synthetic")), synthetic && !v1);
	json_decref(line);
	return kept;
}

/* What is made must not pass as measured by a kernel. */
static void evidence_says_where_it_was_measured(void **state)
{
	struct slo_incident in = incident();
	json_t *line;

	(void)state;
	judge(5000, -1);
	assert_string_equal(source_as("", false, false), "ebpf");
	assert_string_equal(source_as("procfs", false, false), "procfs");
	assert_string_equal(source_as("procfs", false, true), "application");
	assert_string_equal(source_as("", true, false), "application");
	memset(&obs, 0, sizeof(obs));
	slo_observation_set(&obs, SLO_EVID_THROTTLED_RATIO, 0.5);
	slo_attribute_noisy_or(&model, &obs, &verdict);
	line = write_line(&in, false);
	assert_string_equal(str(json_array_get(json_object_get(line, "evidence"), 0), "source"),
	                    "otel");
	json_decref(line);
}

static void what_does_not_fit_is_told(void **state)
{
	struct slo_incident in = incident();
	char buf[64], whole[SLO_INCIDENT_JSON_MAX];
	ssize_t len;

	(void)state;
	judge(5000, 0.1);
	assert_int_equal(slo_incident_json_write(buf, 0, &in, false), -ENOSPC);
	assert_int_equal(slo_incident_json_write(buf, 1, &in, false), -ENOSPC);
	assert_int_equal(slo_incident_json_write(buf, sizeof(buf), &in, false), -ENOSPC);
	len = slo_incident_json_write(whole, sizeof(whole), &in, false);
	assert_int_equal(slo_incident_json_write(whole, (size_t)len + 1, &in, false), len);
	assert_int_equal(slo_incident_json_write(whole, (size_t)len, &in, false), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verdict_keeps_both_schemas),
		cmocka_unit_test(v1_leaves_our_additions_out),
		cmocka_unit_test(a_verdict_says_what_why_and_what_next),
		cmocka_unit_test(an_abstention_says_why),
		cmocka_unit_test(an_abstention_shows_the_likeliest_fault_that_could_be_seen),
		cmocka_unit_test(evidence_says_where_it_was_measured),
		cmocka_unit_test(what_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
