/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/models.h"

#include "core/base/base.h"

/* models.S */
extern const char slo_model_text_default[];
extern const char slo_model_text_reference[];

static const struct slo_model_text models[] = {
	{ "default", "from what each fault does to a host and its spans", slo_model_text_default },
	{ "reference", "from the reference model's table, for comparison",
	  slo_model_text_reference },
};

const struct slo_model_text *slo_model_text_at(size_t i)
{
	return i < SLO_ARRAY_SIZE(models) ? &models[i] : NULL;
}
