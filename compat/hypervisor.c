/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/hypervisor.h"

#include <string.h>

#include "core/base/base.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

#define LEAF_FIRST 0x40000000u
#define LEAF_LAST 0x40010000u
#define LEAF_STEP 0x100u
#define HYPERVISOR_BIT (1u << 31) /* leaf 1, ECX */
#define KVM_STEAL_BIT (1u << 5) /* KVM_FEATURE_STEAL_TIME, Documentation/virt/kvm/x86/cpuid.rst */

static const struct {
	const char *signature;
	const char *name;
} hypervisors[] = {
	{ "KVMKVMKVM", "kvm" },     { "Microsoft Hv", "hyperv" },    { "VMwareVMware", "vmware" },
	{ "XenVMMXenVMM", "xen" },  { "TCGTCGTCGTCG", "qemu" },      { "bhyve bhyve ", "bhyve" },
	{ "ACRNACRNACRN", "acrn" }, { "prl hyperv  ", "parallels" },
};

struct leaf {
	unsigned int a;
	char signature[12]; /* EBX, ECX, EDX */
	unsigned int c;
};

static struct leaf read_leaf(unsigned int number)
{
	unsigned int regs[4];
	struct leaf leaf;

	__cpuid(number, regs[0], regs[1], regs[2], regs[3]);
	leaf.a = regs[0];
	leaf.c = regs[2];
	memcpy(leaf.signature, &regs[1], sizeof(leaf.signature));
	return leaf;
}

static bool is_known(const char *signature, const char **ret_name)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(hypervisors); i++) {
		if (strncmp(signature, hypervisors[i].signature, 12) == 0) {
			*ret_name = hypervisors[i].name;
			return true;
		}
	}
	return false;
}

void slo_hypervisor_detect(struct slo_hypervisor *ret)
{
	*ret = (struct slo_hypervisor){ .known = true, .name = "none" };
	if (!(read_leaf(1).c & HYPERVISOR_BIT))
		return;
	ret->is_guest = true;
	ret->name = "other";
	/* With Hyper-V enlightenments on, KVM moves its own leaves up by 0x100 or more: the last one known wins. */
	for (unsigned int n = LEAF_FIRST; n < LEAF_LAST; n += LEAF_STEP) {
		struct leaf leaf = read_leaf(n);
		bool known = is_known(leaf.signature, &ret->name);

		if (known || n == LEAF_FIRST)
			memcpy(ret->signature, leaf.signature, sizeof(leaf.signature));
		if (known && strcmp(ret->name, "kvm") == 0) {
			ret->is_kvm = true;
			ret->kvm_steal = read_leaf(n + 1).a & KVM_STEAL_BIT;
			return;
		}
	}
}

#else

void slo_hypervisor_detect(struct slo_hypervisor *ret)
{
	*ret = (struct slo_hypervisor){ .name = "none" };
}

#endif
