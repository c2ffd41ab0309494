/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base.h"
#include "core/base/plain.h"

static void what_drives_a_terminal_becomes_question_marks(void **state)
{
	static const struct {
		const char *text, *plain;
	} rows[] = {
		{ "", "" },
		{ "chat", "chat" },
		{ "\033[2J\a\r\n\t\177x", "?[2J?????x" },
		{ "\xc2\x9b"
		  "31mred\xc2\x80\xc2\x9f",
		  "??31mred????" },
		{ "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80 \xc2\xa0\xc2\xbb",
		  "caf\xc3\xa9 \xe2\x80\xa6 \xf0\x9f\x98\x80 \xc2\xa0\xc2\xbb" },
		{ "cut \xc2", "cut \xc2" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		(void)snprintf(text, sizeof(text), "%s", rows[i].text);
		assert_string_equal(slo_plain(text), rows[i].plain);
	}
}

static void users_and_passwords_of_urls_are_not_shown(void **state)
{
	static const struct {
		const char *text, *plain;
	} rows[] = {
		{ "", "" },
		{ "http://", "http://" },
		{ "http://collector:4318/v1/traces", "http://collector:4318/v1/traces" },
		{ "http://[::1]/a@b http://[::1]:80", "http://[::1]/a@b http://[::1]:80" },
		{ "https://ops:s3cret@collector:4318/x@y", "https://***@collector:4318/x@y" },
		{ "https://token@collector", "https://***@collector" },
		{ "https://u@c", "https://*@c" },
		{ "https://@c", "https://@c" },
		{ "https://a@b:c@host", "https://***@host" },
		/* Not percent-encoded, as it should be. */
		{ "https://ops:s3/cr?e@t#@host/p", "https://***@host/p" },
		{ "url=http://a:bcd@h, then \"http://e:fgh@i\" at x@y",
		  "url=http://***@h, then \"http://***@i\" at x@y" },
		{ "http://a:b@c://d:e@f", "http://***@c://***@f" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		size_t len = strlen(rows[i].text), left;

		memcpy(text, rows[i].text, len);
		left = slo_plain_urls(text, len);
		assert_int_equal(left, strlen(rows[i].plain));
		assert_memory_equal(text, rows[i].plain, left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_drives_a_terminal_becomes_question_marks),
		cmocka_unit_test(users_and_passwords_of_urls_are_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
