/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/infile.h"
#include "test/unit/base/fail_alloc.h"

static char path[] = "/tmp/slo-infile-XXXXXX";
static struct slo_err error;

static void put(const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(write(fd, text, len) == (ssize_t)len);
	(void)close(fd);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void a_file_is_read_whole_with_a_nul_behind(void **state)
{
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 0;

	(void)state;
	put("a\0b\n", 4);
	assert_int_equal(slo_infile_read(path, 4, &text, &len, &error), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(text, "a\0b\n\0", 5);
}

static void an_empty_file_is_an_empty_text(void **state)
{
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 7;

	(void)state;
	put("", 0);
	assert_int_equal(slo_infile_read(path, 100, &text, &len, &error), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
}

static void a_file_beyond_the_limit_is_refused(void **state)
{
	char *text = NULL;
	size_t len = 0;

	(void)state;
	put("12345", 5);
	assert_int_equal(slo_infile_read(path, 4, &text, &len, &error), -EFBIG);
	assert_null(text);
	assert_true(strstr(error.msg, "longer than 4 bytes") != NULL);
}

/* More than it held when it was opened, as a pipe's end. */
static void a_pipe_grows_up_to_the_limit(void **state)
{
	static char block[20000];
	char name[64];
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 0;
	int fds[2];

	(void)state;
	memset(block, 'x', sizeof(block));
	for (size_t max = sizeof(block) - 1; max <= sizeof(block); max++) {
		assert_int_equal(pipe(fds), 0);
		assert_true(write(fds[1], block, sizeof(block)) == sizeof(block));
		(void)close(fds[1]);
		(void)snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
		assert_int_equal(slo_infile_read(name, max, &text, &len, &error),
		                 max < sizeof(block) ? -EFBIG : 0);
		(void)close(fds[0]);
	}
	assert_int_equal(len, sizeof(block));
	assert_memory_equal(text, block, sizeof(block));
}

static void what_cannot_be_read_is_named(void **state)
{
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(slo_infile_read("/nonexistent", 9, &text, &len, &error), -ENOENT);
	assert_string_equal(error.msg, "cannot read /nonexistent: No such file or directory");
	assert_int_equal(slo_infile_read("/tmp", 9, &text, &len, &error), -EISDIR);
	assert_null(text);
}

static void each_allocation_may_fail(void **state)
{
	char *text slo_cleanup(slo_freep) = NULL;
	size_t len = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	put("a", 1);
	fail_alloc_after = 0;
	assert_int_equal(slo_infile_read(path, 9, &text, &len, &error), -ENOMEM);
	fail_alloc_after = -1;
	assert_int_equal(slo_infile_read(path, 9, &text, &len, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole_with_a_nul_behind),
		cmocka_unit_test(an_empty_file_is_an_empty_text),
		cmocka_unit_test(a_file_beyond_the_limit_is_refused),
		cmocka_unit_test(a_pipe_grows_up_to_the_limit),
		cmocka_unit_test(what_cannot_be_read_is_named),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("infile", tests, make_file, remove_file);
}
