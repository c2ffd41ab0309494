/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

static void settings_keep_their_line(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = ini(
		"\xef\xbb\xbf; comment\r\n[ agent ]\r\nbackend: procfs ; why\r\n\r\n[targets]\nipd = 1\n"
		"[agent]\nemit=all");

	(void)state;
	assert_null(cfg); /* ipd */
	assert_int_equal(issues.errors, 1);
	assert_string_equal(issues.item[0].text,
	                    "test:6: [targets] ipd: unknown key (did you mean pid?)");
	cfg = ini(
		"\xef\xbb\xbf; comment\r\n[ agent ]\r\nbackend: procfs ; why\r\n\r\n[agent]\nemit=all");
	assert_non_null(cfg);
	assert_int_equal(cfg->agent.backend, SLO_CONFIG_BACKEND_PROCFS);
	assert_int_equal(cfg->origin[1].kind, SLO_CONFIG_FROM_FILE);
	assert_int_equal(cfg->origin[1].line, 3);
	assert_int_equal(cfg->agent.emit, SLO_CONFIG_EMIT_ALL);
	assert_int_equal(cfg->origin[3].line, 6);
}

/* inih alone would take "emit = all" as more of the backend's value. */
static void indented_key_is_a_key(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) =
		ini("[agent]\n  backend = procfs\n  emit = all\n");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg->agent.backend, SLO_CONFIG_BACKEND_PROCFS);
	assert_int_equal(cfg->agent.emit, SLO_CONFIG_EMIT_ALL);
}

static void list_goes_on_after_a_comma(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) =
		ini("[targets]\npid = 1, ; one\n  # two\n\t2,\n  3\ncomm = a\n");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg->targets.pid.count, 3);
	assert_int_equal(cfg->targets.pid.pid[2], 3);
	assert_string_equal(cfg->targets.comm.item[0], "a");
}

static void trailing_comma_does_not_swallow_the_next_line(void **state)
{
	(void)state;
	assert_refused(ini("[targets]\npid = 1,\ncomm = a\n"),
	               "test:2: [targets] pid = 1,: item 2 is empty");
	assert_null(ini("[targets]\npid = 1,\n\n  2\n[agent]"));
	assert_true(told("item 2 is empty") && told("test:4: 2: neither"));
}

/* inih's own limit is 200 bytes a line; a webhook's URL or a pod's cgroup is longer. */
static void long_lines_are_whole(void **state)
{
	char text[2048];
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	int prefix = snprintf(text, sizeof(text), "[webhook]\nurl = http://h/");

	(void)state;
	memset(text + prefix, 'x', 900);
	text[prefix + 900] = '\0';
	cfg = ini(text);
	assert_non_null(cfg);
	assert_int_equal(strlen(cfg->webhook.url), strlen("http://h/") + 900);
	memset(text + prefix, 'x', 1100);
	text[prefix + 1100] = '\0';
	assert_refused(ini(text), "too long");
}

static void lines_that_say_nothing_are_refused(void **state)
{
	(void)state;
	assert_refused(ini("[agent]\nbackend procfs\n"),
	               "test:2: backend procfs: neither [section] nor key = value");
	assert_refused(ini("[agent\nemit = all\n"), "test:1: [agent: ']' is missing");
	assert_refused(ini("[agent] emit = all\n"), "text after ']'");
	assert_refused(ini("emit = all\n"), "outside of any section");
	assert_refused(ini("[agent]\n= 3\n"), "the key is missing");
	assert_refused(read_text(SLO_CONFIG_INI, "[agent]\nem\0it = all\n", 20), "NUL byte");
	assert_refused(ini("[]\n"), "unknown section");
}

static void unknown_section_is_told_once(void **state)
{
	(void)state;
	assert_refused(ini("[agnet]\nemit = all\nbackend = x\n"),
	               "test:1: [agnet]: unknown section (did you mean [agent]?)");
	assert_refused(ini("[slo]\nsli = ttft_ms\n"), "[slo.NAME]");
	assert_refused(ini("[slo.a b]\nsli = ttft_ms\n"), "not a name");
}

static void all_problems_are_told(void **state)
{
	(void)state;
	assert_null(ini(
		"[agent]\nemit = x\nbakend = y\n[output]\nrotate_keep = z\nfoo\n[sampling]\nburst_limit = 0\n"));
	assert_int_equal(issues.errors, 5);
	assert_int_equal(issues.count, 5);
	assert_true(told("test:2:") && told("test:3:") && told("test:5:") && told("test:6:") &&
	            told("test:8:"));
	assert_non_null(strstr(error.msg, "(and 4 more)"));
}

