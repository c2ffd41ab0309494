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

#include "core/codec/fault_sample.h"

static struct slo_fault_sample sample;
static struct slo_fault_label label;
static struct slo_err error;
static json_t *object; /* what @sample borrows from */

static int parse(const char *text)
{
	json_decref(object);
	object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	memset(&error, 0, sizeof(error));
	return slo_fault_sample_parse(object, &sample, &label, &error);
}

static int done(void **state)
{
	(void)state;
	json_decref(object);
	object = NULL;
	return 0;
}

#define HEAD                                                                                 \
	"{\"incident_id\":\"i\",\"timestamp\":\"2026-02-20T00:00:00.5Z\",\"cluster\":\"c\"," \
	"\"service\":\"s\",\"burn_rate\":2.5,\"window_minutes\":5"

static void a_bare_incident_is_enough(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD "}"), 0);
	assert_string_equal(sample.incident_id, "i");
	assert_string_equal(sample.namespace_, "");
	assert_string_equal(sample.sli, "ttft_ms");
	assert_int_equal(sample.timestamp_ns, INT64_C(1771545600500000000));
	assert_int_equal(sample.window_minutes, 5);
	assert_true(sample.burn_rate == 2.5);
	assert_int_equal(sample.observation.present, 0);
	assert_false(sample.synthetic);
	assert_false(label.is_labelled);
	assert_int_equal(label.domains, SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN));
	assert_int_equal(slo_fault_label_set(&label), 0);
}

static void signals_and_span_evidence_are_read(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD ",\"signals\":{\"dns_latency_ms\":220,\"cpu_steal_pct\":0.5,"
	                            "\"throttled_ratio\":0.25},\"source\":\"procfs\"}"),
	                 0);
	assert_int_equal(sample.observation.present,
	                 SLO_EVID_BIT(SLO_SIG_DNS_LATENCY) | SLO_EVID_BIT(SLO_SIG_CPU_STEAL) |
	                         SLO_EVID_BIT(SLO_EVID_THROTTLED_RATIO));
	assert_true(sample.observation.value[SLO_SIG_DNS_LATENCY] == 220);
	assert_true(sample.observation.value[SLO_EVID_THROTTLED_RATIO] == 0.25);
	assert_string_equal(sample.source, "procfs");
}

/* In an earlier design a sample without signals was "predicted" from its own label. */
static void no_label_reaches_what_the_predictor_gets(void **state)
{
	struct slo_observation without;

	(void)state;
	assert_int_equal(parse(HEAD ",\"signals\":{\"dns_latency_ms\":220}}"), 0);
	without = sample.observation;
	assert_int_equal(
		parse(HEAD ",\"signals\":{\"dns_latency_ms\":220},\"fault_label\":\"dns_latency\","
	                   "\"expected_domain\":\"network_dns\",\"confidence\":0.9,"
	                   "\"expected_domains\":[\"network_dns\"]}"),
		0);
	assert_memory_equal(&without, &sample.observation, sizeof(without));
	assert_true(label.is_labelled);
}

static void labels_come_from_the_most_telling_field(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD ",\"fault_label\":\"dns_latency\"}"), 0);
	assert_int_equal(label.domain, SLO_DOMAIN_NETWORK_DNS);
	assert_int_equal(label.domains, SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS));
	assert_false(label.has_domain);
	assert_true(label.confidence == 1);
	assert_int_equal(
		parse(HEAD
	              ",\"fault_label\":\"dns_latency\",\"expected_domain\":\"cpu_throttle\"}"),
		0);
	assert_int_equal(label.domain, SLO_DOMAIN_CPU_THROTTLE);
	assert_int_equal(parse(HEAD
	                       ",\"fault_label\":\"multi\",\"expected_domains\":[\"network_dns\","
	                       "\"unknown\",\"cpu_throttle\"],\"confidence\":0.5}"),
	                 0);
	assert_int_equal(label.domain, SLO_DOMAIN_UNKNOWN);
	assert_int_equal(slo_fault_label_set(&label),
	                 SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS) |
	                         SLO_DOMAIN_BIT(SLO_DOMAIN_CPU_THROTTLE));
	assert_true(label.domains & SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN));
	assert_true(label.confidence == 0.5);
	/* An empty list says no more than none. */
	assert_int_equal(
		parse(HEAD ",\"expected_domain\":\"cpu_throttle\",\"expected_domains\":[]}"), 0);
	assert_int_equal(label.domains, SLO_DOMAIN_BIT(SLO_DOMAIN_CPU_THROTTLE));
}

