/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "compat/host.h"
#include "compat/hostfile.h"

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

#define CAP_NUMBERS 64 /* what the kernel's interface has room for */

static const char *const names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};
SLO_TABLE_COMPLETE(names, SLO_CAP_NAMED_MAX_);

const char *slo_caps_name(unsigned int cap)
{
	return cap < SLO_ARRAY_SIZE(names) ? names[cap] : NULL;
}

int slo_caps_from_name(const char *name, unsigned int *ret_cap)
{
	const size_t skip = strlen("CAP_");

	for (unsigned int i = 0; i < SLO_ARRAY_SIZE(names); i++) {
		if (strcasecmp(name, names[i]) == 0 || strcasecmp(name, names[i] + skip) == 0) {
			*ret_cap = i;
			return 0;
		}
	}
	return -ENOENT;
}

static unsigned int last_cap(int root)
{
	uint64_t last;

	/* Absent before 3.2, or /proc not mounted: what this build knows. */
	if (slo_hostfile_u64(root, "/proc/sys/kernel/cap_last_cap", &last) || last >= CAP_NUMBERS)
		return SLO_CAP_NAMED_MAX_ - 1;
	return (unsigned int)last;
}

static int get_sets(struct slo_caps *ret)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

static int set_sets(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(effective >> (32 * i));
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static int read_live(struct slo_caps *caps, struct slo_err *err)
{
	int code = get_sets(caps);

	if (code)
		return slo_err_set(err, code, "capget: %s", strerror(-code));
	for (unsigned int cap = 0; cap <= caps->last; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			caps->bounding |= SLO_CAP_BIT(cap);
		/* Ambient capabilities came with 4.3: without them the set is empty. */
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			caps->ambient |= SLO_CAP_BIT(cap);
	}
	return 0;
}

static int read_status(int root, struct slo_caps *caps, struct slo_err *err)
{
	const struct {
		const char *key;
		uint64_t *set;
	} lines[] = {
		{ "\nCapInh:", &caps->inheritable }, { "\nCapPrm:", &caps->permitted },
		{ "\nCapEff:", &caps->effective },   { "\nCapBnd:", &caps->bounding },
		{ "\nCapAmb:", &caps->ambient },
	};
	char text[8192];
	ssize_t n = slo_host_read(root, "/proc/self/status", text, sizeof(text));

	if (n < 0)
		return slo_err_set(err, (int)n, "/proc/self/status: %s", strerror((int)-n));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(lines); i++) {
		const char *at = strstr(text, lines[i].key);

		if (at && slo_text_u64(at + strlen(lines[i].key), 16, lines[i].set)) {
			return slo_err_set(err, -EINVAL, "/proc/self/status: %s is no number",
			                   lines[i].key + 1);
		}
	}
	if (!strstr(text, "\nCapEff:"))
		return slo_err_set(err, -ENODATA, "/proc/self/status has no CapEff line");
	return 0;
}

int slo_caps_read(int root, struct slo_caps *ret, struct slo_err *err)
{
	struct slo_caps caps = { .last = last_cap(root) };
	int code =
		slo_hostfile_is_live(root) ? read_live(&caps, err) : read_status(root, &caps, err);

	if (code)
		return code;
	*ret = caps;
	return 0;
}

#define PARTS_OF_SYS_ADMIN                                                                       \
	(SLO_CAP_BIT(SLO_CAP_BPF) | SLO_CAP_BIT(SLO_CAP_PERFMON) | SLO_CAP_BIT(SLO_CAP_SYSLOG) | \
	 SLO_CAP_BIT(SLO_CAP_CHECKPOINT_RESTORE))

bool slo_caps_has(const struct slo_caps *caps, unsigned int cap)
{
	return cap < CAP_NUMBERS && (caps->effective & SLO_CAP_BIT(cap));
}

bool slo_caps_may(const struct slo_caps *caps, unsigned int cap)
{
	if (slo_caps_has(caps, cap))
		return true;
	return cap < CAP_NUMBERS && (PARTS_OF_SYS_ADMIN & SLO_CAP_BIT(cap)) &&
	       slo_caps_has(caps, SLO_CAP_SYS_ADMIN);
}

uint64_t slo_caps_to_keep(const struct slo_caps *caps, uint64_t keep)
{
	if (keep & PARTS_OF_SYS_ADMIN & ~caps->permitted)
		keep |= SLO_CAP_BIT(SLO_CAP_SYS_ADMIN);
	return keep & caps->permitted;
}

char *slo_caps_text(uint64_t mask, char *buf, size_t size)
{
	size_t used = 0;

	(void)snprintf(buf, size, "none");
	for (unsigned int cap = 0; cap < CAP_NUMBERS && used < size; cap++) {
		const char *sep = used ? "," : "";
		const char *name = slo_caps_name(cap);
		int n;

		if (!(mask & SLO_CAP_BIT(cap)))
			continue;
		n = name ? snprintf(buf + used, size - used, "%s%s", sep, name)
		         : snprintf(buf + used, size - used, "%scap %u", sep, cap);
		used += n > 0 ? (size_t)n : 0;
	}
	return buf;
}

static int drop_bounding(uint64_t keep, unsigned int last, struct slo_err *err)
{
	for (unsigned int cap = 0; cap <= last; cap++) {
		if (keep & SLO_CAP_BIT(cap) || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/* Without CAP_SETPCAP the set stays; no_new_privs makes it useless. */
		if (errno == EPERM)
			return 0;
		return slo_err_set(err, -errno, "drop %s from the bounding set: %s",
		                   slo_caps_name(cap) ? slo_caps_name(cap) : "a capability",
		                   strerror(errno));
	}
	return 0;
}

int slo_caps_drop_all_but(uint64_t keep, struct slo_err *err)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root("/", err);
	struct slo_caps now = { 0 };
	int code;

	if (root < 0)
		return root;
	code = get_sets(&now);
	if (code)
		return slo_err_set(err, code, "capget: %s", strerror(-code));
	/* First what needs CAP_SETPCAP, which goes with the rest. */
	code = drop_bounding(keep, last_cap(root), err);
	if (code)
		return code;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return slo_err_set(err, -errno, "clear ambient capabilities: %s", strerror(errno));
	/*
	 * Only what is effective now: a capability merely permitted was not meant to be used. Nothing is inheritable, so
	 * that a child started by execve has none but root's own, which no_new_privs caps at what is permitted here. */
	code = set_sets(now.effective & keep, now.permitted & keep, 0);
	if (code)
		return slo_err_set(err, code, "capset: %s", strerror(-code));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return slo_err_set(err, -errno, "set no_new_privs: %s", strerror(errno));
	code = get_sets(&now);
	if (code == 0 && (now.effective | now.permitted | now.inheritable) & ~keep)
		code = -EPERM;
	return code ? slo_err_set(err, code, "capabilities remain after capset: %s",
	                          strerror(-code))
	            : 0;
}
