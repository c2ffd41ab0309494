/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/labeled_pair.h"

#include <errno.h>

#include "core/codec/json_fields.h"
#include "core/codec/record_time.h"

/* clang-format off */
static const struct slo_json_field pair_fields[] = {
	{ .name = "case_id",        .type = SLO_JSON_STRING, .required = true },
	{ .name = "span",           .type = SLO_JSON_OBJECT, .required = true },
	{ .name = "signal",         .type = SLO_JSON_OBJECT, .required = true },
	{ .name = "expected_match", .type = SLO_JSON_BOOL,   .required = true },
	{ .name = "expected_tier",  .type = SLO_JSON_STRING },
};

/* Of both. */
static const struct slo_json_field who_fields[] = {
	{ .name = "trace_id",   .type = SLO_JSON_STRING },
	{ .name = "service",    .type = SLO_JSON_STRING },
	{ .name = "node",       .type = SLO_JSON_STRING },
	{ .name = "pod",        .type = SLO_JSON_STRING },
	{ .name = "pid",        .type = SLO_JSON_INTEGER, .max = UINT32_MAX },
	{ .name = "conn_tuple", .type = SLO_JSON_STRING },
	{ .name = "timestamp",  .type = SLO_JSON_STRING, .required = true },
};

static const struct slo_json_field span_fields[] = {
	{ .name = "end_timestamp", .type = SLO_JSON_STRING },
};

static const struct slo_json_field signal_fields[] = {
	{ .name = "signal", .type = SLO_JSON_STRING, .required = true },
	{ .name = "value",  .type = SLO_JSON_NUMBER, .required = true },
};
/* clang-format on */

static int read_time(const json_t *object, const char *key, int64_t *ret, struct slo_err *err)
{
	int r = slo_record_time_parse(slo_json_get_str(object, key), ret, err);

	return r < 0 ? slo_err_wrap(err, -EINVAL, "field \"%s\"", key) : 0;
}

static int read_who(const json_t *object, struct slo_corr_who *who, int64_t *ret_time_ns,
                    struct slo_err *err)
{
	int r = slo_json_check_fields(object, who_fields, SLO_ARRAY_SIZE(who_fields), err);

	if (r < 0)
		return r;
	who->trace_id = slo_json_get_str(object, "trace_id");
	who->pod = slo_json_get_str(object, "pod");
	who->conn = slo_json_get_str(object, "conn_tuple");
	who->service = slo_json_get_str(object, "service");
	who->node = slo_json_get_str(object, "node");
	who->pid = (uint32_t)slo_json_get_i64(object, "pid");
	return read_time(object, "timestamp", ret_time_ns, err);
}

static int read_span(const json_t *object, struct slo_corr_span *span, struct slo_err *err)
{
	int r = read_who(object, &span->who, &span->start_ns, err);

	if (r == 0)
		r = slo_json_check_fields(object, span_fields, SLO_ARRAY_SIZE(span_fields), err);
	span->end_ns = span->start_ns;
	if (r < 0 || !json_is_string(json_object_get(object, "end_timestamp")))
		return r;
	r = read_time(object, "end_timestamp", &span->end_ns, err);
	if (r == 0 && span->end_ns < span->start_ns)
		r = slo_err_set(err, -EINVAL, "field \"end_timestamp\" is before \"timestamp\"");
	return r;
}

static int read_signal(const json_t *object, struct slo_corr_signal *signal, struct slo_err *err)
{
	int r = read_who(object, &signal->who, &signal->time_ns, err);
	const char *name;

	if (r == 0)
		r = slo_json_check_fields(object, signal_fields, SLO_ARRAY_SIZE(signal_fields),
		                          err);
	if (r < 0)
		return r;
	name = slo_json_get_str(object, "signal");
	if (slo_signal_from_name(name, &signal->signal) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"signal\": " SLO_JSON_QUOTED
		                   " is no signal, expected one of ours, such as %s",
		                   name, slo_signal_desc(SLO_SIG_DNS_LATENCY)->name);
	signal->value = json_number_value(json_object_get(object, "value"));
	return 0;
}

static int read_tier(const json_t *object, enum slo_corr_tier *ret, struct slo_err *err)
{
	const char *name = slo_json_get_str(object, "expected_tier");

	*ret = SLO_TIER_NONE;
	if (!*name || slo_corr_tier_from_name(name, ret) == 0)
		return 0;
	return slo_err_set(err, -EINVAL,
	                   "field \"expected_tier\": " SLO_JSON_QUOTED
	                   " is no tier, expected %s, %s, %s or %s",
	                   name, slo_corr_tier_desc(SLO_TIER_TRACE)->name,
	                   slo_corr_tier_desc(SLO_TIER_POD_PID)->name,
	                   slo_corr_tier_desc(SLO_TIER_POD_CONN)->name,
	                   slo_corr_tier_desc(SLO_TIER_SERVICE_NODE)->name);
}

int slo_labeled_pair_read(const json_t *object, struct slo_labeled_pair *ret, struct slo_err *err)
{
	struct slo_labeled_pair p = { 0 };
	int r = slo_json_check_fields(object, pair_fields, SLO_ARRAY_SIZE(pair_fields), err);

	if (r < 0)
		return r;
	p.case_id = slo_json_get_str(object, "case_id");
	p.expected_match = json_is_true(json_object_get(object, "expected_match"));
	if (!*p.case_id)
		return slo_err_set(err, -EINVAL, "field \"case_id\" is empty");
	r = read_span(json_object_get(object, "span"), &p.span, err);
	if (r < 0)
		return slo_err_wrap(err, r, "span");
	r = read_signal(json_object_get(object, "signal"), &p.signal, err);
	if (r < 0)
		return slo_err_wrap(err, r, "signal");
	r = read_tier(object, &p.expected_tier, err);
	if (r == 0)
		*ret = p;
	return r;
}
