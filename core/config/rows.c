/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/config/nearest.h"
#include "core/config/value.h"

static const char *const backends[] = {
	[SLO_CONFIG_BACKEND_AUTO] = "auto",         [SLO_CONFIG_BACKEND_LIBBPF] = "libbpf",
	[SLO_CONFIG_BACKEND_PROCFS] = "procfs",     [SLO_CONFIG_BACKEND_REPLAY] = "replay",
	[SLO_CONFIG_BACKEND_NULL] = "null",         [SLO_CONFIG_BACKEND_BCC] = "bcc",
	[SLO_CONFIG_BACKEND_BTF_FREE] = "btf_free", [SLO_CONFIG_BACKEND_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(backends, SLO_CONFIG_BACKEND_MAX_ + 1);

static const char *const emits[] = {
	[SLO_CONFIG_EMIT_THRESHOLD] = "threshold",
	[SLO_CONFIG_EMIT_ALL] = "all",
	[SLO_CONFIG_EMIT_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(emits, SLO_CONFIG_EMIT_MAX_ + 1);

static const char *const outputs[] = {
	[SLO_CONFIG_OUTPUT_AUTO] = "auto",   [SLO_CONFIG_OUTPUT_TABLE] = "table",
	[SLO_CONFIG_OUTPUT_JSONL] = "jsonl", [SLO_CONFIG_OUTPUT_STDOUT] = "stdout",
	[SLO_CONFIG_OUTPUT_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(outputs, SLO_CONFIG_OUTPUT_MAX_ + 1);

static const char *const schemas[] = {
	[SLO_CONFIG_SCHEMA_V1BETA1] = "v1beta1",
	[SLO_CONFIG_SCHEMA_V1ALPHA1] = "v1alpha1",
	[SLO_CONFIG_SCHEMA_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(schemas, SLO_CONFIG_SCHEMA_MAX_ + 1);

static const char *const log_levels[] = {
	[SLO_LOG_ERR] = "err",     [SLO_LOG_WARN] = "warn",     [SLO_LOG_INFO] = "info",
	[SLO_LOG_DEBUG] = "debug", [SLO_LOG_LEVEL_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(log_levels, SLO_LOG_LEVEL_MAX_ + 1);

static const char *const webhook_formats[] = {
	[SLO_CONFIG_WEBHOOK_GENERIC] = "generic",
	[SLO_CONFIG_WEBHOOK_PAGERDUTY] = "pagerduty",
	[SLO_CONFIG_WEBHOOK_OPSGENIE] = "opsgenie",
	[SLO_CONFIG_WEBHOOK_JSM] = "jsm",
	[SLO_CONFIG_WEBHOOK_ALERTMANAGER] = "alertmanager",
	[SLO_CONFIG_WEBHOOK_SLACK] = "slack",
	[SLO_CONFIG_WEBHOOK_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(webhook_formats, SLO_CONFIG_WEBHOOK_MAX_ + 1);

static const char *const slis[] = {
	[SLO_CONFIG_SLI_TTFT_MS] = "ttft_ms",
	[SLO_CONFIG_SLI_REQUEST_LATENCY_MS] = "request_latency_ms",
	[SLO_CONFIG_SLI_TOKEN_THROUGHPUT_TPS] = "token_throughput_tps",
	[SLO_CONFIG_SLI_ERROR_RATE] = "error_rate",
	[SLO_CONFIG_SLI_RETRIEVAL_LATENCY_MS] = "retrieval_latency_ms",
	[SLO_CONFIG_SLI_PROVIDER_ERROR_RATE] = "provider_error_rate",
	[SLO_CONFIG_SLI_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(slis, SLO_CONFIG_SLI_MAX_ + 1);

static const char *const kubernetes_kinds[] = {
	[SLO_CONFIG_KUBERNETES_AUTO] = "auto",       [SLO_CONFIG_KUBERNETES_API] = "api",
	[SLO_CONFIG_KUBERNETES_KUBELET] = "kubelet", [SLO_CONFIG_KUBERNETES_OFF] = "off",
	[SLO_CONFIG_KUBERNETES_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(kubernetes_kinds, SLO_CONFIG_KUBERNETES_MAX_ + 1);

static const char *const incident_schemas[] = {
	[SLO_CONFIG_INCIDENT_V1BETA1] = "v1beta1",
	[SLO_CONFIG_INCIDENT_V1] = "v1",
	[SLO_CONFIG_INCIDENT_MAX_] = NULL,
};
SLO_TABLE_COMPLETE(incident_schemas, SLO_CONFIG_INCIDENT_MAX_ + 1);

#define TEXT_MAX (SLO_CONFIG_TEXT_LEN - 1)
#define ITEM_MAX (SLO_CONFIG_ITEM_LEN - 1)
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
#define UID_CHARS "0123456789abcdefABCDEF-"
#define AT(field) offsetof(struct slo_config, field)
#define AT_SLO(field) offsetof(struct slo_config_slo, field)
#define LIVE SLO_CONFIG_F_LIVE
#define ALPHA SLO_CONFIG_F_ALPHA
#define SECRET SLO_CONFIG_F_SECRET
#define REQUIRED SLO_CONFIG_F_REQUIRED
#define OPEN SLO_CONFIG_F_OPEN

/* Key, help and default of these rows follow from the signal table: see slo_config_row_default(). */
#define THRESHOLD(name, sig)                                                                       \
	{                                                                                          \
		"thresholds", name, SLO_CONFIG_NUMBER, AT(thresholds) + sizeof(double) * (sig), 0, \
			1e9, NULL, NULL, "", LIVE, NULL, NULL                                      \
	}

/* clang-format off */
static const struct slo_config_row rows[] = {
	{ "agent", "signal_set", SLO_CONFIG_SIGNALS, AT(agent.signal_set), 1, SLO_SIG_MAX_, "all", NULL,
	  "Signals to measure: names, or all", ALPHA, NULL, "signal_set" },
	{ "agent", "backend", SLO_CONFIG_ENUM, AT(agent.backend), 0, 0, "auto", backends,
	  "What measures; auto takes the best that works here", 0, NULL, NULL },
	{ "agent", "btf", SLO_CONFIG_STRING, AT(agent.btf), 0, TEXT_MAX, "", NULL,
	  "External BTF file for kernels without their own; empty: the kernel's", 0, NULL, NULL },
	{ "agent", "emit", SLO_CONFIG_ENUM, AT(agent.emit), 0, 0, "threshold", emits,
	  "Single events: at or above the threshold and errors, or all", LIVE, NULL, NULL },
	{ "agent", "interval_ms", SLO_CONFIG_DURATION, AT(agent.interval_ms), 200, 10000, "1000", NULL,
	  "Length of the interval that aggregates cover", 0, NULL, NULL },
	{ "agent", "instance", SLO_CONFIG_STRING, AT(agent.instance), 1, 32, "default", NULL,
	  "Name of this agent among several on one host", 0, NAME_CHARS, NULL },
	{ "agent", "node", SLO_CONFIG_STRING, AT(agent.node), 0, 253, "", NULL,
	  "Node in records; empty: the host's name", 0, NAME_CHARS, NULL },
	{ "agent", "cluster", SLO_CONFIG_STRING, AT(agent.cluster), 0, 253, "", NULL,
	  "Cluster in records", 0, NULL, NULL },
	{ "agent", "log_level", SLO_CONFIG_ENUM, AT(agent.log_level), 0, 0, "info", log_levels,
	  "Least severe message that is logged", LIVE, NULL, NULL },
	{ "agent", "host_root", SLO_CONFIG_STRING, AT(agent.host_root), 1, TEXT_MAX, "/", NULL,
	  "Where the host's root is mounted, in a container", 0, NULL, NULL },
	{ "agent", "state_dir", SLO_CONFIG_STRING, AT(agent.state_dir), 0, TEXT_MAX, SLO_CONFIG_STATE_DIR, NULL,
	  "Folder for what survives a restart: requests counted, baselines, open incidents, queues; empty: nothing", 0, NULL, NULL },
	{ "agent", "control", SLO_CONFIG_STRING, AT(agent.control), 0, 107, "/run/llm-slo/agent.sock", NULL,
	  "Local socket for sloctl top, incidents, explain; empty: none", 0, NULL, NULL },
	{ "agent", "trace_map", SLO_CONFIG_STRING, AT(agent.trace_map), 0, 255, SLO_CONFIG_TRACE_MAP, NULL,
	  "Map pinned by OpenTelemetry's eBPF instrumentation, for trace ids in records; empty: not asked", 0, NULL, NULL },
	{ "agent", "thread_context", SLO_CONFIG_BOOL, AT(agent.thread_context), 0, 0, "off", NULL,
	  "Trace ids that threads publish in their memory (OTEP 4947); keeps CAP_SYS_PTRACE to find them", 0, NULL, NULL },
	{ "agent", "evaluation_ms", SLO_CONFIG_DURATION, AT(agent.evaluation_ms), 500, 60000, "10s", NULL,
	  "Time from one evaluation of the objectives to the next", 0, NULL, NULL },

	{ "output", "kind", SLO_CONFIG_ENUM, AT(output.kind), 0, 0, "auto", outputs,
	  "auto: table on a terminal, else jsonl; stdout: jsonl, never to a file", 0, NULL, NULL },
	{ "output", "path", SLO_CONFIG_STRING, AT(output.path), 0, TEXT_MAX, "", NULL,
	  "File for jsonl; empty: standard output", LIVE, NULL, NULL },
	{ "output", "rotate_bytes", SLO_CONFIG_SIZE, AT(output.rotate_bytes), 0, 1099511627776.0, "64MiB", NULL,
	  "Rotate the file at this size; 0: never", LIVE, NULL, NULL },
	{ "output", "rotate_keep", SLO_CONFIG_UINT, AT(output.rotate_keep), 0, 100, "3", NULL,
	  "Rotated files that are kept", LIVE, NULL, NULL },
	{ "output", "schema", SLO_CONFIG_ENUM, AT(output.schema), 0, 0, "v1beta1", schemas,
	  "Record format; v1alpha1 leaves the additions out", LIVE, NULL, NULL },

	{ "privacy", "names", SLO_CONFIG_BOOL, AT(privacy.names), 0, 0, "on", NULL,
	  "DNS names and TLS server names in records", LIVE, NULL, NULL },

	{ "targets", "cgroup", SLO_CONFIG_LIST, AT(targets.cgroup), 1, ITEM_MAX, "", NULL,
	  "Only these cgroups (paths below the cgroup mount) and their children", LIVE, NULL, NULL },
	{ "targets", "pid", SLO_CONFIG_PIDS, AT(targets.pid), 1, 4194304, "", NULL,
	  "Only these processes (pids of the host)", LIVE, NULL, NULL },
	{ "targets", "comm", SLO_CONFIG_LIST, AT(targets.comm), 1, 15, "", NULL,
	  "Only processes of these names (the kernel keeps 15 bytes)", LIVE, NULL, NULL },
	{ "targets", "pod_uid", SLO_CONFIG_LIST, AT(targets.pod_uid), 32, 36, "", NULL,
	  "Only these Kubernetes pods", LIVE, UID_CHARS, NULL },

	THRESHOLD("dns_latency_ms", SLO_SIG_DNS_LATENCY),
	THRESHOLD("tcp_retransmits_total", SLO_SIG_TCP_RETRANSMITS),
	THRESHOLD("runqueue_delay_ms", SLO_SIG_RUNQUEUE_DELAY),
	THRESHOLD("connect_latency_ms", SLO_SIG_CONNECT_LATENCY),
	THRESHOLD("connect_errors_total", SLO_SIG_CONNECT_ERRORS),
	THRESHOLD("tls_handshake_ms", SLO_SIG_TLS_HANDSHAKE),
	THRESHOLD("tls_handshake_fail_total", SLO_SIG_TLS_FAIL),
	THRESHOLD("cpu_steal_pct", SLO_SIG_CPU_STEAL),
	THRESHOLD("cfs_throttled_ms", SLO_SIG_CFS_THROTTLED),
	THRESHOLD("mem_reclaim_latency_ms", SLO_SIG_MEM_RECLAIM),
	THRESHOLD("disk_io_latency_ms", SLO_SIG_DISK_IO),
	THRESHOLD("syscall_latency_ms", SLO_SIG_SYSCALL),

	{ "bcc", "helper", SLO_CONFIG_STRING, AT(bcc.helper), 0, TEXT_MAX, "", NULL,
	  "Path of llm-slo-bcc; empty: beside the agent, or where packages put it", 0, NULL, NULL },
	{ "bcc", "kernel_headers", SLO_CONFIG_STRING, AT(bcc.kernel_headers), 0, TEXT_MAX, "", NULL,
	  "Folder of the running kernel's headers; empty: looked for where packages put them", 0, NULL, NULL },

	{ "btf", "search", SLO_CONFIG_LIST, AT(btf.search), 1, ITEM_MAX, "", NULL,
	  "Folders with external BTF: RELEASE.btf, MACHINE/RELEASE.btf or vmlinux-RELEASE", 0, NULL, NULL },

	{ "sampling", "events_per_second_limit", SLO_CONFIG_UINT, AT(sampling.events_per_second_limit), 1, 10000000,
	  "10000", NULL, "Single events a second; more are counted, not sent", ALPHA | LIVE, NULL, NULL },
	{ "sampling", "burst_limit", SLO_CONFIG_UINT, AT(sampling.burst_limit), 1, 10000000, "20000", NULL,
	  "Single events at once", ALPHA | LIVE, NULL, NULL },

	{ "safety", "max_overhead_pct", SLO_CONFIG_NUMBER, AT(safety.max_overhead_pct), 0, 100, "3", NULL,
	  "Cost of agent and probes, percent of a core, above which signals are shed; 0: never", ALPHA | LIVE, NULL, NULL },

	{ "correlation", "window_ms", SLO_CONFIG_DURATION, AT(correlation.window_ms), 1, 3600000, "2000", NULL,
	  "Span and event further apart than this never match", ALPHA, NULL, NULL },

	{ "receiver", "listen", SLO_CONFIG_STRING, AT(receiver.listen), 0, 300, "127.0.0.1:4318", NULL,
	  "Address on which spans are received (OTLP/HTTP); empty: none", 0, NULL, NULL },
	{ "receiver", "token_file", SLO_CONFIG_STRING, AT(receiver.token_file), 0, TEXT_MAX, "", NULL,
	  "File with the bearer token that senders must give; empty: none asked", 0, NULL, NULL },
	{ "receiver", "max_body_bytes", SLO_CONFIG_SIZE, AT(receiver.max_body_bytes), 1024, 67108864, "16MiB", NULL,
	  "Largest request, as sent and unpacked", 0, NULL, NULL },
	{ "receiver", "lag_ms", SLO_CONFIG_DURATION, AT(receiver.lag_ms), 0, 5000, "300", NULL,
	  "Spans wait so long for the signals that belong to them", 0, NULL, NULL },
	{ "receiver", "retain_spans", SLO_CONFIG_UINT, AT(receiver.retain_spans), 1024, 1048576, "16384", NULL,
	  "Spans kept to decide whose a signal is", 0, NULL, NULL },
	{ "receiver", "retain_signals", SLO_CONFIG_UINT, AT(receiver.retain_signals), 1024, 4194304, "16384", NULL,
	  "Signals kept for spans that come late, at most 60 s", 0, NULL, NULL },
	{ "receiver", "slo_input", SLO_CONFIG_STRING, AT(receiver.slo_input), 0, TEXT_MAX, "", NULL,
	  "File of slo-events, one JSON object a line, that is followed as it grows; -: standard input; empty: none", 0, NULL, NULL },

	{ "metrics", "listen", SLO_CONFIG_STRING, AT(metrics.listen), 0, 300, "127.0.0.1:2112", NULL,
	  "Address of /metrics, /healthz and /readyz; empty: none", 0, NULL, NULL },
	{ "metrics", "token_file", SLO_CONFIG_STRING, AT(metrics.token_file), 0, TEXT_MAX, "", NULL,
	  "File with the bearer token asked for /metrics; empty: none asked", 0, NULL, NULL },

	{ "otlp", "endpoint", SLO_CONFIG_URL, AT(otlp.endpoint), 0, TEXT_MAX, "", NULL,
	  "OTLP/HTTP receiver that spans, records and metrics go to; empty: none", ALPHA, NULL, NULL },
	{ "otlp", "headers", SLO_CONFIG_STRING, AT(otlp.headers), 0, TEXT_MAX, "", NULL,
	  "Headers of each request: name=value, name=value (percent-encoded)", SECRET, NULL, NULL },
	{ "otlp", "gzip", SLO_CONFIG_BOOL, AT(otlp.gzip), 0, 0, "on", NULL,
	  "Compress requests", 0, NULL, NULL },
	{ "otlp", "timeout_ms", SLO_CONFIG_DURATION, AT(otlp.timeout_ms), 1, 300000, "10s", NULL,
	  "Time for one request", 0, NULL, NULL },
	{ "otlp", "ca_file", SLO_CONFIG_STRING, AT(otlp.ca_file), 0, TEXT_MAX, "", NULL,
	  "CA certificates; empty: the system's", 0, NULL, NULL },
	{ "otlp", "cert_file", SLO_CONFIG_STRING, AT(otlp.cert_file), 0, TEXT_MAX, "", NULL,
	  "Client certificate", 0, NULL, NULL },
	{ "otlp", "key_file", SLO_CONFIG_STRING, AT(otlp.key_file), 0, TEXT_MAX, "", NULL,
	  "Key of the client certificate", 0, NULL, NULL },
	{ "otlp", "metrics_interval_ms", SLO_CONFIG_DURATION, AT(otlp.metrics_interval_ms), 1000, 3600000, "60s", NULL,
	  "Time from one snapshot of the metrics to the next", 0, NULL, NULL },
	{ "otlp", "queue_bytes", SLO_CONFIG_SIZE, AT(otlp.queue_bytes), 65536, 1073741824, "16MiB", NULL,
	  "Requests waiting in memory; more go to disk", 0, NULL, NULL },

	{ "spool", "max_bytes", SLO_CONFIG_SIZE, AT(spool.max_bytes), 65536, 1099511627776.0, "256MiB", NULL,
	  "Size on disk of each queue in state_dir; past it the oldest goes first", 0, NULL, NULL },
	{ "spool", "max_age_ms", SLO_CONFIG_DURATION, AT(spool.max_age_ms), 1000, 30 * 86400e3, "1d", NULL,
	  "Age at which what waits on disk is given up", 0, NULL, NULL },

	{ "kubernetes", "kind", SLO_CONFIG_ENUM, AT(kubernetes.kind), 0, 0, "auto", kubernetes_kinds,
	  "Where pod names come from; auto: the API server, where a service account is at hand", 0, NULL, NULL },
	{ "kubernetes", "api", SLO_CONFIG_URL, AT(kubernetes.api), 0, TEXT_MAX, "", NULL,
	  "Address of the API server or kubelet; empty: the service account's, or this node's kubelet", 0, NULL, NULL },
	{ "kubernetes", "token_file", SLO_CONFIG_STRING, AT(kubernetes.token_file), 0, TEXT_MAX, "", NULL,
	  "File with the token; empty: the service account's", 0, NULL, NULL },
	{ "kubernetes", "ca_file", SLO_CONFIG_STRING, AT(kubernetes.ca_file), 0, TEXT_MAX, "", NULL,
	  "CA certificates; empty: the service account's", 0, NULL, NULL },

	{ "attribution", "model", SLO_CONFIG_STRING, AT(attribution.model), 1, TEXT_MAX, "default", NULL,
	  "Parameters of the model: default, reference, or a file", 0, NULL, NULL },
	{ "attribution", "window_ms", SLO_CONFIG_DURATION, AT(attribution.window_ms), 0, 3600000, "0", NULL,
	  "Window of an incident's evidence; 0: the short window that fired", 0, NULL, NULL },
	{ "attribution", "valid_min", SLO_CONFIG_UINT, AT(attribution.valid_min), 1, 1000000, "10", NULL,
	  "Requests that a window of the burn rate needs", 0, NULL, NULL },

	{ "webhook", "enabled", SLO_CONFIG_BOOL, AT(webhook.enabled), 0, 0, "off", NULL,
	  "Send incidents", ALPHA, NULL, NULL },
	{ "webhook", "url", SLO_CONFIG_URL, AT(webhook.url), 0, TEXT_MAX, "", NULL,
	  "Receiver; required where enabled", ALPHA, NULL, NULL },
	{ "webhook", "secret", SLO_CONFIG_STRING, AT(webhook.secret), 0, TEXT_MAX, "", NULL,
	  "Signing or routing key; better given as SLO_WEBHOOK_SECRET", SECRET | ALPHA, NULL, NULL },
	{ "webhook", "format", SLO_CONFIG_ENUM, AT(webhook.format), 0, 0, "generic", webhook_formats,
	  "Body that the receiver expects", ALPHA, NULL, NULL },
	{ "webhook", "timeout_ms", SLO_CONFIG_DURATION, AT(webhook.timeout_ms), 1, 300000, "5000", NULL,
	  "Time for one delivery", ALPHA, NULL, NULL },
	{ "webhook", "secret_file", SLO_CONFIG_STRING, AT(webhook.secret_file), 0, TEXT_MAX, "", NULL,
	  "File with the secret; goes before it", 0, NULL, NULL },
	{ "webhook", "legacy_signature", SLO_CONFIG_BOOL, AT(webhook.legacy_signature), 0, 0, "off", NULL,
	  "Sign as the earlier toolkit did too (X-Webhook-Signature)", 0, NULL, NULL },
	{ "webhook", "ca_file", SLO_CONFIG_STRING, AT(webhook.ca_file), 0, TEXT_MAX, "", NULL,
	  "CA certificates; empty: the system's", 0, NULL, NULL },
	{ "webhook", "cert_file", SLO_CONFIG_STRING, AT(webhook.cert_file), 0, TEXT_MAX, "", NULL,
	  "Client certificate", 0, NULL, NULL },
	{ "webhook", "key_file", SLO_CONFIG_STRING, AT(webhook.key_file), 0, TEXT_MAX, "", NULL,
	  "Key of the client certificate", 0, NULL, NULL },
	{ "webhook", "schema", SLO_CONFIG_ENUM, AT(webhook.schema), 0, 0, "v1beta1", incident_schemas,
	  "Format of generic incidents; v1 leaves the additions out", 0, NULL, NULL },

	{ "cdgate", "enabled", SLO_CONFIG_BOOL, AT(cdgate.enabled), 0, 0, "off", NULL,
	  "Let sloctl cdgate decide on deployments", ALPHA, NULL, NULL },
	{ "cdgate", "prometheus_url", SLO_CONFIG_URL, AT(cdgate.prometheus_url), 1, TEXT_MAX, "http://prometheus:9090",
	  NULL, "Prometheus to ask; a base path is kept", ALPHA, NULL, NULL },
	{ "cdgate", "ttft_p95_ms", SLO_CONFIG_NUMBER, AT(cdgate.ttft_p95_ms), 0, 1e9, "800", NULL,
	  "Fail above this p95 of the time to first token", ALPHA, NULL, NULL },
	{ "cdgate", "error_rate", SLO_CONFIG_NUMBER, AT(cdgate.error_rate), 0, 1, "0.05", NULL,
	  "Fail above this share of failed requests", ALPHA, NULL, NULL },
	{ "cdgate", "burn_rate", SLO_CONFIG_NUMBER, AT(cdgate.burn_rate), 0, 1e9, "2", NULL,
	  "Fail above this burn rate", ALPHA, NULL, NULL },
	{ "cdgate", "fail_open", SLO_CONFIG_BOOL, AT(cdgate.fail_open), 0, 0, "off", NULL,
	  "Pass where there is no data or no Prometheus", ALPHA, NULL, NULL },
};

/* Rows of each [slo.NAME]. */
static const struct slo_config_row slo_rows[] = {
	{ "slo", "service", SLO_CONFIG_STRING, AT_SLO(service), 1, 253, "", NULL,
	  "Service that the objective is for: NAME in each namespace of its own, or NAMESPACE/NAME", REQUIRED | LIVE, NULL, NULL },
	{ "slo", "sli", SLO_CONFIG_ENUM, AT_SLO(sli), 0, 0, "ttft_ms", slis,
	  "What is measured", REQUIRED | LIVE, NULL, NULL },
	{ "slo", "threshold", SLO_CONFIG_NUMBER, AT_SLO(threshold), 0, 1e9, "800", NULL,
	  "A request within it is good; in the unit of the SLI", REQUIRED | LIVE, NULL, NULL },
	{ "slo", "objective", SLO_CONFIG_NUMBER, AT_SLO(objective), 0, 1, "0.99", NULL,
	  "Share of requests that have to be good", REQUIRED | OPEN | LIVE, NULL, NULL },
	{ "slo", "windows", SLO_CONFIG_WINDOWS, AT_SLO(windows), 1000, 30 * 86400e3, "5m, 30m, 1h, 2h, 6h, 1d, 3d", NULL,
	  "Windows of the burn rate. 5m with 1h, 30m with 6h, 2h with 1d, 6h with 3d alert; seven take those places", LIVE, NULL, NULL },
};
/* clang-format on */

static_assert(SLO_ARRAY_SIZE(rows) <= SLO_CONFIG_ROWS_MAX, "raise SLO_CONFIG_ROWS_MAX");
static_assert(SLO_ARRAY_SIZE(slo_rows) <= SLO_CONFIG_SLO_ROWS_MAX, "raise SLO_CONFIG_SLO_ROWS_MAX");

size_t slo_config_row_count(void)
{
	return SLO_ARRAY_SIZE(rows);
}

size_t slo_config_slo_row_count(void)
{
	return SLO_ARRAY_SIZE(slo_rows);
}

const struct slo_config_row *slo_config_row_at(size_t i)
{
	assert(i < SLO_ARRAY_SIZE(rows));
	return &rows[i];
}

const struct slo_config_row *slo_config_slo_row_at(size_t i)
{
	assert(i < SLO_ARRAY_SIZE(slo_rows));
	return &slo_rows[i];
}

bool slo_config_row_is_slo(const struct slo_config_row *row)
{
	return row >= slo_rows && row < slo_rows + SLO_ARRAY_SIZE(slo_rows);
}

static bool is_slo_section(const char *section)
{
	return strncmp(section, "slo.", 4) == 0 && section[4] != '\0';
}

const struct slo_config_row *slo_config_row_find(const char *section, const char *key)
{
	if (is_slo_section(section)) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(slo_rows); i++) {
			if (strcmp(slo_rows[i].key, key) == 0)
				return &slo_rows[i];
		}
		return NULL;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0)
			return &rows[i];
	}
	return NULL;
}

bool slo_config_section_exists(const char *section)
{
	if (is_slo_section(section))
		return true;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].section, section) == 0)
			return true;
	}
	return false;
}

void slo_config_row_default(const struct slo_config_row *row, char *buf, size_t size)
{
	enum slo_signal sig;
	double warn = 0;

	if (row->text) {
		(void)snprintf(buf, size, "%s", row->text);
		return;
	}
	if (slo_signal_from_name(row->key, &sig) == 0)
		warn = slo_signal_desc(sig)->warn;
	slo_config_value_text(row, &warn, buf, size);
}

static const char *number_unit(const struct slo_config_row *row)
{
	enum slo_signal sig;

	if (row->type == SLO_CONFIG_DURATION || row->type == SLO_CONFIG_WINDOWS)
		return " ms";
	if (row->type == SLO_CONFIG_SIZE)
		return " bytes";
	if (strcmp(row->section, "thresholds") != 0 || slo_signal_from_name(row->key, &sig) < 0)
		return "";
	switch (slo_signal_desc(sig)->unit) {
	case SLO_UNIT_MS:
		return " ms";
	case SLO_UNIT_PCT:
		return " percent";
	case SLO_UNIT_COUNT:
	case SLO_UNIT_MAX_:
		break;
	}
	return "";
}

static void accepted_names(const struct slo_config_row *row, char *buf, size_t size)
{
	size_t at = (size_t)snprintf(buf, size, "one of ");

	for (size_t i = 0; row->names[i] && at < size; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? ", " : "", row->names[i]);
}

static void accepted_range(const struct slo_config_row *row, const char *what, char *buf,
                           size_t size)
{
	(void)snprintf(buf, size, "%s%.15g to %.15g%s%s", what, row->min, row->max,
	               number_unit(row), row->flags & SLO_CONFIG_F_OPEN ? ", both excluded" : "");
}

void slo_config_row_accepted(const struct slo_config_row *row, char *buf, size_t size)
{
	switch (row->type) {
	case SLO_CONFIG_BOOL:
		(void)snprintf(buf, size, "on or off");
		break;
	case SLO_CONFIG_ENUM:
		accepted_names(row, buf, size);
		break;
	case SLO_CONFIG_SIGNALS:
		(void)snprintf(buf, size, "all, or a comma separated list of signals");
		break;
	case SLO_CONFIG_URL:
		(void)snprintf(
			buf, size,
			"http://HOST[:PORT] or https://HOST[:PORT]%s, at most %.0f characters",
			row->min > 0 ? "" : " or empty", row->max);
		break;
	case SLO_CONFIG_STRING:
		accepted_range(row, row->charset == NULL ? "" : "letters, digits, '_', '.', '-'; ",
		               buf, size);
		(void)snprintf(buf + strlen(buf), size - strlen(buf), " characters");
		break;
	case SLO_CONFIG_LIST:
		(void)snprintf(buf, size,
		               "up to %d items of %.0f to %.0f %scharacters, comma separated",
		               SLO_CONFIG_LIST_MAX, row->min, row->max,
		               row->charset == NULL ? "" : "hexadecimal ");
		break;
	case SLO_CONFIG_PIDS:
		(void)snprintf(buf, size, "up to %d numbers of %.0f to %.0f, comma separated",
		               SLO_CONFIG_LIST_MAX, row->min, row->max);
		break;
	case SLO_CONFIG_WINDOWS:
		(void)snprintf(buf, size, "up to %d durations of 1s to 30d, comma separated",
		               SLO_CONFIG_WINDOWS_MAX);
		break;
	case SLO_CONFIG_UINT:
	case SLO_CONFIG_DURATION:
	case SLO_CONFIG_SIZE:
	case SLO_CONFIG_NUMBER:
		accepted_range(row, "", buf, size);
		break;
	case SLO_CONFIG_TYPE_MAX_:
		assert(false);
	}
}

void slo_config_env_name(const struct slo_config_row *row, char *buf, size_t size)
{
	if (slo_config_row_is_slo(row)) {
		buf[0] = '\0';
		return;
	}
	(void)snprintf(buf, size, "SLO_%s_%s", row->section, row->key);
	for (char *c = buf; *c; c++)
		*c = (char)toupper((unsigned char)*c);
}

static void put_best(const struct slo_nearest *n, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s", n->best ? n->best : "");
}

void slo_config_nearest_section(const char *section, char *buf, size_t size)
{
	struct slo_nearest n = { .word = section };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		slo_nearest_offer(&n, rows[i].section);
	put_best(&n, buf, size);
}

/* A key of another section, written in the wrong one, is named with its section. */
void slo_config_nearest_key(const char *section, const char *key, char *buf, size_t size)
{
	struct slo_nearest n = { .word = key };
	bool slo = is_slo_section(section);

	for (size_t i = 0; i < (slo ? SLO_ARRAY_SIZE(slo_rows) : SLO_ARRAY_SIZE(rows)); i++) {
		if (slo)
			slo_nearest_offer(&n, slo_rows[i].key);
		else if (strcmp(rows[i].section, section) == 0)
			slo_nearest_offer(&n, rows[i].key);
	}
	put_best(&n, buf, size);
	for (size_t i = 0; !n.best && i < SLO_ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].key, key) == 0) {
			(void)snprintf(buf, size, "[%s] %s", rows[i].section, rows[i].key);
			return;
		}
	}
}
