/* SPDX-License-Identifier: Apache-2.0 */
/* Formats: prometheus/docs exposition_formats.md (0.0.4); OpenMetrics 1.0 (draft-richih-opsawg-openmetrics-00). */
#include "core/export/prometheus.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/jsonw.h"

#define TEXT_MAX (64U << 20)
#define FIRST_SIZE (64U << 10)
#define TOTAL "_total"
#define NUMBER_MAX 40

static const char *const content_types[] = {
	[SLO_PROMETHEUS_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
	[SLO_PROMETHEUS_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};
SLO_TABLE_COMPLETE(content_types, SLO_PROMETHEUS_MAX_);

static const char *const type_names[] = {
	[SLO_METRIC_COUNTER] = "counter",
	[SLO_METRIC_GAUGE] = "gauge",
	[SLO_METRIC_HISTOGRAM] = "histogram",
};
SLO_TABLE_COMPLETE(type_names, SLO_METRIC_TYPE_MAX_);

/* --- which format ---------------------------------------------------------------------------------------------- */

/* The q-value of one element of Accept, 0 where it is of another type or of a version that we do not write. */
static double weight_of(const char *element, size_t len, const char *type)
{
	size_t name = strcspn(element, ";, ");
	double q = 1;

	if (name > len)
		name = len;
	if (name != strlen(type) || strncasecmp(element, type, name) != 0)
		return 0;
	for (const char *at = element; (at = memchr(at, ';', len - (size_t)(at - element)));) {
		at += 1 + strspn(at + 1, " ");
		if (strncasecmp(at, "q=", 2) == 0)
			q = strtod(at + 2, NULL);
		else if (strncasecmp(at, "version=", 8) == 0 && at[8] != '1' &&
		         strcmp(type, "text/plain") != 0)
			return 0;
	}
	return q;
}

static double best_weight(const char *accept, const char *type)
{
	double best = 0;

	while (*accept) {
		size_t len = strcspn(accept, ",");
		double q = weight_of(accept, len, type);

		best = q > best ? q : best;
		accept += len;
		accept += strspn(accept, ", ");
	}
	return best;
}

enum slo_prometheus_format slo_prometheus_negotiate(const char *accept)
{
	double open = best_weight(accept, "application/openmetrics-text");

	return open > 0 && open >= best_weight(accept, "text/plain") ? SLO_PROMETHEUS_OPENMETRICS
	                                                             : SLO_PROMETHEUS_TEXT;
}

const char *slo_prometheus_content_type(enum slo_prometheus_format format)
{
	assert((unsigned int)format < SLO_PROMETHEUS_MAX_);
	return content_types[format];
}

/* --- text ------------------------------------------------------------------------------------------------------ */

void slo_prometheus_init(struct slo_prometheus *p, enum slo_prometheus_format format)
{
	*p = (struct slo_prometheus){ .format = format };
}

static bool has_room(struct slo_prometheus *p, size_t n)
{
	size_t size = p->size ? p->size : FIRST_SIZE;
	char *text;

	if (p->error)
		return false;
	if (p->len + n < p->size)
		return true;
	while (size <= p->len + n)
		size *= 2;
	if (size > TEXT_MAX) {
		p->error = -EFBIG;
		return false;
	}
	text = realloc(p->text, size);
	if (!text) {
		p->error = -ENOMEM;
		return false;
	}
	p->text = text;
	p->size = size;
	return true;
}

static void put_n(struct slo_prometheus *p, const char *s, size_t n)
{
	if (!has_room(p, n))
		return;
	memcpy(p->text + p->len, s, n);
	p->len += n;
}

static void put(struct slo_prometheus *p, const char *s)
{
	put_n(p, s, strlen(s));
}

/* One bad byte would cost the scraper everything: it becomes U+FFFD. Quotes are escaped in label values only. */
static void put_escaped(struct slo_prometheus *p, const char *s, bool quote)
{
	while (*s) {
		size_t plain = strcspn(s, quote ? "\\\n\"" : "\\\n"), i = 0;

		while (i < plain && (unsigned char)s[i] >= 0x01 && (unsigned char)s[i] < 0x80)
			i++;
		put_n(p, s, i);
		s += i;
		if (i < plain) {
			size_t n = slo_jsonw_utf8_length((const unsigned char *)s, plain - i);

			put_n(p, n ? s : "\xef\xbf\xbd", n ? n : 3);
			s += n ? n : 1;
		} else if (*s) {
			put(p, *s == '\n' ? "\\n" : *s == '"' ? "\\\"" : "\\\\");
			s++;
		}
	}
}

static void put_number(struct slo_prometheus *p, double v)
{
	char buf[NUMBER_MAX];
	struct slo_jsonw w;

	if (!isfinite(v)) {
		put(p, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_double(&w, v);
	put_n(p, buf, w.len);
}

/* OpenMetrics wants a bound to look like a float. */
static void put_bound(struct slo_prometheus *p, double v)
{
	put_number(p, v);
	if (p->format == SLO_PROMETHEUS_OPENMETRICS && isfinite(v) && v == floor(v) && v < 1e15)
		put(p, ".0");
}

static void put_u64(struct slo_prometheus *p, uint64_t v)
{
	char buf[NUMBER_MAX];
	struct slo_jsonw w;

	slo_jsonw_init(&w, buf, sizeof(buf));
	slo_jsonw_u64(&w, v);
	put_n(p, buf, w.len);
}

/* --- metrics ---------------------------------------------------------------------------------------------------- */

static size_t family_length(const struct slo_prometheus *p, const struct slo_metric_desc *desc)
{
	size_t n = strlen(desc->name), suffix = strlen(TOTAL);

	/* A counter's family has no suffix in OpenMetrics, its sample has. */
	if (p->format == SLO_PROMETHEUS_OPENMETRICS && desc->type == SLO_METRIC_COUNTER &&
	    n > suffix && strcmp(desc->name + n - suffix, TOTAL) == 0)
		return n - suffix;
	return n;
}

static void put_head(struct slo_prometheus *p, const struct slo_metric_desc *desc)
{
	size_t n = family_length(p, desc);

	put(p, "# HELP ");
	put_n(p, desc->name, n);
	put(p, " ");
	put_escaped(p, desc->help, p->format == SLO_PROMETHEUS_OPENMETRICS);
	put(p, "\n# TYPE ");
	put_n(p, desc->name, n);
	put(p, " ");
	put(p, type_names[desc->type]);
	put(p, "\n");
}

/* NAME{labels}, and le where @bound is given. */
static void put_series(struct slo_prometheus *p, const char *name, const char *suffix,
                       const struct slo_metric_series *s, const double *bound)
{
	put(p, name);
	put(p, suffix);
	for (size_t i = 0; i < s->label_count; i++) {
		put(p, i ? "," : "{");
		put(p, s->label[i].name);
		put(p, "=\"");
		put_escaped(p, s->label[i].value, true);
		put(p, "\"");
	}
	if (bound) {
		put(p, s->label_count ? ",le=\"" : "{le=\"");
		put_bound(p, *bound);
		put(p, "\"");
	}
	put(p, s->label_count || bound ? "} " : " ");
}

static void put_hex(struct slo_prometheus *p, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		const char two[] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		put_n(p, two, sizeof(two));
	}
}

static void put_exemplar(struct slo_prometheus *p, const struct slo_exemplar *e)
{
	char text[NUMBER_MAX];

	if (p->format != SLO_PROMETHEUS_OPENMETRICS || !e->unix_ns)
		return;
	put(p, " # {trace_id=\"");
	put_hex(p, e->trace_id, sizeof(e->trace_id));
	put(p, "\",span_id=\"");
	put_hex(p, e->span_id, sizeof(e->span_id));
	put(p, "\"} ");
	put_number(p, e->value);
	(void)snprintf(text, sizeof(text), " %lld.%03lld", (long long)(e->unix_ns / 1000000000),
	               (long long)(e->unix_ns / 1000000 % 1000));
	put(p, text);
}

static void put_histogram(struct slo_prometheus *p, const char *name,
                          const struct slo_metric_series *s)
{
	const double infinity = INFINITY;
	uint64_t sum = 0;

	for (size_t i = 0; i <= s->bound_count; i++) {
		sum += s->buckets[i];
		put_series(p, name, "_bucket", s, i < s->bound_count ? &s->bounds[i] : &infinity);
		put_u64(p, sum);
		if (s->exemplars)
			put_exemplar(p, &s->exemplars[i]);
		put(p, "\n");
	}
	put_series(p, name, "_sum", s, NULL);
	put_number(p, s->sum);
	put(p, "\n");
	put_series(p, name, "_count", s, NULL);
	put_u64(p, sum);
	put(p, "\n");
}

void slo_prometheus_series(void *user, const struct slo_metric_desc *desc,
                           const struct slo_metric_series *series)
{
	struct slo_prometheus *p = user;

	if (desc != p->last && (!p->last || strcmp(desc->name, p->last->name) != 0))
		put_head(p, desc);
	p->last = desc;
	if (desc->type == SLO_METRIC_HISTOGRAM) {
		put_histogram(p, desc->name, series);
		return;
	}
	put_series(p, desc->name, "", series, NULL);
	put_number(p, series->value);
	put(p, "\n");
}

int slo_prometheus_finish(struct slo_prometheus *p, char **ret_text, size_t *ret_len)
{
	int r;

	if (p->format == SLO_PROMETHEUS_OPENMETRICS)
		put(p, "# EOF\n");
	put_n(p, "", 1);
	r = p->error;
	if (r) {
		free(p->text);
	} else {
		*ret_text = p->text;
		*ret_len = p->len - 1;
	}
	*p = (struct slo_prometheus){ .format = p->format };
	return r;
}
