/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/targets.h"

#include "compat/cgroup.h"
#include "test/unit/compat/fixture.h"

#define POD_SLICE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice"

static bool holds(int root, const uint64_t *ids, int count, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(slo_cgroup_id_at(root, path, &id), 0);
	for (int i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static void names_expand_to_their_descendants(void **state)
{
	static const struct {
		const char *cgroups[2];
		size_t cgroup_count;
		const char *pods[1];
		size_t pod_count;
		int want;
	} cases[] = {
		{ { 0 }, 0, { 0 }, 0, 0 },
		{ { "/system.slice" }, 1, { 0 }, 0, 3 },
		{ { "/sys/fs/cgroup/system.slice/" }, 1, { 0 }, 0, 3 },
		{ { "/system.slice/ssh.service" }, 1, { 0 }, 0, 1 },
		/* overlap counts once */
		{ { "/system.slice", "/sys/fs/cgroup/system.slice/ssh.service" }, 2, { 0 }, 0, 3 },
		{ { 0 }, 0, { POD }, 1, 4 },
		{ { 0 }, 0, { POD_ }, 1, 4 },
		{ { POD_SLICE }, 1, { POD }, 1, 4 },
		{ { "/system.slice/ssh.service" }, 1, { POD }, 1, 5 },
		{ { "/" }, 1, { 0 }, 0, 10 },
		{ { "/sys/fs/cgroup" }, 1, { 0 }, 0, 10 },
		{ { "/system.slice", "/nothing.slice" }, 2, { 0 }, 0, -ENOENT },
		{ { "system.slice" }, 1, { 0 }, 0, -EINVAL },
		{ { "/system.slice/../.." }, 1, { 0 }, 0, -EINVAL },
		{ { 0 }, 0, { POD2 }, 1, -ENOENT },
		{ { 0 }, 0, { "" }, 1, -EINVAL },
	};
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		const struct slo_target_names names = {
			.cgroups = cases[i].cgroups,
			.cgroup_count = cases[i].cgroup_count,
			.pod_uids = cases[i].pods,
			.pod_count = cases[i].pod_count,
		};
		struct slo_err err = { 0 };
		uint64_t ids[16];
		int n = slo_targets_expand(root, &names, ids, SLO_ARRAY_SIZE(ids), &err);

		if (n != cases[i].want)
			fail_msg("case %zu: %d, not %d: %s", i, n, cases[i].want, err.msg);
		if (n < 0)
			assert_true(err.msg[0] != '\0');
		for (int k = 1; k < n; k++)
			assert_true(ids[k - 1] < ids[k]);
	}
}

static void members_are_the_right_ones(void **state)
{
	static const char *const pods[] = { POD };
	const struct slo_target_names names = { .pod_uids = pods, .pod_count = 1 };
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");
	uint64_t ids[16];
	int n = slo_targets_expand(root, &names, ids, SLO_ARRAY_SIZE(ids), NULL);

	(void)state;
	assert_true(holds(root, ids, n, "sys/fs/cgroup" POD_SLICE));
	assert_true(holds(root, ids, n, "sys/fs/cgroup" POD_SLICE "/cri-containerd-" ID1 ".scope"));
	assert_true(holds(root, ids, n,
	                  "sys/fs/cgroup" POD_SLICE "/cri-containerd-" ID2 ".scope/container"));
	assert_false(holds(root, ids, n, "sys/fs/cgroup/kubepods.slice"));
}

static void too_many_is_an_error(void **state)
{
	static const char *const cgroups[] = { "/system.slice", "/system.slice" };
	struct slo_target_names names = { .cgroups = cgroups, .cgroup_count = 1 };
	slo_cleanup(slo_closep) int root = fixture("no_tracefs");
	struct slo_err err = { 0 };
	uint64_t ids[3];

	(void)state;
	assert_int_equal(slo_targets_expand(root, &names, ids, 2, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "/system.slice"));
	assert_int_equal(slo_targets_expand(root, &names, ids, 3, &err), 3);
	/* What two targets share takes no room twice. */
	names.cgroup_count = 2;
	assert_int_equal(slo_targets_expand(root, &names, ids, 3, &err), 3);
}

static void v1_controller_has_its_own_tree(void **state)
{
	static const char *const cgroups[] = { "/sys/fs/cgroup/memory/docker" };
	struct slo_target_names names = { .cgroups = cgroups,
		                          .cgroup_count = 1,
		                          .controller = "memory" };
	slo_cleanup(slo_closep) int root = fixture("cgroup_v1");
	struct slo_err err = { 0 };
	uint64_t ids[8];

	(void)state;
	assert_int_equal(slo_targets_expand(root, &names, ids, SLO_ARRAY_SIZE(ids), &err), 2);
	names.controller = "freezer";
	assert_int_equal(slo_targets_expand(root, &names, ids, SLO_ARRAY_SIZE(ids), &err), -ENOENT);
	names.controller = NULL;
	assert_true(slo_targets_expand(root, &names, ids, SLO_ARRAY_SIZE(ids), &err) < 0);
	assert_non_null(strstr(err.msg, "mount -t cgroup2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_expand_to_their_descendants),
		cmocka_unit_test(members_are_the_right_ones),
		cmocka_unit_test(too_many_is_an_error),
		cmocka_unit_test(v1_controller_has_its_own_tree),
	};

	return cmocka_run_group_tests_name("targets", tests, NULL, NULL);
}
