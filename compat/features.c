/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/features.h"

#include <stdio.h>
#include <string.h>

#include "compat/caps.h"
#include "compat/cgroup.h"
#include "compat/facts.h"
#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/hypervisor.h"
#include "compat/identity.h"

static void read_distro(int root, const char *arg, struct slo_fact *f)
{
	char name[sizeof(f->value)];
	int err = slo_fact_os_release(root, arg, name, sizeof(name));

	if (err) {
		slo_fact_set_unknown(f, "/etc/os-release and /usr/lib/os-release: %s",
		                     strerror(-err));
	} else {
		slo_fact_set(f, 0, "os-release", "%s", name);
	}
}

static void read_cgroups(int root, const char *arg, struct slo_fact *f)
{
	struct slo_cgroups cgs;
	struct slo_err err = { 0 };
	char where[sizeof(f->evidence)];

	(void)arg;
	if (slo_cgroups_read(root, &cgs, &err)) {
		slo_fact_set_unknown(f, "%s", err.msg);
		return;
	}
	(void)snprintf(where, sizeof(where), "%s", cgs.source);
	slo_fact_set(f, cgs.layout, where, "%s%s%s", slo_cgroup_layout_name(cgs.layout),
	             cgs.v2[0] ? ", cgroup2 at " : "", cgs.v2);
}

static void read_cgroup_ns(int root, const char *arg, struct slo_fact *f)
{
	char why[sizeof(f->evidence)];
	enum slo_cgroup_ns ns = slo_cgroup_ns(root, why, sizeof(why));

	(void)arg;
	if (ns == SLO_CGROUP_NS_UNKNOWN) {
		slo_fact_set_unknown(f, "%s", why);
	} else {
		slo_fact_set(f, ns, why, "%s",
		             ns == SLO_CGROUP_NS_INITIAL ? "initial"
		                                         : "own: sees only its own subtree");
	}
}

static void read_pid_ns(int root, const char *path, struct slo_fact *f)
{
	uint64_t ns;
	int err = slo_hostfile_ns(root, path, &ns);

	if (err) {
		slo_fact_set_unknown(f, "%s: %s", path, strerror(-err));
	} else {
		slo_fact_set(f, ns == SLO_NS_PID_INITIAL, path, "%s",
		             ns == SLO_NS_PID_INITIAL ? "initial"
		                                      : "own: other processes are out of sight");
	}
}

static const struct {
	const char *path;
	const char *name;
} runtimes[] = {
	{ "/run/containerd/containerd.sock", "containerd" },
	{ "/var/run/containerd/containerd.sock", "containerd" },
	{ "/run/crio/crio.sock", "cri-o" },
	{ "/var/run/crio/crio.sock", "cri-o" },
	{ "/run/docker.sock", "docker" },
	{ "/var/run/docker.sock", "docker" },
	{ "/run/podman/podman.sock", "podman" },
	{ "/run/k3s/containerd/containerd.sock", "k3s" },
	{ "/var/lib/kubelet", "kubelet" },
};

static void read_runtimes(int root, const char *arg, struct slo_fact *f)
{
	char names[sizeof(f->value)] = "";
	char paths[sizeof(f->evidence)] = "";

	(void)arg;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(runtimes); i++) {
		size_t n = strlen(names);
		size_t p = strlen(paths);

		if (strstr(names, runtimes[i].name) || !slo_hostfile_exists(root, runtimes[i].path))
			continue;
		(void)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "",
		               runtimes[i].name);
		(void)snprintf(paths + p, sizeof(paths) - p, "%s%s", p ? ", " : "",
		               runtimes[i].path);
	}
	if (names[0]) {
		slo_fact_set(f, 1, paths, "%s", names);
	} else {
		slo_fact_set(f, 0, "no socket of containerd, CRI-O, Docker or Podman", "none seen");
	}
}

static bool has_env(int root, const char *path, const char *name)
{
	char text[16384];
	ssize_t n = slo_host_read(root, path, text, sizeof(text));
	size_t len = strlen(name);

	/* Entries end in NUL. */
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(text + i) + 1) {
		if (strncmp(text + i, name, len) == 0 && text[(size_t)i + len] == '=')
			return true;
	}
	return false;
}

