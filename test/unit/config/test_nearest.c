/* SPDX-License-Identifier: Apache-2.0 */
#include "core/config/nearest.h"
#include "test/unit/config/text.h"

static void distance_counts_edits(void **state)
{
	char longer[200];

	(void)state;
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(slo_edit_distance("", ""), 0);
	assert_int_equal(slo_edit_distance("", "abc"), 3);
	assert_int_equal(slo_edit_distance("kitten", "sitting"), 3);
	assert_int_equal(slo_edit_distance("emti", "emit"), 1); /* a swap is one edit */
	assert_int_equal(slo_edit_distance("abc", "abc"), 0);
	assert_int_equal(slo_edit_distance(longer, "a"), 62);
	assert_int_equal(slo_edit_distance(longer, longer), 0);
}

static const char *nearest(const char *word)
{
	struct slo_nearest n = { .word = word };

	slo_nearest_offer(&n, "backend");
	slo_nearest_offer(&n, "emit");
	slo_nearest_offer(&n, "pid");
	return n.best ? n.best : "";
}

static void only_near_words_are_named(void **state)
{
	(void)state;
	assert_string_equal(nearest("bakend"), "backend");
	assert_string_equal(nearest("emti"), "emit");
	assert_string_equal(nearest("pids"), "pid");
	assert_string_equal(nearest("colour"), "");
	assert_string_equal(nearest(""), "");
}

static void section_and_key_are_found_across_sections(void **state)
{
	char buf[100];

	(void)state;
	slo_config_nearest_section("outptu", buf, sizeof(buf));
	assert_string_equal(buf, "output");
	slo_config_nearest_key("agent", "log-level", buf, sizeof(buf));
	assert_string_equal(buf, "log_level");
	slo_config_nearest_key("agent", "rotate_keep", buf, sizeof(buf));
	assert_string_equal(buf, "[output] rotate_keep");
	slo_config_nearest_key("slo.x", "objektive", buf, sizeof(buf));
	assert_string_equal(buf, "objective");
	slo_config_nearest_key("agent", "zzzzzz", buf, sizeof(buf));
	assert_string_equal(buf, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_edits),
		cmocka_unit_test(only_near_words_are_named),
		cmocka_unit_test(section_and_key_are_found_across_sections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
