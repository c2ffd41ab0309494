/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of the host that decide what can be measured, each with its evidence; no program is loaded. */
#ifndef SLO_COMPAT_FEATURES_H
#define SLO_COMPAT_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

enum slo_feature {
	SLO_FEAT_KERNEL_RELEASE, /* number: version code, major << 16 | minor << 8 | patch (255 at most) */
	SLO_FEAT_KERNEL_VERSION, /* text of /proc/version */
	SLO_FEAT_KERNEL_FLAVOUR, /* "rhel8", "amzn", "aws", ...; "mainline-like" where no vendor's mark is found */
	SLO_FEAT_DISTRO, /* PRETTY_NAME of os-release */
	SLO_FEAT_ARCH, /* uname -m */
	SLO_FEAT_BTF, /* number: bytes; 0 absent */
	SLO_FEAT_LOCKDOWN, /* number: enum slo_lockdown */
	SLO_FEAT_TRACEFS, /* number: 1 readable, 0 not; value: where */
	SLO_FEAT_KPROBES, /* number: 1 the kernel has them */
	SLO_FEAT_UPROBES,
	SLO_FEAT_PERF_PARANOID, /* number: the sysctl */
	SLO_FEAT_KPTR_RESTRICT,
	SLO_FEAT_UNPRIV_BPF, /* number: unprivileged_bpf_disabled */
	SLO_FEAT_BPF_JIT, /* number: bpf_jit_enable */
	SLO_FEAT_MEMLOCK, /* number: soft limit, bytes; INT64_MAX unlimited */
	SLO_FEAT_MEMCG_ACCOUNTING, /* number: 1 maps are charged to memcg, memlock is moot (5.11, and where that was back-ported) */
	SLO_FEAT_SCHED_INFO, /* number: 1 run-queue delay is accounted per task */
	SLO_FEAT_SCHEDSTATS, /* number: kernel.sched_schedstats */
	SLO_FEAT_DELAYACCT, /* number: kernel.task_delayacct */
	SLO_FEAT_CGROUPS, /* number: enum slo_cgroup_layout (compat/cgroup.h) */
	SLO_FEAT_CGROUP_NS, /* number: enum slo_cgroup_ns */
	SLO_FEAT_PID_NS, /* number: 1 initial, 0 own */
	SLO_FEAT_PSI, /* number: 1 present */
	SLO_FEAT_HEADERS, /* number: 1 found; value: where (for BCC) */
	SLO_FEAT_RUNTIME, /* container runtimes and orchestrators seen */
	SLO_FEAT_IN_CONTAINER, /* number: 1 this process seems to run in a container */
	SLO_FEAT_SECCOMP, /* number: 0 off, 1 strict, 2 filter */
	SLO_FEAT_CAPS, /* number: effective set, as a bit mask */
	SLO_FEAT_VIRT, /* hypervisor; "none" on bare metal */
	SLO_FEAT_STEAL, /* number: 1 the hypervisor reports steal time, 0 not */
	SLO_FEAT_MAX_,
};

enum slo_lockdown {
	SLO_LOCKDOWN_NONE,
	SLO_LOCKDOWN_INTEGRITY,
	SLO_LOCKDOWN_CONFIDENTIALITY,
};

struct slo_fact {
	bool known;
	int64_t number; /* as said beside enum slo_feature; 0 where not known */
	char value[128]; /* for people; "unknown" where not known */
	char evidence[192]; /* file or call it was read from, or why it is not known */
};

struct slo_host_features {
	struct slo_fact facts[SLO_FEAT_MAX_];
};

/* Table row: @id is a stable name ("btf"), @title a phrase for people. */
struct slo_feature_desc {
	const char *id;
	const char *title;
	void (*read)(int root, const char *arg, struct slo_fact *ret);
	const char *arg; /* of @read: a file's path; NULL none */
};

const struct slo_feature_desc *slo_feature_desc(enum slo_feature feat);

/*
 * Never fails: what cannot be told stays unknown, with the reason. On a real host (not a fixture) securityfs and tracefs
 * that are mounted nowhere are looked at through a private mount, which nobody else sees and which is gone afterwards.
 */
void slo_host_features_read(int root, struct slo_host_features *ret);

/* 1 where no kprobe may be placed on @symbol, 0 where one may, or negative errno (debugfs not mounted, ...). */
int slo_feature_kprobe_is_blacklisted(int root, const char *symbol);

#endif
