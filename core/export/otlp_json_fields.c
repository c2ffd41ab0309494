/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_json_fields.h"

#include <stddef.h>

#include "core/export/otlp_fields.h"

static const char *const span_kinds[] = {
	"SPAN_KIND_UNSPECIFIED",
	"SPAN_KIND_INTERNAL",
	"SPAN_KIND_SERVER",
	"SPAN_KIND_CLIENT",
	"SPAN_KIND_PRODUCER",
	"SPAN_KIND_CONSUMER",
	NULL,
};
static const char *const status_codes[] = {
	"STATUS_CODE_UNSET",
	"STATUS_CODE_OK",
	"STATUS_CODE_ERROR",
	NULL,
};

/* clang-format off */
#define ROW(name, number, type, repeated, fields, names) { name, number, type, repeated, fields, names }
#define ONE(name, number, type) ROW(name, number, SLO_OTLP_JSON_##type, false, NULL, NULL)
#define MANY(name, number, type) ROW(name, number, SLO_OTLP_JSON_##type, true, NULL, NULL)
#define MESSAGE_OF(name, number, fields) ROW(name, number, SLO_OTLP_JSON_MESSAGE, false, fields, NULL)
#define MESSAGES_OF(name, number, fields) ROW(name, number, SLO_OTLP_JSON_MESSAGE, true, fields, NULL)
#define ENUM_OF(name, number, names) ROW(name, number, SLO_OTLP_JSON_ENUM, false, NULL, names)
#define END ROW(NULL, 0, SLO_OTLP_JSON_TEXT, false, NULL, NULL)
/* What most messages have: attributes, and how many the sender left out. */
#define ATTRIBUTES(attributes, dropped) \
	MESSAGES_OF("attributes", attributes, attr_fields), \
	ONE("droppedAttributesCount", dropped, UINT32)
