/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/prometheus.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct slo_metric_desc counter = { "a_total", "Things \\ of\nmany \"lines\"", "1",
	                                        SLO_METRIC_COUNTER };
static const struct slo_metric_desc gauge = { "b", "Level", "1", SLO_METRIC_GAUGE };
static const struct slo_metric_desc hist = { "c_ms", "Times", "ms", SLO_METRIC_HISTOGRAM };

static void all(struct slo_prometheus *p)
{
	static const double bounds[] = { 0.5, 2 };
	static const uint64_t buckets[] = { 1, 0, 2 };
	static struct slo_exemplar ex[3] = { [2] = { .value = 7.5,
		                                     .unix_ns = INT64_C(1700000000250000000),
		                                     .trace_id = { 0xab, 1 },
		                                     .span_id = { 0xff } } };
	const struct slo_metric_series one = { .label = { { "x", "a\"b\\c\nd" },
		                                          { "y", "\xff\xc3\xa4\xc3" } },
		                               .label_count = 2,
		                               .value = 12345678901 };
	const struct slo_metric_series two = { .value = NAN };
	const struct slo_metric_series three = { .bounds = bounds,
		                                 .bound_count = 2,
		                                 .buckets = buckets,
		                                 .count = 3,
		                                 .sum = 15.25,
		                                 .exemplars = ex };

	slo_prometheus_series(p, &counter, &one);
	slo_prometheus_series(p, &counter, &(struct slo_metric_series){ .value = 0 });
	slo_prometheus_series(p, &gauge, &two);
	slo_prometheus_series(p, &hist, &three);
}

static void expect(enum slo_prometheus_format format, const char *expected)
{
	struct slo_prometheus p;
	char *text = NULL;
	size_t len = 0;

	slo_prometheus_init(&p, format);
	all(&p);
	assert_int_equal(slo_prometheus_finish(&p, &text, &len), 0);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
}

static void text_is_as_the_format_says(void **state)
{
	(void)state;
	expect(SLO_PROMETHEUS_TEXT,
	       "# HELP a_total Things \\\\ of\\nmany \"lines\"\n"
	       "# TYPE a_total counter\n"
	       "a_total{x=\"a\\\"b\\\\c\\nd\",y=\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\"}"
	       " 12345678901\n"
	       "a_total 0\n"
	       "# HELP b Level\n# TYPE b gauge\nb NaN\n"
	       "# HELP c_ms Times\n# TYPE c_ms histogram\n"
	       "c_ms_bucket{le=\"0.5\"} 1\n"
	       "c_ms_bucket{le=\"2\"} 1\n"
	       "c_ms_bucket{le=\"+Inf\"} 3\n"
	       "c_ms_sum 15.25\nc_ms_count 3\n");
}

static void openmetrics_has_exemplars_and_an_end(void **state)
{
	(void)state;
	expect(SLO_PROMETHEUS_OPENMETRICS,
	       "# HELP a Things \\\\ of\\nmany \\\"lines\\\"\n"
	       "# TYPE a counter\n"
	       "a_total{x=\"a\\\"b\\\\c\\nd\",y=\"\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\"} 12345678901\n"
	       "a_total 0\n"
	       "# HELP b Level\n# TYPE b gauge\nb NaN\n"
	       "# HELP c_ms Times\n# TYPE c_ms histogram\n"
	       "c_ms_bucket{le=\"0.5\"} 1\n"
	       "c_ms_bucket{le=\"2.0\"} 1\n"
	       "c_ms_bucket{le=\"+Inf\"} 3"
	       " # {trace_id=\"ab010000000000000000000000000000\",span_id=\"ff00000000000000\"}"
	       " 7.5 1700000000.250\n"
	       "c_ms_sum 15.25\nc_ms_count 3\n# EOF\n");
}

static void accept_decides(void **state)
{
	static const struct {
		const char *accept;
		enum slo_prometheus_format format;
	} rows[] = {
		{ "", SLO_PROMETHEUS_TEXT },
		{ "*/*", SLO_PROMETHEUS_TEXT },
		{ "text/plain", SLO_PROMETHEUS_TEXT },
		{ "application/openmetrics-text", SLO_PROMETHEUS_OPENMETRICS },
		{ "application/openmetrics-text; version=0.0.1", SLO_PROMETHEUS_TEXT },
		/* Prometheus 2.42 */
		{ "application/openmetrics-text;version=1.0.0,application/"
		  "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		  SLO_PROMETHEUS_OPENMETRICS },
		/* Prometheus 3 */
		{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/"
		  "plain;version=0.0.4;q=0.3,*/*;q=0.2",
		  SLO_PROMETHEUS_OPENMETRICS },
		{ "text/plain;q=0.9,application/openmetrics-text;q=0.5", SLO_PROMETHEUS_TEXT },
		{ "application/openmetrics-text;q=0", SLO_PROMETHEUS_TEXT },
		{ ",;q=,", SLO_PROMETHEUS_TEXT },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		assert_int_equal(slo_prometheus_negotiate(rows[i].accept), rows[i].format);
}

static void what_is_too_long_is_no_half_answer(void **state)
{
	struct slo_metric_series s = { .label = { { "x", "" } }, .label_count = 1 };
	char *value = malloc(1 << 20), *text = NULL;
	struct slo_prometheus p;
	size_t len = 7;

	(void)state;
	assert_non_null(value);
	memset(value, 'v', (1 << 20) - 1);
	value[(1 << 20) - 1] = '\0';
	s.label[0].value = value;
	slo_prometheus_init(&p, SLO_PROMETHEUS_TEXT);
	for (int i = 0; i < 65; i++)
		slo_prometheus_series(&p, &gauge, &s);
	assert_int_equal(slo_prometheus_finish(&p, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(len, 7);
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_as_the_format_says),
		cmocka_unit_test(openmetrics_has_exemplars_and_an_end),
		cmocka_unit_test(accept_decides),
		cmocka_unit_test(what_is_too_long_is_no_half_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
