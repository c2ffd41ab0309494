/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time taken by the hypervisor, from /proc/stat; in pieces, so that tests give them their own facts. */
#ifndef SLO_PROCFS_STEAL_H
#define SLO_PROCFS_STEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/verdict.h"

enum slo_hypervisor {
	SLO_HV_UNKNOWN, /* this CPU architecture has no way to ask */
	SLO_HV_NONE, /* bare metal */
	SLO_HV_KVM,
	SLO_HV_XEN,
	SLO_HV_OTHER,
};

/* What the CPU says about who runs it. */
struct slo_steal_facts {
	enum slo_hypervisor hypervisor;
	bool kvm_steal; /* KVM_FEATURE_STEAL_TIME */
	char signature[13]; /* the hypervisor's own name, printable; "" none */
};

void slo_steal_facts_read(struct slo_steal_facts *ret);

/* Ticks since boot of all CPUs together: the first eight fields of the line "cpu". */
enum slo_steal_field {
	SLO_CPU_USER, /* guest time is in here */
	SLO_CPU_NICE,
	SLO_CPU_SYSTEM,
	SLO_CPU_IDLE,
	SLO_CPU_IOWAIT,
	SLO_CPU_IRQ,
	SLO_CPU_SOFTIRQ,
	SLO_CPU_STEAL,
	SLO_CPU_MAX_,
};

struct slo_steal_ticks {
	uint64_t field[SLO_CPU_MAX_];
};

/* From the text of /proc/stat. -EBADMSG: no such line, or damaged; -ENOTSUP: the kernel has no steal column. */
int slo_steal_parse(const char *text, struct slo_steal_ticks *ret, struct slo_err *err);

/*
 * Steal as percent of all time between two readings. 1 and *@ret_pct; 0: no time has passed, keep @from;
 * -ERANGE: counters were set back (live migration, checkpoint and restore), begin anew from @to.
 */
int slo_steal_pct(const struct slo_steal_ticks *from, const struct slo_steal_ticks *to,
                  double *ret_pct);

/* Whether zero means none was stolen or that nobody says. @now: ticks since boot. @v is zeroed by the caller. */
void slo_steal_verdict(const struct slo_steal_facts *facts, const struct slo_steal_ticks *now,
                       struct slo_verdict *v);

#endif
