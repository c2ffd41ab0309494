/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/schemas.h"

#include <string.h>

#include "core/base/base.h"

/* schemas.S */
extern const char slo_schema_probe_event_v1alpha1[];
extern const char slo_schema_probe_event_v1beta1[];
extern const char slo_schema_incident_attribution_v1[];
extern const char slo_schema_incident_attribution_v1beta1[];
extern const char slo_schema_slo_event_v1[];
extern const char slo_schema_toolkit_config_v1alpha1[];
extern const char slo_schema_toolkit_config_v1beta1[];

static const struct slo_schema schemas[] = {
	{ "probe-event.v1alpha1", "probe event, fields of the first design",
	  slo_schema_probe_event_v1alpha1 },
	{ "probe-event.v1beta1", "probe event, what this version writes by default",
	  slo_schema_probe_event_v1beta1 },
	{ "incident-attribution.v1", "verdict on an incident, fields of the first design",
	  slo_schema_incident_attribution_v1 },
	{ "incident-attribution.v1beta1", "verdict on an incident, what this version writes",
	  slo_schema_incident_attribution_v1beta1 },
	{ "slo-event.v1", "one value of a service level indicator, of one request",
	  slo_schema_slo_event_v1 },
	{ "toolkit-config.v1alpha1", "toolkit.yaml of the first design",
	  slo_schema_toolkit_config_v1alpha1 },
	{ "toolkit-config.v1beta1", "the YAML form of the agent's configuration",
	  slo_schema_toolkit_config_v1beta1 },
};

const struct slo_schema *slo_schema_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(schemas) ? &schemas[i] : NULL;
}

const char *slo_schema_get(const char *name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(schemas); i++) {
		if (strcmp(schemas[i].name, name) == 0)
			return schemas[i].text;
	}
	return NULL;
}