static void key_given_twice_is_refused(void **state)
{
	(void)state;
	assert_refused(ini("[agent]\nemit = all\n[output]\n[agent]\nemit = all\n"),
	               "test:5: [agent] emit: given twice (first on line 2)");
}

static void issues_are_bounded_and_counted(void **state)
{
	static char text[200 * 4 + 16] = "[agent]\n";

	(void)state;
	for (int i = 0; i < 200; i++)
		memcpy(text + 8 + 4 * i, "foo\n", 5);
	assert_null(ini(text));
	assert_int_equal(issues.count, SLO_CONFIG_ISSUES_MAX);
	assert_int_equal(issues.errors, 200);
}

static void another_port_that_begins_alike_is_not_grpcs(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) =
		ini("[otlp]\nendpoint = http://127.0.0.1:43171\n");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(issues.warnings, 0);
	slo_config_freep(&cfg);
	cfg = ini("[otlp]\nendpoint = http://127.0.0.1:4317/v1\n");
	assert_true(told("port 4317"));
}

static void secret_is_never_told(void **state)
{
	char buf[64];
	struct slo_config_entry entry;
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;

	(void)state;
	assert_null(ini("[webhook]\nsecret = hunter\x02\n"));
	assert_false(told("hunter"));
	assert_null(strstr(error.msg, "hunter"));
	cfg = ini("[webhook]\nsecret = hunter\n");
	for (size_t i = 0; i < slo_config_entry_count(cfg); i++) {
		slo_config_entry_at(cfg, i, &entry);
		slo_config_entry_text(&entry, buf, sizeof(buf));
		assert_null(strstr(buf, "hunter"));
	}
}

static void hash_after_a_value_is_warned_of(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = ini("[agent]\ncluster = a # b\n");

	(void)state;
	assert_non_null(cfg);
	assert_string_equal(cfg->agent.cluster, "a # b");
	assert_int_equal(issues.warnings, 1);
}

static void slo_needs_its_keys(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) =
		ini("[slo.a]\nservice = s\nsli = error_rate\nthreshold = 0.5\nobjective = 0.99\n");

	(void)state;
	assert_non_null(cfg);
	assert_int_equal(cfg->slo_count, 1);
	assert_string_equal(cfg->slo[0].name, "a");
	assert_int_equal(cfg->slo[0].windows.count, 7);
	assert_null(ini("[slo.a]\n"));
	assert_int_equal(issues.errors, 4);
	assert_true(told("test:1: [slo.a]: service is missing"));
	assert_refused(
		ini("[slo.a]\nservice = s\nsli = error_rate\nthreshold = 2\nobjective = 0.99\n"),
		"test:4: [slo.a] threshold = 2: out of range for a ratio");
}

static void slos_are_bounded(void **state)
{
	static char text[32 * 128];
	size_t at = 0;

	(void)state;
	for (int i = 0; i < SLO_CONFIG_SLOS_MAX + 1; i++)
		at += (size_t)snprintf(
			text + at, sizeof(text) - at,
			"[slo.n%d]\nservice=s\nsli=ttft_ms\nthreshold=1\nobjective=.9\n", i);
	assert_refused(ini(text), "[slo.n16]: too many sections");
}

static void enabled_webhook_needs_a_url(void **state)
{
	(void)state;
	assert_refused(ini("[webhook]\nenabled = on\n"),
	               "test:2: [webhook] enabled = on: url is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_keep_their_line),
		cmocka_unit_test(indented_key_is_a_key),
		cmocka_unit_test(list_goes_on_after_a_comma),
		cmocka_unit_test(trailing_comma_does_not_swallow_the_next_line),
		cmocka_unit_test(long_lines_are_whole),
		cmocka_unit_test(lines_that_say_nothing_are_refused),
		cmocka_unit_test(unknown_section_is_told_once),
		cmocka_unit_test(all_problems_are_told),
		cmocka_unit_test(key_given_twice_is_refused),
		cmocka_unit_test(issues_are_bounded_and_counted),
		cmocka_unit_test(another_port_that_begins_alike_is_not_grpcs),
		cmocka_unit_test(secret_is_never_told),
		cmocka_unit_test(hash_after_a_value_is_warned_of),
		cmocka_unit_test(slo_needs_its_keys),
		cmocka_unit_test(slos_are_bounded),
		cmocka_unit_test(enabled_webhook_needs_a_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
