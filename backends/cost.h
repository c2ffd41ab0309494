/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our BPF programs cost: their run time, by themselves (bpf/slo_cost.h) or, where they are too old for that, by the kernel's
 * account; and the cost of getting into one, measured here.
 */
#ifndef SLO_BACKENDS_COST_H
#define SLO_BACKENDS_COST_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

struct slo_cost {
	const char *by; /* who measures run times: "sampled_runs", "bpf_stats"; NULL nobody */
	int stats_fd; /* keeps the kernel's account on; else -1 */
	double entry_ns; /* hook to program and back, which the account does not see; 0 unknown */
};

/*
 * @self_timed: programs time themselves. Else the kernel's account is switched on, before privileges are dropped: it needs
 * CAP_SYS_ADMIN for that, not to stay on, and Linux 5.8.
 */
void slo_cost_begin(struct slo_cost *ret, bool self_timed);
void slo_cost_end(struct slo_cost *cost);

struct slo_cost_of {
	uint64_t runs;
	uint64_t
		run_ns; /* of programs that time themselves: as far as one run in SLO_ABI_COST_EACH tells */
	uint64_t
		missed; /* runs that the kernel left out: the same program ran on that CPU already */
};

/* Adds one program's, by its descriptor. */
void slo_cost_add(struct slo_cost_of *sum, int prog_fd);

/* Of all loaded programs of @obj, cumulative. */
struct slo_cost_of slo_cost_object(const struct bpf_object *obj);

#endif
