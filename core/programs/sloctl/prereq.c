/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/prereq.h"

#include <stdio.h>
#include <string.h>

#include "compat/caps.h"
#include "compat/cgroup.h"

#define KERNEL(major, minor) ((major) << 16 | (minor) << 8)

static const char *const severity_names[] = {
	[SLO_SEVERITY_BLOCKER] = "blocker",
	[SLO_SEVERITY_WARNING] = "warning",
	[SLO_SEVERITY_INFO] = "info",
};
SLO_TABLE_COMPLETE(severity_names, SLO_SEVERITY_MAX_);

const char *slo_severity_name(enum slo_severity severity)
{
	assert((unsigned int)severity < SLO_SEVERITY_MAX_);
	return severity_names[severity];
}

static bool always(const struct slo_fact *f)
{
	(void)f;
	return true;
}

static bool is_positive(const struct slo_fact *f)
{
	return f->known && f->number > 0;
}

static bool is_4_4(const struct slo_fact *f)
{
	return f->known && f->number >= KERNEL(4, 4);
}

static bool not_confidential(const struct slo_fact *f)
{
	return !f->known || f->number != SLO_LOCKDOWN_CONFIDENTIALITY;
}

static bool may_bpf(const struct slo_fact *f)
{
	const struct slo_caps caps = { .effective = (uint64_t)f->number };

	return f->known && slo_caps_may(&caps, SLO_CAP_BPF) && slo_caps_may(&caps, SLO_CAP_PERFMON);
}

static bool may_net_admin(const struct slo_fact *f)
{
	const struct slo_caps caps = { .effective = (uint64_t)f->number };

	return f->known && slo_caps_has(&caps, SLO_CAP_NET_ADMIN);
}

static bool has_cgroup2(const struct slo_fact *f)
{
	return f->known && (f->number == SLO_CGROUP_V2 || f->number == SLO_CGROUP_HYBRID);
}

static bool is_initial_cgroup_ns(const struct slo_fact *f)
{
	return !f->known || f->number != SLO_CGROUP_NS_OWN;
}

static bool is_initial_pid_ns(const struct slo_fact *f)
{
	return !f->known || f->number == 1;
}

/* Strict mode kills; a filter may or may not allow bpf(2), which the backend's own attempt tells. */
static bool not_strict_seccomp(const struct slo_fact *f)
{
	return !f->known || f->number != 1;
}

/* Where it is not to be seen (another network namespace's, an architecture without) nothing is said. */
static bool is_compiled(const struct slo_fact *f)
{
	return !f->known || f->number != 0;
}

struct check_row {
	const char *name;
	enum slo_feature feature;
	enum slo_severity severity;
	bool (*pass)(const struct slo_fact *f);
	const char *required;
	const char *remediation;
};

