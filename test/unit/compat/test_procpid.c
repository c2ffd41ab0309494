/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/procpid.h"

#include "test/unit/compat/fixture.h"

static void start_time_survives_any_command_name(void **state)
{
	static const struct {
		const char *comm;
		int err;
	} cases[] = {
		{ "(cat)", 0 }, { "(a b c)", 0 },   { "(x) S 1 1 (1)", 0 },
		{ "())", 0 },   { "cat", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		uint64_t start = 7;
		char text[256];

		(void)snprintf(
			text, sizeof(text),
			"9 %s S 1 9 9 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 205333 3133440 359\n",
			cases[i].comm);
		assert_int_equal(slo_procpid_parse_start(text, &start), cases[i].err);
		assert_true(start == (cases[i].err ? 7 : 205333));
	}
}

static void cut_stat_is_refused(void **state)
{
	static const char *const bad[] = { "", ")", "1 (x) S",
		                           "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13",
		                           "1 (x) S 1 9 9 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 x 3" };
	uint64_t start = 7;

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		assert_int_equal(slo_procpid_parse_start(bad[i], &start), -EINVAL);
		assert_true(start == 7);
	}
}

static void namespace_pid_is_the_innermost(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("cgroup_v1");
	uint64_t start = 0;
	uint32_t pid = 0;

	(void)state;
	assert_int_equal(slo_procpid_ns_pid(root, 1234, &pid), 0);
	assert_int_equal(pid, 17);
	assert_int_equal(slo_procpid_start(root, 1234, &start), 0);
	assert_int_equal(start, 55555);
	/* Before 4.1 there is no such line. */
	assert_int_equal(slo_procpid_ns_pid(root, 77, &pid), -ENOTSUP);
	assert_int_equal(slo_procpid_ns_pid(root, 999, &pid), -ENOENT);
	assert_int_equal(pid, 17);
}

static void own_process_is_read_from_the_kernel(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	uint64_t start = 0;
	uint32_t pid = 0;

	(void)state;
	assert_int_equal(slo_procpid_start(root, (uint32_t)getpid(), &start), 0);
	assert_true(start > 0);
	if (slo_procpid_ns_pid(root, (uint32_t)getpid(), &pid) == 0)
		assert_int_equal(pid, getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_time_survives_any_command_name),
		cmocka_unit_test(cut_stat_is_refused),
		cmocka_unit_test(namespace_pid_is_the_innermost),
		cmocka_unit_test(own_process_is_read_from_the_kernel),
	};

	return cmocka_run_group_tests_name("procpid", tests, NULL, NULL);
}
