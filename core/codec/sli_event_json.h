/* SPDX-License-Identifier: Apache-2.0 */
/* slo-events (slo-event.v1) and the raw samples that they are made of, between JSON and structures. */
#ifndef SLO_CODEC_SLI_EVENT_JSON_H
#define SLO_CODEC_SLI_EVENT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/jsonw.h"
#include "core/model/sli_event.h"

/*
 * A slo-event: every required field there and of its type, no unknown one, the unit that of the indicator, the value
 * in its range. 0, or -EINVAL with @err naming the field. Strings are borrowed from @object.
 */
int slo_sli_event_from_json(json_t *object, struct slo_sli_event *ret, struct slo_err *err);

#define SLO_SLI_SAMPLE_ID_MAX 400 /* bytes of a request id that fit into an event id */

/* A raw sample, what a load generator or a gateway writes per request. Strings are borrowed, never NULL. */
struct slo_sli_sample {
	struct slo_sli_event common; /* all but event_id, sli, status and value */
	const char *timestamp; /* as it stood there */
	const char *node;
	const char *fault_label;
	const char *source; /* labels.source, else source; "": neither */
	bool synthetic; /* "synthetic": true, or that source */
	double value[SLO_SLI_MAX_]; /* NaN where this kind of record has none */
};

/*
 * Fields beyond those of a raw sample are let pass: what writes them is not ours. A value outside the range of its
 * indicator is refused. 0, or -EINVAL with @err naming the field.
 */
int slo_sli_sample_from_json(json_t *object, struct slo_sli_sample *ret, struct slo_err *err);

/* The slo-event of @sample's @sli as one JSON object; "source" is @sample's, or "unspecified". */
void slo_sli_sample_write_sli(struct slo_jsonw *w, const struct slo_sli_sample *sample,
                              enum slo_sli sli);

#endif
