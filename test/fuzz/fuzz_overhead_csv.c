/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV reader on any bytes: it ends, and what it gives keeps the header's promises. Corpus: CSV files. */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec/overhead_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slo_overhead_csv csv;
	struct slo_overhead_sample sample;
	struct slo_err err = { 0 };
	size_t calls = 0;
	int r;

	slo_overhead_csv_init(&csv, (const char *)data, size);
	while ((r = slo_overhead_csv_next(&csv, &sample, &err)) != 0) {
		if (++calls > size + 1)
			abort();
		if (r == -EINVAL)
			return 0;
		if (r == -EBADMSG && *err.msg)
			continue;
		if (r != 1 || !*sample.node ||
		    memchr(sample.node, '\0', sizeof(sample.node)) == NULL ||
		    !isfinite(sample.cpu_pct) || sample.cpu_pct < 0)
			abort();
	}
	return 0;
}
