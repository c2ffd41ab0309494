/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

/* Numbers are the same on every architecture; the C library may be older than they are. */
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#define FS_CLOEXEC 1u /* FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC */
#define FS_CMD_CREATE 6u /* FSCONFIG_CMD_CREATE */

int slo_mount_detached(const char *fstype, int *ret_fd, const char **ret_step)
{
	slo_cleanup(slo_closep) int fs = -1, mnt = -1;
	int fd;

	*ret_step = "fsopen";
	fs = (int)syscall(SYS_fsopen, fstype, FS_CLOEXEC);
	if (fs < 0)
		return -errno;
	*ret_step = "fsconfig";
	if (syscall(SYS_fsconfig, fs, FS_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	*ret_step = "fsmount";
	mnt = (int)syscall(SYS_fsmount, fs, FS_CLOEXEC, 0);
	if (mnt < 0)
		return -errno;
	/* fsmount() gives an O_PATH descriptor. The directory opened below keeps the mount alive after it. */
	fd = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}
