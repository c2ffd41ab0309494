/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's configuration: built-in defaults, then one file (INI, or the YAML of the earlier toolkit), then the
 * environment, then flags; each value remembers which of them set it. The keys are the rows of rows.c.
 */
#ifndef SLO_CONFIG_CONFIG_H
#define SLO_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/model/signal.h"

#define SLO_CONFIG_DEFAULT_PATH "/etc/llm-slo/agent.ini"
#define SLO_CONFIG_FILE_MAX ((size_t)256 * 1024) /* bytes of a configuration file */
#define SLO_CONFIG_TEXT_LEN 1024 /* of a string value, with the NUL */
#define SLO_CONFIG_LIST_MAX 64 /* items of a list */
#define SLO_CONFIG_ITEM_LEN \
	256 /* of a list's item, with the NUL; cgroup paths of Kubernetes have 200 */
#define SLO_CONFIG_SLOS_MAX 16 /* [slo.NAME] sections */
#define SLO_CONFIG_WINDOWS_MAX 8
#define SLO_CONFIG_NAME_LEN 50 /* of a section or key, with the NUL; inih cuts at this */
#define SLO_CONFIG_ROWS_MAX 120 /* rows outside [slo.NAME] */
#define SLO_CONFIG_SLO_ROWS_MAX 8 /* rows of one [slo.NAME] */

/* Enough for any value as text: a full list. */
#define SLO_CONFIG_VALUE_LEN ((size_t)SLO_CONFIG_LIST_MAX * (SLO_CONFIG_ITEM_LEN + 2))

enum slo_config_backend {
	SLO_CONFIG_BACKEND_AUTO,
	SLO_CONFIG_BACKEND_LIBBPF,
	SLO_CONFIG_BACKEND_PROCFS,
	SLO_CONFIG_BACKEND_REPLAY,
	SLO_CONFIG_BACKEND_NULL,
	SLO_CONFIG_BACKEND_BCC,
	SLO_CONFIG_BACKEND_BTF_FREE,
	SLO_CONFIG_BACKEND_MAX_,
};

enum slo_config_emit {
	SLO_CONFIG_EMIT_THRESHOLD,
	SLO_CONFIG_EMIT_ALL,
	SLO_CONFIG_EMIT_MAX_,
};

enum slo_config_output {
	SLO_CONFIG_OUTPUT_AUTO, /* table on a terminal, else jsonl */
	SLO_CONFIG_OUTPUT_TABLE,
	SLO_CONFIG_OUTPUT_JSONL, /* to output.path, or stdout where that is empty */
	SLO_CONFIG_OUTPUT_STDOUT, /* jsonl to stdout whatever output.path says */
	SLO_CONFIG_OUTPUT_MAX_,
};

enum slo_config_schema {
	SLO_CONFIG_SCHEMA_V1BETA1,
	SLO_CONFIG_SCHEMA_V1ALPHA1,
	SLO_CONFIG_SCHEMA_MAX_,
};

enum slo_config_webhook_format {
	SLO_CONFIG_WEBHOOK_GENERIC,
	SLO_CONFIG_WEBHOOK_PAGERDUTY,
	SLO_CONFIG_WEBHOOK_OPSGENIE,
	SLO_CONFIG_WEBHOOK_JSM,
	SLO_CONFIG_WEBHOOK_ALERTMANAGER,
	SLO_CONFIG_WEBHOOK_SLACK,
	SLO_CONFIG_WEBHOOK_MAX_,
};

enum slo_config_kubernetes {
	SLO_CONFIG_KUBERNETES_AUTO, /* where a service account's token lies in its place */
	SLO_CONFIG_KUBERNETES_API,
	SLO_CONFIG_KUBERNETES_KUBELET,
	SLO_CONFIG_KUBERNETES_OFF,
	SLO_CONFIG_KUBERNETES_MAX_,
};

enum slo_config_incident_schema {
	SLO_CONFIG_INCIDENT_V1BETA1,
	SLO_CONFIG_INCIDENT_V1,
	SLO_CONFIG_INCIDENT_MAX_,
};

