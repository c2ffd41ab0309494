/* SPDX-License-Identifier: Apache-2.0 */
/* The leftover is real: a program attached by nobody who lives. That needs root and cgroup2: skipped elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "backends/libbpf/stale.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/base/base.h"
#include "test/unit/compat/fixture.h"

static int load(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_CGROUP_INET_EGRESS);

	return bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, "slo_stale_test", "Dual BSD/GPL", insns,
	                     SLO_ARRAY_SIZE(insns), &opts);
}

static unsigned int attached(int cgroup)
{
	uint32_t ids[64], count = 64, flags;

	return bpf_prog_query(cgroup, BPF_CGROUP_INET_EGRESS, 0, &flags, ids, &count) ? 0 : count;
}

/* A host of this process alone, so that no other hides what it holds. */
static void link_process(const struct scratch *s)
{
	char path[64], target[64];

	make_dirs(s->root, "proc");
	assert_int_equal(symlinkat("/proc/self", s->root, "proc/self"), 0);
	(void)snprintf(path, sizeof(path), "proc/%d", (int)getpid());
	(void)snprintf(target, sizeof(target), "/proc/%d", (int)getpid());
	assert_int_equal(symlinkat(target, s->root, path), 0);
}

static void only_what_nobody_holds_is_taken_away(void **state)
{
	const struct scratch *s = *state;
	slo_cleanup(slo_closep) int host = slo_host_open_root(NULL, NULL);
	slo_cleanup(slo_closep) int top = slo_cgroup2_open_root(host, NULL, 0, NULL);
	slo_cleanup(slo_closep) int cgroup = -1, prog = -1;
	char name[64];
	pid_t child;
	int status, root = s->root;

	link_process(s);
	(void)snprintf(name, sizeof(name), "slo-test-stale-%d", (int)getpid());
	if (top < 0 || mkdirat(top, name, 0700))
		skip();
	cgroup = openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	prog = load();
	if (prog < 0) {
		(void)unlinkat(top, name, AT_REMOVEDIR);
		skip();
	}
	child = fork();
	if (!child)
		_exit(bpf_prog_attach(load(), cgroup, BPF_CGROUP_INET_EGRESS, BPF_F_ALLOW_MULTI) !=
		      0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(bpf_prog_attach(prog, cgroup, BPF_CGROUP_INET_EGRESS, BPF_F_ALLOW_MULTI),
	                 0);
	assert_int_equal(attached(cgroup), 2);
	assert_int_equal(slo_stale_detach(root, cgroup, BPF_CGROUP_INET_EGRESS, "another"), 0);
	assert_int_equal(slo_stale_detach(root, cgroup, BPF_CGROUP_INET_EGRESS, "slo_stale_test"),
	                 1);
	assert_int_equal(attached(cgroup), 1);
	assert_int_equal(bpf_prog_detach2(prog, cgroup, BPF_CGROUP_INET_EGRESS), 0);
	assert_int_equal(unlinkat(top, name, AT_REMOVEDIR), 0);
}

/* --- who holds it ----------------------------------------------------------------------------------------------- */

#define KIND "pos:\t0\nflags:\t02000002\nmnt_id:\t13\nprog_type:\t8\nprog_jited:\t1\n"
#define TAG "prog_tag:\t0123456789abcdef\n"

static const struct slo_stale_prog leftover = {
	.id = 12, .own = 7, .tag = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef }
};

static void holder_is_known_by_the_programs_id(void **state)
{
	const struct scratch *s = *state;

	put_file(s->root, "proc/self/fdinfo/7", KIND TAG "memlock:\t4096\nprog_id:\t12\n");
	/* Another load of the same instructions, and an id that begins alike. */
	put_file(s->root, "proc/41/fdinfo/3", KIND TAG "memlock:\t4096\nprog_id:\t120\n");
	assert_false(slo_stale_is_held(s->root, &leftover));
	put_file(s->root, "proc/42/fdinfo/9", KIND TAG "memlock:\t4096\nprog_id:\t12\n");
	assert_true(slo_stale_is_held(s->root, &leftover));
}

