/* SPDX-License-Identifier: Apache-2.0 */
/* One verdict laid open: what each piece of evidence adds, what could not be seen, what to do next. */
#ifndef SLO_PROGRAMS_EXPLAIN_H
#define SLO_PROGRAMS_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "core/codec/incident_json.h"
#include "core/engine/attribute_model.h"

/* @in->verdict is of noisy-or and @m. @colour: with the terminal's colours. */
void slo_explain_text(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in,
                      bool colour);

/* One JSON object and a newline. 0, or -ENOSPC (ids of many kilobytes). */
int slo_explain_json(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in);

/*
 * The same as a picture: one SVG document of its own, with its own background, readable on light and dark pages; no
 * script, no font or file of elsewhere. 0, or -ENOMEM.
 */
int slo_explain_svg(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in);

#endif
