/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaches a program that does nothing to every context switch until it is interrupted: what the kernel's account says
 * of its run time is the account's own share of any program's.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/base.h"

int main(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "slo_empty", "Dual BSD/GPL", insns,
	                         SLO_ARRAY_SIZE(insns), NULL);

	if (prog < 0 || bpf_raw_tracepoint_open("sched_switch", prog) < 0) {
		(void)fprintf(stderr, "empty_program: %s\n", strerror(errno));
		return 1;
	}
	(void)puts("attached");
	(void)fflush(stdout);
	(void)pause();
	return 0;
}
