/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "compat/host.h"
#include "compat/hostfile.h"
#include "compat/mount.h"
#include "compat/tracefs.h"

#define VERSION(a, b, c) ((a) << 16 | (b) << 8 | (c))

void slo_fact_set_unknown(struct slo_fact *f, const char *fmt, ...)
{
	va_list ap;

	*f = (struct slo_fact){ .value = "unknown" };
	va_start(ap, fmt);
	(void)vsnprintf(f->evidence, sizeof(f->evidence), fmt, ap);
	va_end(ap);
}

void slo_fact_set(struct slo_fact *f, int64_t number, const char *evidence, const char *fmt, ...)
{
	va_list ap;

	*f = (struct slo_fact){ .known = true, .number = number };
	(void)snprintf(f->evidence, sizeof(f->evidence), "%s", evidence);
	va_start(ap, fmt);
	(void)vsnprintf(f->value, sizeof(f->value), fmt, ap);
	va_end(ap);
}

/* The rest of the line that begins with @key (which may follow a newline), or -ENODATA. */
static int value_of_key(const char *text, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0)
			continue;
		line += len;
		line += strspn(line, " \t");
		(void)snprintf(buf, size, "%.*s", (int)strcspn(line, "\n"), line);
		return 0;
	}
	return -ENODATA;
}

int slo_fact_key(int root, const char *path, const char *key, char *buf, size_t size)
{
	char text[8192];
	ssize_t n = slo_host_read(root, path, text, sizeof(text));

	return n < 0 ? (int)n : value_of_key(text, key, buf, size);
}

static int kernel_release(int root, char *buf, size_t size, const char **ret_source)
{
	struct utsname u;

	*ret_source = "/proc/sys/kernel/osrelease";
	if (slo_hostfile_line(root, *ret_source, buf, size) == 0 && buf[0])
		return 0;
	if (!slo_hostfile_is_live(root) || uname(&u))
		return -ENOENT;
	*ret_source = "uname";
	(void)snprintf(buf, size, "%s", u.release);
	return 0;
}

/* "5.15.0-91-generic": as LINUX_VERSION_CODE, whose last byte stays at 255 for later patches. 0 where it is none. */
static unsigned int version_code(const char *release)
{
	unsigned int part[3] = { 0 };
	const char *p = release;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(part); i++) {
		char *end;
		unsigned long v = strtoul(p, &end, 10);

		if (end == p)
			break;
		part[i] = v > 255 ? 255 : (unsigned int)v;
		if (*end != '.')
			break;
		p = end + 1;
	}
	return VERSION(part[0], part[1], part[2]);
}

void slo_fact_release(int root, const char *arg, struct slo_fact *f)
{
	const char *source;
	char release[100];

	(void)arg;
	if (kernel_release(root, release, sizeof(release), &source)) {
		slo_fact_set_unknown(f, "%s cannot be read", source);
	} else {
		slo_fact_set(f, version_code(release), source, "%s", release);
	}
}

void slo_fact_text(int root, const char *arg, struct slo_fact *f)
{
	char line[sizeof(f->value)];
	int err = slo_hostfile_line(root, arg, line, sizeof(line));

	if (err) {
		slo_fact_set_unknown(f, "%s: %s", arg, strerror(-err));
	} else {
		slo_fact_set(f, 0, arg, "%s", line);
	}
}

void slo_fact_number(int root, const char *arg, struct slo_fact *f)
{
	char line[32];
	char *end;
	long long value;
	int err = slo_hostfile_line(root, arg, line, sizeof(line));

	if (err) {
		slo_fact_set_unknown(f, "%s: %s", arg, strerror(-err));
		return;
	}
	/* perf_event_paranoid may be -1. */
	value = strtoll(line, &end, 10);
	if (end == line) {
		slo_fact_set_unknown(f, "%s: '%s' is no number", arg, line);
	} else {
		slo_fact_set(f, value, arg, "%lld", value);
	}
}

