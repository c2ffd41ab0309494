/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_drives_a_terminal_becomes_question_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
