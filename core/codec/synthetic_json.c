/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/synthetic_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/codec/record_time.h"

static void write_text(struct slo_jsonw *w, const char *key, const char *text)
{
	slo_jsonw_key(w, key);
	slo_jsonw_str(w, text);
}

static void write_number(struct slo_jsonw *w, const char *key, double value)
{
	slo_jsonw_key(w, key);
	slo_jsonw_double(w, value);
}

static void write_id(struct slo_jsonw *w, const char *key, const struct slo_synthetic_id *id,
                     const char *kind)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%.40s-%s-%06" PRIu64, id->prefix, kind, id->number);
	write_text(w, key, text);
}

static void write_place(struct slo_jsonw *w, const struct slo_synthetic_id *id)
{
	char time[SLO_RECORD_TIME_SIZE];

	write_text(w, "timestamp", slo_record_time_print(id->unix_ns, time));
	write_text(w, "cluster", "synthetic");
	write_text(w, "namespace", "default");
}

void slo_synthetic_write_raw(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                             const struct slo_scenario_record *record)
{
	slo_jsonw_object_begin(w);
	write_place(w, id);
	write_text(w, "workload", "gateway");
	write_text(w, "service", "chat");
	write_text(w, "node", "node-1");
	write_id(w, "request_id", id, "req");
	write_id(w, "trace_id", id, "trace");
	write_number(w, "ttft_ms", record->ttft_ms);
	write_number(w, "request_latency_ms", record->request_latency_ms);
	write_number(w, "token_throughput_tps", record->tokens_per_sec);
	write_number(w, "error_rate", record->error_rate);
	if (*record->label)
		write_text(w, "fault_label", record->label);
	write_text(w, "source", "synthetic");
	slo_jsonw_object_end(w);
}

static void write_domains(struct slo_jsonw *w, uint32_t domains)
{
	slo_jsonw_key(w, "expected_domains");
	slo_jsonw_array_begin(w);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		if (domains & SLO_DOMAIN_BIT(d))
			slo_jsonw_str(w, slo_domain_name((enum slo_domain)d));
	}
	slo_jsonw_array_end(w);
}

static void write_signals(struct slo_jsonw *w, const struct slo_scenario_record *record)
{
	slo_jsonw_key(w, "signals");
	slo_jsonw_object_begin(w);
	for (unsigned int s = 0; s < SLO_SIG_MAX_; s++) {
		if (record->signals & SLO_SIG_BIT(s))
			write_number(w, slo_signal_desc((enum slo_signal)s)->name,
			             record->signal[s]);
	}
	slo_jsonw_object_end(w);
}

void slo_synthetic_write_fault(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                               const struct slo_scenario_record *record)
{
	/* Without a fault the truth is "unknown", which no model may take for a fault. */
	uint32_t domains = record->domains ? record->domains : SLO_DOMAIN_BIT(SLO_DOMAIN_UNKNOWN);

	slo_jsonw_object_begin(w);
	write_id(w, "incident_id", id, "inc");
	write_place(w, id);
	write_text(w, "service", "chat");
	write_text(w, "fault_label", *record->label ? record->label : "healthy");
	if (!(domains & (domains - 1)))
		write_text(w, "expected_domain",
		           slo_domain_name((enum slo_domain)__builtin_ctz(domains)));
	write_domains(w, domains);
	write_signals(w, record);
	write_number(w, "confidence", record->confidence);
	write_number(w, "burn_rate", record->burn_rate);
	slo_jsonw_key(w, "window_minutes");
	slo_jsonw_u64(w, 5);
	write_id(w, "request_id", id, "req");
	write_id(w, "trace_id", id, "trace");
	write_text(w, "source", "synthetic");
	slo_jsonw_object_end(w);
}
