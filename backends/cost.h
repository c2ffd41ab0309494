/* SPDX-License-Identifier: Apache-2.0 */
/* What our BPF programs cost: the kernel's account of their run time, and the cost of getting into one, measured here. */
#ifndef SLO_BACKENDS_COST_H
#define SLO_BACKENDS_COST_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

struct slo_cost {
	int stats_fd; /* keeps the kernel's account on; -1: it is off, for want of CAP_SYS_ADMIN or before 5.8 */
	double entry_ns; /* hook to program and back, which the account does not see; 0 unknown */
};

/* Before privileges are dropped: the account needs CAP_SYS_ADMIN to be switched on, not to stay on. */
void slo_cost_begin(struct slo_cost *ret);
void slo_cost_end(struct slo_cost *cost);

struct slo_cost_of {
	uint64_t runs;
	uint64_t run_ns;
	uint64_t
		missed; /* runs that the kernel left out: the same program ran on that CPU already */
};

/* Adds one program's, by its descriptor. */
void slo_cost_add(struct slo_cost_of *sum, int prog_fd);

/* Of all loaded programs of @obj, cumulative. */
struct slo_cost_of slo_cost_object(const struct bpf_object *obj);

#endif
