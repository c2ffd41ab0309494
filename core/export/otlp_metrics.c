/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_metrics.h"

#include <errno.h>
#include <metrics.pb-c.h>
#include <string.h>

#include "core/base/base.h"
#include "core/export/otlp_pairs.h"

#define CUMULATIVE 2
#define POINT_FIELD 1 /* of Gauge, Sum and Histogram */
#define NUMBER_ATTRIBUTES 7
#define HISTOGRAM_ATTRIBUTES 9

int slo_otlp_metrics_init(struct slo_otlp_metrics *m, const char *version)
{
	memset(m, 0, sizeof(*m));
	return slo_otlp_groups_init(&m->groups, version);
}

void slo_otlp_metrics_fini(struct slo_otlp_metrics *m)
{
	slo_otlp_groups_fini(&m->groups);
	for (size_t i = 0; i < SLO_OTLP_GROUPS_MAX; i++)
		slo_pb_buf_fini(&m->points[i]);
	slo_pb_buf_fini(&m->scratch);
}

/* Field of Metric that holds the data of each type. */
static const unsigned int data_fields[] = {
	[SLO_METRIC_COUNTER] = 7,
	[SLO_METRIC_GAUGE] = 5,
	[SLO_METRIC_HISTOGRAM] = 9,
};
SLO_TABLE_COMPLETE(data_fields, SLO_METRIC_TYPE_MAX_);

/* The open family of group @i becomes a whole Metric. */
static void close_family(struct slo_otlp_metrics *m, size_t i)
{
	const struct slo_metric_desc *desc = m->open[i];
	struct slo_pb_buf *points = &m->points[i], *metric = &m->scratch;
	struct slo_pb_buf *records = &m->groups.group[i].records;

	m->open[i] = NULL;
	if (!desc || !points->len)
		return;
	if (desc->type != SLO_METRIC_GAUGE)
		slo_pb_put_varint(points, 2, CUMULATIVE);
	if (desc->type == SLO_METRIC_COUNTER)
		slo_pb_put_varint(points, 3, true); /* monotonic */
	slo_pb_buf_reset(metric);
	slo_pb_put_string(metric, 1, desc->name);
	slo_pb_put_string(metric, 2, desc->help);
	slo_pb_put_string(metric, 3, desc->unit);
	slo_pb_put_bytes(metric, data_fields[desc->type], points->data, points->len);
	slo_pb_put_bytes(records, SLO_OTLP_RECORD_FIELD, metric->data, metric->len);
	records->failed = records->failed || metric->failed || points->failed;
}

/* The data point, its labels as the last field. */
static void put_point(struct slo_pb_buf *points, const ProtobufCMessage *point,
                      const struct slo_metric_series *s, uint32_t field)
{
	struct slo_otlp_pairs labels;

	slo_otlp_pairs_init(&labels, field);
	for (size_t i = 0; i < s->label_count; i++)
		slo_otlp_pairs_str(&labels, s->label[i].name, s->label[i].value);
	slo_pb_put_message_and(points, POINT_FIELD, point, labels.bytes, labels.len);
}

static void put_number(struct slo_pb_buf *points, const struct slo_metric_series *s,
                       int64_t unix_ns, bool counter)
{
	SloProto__NumberDataPoint p = SLO_PROTO__NUMBER_DATA_POINT__INIT;

	p.time_unix_nano = (uint64_t)unix_ns;
	p.start_time_unix_nano = counter ? (uint64_t)s->start_unix_ns : 0;
	p.value_case = SLO_PROTO__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
	p.as_double = s->value;
	put_point(points, &p.base, s, NUMBER_ATTRIBUTES);
}

static void fill_exemplar(SloProto__Exemplar *e, const struct slo_exemplar *from)
{
	slo_proto__exemplar__init(e);
	e->time_unix_nano = (uint64_t)from->unix_ns;
	e->value_case = SLO_PROTO__EXEMPLAR__VALUE_AS_DOUBLE;
	e->as_double = from->value;
	e->trace_id.data = (uint8_t *)(uintptr_t)from->trace_id;
	e->trace_id.len = sizeof(from->trace_id);
	e->span_id.data = (uint8_t *)(uintptr_t)from->span_id;
	e->span_id.len = sizeof(from->span_id);
}

static void put_histogram(struct slo_pb_buf *points, const struct slo_metric_series *s,
                          int64_t unix_ns)
{
	SloProto__HistogramDataPoint p = SLO_PROTO__HISTOGRAM_DATA_POINT__INIT;
	SloProto__Exemplar exemplar[SLO_OTLP_EXEMPLARS_MAX], *row[SLO_OTLP_EXEMPLARS_MAX];
	size_t count = 0;

	for (size_t i = 0; s->exemplars && i <= s->bound_count && count < SLO_ARRAY_SIZE(row);
	     i++) {
		if (!s->exemplars[i].unix_ns)
			continue;
		fill_exemplar(&exemplar[count], &s->exemplars[i]);
		row[count] = &exemplar[count];
		count++;
	}
	p.time_unix_nano = (uint64_t)unix_ns;
	p.start_time_unix_nano = (uint64_t)s->start_unix_ns;
	p.count = s->count;
	p.known_case = SLO_PROTO__HISTOGRAM_DATA_POINT__KNOWN_SUM;
	p.sum = s->sum;
	p.n_bucket_counts = s->bound_count + 1;
	p.bucket_counts = (uint64_t *)(uintptr_t)s->buckets;
	p.n_explicit_bounds = s->bound_count;
	p.explicit_bounds = (double *)(uintptr_t)s->bounds;
	p.n_exemplars = count;
	p.exemplars = row;
	put_point(points, &p.base, s, HISTOGRAM_ATTRIBUTES);
}

int slo_otlp_metrics_add(struct slo_otlp_metrics *m, const struct slo_metric_desc *desc,
                         const struct slo_metric_series *series, const struct slo_workload *self,
                         const char *version)
{
	bool own = !series->workload;
	size_t before = m->groups.count;
	struct slo_otlp_group *g =
		slo_otlp_groups_of(&m->groups, own ? self : series->workload,
	                           own ? "llm-slo-agent" : "", own ? version : "");
	struct slo_pb_buf *points;
	size_t i;

	assert(desc);
	if (!g)
		return before == SLO_OTLP_GROUPS_MAX ? -ENOSPC : -ENOMEM;
	i = (size_t)(g - m->groups.group);
	points = &m->points[i];
	if (m->groups.count > before)
		m->open[i] = NULL;
	if (m->open[i] != desc) {
		close_family(m, i);
		slo_pb_buf_reset(points);
		m->open[i] = desc;
	}
	if (desc->type == SLO_METRIC_HISTOGRAM) {
		put_histogram(points, series, m->unix_ns);
	} else {
		put_number(points, series, m->unix_ns, desc->type == SLO_METRIC_COUNTER);
	}
	m->items++;
	return points->failed ? -ENOMEM : 0;
}

uint8_t *slo_otlp_metrics_take(struct slo_otlp_metrics *m, size_t *ret_len)
{
	for (size_t i = 0; i < m->groups.count; i++)
		close_family(m, i);
	m->items = 0;
	return slo_otlp_groups_take(&m->groups, ret_len);
}
