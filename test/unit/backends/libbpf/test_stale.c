/* SPDX-License-Identifier: Apache-2.0 */
/* Needs root and cgroup2: skipped elsewhere. The leftover is real: a program attached by nobody who lives. */
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

static void only_what_nobody_holds_is_taken_away(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	slo_cleanup(slo_closep) int top = slo_cgroup2_open_root(root, NULL, 0, NULL);
	slo_cleanup(slo_closep) int cgroup = -1, prog = -1;
	char name[64];
	pid_t child;
	int status;

	(void)state;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_nobody_holds_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
