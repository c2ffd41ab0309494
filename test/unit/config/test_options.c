/* SPDX-License-Identifier: Apache-2.0 */
/* Programs are no library, so the module under test is included as text. */
#include "core/programs/options.c" /* NOLINT(bugprone-suspicious-include) */

#include "test/unit/config/text.h"

#include <fcntl.h>
#include <unistd.h>

static char out[8192]; /* stdout and stderr of the last parse */
static struct slo_agent_options parsed;

/* Parses up to nine words; stdout and stderr go to @out. */
static int parse(const char *first, ...)
{
	char *argv[12] = { (char[]){ "llm-slo-agent" } };
	static char words[10][256];
	FILE *file = tmpfile();
	int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, argc = 1, r;
	va_list ap;

	va_start(ap, first);
	for (const char *word = first; word; word = va_arg(ap, const char *)) {
		(void)snprintf(words[argc - 1], sizeof(words[0]), "%s", word);
		argv[argc] = words[argc - 1];
		argc++;
	}
	va_end(ap);
	(void)fflush(NULL);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0 &&
	            dup2(fileno(file), STDERR_FILENO) >= 0);
	r = slo_agent_options_parse(argc, argv, &parsed);
	(void)fflush(NULL);
	assert_true(dup2(saved[0], STDOUT_FILENO) >= 0 && dup2(saved[1], STDERR_FILENO) >= 0);
	(void)close(saved[0]);
	(void)close(saved[1]);
	rewind(file);
	out[fread(out, 1, sizeof(out) - 1, file)] = '\0';
	(void)fclose(file);
	return r;
}

static void assert_usage(const char *part)
{
	if (!strstr(out, part))
		print_error("%s", out);
	assert_non_null(strstr(out, part));
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1); /* one line */
	assert_memory_equal(out, "llm-slo-agent: ", 15);
	assert_non_null(strstr(out, "(try --help)\n"));
}

static void every_config_row_names_a_setting(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(agent_rows); i++) {
		const struct slo_option *row = &agent_rows[i];

		assert_true(strlen(row->help) > 0);
		assert_int_equal(row->arg == NULL, row->type == SLO_OPT_BOOL);
		if (row->type == SLO_OPT_CONFIG)
			assert_non_null(slo_config_row_find(row->section, row->key));
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(row->name, agent_rows[j].name);
			assert_true(!row->letter || row->letter != agent_rows[j].letter);
		}
	}
}

static void help_fits_a_terminal(void **state)
{
	int lines = 0;

	(void)state;
	assert_int_equal(parse("--help", NULL), SLO_OPTIONS_DONE);
	for (const char *c = out; *c; lines++) {
		size_t len = strcspn(c, "\n");

		assert_true(len <= HELP_COLUMNS);
		c += len + 1;
	}
	assert_true(lines <= 24);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(agent_rows); i++)
		assert_non_null(strstr(out, agent_rows[i].name));
	assert_int_equal(parse("-V", NULL), SLO_OPTIONS_DONE);
	assert_string_equal(out, "llm-slo-agent " SLO_VERSION "\n");
}

/* What ran, and with how many words. A copy of its name: the words are gone when run() is. */
static int ran_argc;
static char ran_name[16];

static int run_verb(int argc, char **argv)
{
	ran_argc = argc;
	(void)snprintf(ran_name, sizeof(ran_name), "%s", argv[0]);
	return 7;
}

static const struct slo_options verb_options = { .prog = "tool slo burn",
	                                         .usage = "",
	                                         .about = "" };
static const struct slo_verb test_verbs[] = {
	{ .name = "burn", .help = "burns", .options = &verb_options, .run = run_verb },
	{ .name = "rules", .help = "rules", .options = &verb_options, .run = run_verb },
	{ .name = NULL },
};
static const struct slo_options verb_spec = {
	.prog = "tool slo", .usage = "burn|rules", .about = "a", .verbs = test_verbs
};

/* As parse(), of slo_options_run_verb(). */
static int run(const char *first, const char *second)
{
	char words[3][16] = { "slo" };
	char *argv[4] = { words[0] };
	FILE *file = tmpfile();
	int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, argc = 1, r;

	(void)snprintf(words[1], sizeof(words[1]), "%s", first ? first : "");
	(void)snprintf(words[2], sizeof(words[2]), "%s", second ? second : "");
	if (first)
		argv[argc++] = words[1];
	if (second)
		argv[argc++] = words[2];
	(void)fflush(NULL);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0 &&
	            dup2(fileno(file), STDERR_FILENO) >= 0);
	r = slo_options_run_verb(&verb_spec, argc, argv);
	(void)fflush(NULL);
	assert_true(dup2(saved[0], STDOUT_FILENO) >= 0 && dup2(saved[1], STDERR_FILENO) >= 0);
	(void)close(saved[0]);
	(void)close(saved[1]);
	rewind(file);
	out[fread(out, 1, sizeof(out) - 1, file)] = '\0';
	(void)fclose(file);
	return r;
}

static void a_verb_runs_with_its_own_words(void **state)
{
	(void)state;
	ran_name[0] = '\0';
	assert_int_equal(run("rules", "--help"), 7);
	assert_string_equal(ran_name, "rules");
	assert_int_equal(ran_argc, 2);
	assert_string_equal(out, "");
}

