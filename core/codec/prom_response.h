/* SPDX-License-Identifier: Apache-2.0 */
/* The body that Prometheus answers an instant query with (HTTP API v1). */
#ifndef SLO_CODEC_PROM_RESPONSE_H
#define SLO_CODEC_PROM_RESPONSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct slo_prom_value {
	bool none; /* an answer without one value: @why */
	double value; /* may be NaN or infinite */
	int64_t at_ns; /* ns since 1970 */
	char why[120];
};

/*
 * A vector of one series or a scalar is a value; an empty vector, and one of several series, is none. 0, or -EBADMSG:
 * the query failed, or this is no such answer; @err says so.
 */
int slo_prom_response_read(const json_t *body, struct slo_prom_value *ret, struct slo_err *err);

#endif