enum slo_config_sli {
	SLO_CONFIG_SLI_TTFT_MS,
	SLO_CONFIG_SLI_REQUEST_LATENCY_MS,
	SLO_CONFIG_SLI_TOKEN_THROUGHPUT_TPS,
	SLO_CONFIG_SLI_ERROR_RATE,
	SLO_CONFIG_SLI_RETRIEVAL_LATENCY_MS,
	SLO_CONFIG_SLI_PROVIDER_ERROR_RATE,
	SLO_CONFIG_SLI_MAX_,
};

struct slo_config_list {
	size_t count;
	char item[SLO_CONFIG_LIST_MAX][SLO_CONFIG_ITEM_LEN];
};

struct slo_config_pids {
	size_t count;
	uint32_t pid[SLO_CONFIG_LIST_MAX];
};

struct slo_config_windows {
	size_t count;
	uint64_t ms[SLO_CONFIG_WINDOWS_MAX]; /* as written, not sorted */
};

/* Which source gave a value. */
enum slo_config_origin_kind {
	SLO_CONFIG_FROM_DEFAULT,
	SLO_CONFIG_FROM_FILE, /* slo_config.path, @line */
	SLO_CONFIG_FROM_ENV, /* slo_config_env_name() */
	SLO_CONFIG_FROM_FLAG, /* @flag */
	SLO_CONFIG_FROM_MAX_,
};

struct slo_config_origin {
	enum slo_config_origin_kind kind;
	unsigned int line; /* FILE: from 1 */
	char flag[24]; /* FLAG: "--emit" */
};

struct slo_config_slo {
	char name[SLO_CONFIG_NAME_LEN]; /* NAME of [slo.NAME] */
	unsigned int line; /* where the section was first seen; 0: by a flag */
	char service[SLO_CONFIG_TEXT_LEN];
	enum slo_config_sli sli;
	double threshold; /* in the SLI's unit */
	double objective; /* share of good requests, inside (0, 1) */
	struct slo_config_windows windows;
	struct slo_config_origin origin[SLO_CONFIG_SLO_ROWS_MAX];
};

/* Default of [agent] state_dir; sloctl finds there what the agent keeps. */
#define SLO_CONFIG_STATE_DIR "/var/lib/llm-slo"
#define SLO_CONFIG_TRACE_MAP "/sys/fs/bpf/otel/traces_ctx_v1" /* OTEP 4855 */

