/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/scenario.h"

#include <math.h>
#include <string.h>

#define SPREAD 0.15 /* sd of the logarithm of a made-up value */

#define S(sig) [SLO_SIG_##sig]

/* clang-format off */
static const struct slo_scenario_fault faults[] = {
	{ .label = "", .domain = SLO_DOMAIN_UNKNOWN,
	  .ttft_ms = 280, .request_latency_ms = 560, .tokens_per_sec = 60, .error_rate = 0.002, .burn_rate = 0.2,
	  .signal = { S(DNS_LATENCY) = 6, S(RUNQUEUE_DELAY) = 1, S(CONNECT_LATENCY) = 12 } },
	{ .label = "dns_latency", .domain = SLO_DOMAIN_NETWORK_DNS,
	  .ttft_ms = 820, .request_latency_ms = 1600, .tokens_per_sec = 18, .error_rate = 0.03, .burn_rate = 2.1,
	  .signal = { S(DNS_LATENCY) = 210, S(CONNECT_LATENCY) = 130 } },
	{ .label = "egress_drop", .domain = SLO_DOMAIN_NETWORK_EGRESS,
	  .ttft_ms = 1100, .request_latency_ms = 3000, .tokens_per_sec = 6, .error_rate = 0.15, .burn_rate = 3.2,
	  .signal = { S(TCP_RETRANSMITS) = 9, S(CONNECT_LATENCY) = 240 } },
	{ .label = "network_partition", .domain = SLO_DOMAIN_NETWORK_EGRESS,
	  .ttft_ms = 1200, .request_latency_ms = 3500, .tokens_per_sec = 3, .error_rate = 0.25, .burn_rate = 3.8,
	  .signal = { S(TCP_RETRANSMITS) = 14, S(CONNECT_LATENCY) = 320, S(CONNECT_ERRORS) = 5 } },
	{ .label = "cpu_throttle", .domain = SLO_DOMAIN_CPU_THROTTLE,
	  .ttft_ms = 700, .request_latency_ms = 1350, .tokens_per_sec = 11, .error_rate = 0.05, .burn_rate = 2.8,
	  .signal = { S(RUNQUEUE_DELAY) = 30, S(CPU_STEAL) = 9, S(CFS_THROTTLED) = 170 } },
	{ .label = "memory_pressure", .domain = SLO_DOMAIN_MEMORY_PRESSURE,
	  .ttft_ms = 650, .request_latency_ms = 1250, .tokens_per_sec = 13, .error_rate = 0.04, .burn_rate = 2.1,
	  .signal = { S(MEM_RECLAIM) = 26, S(DISK_IO) = 60 } },
	{ .label = "provider_throttle", .domain = SLO_DOMAIN_PROVIDER_THROTTLE,
	  .ttft_ms = 980, .request_latency_ms = 2100, .tokens_per_sec = 7, .error_rate = 0.14, .burn_rate = 2.4,
	  .signal = { S(SYSCALL) = 190, S(TLS_HANDSHAKE) = 140 } },
	{ .label = "provider_error", .domain = SLO_DOMAIN_PROVIDER_ERROR,
	  .ttft_ms = 760, .request_latency_ms = 1500, .tokens_per_sec = 14, .error_rate = 0.4, .burn_rate = 4,
	  .signal = { S(CONNECT_ERRORS) = 6, S(TLS_FAIL) = 3 } },
	{ .label = "retrieval_slowdown", .domain = SLO_DOMAIN_RETRIEVAL_BACKEND,
	  .ttft_ms = 1300, .request_latency_ms = 2000, .tokens_per_sec = 22, .error_rate = 0.01, .burn_rate = 1.9,
	  .signal = { S(SYSCALL) = 90, S(DISK_IO) = 25 } },
};

