/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

#include <unistd.h>

#define BETA "apiVersion: toolkit.llm-slo.dev/v1beta1\n"

/* The earlier toolkit's own example. It lies beside the repository, and only where that is developed. */
static void earlier_example_loads_with_warnings(void **state)
{
	const struct slo_config_sources src = { .path = SLO_TEST_DIR
		                                "/../../shared/contracts/toolkit.yaml" };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;

	(void)state;
	if (access(src.path, R_OK) != 0) {
		print_message("no %s here\n", src.path);
		skip();
	}
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), 0);
	assert_int_equal(__builtin_popcountll(cfg->agent.signal_set), 9);
	assert_string_equal(cfg->otlp.endpoint, "http://otel-collector:4317");
	assert_true(cfg->safety.max_overhead_pct == 5);
	assert_true(cfg->cdgate.fail_open);
	assert_int_equal(issues.warnings, 3);
	assert_true(told("port 4317") && told("fail_open = true") && told("max_overhead_pct = 5"));
}

static void superset_has_all_sections(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = yaml(
		"slo:\n  chat: {service: s, sli: ttft_ms, threshold: 800, objective: 0.99, windows: [5m, 1h]}\n"
		"agent: {interval_ms: 500, emit: all}\ntargets:\n  comm: [a, 'b c']\n  pid: []\n" BETA);

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg->agent.interval_ms, 500);
	assert_int_equal(cfg->targets.comm.count, 2);
	assert_string_equal(cfg->targets.comm.item[1], "b c");
	assert_int_equal(cfg->slo[0].windows.count, 2);
	assert_null(yaml("agent: {emit: all}\n"));
	assert_true(told("test:1: agent.emit: needs apiVersion"));
}

static void wrong_types_are_refused(void **state)
{
	(void)state;
	assert_refused(yaml("sampling: {burst_limit: '5'}"), "wrong type: a string");
	assert_refused(yaml("sampling: {burst_limit: 5.5}"), "not a whole number");
	assert_refused(yaml("sampling: {burst_limit: [5]}"), "wrong type: a list");
	assert_refused(yaml("sampling: {burst_limit: {a: 5}}"), "wrong type: a mapping");
	assert_refused(yaml("sampling: {burst_limit: }"), "wrong type: null");
	assert_refused(yaml("sampling: 5"), "accepted: a mapping");
	assert_refused(yaml("sampling: [5]"), "accepted: a mapping");
	assert_refused(yaml("signal_set: dns_latency_ms"), "accepted: a list");
	assert_refused(yaml("signal_set: []"), "empty");
	assert_refused(yaml("signal_set: [[dns_latency_ms]]"), "a list of lists");
	assert_refused(yaml("signal_set: ['dns_latency_ms,cpu_steal_pct']"), "a comma");
	assert_refused(yaml("signal_set: ['']"), "signal_set =  : empty");
	assert_refused(yaml("webhook: {enabled: 'true'}"), "wrong type: a string");
	assert_refused(yaml("kind: [ToolkitConfig]"), "kind: wrong type");
	assert_refused(yaml("- a\n"), "not a mapping");
}

static void unknown_words_are_refused(void **state)
{
	(void)state;
	assert_refused(yaml("samplign: {burst_limit: 5}"),
	               "[samplign]: unknown section (did you mean [sampling]?)");
	assert_refused(yaml("sampling: {burst_limt: 5}"), "did you mean burst_limit?");
	assert_refused(yaml("sampling: {a: {b: {c: {d: {e: 1}}}}}"), "[sampling] a: unknown key");
	assert_refused(yaml("apiVersion: toolkit.llm-slo.dev/v2\n"),
	               "accepted: toolkit.llm-slo.dev/v1alpha1 or v1beta1");
	assert_refused(yaml("kind: Pod\n"), "accepted: ToolkitConfig");
	assert_refused(yaml("[a]: b\n"), "a key that is no word");
	assert_refused(yaml("otlp.endpoint: 'http://a'\n"), "otlp.endpoint: unknown key");
	assert_refused(yaml("emit: all\n"), "belongs into the mapping agent:");
	assert_refused(yaml("otlp: {endpoint: 'http://a', endpoint: 'http://b'}"), "given twice");
}

static void sharing_is_refused(void **state)
{
	(void)state;
	assert_refused(yaml("webhook: &w {enabled: false}\ncdgate: *w\n"),
	               "test:1: anchors and aliases");
	assert_refused(yaml("otlp: {endpoint: &e 'http://a'}\n"), "anchors");
	assert_refused(yaml("signal_set: *s\n"), "anchors");
}

static void text_that_is_no_yaml_is_refused(void **state)
{
	static char deep[20000];

	(void)state;
	assert_refused(yaml("signal_set: [a\n"), "not YAML");
	assert_refused(yaml("kind: \"ToolkitConfig\n"), "not YAML");
	assert_refused(read_text(SLO_CONFIG_YAML, "otlp: {endpoint: \"a\\0b\"}", 24), "NUL");
	assert_refused(yaml("---\nkind: ToolkitConfig\n---\nkind: ToolkitConfig\n"),
	               "second document");
	memset(deep, '[', sizeof(deep) - 1);
	assert_null(yaml(deep));
	assert_true(told("nested too deeply")); /* and not read on: libyaml would take seconds */
}

static void empty_file_is_the_defaults(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = yaml("");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg->sampling.burst_limit, 20000);
	assert_int_equal(issues.warnings, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(earlier_example_loads_with_warnings),
		cmocka_unit_test(superset_has_all_sections),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(unknown_words_are_refused),
		cmocka_unit_test(sharing_is_refused),
		cmocka_unit_test(text_that_is_no_yaml_is_refused),
		cmocka_unit_test(empty_file_is_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
