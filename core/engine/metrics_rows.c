/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/metrics_rows.h"

/* clang-format off */
static const struct slo_metric_row rows[] = {
	[SLO_MET_UP]              = { { "llm_slo_agent_up", "1 while the agent runs", "1", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_HEARTBEAT]       = { { "llm_slo_agent_heartbeat", "Unix time of the last turn of the agent's loop", "s", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_BUILD_INFO]      = { { "llm_slo_agent_build_info", "Version of the agent", "1", SLO_METRIC_GAUGE }, { "version" } },
	[SLO_MET_CPU_OVERHEAD]    = { { "llm_slo_agent_cpu_overhead_pct", "What the agent and its BPF programs cost, percent of one core", "%", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_CAPABILITY_MODE] = { { "llm_slo_agent_capability_mode", "1 for what this kernel lets the agent do", "1", SLO_METRIC_GAUGE }, { "mode" } },
	[SLO_MET_SIGNAL_ENABLED]  = { { "llm_slo_agent_signal_enabled", "1 where the signal is measured now", "1", SLO_METRIC_GAUGE }, { "signal" } },
	[SLO_MET_DROPPED_EVENTS]  = { { "llm_slo_agent_dropped_events_total", "Events lost, by reason", "{event}", SLO_METRIC_COUNTER }, { "reason" } },
	[SLO_MET_NO_ROOM]         = { { "llm_slo_agent_unlabelled_updates_total", "Updates that found no room for a workload or a series of their own", "1", SLO_METRIC_COUNTER }, { NULL } },
	[SLO_MET_WORKLOADS]       = { { "llm_slo_agent_workloads", "Workloads with series of their own", "{workload}", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_CORRELATION]     = { { "llm_slo_correlation_total", "Spans matched with kernel signals, by certainty, and whether the span was enriched", "{span}", SLO_METRIC_COUNTER }, { "tier", "enriched" } },
	[SLO_MET_BURN_RATE]       = { { "llm_slo_burn_rate", "Speed at which the error budget is used, 1 is exactly up at its end", "1", SLO_METRIC_GAUGE }, { "slo", "service", "window", "namespace" } },
	[SLO_MET_BUDGET]          = { { "llm_slo_error_budget_remaining", "Error budget left in the longest window, 1 untouched, negative overspent", "1", SLO_METRIC_GAUGE }, { "slo", "service", "namespace" } },
	[SLO_MET_SLO_STATE]       = { { "llm_slo_state", "1 for the state of the objective", "1", SLO_METRIC_GAUGE }, { "slo", "service", "state", "namespace" } },
	[SLO_MET_SLO_REQUESTS]    = { { "llm_slo_objective_requests_total", "Requests that the objective counts", "{request}", SLO_METRIC_COUNTER }, { "slo", "service", "namespace" } },
	[SLO_MET_SLO_BAD]         = { { "llm_slo_objective_bad_total", "Requests of the objective that were beyond its threshold", "{request}", SLO_METRIC_COUNTER }, { "slo", "service", "namespace" } },
	[SLO_MET_INCIDENTS]       = { { "llm_slo_incidents_total", "Incidents opened, by predicted fault domain", "{incident}", SLO_METRIC_COUNTER }, { "slo", "service", "domain", "namespace" } },
	[SLO_MET_INCIDENTS_OPEN]  = { { "llm_slo_incidents_open", "Incidents open now, by predicted fault domain", "{incident}", SLO_METRIC_GAUGE }, { "slo", "service", "domain", "namespace" } },
	[SLO_MET_HTTP_REQUESTS]   = { { "llm_slo_agent_http_requests_total", "Requests to the agent's listeners, by outcome", "{request}", SLO_METRIC_COUNTER }, { "listener", "outcome" } },
	[SLO_MET_HTTP_CONNECTIONS] = { { "llm_slo_agent_http_connections", "Connections open now", "{connection}", SLO_METRIC_GAUGE }, { "listener" } },
	[SLO_MET_RECEIVED]        = { { "llm_slo_agent_received_records_total", "Records that the receiver took, by kind and outcome", "{record}", SLO_METRIC_COUNTER }, { "kind", "outcome" } },
	[SLO_MET_RETAINED]        = { { "llm_slo_agent_retained_records", "Records kept for correlation now", "{record}", SLO_METRIC_GAUGE }, { "kind" } },
	[SLO_MET_EXPORTED]        = { { "llm_slo_agent_export_records_total", "Records on their way out, by kind and outcome", "{record}", SLO_METRIC_COUNTER }, { "kind", "outcome" } },
	[SLO_MET_EXPORT_QUEUE]    = { { "llm_slo_agent_export_queue_bytes", "Bytes that wait for export", "By", SLO_METRIC_GAUGE }, { "kind" } },
	[SLO_MET_WEBHOOK_MESSAGES] = { { "llm_slo_agent_webhook_messages_total", "Notices, by outcome", "{message}", SLO_METRIC_COUNTER }, { "outcome" } },
	[SLO_MET_WEBHOOK_WAITING] = { { "llm_slo_agent_webhook_waiting", "Notices that wait for delivery", "{message}", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_WEBHOOK_DISABLED] = { { "llm_slo_agent_webhook_disabled", "1 where the receiver said it is gone for good, or failed so often that it is left alone", "1", SLO_METRIC_GAUGE }, { "reason" } },
	[SLO_MET_KUBERNETES_PODS] = { { "llm_slo_agent_kubernetes_pods", "Pods of this node known by name", "{pod}", SLO_METRIC_GAUGE }, { NULL } },
	[SLO_MET_KUBERNETES_EVENTS] = { { "llm_slo_agent_kubernetes_events_total", "What came from the Kubernetes API, by kind", "{event}", SLO_METRIC_COUNTER }, { "kind" } },
};

/* Bounds of gen_ai.server.time_to_first_token in ms, and 800 as that is the default objective. */
static const double ttft_bounds[] = { 1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 800, 1000, 2500, 5000, 7500, 10000 };
static const double tps_bounds[] = { 1, 2.5, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000 };

/* Help of signals is their own row's. */
#define LATENCY(sig, text) [SLO_SIG_##sig] = { { "llm_ebpf_" text, NULL, "ms", SLO_METRIC_HISTOGRAM }, NULL, 0 }
#define COUNTED(sig, text) [SLO_SIG_##sig] = { { "llm_ebpf_" text, NULL, "{event}", SLO_METRIC_COUNTER }, NULL, 0 }
#define LEVEL(sig, text, unit) [SLO_SIG_##sig] = { { "llm_ebpf_" text, NULL, unit, SLO_METRIC_GAUGE }, NULL, 0 }

static const struct slo_metric_family families[] = {
	LATENCY(DNS_LATENCY, "dns_latency_ms"),
	COUNTED(TCP_RETRANSMITS, "tcp_retransmits_total"),
	LATENCY(RUNQUEUE_DELAY, "runqueue_delay_ms"),
	LATENCY(CONNECT_LATENCY, "connect_latency_ms"),
	COUNTED(CONNECT_ERRORS, "connect_errors_total"),
	LATENCY(TLS_HANDSHAKE, "tls_handshake_ms"),
	COUNTED(TLS_FAIL, "tls_handshake_fail_total"),
	LEVEL(CPU_STEAL, "cpu_steal_pct", "%"),
	LEVEL(CFS_THROTTLED, "cfs_throttled_ms", "ms"),
	LATENCY(MEM_RECLAIM, "mem_reclaim_latency_ms"),
	LATENCY(DISK_IO, "disk_io_latency_ms"),
	LATENCY(SYSCALL, "syscall_latency_ms"),
	[SLO_FAMILY_TTFT] = { { "llm_slo_ttft_ms", "Time to first token of LLM requests", "ms", SLO_METRIC_HISTOGRAM }, ttft_bounds, SLO_ARRAY_SIZE(ttft_bounds) },
	[SLO_FAMILY_TPS] = { { "llm_slo_tokens_per_sec", "Output tokens a second of LLM requests", "{token}/s", SLO_METRIC_HISTOGRAM }, tps_bounds, SLO_ARRAY_SIZE(tps_bounds) },
};
/* clang-format on */
SLO_TABLE_COMPLETE(rows, SLO_MET_MAX_);
SLO_TABLE_COMPLETE(families, SLO_FAMILY_MAX_);

const struct slo_metric_row *slo_metric_row(enum slo_metric id)
{
	assert((unsigned int)id < SLO_MET_MAX_);
	return &rows[id];
}

void slo_metric_family(unsigned int family, struct slo_metric_family *ret)
{
	assert(family < SLO_FAMILY_MAX_);
	*ret = families[family];
	if (family < SLO_SIG_MAX_) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)family);

		ret->desc.help = d->help;
		ret->bounds = d->buckets;
		ret->bound_count = d->bucket_count;
	}
}