#define BIT(i) (1U << (i))
static const struct slo_scenario scenarios[] = {
	{ "healthy", "no fault", BIT(0), false },
	{ "dns_latency", "names resolve slowly", BIT(1), false },
	{ "egress_drop", "packets are lost on the way out", BIT(2), false },
	{ "network_partition", "the way out is cut", BIT(3), false },
	{ "cpu_throttle", "the engine waits for a CPU", BIT(4), false },
	{ "memory_pressure", "memory is reclaimed", BIT(5), false },
	{ "provider_throttle", "the provider limits the rate", BIT(6), false },
	{ "provider_error", "the provider fails", BIT(7), false },
	{ "retrieval_slowdown", "the vector database is slow", BIT(8), false },
	{ "mixed", "one fault after the other", BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6), false },
	{ "mixed_multi", "one to three faults at once", BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6), true },
};
/* clang-format on */

const struct slo_scenario_fault *slo_scenario_fault_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(faults) ? &faults[i] : NULL;
}

const struct slo_scenario *slo_scenario_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(scenarios) ? &scenarios[i] : NULL;
}

const struct slo_scenario *slo_scenario_find(const char *name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(scenarios); i++) {
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	}
	return NULL;
}

/* A log-normal value about @median (Box and Muller). Rounded: no libm then shows in the last digits. */
static double about(double median, struct slo_random *random)
{
	double u = 1 - slo_random_unit(random);
	double v = slo_random_unit(random);
	double normal = sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);

	return round(median * exp(SPREAD * normal) * 1000) / 1000;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/* The worse of what there is and what @fault does. */
static void add_fault(struct slo_scenario_record *r, const struct slo_scenario_fault *fault,
                      struct slo_random *random)
{
	bool first = r->ttft_ms == 0;

	r->ttft_ms = larger(r->ttft_ms, about(fault->ttft_ms, random));
	r->request_latency_ms =
		larger(r->request_latency_ms, about(fault->request_latency_ms, random));
	r->error_rate = larger(r->error_rate, fmin(1, about(fault->error_rate, random)));
	r->burn_rate = larger(r->burn_rate, about(fault->burn_rate, random));
	r->tokens_per_sec = first ? about(fault->tokens_per_sec, random)
	                          : fmin(r->tokens_per_sec, about(fault->tokens_per_sec, random));
	if (fault->domain != SLO_DOMAIN_UNKNOWN)
		r->domains |= SLO_DOMAIN_BIT(fault->domain);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		if (fault->signal[i] == 0)
			continue;
		r->signals |= (uint32_t)SLO_SIG_BIT(i);
		r->signal[i] = larger(r->signal[i], about(fault->signal[i], random));
	}
}

/* Index of the @n-th fault of @scenario. */
static size_t nth_fault(const struct slo_scenario *scenario, uint32_t n)
{
	size_t i = 0;

	for (;; i++) {
		if (scenario->faults & BIT(i)) {
			if (n-- == 0)
				return i;
		}
	}
}

void slo_scenario_next(const struct slo_scenario *scenario, uint64_t i, struct slo_random *random,
                       struct slo_scenario_record *ret)
{
	uint32_t count = (uint32_t)__builtin_popcount(scenario->faults), chosen = 0, wanted = 1;
	const struct slo_scenario_fault *fault = NULL;
	struct slo_scenario_record r = { 0 };

	if (scenario->at_once)
		wanted += slo_random_below(random, SLO_SCENARIO_FAULTS_MAX);
	for (uint32_t n = 0; n < wanted; n++) {
		size_t at = nth_fault(scenario, scenario->at_once ? slo_random_below(random, count)
		                                                  : (uint32_t)(i % count));

		if (chosen & BIT(at))
			continue;
		chosen |= BIT(at);
		fault = &faults[at];
		add_fault(&r, fault, random);
	}
	/* A calm background, so that a fault has something to stand out from. */
	for (unsigned int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (faults[0].signal[sig] > 0 && !(r.signals & (uint32_t)SLO_SIG_BIT(sig))) {
			r.signals |= (uint32_t)SLO_SIG_BIT(sig);
			r.signal[sig] = about(faults[0].signal[sig], random);
		}
	}
	assert(fault);
	r.label = chosen & (chosen - 1) ? "mixed" : fault->label;
	r.confidence = chosen & (chosen - 1) ? 0.8 : 0.9;
	*ret = r;
}
