/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/cgroup.h"

#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "compat/cgroup_index.h"
#include "test/unit/compat/fixture.h"

static void layouts_of_fixtures_are_told(void **state)
{
	static const struct {
		const char *name;
		enum slo_cgroup_layout layout;
		const char *v2;
		const char *memory;
		const char *cpuacct;
	} cases[] = {
		{ "no_btf", SLO_CGROUP_V2, "/sys/fs/cgroup", "", "" },
		{ "container", SLO_CGROUP_V2, "/sys/fs/cgroup", "", "" },
		{ "cgroup_v1", SLO_CGROUP_V1, "", "/sys/fs/cgroup/memory",
		  "/sys/fs/cgroup/cpu,cpuacct" },
		{ "hybrid", SLO_CGROUP_HYBRID, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory",
		  "/sys/fs/cgroup/cpu,cpuacct" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		slo_cleanup(slo_closep) int root = fixture(cases[i].name);
		struct slo_cgroups cgs;
		const char *memory;

		assert_int_equal(slo_cgroups_read(root, &cgs, NULL), 0);
		assert_int_equal(cgs.layout, cases[i].layout);
		assert_string_equal(cgs.v2, cases[i].v2);
		assert_string_equal(cgs.v1[SLO_CGROUP_V1_CPUACCT], cases[i].cpuacct);
		memory = slo_cgroups_mount(&cgs, "memory");
		assert_string_equal(memory ? memory : "", cases[i].memory);
		assert_null(slo_cgroups_mount(&cgs, "nonsense"));
	}
}

static void odd_mountinfo_is_no_trouble(void **state)
{
	const struct scratch *s = *state;
	struct slo_cgroups cgs = { .source = "untouched" };
	struct slo_err err = { 0 };

	assert_int_equal(slo_cgroups_read(s->root, &cgs, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "mount -t cgroup2"));
	put_file(s->root, "proc/1/mountinfo",
	         "\n-\n1 2 3\n1 2 3 / /x rw -\n1 2 3 / /x rw - cgroup2\n");
	assert_int_equal(slo_cgroups_read(s->root, &cgs, &err), -ENOENT);
	assert_string_equal(cgs.source, "untouched");
	/* A mount of a part comes first, the point has a blank in it, and the source is empty. */
	put_file(
		s->root, "proc/1/mountinfo",
		"1 2 0:3 /part /part rw - cgroup2 none rw\n1 2 0:3 / /a\\040b rw opt:1 - cgroup2  rw\n");
	make_dirs(s->root, "a b");
	assert_int_equal(slo_cgroups_read(s->root, &cgs, &err), 0);
	assert_string_equal(cgs.v2, "/a b");
	assert_string_equal(cgs.source, "/proc/1/mountinfo");
	/* What PID 1 sees is not there below this root: its own table serves. */
	put_file(s->root, "proc/1/mountinfo", "1 2 0:3 / /elsewhere rw - cgroup2 none rw\n");
	put_file(s->root, "proc/self/mountinfo", "1 2 0:3 / /a\\040b rw - cgroup2 none rw\n");
	assert_int_equal(slo_cgroups_read(s->root, &cgs, &err), 0);
	assert_string_equal(cgs.source, "/proc/self/mountinfo");
}

static void namespaces_are_told(void **state)
{
	static const struct {
		const char *name;
		enum slo_cgroup_ns ns;
	} cases[] = {
		{ "no_btf", SLO_CGROUP_NS_INITIAL },
		{ "container", SLO_CGROUP_NS_OWN },
		{ "ubuntu1604", SLO_CGROUP_NS_INITIAL }, /* kernel without cgroup namespaces */
	};
	const struct scratch *s = *state;
	char why[160];

	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		slo_cleanup(slo_closep) int root = fixture(cases[i].name);

		assert_int_equal(slo_cgroup_ns(root, why, sizeof(why)), cases[i].ns);
		assert_true(why[0] != '\0');
	}
	assert_int_equal(slo_cgroup_ns(s->root, why, sizeof(why)), SLO_CGROUP_NS_UNKNOWN);
	put_file(s->root, "proc/self/cgroup", "0::/../../system.slice/x.service\n");
	assert_int_equal(slo_cgroup_ns(s->root, NULL, 0), SLO_CGROUP_NS_OWN);
}

static void fixture_roots_open(void **state)
{
	slo_cleanup(slo_closep) int root = fixture("hybrid");
	slo_cleanup(slo_closep) int v1 = fixture("cgroup_v1");
	slo_cleanup(slo_closep) int old = fixture("ubuntu1604");
	struct slo_err err = { 0 };
	char where[64];
	int fd = slo_cgroup2_open_root(root, where, sizeof(where), &err);

	(void)state;
	assert_true(fd >= 0);
	slo_closep(&fd);
	assert_string_equal(where, "/sys/fs/cgroup/unified");
	/* A fixture must not get the running kernel's. */
	assert_true(slo_cgroup2_open_root(v1, where, sizeof(where), &err) < 0);
	assert_non_null(strstr(err.msg, "mount -t cgroup2 none"));
	assert_int_equal(slo_cgroup2_open_root(old, NULL, 0, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "4.5"));
}

static void host_root_has_the_first_id(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	slo_cleanup(slo_closep) int fd = -1;
	struct slo_err err = { 0 };
	struct stat st;
	char where[160];
	uint64_t id;

	(void)state;
	fd = slo_cgroup2_open_root(root, where, sizeof(where), &err);
	if (fd < 0) {
		print_message("%s\n", err.msg);
		skip();
	}
	print_message("cgroup2 root: %s\n", where);
	assert_int_equal(slo_cgroup_id_at(fd, "", &id), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint32_t)id == (uint32_t)st.st_ino);
	if (!slo_cgroup_is_root(fd))
		assert_int_equal(slo_cgroup_ns(root, NULL, 0), SLO_CGROUP_NS_OWN);
}

