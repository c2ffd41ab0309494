/* SPDX-License-Identifier: Apache-2.0 */
/* Which hypervisor runs this machine, and whether it reports steal time. */
#ifndef SLO_COMPAT_HYPERVISOR_H
#define SLO_COMPAT_HYPERVISOR_H

#include <stdbool.h>

struct slo_hypervisor {
	bool known; /* false: this architecture has no CPUID */
	bool is_guest;
	bool is_kvm;
	bool kvm_steal; /* KVM_FEATURE_STEAL_TIME; valid where is_kvm */
	char signature[13]; /* as CPUID gives it, "KVMKVMKVM"; "" on bare metal */
	const char *name; /* static: "kvm", "hyperv", ..., "other"; "none" on bare metal */
};

/* Of the machine this runs on, by CPUID. */
void slo_hypervisor_detect(struct slo_hypervisor *ret);

#endif
