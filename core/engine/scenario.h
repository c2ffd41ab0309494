/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made-up requests and incidents of named faults, for demos, load and tests of the tools. Nothing here was measured:
 * whoever writes such a record marks it synthetic.
 */
#ifndef SLO_ENGINE_SCENARIO_H
#define SLO_ENGINE_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/stats_random.h"
#include "core/model/scenario_record.h"

#define SLO_SCENARIO_FAULTS_MAX 3 /* at once */

struct slo_scenario_fault {
	const char *label; /* fault_label of records; "": none */
	enum slo_domain domain;
	double ttft_ms, request_latency_ms, tokens_per_sec, error_rate; /* medians */
	double burn_rate;
	double signal
		[SLO_SIG_MAX_]; /* medians in the signals' units; 0: not among this fault's signals */
};

/* Row @i, or NULL past the last. Row 0 is the healthy service. */
const struct slo_scenario_fault *slo_scenario_fault_at(size_t i);

struct slo_scenario {
	const char *name; /* as --scenario takes it */
	const char *help;
	/* Rows of faults. Several with @at_once: every record has a random 1 to SLO_SCENARIO_FAULTS_MAX of them; else one by one. */
	uint32_t faults; /* bit i: slo_scenario_fault_at(i) */
	bool at_once;
};

/* Row @i, or NULL past the last. */
const struct slo_scenario *slo_scenario_at(size_t i);
/* NULL: there is none of that name. */
const struct slo_scenario *slo_scenario_find(const char *name);

/* Record @i of @scenario: the same for the same state of @random. Values have at most three decimals. */
void slo_scenario_next(const struct slo_scenario *scenario, uint64_t i, struct slo_random *random,
                       struct slo_scenario_record *ret);

#endif
