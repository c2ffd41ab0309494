/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of a trace request as OTLP/JSON has them: names, and what they are in protobuf. */
#ifndef SLO_EXPORT_OTLP_JSON_FIELDS_H
#define SLO_EXPORT_OTLP_JSON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

enum slo_otlp_json_type {
	SLO_OTLP_JSON_TEXT,
	SLO_OTLP_JSON_HEX, /* ids */
	SLO_OTLP_JSON_BASE64,
	SLO_OTLP_JSON_FIXED64,
	SLO_OTLP_JSON_FIXED32,
	SLO_OTLP_JSON_UINT32,
	SLO_OTLP_JSON_INT64,
	SLO_OTLP_JSON_BOOL,
	SLO_OTLP_JSON_DOUBLE,
	SLO_OTLP_JSON_ENUM,
	SLO_OTLP_JSON_MESSAGE,
};

struct slo_otlp_json_field {
	const char *name;
	uint32_t number;
	enum slo_otlp_json_type type;
	bool repeated;
	const struct slo_otlp_json_field
		*fields; /* SLO_OTLP_JSON_MESSAGE: ends with a row without name */
	const char *const *names; /* SLO_OTLP_JSON_ENUM: by value, NULL at the end */
};

/* ExportTraceServiceRequest. */
extern const struct slo_otlp_json_field slo_otlp_json_request[];

#endif