int slo_fact_os_release(int root, const char *key, char *buf, size_t size)
{
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
	int err = -ENOENT;

	buf[0] = '\0';
	for (size_t i = 0; i < SLO_ARRAY_SIZE(paths) && err; i++)
		err = slo_fact_key(root, paths[i], key, buf, size);
	if (err == 0 && buf[0] == '"') {
		memmove(buf, buf + 1, strlen(buf));
		buf[strcspn(buf, "\"")] = '\0';
	}
	return err;
}

/* Vendors that backport: what a version number says is least true there. First match wins: uek is also elN. */
static const struct {
	const char *mark; /* in the release */
	const char *flavour;
} flavours[] = {
	{ "uek", "oracle-uek" },    { ".el7", "rhel7" },         { ".el8", "rhel8" },
	{ ".el9", "rhel9" },        { ".el10", "rhel10" },       { "amzn", "amazon" },
	{ "-talos", "talos" },      { "-azure", "azure" },       { "-aws", "aws" },
	{ "-gke", "gke" },          { "-gcp", "gcp" },           { "-oracle", "oracle" },
	{ "WSL2", "wsl2" },         { "-flatcar", "flatcar" },   { "-coreos", "coreos" },
	{ "linuxkit", "linuxkit" }, { ".fc", "fedora" },         { "-fc", "firecracker" },
	{ "-generic", "ubuntu" },   { "-lowlatency", "ubuntu" }, { "-amd64", "debian" },
	{ "-arm64", "debian" },     { "-default", "suse" },
};

/* Hosts whose release carries no mark. */
static const struct {
	const char *id; /* ID of os-release */
	const char *flavour;
} flavour_distros[] = {
	{ "bottlerocket", "bottlerocket" },
	{ "cos", "cos" },
	{ "talos", "talos" },
	{ "flatcar", "flatcar" },
	{ "azurelinux", "azure-linux" },
	{ "mariner", "azure-linux" },
};

void slo_fact_flavour(int root, const char *arg, struct slo_fact *f)
{
	const char *source;
	char release[100];
	char id[64];

	(void)arg;
	if (slo_fact_os_release(root, "ID=", id, sizeof(id)) == 0) {
		for (size_t i = 0; i < SLO_ARRAY_SIZE(flavour_distros); i++) {
			if (strcmp(id, flavour_distros[i].id) == 0) {
				slo_fact_set(f, 0, "ID of os-release", "%s",
				             flavour_distros[i].flavour);
				return;
			}
		}
	}
	if (kernel_release(root, release, sizeof(release), &source)) {
		slo_fact_set_unknown(f, "%s cannot be read", source);
		return;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(flavours); i++) {
		if (strstr(release, flavours[i].mark)) {
			slo_fact_set(f, 0, source, "%s", flavours[i].flavour);
			return;
		}
	}
	slo_fact_set(f, 0, source, "mainline-like");
}

void slo_fact_arch(int root, const char *arg, struct slo_fact *f)
{
	char arch[65];
	struct utsname u;

	/* The file is there from Linux 6.1. */
	if (slo_hostfile_line(root, arg, arch, sizeof(arch)) == 0 && arch[0]) {
		slo_fact_set(f, 0, arg, "%s", arch);
	} else if (slo_hostfile_is_live(root) && uname(&u) == 0) {
		slo_fact_set(f, 0, "uname", "%s", u.machine);
	} else {
		slo_fact_set_unknown(f, "%s cannot be read", arg);
	}
}

void slo_fact_btf(int root, const char *arg, struct slo_fact *f)
{
	struct stat st;
	int fd = slo_host_open(root, arg, O_PATH);

	if (fd >= 0 && fstat(fd, &st) == 0) {
		slo_fact_set(f, st.st_size, arg, "%lld bytes", (long long)st.st_size);
	} else if (fd == -ENOENT && slo_hostfile_exists(root, "/sys/kernel")) {
		slo_fact_set(
			f, 0,
			"no /sys/kernel/btf/vmlinux: kernel built without CONFIG_DEBUG_INFO_BTF, or before 5.4",
			"absent");
	} else {
		slo_fact_set_unknown(f, "%s: %s", arg, strerror(fd < 0 ? -fd : errno));
	}
	slo_closep(&fd);
}

