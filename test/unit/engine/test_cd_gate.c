/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/cd_gate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct slo_cd_gate gate = { .threshold = { 800, 0.05, 2 } };
static const struct slo_cd_gate open_gate = { .threshold = { 800, 0.05, 2 }, .fail_open = true };

/* One letter a metric: p(ass), f(ail), n(o data), b(ackend error). */
static struct slo_cd_result decide(const struct slo_cd_gate *g, const char *kinds)
{
	struct slo_cd_reading r[SLO_CD_METRIC_MAX_] = { 0 };
	struct slo_cd_result result;

	for (int i = 0; i < SLO_CD_METRIC_MAX_; i++) {
		if (kinds[i] == 'p' || kinds[i] == 'f') {
			r[i].answer = SLO_CD_VALUE;
			r[i].value = kinds[i] == 'p' ? 0 : g->threshold[i] + 1;
		} else if (kinds[i] == 'n') {
			r[i].answer = SLO_CD_NO_DATA;
		}
	}
	slo_cd_decide(g, r, &result);
	return result;
}

/* All 64 combinations against the rule in words. */
static void a_failure_beats_an_error_beats_no_data(void **state)
{
	(void)state;
	for (int n = 0; n < 64; n++) {
		const char kinds[4] = { "pfnb"[n % 4], "pfnb"[n / 4 % 4], "pfnb"[n / 16], 0 };
		struct slo_cd_result closed = decide(&gate, kinds),
				     open = decide(&open_gate, kinds);
		enum slo_cd_verdict expected = strchr(kinds, 'f')   ? SLO_CD_FAIL
		                               : strchr(kinds, 'b') ? SLO_CD_BROKEN
		                               : strchr(kinds, 'n') ? SLO_CD_INCONCLUSIVE
		                                                    : SLO_CD_PASS;
		bool helped = expected == SLO_CD_BROKEN || expected == SLO_CD_INCONCLUSIVE;

		assert_int_equal(closed.verdict, expected);
		assert_false(closed.degraded);
		assert_int_equal(open.verdict, helped ? SLO_CD_PASS : expected);
		assert_int_equal(open.degraded, helped);
	}
}

static enum slo_cd_verdict judge(const struct slo_cd_gate *g, double value, int64_t at_ns)
{
	struct slo_cd_reading r[SLO_CD_METRIC_MAX_] = { { .answer = SLO_CD_VALUE },
		                                        { .answer = SLO_CD_VALUE },
		                                        { .answer = SLO_CD_VALUE } };
	struct slo_cd_result result;

	r[SLO_CD_TTFT_P95].value = value;
	r[SLO_CD_TTFT_P95].at_ns = at_ns;
	slo_cd_decide(g, r, &result);
	assert_true(r[SLO_CD_TTFT_P95].answer == SLO_CD_VALUE ||
	            strlen(r[SLO_CD_TTFT_P95].why) > 0);
	return result.verdict;
}

static void comparison_is_strict(void **state)
{
	(void)state;
	assert_int_equal(judge(&gate, 800, 0), SLO_CD_PASS);
	assert_int_equal(judge(&gate, nextafter(800, 900), 0), SLO_CD_FAIL);
	assert_int_equal(judge(&gate, INFINITY, 0), SLO_CD_FAIL);
}

static void impossible_values_are_no_data(void **state)
{
	(void)state;
	assert_int_equal(judge(&gate, NAN, 0), SLO_CD_INCONCLUSIVE);
	assert_int_equal(judge(&gate, -0.1, 0), SLO_CD_INCONCLUSIVE);
	assert_int_equal(judge(&gate, -INFINITY, 0), SLO_CD_INCONCLUSIVE);
}

static void stale_values_are_no_data(void **state)
{
	struct slo_cd_gate timed = gate;

	(void)state;
	timed.now_ns = INT64_C(1000000000000);
	timed.max_age_ns = INT64_C(300000000000);
	assert_int_equal(judge(&timed, 900, INT64_C(700000000000)), SLO_CD_FAIL);
	assert_int_equal(judge(&timed, 900, INT64_C(699999999999)), SLO_CD_INCONCLUSIVE);
	/* Without a time nobody can tell. */
	assert_int_equal(judge(&timed, 900, 0), SLO_CD_FAIL);
}

static void queries_are_those_of_the_contract(void **state)
{
	char q[SLO_CD_QUERY_MAX];

	(void)state;
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_TTFT_P95, NULL, NULL, q, NULL), 0);
	assert_string_equal(
		q, "histogram_quantile(0.95, sum(rate(llm_slo_ttft_ms_bucket[5m])) by (le))");
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_ERROR_RATE, "", "", q, NULL), 0);
	assert_string_equal(
		q, "sum(rate(llm_slo_errors_total[5m])) / sum(rate(llm_slo_requests_total[5m]))");
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_BURN_RATE, NULL, NULL, q, NULL), 0);
	assert_string_equal(q, "max(llm_slo_burn_rate{window=\"1h\"})");
}

