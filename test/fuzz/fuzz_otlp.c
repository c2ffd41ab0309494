/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace requests of any bytes: what is read can be spliced, the splice is read again with the same spans, and splicing
 * nothing into that changes nothing. Corpus: one ExportTraceServiceRequest a file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/export/otlp_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(void *user, size_t i, const struct slo_span *span, struct slo_otlp_attrs *ret)
{
	const bool *nothing = user;

	if (*nothing || i % 3 == 0)
		return;
	ret->attr[ret->count++] = (struct slo_otlp_attr){ .key = "llm.ebpf.dns.latency_ms",
		                                          .type = SLO_OTLP_DOUBLE,
		                                          .d = span->llm.latency_ms };
	ret->attr[ret->count++] =
		(struct slo_otlp_attr){ .key = "", .type = SLO_OTLP_STRING, .s = span->conn };
}

static struct slo_otlp_batch *parse(const uint8_t *data, size_t size)
{
	struct slo_otlp_batch *batch = NULL;
	uint8_t *body = malloc(size + 1);
	struct slo_err err = { 0 };

	if (!body)
		abort();
	if (size)
		memcpy(body, data, size);
	if (slo_otlp_batch_parse(&batch, body, size, &err) < 0) {
		if (batch || !*err.msg)
			abort();
		free(body);
	}
	return batch;
}

static void splice(const struct slo_otlp_batch *batch, bool nothing, uint8_t **ret, size_t *ret_len)
{
	int r = slo_otlp_batch_splice(batch, add, &nothing, ret, ret_len);

	if (r < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slo_otlp_batch *batch = parse(data, size), *again;
	const struct slo_span *spans, *same;
	size_t count, len, len2;
	uint8_t *out, *out2;
	const char *why;

	if (!batch)
		return 0;
	count = slo_otlp_batch_spans(batch, &spans);
	splice(batch, false, &out, &len);
	again = parse(out, len);
	if (!again || slo_otlp_batch_spans(again, &same) != count ||
	    slo_otlp_batch_rejected(again, &why) != 0)
		abort();
	for (size_t i = 0; i < count; i++) {
		if (memcmp(spans[i].trace_id, same[i].trace_id, sizeof(spans[i].trace_id)) != 0 ||
		    memcmp(spans[i].span_id, same[i].span_id, sizeof(spans[i].span_id)) != 0 ||
		    spans[i].start_ns != same[i].start_ns ||
		    strcmp(spans[i].conn, same[i].conn) != 0 ||
		    spans[i].llm.is_request != same[i].llm.is_request)
			abort();
	}
	splice(again, true, &out2, &len2);
	if (len != len2 || memcmp(out, out2, len) != 0)
		abort();
	free(out);
	free(out2);
	slo_otlp_batch_freep(&again);
	slo_otlp_batch_freep(&batch);
	return 0;
}
