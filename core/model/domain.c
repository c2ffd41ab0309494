/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/domain.h"

#include <errno.h>
#include <string.h>

static const struct slo_domain_desc domains[] = {
	[SLO_DOMAIN_NETWORK_DNS] = {
		.name = "network_dns",
		.help = "Names resolve slowly or not at all",
		.steps = { "ask the resolver directly (dig +tries=1): steps of 5 s are lost queries",
			   "look at its rcodes, and at retries per name: search domains multiply queries",
			   "CPU quota, restarts and conntrack of the cluster's DNS pods" },
	},
	[SLO_DOMAIN_NETWORK_EGRESS] = {
		.name = "network_egress",
		.help = "Packets are lost or refused on the way out",
		.steps = { "which remotes: one bad remote is its path or the peer, all of them the node or the NAT",
			   "connects of 1, 3, 7 s are lost SYNs: network policy, conntrack, SNAT ports",
			   "drops of the interface and its queues (ip -s link, tc -s qdisc)" },
	},
	[SLO_DOMAIN_CPU_THROTTLE] = {
		.name = "cpu_throttle",
		.help = "The engine's threads wait for a CPU",
		.steps = { "quota: nr_throttled of the pod's cpu.stat; raise or drop the limit",
			   "contention: run-queue delay with an idle quota; who else runs on this node",
			   "steal: the hypervisor gave the CPU away; move the node or change its class" },
	},
	[SLO_DOMAIN_MEMORY_PRESSURE] = {
		.name = "memory_pressure",
		.help = "Memory is reclaimed while requests wait",
		.steps = { "memory.events and memory.pressure of the pod: its own limit or the node's memory",
			   "major faults: mmap'd weights evicted from the page cache look like disk reads",
			   "what grew: the KV cache, batch size, a neighbour" },
	},
	[SLO_DOMAIN_PROVIDER_THROTTLE] = {
		.name = "provider_throttle",
		.help = "The model provider limits our rate",
		.steps = { "429 and 529 replies, Retry-After, rate-limit headers left at 0",
			   "back-off gaps between a short reply and the next request: the SDK waits",
			   "tokens per minute against the quota; spread the load or raise the quota" },
	},
	[SLO_DOMAIN_PROVIDER_ERROR] = {
		.name = "provider_error",
		.help = "The model provider fails",
		.steps = { "5xx replies and streams ended by an error event, by model and region",
			   "the provider's status page; fail over to another region or model",
			   "resets after the request was sent: a load balancer of theirs" },
	},
	[SLO_DOMAIN_RETRIEVAL_BACKEND] = {
		.name = "retrieval_backend",
		.help = "The vector database or another retrieval store is slow",
		.steps = { "time of retrieval spans against the whole request",
			   "server think time on the store's connections; its disk and its index",
			   "larger k, an unindexed filter, a compaction or a rebuild that is running" },
	},
	[SLO_DOMAIN_UNKNOWN] = {
		.name = "unknown",
		.help = "None of the faults known here",
		.steps = { "the engine itself: queue time, batch size, longer prompts, a new model",
			   "401, 403 and billing errors are the client's own configuration",
			   "see unobservable_domains: what was not measured cannot be named" },
	},
};
SLO_TABLE_COMPLETE(domains, SLO_DOMAIN_MAX_);

/* Labels of fault scenarios. Any other is unknown, a domain's name too where no scenario has it. */
static const struct {
	const char *label;
	enum slo_domain domain;
} labels[] = {
	{ "dns_latency", SLO_DOMAIN_NETWORK_DNS },
	{ "egress_drop", SLO_DOMAIN_NETWORK_EGRESS },
	{ "network_partition", SLO_DOMAIN_NETWORK_EGRESS },
	{ "cpu_throttle", SLO_DOMAIN_CPU_THROTTLE },
	{ "memory_pressure", SLO_DOMAIN_MEMORY_PRESSURE },
	{ "provider_throttle", SLO_DOMAIN_PROVIDER_THROTTLE },
	{ "provider_error", SLO_DOMAIN_PROVIDER_ERROR },
	{ "retrieval_slowdown", SLO_DOMAIN_RETRIEVAL_BACKEND },
};

const struct slo_domain_desc *slo_domain_desc(enum slo_domain domain)
{
	assert((unsigned int)domain < SLO_DOMAIN_MAX_);
	return &domains[domain];
}

const char *slo_domain_name(enum slo_domain domain)
{
	return slo_domain_desc(domain)->name;
}

int slo_domain_from_name(const char *name, enum slo_domain *ret_domain)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(domains); i++) {
		if (strcmp(domains[i].name, name) == 0) {
			*ret_domain = (enum slo_domain)i;
			return 0;
		}
	}
	return -ENOENT;
}

enum slo_domain slo_domain_of_label(const char *fault_label)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(labels); i++) {
		if (strcmp(labels[i].label, fault_label) == 0)
			return labels[i].domain;
	}
	return SLO_DOMAIN_UNKNOWN;
}
