/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cost.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/prctl.h>

#include "bpf/slo_abi.h"
#include "core/base/base.h"
#include "core/base/clock.h"

/* A calibration takes well below a millisecond; the best of some, for what disturbs only adds. */
#define RENAMES 500
#define ROUNDS 3

/* task:task_rename fires when a thread names itself: nobody else's work is slowed down meanwhile. */
static uint64_t time_renames(const char *name)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = slo_clock_monotonic_ns(), took;

		for (int i = 0; i < RENAMES; i++)
			(void)prctl(PR_SET_NAME, name);
		took = slo_clock_monotonic_ns() - begin;
		best = took < best ? took : best;
	}
	return best;
}

/* The difference that a program which does nothing makes. */
static double calibrate_entry(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	slo_cleanup(slo_closep) int prog = -1;
	slo_cleanup(slo_closep) int link = -1;
	uint64_t bare, with;
	char name[16] = "";

	if (prctl(PR_GET_NAME, name))
		return 0;
	prog = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "slo_entry", "Dual BSD/GPL", insns,
	                     SLO_ARRAY_SIZE(insns), NULL);
	if (prog < 0)
		return 0;
	bare = time_renames(name);
	link = bpf_raw_tracepoint_open("task_rename", prog);
	if (link < 0)
		return 0;
	with = time_renames(name);
	return with > bare ? (double)(with - bare) / RENAMES : 0;
}

void slo_cost_begin(struct slo_cost *ret, bool self_timed)
{
	/* Calibrated first: the account takes time of its own, which is in its figures already. */
	ret->entry_ns = calibrate_entry();
	ret->stats_fd = self_timed ? -1 : bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (ret->stats_fd < 0)
		ret->stats_fd = -1;
	if (self_timed)
		ret->by = "sampled_runs";
	else
		ret->by = ret->stats_fd >= 0 ? "bpf_stats" : NULL;
}

void slo_cost_end(struct slo_cost *cost)
{
	slo_closep(&cost->stats_fd);
	cost->by = NULL;
}

void slo_cost_add(struct slo_cost_of *sum, int prog_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return;
	sum->runs += info.run_cnt;
	sum->run_ns += info.run_time_ns;
	sum->missed += info.recursion_misses;
}

/* Where programs time themselves: in place of the kernel's account, which may be on for somebody else. */
static void by_themselves(const struct bpf_object *obj, struct slo_cost_of *sum)
{
	int fd = bpf_object__find_map_fd_by_name(obj, "own_cost"),
	    cpus = libbpf_num_possible_cpus();
	slo_cleanup(slo_freep) struct slo_abi_cost *percpu = NULL;
	uint64_t timed = 0;
	uint32_t zero = 0;

	if (fd < 0 || cpus <= 0)
		return;
	sum->runs = sum->run_ns = 0;
	percpu = calloc((size_t)cpus, sizeof(*percpu));
	if (!percpu || bpf_map_lookup_elem(fd, &zero, percpu))
		return;
	for (int cpu = 0; cpu < cpus; cpu++) {
		const struct slo_abi_cost *c = &percpu[cpu];

		sum->runs += c->runs + c->gap - c->left;
		sum->run_ns += c->ns;
		timed += c->timed;
	}
	if (timed)
		sum->run_ns = (uint64_t)((double)sum->run_ns * (double)sum->runs / (double)timed);
}

struct slo_cost_of slo_cost_object(const struct bpf_object *obj)
{
	struct slo_cost_of sum = { 0 };
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		slo_cost_add(&sum, bpf_program__fd(prog));
	}
	by_themselves(obj, &sum);
	return sum;
}
