/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/prom_response.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "0.83", "NaN", "+Inf": as Prometheus prints a value. */
static int read_number(const char *text, double *ret)
{
	char *end;
	double v;

	if (!text || !*text || text[strspn(text, "0123456789+-.eEInfNa")] != '\0')
		return -EINVAL;
	v = strtod(text, &end);
	if (*end != '\0')
		return -EINVAL;
	*ret = v;
	return 0;
}

/* [ 1700000000.123, "0.83" ] */
static int read_pair(const json_t *pair, struct slo_prom_value *ret, struct slo_err *err)
{
	const json_t *at = json_array_get(pair, 0);
	double seconds = json_number_value(at);

	if (json_array_size(pair) != 2 || !json_is_number(at) || !(seconds >= 0 && seconds < 9e9))
		return slo_err_set(err, -EBADMSG, "a value is not [seconds, \"number\"]");
	if (read_number(json_string_value(json_array_get(pair, 1)), &ret->value) < 0)
		return slo_err_set(err, -EBADMSG, "a value is not a number in quotes");
	/* Milliseconds are what Prometheus has; more of a double this large would be noise. */
	ret->at_ns = (int64_t)(seconds * 1e3 + 0.5) * 1000000;
	return 0;
}

static int read_vector(const json_t *result, struct slo_prom_value *ret, struct slo_err *err)
{
	size_t n = json_array_size(result);

	if (!json_is_array(result))
		return slo_err_set(err, -EBADMSG, "data.result is not an array");
	if (n == 1)
		return read_pair(json_object_get(json_array_get(result, 0), "value"), ret, err);
	ret->none = true;
	if (n == 0)
		(void)snprintf(ret->why, sizeof(ret->why),
		               "no series: nothing exports this metric here");
	else
		(void)snprintf(ret->why, sizeof(ret->why), "%zu series, expected one: narrow it",
		               n);
	return 0;
}

int slo_prom_response_read(const json_t *body, struct slo_prom_value *ret, struct slo_err *err)
{
	struct slo_prom_value v = { 0 };
	const json_t *data = json_object_get(body, "data");
	const json_t *result = json_object_get(data, "result");
	const char *status = json_string_value(json_object_get(body, "status"));
	const char *type = json_string_value(json_object_get(data, "resultType"));
	const char *why = json_string_value(json_object_get(body, "error"));
	int r;

	if (status && strcmp(status, "error") == 0)
		return slo_err_set(err, -EBADMSG, "the query failed: %.120s",
		                   why ? why : "no reason given");
	if (!status || strcmp(status, "success") != 0 || !type)
		return slo_err_set(err, -EBADMSG,
		                   "not an answer of Prometheus (status, data.resultType)");
	if (strcmp(type, "vector") == 0)
		r = read_vector(result, &v, err);
	else if (strcmp(type, "scalar") == 0)
		r = read_pair(result, &v, err);
	else
		r = slo_err_set(err, -EBADMSG, "resultType %.40s, expected vector", type);
	if (r == 0)
		*ret = v;
	return r;
}
