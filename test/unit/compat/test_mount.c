/* SPDX-License-Identifier: Apache-2.0 */
/* The way of kernels before 5.2, on whatever kernel this is. */
#include "compat/mount.h"

#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "test/unit/compat/fixture.h"

#define NOBODY 65534

/* The table of mounts is longer on a host full of containers: what is left out of it changes no more than the rest. */
static void read_mounts(char text[65536])
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);

	assert_true(slo_host_read(root, "/proc/self/mountinfo", text, 65536) > 0);
}

static void need_the_right(void)
{
	const char *step;
	int fd, r = slo_mount_by_child("tmpfs", &fd, &step);

	if (r == -EPERM || r == -EACCES) {
		print_message("skipped: %s: %s\n", step, strerror(-r));
		skip();
	}
	assert_int_equal(r, 0);
	(void)close(fd);
}

static void nobody_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void directory_is_usable_and_mounted_nowhere(void **state)
{
	static char before[65536], after[65536];
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	unsigned long ns = slo_host_inode(root, "/proc/self/ns/mnt");
	slo_cleanup(slo_closep) int fd = -1;
	sigset_t mask, mask_after;
	const char *step;
	struct statfs fs;
	char text[16];

	(void)state;
	need_the_right();
	read_mounts(before);
	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_int_equal(slo_mount_by_child("tmpfs", &fd, &step), 0);
	read_mounts(after);
	(void)sigprocmask(SIG_BLOCK, NULL, &mask_after);
	nobody_is_left();
	assert_string_equal(before, after);
	assert_int_equal(sigismember(&mask, SIGTERM), sigismember(&mask_after, SIGTERM));
	assert_true(slo_host_inode(root, "/proc/self/ns/mnt") == ns);

	assert_int_equal(fstatfs(fd, &fs), 0);
	assert_int_equal(fs.f_type, TMPFS_MAGIC);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	put_file(fd, "made/here", "text");
	assert_int_equal(slo_host_read(fd, "made/here", text, sizeof(text)), 4);
	/* What was in the way of the mount is as it was. */
	assert_false(slo_host_inode(root, "/sys/made") != 0);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void what_fails_is_named_and_leaves_nothing(void **state)
{
	int fd = -2, count = open_descriptors();
	struct rlimit limit, none;
	const char *step = NULL;
	int r;

	(void)state;
	need_the_right();
	assert_int_equal(slo_mount_by_child("no-such-fs", &fd, &step), -ENODEV);
	assert_string_equal(step, "mount");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = slo_mount_by_child("tmpfs", &fd, &step);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(r, -EMFILE);
	assert_string_equal(step, "open");
	assert_int_equal(fd, -2);
	nobody_is_left();
	assert_int_equal(open_descriptors(), count);
}

static void without_the_right_it_says_so(void **state)
{
	const char *step = "";
	int fd = -1, status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setuid(NOBODY))
			_exit(2);
		_exit(slo_mount_by_child("tmpfs", &fd, &step) == -EPERM && fd == -1 &&
		                      strcmp(step, "unshare") == 0
		              ? 0
		              : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directory_is_usable_and_mounted_nowhere),
		cmocka_unit_test(what_fails_is_named_and_leaves_nothing),
		cmocka_unit_test(without_the_right_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
