/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/io.h"

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void pause_ms(long ms)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* Writes "abc", a signal to its parent, "def", each a moment after the other. */
static void writer(int fd)
{
	(void)write(fd, "abc", 3);
	pause_ms(30);
	(void)kill(getppid(), SIGUSR1);
	pause_ms(30);
	(void)write(fd, "def", 3);
	_exit(0);
}

static ssize_t read_from_writer(char *buf, size_t size)
{
	struct sigaction act = { .sa_handler = on_signal };
	int fd[2];
	ssize_t n;
	pid_t pid;

	signals = 0;
	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(sigaction(SIGUSR1, &act, NULL), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		writer(fd[1]);
	(void)close(fd[1]);
	n = slo_read_full(fd[0], buf, size);
	(void)waitpid(pid, NULL, 0);
	(void)close(fd[0]);
	return n;
}

static void pieces_and_a_signal_between_them_make_a_whole(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(read_from_writer(buf, sizeof(buf)), 6);
	assert_int_equal(signals, 1);
	assert_memory_equal(buf, "abcdef", 6);
}

static void no_more_than_asked_for_is_read(void **state)
{
	char buf[16] = "................";

	(void)state;
	assert_int_equal(read_from_writer(buf, 4), 4);
	assert_memory_equal(buf, "abcd............", 16);
}

static void the_end_and_an_error_are_told_apart(void **state)
{
	char buf[4];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(slo_read_full(fd, buf, sizeof(buf)), 0);
	(void)close(fd);
	assert_int_equal(slo_read_full(fd, buf, sizeof(buf)), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_and_a_signal_between_them_make_a_whole),
		cmocka_unit_test(no_more_than_asked_for_is_read),
		cmocka_unit_test(the_end_and_an_error_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
