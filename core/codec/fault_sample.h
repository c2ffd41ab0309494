/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault samples: incidents with what was seen in them, and labels of what was injected. The labels come in a structure
 * of their own, so that a predictor, which is given the sample, cannot see them.
 */
#ifndef SLO_CODEC_FAULT_SAMPLE_H
#define SLO_CODEC_FAULT_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/engine/attribute.h"

/* Strings are borrowed from the JSON object, "" where absent. */
struct slo_fault_sample {
	const char *incident_id;
	const char *cluster;
	const char *namespace_;
	const char *service;
	const char *request_id;
	const char *trace_id;
	const char *sli; /* "ttft_ms" where absent */
	const char *source; /* what measured the signals; "" unknown */
	int64_t timestamp_ns; /* since 1970 */
	double burn_rate;
	int64_t window_minutes; /* >= 1 */
	bool synthetic; /* made, not measured */
	struct slo_observation observation;
};

struct slo_fault_label {
	bool is_labelled; /* any of the fields is there */
	const char *fault_label; /* "" where absent; borrowed */
	double confidence; /* the labeller's, 0 to 1; 1 where absent */
	bool has_domain;
	enum slo_domain domain; /* expected_domain, else the mapper's of fault_label */
	uint32_t
		domains; /* SLO_DOMAIN_BITs of expected_domains, else of @domain; unknown is a bit here */
};

/* The faults among label->domains: what a predicted set is compared with. */
static inline uint32_t slo_fault_label_set(const struct slo_fault_label *label)
{
	return label->domains & (SLO_DOMAIN_BIT(SLO_FAULT_MAX) - 1);
}

/*
 * Beside the fields of the earlier design a sample may carry "baselines": {signal: {"n": windows learnt from, "median": in
 * the signal's unit, "spread": robust standard deviation of slo_evidence_scale()}}, what was normal for the workload
 * outside incidents. "sources": {signal: "procfs", ...} says of each what measured it, as records do; what the kernel's
 * counters gave is weighed less.
 *
 * 0, or -EINVAL with @err naming the field and what was expected; the outputs change only on success. Fields other than
 * those above are skipped; inside "signals" every name must be known.
 */
int slo_fault_sample_parse(json_t *object, struct slo_fault_sample *ret_sample,
                           struct slo_fault_label *ret_label, struct slo_err *err);

#endif
