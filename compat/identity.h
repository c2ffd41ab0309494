/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a cgroup is: container, runtime, pod and QoS class, or systemd unit, told by its path alone. */
#ifndef SLO_COMPAT_IDENTITY_H
#define SLO_COMPAT_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#define SLO_CONTAINER_ID_LEN 65
#define SLO_POD_UID_LEN 37
#define SLO_IDENTITY_PATH_LEN 256

/* All strings are "" where not known. */
struct slo_identity {
	char container_id[SLO_CONTAINER_ID_LEN]; /* 64 hexadecimal digits */
	/*
	 * docker, containerd, cri-o, podman; "" where the path does not say. A bare id below kubepods (cgroupfs
	 * driver) is given as containerd, though cri-dockerd writes the same. */
	char runtime[16];
	char pod_uid[SLO_POD_UID_LEN]; /* with dashes; of a static pod 32 hexadecimal digits */
	char qos[12]; /* guaranteed, burstable, besteffort */
	char unit[64]; /* innermost systemd unit, else slice; only without a container */
	char path[SLO_IDENTITY_PATH_LEN]; /* cgroup path; a longer one keeps its end, after "..." */
};

/*
 * Fills *@ret wholly. True where the path names a container or a pod. Innermost container of nested ones; no container
 * outside the innermost pod counts, nor do conmon's cgroups.
 */
bool slo_identity_parse_path(const char *cgroup_path, struct slo_identity *ret);

/*
 * The same for the text of /proc/PID/cgroup: the first line that names a container or pod, in the order v2,
 * name=systemd, memory, pids, cpu, cpuacct, blkio, others; without one, the first that is not the root.
 */
bool slo_identity_parse_proc(const char *text, struct slo_identity *ret);

/* False for the answer "unknown". */
static inline bool slo_identity_is_known(const struct slo_identity *id)
{
	return id->path[0] != '\0';
}

#endif
