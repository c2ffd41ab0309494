/* SPDX-License-Identifier: Apache-2.0 */
/* What the exporter reads: a JSON object into attributes, and a collector's answer, of any bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/base/base.h"
#include "core/export/otlp_answer.h"
#include "core/export/otlp_attrs.h"

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
	static const char *const skip[] = { "a", "b.c", NULL };
	slo_cleanup(slo_freep) char *text = malloc(size + 1);
	struct slo_otlp_attr_list l;

	memcpy(text, data, size);
	slo_otlp_attr_list_init(&l);
	(void)slo_otlp_attr_json(&l, text, size, skip);
	assert(l.count <= SLO_OTLP_ATTR_LIST_MAX && l.text_len <= sizeof(l.text));
	for (size_t i = 0; i < l.count; i++)
		assert(strlen(l.pair[i].key) < sizeof(l.text));
	read_answer(data, size, "application/x-protobuf", 200);
	read_answer(data, size, "application/x-protobuf", 503);
	read_answer(data, size, "text/plain", 400);
	return 0;
}