static void sources_tell_what_is_coarse(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD ",\"signals\":{\"dns_latency_ms\":9,\"disk_io_latency_ms\":4},"
	                            "\"sources\":{\"dns_latency_ms\":\"cgroup_skb\","
	                            "\"disk_io_latency_ms\":\"procfs\"}}"),
	                 0);
	assert_int_equal(sample.observation.coarse, SLO_EVID_BIT(SLO_SIG_DISK_IO));
}

static void baselines_learnt_elsewhere_come_with_the_sample(void **state)
{
	(void)state;
	assert_int_equal(
		parse(HEAD
	              ",\"baselines\":{\"dns_latency_ms\":{\"n\":500,\"median\":4,\"spread\":0.25},"
	              "\"cpu_steal_pct\":{\"n\":7.5,\"median\":50,\"spread\":0}}}"),
		0);
	assert_true(sample.observation.learnt[SLO_SIG_DNS_LATENCY].n == 500);
	assert_true(sample.observation.learnt[SLO_SIG_DNS_LATENCY].median == log1p(4));
	assert_true(sample.observation.learnt[SLO_SIG_DNS_LATENCY].spread == 0.25);
	assert_true(fabs(sample.observation.learnt[SLO_SIG_CPU_STEAL].median) < 1e-12);
	assert_true(sample.observation.learnt[SLO_SIG_DISK_IO].n == 0);
	assert_int_equal(sample.observation.present, 0);
}

static void null_is_as_good_as_absent(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD
	                       ",\"signals\":null,\"fault_label\":null,\"expected_domain\":null,"
	                       "\"expected_domains\":null,\"confidence\":null,\"sli\":null,"
	                       "\"synthetic\":null,\"trace_id\":null}"),
	                 0);
	assert_false(label.is_labelled);
	assert_false(sample.synthetic);
	assert_true(label.confidence == 1);
	assert_string_equal(sample.sli, "ttft_ms");
	assert_string_equal(sample.trace_id, "");
	assert_int_equal(sample.observation.present, 0);
}

static void what_was_made_is_synthetic(void **state)
{
	(void)state;
	assert_int_equal(parse(HEAD ",\"synthetic\":true}"), 0);
	assert_true(sample.synthetic);
	assert_int_equal(parse(HEAD ",\"source\":\"synthetic\"}"), 0);
	assert_true(sample.synthetic);
	assert_int_equal(parse(HEAD ",\"synthetic\":false,\"scenario\":{\"any\":1}}"), 0);
	assert_false(sample.synthetic);
}

