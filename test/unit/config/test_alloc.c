/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

#include "test/unit/base/fail_alloc.h"

/* Fails the n-th allocation in turn, libyaml's too: each time an error and nothing left behind, at last a result. */
static void every_allocation_may_fail(void **state)
{
	static const char yaml_text[] =
		"kind: ToolkitConfig\nsignal_set: [dns_latency_ms]\notlp: {endpoint: 'http://a'}\n";
	static const char ini_text[] =
		"[agent]\nemit = all\n[slo.a]\nservice = s\nsli = ttft_ms\nthreshold = 1\nobjective = .9\n";
	int failures[2] = { 0 };

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int format = SLO_CONFIG_INI; format <= SLO_CONFIG_YAML; format++) {
		const char *text = format == SLO_CONFIG_YAML ? yaml_text : ini_text;
		const struct slo_config_text file = { (enum slo_config_format)format, "test", text,
			                              strlen(text) };
		struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;

		for (int n = 0; !cfg; n++) {
			int r;

			assert_true(n < 1000);
			fail_alloc_after = n;
			r = slo_config_parse(&cfg, &file, &issues, &error);
			fail_alloc_after = -1;
			assert_true((r == 0) == (cfg != NULL));
			assert_true(r == 0 || r == -ENOMEM || (r == -EINVAL && issues.errors > 0));
			failures[format] += r < 0;
		}
	}
	assert_true(failures[SLO_CONFIG_INI] >= 1);
	assert_true(failures[SLO_CONFIG_YAML] > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