static void read_in_container(int root, const char *arg, struct slo_fact *f)
{
	static const char *const marks[] = { "/.dockerenv", "/run/.containerenv" };
	struct slo_identity id;
	char text[4096];

	if (slo_host_read(root, arg, text, sizeof(text)) > 0 &&
	    slo_identity_parse_proc(text, &id)) {
		slo_fact_set(f, 1, arg, "%s %.12s", id.runtime[0] ? id.runtime : "container",
		             id.container_id);
		return;
	}
	if (has_env(root, "/proc/self/environ", "KUBERNETES_SERVICE_HOST")) {
		slo_fact_set(f, 1, "KUBERNETES_SERVICE_HOST in /proc/self/environ",
		             "Kubernetes pod");
		return;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(marks); i++) {
		if (slo_hostfile_exists(root, marks[i])) {
			slo_fact_set(f, 1, marks[i], "container");
			return;
		}
	}
	slo_fact_set(f, 0, "/proc/self/cgroup, /proc/self/environ, /.dockerenv, /run/.containerenv",
	             "no");
}

static void read_seccomp(int root, const char *path, struct slo_fact *f)
{
	static const char *const modes[] = { "off", "strict",
		                             "filter: system calls may be refused" };
	char text[16];
	uint64_t mode = 0;
	int err = slo_fact_key(root, path, "Seccomp:", text, sizeof(text));

	if (!err)
		err = slo_text_u64(text, 10, &mode);
	if (err || mode >= SLO_ARRAY_SIZE(modes)) {
		slo_fact_set_unknown(f, "Seccomp line of %s: %s", path,
		                     err ? strerror(-err) : "not understood");
	} else {
		slo_fact_set(f, (int64_t)mode, path, "%s", modes[mode]);
	}
}

static void read_caps(int root, const char *arg, struct slo_fact *f)
{
	struct slo_caps caps;
	struct slo_err err = { 0 };
	uint64_t missing;
	uint64_t all;

	if (slo_caps_read(root, &caps, &err)) {
		slo_fact_set_unknown(f, "%s", err.msg);
		return;
	}
	all = UINT64_MAX >> (63 - caps.last);
	missing = all & ~caps.effective;
	slo_fact_set(f, (int64_t)caps.effective, arg, "%s", missing ? "all but " : "all");
	/* Whichever list is the shorter one. */
	if (__builtin_popcountll(missing) >= __builtin_popcountll(caps.effective)) {
		(void)slo_caps_text(caps.effective, f->value, sizeof(f->value));
	} else if (missing) {
		(void)slo_caps_text(missing, f->value + strlen(f->value),
		                    sizeof(f->value) - strlen(f->value));
	}
}

static void read_virt(int root, const char *arg, struct slo_fact *f)
{
	struct slo_hypervisor hv;
	char vendor[64];

	if (slo_hostfile_is_live(root)) {
		slo_hypervisor_detect(&hv);
		if (hv.known) {
			slo_fact_set(f, hv.is_guest, hv.is_guest ? "CPUID 0x40000000" : "CPUID 1",
			             "%s", hv.name);
			return;
		}
	}
	if (slo_hostfile_line(root, arg, vendor, sizeof(vendor)) == 0) {
		slo_fact_set(f, 1, arg, "by vendor: %s", vendor);
	} else {
		slo_fact_set_unknown(f, "no CPUID to ask and no %s", arg);
	}
}

static void read_steal(int root, const char *arg, struct slo_fact *f)
{
	struct slo_hypervisor hv = { 0 };

	(void)arg;
	if (slo_hostfile_is_live(root))
		slo_hypervisor_detect(&hv);
	if (!hv.known) {
		slo_fact_set_unknown(f, "no CPUID to ask");
	} else if (!hv.is_guest) {
		slo_fact_set(f, 0, "CPUID 1", "bare metal: nothing to steal");
	} else if (hv.is_kvm) {
		slo_fact_set(f, hv.kvm_steal, "CPUID 0x40000001 bit 5", "%s",
		             hv.kvm_steal ? "reported" : "not reported by the hypervisor: stays 0");
	} else {
		slo_fact_set_unknown(f, "%s does not say whether it reports steal time", hv.name);
	}
}

