/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/synthetic_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/codec/record_time.h"

static void write_id(struct slo_jsonw *w, const char *key, const struct slo_synthetic_id *id,
                     const char *kind)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%.40s-%s-%06" PRIu64, id->prefix, kind, id->number);
	slo_jsonw_member_str(w, key, text);
}

static void write_place(struct slo_jsonw *w, const struct slo_synthetic_id *id)
{
	char time[SLO_RECORD_TIME_SIZE];

	slo_jsonw_member_str(w, "timestamp", slo_record_time_print(id->unix_ns, time));
	slo_jsonw_member_str(w, "cluster", "synthetic");
	slo_jsonw_member_str(w, "namespace", "default");
}

void slo_synthetic_write_raw(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                             const struct slo_scenario_record *record)
{
	slo_jsonw_object_begin(w);
	write_place(w, id);
	slo_jsonw_member_str(w, "workload", "gateway");
	slo_jsonw_member_str(w, "service", "chat");
	slo_jsonw_member_str(w, "node", "node-1");
	write_id(w, "request_id", id, "req");
	write_id(w, "trace_id", id, "trace");
	slo_jsonw_member_double(w, "ttft_ms", record->ttft_ms);
	slo_jsonw_member_double(w, "request_latency_ms", record->request_latency_ms);
	slo_jsonw_member_double(w, "token_throughput_tps", record->tokens_per_sec);
	slo_jsonw_member_double(w, "error_rate", record->error_rate);
	if (*record->label)
		slo_jsonw_member_str(w, "fault_label", record->label);
	slo_jsonw_member_str(w, "source", "synthetic");
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
			slo_jsonw_member_double(w, slo_signal_desc((enum slo_signal)s)->name,
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
	slo_jsonw_member_str(w, "service", "chat");
	slo_jsonw_member_str(w, "fault_label", *record->label ? record->label : "healthy");
	if (!(domains & (domains - 1)))
		slo_jsonw_member_str(w, "expected_domain",
		                     slo_domain_name((enum slo_domain)__builtin_ctz(domains)));
	write_domains(w, domains);
	write_signals(w, record);
	slo_jsonw_member_double(w, "confidence", record->confidence);
	slo_jsonw_member_double(w, "burn_rate", record->burn_rate);
	slo_jsonw_member_u64(w, "window_minutes", 5);
	write_id(w, "request_id", id, "req");
	write_id(w, "trace_id", id, "trace");
	slo_jsonw_member_str(w, "source", "synthetic");
	slo_jsonw_object_end(w);
}