static const char *const lockdown_modes[] = {
	[SLO_LOCKDOWN_NONE] = "none",
	[SLO_LOCKDOWN_INTEGRITY] = "integrity",
	[SLO_LOCKDOWN_CONFIDENTIALITY] = "confidentiality",
};

/* First bytes of @path within a private mount of @fstype, for hosts that mount it nowhere. Bytes, or negative errno. */
static ssize_t read_detached(int root, const char *fstype, const char *path, char *buf, size_t size)
{
	slo_cleanup(slo_closep) int fd = -1;
	const char *step;
	int err = slo_hostfile_is_live(root) ? slo_mount_detached(fstype, &fd, &step) : -ENOENT;

	return err ? err : slo_host_read(fd, path, buf, size);
}

/* "none [integrity] confidentiality": the one in force is bracketed. -1 where none is. */
static int lockdown_mode(const char *line)
{
	const char *at = strchr(line, '[');

	for (size_t i = 0; at && i < SLO_ARRAY_SIZE(lockdown_modes); i++) {
		size_t len = strlen(lockdown_modes[i]);

		if (strncmp(at + 1, lockdown_modes[i], len) == 0 && at[1 + len] == ']')
			return (int)i;
	}
	return -1;
}

void slo_fact_lockdown(int root, const char *arg, struct slo_fact *f)
{
	const char *evidence = arg;
	char text[64] = "";
	ssize_t n = slo_host_read(root, arg, text, sizeof(text));
	int mode;

	if (n == -ENOENT && read_detached(root, "securityfs", "lockdown", text, sizeof(text)) > 0) {
		n = 0;
		evidence = "lockdown, in a private mount of securityfs";
	}
	mode = lockdown_mode(text);
	if (mode >= 0) {
		slo_fact_set(f, mode, evidence, "%s", lockdown_modes[mode]);
	} else if (n == -ENOENT) {
		slo_fact_set_unknown(
			f, "no %s: securityfs not mounted, or a kernel without lockdown", arg);
	} else {
		slo_fact_set_unknown(f, "%s: %s", evidence,
		                     n < 0 ? strerror((int)-n) : "not understood");
	}
}

void slo_fact_tracefs(int root, const char *arg, struct slo_fact *f)
{
	char reason[96] = "not mounted";
	char text[64];

	for (size_t i = 0; i < SLO_TRACEFS_PLACES; i++) {
		const char *place = slo_tracefs_places[i];
		char path[128];
		ssize_t n;

		(void)snprintf(path, sizeof(path), "%s/%s", place, arg);
		n = slo_host_read(root, path, text, sizeof(text));
		if (n > 0) {
			slo_fact_set(f, 1, path, "%s", place);
			return;
		}
		/* Not "not mounted": permission or lockdown. */
		if (n != -ENOENT) {
			(void)snprintf(reason, sizeof(reason), "mounted at %s, not readable: %s",
			               place, n ? strerror((int)-n) : "empty");
		}
	}
	if (strcmp(reason, "not mounted") == 0 &&
	    read_detached(root, "tracefs", arg, text, sizeof(text)) > 0) {
		slo_fact_set(f, 1, arg, "not mounted, readable by a private mount");
	} else {
		slo_fact_set(f, 0, "events/ of /sys/kernel/tracing and /sys/kernel/debug/tracing",
		             "%s", reason);
	}
}

static bool tracefs_has(int root, const char *file)
{
	slo_cleanup(slo_closep) int dir = slo_tracefs_dir(root, NULL);

	return dir >= 0 && slo_hostfile_exists(dir, file);
}

