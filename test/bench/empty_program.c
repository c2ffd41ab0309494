/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches programs that do nothing until it is interrupted: what the kernel's account says of their run time is the
 * account's own share of any program's, and what they cost at the hooks of others is those others' floor.
 *
 * empty_program [CGROUP HOOK...]: of raw tracepoints, or egress, ingress, connect4 of the cgroup2 at CGROUP; else sched_switch.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

static const struct {
	const char *name;
	enum bpf_prog_type prog;
	enum bpf_attach_type attach;
} cgroup_hooks[] = {
	{ "egress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS },
	{ "ingress", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS },
	{ "connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT },
};

/* @allow: what it returns, where packets and calls need leave to go on. */
static int load(enum bpf_prog_type type, enum bpf_attach_type attach, int allow)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = allow },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach);

	return bpf_prog_load(type, "slo_empty", "Dual BSD/GPL", insns, SLO_ARRAY_SIZE(insns),
	                     &opts);
}

/* Attached by a link, which ends with this process. */
static int attach_one(int cgroup, const char *hook)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cgroup_hooks); i++) {
		if (strcmp(cgroup_hooks[i].name, hook) != 0)
			continue;
		return bpf_link_create(load(cgroup_hooks[i].prog, cgroup_hooks[i].attach, 1),
		                       cgroup, cgroup_hooks[i].attach, NULL);
	}
	return bpf_raw_tracepoint_open(
		hook, load(BPF_PROG_TYPE_RAW_TRACEPOINT, (enum bpf_attach_type)0, 0));
}

static int attach_all(int count, char **hooks, int cgroup)
{
	for (int i = 0; i < count; i++) {
		if (attach_one(cgroup, hooks[i]) < 0) {
			(void)fprintf(stderr, "empty_program: %s: %s\n", hooks[i], strerror(errno));
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	char *alone[] = { (char[]){ "sched_switch" } };
	int cgroup = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (argc > 2 ? attach_all(argc - 2, argv + 2, cgroup) : attach_all(1, alone, -1))
		return 1;
	(void)puts("attached");
	(void)fflush(stdout);
	(void)pause();
	return 0;
}
