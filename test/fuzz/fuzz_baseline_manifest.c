/* SPDX-License-Identifier: Apache-2.0 */
/* The baseline's manifest on any bytes. Corpus: one manifest a file. */
#include <stdint.h>
#include <stdlib.h>

#include "core/codec/baseline_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slo_baseline_manifest manifest;
	struct slo_err err = { 0 };

	if (slo_baseline_manifest_parse((const char *)data, size, &manifest, &err) == 0) {
		if (!*manifest.source_ref || !*manifest.source_commit)
			abort();
	} else if (!*err.msg) {
		abort();
	}
	return 0;
}
