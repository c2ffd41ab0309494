/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/store/outfile.h"
#include "test/unit/base/fail_alloc.h"

static char dir[64];
static char file[96];
static struct slo_err error;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/slo-outfile-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(file, sizeof(file), "%s/out", dir);
	return 0;
}

static int tear_down(void **state)
{
	char link[96];

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/link", dir);
	(void)unlink(link);
	(void)unlink(file);
	return rmdir(dir); /* fails where anything else was left */
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static const char *content(void)
{
	static char text[64];
	FILE *f = fopen(file, "r");

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	return text;
}

static unsigned int entries(void)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static void file_appears_at_commit_and_not_before(void **state)
{
	slo_outfile_auto struct slo_outfile *o = NULL;

	(void)state;
	assert_int_equal(slo_outfile_open(&o, file, &error), 0);
	assert_true(fputs("new", slo_outfile_stream(o)) >= 0);
	assert_int_equal(fflush(slo_outfile_stream(o)), 0);
	assert_null(content());
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	assert_null(o);
	assert_string_equal(content(), "new");
	assert_int_equal(entries(), 1);
}

/* Of these processes none cleans up after itself. */
static void nothing_is_left_of_who_is_ended(void **state)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGKILL };

	(void)state;
	put(file, "old");
	for (size_t i = 0; i < SLO_ARRAY_SIZE(ends); i++) {
		struct slo_outfile *o = NULL;
		int status;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			if (slo_outfile_open(&o, file, &error) == 0 &&
			    fputs("new", slo_outfile_stream(o)) >= 0 &&
			    fflush(slo_outfile_stream(o)) == 0)
				(void)raise(ends[i]);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == ends[i]);
		assert_int_equal(entries(), 1);
		assert_string_equal(content(), "old");
	}
}

static void old_file_stays_where_nothing_is_committed(void **state)
{
	struct slo_outfile *o = NULL;

	(void)state;
	put(file, "old");
	assert_int_equal(slo_outfile_open(&o, file, &error), 0);
	assert_true(fputs("new", slo_outfile_stream(o)) >= 0);
	slo_outfile_freep(&o);
	assert_null(o);
	assert_string_equal(content(), "old");
	assert_int_equal(entries(), 1);
	slo_outfile_freep(&o);
}

static void replaced_file_keeps_its_mode_and_its_links(void **state)
{
	struct slo_outfile *o = NULL;
	struct stat st;
	char link[96];

	(void)state;
	put(file, "old");
	assert_int_equal(chmod(file, 0640), 0);
	(void)snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(symlink(file, link), 0);
	assert_int_equal(slo_outfile_open(&o, link, &error), 0);
	assert_true(fputs("new", slo_outfile_stream(o)) >= 0);
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	assert_string_equal(content(), "new");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
}

static void new_file_obeys_the_umask(void **state)
{
	struct slo_outfile *o = NULL;
	struct stat st;
	mode_t old = umask(027);

	(void)state;
	assert_int_equal(slo_outfile_open(&o, file, &error), 0);
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	(void)umask(old);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_size, 0);
}

static void what_cannot_be_written_says_why(void **state)
{
	struct slo_outfile *o = NULL;
	char path[96];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/no/out", dir);
	assert_int_equal(slo_outfile_open(&o, path, &error), -ENOENT);
	assert_non_null(strstr(error.msg, "is there no such folder?"));
	assert_int_equal(slo_outfile_open(&o, dir, &error), -EISDIR);
	assert_null(o);
}

static void full_disk_fails_the_commit_and_keeps_the_old_file(void **state)
{
	const struct rlimit small = { 1000, 1000 };
	struct rlimit saved;
	struct slo_outfile *o = NULL;
	static char big[400000];

	(void)state;
	put(file, "old");
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(slo_outfile_open(&o, file, &error), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_int_equal(
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ small.rlim_cur, saved.rlim_max }), 0);
	memset(big, 'x', sizeof(big));
	(void)fwrite(big, 1, sizeof(big), slo_outfile_stream(o));
	assert_int_equal(slo_outfile_commit(&o, &error), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_null(o);
	assert_non_null(strstr(error.msg, "cannot write "));
	assert_string_equal(content(), "old");
	assert_int_equal(entries(), 1);
}

static void device_is_written_directly(void **state)
{
	struct slo_outfile *o = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(slo_outfile_open(&o, "/dev/null", &error), 0);
	assert_true(fputs("x", slo_outfile_stream(o)) >= 0);
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(slo_outfile_open(&o, "/dev/full", &error), 0);
	assert_true(fputs("x", slo_outfile_stream(o)) >= 0);
	assert_int_equal(slo_outfile_commit(&o, &error), -ENOSPC);
}

/* The write that fails is long past when the file is committed. */
static void early_failure_keeps_its_reason(void **state)
{
	struct slo_outfile *o = NULL;

	(void)state;
	assert_int_equal(slo_outfile_open(&o, "/dev/full", &error), 0);
	for (int i = 0; i < 100000; i++)
		(void)fputs("a line that says nothing\n", slo_outfile_stream(o));
	assert_true(ferror(slo_outfile_stream(o)));
	errno = 0;
	assert_int_equal(slo_outfile_commit(&o, &error), -ENOSPC);
	assert_non_null(strstr(error.msg, "No space left on device"));
}

static void dash_and_null_are_standard_output(void **state)
{
	struct slo_outfile *o = NULL;

	(void)state;
	assert_int_equal(slo_outfile_open(&o, "-", &error), 0);
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	assert_int_equal(slo_outfile_open(&o, NULL, &error), 0);
	slo_outfile_freep(&o);
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
}

/* Also behind what the stream of the C library has not written yet. */
static void standard_output_keeps_its_order(void **state)
{
	int saved = dup(STDOUT_FILENO);
	struct slo_outfile *o = NULL;
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	(void)state;
	(void)fflush(stdout);
	assert_true(saved >= 0 && fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0);
	(void)fputs("first ", stdout);
	assert_int_equal(slo_outfile_open(&o, "-", &error), 0);
	(void)fputs("second ", slo_outfile_stream(o));
	assert_int_equal(slo_outfile_commit(&o, &error), 0);
	(void)fputs("third", stdout);
	(void)fflush(stdout);
	assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
	(void)close(saved);
	(void)close(fd);
	assert_string_equal(content(), "first second third");
}

static void every_allocation_may_fail(void **state)
{
	int failures = 0;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	put(file, "old");
	for (int n = 0;; n++) {
		struct slo_outfile *o = NULL;
		int r;

		fail_alloc_after = n;
		r = slo_outfile_open(&o, file, &error);
		fail_alloc_after = -1;
		assert_true((r == 0) == (o != NULL));
		slo_outfile_freep(&o);
		assert_int_equal(entries(), 1);
		if (r == 0)
			break;
		assert_int_equal(r, -ENOMEM);
		failures++;
	}
	assert_true(failures >= 3);
}

int main(void)
{
#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DIR(file_appears_at_commit_and_not_before),
		WITH_DIR(nothing_is_left_of_who_is_ended),
		WITH_DIR(old_file_stays_where_nothing_is_committed),
		WITH_DIR(replaced_file_keeps_its_mode_and_its_links),
		WITH_DIR(new_file_obeys_the_umask),
		WITH_DIR(what_cannot_be_written_says_why),
		WITH_DIR(full_disk_fails_the_commit_and_keeps_the_old_file),
		WITH_DIR(device_is_written_directly),
		WITH_DIR(early_failure_keeps_its_reason),
		WITH_DIR(dash_and_null_are_standard_output),
		WITH_DIR(standard_output_keeps_its_order),
		WITH_DIR(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