/* @arg "kprobe" or "uprobe": the perf device (4.17) or the control file of tracefs is there. */
void slo_fact_probes(int root, const char *arg, struct slo_fact *f)
{
	const char *source;
	struct slo_fact tracefs;
	char release[100] = "";
	char path[96];
	uint64_t on;

	if (strcmp(arg, "kprobe") == 0 &&
	    slo_hostfile_u64(root, "/sys/kernel/debug/kprobes/enabled", &on) == 0 && on == 0) {
		slo_fact_set(f, 0, "/sys/kernel/debug/kprobes/enabled is 0", "switched off");
		return;
	}
	(void)snprintf(path, sizeof(path), "/sys/bus/event_source/devices/%s", arg);
	if (slo_hostfile_exists(root, path)) {
		slo_fact_set(f, 1, path, "available");
		return;
	}
	for (size_t i = 0; i < SLO_TRACEFS_PLACES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s_events", slo_tracefs_places[i], arg);
		if (slo_hostfile_exists(root, path)) {
			slo_fact_set(f, 1, path, "available");
			return;
		}
	}
	(void)snprintf(path, sizeof(path), "%s_events", arg);
	if (tracefs_has(root, path)) {
		slo_fact_set(f, 1, path, "available");
		return;
	}
	slo_fact_tracefs(root, SLO_TRACEFS_FILE, &tracefs);
	/* Built without, where one of the two places could be looked at. */
	if (tracefs.number || (kernel_release(root, release, sizeof(release), &source) == 0 &&
	                       version_code(release) >= VERSION(4, 17, 0) &&
	                       slo_hostfile_exists(root, "/sys/bus/event_source/devices"))) {
		slo_fact_set(f, 0, "neither the perf device nor the tracefs file exists", "absent");
	} else {
		slo_fact_set_unknown(
			f, "tracefs is not mounted and the kernel is too old for the perf device");
	}
}

void slo_fact_memlock(int root, const char *arg, struct slo_fact *f)
{
	char text[64];
	uint64_t soft;
	int err = slo_fact_key(root, arg, "Max locked memory", text, sizeof(text));

	if (err) {
		slo_fact_set_unknown(f, "%s: %s", arg, strerror(-err));
	} else if (strncmp(text, "unlimited", strlen("unlimited")) == 0) {
		slo_fact_set(f, INT64_MAX, arg, "unlimited");
	} else if (slo_text_u64(text, 10, &soft) || soft > INT64_MAX) {
		slo_fact_set_unknown(f, "%s: not understood", arg);
	} else {
		slo_fact_set(f, (int64_t)soft, arg, "%" PRIu64 " bytes", soft);
	}
}

/* The kernel's list of its symbols has @name. */
static bool has_symbol(int root, const char *name)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	size_t len = strlen(name);
	char line[256];

	if (slo_hostfile_stream(root, "/proc/kallsyms", &f) < 0)
		return false;
	/* ffffffff811b2c30 T bpf_map_kmalloc_node */
	while (fgets(line, sizeof(line), f)) {
		const char *at = strchr(line, ' ');

		at = at ? strchr(at + 1, ' ') : NULL;
		if (at && strncmp(at + 1, name, len) == 0 && strchr(" \t\n", at[1 + len]))
			return true;
	}
	return false;
}

/* RHEL's 4.18 has it from 8.5 on: what brought it (48edc1f78aab) is asked for where the release is older. */
void slo_fact_memcg_accounting(int root, const char *arg, struct slo_fact *f)
{
	const char *source;
	char release[100];
	bool has;

	(void)arg;
	if (kernel_release(root, release, sizeof(release), &source)) {
		slo_fact_set_unknown(f, "%s cannot be read", source);
		return;
	}
	has = version_code(release) >= VERSION(5, 11, 0) ||
	      has_symbol(root, "bpf_map_kmalloc_node");
	slo_fact_set(f, has,
	             "kernel version or symbol; 5.11 and newer charge maps to the memory cgroup",
	             has ? "yes, RLIMIT_MEMLOCK does not limit maps"
	                 : "no, maps count against RLIMIT_MEMLOCK");
}

