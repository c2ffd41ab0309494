/* SPDX-License-Identifier: Apache-2.0 */
/* A pseudo file system that is mounted nowhere: opened by a mount of its own that no mount table shows. */
#ifndef SLO_COMPAT_MOUNT_H
#define SLO_COMPAT_MOUNT_H

#include "core/base/err.h"

/*
 * Root directory of a new instance of @fstype ("cgroup2", "tracefs"), the caller's; the mount lives as long as it.
 * CAP_SYS_ADMIN; before Linux 5.2 by a child as below. 0, or negative errno with @ret_step (static) the call that failed.
 */
int slo_mount_detached(const char *fstype, int *ret_fd, const char **ret_step);

/*
 * The same by mount(2): a child mounts it over its own "/sys", in a mount namespace that ends with the child. The
 * caller's thread stands still for as long, its signals wait.
 */
int slo_mount_by_child(const char *fstype, int *ret_fd, const char **ret_step);

#endif
