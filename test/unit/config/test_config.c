/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/slo-config-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
	static char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static struct slo_config *load(const struct slo_config_sources *src)
{
	struct slo_config *cfg = NULL;
	int r = slo_config_load(&cfg, src, &issues, &error);

	if (r < 0)
		print_message("%s\n", error.msg);
	assert_int_equal(r, 0);
	return cfg;
}

static const char *origin_of(const struct slo_config *cfg, const char *section, const char *key)
{
	static char buf[SLO_CONFIG_TEXT_LEN + 16];

	for (size_t i = 0; i < slo_config_entry_count(cfg); i++) {
		struct slo_config_entry entry;

		slo_config_entry_at(cfg, i, &entry);
		if (strcmp(entry.section, section) == 0 && strcmp(entry.key, key) == 0) {
			slo_config_entry_origin(cfg, &entry, buf, sizeof(buf));
			return strrchr(buf, '/') ? strrchr(buf, '/') + 1 : buf;
		}
	}
	return "no such entry";
}

static void later_source_wins_and_is_remembered(void **state)
{
	static char env_emit[] = "SLO_AGENT_EMIT=all", env_node[] = "SLO_AGENT_NODE=env",
		    other[] = "PATH=/bin";
	char *const environment[] = { env_emit, other, env_node, NULL };
	const struct slo_config_override flags[] = { { "agent", "node", "flag", "node" } };
	const struct slo_config_sources src = {
		.path = write_file("a.ini",
		                   "[agent]\nnode = file\nemit = threshold\ncluster = c\n"),
		.environment = environment,
		.overrides = flags,
		.override_count = 1,
	};
	struct slo_config *cfg slo_cleanup(slo_config_freep) = load(&src);

	(void)state;
	assert_string_equal(cfg->agent.node, "flag");
	assert_int_equal(cfg->agent.emit, SLO_CONFIG_EMIT_ALL);
	assert_string_equal(cfg->agent.cluster, "c");
	assert_string_equal(origin_of(cfg, "agent", "node"), "--node");
	assert_string_equal(origin_of(cfg, "agent", "emit"), "SLO_AGENT_EMIT");
	assert_string_equal(origin_of(cfg, "agent", "cluster"), "a.ini:4");
	assert_string_equal(origin_of(cfg, "agent", "backend"), "default");
}

static void repeated_flag_adds_to_a_list_and_replaces_the_file(void **state)
{
	const struct slo_config_override flags[] = {
		{ "targets", "pid", "2", "pid" },
		{ "agent", "node", "a", "set" },
		{ "targets", "pid", "3,4", "pid" },
		{ "agent", "node", "b", "set" },
	};
	const struct slo_config_sources src = { .path = write_file("b.ini", "[targets]\npid = 1\n"),
		                                .overrides = flags,
		                                .override_count = 4 };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = load(&src);

	(void)state;
	assert_int_equal(cfg->targets.pid.count, 3);
	assert_int_equal(cfg->targets.pid.pid[0], 2);
	assert_string_equal(cfg->agent.node, "b");
}

static void default_file_may_be_absent_but_a_named_one_not(void **state)
{
	char absent[128];
	struct slo_config_sources src = { .default_path = absent };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;

	(void)state;
	(void)snprintf(absent, sizeof(absent), "%s/absent.ini", folder);
	cfg = load(&src);
	assert_string_equal(cfg->path, "");
	slo_config_freep(&cfg);
	src.path = absent;
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), -ENOENT);
	assert_non_null(strstr(error.msg, absent));
	assert_null(cfg);
	src.path = folder;
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), -EISDIR);
	src.path = "";
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), -ENOENT);
}

static void huge_file_is_refused(void **state)
{
	const char *path = write_file("huge.ini", "");
	const struct slo_config_sources src = { .path = path };
	struct slo_config *cfg = NULL;

	(void)state;
	assert_int_equal(truncate(path, SLO_CONFIG_FILE_MAX + 1), 0);
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), -EFBIG);
}

static void yaml_is_known_by_its_name(void **state)
{
	const struct slo_config_sources src = { .path = write_file(
							"c.YML", "sampling: {burst_limit: 7}\n") };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = load(&src);

	(void)state;
	assert_int_equal(cfg->sampling.burst_limit, 7);
	assert_string_equal(origin_of(cfg, "sampling", "burst_limit"), "c.YML:1");
}

static void unknown_variables_only_warn(void **state)
{
	static char typo[] = "SLO_AGENT_BAKEND=null",
		    kubernetes[] = "SLO_AGENT_SERVICE_HOST=10.0.0.1",
		    port[] = "SLO_AGENT_PORT=tcp://10.0.0.1:2112", foreign[] = "SLO_FOO=1",
		    bare[] = "SLO_AGENT_X";
	char *const environment[] = { typo, kubernetes, port, foreign, bare, NULL };
	const struct slo_config_sources src = { .default_path = "", .environment = environment };
	struct slo_config *cfg slo_cleanup(slo_config_freep) = load(&src);

	(void)state;
	assert_int_equal(issues.warnings, 2);
	assert_true(told("SLO_AGENT_BAKEND: no such setting") && told("SLO_AGENT_X:"));
}