static const struct slo_feature_desc rows[] = {
	[SLO_FEAT_KERNEL_RELEASE] = { "kernel_release", "kernel release", slo_fact_release, NULL },
	[SLO_FEAT_KERNEL_VERSION] = { "kernel_version", "kernel build", slo_fact_text,
	                              "/proc/version" },
	[SLO_FEAT_KERNEL_FLAVOUR] = { "kernel_flavour", "vendor of the kernel", slo_fact_flavour,
	                              NULL },
	[SLO_FEAT_DISTRO] = { "distro", "distribution", read_distro, "PRETTY_NAME=" },
	[SLO_FEAT_ARCH] = { "arch", "architecture", slo_fact_arch, "/proc/sys/kernel/arch" },
	[SLO_FEAT_BTF] = { "btf", "kernel type information (BTF)", slo_fact_btf,
	                   "/sys/kernel/btf/vmlinux" },
	[SLO_FEAT_LOCKDOWN] = { "lockdown", "kernel lockdown", slo_fact_lockdown,
	                        "/sys/kernel/security/lockdown" },
	[SLO_FEAT_TRACEFS] = { "tracefs", "tracefs mounted and readable", slo_fact_tracefs,
	                       SLO_TRACEFS_FILE },
	[SLO_FEAT_KPROBES] = { "kprobes", "kernel probes", slo_fact_probes, "kprobe" },
	[SLO_FEAT_UPROBES] = { "uprobes", "user-space probes", slo_fact_probes, "uprobe" },
	[SLO_FEAT_PERF_PARANOID] = { "perf_event_paranoid", "perf restriction", slo_fact_number,
	                             "/proc/sys/kernel/perf_event_paranoid" },
	[SLO_FEAT_KPTR_RESTRICT] = { "kptr_restrict", "kernel addresses hidden", slo_fact_number,
	                             "/proc/sys/kernel/kptr_restrict" },
	[SLO_FEAT_UNPRIV_BPF] = { "unprivileged_bpf_disabled", "BPF refused to the unprivileged",
	                          slo_fact_number, "/proc/sys/kernel/unprivileged_bpf_disabled" },
	[SLO_FEAT_BPF_JIT] = { "bpf_jit_enable", "BPF just-in-time compiler", slo_fact_number,
	                       "/proc/sys/net/core/bpf_jit_enable" },
	[SLO_FEAT_MEMLOCK] = { "memlock", "locked memory limit", slo_fact_memlock,
	                       "/proc/self/limits" },
	[SLO_FEAT_MEMCG_ACCOUNTING] = { "memcg_accounting", "maps charged to the memory cgroup",
	                                slo_fact_memcg_accounting, NULL },
	[SLO_FEAT_SCHED_INFO] = { "sched_info", "run-queue delay accounted", slo_fact_sched_info,
	                          "/proc/self/schedstat" },
	[SLO_FEAT_SCHEDSTATS] = { "schedstats", "scheduler statistics", slo_fact_number,
	                          "/proc/sys/kernel/sched_schedstats" },
	[SLO_FEAT_DELAYACCT] = { "task_delayacct", "delay accounting", slo_fact_number,
	                         "/proc/sys/kernel/task_delayacct" },
	[SLO_FEAT_CGROUPS] = { "cgroups", "cgroup layout", read_cgroups, NULL },
	[SLO_FEAT_CGROUP_NS] = { "cgroup_ns", "cgroup namespace", read_cgroup_ns, NULL },
	[SLO_FEAT_PID_NS] = { "pid_ns", "pid namespace", read_pid_ns, "/proc/self/ns/pid" },
	[SLO_FEAT_PSI] = { "psi", "pressure stall information", slo_fact_psi,
	                   "/proc/pressure/cpu" },
	[SLO_FEAT_HEADERS] = { "kernel_headers", "kernel headers", slo_fact_headers,
	                       "/sys/kernel/kheaders.tar.xz" },
	[SLO_FEAT_RUNTIME] = { "container_runtime", "container runtimes", read_runtimes, NULL },
	[SLO_FEAT_IN_CONTAINER] = { "in_container", "running in a container", read_in_container,
	                            "/proc/self/cgroup" },
	[SLO_FEAT_SECCOMP] = { "seccomp", "seccomp of this process", read_seccomp,
	                       "/proc/self/status" },
	[SLO_FEAT_CAPS] = { "capabilities", "effective capabilities", read_caps,
	                    "/proc/self/status" },
	[SLO_FEAT_VIRT] = { "virtualisation", "hypervisor", read_virt,
	                    "/sys/class/dmi/id/sys_vendor" },
	[SLO_FEAT_STEAL] = { "steal_time", "steal time reported", read_steal, NULL },
};
SLO_TABLE_COMPLETE(rows, SLO_FEAT_MAX_);

const struct slo_feature_desc *slo_feature_desc(enum slo_feature feat)
{
	return &rows[feat];
}

void slo_host_features_read(int root, struct slo_host_features *ret)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		rows[i].read(root, rows[i].arg, &ret->facts[i]);
}
