/* SPDX-License-Identifier: Apache-2.0 */
/* What the exporter is given: text of any bytes that becomes an attribute, and a collector's answer. */
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/export/otlp_answer.h"
#include "core/export/otlp_pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const uint8_t *data, size_t size, const char *type, unsigned int status)
{
	const struct slo_http_reply reply = { .status = status,
		                              .content_type = type,
		                              .body = data,
		                              .body_len = size,
		                              .retry_after_ms = -1 };
	struct slo_otlp_answer answer;

	slo_otlp_answer_read(&reply, 10, &answer);
	assert(answer.rejected <= 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct slo_otlp_pairs p;
	static char text[3 * SLO_OTLP_PAIRS_BYTES];
	size_t part = size < SLO_OTLP_PAIRS_BYTES ? size : SLO_OTLP_PAIRS_BYTES;
	size_t len = slo_otlp_utf8(NULL, (const char *)data, part);

	slo_otlp_pairs_init(&p, 6);
	slo_otlp_pairs_strn(&p, "key", (const char *)data, size);
	assert(p.len <= sizeof(p.bytes) && (p.len > size) == !p.dropped);
	/* Text of that kind already: the second time changes nothing. */
	assert(slo_otlp_utf8(text, (const char *)data, part) == len);
	assert(slo_otlp_utf8(NULL, text, len) == len);
	read_answer(data, size, "application/x-protobuf", 200);
	read_answer(data, size, "application/x-protobuf", 503);
	read_answer(data, size, "text/plain", 400);
	return 0;
}
