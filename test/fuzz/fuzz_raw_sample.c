/* SPDX-License-Identifier: Apache-2.0 */
/* RawSample and the baseline's manifest on any bytes. Corpus: one record, or one manifest, a file. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/codec/baseline_manifest.h"
#include "core/codec/raw_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct slo_baseline_manifest manifest;
	struct slo_raw_sample sample;
	struct slo_err err = { 0 };

	if (slo_baseline_manifest_parse((const char *)data, size, &manifest, &err) == 0 &&
	    (!*manifest.source_ref || !*manifest.source_commit))
		abort();
	if (json_is_object(object)) {
		if (slo_raw_sample_read(object, &sample, &err) == 0) {
			if (!(sample.ttft_ms >= 0) || !isfinite(sample.ttft_ms) ||
			    !(sample.error_rate >= 0 && sample.error_rate <= 1) ||
			    !sample.cluster || !sample.node || !sample.request_id)
				abort();
		} else if (!*err.msg) {
			abort();
		}
	}
	json_decref(object);
	return 0;
}