/* 4.15 to 4.17. */
static void holder_is_known_by_the_tag_where_there_is_no_id(void **state)
{
	const struct scratch *s = *state;

	put_file(s->root, "proc/self/fdinfo/7", KIND TAG "memlock:\t4096\n");
	put_file(s->root, "proc/41/fdinfo/3", KIND "prog_tag:\tfedcba9876543210\nmemlock:\t4096\n");
	assert_false(slo_stale_is_held(s->root, &leftover));
	put_file(s->root, "proc/42/fdinfo/9", KIND TAG "memlock:\t4096\n");
	assert_true(slo_stale_is_held(s->root, &leftover));
}

/* Seen from a container, the host's procfs has another number for this process than getpid(). */
static void own_descriptor_does_not_count_by_the_hosts_number(void **state)
{
	const struct scratch *s = *state;

	put_file(s->root, "proc/77/fdinfo/7", KIND TAG "prog_id:\t12\n");
	assert_int_equal(symlinkat("77", s->root, "proc/self"), 0);
	assert_false(slo_stale_is_held(s->root, &leftover));
	put_file(s->root, "proc/78/fdinfo/7", KIND TAG "prog_id:\t12\n");
	assert_true(slo_stale_is_held(s->root, &leftover));
}

static uint32_t id_of(int prog)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(prog, &info, &len), 0);
	return info.id;
}

static void put_own(const struct scratch *s, int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", (int)getpid(), fd);
	put_file(s->root, path, KIND TAG "memlock:\t4096\n");
	(void)snprintf(path, sizeof(path), "proc/self/fdinfo/%d", fd);
	put_file(s->root, path, KIND TAG "memlock:\t4096\n");
}

/* Who sweeps has loaded the same instructions to attach them. */
static void tag_of_an_own_program_hides_no_leftover(void **state)
{
	const struct scratch *s = *state;
	slo_cleanup(slo_closep) int left = load(), mine = load(), again = -1;
	struct slo_stale_prog p = leftover;

	if (left < 0 || mine < 0)
		skip();
	p.own = left;
	p.id = id_of(left);
	put_own(s, left);
	put_own(s, mine);
	assert_false(slo_stale_is_held(s->root, &p));
	again = dup(left);
	assert_true(again >= 0);
	put_own(s, again);
	assert_true(slo_stale_is_held(s->root, &p));
}

/* Root looks into every folder, so by another user. */
static bool is_held_to_others(const struct scratch *s)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && setuid(65534))
			_exit(2);
		_exit(slo_stale_is_held(s->root, &leftover));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static void what_cannot_be_told_is_held(void **state)
{
	const struct scratch *s = *state;
	const char *const hidden = "proc/41/fdinfo";

	assert_int_equal(chmod(s->path, 0755), 0);
	assert_true(slo_stale_is_held(s->root, &leftover));
	make_dirs(s->root, "proc");
	/* Our own descriptor is not there. */
	assert_true(slo_stale_is_held(s->root, &leftover));
	put_file(s->root, "proc/self/fdinfo/7", KIND TAG "prog_id:\t12\n");
	put_file(s->root, "proc/41/fdinfo/3", KIND TAG "prog_id:\t13\n");
	assert_false(is_held_to_others(s));
	assert_int_equal(fchmodat(s->root, hidden, 0, 0), 0);
	assert_true(is_held_to_others(s));
	assert_int_equal(fchmodat(s->root, hidden, 0755, 0), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(only_what_nobody_holds_is_taken_away),
		IN_SCRATCH(holder_is_known_by_the_programs_id),
		IN_SCRATCH(holder_is_known_by_the_tag_where_there_is_no_id),
		IN_SCRATCH(own_descriptor_does_not_count_by_the_hosts_number),
		IN_SCRATCH(tag_of_an_own_program_hides_no_leftover),
		IN_SCRATCH(what_cannot_be_told_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
