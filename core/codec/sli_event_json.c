/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codec/sli_event_json.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/codec/json_fields.h"
#include "core/codec/record_time.h"

/* A field of a record that other programs write too; the rows of json_fields.h are for records of ours alone. */
struct text_row {
	const char *name;
	bool required;
	size_t offset; /* of a const char * */
};

#define EVENT(field) offsetof(struct slo_sli_event, field)
#define SAMPLE(field) offsetof(struct slo_sli_sample, field)

/* Of both kinds of records. */
static const struct text_row common_rows[] = {
	{ "cluster", true, EVENT(cluster) },       { "namespace", true, EVENT(k8s_namespace) },
	{ "workload", true, EVENT(workload) },     { "service", true, EVENT(service) },
	{ "request_id", true, EVENT(request_id) }, { "trace_id", false, EVENT(trace_id) },
};

static const struct text_row sample_rows[] = {
	{ "timestamp", true, SAMPLE(timestamp) },
	{ "node", false, SAMPLE(node) },
	{ "fault_label", false, SAMPLE(fault_label) },
	{ "source", false, SAMPLE(source) },
};

/* The indicators that a raw sample carries, in the order in which their events are written. */
static const enum slo_sli sample_slis[] = { SLO_SLI_TTFT, SLO_SLI_REQUEST_LATENCY,
	                                    SLO_SLI_TOKEN_THROUGHPUT, SLO_SLI_ERROR_RATE };

static const struct slo_json_field event_fields[] = {
	{ "event_id", SLO_JSON_STRING, true, 0, 0 },   { "timestamp", SLO_JSON_STRING, true, 0, 0 },
	{ "cluster", SLO_JSON_STRING, true, 0, 0 },    { "namespace", SLO_JSON_STRING, true, 0, 0 },
	{ "workload", SLO_JSON_STRING, true, 0, 0 },   { "service", SLO_JSON_STRING, true, 0, 0 },
	{ "request_id", SLO_JSON_STRING, true, 0, 0 }, { "trace_id", SLO_JSON_STRING, false, 0, 0 },
	{ "sli_name", SLO_JSON_STRING, true, 0, 0 },   { "sli_value", SLO_JSON_NUMBER, true, 0, 0 },
	{ "unit", SLO_JSON_STRING, true, 0, 0 },       { "status", SLO_JSON_STRING, true, 0, 0 },
	{ "labels", SLO_JSON_OBJECT, false, 0, 0 },
};

static int read_texts(const json_t *object, const struct text_row *rows, size_t count, void *to,
                      struct slo_err *err)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *v = json_object_get(object, rows[i].name);

		if (v && !json_is_string(v))
			return slo_err_set(err, -EINVAL, "field \"%s\" is not a string",
			                   rows[i].name);
		if (!v && rows[i].required)
			return slo_err_set(err, -EINVAL, "required field \"%s\" is missing",
			                   rows[i].name);
		*(const char **)(void *)((char *)to + rows[i].offset) =
			v ? json_string_value(v) : "";
	}
	return 0;
}

static int read_time(const char *text, int64_t *ret, struct slo_err *err)
{
	int r = slo_record_time_parse(text, ret, err);

	return r < 0 ? slo_err_wrap(err, -EINVAL, "field \"timestamp\"") : 0;
}

static int read_value(const char *field, const json_t *v, enum slo_sli sli, double *ret,
                      struct slo_err *err)
{
	const struct slo_sli_desc *d = slo_sli_desc(sli);
	double x = json_number_value(v);

	if (!v)
		return slo_err_set(err, -EINVAL, "required field \"%s\" is missing", field);
	if (!json_is_number(v))
		return slo_err_set(err, -EINVAL, "field \"%s\" is not a number", field);
	if (!(x >= 0 && x <= d->max))
		return slo_err_set(err, -EINVAL, "field \"%s\": %g is outside 0 to %g %s", field, x,
		                   d->max, d->unit);
	*ret = x;
	return 0;
}

static int check_labels(json_t *labels, struct slo_err *err)
{
	for (void *it = json_object_iter(labels); it; it = json_object_iter_next(labels, it)) {
		if (!json_is_string(json_object_iter_value(it)))
			return slo_err_set(err, -EINVAL,
			                   "field \"labels\": " SLO_JSON_QUOTED " is not a string",
			                   json_object_iter_key(it));
	}
	return 0;
}

static int read_status(const char *name, enum slo_sli_status *ret, struct slo_err *err)
{
	for (int i = 0; i < SLO_SLI_STATUS_MAX_; i++) {
		if (strcmp(slo_sli_status_name((enum slo_sli_status)i), name) == 0) {
			*ret = (enum slo_sli_status)i;
			return 0;
		}
	}
	return slo_err_set(err, -EINVAL,
	                   "field \"status\": " SLO_JSON_QUOTED " is not ok, warning or breach",
	                   name);
}

