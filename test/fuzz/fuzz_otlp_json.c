/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP/JSON of any bytes: what is refused says why, what is read is a message that can go on. Corpus: a request a file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/export/otlp_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void none(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	(void)user;
	(void)i;
	(void)span;
	(void)ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slo_otlp_batch *batch = NULL, *again = NULL;
	const struct slo_span *spans, *same;
	struct slo_err err = { 0 };
	uint8_t *out;
	size_t len;

	if (slo_otlp_batch_parse_json(&batch, (const char *)data, size, &err) < 0) {
		if (batch || !*err.msg)
			abort();
		return 0;
	}
	if (slo_otlp_batch_splice(batch, none, NULL, &out, &len) < 0 ||
	    slo_otlp_batch_parse(&again, out, len, NULL) < 0 ||
	    slo_otlp_batch_spans(again, &same) != slo_otlp_batch_spans(batch, &spans))
		abort();
	slo_otlp_batch_freep(&again);
	slo_otlp_batch_freep(&batch);
	return 0;
}
