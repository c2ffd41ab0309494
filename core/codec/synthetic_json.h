/* SPDX-License-Identifier: Apache-2.0 */
/* Made-up records as JSON: raw samples and fault samples, each with "source": "synthetic". */
#ifndef SLO_CODEC_SYNTHETIC_JSON_H
#define SLO_CODEC_SYNTHETIC_JSON_H

#include "core/base/jsonw.h"
#include "core/model/scenario_record.h"

/* What all records of a run share, and which one this is. */
struct slo_synthetic_id {
	const char *prefix; /* of request, trace and incident ids: "load" */
	uint64_t number; /* from 1 */
	int64_t unix_ns;
};

void slo_synthetic_write_raw(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                             const struct slo_scenario_record *record);
void slo_synthetic_write_fault(struct slo_jsonw *w, const struct slo_synthetic_id *id,
                               const struct slo_scenario_record *record);

#endif