int slo_sli_event_from_json(json_t *object, struct slo_sli_event *ret, struct slo_err *err)
{
	struct slo_sli_event ev = { 0 };
	const char *name, *unit;
	int r = slo_json_check_object(object, event_fields, SLO_ARRAY_SIZE(event_fields), err);

	if (r < 0)
		return r;
	r = read_texts(object, common_rows, SLO_ARRAY_SIZE(common_rows), &ev, err);
	if (r < 0)
		return r;
	ev.event_id = slo_json_get_str(object, "event_id");
	r = read_time(slo_json_get_str(object, "timestamp"), &ev.unix_ns, err);
	if (r < 0)
		return r;
	name = slo_json_get_str(object, "sli_name");
	if (slo_sli_from_name(name, &ev.sli) < 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"sli_name\": " SLO_JSON_QUOTED " is no indicator", name);
	unit = slo_json_get_str(object, "unit");
	if (strcmp(unit, slo_sli_desc(ev.sli)->unit) != 0)
		return slo_err_set(err, -EINVAL,
		                   "field \"unit\": " SLO_JSON_QUOTED ", but %s is in %s", unit,
		                   slo_sli_desc(ev.sli)->name, slo_sli_desc(ev.sli)->unit);
	r = read_status(slo_json_get_str(object, "status"), &ev.status, err);
	if (r == 0)
		r = read_value("sli_value", json_object_get(object, "sli_value"), ev.sli, &ev.value,
		               err);
	if (r == 0)
		r = check_labels(json_object_get(object, "labels"), err);
	if (r == 0)
		*ret = ev;
	return r;
}

int slo_sli_sample_from_json(json_t *object, struct slo_sli_sample *ret, struct slo_err *err)
{
	struct slo_sli_sample s = { 0 };
	const json_t *labels = json_object_get(object, "labels");
	const json_t *source;
	int r = read_texts(object, sample_rows, SLO_ARRAY_SIZE(sample_rows), &s, err);

	if (r == 0)
		r = read_texts(object, common_rows, SLO_ARRAY_SIZE(common_rows), &s.common, err);
	if (r == 0)
		r = read_time(s.timestamp, &s.common.unix_ns, err);
	for (size_t i = 0; i < SLO_SLI_MAX_; i++)
		s.value[i] = NAN;
	for (size_t i = 0; r == 0 && i < SLO_ARRAY_SIZE(sample_slis); i++) {
		const char *name = slo_sli_desc(sample_slis[i])->name;

		r = read_value(name, json_object_get(object, name), sample_slis[i],
		               &s.value[sample_slis[i]], err);
	}
	if (r < 0)
		return r;
	if (labels && !json_is_object(labels))
		return slo_err_set(err, -EINVAL, "field \"labels\" is not an object");
	source = json_object_get(labels, "source");
	if (source && !json_is_string(source))
		return slo_err_set(err, -EINVAL, "field \"labels\": \"source\" is not a string");
	if (source)
		s.source = json_string_value(source);
	s.synthetic = json_is_true(json_object_get(object, "synthetic")) ||
	              strcmp(s.source, "synthetic") == 0;
	s.common.event_id = "";
	*ret = s;
	return 0;
}

/* The instant as Go's RFC3339Nano prints it: without trailing zeros of the fraction, in the offset it came in. */
static void write_time(struct slo_jsonw *w, const char *text)
{
	char kept[64];
	const char *fraction = strchr(text, '.');
	size_t len, digits;

	slo_jsonw_key(w, "timestamp");
	if (!fraction || strlen(text) >= sizeof(kept)) {
		slo_jsonw_str(w, text);
		return;
	}
	digits = strspn(fraction + 1, "0123456789");
	len = digits < 9 ? digits : 9;
	while (len > 0 && fraction[len] == '0')
		len--;
	/* The dot goes with the last digit. */
	(void)snprintf(kept, sizeof(kept), "%.*s%s",
	               (int)(fraction - text + (len ? (ptrdiff_t)len + 1 : 0)), text,
	               fraction + 1 + digits);
	slo_jsonw_str(w, kept);
}

void slo_sli_sample_write_sli(struct slo_jsonw *w, const struct slo_sli_sample *sample,
                              enum slo_sli sli)
{
	const struct slo_sli_desc *d = slo_sli_desc(sli);
	const struct slo_sli_event *ev = &sample->common;
	char id[SLO_SLI_SAMPLE_ID_MAX + 32];

	(void)snprintf(id, sizeof(id), "%.*s-%s", SLO_SLI_SAMPLE_ID_MAX, ev->request_id, d->name);
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "event_id", id);
	write_time(w, sample->timestamp);
	slo_jsonw_member_str(w, "cluster", ev->cluster);
	slo_jsonw_member_str(w, "namespace", ev->k8s_namespace);
	slo_jsonw_member_str(w, "workload", ev->workload);
	slo_jsonw_member_str(w, "service", ev->service);
	slo_jsonw_member_str(w, "request_id", ev->request_id);
	if (*ev->trace_id)
		slo_jsonw_member_str(w, "trace_id", ev->trace_id);
	slo_jsonw_member_str(w, "sli_name", d->name);
	slo_jsonw_member_double(w, "sli_value", sample->value[sli]);
	slo_jsonw_member_str(w, "unit", d->unit);
	slo_jsonw_member_str(w, "status",
	                     slo_sli_status_name(slo_sli_status_of(sli, sample->value[sli])));
	slo_jsonw_key(w, "labels");
	slo_jsonw_object_begin(w);
	if (*sample->fault_label)
		slo_jsonw_member_str(w, "fault_label", sample->fault_label);
	if (*sample->node)
		slo_jsonw_member_str(w, "node", sample->node);
	slo_jsonw_member_str(w, "source", *sample->source ? sample->source : "unspecified");
	slo_jsonw_object_end(w);
	slo_jsonw_object_end(w);
}
