/* SPDX-License-Identifier: Apache-2.0 */
/* An embedded parameter set for the tests of the engine. */
#ifndef SLO_TEST_ENGINE_MODEL_H
#define SLO_TEST_ENGINE_MODEL_H

#include "core/config/model_ini.h"

static inline void load_model(struct slo_attr_model *m, const char *name)
{
	struct slo_err err = { 0 };
	int r = slo_model_load(m, name, &err);

	if (r < 0)
		print_error("%s\n", err.msg);
	assert_int_equal(r, 0);
}

#endif