/* What only helps (clang, bpftool, ...) has no row: it must never be a blocker. */
static const struct check_row rows[] = {
	{ "host_linux", SLO_FEAT_ARCH, SLO_SEVERITY_INFO, always, "Linux", "" },
	{ "kernel_version", SLO_FEAT_KERNEL_RELEASE, SLO_SEVERITY_BLOCKER, is_4_4, "4.4 or newer",
	  "no backend reaches below Linux 4.4: upgrade the kernel" },
	{ "kernel_flavour", SLO_FEAT_KERNEL_FLAVOUR, SLO_SEVERITY_INFO, always, "any", "" },
	{ "distribution", SLO_FEAT_DISTRO, SLO_SEVERITY_INFO, always, "any", "" },
	{ "btf_available", SLO_FEAT_BTF, SLO_SEVERITY_WARNING, is_positive,
	  "/sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)",
	  "run a distribution kernel from 5.8 on, or give this kernel's BTF with --btf FILE; without: fewer facts" },
	{ "privileged_execution", SLO_FEAT_CAPS, SLO_SEVERITY_WARNING, may_bpf,
	  "CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)",
	  "run as root, or add both capabilities; without: the kernel's counters only (procfs)" },
	{ "net_admin", SLO_FEAT_CAPS, SLO_SEVERITY_WARNING, may_net_admin, "CAP_NET_ADMIN",
	  "add CAP_NET_ADMIN; without: no dns_latency_ms, no TLS signals, no connects that fail before their first SYN" },
	{ "lockdown", SLO_FEAT_LOCKDOWN, SLO_SEVERITY_WARNING, not_confidential,
	  "none or integrity",
	  "lockdown=confidentiality refuses kernel reads: boot with lockdown=integrity" },
	{ "cgroup2", SLO_FEAT_CGROUPS, SLO_SEVERITY_WARNING, has_cgroup2, "a cgroup2 hierarchy",
	  "mount -t cgroup2 none /sys/fs/cgroup/unified (the agent tries a private mount by itself)" },
	{ "cgroup_namespace", SLO_FEAT_CGROUP_NS, SLO_SEVERITY_WARNING, is_initial_cgroup_ns,
	  "the host's cgroup namespace",
	  "mount the host's /sys/fs/cgroup into the container and give --host-root; without: DNS of this container only" },
	{ "pid_namespace", SLO_FEAT_PID_NS, SLO_SEVERITY_WARNING, is_initial_pid_ns,
	  "the host's pid namespace",
	  "hostPID: true; without: containers are told by cgroup only" },
	{ "tracefs", SLO_FEAT_TRACEFS, SLO_SEVERITY_WARNING, is_positive,
	  "tracefs mounted and readable",
	  "mount -t tracefs none /sys/kernel/tracing; without: no connects that fail before their first SYN, "
	  "without BTF nothing by tracepoints, before Linux 4.17 no kprobes (the agent tries a private mount by itself)" },
	{ "sched_info", SLO_FEAT_SCHED_INFO, SLO_SEVERITY_WARNING, is_positive,
	  "run-queue accounting (CONFIG_SCHED_INFO)",
	  "the costlier mechanism serves runqueue_delay_ms; a kernel with CONFIG_SCHEDSTATS saves that" },
	{ "seccomp", SLO_FEAT_SECCOMP, SLO_SEVERITY_WARNING, not_strict_seccomp,
	  "a profile that allows bpf(2)",
	  "run with a seccomp profile that allows bpf and perf_event_open" },
	{ "memlock", SLO_FEAT_MEMLOCK, SLO_SEVERITY_INFO, always,
	  "unlimited before Linux 5.11 (RHEL 8: before 8.5), any since", "" },
	{ "kprobes", SLO_FEAT_KPROBES, SLO_SEVERITY_INFO, always, "not needed with BTF", "" },
	{ "bpf_jit", SLO_FEAT_BPF_JIT, SLO_SEVERITY_WARNING, is_compiled,
	  "BPF programs compiled to machine code (net.core.bpf_jit_enable of 1 or more)",
	  "sysctl -w net.core.bpf_jit_enable=1 before the agent starts; without: programs are interpreted, up to three times slower" },
	{ "perf_event_paranoid", SLO_FEAT_PERF_PARANOID, SLO_SEVERITY_INFO, always,
	  "any, with CAP_PERFMON", "" },
	{ "steal_reported", SLO_FEAT_STEAL, SLO_SEVERITY_INFO, always,
	  "a hypervisor that reports steal", "" },
	{ "hypervisor", SLO_FEAT_VIRT, SLO_SEVERITY_INFO, always, "any", "" },
	{ "pressure_stall", SLO_FEAT_PSI, SLO_SEVERITY_INFO, always,
	  "for mem_reclaim_latency_ms without BPF", "" },
	{ "kernel_headers", SLO_FEAT_HEADERS, SLO_SEVERITY_INFO, always,
	  "not needed with BTF; the bcc backend will", "" },
	{ "container_runtime", SLO_FEAT_RUNTIME, SLO_SEVERITY_INFO, always, "any", "" },
};

static_assert(SLO_ARRAY_SIZE(rows) <= SLO_CHECKS_MAX, "room for every row");

unsigned int slo_prereq_checks(const struct slo_host_features *features,
                               struct slo_check checks[SLO_CHECKS_MAX])
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		const struct slo_fact *f = &features->facts[rows[i].feature];
		struct slo_check *c = &checks[i];

		c->name = rows[i].name;
		c->pass = rows[i].pass(f);
		c->severity = rows[i].severity;
		c->required = rows[i].required;
		c->remediation = c->pass ? "" : rows[i].remediation;
		(void)snprintf(c->current, sizeof(c->current), "%s", f->value);
	}
	return SLO_ARRAY_SIZE(rows);
}

void slo_prereq_signals_check(const struct slo_backend_report *reports, unsigned int count,
                              struct slo_check *ret)
{
	uint64_t served = 0;
	unsigned int n = 0, built = 0;

	for (unsigned int b = 0; b < count; b++) {
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (reports[b].verdict[sig].serves)
				served |= SLO_SIG_BIT(sig);
		}
	}
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		n += !!(served & SLO_SIG_BIT(sig));
		built += slo_signal_desc((enum slo_signal)sig)->built;
	}
	*ret = (struct slo_check){
		.name = "signals",
		.pass = n > 0,
		.severity = SLO_SEVERITY_BLOCKER,
		.required = "at least one signal measurable",
		.remediation = n ? "" : "see the reasons below, signal by signal",
	};
	(void)snprintf(ret->current, sizeof(ret->current), "%u of %u", n, built);
}

bool slo_prereq_file_check(const struct slo_backend_report *reports, unsigned int count,
                           struct slo_check *ret)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!*reports[i].bad_file)
			continue;
		*ret = (struct slo_check){
			.name = "btf_file",
			.severity = SLO_SEVERITY_WARNING,
			.required = "the running kernel's BTF in the file of --btf or [btf] search",
			.remediation =
				"give a file with exactly this kernel's BTF, or none; without: the kernel's own, else "
				"the rungs below",
		};
		(void)snprintf(ret->current, sizeof(ret->current), "%s", reports[i].bad_file);
		return true;
	}
	return false;
}
