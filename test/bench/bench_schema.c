/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the nanoseconds that validating one parsed record takes, by schema, and what parsing the same text takes beside it.
 * Nothing is judged here: machines differ.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/codec/schema_check.h"
#include "core/codec/schemas.h"

#define RECORDS 100000
#define ROUNDS 5

static const char probe_event[] =
	"{\"ts_unix_nano\":1772323200500000000,\"signal\":\"dns_latency_ms\",\"node\":\"gpu-node-eu-west-1a-07\","
	"\"namespace\":\"inference-prod\",\"pod\":\"llm-gateway-7d9c5b6f4-x2x7p\",\"container\":\"gateway\",\"pid\":41234,"
	"\"tid\":41267,\"conn_tuple\":{\"src_ip\":\"10.244.113.207\",\"dst_ip\":\"10.96.0.10\",\"src_port\":54321,\"dst_port\":53,"
	"\"protocol\":\"udp\"},\"value\":187.654321,\"unit\":\"ms\",\"status\":\"error\",\"source\":\"cgroup_skb\","
	"\"comm\":\"python3.11\",\"cgroup_id\":987654321,\"container_id\":\"4c01db0b339c8f0f5a5c2a1f9a7f1a64\","
	"\"pod_uid\":\"0a6d2f5e-6f0c-4d0a-9f43-0a8f7f3b9f11\",\"netns\":4026532567,\"sample_weight\":4,"
	"\"detail\":{\"rcode\":\"NXDOMAIN\",\"qtype\":\"AAAA\",\"retries\":1,\"hop\":\"client\"}}";

static const char slo_event[] =
	"{\"event_id\":\"req-0001-ttft_ms\",\"timestamp\":\"2026-03-01T00:00:00.123456789Z\",\"cluster\":\"prod\","
	"\"namespace\":\"default\",\"workload\":\"gateway\",\"service\":\"chat\",\"request_id\":\"req-0001\","
	"\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"sli_name\":\"ttft_ms\",\"sli_value\":980,\"unit\":\"ms\","
	"\"status\":\"warning\",\"labels\":{\"node\":\"node-1\",\"source\":\"gateway\"}}";

static const struct {
	const char *schema, *record;
} cases[] = {
	{ "probe-event.v1beta1", probe_event },
	{ "slo-event.v1", slo_event },
};

/* The best of ROUNDS: what the machine can do when left alone. */
static double validate_ns(const struct slo_schema_check *check, const json_t *record)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = slo_clock_monotonic_ns();
		double ns;

		for (int i = 0; i < RECORDS; i++) {
			if (slo_schema_check_run(check, record, NULL) < 0)
				return -1;
		}
		ns = (double)(slo_clock_monotonic_ns() - begin) / RECORDS;
		if (round == 0 || ns < best)
			best = ns;
	}
	return best;
}

static double parse_ns(const char *text)
{
	uint64_t begin = slo_clock_monotonic_ns();

	for (int i = 0; i < RECORDS; i++)
		json_decref(json_loads(text, 0, NULL));
	return (double)(slo_clock_monotonic_ns() - begin) / RECORDS;
}

int main(void)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		struct slo_schema_check *check slo_schema_check_auto = NULL;
		const char *text = slo_schema_get(cases[i].schema);
		json_t *record = json_loads(cases[i].record, 0, NULL);
		struct slo_err err = { 0 };
		double ns;

		if (!record || !text ||
		    slo_schema_check_compile_text(&check, text, strlen(text), &err) < 0) {
			fprintf(stderr, "%s: %s\n", cases[i].schema, err.msg);
			return 1;
		}
		ns = validate_ns(check, record);
		json_decref(record);
		if (ns < 0) {
			fprintf(stderr, "%s: the record is not valid\n", cases[i].schema);
			return 1;
		}
		printf("%-24s %8.1f ns/record %6zu bytes, parsing %8.1f ns\n", cases[i].schema, ns,
		       strlen(cases[i].record), parse_ns(cases[i].record));
	}
	return 0;
}
