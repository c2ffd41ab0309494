/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/log.h"

static char captured[65536];
static int saved_stderr = -1;

static void stderr_to(int fd)
{
	saved_stderr = dup(STDERR_FILENO);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
}

/* Back to the old stderr; what was written to @reader meanwhile is in captured. */
static void stderr_back(int reader)
{
	ssize_t n;

	assert_true(dup2(saved_stderr, STDERR_FILENO) >= 0);
	(void)close(saved_stderr);
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	n = read(reader, captured, sizeof(captured) - 1);
	captured[n > 0 ? n : 0] = '\0';
}

static int count_of(const char *what)
{
	int n = 0;

	for (const char *p = captured; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void line_has_time_level_message_and_tail(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	stderr_to(pipes[1]);
	slo_log_warn("ring buffer full signal=%s lost=%d", "dns_latency_ms", 3);
	stderr_back(pipes[0]);
	/* The shape of the time stamp; its value is test_clock's. */
	for (size_t i = 0; i < 24; i++) {
		bool digit = captured[i] >= '0' && captured[i] <= '9';

		assert_int_equal(digit ? '0' : captured[i], "0000-00-00T00:00:00.000Z"[i]);
	}
	assert_string_equal(captured + 24,
	                    " warn  ring buffer full signal=dns_latency_ms lost=3\n");
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void level_chooses_what_is_printed(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	stderr_to(pipes[1]);
	slo_log_set_level(SLO_LOG_WARN);
	slo_log_info("not this");
	slo_log_debug("nor this");
	slo_log_err("but this");
	slo_log_set_level(SLO_LOG_DEBUG);
	slo_log_debug("and this");
	slo_log_set_level(SLO_LOG_INFO);
	stderr_back(pipes[0]);
	assert_int_equal(count_of("\n"), 2);
	assert_non_null(strstr(captured, " err   but this\n"));
	assert_non_null(strstr(captured, " debug and this\n"));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void level_names_round_trip(void **state)
{
	enum slo_log_level level = SLO_LOG_ERR;

	(void)state;
	for (int i = 0; i < SLO_LOG_LEVEL_MAX_; i++) {
		assert_int_equal(
			slo_log_level_from_name(slo_log_level_name((enum slo_log_level)i), &level),
			0);
		assert_int_equal(level, i);
	}
	assert_int_equal(slo_log_level_from_name("verbose", &level), -ENOENT);
	assert_int_equal(level, SLO_LOG_DEBUG);
}

static void call_site_is_limited_and_tells_what_it_left_out(void **state)
{
	const uint64_t begin = 5;
	struct slo_log_site site = { 0 };

	(void)state;
	for (int i = 0; i < SLO_LOG_BURST; i++)
		assert_true(slo_log_site_admit(&site, begin + (uint64_t)i));
	assert_false(slo_log_site_admit(&site, begin + SLO_LOG_WINDOW_NS - 1));
	assert_int_equal(site.suppressed, 1);
	assert_true(slo_log_site_admit(&site, begin + SLO_LOG_WINDOW_NS));
	assert_int_equal(site.printed, 1);
	assert_int_equal(site.suppressed, 1);
}

static void suppressed_lines_are_told_once(void **state)
{
	struct slo_log_site site = { .suppressed = 17 };
	struct slo_log_site other = { 0 };
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	stderr_to(pipes[1]);
	for (int i = 0; i < 3 * SLO_LOG_BURST; i++)
		slo_log_write(&site, SLO_LOG_WARN, "again");
	slo_log_write(&other, SLO_LOG_WARN, "another site");
	stderr_back(pipes[0]);
	assert_int_equal(count_of("again"), SLO_LOG_BURST);
	assert_int_equal(count_of("suppressed=17\n"), 1);
	assert_int_equal(count_of("another site\n"), 1);
	assert_int_equal(site.suppressed, 2 * SLO_LOG_BURST);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void control_characters_cannot_forge_a_line(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	stderr_to(pipes[1]);
	slo_log_info("comm=%s", "a\n2026-01-01T00:00:00.000Z err   forged\033[2J\177");
	stderr_back(pipes[0]);
	assert_int_equal(count_of("\n"), 1);
	assert_non_null(strstr(captured, "comm=a\\x0a2026"));
	assert_non_null(strstr(captured, "forged\\x1b[2J\\x7f\n"));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void long_line_is_cut_and_says_so(void **state)
{
	char text[3 * SLO_LOG_LINE_MAX];
	int pipes[2];

	(void)state;
	memset(text, '\001', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(pipe(pipes), 0);
	stderr_to(pipes[1]);
	slo_log_info("%s", text);
	memset(text, 'x', sizeof(text) - 1);
	slo_log_info("%s", text);
	stderr_back(pipes[0]);
	assert_int_equal(count_of("...\n"), 2);
	assert_true(strlen(captured) < 2 * (size_t)(SLO_LOG_LINE_MAX + 64));
	(void)close(pipes[0]);
	(void)close(pipes[1]);
}

static void colour_is_for_terminals_without_no_color(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;

	(void)state;
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		skip();
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);

	assert_int_equal(unsetenv("NO_COLOR"), 0);
	stderr_to(slave);
	slo_log_err("red");
	stderr_back(master);
	assert_non_null(strstr(captured, "\033[31m err   red\033[0m"));

	assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
	stderr_to(slave);
	slo_log_err("plain");
	stderr_back(master);
	assert_null(strchr(captured, '\033'));
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	(void)close(slave);
	(void)close(master);
}

static void errno_survives_a_log_line(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(full >= 0);
	stderr_to(full);
	errno = ECHILD;
	slo_log_info("lost");
	assert_int_equal(errno, ECHILD);
	stderr_back(full);
	(void)close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_time_level_message_and_tail),
		cmocka_unit_test(level_chooses_what_is_printed),
		cmocka_unit_test(level_names_round_trip),
		cmocka_unit_test(call_site_is_limited_and_tells_what_it_left_out),
		cmocka_unit_test(suppressed_lines_are_told_once),
		cmocka_unit_test(control_characters_cannot_forge_a_line),
		cmocka_unit_test(long_line_is_cut_and_says_so),
		cmocka_unit_test(colour_is_for_terminals_without_no_color),
		cmocka_unit_test(errno_survives_a_log_line),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
