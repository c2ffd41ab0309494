/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void notes_stand_one_behind_the_other(void **state)
{
	struct slo_verdict v = { 0 };

	(void)state;
	slo_verdict_note(&v, "a is not seen", NULL);
	slo_verdict_note(&v, "nor b", "no kprobes");
	/* The same reason is told once. */
	slo_verdict_note(&v, "nor c", "no kprobes");
	assert_string_equal(v.note, "a is not seen; nor b (no kprobes); nor c");
}

/* What was cut was the way out. */
static void a_long_note_is_whole(void **state)
{
	struct slo_verdict v = { 0 };
	char text[150];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	slo_verdict_note(&v, text, text);
	slo_verdict_note(&v, "name a target", NULL);
	assert_int_equal(
		strcmp(v.note + strlen(v.note) - strlen("; name a target"), "; name a target"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_stand_one_behind_the_other),
		cmocka_unit_test(a_long_note_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
