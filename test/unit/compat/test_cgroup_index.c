/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/cgroup_index.h"

#include <sys/utsname.h>
#include <sys/wait.h>

#include "compat/caps.h"
#include "compat/cgroup.h"
#include "test/unit/compat/fixture.h"

#define SEC UINT64_C(1000000000)

static uint64_t id_of(int root, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(slo_cgroup_id_at(root, path, &id), 0);
	return id;
}

static void walked_tree_gives_paths(void **state)
{
	const struct scratch *s = *state;
	slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
	struct slo_cgroup_index_stats stats;
	char path[SLO_CGROUP_PATH_LEN];
	char tiny[4];
	uint64_t late;

	make_dirs(s->root, "system.slice/a.service");
	put_file(s->root, "system.slice/cgroup.procs", "");
	assert_int_equal(slo_cgroup_index_new(&idx, s->root, 0, true, NULL), 0);
	assert_int_equal(slo_cgroup_index_path(idx, id_of(s->root, "system.slice/a.service"), SEC,
	                                       path, sizeof(path)),
	                 strlen("/system.slice/a.service"));
	assert_string_equal(path, "/system.slice/a.service");
	assert_int_equal(
		slo_cgroup_index_path(idx, slo_cgroup_index_root_id(idx), SEC, path, sizeof(path)),
		1);
	assert_string_equal(path, "/");
	assert_int_equal(
		slo_cgroup_index_path(idx, id_of(s->root, "system.slice"), SEC, tiny, sizeof(tiny)),
		-ENAMETOOLONG);
	/* A new cgroup is found by a new walk, which must not come at once. */
	make_dirs(s->root, "new");
	late = id_of(s->root, "new");
	assert_int_equal(slo_cgroup_index_path(idx, late, SEC + 1, path, sizeof(path)), -EAGAIN);
	assert_int_equal(slo_cgroup_index_path(idx, late, 2 * SEC, path, sizeof(path)), 4);
	assert_string_equal(path, "/new");
	assert_int_equal(slo_cgroup_index_path(idx, UINT64_MAX, 4 * SEC, path, sizeof(path)),
	                 -ENOENT);
	slo_cgroup_index_stats(idx, &stats);
	assert_int_equal(stats.walks, 3);
	assert_int_equal(stats.entries, 4);
	assert_int_equal(stats.lost, 0);
	assert_false(stats.handles);
}

static void what_does_not_fit_is_counted(void **state)
{
	const struct scratch *s = *state;
	slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
	struct slo_cgroup_index_stats stats;
	char path[SLO_CGROUP_PATH_LEN];

	for (int i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), "c%d", i);
		make_dirs(s->root, path);
	}
	assert_int_equal(slo_cgroup_index_new(&idx, s->root, 10, true, NULL), 0);
	assert_int_equal(slo_cgroup_index_path(idx, UINT64_MAX, SEC, path, sizeof(path)), -ENOENT);
	slo_cgroup_index_stats(idx, &stats);
	assert_int_equal(stats.entries, 10);
	assert_int_equal(stats.lost, 31);
}

static int stop_at(void *user, uint64_t id, const char *path)
{
	const char *last = user;

	(void)id;
	return last && strcmp(path, last) == 0 ? 7 : 0;
}

