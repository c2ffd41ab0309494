/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/raw_sample.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/codec/json_fields.h"
#include "core/codec/record_time.h"

/* @max of a text: nothing to compare. */
#define ANY 1e300

struct row {
	const char *name;
	size_t offset; /* in struct slo_raw_sample */
	double max; /* of a number, from 0; 0: a text */
	bool required;
};

#define AT(field) offsetof(struct slo_raw_sample, field)

/* clang-format off */
static const struct row rows[] = {
	{ "cluster",              AT(cluster),            0,   true },
	{ "namespace",            AT(namespace_),         0,   true },
	{ "workload",             AT(workload),           0,   true },
	{ "service",              AT(service),            0,   true },
	{ "node",                 AT(node),               0,   false },
	{ "request_id",           AT(request_id),         0,   true },
	{ "trace_id",             AT(trace_id),           0,   true },
	{ "ttft_ms",              AT(ttft_ms),            ANY, true },
	{ "request_latency_ms",   AT(request_latency_ms), ANY, true },
	{ "token_throughput_tps", AT(tokens_per_sec),     ANY, true },
	{ "error_rate",           AT(error_rate),         1,   true },
	{ "fault_label",          AT(fault_label),        0,   false },
};
/* clang-format on */

static int set_number(const struct row *row, const json_t *value, char *field, struct slo_err *err)
{
	double v = json_number_value(value);

	if (!json_is_number(value))
		return slo_err_set(err, -EINVAL, "field \"%s\" is not a number", row->name);
	if (!(v >= 0 && v <= row->max)) {
		return slo_err_set(err, -EINVAL, "field \"%s\": %g is not %s", row->name, v,
		                   row->max > 1 ? "0 or more" : "within 0 and 1");
	}
	*(double *)(void *)field = v;
	return 0;
}

static int set_text(const struct row *row, const json_t *value, char *field, struct slo_err *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return slo_err_set(err, -EINVAL, "field \"%s\" is not a string", row->name);
	*(const char **)(void *)field = text;
	return 0;
}

static int set_time(const json_t *value, int64_t *ret, struct slo_err *err)
{
	const char *text = json_string_value(value);
	int r;

	if (!text)
		return slo_err_set(err, -EINVAL, "field \"timestamp\" is not a string of RFC 3339");
	r = slo_record_time_parse(text, ret, err);
	return r < 0 ? slo_err_wrap(err, -EINVAL, "field \"timestamp\"") : 0;
}

/* One value; *@seen gets the row's bit, and the timestamp the bit behind the rows'. */
static int set_field(const char *key, const json_t *value, struct slo_raw_sample *s,
                     unsigned int *seen, struct slo_err *err)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		char *field = (char *)s + rows[i].offset;

		if (strcmp(rows[i].name, key) != 0)
			continue;
		*seen |= 1U << i;
		return rows[i].max > 0 ? set_number(&rows[i], value, field, err)
		                       : set_text(&rows[i], value, field, err);
	}
	if (strcmp(key, "timestamp") == 0) {
		*seen |= 1U << SLO_ARRAY_SIZE(rows);
		return set_time(value, &s->timestamp_ns, err);
	}
	if (strcmp(key, "synthetic") == 0)
		s->synthetic |= json_is_true(value);
	if (strcmp(key, "source") == 0 && json_is_string(value))
		s->synthetic |= strcmp(json_string_value(value), "synthetic") == 0;
	return 0;
}

static int check_missing(unsigned int seen, struct slo_err *err)
{
	const char *missing = seen & 1U << SLO_ARRAY_SIZE(rows) ? NULL : "timestamp";

	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows) && !missing; i++) {
		if (rows[i].required && !(seen & 1U << i))
			missing = rows[i].name;
	}
	if (!missing)
		return 0;
	return slo_err_set(err, -EINVAL, "required field \"%s\" is missing", missing);
}

int slo_raw_sample_read(json_t *object, struct slo_raw_sample *ret, struct slo_err *err)
{
	struct slo_raw_sample s = { .node = "", .fault_label = "" };
	unsigned int seen = 0;
	int r;

	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		r = set_field(json_object_iter_key(it), json_object_iter_value(it), &s, &seen, err);
		if (r < 0)
			return r;
	}
	r = check_missing(seen, err);
	if (r == 0)
		*ret = s;
	return r;
}