#define SKIPPED 77

/* Runs @fn in a child inside a cgroup of its own below the host's cgroup2 root. Skips where that cannot be. */
static void in_own_cgroup(int (*fn)(int root, int v2, const char *name))
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	slo_cleanup(slo_closep) int v2 = slo_cgroup2_open_root(root, NULL, 0, NULL);
	char name[64];
	int status = 0;
	pid_t pid;

	(void)snprintf(name, sizeof(name), "slo-test-%d", getpid());
	if (v2 < 0 || mkdirat(v2, name, 0755)) {
		print_message("no cgroup can be made: %s\n", strerror(errno));
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char path[96];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", name);
		fd = openat(v2, path, O_WRONLY | O_CLOEXEC);
		_exit(fd < 0 || write(fd, "0", 1) != 1 ? SKIPPED : fn(root, v2, name));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(unlinkat(v2, name, AT_REMOVEDIR), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Half of bpf_get_current_cgroup_id(), by a test run of a raw tracepoint program (Linux 5.10). */
static int ask_bpf(bool upper, uint32_t *ret)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_cgroup_id },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .imm = upper ? 32 : 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
		.insns = (uint64_t)(uintptr_t)insns,
		.insn_cnt = SLO_ARRAY_SIZE(insns),
		.license = (uint64_t)(uintptr_t) "GPL",
	};
	slo_cleanup(slo_closep) int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
	union bpf_attr run = { .test.prog_fd = (uint32_t)fd };

	if (fd < 0 || syscall(SYS_bpf, BPF_PROG_TEST_RUN, &run, sizeof(run)) < 0)
		return -errno;
	*ret = run.test.retval;
	return 0;
}

static int compare_with_bpf(int root, int v2, const char *name)
{
	uint32_t low = 0;
	uint32_t high = 0;
	uint64_t id = 0;

	(void)root;
	if (ask_bpf(false, &low) || ask_bpf(true, &high))
		return SKIPPED;
	if (slo_cgroup_id_at(v2, name, &id))
		return 1;
	return id == ((uint64_t)high << 32 | low) ? 0 : 2;
}

static void id_is_what_bpf_gives(void **state)
{
	(void)state;
	in_own_cgroup(compare_with_bpf);
}

/* Into new namespaces, without the cgroup2 mount. Root of there (a descriptor keeps to its namespace), or -1. */
static int hide_mount(int host, int namespaces)
{
	struct slo_cgroups cgs;

	if (slo_cgroups_read(host, &cgs, NULL) || unshare(namespaces | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || umount2(cgs.v2, MNT_DETACH))
		return -1;
	return slo_host_open_root(NULL, NULL);
}

static int use_detached_mount(int host, int v2, const char *name)
{
	slo_cleanup(slo_cgroup_index_freep) struct slo_cgroup_index *idx = NULL;
	slo_cleanup(slo_closep) int root = hide_mount(host, 0);
	slo_cleanup(slo_closep) int fd = -1;
	char path[SLO_CGROUP_PATH_LEN];
	char where[160];
	uint64_t id;
	int n;

	if (root < 0)
		return SKIPPED;
	fd = slo_cgroup2_open_root(root, where, sizeof(where), NULL);
	if (fd < 0 || !slo_cgroup_is_root(fd))
		return 1;
	if (slo_cgroup_id_at(v2, name, &id) || slo_cgroup_index_new(&idx, fd, 0, false, NULL))
		return 2;
	slo_closep(&fd);
	n = slo_cgroup_index_path(idx, id, 1, path, sizeof(path));
	if (n < 1 || strcmp(path + 1, name) != 0)
		return 3;
	/* PID 1's mount would do as well, where it may be looked at. */
	return strcmp(where, "detached mount") == 0 || strncmp(where, "/proc/1/root", 12) == 0 ? 0
	                                                                                       : 4;
}

static void unmounted_root_is_mounted_privately(void **state)
{
	(void)state;
	in_own_cgroup(use_detached_mount);
}

static int use_cgroup_namespace(int host, int v2, const char *name)
{
	slo_cleanup(slo_closep) int root = hide_mount(host, CLONE_NEWCGROUP);
	slo_cleanup(slo_closep) int fd = -1;
	char where[160];
	uint64_t want;
	uint64_t id;

	if (root < 0 || slo_cgroup_id_at(v2, name, &want))
		return SKIPPED;
	if (slo_cgroup_ns(root, NULL, 0) != SLO_CGROUP_NS_OWN)
		return 1;
	fd = slo_cgroup2_open_root(root, where, sizeof(where), NULL);
	if (fd < 0 || slo_cgroup_id_at(fd, "", &id))
		return 2;
	if (strncmp(where, "/proc/1/root", 12) == 0)
		return slo_cgroup_is_root(fd) ? 0 : 3;
	return id == want && strstr(where, "only its own subtree") ? 0 : 4;
}

static void namespace_of_ones_own_is_told(void **state)
{
	(void)state;
	in_own_cgroup(use_cgroup_namespace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts_of_fixtures_are_told),
		cmocka_unit_test_setup_teardown(odd_mountinfo_is_no_trouble, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(namespaces_are_told, scratch_setup,
		                                scratch_teardown),
		cmocka_unit_test(fixture_roots_open),
		cmocka_unit_test(host_root_has_the_first_id),
		cmocka_unit_test(id_is_what_bpf_gives),
		cmocka_unit_test(unmounted_root_is_mounted_privately),
		cmocka_unit_test(namespace_of_ones_own_is_told),
	};

	return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
