/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/correlation.h"

#include <errno.h>
#include <string.h>

#define MS(n) ((n)*INT64_C(1000000))

/* clang-format off */
const struct slo_corr_tier_desc slo_corr_tiers_[] = {
	[SLO_TIER_TRACE]        = { "trace_id_exact", NULL, 1.00, INT64_MAX },
	[SLO_TIER_POD_PID]      = { "pod_pid_100ms", NULL, 0.90, MS(100) },
	[SLO_TIER_POD_CONN]     = { "pod_conn_250ms", NULL, 0.80, MS(250) },
	[SLO_TIER_SERVICE_NODE] = { "service_node_500ms", "svc_node_500ms", 0.65, MS(500) },
	[SLO_TIER_NONE]         = { "", NULL, 0, -1 },
};

static const char *const signal_attrs[] = {
	[SLO_SIG_DNS_LATENCY]     = "llm.ebpf.dns.latency_ms",
	[SLO_SIG_TCP_RETRANSMITS] = "llm.ebpf.tcp.retransmits",
	[SLO_SIG_RUNQUEUE_DELAY]  = "llm.ebpf.sched.runqueue_delay_ms",
	[SLO_SIG_CONNECT_LATENCY] = "llm.ebpf.net.connect_latency_ms",
	[SLO_SIG_CONNECT_ERRORS]  = "llm.ebpf.net.connect_errors_total",
	[SLO_SIG_TLS_HANDSHAKE]   = "llm.ebpf.tls.handshake_ms",
	[SLO_SIG_TLS_FAIL]        = "llm.ebpf.tls.handshake_fail_total",
	[SLO_SIG_CPU_STEAL]       = "llm.ebpf.cpu.steal_pct",
	[SLO_SIG_CFS_THROTTLED]   = "llm.ebpf.cpu.cfs_throttled_ms",
	[SLO_SIG_MEM_RECLAIM]     = "llm.ebpf.mm.reclaim_latency_ms",
	[SLO_SIG_DISK_IO]         = "llm.ebpf.blk.io_latency_ms",
	[SLO_SIG_SYSCALL]         = "llm.ebpf.syscall.latency_ms",
};

static const char *const span_attrs[] = {
	[SLO_ATTR_CONFIDENCE]            = "llm.ebpf.correlation_confidence",
	[SLO_ATTR_TIER]                  = "llm.ebpf.correlation_tier",
	[SLO_ATTR_RETRIEVAL_KERNEL_MS]   = "llm.ebpf.retrieval.kernel_attributed_ms",
	[SLO_ATTR_RETRY_STORM]           = "llm.ebpf.tcp.retry_storm",
	[SLO_ATTR_TTFT_MS]               = "llm.slo.ttft_ms",
	[SLO_ATTR_TOKENS_PER_SEC]        = "llm.slo.tokens_per_sec",
	[SLO_ATTR_RETRIEVAL_VECTORDB_MS] = "llm.slo.retrieval.vectordb_ms",
	[SLO_ATTR_RETRIEVAL_NETWORK_MS]  = "llm.slo.retrieval.network_ms",
	[SLO_ATTR_RETRIEVAL_DNS_MS]      = "llm.slo.retrieval.dns_ms",
};
/* clang-format on */
SLO_TABLE_COMPLETE(slo_corr_tiers_, SLO_TIER_MAX_ + 1);
SLO_TABLE_COMPLETE(signal_attrs, SLO_SIG_MAX_);
SLO_TABLE_COMPLETE(span_attrs, SLO_ATTR_MAX_);

int slo_corr_tier_from_name(const char *name, enum slo_corr_tier *ret_tier)
{
	for (size_t i = 0; i < SLO_TIER_MAX_; i++) {
		if (strcmp(slo_corr_tiers_[i].name, name) == 0 ||
		    (slo_corr_tiers_[i].alias && strcmp(slo_corr_tiers_[i].alias, name) == 0)) {
			*ret_tier = (enum slo_corr_tier)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *slo_signal_attr_name(enum slo_signal sig)
{
	assert((unsigned int)sig < SLO_SIG_MAX_);
	return signal_attrs[sig];
}

const char *slo_span_attr_name(enum slo_span_attr attr)
{
	assert((unsigned int)attr < SLO_ATTR_MAX_);
	return span_attrs[attr];
}