static void service_and_selector_narrow_every_place(void **state)
{
	char q[SLO_CD_QUERY_MAX];

	(void)state;
	assert_int_equal(
		slo_cd_query(SLO_CD_OURS, SLO_CD_ERROR_RATE, "a\"b\\", "pod!=\"}\"", q, NULL), 0);
	assert_string_equal(
		q, "sum(rate(llm_slo_errors_total{service=\"a\\\"b\\\\\",pod!=\"}\"}[5m])) / "
		   "sum(rate(llm_slo_requests_total{service=\"a\\\"b\\\\\",pod!=\"}\"}[5m]))");
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_BURN_RATE, "a", NULL, q, NULL), 0);
	assert_string_equal(q, "max(llm_slo_burn_rate{window=\"1h\",service=\"a\"})");
}

static void selectors_cannot_leave_their_braces(void **state)
{
	static const char *const bad[] = { "a=\"b\"} or up{", "a=\"b",    "a=\"b\"[5m]",
		                           "a=\"\\\"}",       "a=\"b\"#", "a=\"b\"\nor up{}",
		                           "a=`\\`}`" };
	char q[SLO_CD_QUERY_MAX], long_one[SLO_CD_QUERY_MAX];
	struct slo_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_TTFT_P95, NULL, bad[i], q, &err),
		                 -EINVAL);
	memset(long_one, 'a', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_TTFT_P95, long_one, NULL, q, &err),
	                 -ENOSPC);
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_TTFT_P95, NULL, long_one, q, &err),
	                 -ENOSPC);
	long_one[SLO_CD_QUERY_MAX / 4 - 20] = '\0';
	assert_int_equal(slo_cd_query(SLO_CD_OURS, SLO_CD_ERROR_RATE, NULL, long_one, q, &err), 0);
	assert_non_null(strstr(q, "[5m])) / sum("));
}

/* Whatever narrows a query stands in every selector of it, and the braces stay balanced. */
static void presets_are_narrowed_everywhere(void **state)
{
	char q[SLO_CD_QUERY_MAX];

	(void)state;
	for (int p = 0; p < SLO_CD_PRESET_MAX_; p++) {
		assert_non_null(slo_cd_preset_names[p]);
		for (int m = 0; m < SLO_CD_METRIC_MAX_; m++) {
			int selectors = 0, narrowed = 0;

			assert_int_equal(slo_cd_query((enum slo_cd_preset)p, (enum slo_cd_metric)m,
			                              "x", "a=\"b\"", q, NULL),
			                 0);
			assert_null(strchr(q, '@'));
			for (const char *at = q; (at = strchr(at, '{')); at++)
				selectors++;
			for (const char *at = q; (at = strstr(at, "=\"x\",a=\"b\"}")); at++)
				narrowed++;
			assert_true(selectors >= 1);
			assert_int_equal(selectors, narrowed);
		}
	}
	assert_null(slo_cd_preset_names[SLO_CD_PRESET_MAX_]);
	assert_int_equal(slo_cd_query(SLO_CD_VLLM, SLO_CD_ERROR_RATE, NULL, NULL, q, NULL), 0);
	assert_string_equal(q,
	                    "(sum(rate(vllm:request_success_total{finished_reason=~\"abort|error\"}"
	                    "[5m])) or vector(0)) / sum(rate(vllm:request_success_total[5m]))");
}

/* Prometheus answers no quantile above the histogram's highest bound, however late requests are. */
static void thresholds_above_the_histogram_could_never_fail(void **state)
{
	struct slo_cd_gate tight = { .threshold = { 9999, 0.05, 2 } };
	struct slo_err err = { 0 };

	(void)state;
	for (int p = 0; p < SLO_CD_PRESET_MAX_; p++)
		assert_int_equal(slo_cd_can_fail((enum slo_cd_preset)p, &tight, NULL), 0);
	tight.threshold[SLO_CD_TTFT_P95] = 10000;
	assert_int_equal(slo_cd_can_fail(SLO_CD_OURS, &tight, &err), -ERANGE);
	assert_non_null(strstr(err.msg, "ends at 10000 ms"));
	assert_int_equal(slo_cd_can_fail(SLO_CD_OTEL, &tight, NULL), -ERANGE);
	assert_int_equal(slo_cd_can_fail(SLO_CD_VLLM, &tight, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thresholds_above_the_histogram_could_never_fail),
		cmocka_unit_test(a_failure_beats_an_error_beats_no_data),
		cmocka_unit_test(comparison_is_strict),
		cmocka_unit_test(impossible_values_are_no_data),
		cmocka_unit_test(stale_values_are_no_data),
		cmocka_unit_test(queries_are_those_of_the_contract),
		cmocka_unit_test(service_and_selector_narrow_every_place),
		cmocka_unit_test(selectors_cannot_leave_their_braces),
		cmocka_unit_test(presets_are_narrowed_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
