/* SPDX-License-Identifier: Apache-2.0 */
/* One made-up request or incident, before it is written as the one or the other. */
#ifndef SLO_MODEL_SCENARIO_RECORD_H
#define SLO_MODEL_SCENARIO_RECORD_H

#include "core/model/domain.h"
#include "core/model/signal.h"

struct slo_scenario_record {
	const char *label; /* "mixed" for several faults */
	uint32_t domains; /* SLO_DOMAIN_BIT of each fault; 0: healthy */
	double ttft_ms, request_latency_ms, tokens_per_sec, error_rate;
	double burn_rate;
	double confidence; /* of the label: 0 to 1 */
	uint32_t signals; /* SLO_SIG_BIT of those in @signal */
	double signal[SLO_SIG_MAX_];
};

#endif
