/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

#include <stdlib.h>
#include <unistd.h>

#include "test/unit/base/fail_alloc.h"

static const struct {
	const char *name;
	enum slo_config_format format;
	const char *text;
} rows[] = {
	{ "ini", SLO_CONFIG_INI,
	  "[agent]\nemit = all\n[slo.a]\nservice = s\nsli = ttft_ms\nthreshold = 1\nobjective = .9\n" },
	{ "yaml", SLO_CONFIG_YAML,
	  "kind: ToolkitConfig\nsignal_set: [dns_latency_ms]\notlp: {endpoint: 'http://a'}\n" },
	{ "openslo", SLO_CONFIG_YAML,
	  "apiVersion: openslo/v1\nkind: SLO\nmetadata:\n  name: a\nspec:\n  service: chat\n"
	  "  indicator:\n    metadata:\n      name: ttft_ms\n    spec: {thresholdMetric: {metricSource: "
	  "{type: Prometheus, spec: {query: q}}}}\n  timeWindow: [{duration: 28d, isRolling: true}]\n"
	  "  budgetingMethod: Occurrences\n  objectives: [{op: lte, value: 800, target: 0.99}]\n" },
};

/*
 * Fails the n-th allocation in turn, libyaml's too: each time an error and nothing left behind, at last a result; none is
 * had of a text that was read in part.
 */
static void every_allocation_may_fail(void **state)
{
	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct slo_config_text file = { rows[i].format, "test", rows[i].text,
			                              strlen(rows[i].text) };
		struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
		int n = 0;

		for (; !cfg; n++) {
			bool failed;
			int r;

			assert_true(n < 1000);
			fail_alloc_after = n;
			r = slo_config_parse(&cfg, &file, &issues, &error);
			failed = fail_alloc_after < 0;
			fail_alloc_after = -1;
			if ((r == 0) != !failed)
				fail_msg("%s, allocation %d: %d %s", rows[i].name, n, r,
				         issues.count ? issues.item[0].text : error.msg);
			assert_true((r == 0) == (cfg != NULL));
			assert_true(r == 0 || r == -ENOMEM || (r == -EINVAL && issues.errors > 0));
		}
		assert_true(n > (rows[i].format == SLO_CONFIG_YAML ? 5 : 1));
	}
}

/* The same of a file, which is opened and read as well. */
static void every_allocation_of_a_file_may_fail(void **state)
{
	char path[] = "/tmp/slo_config_alloc.XXXXXX";
	const struct slo_config_sources src = { .path = path };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	int fd = mkstemp(path), n = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, rows[0].text, strlen(rows[0].text)), strlen(rows[0].text));
	(void)close(fd);
	for (; FAIL_ALLOC && !cfg; n++) {
		bool failed;
		int r;

		assert_true(n < 1000);
		fail_alloc_after = n;
		r = slo_config_load(&cfg, &src, &issues, &error);
		failed = fail_alloc_after < 0;
		fail_alloc_after = -1;
		assert_true((r == 0) == !failed && (r == 0) == (cfg != NULL));
	}
	(void)unlink(path);
	if (!FAIL_ALLOC)
		skip();
	assert_true(n > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(every_allocation_of_a_file_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
