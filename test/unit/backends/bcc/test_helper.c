/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of llm-slo-bcc that need no compiler: what its end means, folders for temporary files, archives of headers. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/bcc/helper/helper.h"

/* Of a real child that says @said and ends by @sig, or else with @code. */
static int outcome(const char *said, int sig, int code, struct slo_err *err)
{
	slo_cleanup(slo_closep) int output = memfd_create("output", MFD_CLOEXEC);
	int status = 0;
	pid_t pid;

	assert_int_equal(pwrite(output, said, strlen(said), 0), strlen(said));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A sanitizer reports, and exits. */
		(void)signal(sig ? sig : SIGUSR1, SIG_DFL);
		if (sig)
			(void)raise(sig);
		_exit(code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*err = (struct slo_err){ 0 };
	return slo_compile_outcome(status, output, err);
}

static void compiler_that_was_killed_says_nothing_about_the_kernel(void **state)
{
	struct slo_err err;

	(void)state;
	assert_int_equal(outcome("", SIGKILL, 0, &err), -EINTR);
	assert_non_null(strstr(err.msg, "ended by signal 9 (out of memory?)"));
	assert_int_equal(outcome("", SIGTERM, 0, &err), -EINTR);
	assert_non_null(strstr(err.msg, "signal 15"));
}

static void compiler_for_want_of_room_says_nothing_about_the_kernel(void **state)
{
	struct slo_err err;

	(void)state;
	assert_int_equal(outcome("LLVM ERROR: out of memory\n", SIGABRT, 0, &err), -ENOMEM);
	assert_int_equal(
		outcome("terminate called after throwing an instance of 'std::bad_alloc'\n",
	                SIGABRT, 0, &err),
		-ENOMEM);
	assert_int_equal(outcome("x.c:1:1: fatal error: No space left on device\n", 0, 1, &err),
	                 -ENOSPC);
	assert_int_equal(outcome("Too many levels\n", 0, SLO_COMPILE_NOT_BEGUN, &err), -EAGAIN);
	assert_non_null(strstr(err.msg, "Too many levels"));
}

static void text_that_does_not_go_with_the_kernel_is_told(void **state)
{
	struct slo_err err;

	(void)state;
	assert_int_equal(outcome("", 0, 0, &err), 0);
	assert_int_equal(outcome("x.c:1:1: error: no member named 'y'\n", 0, 1, &err), -ENOEXEC);
	assert_int_equal(outcome("LLVM ERROR: no such call\n", SIGABRT, 0, &err), -ENOEXEC);
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

struct folder {
	char path[32];
};

static int make_folder(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*f = (struct folder){ .path = "/tmp/slo-helper.XXXXXX" };
	assert_non_null(mkdtemp(f->path));
	*state = f;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	int r = rmdir(f->path);

	/* Each test leaves it empty. */
	free(f);
	return r;
}

static void put_file(const char *folder, const char *name, char path[PATH_MAX])
{
	FILE *out;

	(void)snprintf(path, PATH_MAX, "%.4000s/%s", folder, name);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_int_equal(fclose(out), 0);
}

static void folder_of_a_helper_that_was_killed_is_swept(void **state)
{
	const struct folder *f = *state;
	char path[PATH_MAX], file[PATH_MAX];
	int lock = slo_scratch_make(f->path, path);

	assert_true(lock >= 0);
	put_file(path, "text", file);
	slo_scratch_sweep(f->path);
	assert_int_equal(access(file, F_OK), 0);
	/* As its end does. */
	assert_int_equal(close(lock), 0);
	slo_scratch_sweep(f->path);
	assert_int_equal(access(path, F_OK), -1);
}

static void what_is_not_ours_is_not_swept(void **state)
{
	const struct folder *f = *state;
	char other[PATH_MAX], strange[PATH_MAX], file[PATH_MAX], link[PATH_MAX];

	(void)snprintf(other, sizeof(other), "%s/llm-slo-agent.abcdef", f->path);
	(void)snprintf(strange, sizeof(strange), "%s/llm-slo-bcc.abcdef", f->path);
	(void)snprintf(link, sizeof(link), "%s/llm-slo-bcc.ghijkl", f->path);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(mkdir(strange, 0700), 0);
	assert_int_equal(symlink(other, link), 0);
	put_file(other, "text", file);
	if (geteuid() == 0)
		assert_int_equal(chown(strange, 12345, 12345), 0);
	slo_scratch_sweep(f->path);
	assert_int_equal(access(file, F_OK), 0);
	assert_int_equal(access(strange, F_OK), geteuid() == 0 ? 0 : -1);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(rmdir(other), 0);
	(void)rmdir(strange);
}

static void place_that_is_not_there_is_an_error(void **state)
{
	char path[PATH_MAX];

	(void)state;
	slo_scratch_sweep("/nonexistent");
	assert_int_equal(slo_scratch_make("/nonexistent", path), -ENOENT);
}

/* --- headers ---------------------------------------------------------------------------------------------------- */

static void archive_that_cannot_be_unpacked_is_told_as_such(void **state)
{
	const struct folder *f = *state;
	struct slo_headers headers;
	struct slo_err err = { 0 };
	char path[PATH_MAX], archive[PATH_MAX];
	int lock = slo_scratch_make(f->path, path);

	assert_true(lock >= 0);
	put_file(path, "kheaders.tar.xz", archive);
	assert_int_equal(truncate(archive, 1000), 0);
	assert_int_equal(slo_headers_unpack(archive, path, &headers, &err), -EIO);
	assert_non_null(strstr(err.msg, "kheaders.tar.xz could not be unpacked in "));
	assert_non_null(strstr(err.msg, "tar with xz needed"));
	assert_non_null(strstr(err.msg, "MB free"));
	slo_scratch_remove(path, &lock);
}

static void write_header(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%.4000s/include/linux/%s", dir, name);
	out = fopen(path, "we");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

/* In one order, with blanks between them. */
static const char *members_of(const char *dir, char *buf, size_t size)
{
	const char *flags[SLO_MEMBERS];
	unsigned int count = slo_members(dir, flags);
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < count; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? " " : "",
		                         flags[i] + strlen("-DSLO_"));
	return buf;
}

static void members_are_those_of_the_headers_whatever_the_release(void **state)
{
	const struct folder *f = *state;
	char path[PATH_MAX], folder[PATH_MAX], buf[512];
	int lock = slo_scratch_make(f->path, path);

	assert_true(lock >= 0);
	(void)snprintf(folder, sizeof(folder), "%.4000s/include", path);
	assert_int_equal(mkdir(folder, 0700), 0);
	(void)snprintf(folder, sizeof(folder), "%.4000s/include/linux", path);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_string_equal(members_of(path, buf, sizeof(buf)), "");

	/* As released: what a comment, another structure or a longer name says is no member. */
	write_header(
		path, "sched.h",
		"#define is_on(t) ((t)->__state == 0)\nstruct task_struct;\n"
		"struct task_struct {\n\tlong state; /* not yet __state */\n\tint my__state;\n};\n"
		"struct other {\n\tint __state;\n};\n");
	write_header(path, "blkdev.h",
	             "#include <x.h>\nstruct request {\n\tstruct gendisk *rq_disk;\n"
	             "\tunsigned long long start_time_ns;\n};\n");
	assert_string_equal(members_of(path, buf, sizeof(buf)), "REQUEST_HAS_DISK");

	/* As a vendor has it under the same number. */
	write_header(
		path, "sched.h",
		"\nstruct task_struct {\n\tKEEP(volatile long\tstate,\n\t     unsigned int\t__state\n"
		"\t     , unsigned int saved)\n};\n");
	write_header(path, "blkdev.h", "\nstruct request {\n\tu64\tstart_time_ns;\n};\n");
	write_header(path, "blk-mq.h", "\nstruct blk_mq_tags {\n\tint rq_flags;\n};\n");
	write_header(path, "blk_types.h", "\nstruct bio {\n\tstruct blkcg_gq\t*bi_blkg;\n};\n");
	write_header(path, "uio.h", "\nstruct iov_iter {\n\tvoid __user *ubuf;\n};\n");
	assert_string_equal(members_of(path, buf, sizeof(buf)),
	                    "TASK_HAS_UNDER_STATE REQUEST_HAS_TIMES BIO_HAS_BLKG ITER_HAS_UBUF");
	slo_scratch_remove(path, &lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiler_that_was_killed_says_nothing_about_the_kernel),
		cmocka_unit_test(compiler_for_want_of_room_says_nothing_about_the_kernel),
		cmocka_unit_test(text_that_does_not_go_with_the_kernel_is_told),
		cmocka_unit_test_setup_teardown(folder_of_a_helper_that_was_killed_is_swept,
		                                make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(what_is_not_ours_is_not_swept, make_folder,
		                                remove_folder),
		cmocka_unit_test(place_that_is_not_there_is_an_error),
		cmocka_unit_test_setup_teardown(archive_that_cannot_be_unpacked_is_told_as_such,
		                                make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			members_are_those_of_the_headers_whatever_the_release, make_folder,
			remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
