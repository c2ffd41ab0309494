/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Numbers are the same on every architecture; the C library may be older than they are. */
#ifndef SYS_fsopen
#define SYS_fsopen 430
#define SYS_fsconfig 431
#define SYS_fsmount 432
#endif
#define FS_CLOEXEC 1u /* FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC */
#define FS_CMD_CREATE 6u /* FSCONFIG_CMD_CREATE */

#define CHILD_STACK 32768U

/* What the child is asked for and what became of it: its memory is ours. */
struct job {
	const char *fstype;
	const char *step;
	int result; /* descriptor, or negative errno */
};

/*
 * Nothing but system calls from here to the end of the child: its heap, its locks and its errno are those of a thread that waits
 * for it, and its stack is unknown to sanitizers.
 */
#define IN_CHILD __attribute__((no_sanitize("address", "undefined")))

IN_CHILD static int mount_over_sys(struct job *j)
{
	long fd;

	j->step = "unshare";
	if (syscall(SYS_unshare, CLONE_NEWNS) < 0)
		return -errno;
	/* A shared mount would hand what comes below it to the namespace that it was copied from. */
	j->step = "mount MS_PRIVATE";
	if (syscall(SYS_mount, NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	j->step = "mount";
	if (syscall(SYS_mount, "none", "/sys", j->fstype, 0, NULL) < 0)
		return -errno;
	j->step = "open";
	fd = syscall(SYS_openat, AT_FDCWD, "/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

IN_CHILD static int child_main(void *arg)
{
	struct job *j = arg;

	j->result = mount_over_sys(j);
	(void)syscall(SYS_exit_group, 0);
	return 0;
}

int slo_mount_by_child(const char *fstype, int *ret_fd, const char **ret_step)
{
	/* Killed, if it leaves it so. */
	struct job j = { .fstype = fstype, .step = "clone", .result = -EINTR };
	__attribute__((aligned(16))) char stack[CHILD_STACK];
	sigset_t all, old;
	pid_t pid;
	int code;

	/* Of a handler the child would run a second time, in our memory. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	/* No exit signal: nobody's SIGCHLD handler hears of it, no wait() without __WALL takes it. */
	pid = clone(child_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES, &j);
	code = errno;
	if (pid >= 0) {
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	*ret_step = j.step;
	if (pid < 0)
		return -code;
	if (j.result < 0)
		return j.result;
	*ret_fd = j.result;
	return 0;
}

int slo_mount_detached(const char *fstype, int *ret_fd, const char **ret_step)
{
	slo_cleanup(slo_closep) int fs = -1, mnt = -1;
	int fd;

	*ret_step = "fsopen";
	fs = (int)syscall(SYS_fsopen, fstype, FS_CLOEXEC);
	/* Not where it is refused: mount() needs the same right. */
	if (fs < 0 && errno == ENOSYS)
		return slo_mount_by_child(fstype, ret_fd, ret_step);
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
