/* SPDX-License-Identifier: Apache-2.0 */
/* The files of core/codec/schema as strings; schemas.c has the rows. */
	.section .rodata
	.macro schema label, file
	.global \label
	.hidden \label
	.type \label, %object
\label:
	.incbin "\file"
	.byte 0
	.size \label, . - \label
	.endm

	schema slo_schema_probe_event_v1alpha1, "probe-event.v1alpha1.schema.json"
	schema slo_schema_probe_event_v1beta1, "probe-event.v1beta1.schema.json"
	schema slo_schema_incident_attribution_v1, "incident-attribution.v1.schema.json"
	schema slo_schema_incident_attribution_v1beta1, "incident-attribution.v1beta1.schema.json"
	schema slo_schema_slo_event_v1, "slo-event.v1.schema.json"
	schema slo_schema_toolkit_config_v1alpha1, "toolkit-config.v1alpha1.schema.json"
	schema slo_schema_toolkit_config_v1beta1, "toolkit-config.v1beta1.schema.json"

	.section .note.GNU-stack, "", %progbits