static void tree_too_deep_is_counted(void **state)
{
	const struct scratch *s = *state;
	struct slo_cgroup_walk count = { 0 };
	char stop[] = "/d/d";
	char path[512] = "d";

	for (int i = 0; i < SLO_CGROUP_DEPTH_MAX + 5; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
	make_dirs(s->root, path);
	assert_int_equal(slo_cgroup_walk(s->root, 1000, stop_at, NULL, &count), 0);
	assert_int_equal(count.seen, SLO_CGROUP_DEPTH_MAX + 1);
	assert_int_equal(count.lost, 1);
	assert_int_equal(slo_cgroup_walk(s->root, 1000, stop_at, stop, &count), 7);
	assert_int_equal(count.seen, 3);
}

/* A real cgroup below the host's cgroup2 root. */
struct real {
	int root;
	char name[64];
};

static int real_setup(void **state)
{
	static struct real r;
	slo_cleanup(slo_closep) int host = slo_host_open_root(NULL, NULL);

	r.root = slo_cgroup2_open_root(host, NULL, 0, NULL);
	(void)snprintf(r.name, sizeof(r.name), "slo-test-%d", getpid());
	if (r.root >= 0 && mkdirat(r.root, r.name, 0755)) {
		print_message("no cgroup can be made: %s\n", strerror(errno));
		slo_closep(&r.root);
	}
	*state = &r;
	return 0;
}

static int real_teardown(void **state)
{
	struct real *r = *state;

	if (r->root >= 0)
		(void)unlinkat(r->root, r->name, AT_REMOVEDIR);
	slo_closep(&r->root);
	return 0;
}

static void id_is_the_inode_from_5_5_on(void **state)
{
	const struct real *r = *state;
	struct utsname u;
	struct stat st;
	uint64_t id;

	if (r->root < 0)
		skip();
	id = id_of(r->root, r->name);
	assert_int_equal(fstatat(r->root, r->name, &st, 0), 0);
	assert_int_equal(uname(&u), 0);
	if (strtoul(u.release, NULL, 10) >= 6)
		assert_true(id == st.st_ino);
	else
		assert_true((uint32_t)id == (uint32_t)st.st_ino);
}

static void real_cgroup_is_found_both_ways(void **state)
{
	const struct real *r = *state;
	char want[80];
	uint64_t id;

	if (r->root < 0)
		skip();
	id = id_of(r->root, r->name);
	(void)snprintf(want, sizeof(want), "/%s", r->name);
	for (int walk_only = 0; walk_only < 2; walk_only++) {
		slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
		struct slo_cgroup_index_stats stats;
		char path[SLO_CGROUP_PATH_LEN];

		assert_int_equal(slo_cgroup_index_new(&idx, r->root, 0, walk_only, NULL), 0);
		assert_int_equal(slo_cgroup_index_path(idx, id, SEC, path, sizeof(path)),
		                 strlen(want));
		assert_string_equal(path, want);
		assert_int_equal(slo_cgroup_index_path(idx, slo_cgroup_index_root_id(idx), SEC,
		                                       path, sizeof(path)),
		                 1);
		assert_string_equal(path, "/");
		assert_int_equal(
			slo_cgroup_index_path(idx, id + 1000000, 9 * SEC, path, sizeof(path)),
			-ENOENT);
		slo_cgroup_index_stats(idx, &stats);
		print_message("handles %d, walks %d of %zu cgroups, %d ns\n", stats.handles,
		              (int)stats.walks, stats.entries, (int)stats.last_walk_ns);
		assert_true(stats.handles || stats.walks);
		assert_false(walk_only && stats.handles);
	}
}

static void removed_cgroup_is_gone(void **state)
{
	const struct real *r = *state;
	slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
	struct slo_cgroup_index_stats stats;
	char path[SLO_CGROUP_PATH_LEN];
	uint64_t id;

	if (r->root < 0)
		skip();
	id = id_of(r->root, r->name);
	assert_int_equal(slo_cgroup_index_new(&idx, r->root, 0, false, NULL), 0);
	slo_cgroup_index_stats(idx, &stats);
	if (!stats.handles)
		skip();
	assert_int_equal(unlinkat(r->root, r->name, AT_REMOVEDIR), 0);
	assert_int_equal(slo_cgroup_index_path(idx, id, SEC, path, sizeof(path)), -ENOENT);
}

static void index_survives_dropped_capabilities(void **state)
{
	const struct real *r = *state;
	slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
	char path[SLO_CGROUP_PATH_LEN];
	int status = 0;
	uint64_t id;
	pid_t pid;

	if (r->root < 0)
		skip();
	id = id_of(r->root, r->name);
	assert_int_equal(slo_cgroup_index_new(&idx, r->root, 0, false, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(slo_caps_drop_all_but(0, NULL) ||
		      slo_cgroup_index_path(idx, id, SEC, path, sizeof(path)) < 1 ||
		      strcmp(path + 1, r->name) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walked_tree_gives_paths, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(tree_too_deep_is_counted, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(id_is_the_inode_from_5_5_on, real_setup,
		                                real_teardown),
		cmocka_unit_test_setup_teardown(real_cgroup_is_found_both_ways, real_setup,
		                                real_teardown),
		cmocka_unit_test_setup_teardown(removed_cgroup_is_gone, real_setup, real_teardown),
		cmocka_unit_test_setup_teardown(index_survives_dropped_capabilities, real_setup,
		                                real_teardown),
	};

	return cmocka_run_group_tests_name("cgroup_index", tests, NULL, NULL);
}
