/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/hostfile.h"

#include "test/unit/compat/fixture.h"

static void numbers_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		int base;
		int err;
		uint64_t value;
	} cases[] = {
		{ "42", 10, 0, 42 },
		{ " 42\n", 10, 0, 42 },
		{ "42 kB", 10, 0, 42 },
		{ "000001ffffffffff\n", 16, 0, UINT64_C(0x1ffffffffff) },
		{ "18446744073709551615", 10, 0, UINT64_MAX },
		{ "18446744073709551616", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ "", 10, -EINVAL, 0 },
		{ "4x", 10, -EINVAL, 0 },
		{ "x", 16, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		uint64_t value = 7;

		assert_int_equal(slo_text_u64(cases[i].text, cases[i].base, &value), cases[i].err);
		assert_true(value == (cases[i].err ? 7 : cases[i].value));
	}
}

static void words_skip_blanks(void **state)
{
	char text[] = "  a\tbb  ccc\n";
	char *rest = text;

	(void)state;
	assert_string_equal(slo_text_word(&rest), "a");
	assert_string_equal(slo_text_word(&rest), "bb");
	assert_string_equal(slo_text_word(&rest), "ccc");
	assert_null(slo_text_word(&rest));
	assert_null(slo_text_word(&rest));
}

static void fixture_is_not_live_and_the_host_is(void **state)
{
	slo_cleanup(slo_closep) int fake = fixture("rhel8");
	slo_cleanup(slo_closep) int real = slo_host_open_root(NULL, NULL);

	(void)state;
	assert_false(slo_hostfile_is_live(fake));
	assert_true(slo_hostfile_is_live(real));
}

static void namespace_numbers_come_from_links(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("container");
	uint64_t ns = 0;

	(void)state;
	assert_int_equal(slo_hostfile_ns(root, "/proc/self/ns/cgroup", &ns), 0);
	assert_true(ns == UINT64_C(4026532861));
	assert_int_equal(slo_hostfile_ns(root, "/proc/self/ns/none", &ns), -ENOENT);
	assert_int_equal(slo_hostfile_ns(root, "/proc/self/status", &ns), -EINVAL);
}

static void missing_files_say_so(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("rhel8");
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	char line[8] = "x";
	uint64_t value = 7;

	(void)state;
	assert_int_equal(slo_hostfile_u64(root, "/nothing", &value), -ENOENT);
	assert_true(value == 7);
	assert_int_equal(slo_hostfile_line(root, "/nothing", line, sizeof(line)), -ENOENT);
	assert_string_equal(line, "");
	assert_int_equal(slo_hostfile_stream(root, "/nothing", &f), -ENOENT);
	assert_null(f);
	assert_int_equal(slo_hostfile_u64(root, "/etc/os-release", &value), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(words_skip_blanks),
		cmocka_unit_test(fixture_is_not_live_and_the_host_is),
		cmocka_unit_test(namespace_numbers_come_from_links),
		cmocka_unit_test(missing_files_say_so),
	};

	return cmocka_run_group_tests_name("hostfile", tests, NULL, NULL);
}