/* Plain values; strings are never NULL, "" where not given. */
struct slo_config {
	char path[SLO_CONFIG_TEXT_LEN]; /* file read; "": none */
	struct {
		uint64_t signal_set; /* SLO_SIG_BIT of each */
		enum slo_config_backend backend;
		char btf[SLO_CONFIG_TEXT_LEN]; /* "": the kernel's own */
		char trace_map[256]; /* "": none */
		bool thread_context; /* look for publishers among the processes, read what their threads say */
		enum slo_config_emit emit;
		uint64_t interval_ms;
		char instance[SLO_CONFIG_TEXT_LEN];
		char node[SLO_CONFIG_TEXT_LEN]; /* "": the host's name */
		char cluster[SLO_CONFIG_TEXT_LEN];
		enum slo_log_level log_level;
		char host_root[SLO_CONFIG_TEXT_LEN];
		char state_dir[SLO_CONFIG_TEXT_LEN]; /* "": nothing survives a restart */
		char control[SLO_CONFIG_TEXT_LEN]; /* local socket; "": none */
		uint64_t evaluation_ms;
	} agent;
	struct {
		enum slo_config_output kind;
		char path[SLO_CONFIG_TEXT_LEN];
		uint64_t rotate_bytes; /* 0: never */
		uint64_t rotate_keep;
		enum slo_config_schema schema;
	} output;
	struct {
		bool names; /* DNS names and SNI in events */
	} privacy;
	struct {
		struct slo_config_list cgroup; /* paths below the cgroup mount */
		struct slo_config_pids pid;
		struct slo_config_list comm;
		struct slo_config_list pod_uid;
	} targets;
	double thresholds
		[SLO_SIG_MAX_]; /* event threshold in the signal's unit; 0: every measurement */
	struct {
		struct slo_config_list search; /* folders */
	} btf;
	struct {
		char helper
			[SLO_CONFIG_TEXT_LEN]; /* "": beside the agent, or where packages put it */
		char kernel_headers[SLO_CONFIG_TEXT_LEN]; /* "": looked for */
	} bcc;
	struct {
		uint64_t events_per_second_limit;
		uint64_t burst_limit;
	} sampling;
	struct {
		double max_overhead_pct; /* of one core */
	} safety;
	struct {
		uint64_t window_ms;
	} correlation;
	struct {
		char listen[SLO_CONFIG_TEXT_LEN]; /* "": no receiver */
		char token_file[SLO_CONFIG_TEXT_LEN];
		uint64_t max_body_bytes;
		uint64_t lag_ms; /* spans wait so long for their signals */
		uint64_t retain_spans, retain_signals;
		char slo_input[SLO_CONFIG_TEXT_LEN]; /* "": none; "-": standard input */
	} receiver;
	struct {
		char listen[SLO_CONFIG_TEXT_LEN]; /* "": no listener */
		char token_file[SLO_CONFIG_TEXT_LEN];
	} metrics;
	struct {
		char endpoint[SLO_CONFIG_TEXT_LEN]; /* "": nothing is exported */
		char headers[SLO_CONFIG_TEXT_LEN];
		bool gzip;
		uint64_t timeout_ms;
		char ca_file[SLO_CONFIG_TEXT_LEN];
		char cert_file[SLO_CONFIG_TEXT_LEN];
		char key_file[SLO_CONFIG_TEXT_LEN];
		uint64_t metrics_interval_ms;
		uint64_t queue_bytes;
	} otlp;
	struct {
		uint64_t max_bytes; /* of each queue on disk */
		uint64_t max_age_ms;
	} spool;
	struct {
		enum slo_config_kubernetes kind;
		char api[SLO_CONFIG_TEXT_LEN]; /* "": the service account's */
		char token_file[SLO_CONFIG_TEXT_LEN];
		char ca_file[SLO_CONFIG_TEXT_LEN];
	} kubernetes;
	struct {
		bool enabled;
		char url[SLO_CONFIG_TEXT_LEN];
		char secret[SLO_CONFIG_TEXT_LEN];
		enum slo_config_webhook_format format;
		uint64_t timeout_ms;
		char secret_file[SLO_CONFIG_TEXT_LEN];
		bool legacy_signature;
		char ca_file[SLO_CONFIG_TEXT_LEN];
		char cert_file[SLO_CONFIG_TEXT_LEN];
		char key_file[SLO_CONFIG_TEXT_LEN];
		enum slo_config_incident_schema schema;
	} webhook;
	struct {
		char model[SLO_CONFIG_TEXT_LEN]; /* name or file */
		uint64_t window_ms; /* of evidence; 0: the SLO's short window that fired */
		uint64_t valid_min; /* requests a burn window needs */
	} attribution;
	struct {
		bool enabled;
		char prometheus_url[SLO_CONFIG_TEXT_LEN];
		double ttft_p95_ms;
		double error_rate;
		double burn_rate;
		bool fail_open;
	} cdgate;
	size_t slo_count;
	struct slo_config_slo slo[SLO_CONFIG_SLOS_MAX];
	struct slo_config_origin origin[SLO_CONFIG_ROWS_MAX]; /* by row index */
};

/* One setting from a flag. Borrowed until slo_config_load() returns. */
struct slo_config_override {
	const char *section;
	const char *key;
	const char *value;
	const char *flag; /* long name without dashes: "emit" */
};

/* Where to read from. All borrowed during slo_config_load(). */
struct slo_config_sources {
	const char *path; /* asked for: must exist. NULL: @default_path where that exists */
	const char *default_path; /* NULL: SLO_CONFIG_DEFAULT_PATH; "": none */
	char *const *environment; /* as environ; NULL: none */
	/* The first override of a list replaces it, further ones add to it; of other values the last one counts. */
	const struct slo_config_override *overrides;
	size_t override_count;
};

#define SLO_CONFIG_ISSUES_MAX 64