static void bad_fields_are_named_and_leave_the_outputs(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "{}", "\"incident_id\" is missing" },
		{ HEAD ",\"incident_id2\":1,\"signals\":[]}", "\"signals\" is not an object" },
		{ HEAD ",\"signals\":{\"dns_latency\":1}}", "\"dns_latency\" is neither" },
		{ HEAD ",\"signals\":{\"dns_latency_ms\":\"1\"}}",
		  "signals.dns_latency_ms\" is not a number" },
		{ HEAD ",\"signals\":{\"dns_latency_ms\":null}}", "is not a number" },
		{ HEAD ",\"signals\":{\"dns_latency_ms\":-1}}", "-1 is outside 0 to 1e+12" },
		{ HEAD ",\"signals\":{\"cpu_steal_pct\":101}}", "101 is outside 0 to 100" },
		{ HEAD ",\"signals\":{\"throttled_ratio\":1.5}}", "1.5 is outside 0 to 1" },
		{ HEAD ",\"baselines\":{\"dns\":{}}}", "\"dns\" is neither" },
		{ HEAD ",\"sources\":{\"dns\":\"procfs\"}}", "\"dns\" is neither" },
		{ HEAD ",\"sources\":{\"dns_latency_ms\":\"guess\"}}",
		  "sources.dns_latency_ms\" is not the source" },
		{ HEAD ",\"baselines\":{\"dns_latency_ms\":4}}",
		  "baselines.dns_latency_ms\" is not an object" },
		{ HEAD ",\"baselines\":{\"dns_latency_ms\":{\"n\":1,\"median\":4}}}",
		  "baselines.dns_latency_ms: required field \"spread\"" },
		{ HEAD ",\"baselines\":{\"dns_latency_ms\":{\"n\":-1,\"median\":4,\"spread\":1}}}",
		  "expected n >= 0, median 0 to 1e+12" },
		{ HEAD ",\"baselines\":{\"cpu_steal_pct\":{\"n\":1,\"median\":101,\"spread\":1}}}",
		  "median 0 to 100" },
		{ HEAD ",\"fault_label\":7}", "\"fault_label\" is not a string" },
		{ HEAD ",\"expected_domain\":\"dns\"}", "\"dns\" is not a fault domain" },
		{ HEAD ",\"expected_domains\":\"dns\"}", "\"expected_domains\" is not an array" },
		{ HEAD ",\"expected_domains\":[\"dns\"]}", "\"dns\" is not a fault domain" },
		{ HEAD ",\"expected_domains\":[1]}",
		  "\"expected_domains\" is not an array of strings" },
		{ HEAD ",\"confidence\":1.1}", "1.1 is outside 0 to 1" },
		{ HEAD ",\"synthetic\":\"yes\"}", "\"synthetic\" is not true or false" },
		{ "{\"incident_id\":\"\",\"timestamp\":\"2026-02-20T00:00:00Z\",\"cluster\":\"c\","
		  "\"service\":\"s\",\"burn_rate\":2,\"window_minutes\":5}",
		  "\"incident_id\" is empty" },
		{ "{\"incident_id\":\"i\",\"timestamp\":\"yesterday\",\"cluster\":\"c\","
		  "\"service\":\"s\",\"burn_rate\":2,\"window_minutes\":5}",
		  "field \"timestamp\"" },
		{ "{\"incident_id\":\"i\",\"timestamp\":\"2026-02-20T00:00:00Z\",\"cluster\":\"c\","
		  "\"service\":\"s\",\"burn_rate\":2,\"window_minutes\":0}",
		  "window_minutes" },
		{ "{\"incident_id\":\"i\",\"timestamp\":\"2026-02-20T00:00:00Z\",\"cluster\":\"c\","
		  "\"service\":\"s\",\"burn_rate\":-2,\"window_minutes\":5}",
		  "-2 is below 0" },
	};

	(void)state;
	assert_int_equal(parse(HEAD ",\"fault_label\":\"dns_latency\"}"), 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const int64_t time = sample.timestamp_ns;
		json_t *kept = json_incref(object);

		assert_int_equal(parse(rows[i].text), -EINVAL);
		if (!strstr(error.msg, rows[i].part))
			print_error("%s: %s\n", rows[i].text, error.msg);
		assert_non_null(strstr(error.msg, rows[i].part));
		assert_int_equal(sample.timestamp_ns, time);
		assert_int_equal(label.domain, SLO_DOMAIN_NETWORK_DNS);
		json_decref(kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_incident_is_enough),
		cmocka_unit_test(signals_and_span_evidence_are_read),
		cmocka_unit_test(no_label_reaches_what_the_predictor_gets),
		cmocka_unit_test(labels_come_from_the_most_telling_field),
		cmocka_unit_test(baselines_learnt_elsewhere_come_with_the_sample),
		cmocka_unit_test(sources_tell_what_is_coarse),
		cmocka_unit_test(null_is_as_good_as_absent),
		cmocka_unit_test(what_was_made_is_synthetic),
		cmocka_unit_test(bad_fields_are_named_and_leave_the_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
