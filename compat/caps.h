/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities of this process by raw system calls: read, name, drop. */
#ifndef SLO_COMPAT_CAPS_H
#define SLO_COMPAT_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

/* Numbers are the kernel's (include/uapi/linux/capability.h); those an old header may lack, and those used here. */
enum slo_cap {
	SLO_CAP_DAC_OVERRIDE = 1,
	SLO_CAP_DAC_READ_SEARCH = 2,
	SLO_CAP_SETPCAP = 8,
	SLO_CAP_NET_ADMIN = 12,
	SLO_CAP_NET_RAW = 13,
	SLO_CAP_IPC_LOCK = 14,
	SLO_CAP_SYS_PTRACE = 19,
	SLO_CAP_SYS_ADMIN = 21,
	SLO_CAP_SYS_RESOURCE = 24,
	SLO_CAP_SYSLOG = 34,
	SLO_CAP_PERFMON = 38, /* Linux 5.8, as the next */
	SLO_CAP_BPF = 39,
	SLO_CAP_CHECKPOINT_RESTORE = 40,
	SLO_CAP_NAMED_MAX_ = 41, /* number of names known here; a kernel may have more, up to 64 */
};

#define SLO_CAP_BIT(cap) (UINT64_C(1) << (cap))

struct slo_caps {
	uint64_t effective;
	uint64_t permitted;
	uint64_t inheritable;
	uint64_t bounding;
	uint64_t ambient;
	unsigned int last; /* highest that the kernel has: /proc/sys/kernel/cap_last_cap */
};

/* "CAP_BPF", or NULL for a number without a name here. */
const char *slo_caps_name(unsigned int cap);
/* "CAP_BPF", "cap_bpf" or "bpf". 0 and *@ret_cap, or -ENOENT with *@ret_cap untouched. */
int slo_caps_from_name(const char *name, unsigned int *ret_cap);

/* This process's, from capget() and prctl(); from <root>/proc/self/status where @root is a fixture. 0 or errno, @err. */
int slo_caps_read(int root, struct slo_caps *ret, struct slo_err *err);

/* True where @cap is effective. */
bool slo_caps_has(const struct slo_caps *caps, unsigned int cap);

/*
 * The kernel's own rule: CAP_BPF or CAP_PERFMON (from 5.8) are part of CAP_SYS_ADMIN, CAP_NET_ADMIN is not. True where
 * @cap or what stands in for it is effective.
 */
bool slo_caps_may(const struct slo_caps *caps, unsigned int cap);

/*
 * What to keep of what is permitted so that everything in @keep can be done later on: CAP_SYS_ADMIN too, where it stands in for
 * one of @keep that is not permitted (also one that this kernel does not know: before 5.8 bpf(2) asks for CAP_SYS_ADMIN).
 */
uint64_t slo_caps_to_keep(const struct slo_caps *caps, uint64_t keep);

/* Names of @mask, comma-separated, "none" where empty; cut to @size. Returns @buf. */
char *slo_caps_text(uint64_t mask, char *buf, size_t size);

/*
 * Leaves this thread with the capabilities of @keep that it has and no way to others: effective, permitted, inheritable,
 * ambient, bounding set (where CAP_SETPCAP is effective; execve cannot give any back even without, by no_new_privs).
 * Call before other threads begin. 0, or negative errno with @err, then nothing is guaranteed: exit.
 */
int slo_caps_drop_all_but(uint64_t keep, struct slo_err *err);

#endif
