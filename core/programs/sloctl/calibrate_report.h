/* SPDX-License-Identifier: Apache-2.0 */
/* What a calibration is worth: figures before and after, the latter of incidents that the parameters had not seen. */
#ifndef SLO_SLOCTL_CALIBRATE_REPORT_H
#define SLO_SLOCTL_CALIBRATE_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "core/engine/attribute_model.h"

/* Labelled incidents that are used; more are counted. 2 KiB each. */
#define SLO_CALIBRATE_MAX 16384

struct slo_calibrate_figures {
	double exact; /* share of incidents whose most probable set is the true one */
	double micro_f1; /* of the sets; NAN where no fault was there or named */
	double brier; /* per fault */
	double loss; /* mean -ln P(true set) */
};

struct slo_calibrate_report {
	uint64_t incidents;
	uint64_t beyond; /* labelled, but past SLO_CALIBRATE_MAX */
	uint64_t folds;
	const struct slo_attr_model *base, *result; /* borrowed */
	struct slo_calibrate_figures before, after;
	double covered; /* share of incidents whose conformal set held all true domains */
	double set_size; /* domains in it on average */
};

/* @mark begins each line. */
void slo_calibrate_report_text(const struct slo_calibrate_report *r, FILE *out, const char *mark);
/* One JSON object and a newline. */
void slo_calibrate_report_json(const struct slo_calibrate_report *r, FILE *out);

#endif