struct slo_config_issue {
	bool warning; /* the value is honoured; else it is refused */
	char text
		[512]; /* "agent.ini:12: [agent] emit = lal: ... (accepted: ...)"; one printable line */
};

struct slo_config_issues {
	size_t count; /* kept in item[], in the order found */
	size_t errors; /* found, also those past the end of item[] */
	size_t warnings;
	struct slo_config_issue item[SLO_CONFIG_ISSUES_MAX];
};

/*
 * Reads all sources and reports every problem, not only the first. 0 and *@ret_cfg (the caller's; slo_config_freep),
 * @issues may hold warnings; or, with @err and *@ret_cfg untouched: -EINVAL, errors are in @issues; -ENOMEM; another
 * negative errno where the file cannot be read (-ENOENT, -EACCES, -EFBIG, ...). @issues is set anew.
 */
int slo_config_load(struct slo_config **ret_cfg, const struct slo_config_sources *src,
                    struct slo_config_issues *issues, struct slo_err *err);

/* Text format of a file. By name: .yaml and .yml are YAML, all others INI. */
enum slo_config_format {
	SLO_CONFIG_INI,
	SLO_CONFIG_YAML,
};

/* A file's text in memory. All borrowed. */
struct slo_config_text {
	enum slo_config_format format;
	const char *name; /* in messages */
	const char *text; /* any content */
	size_t len;
};

/* As slo_config_load() with the defaults and @text alone. */
int slo_config_parse(struct slo_config **ret_cfg, const struct slo_config_text *text,
                     struct slo_config_issues *issues, struct slo_err *err);

void slo_config_freep(struct slo_config **cfg);
#define slo_config_auto slo_cleanup(slo_config_freep)

/* --- what is set, and by whom ------------------------------------------------------------------------------- */

struct slo_config_row;

/* One effective value. Borrows from the configuration. */
struct slo_config_entry {
	const struct slo_config_row *row;
	char section[SLO_CONFIG_NAME_LEN]; /* "agent", "slo.chat" */
	const char *key;
	const struct slo_config_origin *origin;
	const void *value; /* the field */
};

/* Entries 0 .. count - 1, in the order of the rows, then those of each [slo.NAME]. */
size_t slo_config_entry_count(const struct slo_config *cfg);
void slo_config_entry_at(const struct slo_config *cfg, size_t i,
                         struct slo_config_entry *ret_entry);

/* Whether nobody set it: neither file, environment nor flag. */
bool slo_config_is_default(const struct slo_config *cfg, const char *section, const char *key);

/* What records go to where stdout is a terminal, or is none: never SLO_CONFIG_OUTPUT_AUTO. */
enum slo_config_output slo_config_output_kind(const struct slo_config *cfg, bool terminal);

/* Value as it would stand in a file, secrets and a URL's user and password as "***"; cut where @size (SLO_CONFIG_VALUE_LEN suffices) is too small. */
void slo_config_entry_text(const struct slo_config_entry *entry, char *buf, size_t size);

/* "default", "/etc/llm-slo/agent.ini:12", "SLO_AGENT_EMIT", "--emit". */
void slo_config_entry_origin(const struct slo_config *cfg, const struct slo_config_entry *entry,
                             char *buf, size_t size);

/* --- reload ------------------------------------------------------------------------------------------------- */

struct slo_config_change {
	char name[2 * SLO_CONFIG_NAME_LEN]; /* "section.key" */
	bool live; /* can be applied at run time; else only by a restart */
	char from[128]; /* as slo_config_entry_text(), cut; "" where a [slo.NAME] is new */
	char to[128]; /* "" where a [slo.NAME] is gone */
};

/* Number of values that differ, which may exceed @max; the first @max of them in @ret_changes. */
size_t slo_config_diff(const struct slo_config *old_cfg, const struct slo_config *new_cfg,
                       struct slo_config_change *ret_changes, size_t max);

/* --- documents ---------------------------------------------------------------------------------------------- */

/* The commented default file with every key (packaging/agent.ini is this text). 0, or -EIO where @out failed. */
int slo_config_print_template(FILE *out);

#endif