void slo_fact_sched_info(int root, const char *arg, struct slo_fact *f)
{
	char line[96];
	char *rest = line;
	uint64_t runs = 0;
	int err = slo_hostfile_line(root, arg, line, sizeof(line));

	if (err == -ENOENT && slo_hostfile_exists(root, "/proc/self/stat")) {
		slo_fact_set(f, 0, "no /proc/self/schedstat", "absent: CONFIG_SCHED_INFO is off");
		return;
	}
	for (int field = 0; !err && field < 3; field++) {
		const char *word = slo_text_word(&rest);

		err = word ? slo_text_u64(word, 10, &runs) : -EINVAL;
	}
	if (err) {
		slo_fact_set_unknown(f, "%s: %s", arg, strerror(-err));
	} else if (runs) {
		slo_fact_set(f, 1, arg, "works: %" PRIu64 " runs counted", runs);
	} else {
		/* A running process has run at least once. */
		slo_fact_set(
			f, 0, arg,
			"off: counts nothing (boot option nodelayacct, kernel.task_delayacct)");
	}
}

void slo_fact_psi(int root, const char *arg, struct slo_fact *f)
{
	char text[64];
	ssize_t n = slo_host_read(root, arg, text, sizeof(text));

	if (n > 0) {
		slo_fact_set(f, 1, arg, "present");
	} else if (n == -ENOENT && slo_hostfile_exists(root, "/proc/self/stat")) {
		slo_fact_set(
			f, 0, "no /proc/pressure",
			"absent: kernel before 4.20, without CONFIG_PSI, or not switched on: boot with psi=1");
	} else if (n == -EOPNOTSUPP) {
		slo_fact_set(f, 0, arg, "switched off: boot with psi=1");
	} else {
		slo_fact_set_unknown(f, "%s: %s", arg, n ? strerror((int)-n) : "empty");
	}
}

/* "build" is a link to an absolute path of the host, which only resolves below the host's root. */
static bool leads_somewhere(int root, const char *path)
{
	char target[256];
	ssize_t n = readlinkat(root, path + strspn(path, "/"), target, sizeof(target) - 1);

	if (n <= 0)
		return slo_hostfile_exists(root, path);
	target[n] = '\0';
	return slo_hostfile_exists(root, target[0] == '/' ? target : path);
}

void slo_fact_headers(int root, const char *arg, struct slo_fact *f)
{
	static const struct {
		const char *before; /* the release */
		const char *behind;
	} places[] = {
		{ "/lib/modules/", "/build" },
		{ "/usr/src/linux-headers-", "" },
		{ "/usr/src/kernels/", "" },
	};
	const char *source;
	char release[100];

	if (kernel_release(root, release, sizeof(release), &source)) {
		slo_fact_set_unknown(f, "%s cannot be read", source);
		return;
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(places); i++) {
		char path[sizeof(f->value)];

		(void)snprintf(path, sizeof(path), "%s%.70s%s", places[i].before, release,
		               places[i].behind);
		if (leads_somewhere(root, path)) {
			slo_fact_set(f, 1, path, "%s", path);
			return;
		}
	}
	if (slo_hostfile_exists(root, arg)) {
		slo_fact_set(f, 1, arg, "%s", arg);
	} else {
		slo_fact_set(f, 0,
		             "/lib/modules/RELEASE/build, /usr/src and /sys/kernel/kheaders.tar.xz",
		             "absent");
	}
}

int slo_feature_kprobe_is_blacklisted(int root, const char *symbol)
{
	slo_cleanup(slo_fclosep) FILE *f = NULL;
	slo_cleanup(slo_freep) char *line = NULL;
	size_t size = 0;
	int err = slo_hostfile_stream(root, "/sys/kernel/debug/kprobes/blacklist", &f);

	if (err)
		return err;
	/* "0xffff...-0xffff...\tsymbol" */
	while (getline(&line, &size, f) >= 0) {
		char *name = strchr(line, '\t');

		if (!name)
			continue;
		name[strcspn(name, "\n")] = '\0';
		if (strcmp(name + 1, symbol) == 0)
			return 1;
	}
	return 0;
}
