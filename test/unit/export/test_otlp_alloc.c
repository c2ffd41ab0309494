/* SPDX-License-Identifier: Apache-2.0 */
/* The way out with the n-th allocation failing in turn: what was given is kept or counted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/export/otlp_exporter.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/base/remove_dir.h"

static const struct slo_workload self = { "c1", "node1", "", "", "", "", "", "" };
static const struct slo_workload pod = { "c1",    "node1", "ns",  "pod-1",
	                                 "uid-1", "main",  "abc", "gateway" };
static struct slo_http_client *client;
static char dir[64];

static struct slo_otlp_exporter_config config(void)
{
	return (struct slo_otlp_exporter_config){ .endpoint = "http://127.0.0.1:9", /* nobody */
		                                  .headers = "authorization=Basic%20abc, x-b = c",
		                                  .gzip = true,
		                                  .timeout_ms = 2000,
		                                  .queue_bytes = 1 << 20,
		                                  .spool_dir = dir,
		                                  .spool_bytes = 1 << 20,
		                                  .self = &self,
		                                  .version = "1",
		                                  .client = client };
}

static void clean(void)
{
	empty_dir(dir);
}

static int make(void **state)
{
	const struct slo_http_client_config cfg = { .max_requests = 4, .user_agent = "test/1" };

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo_otlp_alloc.XXXXXX");
	return !mkdtemp(dir) || slo_http_client_new(&client, &cfg, NULL) < 0;
}

static int unmake(void **state)
{
	(void)state;
	slo_http_client_freep(&client);
	clean();
	return rmdir(dir);
}

static void making_one_may_fail(void **state)
{
	const struct slo_otlp_exporter_config cfg = config();
	struct slo_otlp_exporter *x = NULL;
	int n = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (; !x; n++) {
		struct slo_err err = { 0 };
		int r;

		assert_true(n < 200);
		fail_alloc_after = n;
		r = slo_otlp_exporter_new(&x, &cfg, &err);
		if (fail_alloc_after >= 0)
			assert_int_equal(r, 0);
		fail_alloc_after = -1;
		assert_true(r == 0 ? x != NULL : !x && *err.msg);
	}
	assert_true(n > 8);
	slo_otlp_exporter_freep(&x);
	clean();
}

static void give_spans(struct slo_otlp_exporter *x, uint8_t *body)
{
	slo_otlp_exporter_traces(x, body, 400, 1);
}

static void give_event(struct slo_otlp_exporter *x, uint8_t *body)
{
	const struct slo_probe_event ev = { .signal = SLO_SIG_DNS_LATENCY,
		                            .kind = SLO_EV_SAMPLE,
		                            .start_ns = 1700000000000000000,
		                            .value_ns = 50 * SLO_NS_PER_MS };
	const struct slo_otlp_link link = { .confidence = 0 };

	free(body);
	slo_otlp_exporter_event(x, &ev, SLO_STATUS_WARNING, &pod, &link, true);
}

static void give_notice(struct slo_otlp_exporter *x, uint8_t *body)
{
	const struct slo_notice n = { .kind = SLO_NOTICE_OPEN,
		                      .severity = SLO_SEVERITY_ERROR,
		                      .id = "i-1",
		                      .dedup_key = "k",
		                      .incident_id = "i",
		                      .summary = "it burns",
		                      .cluster = "c",
		                      .namespace_ = "n",
		                      .service = "s",
		                      .slo = "slo",
		                      .sli = "ttft_ms",
		                      .domain = "network_dns",
		                      .next_step = "look",
		                      .json = "{}",
		                      .json_len = 2 };

	free(body);
	slo_otlp_exporter_notice(x, &n, &pod);
}

static void give_metric(struct slo_otlp_exporter *x, uint8_t *body)
{
	static const struct slo_metric_desc desc = { "up", "Up.", "1", SLO_METRIC_GAUGE };
	const struct slo_metric_series series = { .value = 1 };

	free(body);
	slo_otlp_exporter_metrics_begin(x, 1700000000000000000);
	slo_otlp_exporter_metric(x, &desc, &series);
	slo_otlp_exporter_metrics_end(x);
}

/* One thing given, the @n-th allocation failing: it waits or is counted. False: none failed. */
static bool give_one(void (*give)(struct slo_otlp_exporter *x, uint8_t *body), int n)
{
	const struct slo_otlp_exporter_config cfg = config();
	struct slo_otlp_exporter *x = NULL;
	struct slo_otlp_exporter_stats st;
	uint8_t *body = calloc(1, 400);
	uint64_t dropped = 0;
	bool failed;

	assert_non_null(body);
	assert_int_equal(slo_otlp_exporter_new(&x, &cfg, NULL), 0);
	fail_alloc_after = n;
	give(x, body);
	slo_otlp_exporter_tick(x, slo_clock_monotonic_ns() + 2 * SLO_NS_PER_SEC);
	failed = fail_alloc_after < 0;
	fail_alloc_after = -1;
	/* What could not be sent for want of memory still goes. */
	slo_otlp_exporter_tick(x, slo_clock_monotonic_ns() + 4 * SLO_NS_PER_SEC);
	slo_otlp_exporter_stats(x, &st);
	for (int k = 0; k < SLO_OTLP_KIND_MAX_; k++)
		dropped += st.dropped[k];
	if (st.queue_batches + st.spool_batches + dropped != 1)
		fail_msg("allocation %d: %d wait, %d dropped", n,
		         (int)(st.queue_batches + st.spool_batches), (int)dropped);
	slo_otlp_exporter_freep(&x);
	clean();
	return failed;
}

static void what_is_given_is_kept_or_counted(void **state)
{
	static void (*const rows[])(struct slo_otlp_exporter * x,
	                            uint8_t * body) = { give_spans, give_event, give_notice,
		                                        give_metric };

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		int n = 0;

		while (give_one(rows[i], n))
			assert_true(++n < 500);
		assert_true(n > 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(making_one_may_fail),
		cmocka_unit_test(what_is_given_is_kept_or_counted),
	};

	return cmocka_run_group_tests_name("otlp_alloc", tests, make, unmake);
}