static void a_wrong_verb_names_the_right_ones(void **state)
{
	(void)state;
	assert_int_equal(run(NULL, NULL), 2);
	assert_string_equal(out, "tool slo: which? burn or rules (try --help)\n");
	assert_int_equal(run("brn", NULL), 2);
	assert_string_equal(out, "tool slo: unknown word 'brn', did you mean burn? (try --help)\n");
	assert_int_equal(run("xyz", NULL), 2);
	assert_string_equal(out, "tool slo: unknown word 'xyz': burn or rules (try --help)\n");
	assert_int_equal(run("--brn", NULL), 2);
	assert_non_null(strstr(out, "unknown option"));
}

static void help_of_verbs_lists_them(void **state)
{
	(void)state;
	assert_int_equal(run("--help", NULL), 0);
	assert_non_null(strstr(out, "\n  burn                     burns\n"));
	assert_int_equal(run("--version", NULL), 0);
	assert_string_equal(out, "tool slo " SLO_VERSION "\n");
}

static void flags_become_overrides(void **state)
{
	(void)state;
	assert_int_equal(parse("--emit=all", "-p", "7", "--cgroup", "/a", "--cgroup", "/b",
	                       "--seconds", "5", NULL),
	                 0);
	assert_int_equal(parsed.overrides.count, 4);
	assert_string_equal(parsed.overrides.item[0].key, "emit");
	assert_string_equal(parsed.overrides.item[0].flag, "emit");
	assert_string_equal(parsed.overrides.item[3].value, "/b");
	assert_int_equal(parsed.seconds, 5);
	assert_null(parsed.replay);
	assert_int_equal(parse(NULL), 0);
	assert_int_equal(parsed.overrides.count, 0);
}

static void replay_implies_its_backend(void **state)
{
	(void)state;
	assert_int_equal(parse("--replay", "-", "--replay-speed", "max", NULL), 0);
	assert_string_equal(parsed.replay, "-");
	assert_true(parsed.replay_fast);
	assert_int_equal(parsed.overrides.count, 1);
	assert_string_equal(parsed.overrides.item[0].value, "replay");
	assert_int_equal(parse("--replay", "x", "--backend", "replay", NULL), 0);
	assert_int_equal(parse("--replay", "x", "--backend", "libbpf", NULL), -EINVAL);
	assert_usage("--replay: needs --backend replay");
}

static void usage_errors_are_one_line(void **state)
{
	(void)state;
	assert_int_equal(parse("--emti=all", NULL), -EINVAL);
	assert_usage("unknown option '--emti', did you mean --emit?");
	assert_int_equal(parse("--zzzz", NULL), -EINVAL);
	assert_usage("unknown option '--zzzz' (try");
	assert_int_equal(parse("-x", NULL), -EINVAL);
	assert_usage("-x: unknown option");
	assert_int_equal(parse("--emit", NULL), -EINVAL);
	assert_usage("--emit: needs an argument");
	assert_int_equal(parse("-b", NULL), -EINVAL);
	assert_usage("--backend: needs an argument");
	assert_int_equal(parse("--help=x", NULL), -EINVAL);
	assert_usage("--help: takes no argument");
	assert_int_equal(parse("--emit", "lal", NULL), -EINVAL);
	assert_usage("--emit lal: unknown word (accepted: one of threshold, all)");
	assert_int_equal(parse("--pid", "1\n2", NULL), -EINVAL);
	assert_usage("--pid 1?2");
	assert_int_equal(parse("--seconds", "0", NULL), -EINVAL);
	assert_usage("not a number of 1 to 31536000");
	assert_int_equal(parse("--seconds", "99999999999999999999", NULL), -EINVAL);
	assert_usage("--seconds");
	assert_int_equal(parse("--replay-speed", "fast", NULL), -EINVAL);
	assert_usage("accepted: recorded, max");
	assert_int_equal(parse("word", NULL), -EINVAL);
	assert_usage("word: one word too many");
}

static int parse_real(const char *text, double *ret)
{
	static const struct slo_option row = {
		.name = "threshold", .type = SLO_OPT_REAL, .arg = "X", .real_max = 1
	};

	return set_real(&row, text, ret, NULL);
}

static void reals_are_plain_numbers_in_range(void **state)
{
	static const char *const bad[] = { "",  " 0.5", "0.5 ", "nan", "inf", "0x0.8p0",
		                           "e", "1.01", "-0.1", ".",   "1e" };
	double v = 7;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_real(bad[i], &v), -EINVAL);
	assert_true(v == 7);
	assert_int_equal(parse_real("7.5e-1", &v), 0);
	assert_true(v == 0.75);
	assert_int_equal(parse_real("1", &v), 0);
	assert_true(v == 1);
}

static void overrides_are_bounded(void **state)
{
	static struct slo_overrides full;
	const struct slo_config_override item = { "agent", "emit", "all", "emit" };

	(void)state;
	full.count = 0;
	for (size_t i = 0; i < SLO_OVERRIDES_MAX; i++)
		assert_int_equal(slo_overrides_add(&full, &item, NULL), 0);
	assert_int_equal(slo_overrides_add(&full, &item, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_config_row_names_a_setting),
		cmocka_unit_test(help_fits_a_terminal),
		cmocka_unit_test(a_verb_runs_with_its_own_words),
		cmocka_unit_test(a_wrong_verb_names_the_right_ones),
		cmocka_unit_test(help_of_verbs_lists_them),
		cmocka_unit_test(flags_become_overrides),
		cmocka_unit_test(replay_implies_its_backend),
		cmocka_unit_test(usage_errors_are_one_line),
		cmocka_unit_test(reals_are_plain_numbers_in_range),
		cmocka_unit_test(overrides_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