/* Whose a span or a link is. */
#define IDS(message) \
	ONE("traceId", SLO_OTLP_##message##_TRACE_ID, HEX), \
	ONE("spanId", SLO_OTLP_##message##_SPAN_ID, HEX), \
	ONE("traceState", SLO_OTLP_##message##_TRACE_STATE, TEXT)
/* clang-format on */

static const struct slo_otlp_json_field any_fields[];
static const struct slo_otlp_json_field attr_fields[] = {
	ONE("key", SLO_OTLP_KEY_VALUE_KEY, TEXT),
	MESSAGE_OF("value", SLO_OTLP_KEY_VALUE_VALUE, any_fields),
	END,
};
static const struct slo_otlp_json_field array_fields[] = {
	MESSAGES_OF("values", SLO_OTLP_LIST_VALUES, any_fields),
	END,
};
static const struct slo_otlp_json_field kvlist_fields[] = {
	MESSAGES_OF("values", SLO_OTLP_LIST_VALUES, attr_fields),
	END,
};
static const struct slo_otlp_json_field any_fields[] = {
	ONE("stringValue", SLO_OTLP_ANY_STRING, TEXT),
	ONE("boolValue", SLO_OTLP_ANY_BOOL, BOOL),
	ONE("intValue", SLO_OTLP_ANY_INT, INT64),
	ONE("doubleValue", SLO_OTLP_ANY_DOUBLE, DOUBLE),
	MESSAGE_OF("arrayValue", SLO_OTLP_ANY_ARRAY, array_fields),
	MESSAGE_OF("kvlistValue", SLO_OTLP_ANY_KVLIST, kvlist_fields),
	ONE("bytesValue", SLO_OTLP_ANY_BYTES, BASE64),
	END,
};
static const struct slo_otlp_json_field entity_fields[] = {
	ONE("schemaUrl", SLO_OTLP_ENTITY_SCHEMA_URL, TEXT),
	ONE("type", SLO_OTLP_ENTITY_TYPE, TEXT),
	MANY("idKeys", SLO_OTLP_ENTITY_ID_KEYS, TEXT),
	MANY("descriptionKeys", SLO_OTLP_ENTITY_DESCRIPTION_KEYS, TEXT),
	END,
};
static const struct slo_otlp_json_field resource_fields[] = {
	ATTRIBUTES(SLO_OTLP_RESOURCE_ATTRIBUTES, SLO_OTLP_RESOURCE_DROPPED),
	MESSAGES_OF("entityRefs", SLO_OTLP_RESOURCE_ENTITY_REFS, entity_fields),
	END,
};
static const struct slo_otlp_json_field scope_fields[] = {
	ONE("name", SLO_OTLP_SCOPE_NAME, TEXT),
	ONE("version", SLO_OTLP_SCOPE_VERSION, TEXT),
	ATTRIBUTES(SLO_OTLP_SCOPE_ATTRIBUTES, SLO_OTLP_SCOPE_DROPPED),
	END,
};
static const struct slo_otlp_json_field event_fields[] = {
	ONE("timeUnixNano", SLO_OTLP_EVENT_TIME, FIXED64),
	ONE("name", SLO_OTLP_EVENT_NAME, TEXT),
	ATTRIBUTES(SLO_OTLP_EVENT_ATTRIBUTES, SLO_OTLP_EVENT_DROPPED),
	END,
};
static const struct slo_otlp_json_field link_fields[] = {
	IDS(LINK),
	ATTRIBUTES(SLO_OTLP_LINK_ATTRIBUTES, SLO_OTLP_LINK_DROPPED),
	ONE("flags", SLO_OTLP_LINK_FLAGS, FIXED32),
	END,
};
static const struct slo_otlp_json_field status_fields[] = {
	ONE("message", SLO_OTLP_STATUS_MESSAGE, TEXT),
	ENUM_OF("code", SLO_OTLP_STATUS_CODE, status_codes),
	END,
};
static const struct slo_otlp_json_field span_fields[] = {
	IDS(SPAN),
	ONE("parentSpanId", SLO_OTLP_SPAN_PARENT_ID, HEX),
	ONE("name", SLO_OTLP_SPAN_NAME, TEXT),
	ENUM_OF("kind", SLO_OTLP_SPAN_KIND, span_kinds),
	ONE("startTimeUnixNano", SLO_OTLP_SPAN_START, FIXED64),
	ONE("endTimeUnixNano", SLO_OTLP_SPAN_END, FIXED64),
	ATTRIBUTES(SLO_OTLP_SPAN_ATTRIBUTES, SLO_OTLP_SPAN_DROPPED_ATTRIBUTES),
	MESSAGES_OF("events", SLO_OTLP_SPAN_EVENTS, event_fields),
	ONE("droppedEventsCount", SLO_OTLP_SPAN_DROPPED_EVENTS, UINT32),
	MESSAGES_OF("links", SLO_OTLP_SPAN_LINKS, link_fields),
	ONE("droppedLinksCount", SLO_OTLP_SPAN_DROPPED_LINKS, UINT32),
	MESSAGE_OF("status", SLO_OTLP_SPAN_STATUS, status_fields),
	ONE("flags", SLO_OTLP_SPAN_FLAGS, FIXED32),
	END,
};
static const struct slo_otlp_json_field scope_spans_fields[] = {
	MESSAGE_OF("scope", SLO_OTLP_SCOPE_SPANS_SCOPE, scope_fields),
	MESSAGES_OF("spans", SLO_OTLP_SCOPE_SPANS_SPANS, span_fields),
	ONE("schemaUrl", SLO_OTLP_SCOPE_SPANS_SCHEMA_URL, TEXT),
	END,
};
static const struct slo_otlp_json_field resource_spans_fields[] = {
	MESSAGE_OF("resource", SLO_OTLP_RESOURCE_SPANS_RESOURCE, resource_fields),
	MESSAGES_OF("scopeSpans", SLO_OTLP_RESOURCE_SPANS_SCOPE_SPANS, scope_spans_fields),
	ONE("schemaUrl", SLO_OTLP_RESOURCE_SPANS_SCHEMA_URL, TEXT),
	END,
};
const struct slo_otlp_json_field slo_otlp_json_request[] = {
	MESSAGES_OF("resourceSpans", SLO_OTLP_REQUEST_RESOURCE_SPANS, resource_spans_fields),
	END,
};
