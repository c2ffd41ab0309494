/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/config/text.h"

#include <stdlib.h>

static void check_row(const struct slo_config_row *row)
{
	char text[512];
	struct slo_err err = { 0 };

	assert_true(strlen(row->section) > 0 && strlen(row->section) < SLO_CONFIG_NAME_LEN);
	assert_true(strlen(row->key) > 0 && strlen(row->key) < SLO_CONFIG_NAME_LEN);
	assert_null(strpbrk(row->key, ".= "));
	assert_true(row->type < SLO_CONFIG_TYPE_MAX_);
	assert_true(row->min <= row->max);
	assert_true((row->type == SLO_CONFIG_ENUM) == (row->names != NULL));
	slo_config_row_accepted(row, text, sizeof(text));
	assert_true(strlen(text) > 0 && strlen(text) < 200); /* fits what an issue has room for */
	if (row->flags & SLO_CONFIG_F_REQUIRED)
		return;
	slo_config_row_default(row, text, sizeof(text));
	if (slo_config_value_check(row, text, &err) < 0)
		fail_msg("[%s] %s = %s: %s", row->section, row->key, text, err.msg);
}

static void every_row_is_sound_and_its_default_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		const struct slo_config_row *row = slo_config_row_at(i);

		check_row(row);
		assert_ptr_equal(slo_config_row_find(row->section, row->key), row); /* none twice */
		assert_true(row->offset < sizeof(struct slo_config));
		assert_true(strcmp(row->section, "thresholds") == 0 || strlen(row->help) > 0);
	}
	for (size_t i = 0; i < slo_config_slo_row_count(); i++) {
		check_row(slo_config_slo_row_at(i));
		assert_ptr_equal(slo_config_row_find("slo.x", slo_config_slo_row_at(i)->key),
		                 slo_config_slo_row_at(i));
		assert_true(slo_config_slo_row_at(i)->offset < sizeof(struct slo_config_slo));
	}
}

static void every_signal_has_its_threshold(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = ini("");

	(void)state;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)sig);
		const struct slo_config_row *row = slo_config_row_find("thresholds", d->name);

		assert_non_null(row);
		assert_int_equal(row->offset, offsetof(struct slo_config, thresholds) +
		                                      sizeof(double) * (size_t)sig);
		assert_true(cfg->thresholds[sig] == d->warn);
	}
}

static void defaults_are_those_of_the_contract(void **state)
{
	struct slo_config *cfg slo_cleanup(slo_config_freep) = ini("");

	(void)state;
	assert_int_equal(cfg->agent.signal_set, SLO_SIG_ALL);
	assert_int_equal(cfg->agent.interval_ms, 1000);
	assert_int_equal(cfg->sampling.events_per_second_limit, 10000);
	assert_int_equal(cfg->sampling.burst_limit, 20000);
	assert_int_equal(cfg->correlation.window_ms, 2000);
	assert_string_equal(cfg->otlp.endpoint, "");
	assert_true(cfg->safety.max_overhead_pct == 3);
	assert_true(cfg->cdgate.ttft_p95_ms == 800 && cfg->cdgate.error_rate == 0.05 &&
	            cfg->cdgate.burn_rate == 2);
	assert_false(cfg->cdgate.fail_open);
	assert_int_equal(cfg->webhook.timeout_ms, 5000);
	assert_true(cfg->privacy.names);
}

static void env_names_are_upper_case_and_differ(void **state)
{
	char a[64], b[64];

	(void)state;
	slo_config_env_name(slo_config_row_find("agent", "log_level"), a, sizeof(a));
	assert_string_equal(a, "SLO_AGENT_LOG_LEVEL");
	for (size_t i = 0; i < slo_config_row_count(); i++) {
		slo_config_env_name(slo_config_row_at(i), a, sizeof(a));
		for (size_t j = 0; j < i; j++) {
			slo_config_env_name(slo_config_row_at(j), b, sizeof(b));
			assert_string_not_equal(a, b);
		}
	}
}

/* The file of the packages is the text that sloctl config print --template prints. */
static void packaged_file_is_the_template(void **state)
{
	char *text slo_cleanup(slo_freep) = NULL;
	char packaged[65536];
	size_t len, got;
	FILE *out = open_memstream(&text, &len),
	     *in = fopen(SLO_TEST_DIR "/../packaging/agent.ini", "re");

	(void)state;
	assert_non_null(out);
	assert_non_null(in);
	assert_int_equal(slo_config_print_template(out), 0);
	assert_int_equal(fclose(out), 0);
	got = fread(packaged, 1, sizeof(packaged) - 1, in);
	packaged[got] = '\0';
	assert_int_equal(fclose(in), 0);
	assert_string_equal(packaged,
	                    text); /* else: sloctl config print --template >packaging/agent.ini */
}

/* What is commented out has to be right, too: uncommented, the template still says the defaults. */
static void uncommented_template_is_valid_and_changes_nothing(void **state)
{
	static struct slo_config_change change;
	struct slo_config *plain slo_cleanup(slo_config_freep) = ini("");
	struct slo_config *cfg slo_cleanup(slo_config_freep) = NULL;
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_int_equal(slo_config_print_template(out), 0);
	assert_int_equal(fclose(out), 0);
	*strstr(text, "#[slo.NAME]") = '\0';
	for (char *c = text; (c = strstr(c, "\n#")); c++) {
		if (c[2] != ' ')
			c[1] = ' ';
	}
	cfg = ini(text);
	assert_non_null(cfg);
	assert_int_equal(cfg->origin[0].kind, SLO_CONFIG_FROM_FILE);
	assert_int_equal(slo_config_diff(plain, cfg, &change, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_sound_and_its_default_valid),
		cmocka_unit_test(every_signal_has_its_threshold),
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(env_names_are_upper_case_and_differ),
		cmocka_unit_test(packaged_file_is_the_template),
		cmocka_unit_test(uncommented_template_is_valid_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
