/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the nanoseconds that one record costs the writer, by kind. Nothing is judged here:
 * machines differ.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/codec/event_json.h"

#define RECORDS 400000
#define ROUNDS 5

static const struct slo_event_names names = {
	.node = "gpu-node-eu-west-1a-07",
	.namespace_ = "inference-prod",
	.pod = "llm-gateway-7d9c5b6f4-x2x7p",
	.container = "gateway",
	.container_id = "4c01db0b339c8f0f5a5c2a1f9a7f1a64c3b0a4b7a3a6e1d3f6f0a5b4c3d2e1f0",
	.pod_uid = "0a6d2f5e-6f0c-4d0a-9f43-0a8f7f3b9f11",
};

static struct slo_probe_event dns_sample(void)
{
	struct slo_probe_event ev = {
		.signal = SLO_SIG_DNS_LATENCY,
		.kind = SLO_EV_SAMPLE,
		.source = SLO_SRC_CGROUP_SKB,
		.start_ns = UINT64_C(123456789012345),
		.realtime_offset_ns = UINT64_C(1760000000000000000),
		.value_ns = 187654321,
		.tgid = 41234,
		.tid = 41267,
		.cgroup_id = 987654321,
		.netns = 4026532567,
		.sample_weight = 4,
		.tuple = { .family = 4,
		           .proto = 17,
		           .sport = 54321,
		           .dport = 53,
		           .saddr = { 10, 244, 113, 207 },
		           .daddr = { 10, 96, 0, 10 } },
		.comm = "python3.11",
	};

	ev.detail.dns.server_ns = 87654321;
	ev.detail.dns.qtype = 28;
	ev.detail.dns.rcode = 3;
	ev.detail.dns.retries = 1;
	ev.detail.dns.truncated = true;
	(void)snprintf(ev.detail.dns.qname, sizeof(ev.detail.dns.qname),
	               "vector-store.retrieval.svc.cluster.local.");
	return ev;
}

static struct slo_probe_event runqueue_hist(void)
{
	struct slo_probe_event ev = {
		.signal = SLO_SIG_RUNQUEUE_DELAY,
		.kind = SLO_EV_HIST,
		.source = SLO_SRC_TP_BTF,
		.start_ns = UINT64_C(123456789012345),
		.realtime_offset_ns = UINT64_C(1760000000000000000),
		.interval_ns = UINT64_C(1000012345),
		.tgid = 41234,
		.cgroup_id = 987654321,
		.comm = "python3.11",
	};

	for (uint64_t i = 0; i < 5000; i++)
		slo_hist_add(&ev.hist, i * i * 37);
	ev.count = ev.hist.count;
	return ev;
}

static void bench(const char *what, const struct slo_probe_event *ev, bool v1alpha1)
{
	const struct slo_event_json_options opt = { .v1alpha1 = v1alpha1, .names = true };
	char line[SLO_EVENT_JSON_MAX];
	uint64_t best = UINT64_MAX;
	ssize_t len = 0;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = slo_clock_monotonic_ns();
		uint64_t took;

		for (int i = 0; i < RECORDS; i++) {
			len = slo_event_json_write(line, sizeof(line), ev, SLO_STATUS_ERROR, &names,
			                           &opt);
		}
		took = slo_clock_monotonic_ns() - begin;
		best = took < best ? took : best;
	}
	printf("%-24s %6.1f ns/record %5zd bytes\n", what, (double)best / RECORDS, len);
}

int main(void)
{
	struct slo_probe_event dns = dns_sample();
	struct slo_probe_event dns6 = dns;
	struct slo_probe_event hist = runqueue_hist();

	dns6.tuple.family = 6;
	memset(dns6.tuple.saddr, 0x2a, sizeof(dns6.tuple.saddr));
	dns6.tuple.daddr[15] = 1;
	bench("dns sample", &dns, false);
	bench("dns sample, IPv6", &dns6, false);
	bench("dns sample, v1alpha1", &dns, true);
	bench("run queue histogram", &hist, false);
	return 0;
}