static void bad_variable_and_flag_are_named(void **state)
{
	static char bad[] = "SLO_OUTPUT_ROTATE_KEEP=lots";
	char *const environment[] = { bad, NULL };
	const struct slo_config_override flags[] = { { "agent", "emit", "lal", "emit" },
		                                     { "agnet", "emit", "all", "set" },
		                                     { "slo.x", "sli", "error_rate", "set" } };
	const struct slo_config_sources src = { .default_path = "",
		                                .environment = environment,
		                                .overrides = flags,
		                                .override_count = 3 };
	struct slo_config *cfg = NULL;

	(void)state;
	assert_int_equal(slo_config_load(&cfg, &src, &issues, &error), -EINVAL);
	assert_true(
		told("SLO_OUTPUT_ROTATE_KEEP: [output] rotate_keep = lots: not a whole number"));
	assert_true(told("--emit: [agent] emit = lal: unknown word"));
	assert_true(told("--set: [agnet]: unknown section"));
	assert_true(told("--set: [slo.x]: service is missing"));
	assert_int_equal(issues.errors, 6);
}

static void issues_are_printable_lines(void **state)
{
	(void)state;
	assert_null(ini("[agent]\n\x1b[31mred = 1\nemit = a\x07\n"));
	for (size_t i = 0; i < issues.count; i++) {
		for (const char *c = issues.item[i].text; *c; c++)
			assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
	}
}

static bool has_change(const struct slo_config_change *changes, size_t n, const char *name,
                       bool live)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(changes[i].name, name) == 0)
			return changes[i].live == live;
	}
	return false;
}

static void diff_tells_what_can_change_at_run_time(void **state)
{
	static struct slo_config_change changes[64];
	struct slo_config *a slo_cleanup(slo_config_freep) =
		ini("[agent]\nbackend = procfs\n[webhook]\nsecret = one\n"
	            "[slo.old]\nservice=s\nsli=ttft_ms\nthreshold=1\nobjective=.9\n");
	struct slo_config *b slo_cleanup(slo_config_freep) = ini(
		"[agent]\nemit = all\nlog_level = debug\ninstance = x\nhost_root = /h\nbtf = /b\n[privacy]\nnames = off\n"
		"[targets]\npid = 1\n[thresholds]\ndns_latency_ms = 0\n[output]\nkind = jsonl\n[webhook]\nsecret = two\n"
		"[slo.new]\nservice=s\nsli=ttft_ms\nthreshold=1\nobjective=.9\n");
	size_t n;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(slo_config_diff(a, a, changes, SLO_ARRAY_SIZE(changes)), 0);
	n = slo_config_diff(a, b, changes, SLO_ARRAY_SIZE(changes));
	assert_int_equal(n, 10 + 1 + 5 + 5);
	assert_true(has_change(changes, n, "agent.emit", true));
	assert_true(has_change(changes, n, "agent.log_level", true));
	assert_true(has_change(changes, n, "privacy.names", true));
	assert_true(has_change(changes, n, "targets.pid", true));
	assert_true(has_change(changes, n, "thresholds.dns_latency_ms", true));
	assert_true(has_change(changes, n, "output.kind", false));
	assert_true(has_change(changes, n, "agent.backend", false));
	assert_true(has_change(changes, n, "agent.btf", false));
	assert_true(has_change(changes, n, "agent.host_root", false));
	assert_true(has_change(changes, n, "agent.instance", false));
	assert_true(has_change(changes, n, "slo.old.service", true));
	assert_true(has_change(changes, n, "slo.new.service", true));
	for (size_t i = 0; i < n; i++)
		assert_true(strcmp(changes[i].name, "webhook.secret") != 0 ||
		            strcmp(changes[i].to, "***") == 0);
	assert_int_equal(slo_config_diff(a, b, changes, 2), n); /* counts beyond the room */
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "a.ini", "b.ini", "c.YML", "huge.ini" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	return rmdir(folder);
}

static void records_go_where_the_output_is(void **state)
{
	static const struct {
		const char *text;
		enum slo_config_output at_terminal, elsewhere;
	} cases[] = {
		{ "", SLO_CONFIG_OUTPUT_TABLE, SLO_CONFIG_OUTPUT_JSONL },
		{ "[output]\npath = /tmp/x\n", SLO_CONFIG_OUTPUT_JSONL, SLO_CONFIG_OUTPUT_JSONL },
		{ "[output]\nkind = table\n", SLO_CONFIG_OUTPUT_TABLE, SLO_CONFIG_OUTPUT_TABLE },
		{ "[output]\nkind = stdout\n", SLO_CONFIG_OUTPUT_STDOUT, SLO_CONFIG_OUTPUT_STDOUT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		slo_config_auto struct slo_config *cfg = ini(cases[i].text);

		assert_int_equal(slo_config_output_kind(cfg, true), cases[i].at_terminal);
		assert_int_equal(slo_config_output_kind(cfg, false), cases[i].elsewhere);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(later_source_wins_and_is_remembered),
		cmocka_unit_test(repeated_flag_adds_to_a_list_and_replaces_the_file),
		cmocka_unit_test(default_file_may_be_absent_but_a_named_one_not),
		cmocka_unit_test(huge_file_is_refused),
		cmocka_unit_test(yaml_is_known_by_its_name),
		cmocka_unit_test(unknown_variables_only_warn),
		cmocka_unit_test(bad_variable_and_flag_are_named),
		cmocka_unit_test(issues_are_printable_lines),
		cmocka_unit_test(records_go_where_the_output_is),
		cmocka_unit_test(diff_tells_what_can_change_at_run_time),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
