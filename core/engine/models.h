/* SPDX-License-Identifier: Apache-2.0 */
/* The parameter sets that are embedded at build time, as the INI texts that core/config/model_ini reads. */
#ifndef SLO_ENGINE_MODELS_H
#define SLO_ENGINE_MODELS_H

#include <stddef.h>

struct slo_model_text {
	const char *name; /* "default": what --model takes */
	const char *help; /* one line */
	const char *text; /* NUL-terminated */
};

/* Row @i, or NULL past the last. Row 0 is the default. */
const struct slo_model_text *slo_model_text_at(size_t i);

#endif
