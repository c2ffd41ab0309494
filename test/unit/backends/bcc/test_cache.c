/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, entries and the helper's conversation, with helpers that are shell scripts. Real ones: test/vm/truth/bcc.py. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
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

#include "backends/bcc/cache.h"
#include "test/unit/compat/fixture.h"

static const struct slo_bcc_kernel kernel = { .release = "5.10.0-1-test",
	                                      .build = "#1 SMP 2026",
	                                      .machine = "x86_64" };

static void key_of(const char *flag, const char *release, const char *build,
                   char ret[SLO_SHA256_HEX_SIZE])
{
	struct slo_bcc_kernel k = kernel;
	struct slo_bcc_want want = { 0 };

	slo_bcc_flag(&want, "%s", flag);
	(void)snprintf(k.release, sizeof(k.release), "%s", release);
	(void)snprintf(k.build, sizeof(k.build), "%s", build);
	slo_bcc_key(&want, &k, ret);
}

static void key_names_flags_kernel_and_build(void **state)
{
	char first[SLO_SHA256_HEX_SIZE], other[SLO_SHA256_HEX_SIZE];

	(void)state;
	key_of("-DA=1", "5.10", "#1", first);
	key_of("-DA=1", "5.10", "#1", other);
	assert_string_equal(first, other);
	key_of("-DA=2", "5.10", "#1", other);
	assert_string_not_equal(first, other);
	key_of("-DA=1", "5.11", "#1", other);
	assert_string_not_equal(first, other);
	key_of("-DA=1", "5.10", "#2", other);
	assert_string_not_equal(first, other);
	/* Words do not run into each other. */
	key_of("-DA=1", "5.10#", "1", other);
	assert_string_not_equal(first, other);
}

static void headers_and_root_are_no_part_of_the_key(void **state)
{
	struct slo_bcc_want want = { .headers = "/usr/src/a", .root = "/host" }, bare = { 0 };
	char first[SLO_SHA256_HEX_SIZE], other[SLO_SHA256_HEX_SIZE];

	(void)state;
	slo_bcc_key(&want, &kernel, first);
	slo_bcc_key(&bare, &kernel, other);
	assert_string_equal(first, other);
}

static void request_holds_every_text(void **state)
{
	static const char *const wanted[] = { "key 0123\n",          "headers /h\n",
		                              "flag -DX=1\n",        "file bpf/slo_abi.h ",
		                              "file bcc/slo_bcc.h ", "file bcc/dns.bcc.c ",
		                              "int dns_send4_kp(" };
	struct slo_bcc_want want = { .headers = "/h" };
	char *text = calloc(1, 1 << 20);
	int fd;

	(void)state;
	slo_bcc_flag(&want, "-DX=%d", 1);
	fd = slo_bcc_request(&want, "0123", NULL);
	assert_true(fd >= 0);
	assert_true(pread(fd, text, (1 << 20) - 1, 0) > 1000);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(wanted); i++)
		assert_non_null(strstr(text, wanted[i]));
	free(text);
	(void)close(fd);
}

struct folder {
	char path[40];
};

static int make_folder(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*f = (struct folder){ .path = "/tmp/slo-bcc.XXXXXX" };
	assert_non_null(mkdtemp(f->path));
	*state = f;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	char command[128];

	(void)snprintf(command, sizeof(command), "%s/helper", f->path);
	(void)unlink(command);
	(void)snprintf(command, sizeof(command), "%s/bcc/5.10.0-1-test-0123456789abcdef.slobcc",
	               f->path);
	(void)unlink(command);
	(void)snprintf(command, sizeof(command), "%s/bcc", f->path);
	(void)rmdir(command);
	(void)rmdir(f->path);
	free(f);
	return 0;
}

#define KEY "0123456789abcdef0123456789abcdef"

static const struct slo_bcc_want nothing_named;

/* A program of no map and no instruction that the kernel would be asked about. @config: the headers' digest, or "". */
static int store_with(const struct folder *f, const char *release, const char *config)
{
	struct slo_bcc_image_head head = { .magic = SLO_BCC_IMAGE_MAGIC,
		                           .size = sizeof(head),
		                           .key = KEY };
	struct slo_bcc_program p = { .bytes = &head, .image = { .head = &head } };

	(void)snprintf(head.release, sizeof(head.release), "%s", release);
	(void)snprintf(head.config, sizeof(head.config), "%s", config);
	slo_bcc_image_seal(&head);
	return slo_bcc_cache_store(f->path, &kernel, KEY, &p, NULL);
}

static int store_of(const struct folder *f, const char *release)
{
	return store_with(f, release, "");
}

static void store_empty(const struct folder *f)
{
	assert_int_equal(store_of(f, kernel.release), 0);
}

/* The entry's file, opened for writing: the caller's. */
static int open_entry(const struct folder *f)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/bcc/5.10.0-1-test-0123456789abcdef.slobcc", f->path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int load(const struct folder *f, struct slo_err *err)
{
	struct slo_bcc_program p;
	int r = slo_bcc_cache_load(f->path, &kernel, &nothing_named, KEY, &p, err);

	if (!r)
		slo_bcc_program_fini(&p);
	return r;
}

static void what_was_stored_is_loaded(void **state)
{
	struct slo_bcc_program p;

	store_empty(*state);
	assert_int_equal(slo_bcc_cache_load(((struct folder *)*state)->path, &kernel,
	                                    &nothing_named, KEY, &p, NULL),
	                 0);
	assert_string_equal(p.image.head->release, "5.10.0-1-test");
	slo_bcc_program_fini(&p);
}

static void entry_of_another_key_is_refused(void **state)
{
	const struct folder *f = *state;
	struct slo_err err = { 0 };
	struct slo_bcc_program p;

	store_empty(f);
	/* The same name, for only 16 digits are in it. */
	assert_int_equal(
		slo_bcc_cache_load(f->path, &kernel, &nothing_named, "0123456789abcdefX", &p, &err),
		-EBADMSG);
	assert_non_null(strstr(err.msg, "other sources"));
}

/* Under the right name, as one that was copied from another host and renamed. */
static void entry_of_another_kernel_is_refused(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(store_of(*state, "4.19.0-1-other"), 0);
	assert_int_equal(load(*state, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "4.19.0-1-other"));
}

/* Made with wrong headers, it must not outlive that the right ones are named. */
static void entry_of_another_configuration_is_refused(void **state)
{
	static const char *const folders[] = { "a", "b", "c", "d" };
	const struct scratch *s = *state;
	struct folder f;
	char made_with[SLO_SHA256_HEX_SIZE], headers[PATH_MAX];
	struct slo_err err = { 0 };
	struct slo_bcc_program p;

	(void)snprintf(f.path, sizeof(f.path), "%s", s->path);
	put_file(s->root, "a" SLO_BCC_AUTOCONF, "#define CONFIG_SMP 1\n");
	put_file(s->root, "b" SLO_BCC_AUTOCONF, "#define CONFIG_UP 1\n");
	put_file(s->root, "c/lib/modules/5.10.0-1-test/build" SLO_BCC_AUTOCONF,
	         "#define CONFIG_UP 1\n");
	(void)snprintf(headers, sizeof(headers), "%s/a" SLO_BCC_AUTOCONF, s->path);
	assert_int_equal(slo_bcc_file_digest(headers, made_with), 0);
	assert_int_equal(store_with(&f, kernel.release, made_with), 0);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(folders); i++) {
		const struct slo_bcc_want named = { .headers = headers },
					  below = { .root = headers };
		bool wrong = i == 1 || i == 2;

		(void)snprintf(headers, sizeof(headers), "%s/%s", s->path, folders[i]);
		assert_int_equal(slo_bcc_cache_load(s->path, &kernel, i == 2 ? &below : &named, KEY,
		                                    &p, &err),
		                 wrong ? -EBADMSG : 0);
		if (wrong)
			assert_non_null(strstr(err.msg, headers));
		else
			slo_bcc_program_fini(&p);
	}
}

static void corrupted_entry_is_refused_and_then_replaced(void **state)
{
	struct slo_err err = { 0 };
	char byte;
	int fd;

	store_empty(*state);
	fd = open_entry(*state);
	assert_int_equal(pread(fd, &byte, 1, 100), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(load(*state, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "checksum"));
	store_empty(*state);
	assert_int_equal(load(*state, NULL), 0);
}

static void entry_that_was_cut_short_is_refused(void **state)
{
	static const off_t sizes[] = { 0, 7, sizeof(struct slo_bcc_image_head) - 1 };

	for (size_t i = 0; i < SLO_ARRAY_SIZE(sizes); i++) {
		struct slo_err err = { 0 };
		int fd;

		store_empty(*state);
		fd = open_entry(*state);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		assert_int_equal(close(fd), 0);
		assert_int_equal(load(*state, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "slobcc"));
	}
}

/* What one stores the other reads meanwhile: whole, always. */
static void two_agents_at_once_never_see_half_an_entry(void **state)
{
	int status = 0, seen = 0;
	pid_t other;

	store_empty(*state);
	other = fork();
	assert_true(other >= 0);
	if (other == 0) {
		int bad = 0;

		for (int i = 0; i < 300; i++)
			bad |= store_of(*state, kernel.release);
		_exit(bad ? 1 : 0);
	}
	while (waitpid(other, &status, WNOHANG) == 0) {
		assert_int_equal(store_of(*state, kernel.release), 0);
		assert_int_equal(load(*state, NULL), 0);
		seen++;
	}
	assert_int_equal(status, 0);
	assert_true(seen > 0);
}

static void entry_that_others_may_write_is_refused(void **state)
{
	const struct folder *f = *state;
	struct slo_err err = { 0 };
	struct slo_bcc_program p;
	char path[128];

	store_empty(f);
	(void)snprintf(path, sizeof(path), "%s/bcc/5.10.0-1-test-0123456789abcdef.slobcc", f->path);
	assert_int_equal(chmod(path, 0660), 0);
	assert_int_equal(slo_bcc_cache_load(f->path, &kernel, &nothing_named, KEY, &p, &err),
	                 -EPERM);
}

static void no_entry_is_no_error_of_its_own(void **state)
{
	const struct folder *f = *state;
	struct slo_bcc_program p;

	assert_int_equal(slo_bcc_cache_load(f->path, &kernel, &nothing_named, KEY, &p, NULL),
	                 -ENOENT);
}

static void folder_that_cannot_be_made_is_told(void **state)
{
	struct slo_bcc_image_head head = { .magic = SLO_BCC_IMAGE_MAGIC, .size = sizeof(head) };
	struct slo_bcc_program p = { .bytes = &head, .image = { .head = &head } };
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_bcc_cache_store("/dev/null/state", &kernel, KEY, &p, &err), -ENOTDIR);
	assert_non_null(strstr(err.msg, "/dev/null/state"));
}

/* --- an entry that lacks files ------------------------------------------------------------------------------- */

static void entry_without_a_file_is_made_anew_when_headers_change(void **state)
{
	const struct folder *f = *state;
	struct slo_bcc_image_head head = { .left_out = "bcc/dns.bcc.c: error" };

	(void)snprintf(head.include, sizeof(head.include), "%s", f->path);
	head.changed_s = slo_bcc_include_changed(f->path);
	assert_true(head.changed_s > 0);
	assert_false(slo_bcc_is_worth_another_try(&head));
	/* As a header that came since. */
	head.changed_s--;
	assert_true(slo_bcc_is_worth_another_try(&head));
	head.left_out[0] = '\0';
	assert_false(slo_bcc_is_worth_another_try(&head));
}

static void entry_without_a_file_stays_where_headers_are_gone(void **state)
{
	struct slo_bcc_image_head head = { .left_out = "bcc/dns.bcc.c: error",
		                           .include = "/nonexistent/include/linux",
		                           .changed_s = 1 };

	(void)state;
	assert_false(slo_bcc_is_worth_another_try(&head));
}

/* --- the helper ------------------------------------------------------------------------------------------------- */

static int run(const struct folder *f, const char *script, int timeout_ms, struct slo_err *err)
{
	struct slo_bcc_want want = { 0 };
	int request = slo_bcc_request(&want, KEY, NULL), r;
	struct slo_bcc_program p;
	char path[64];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/helper", f->path);
	out = fopen(path, "we");
	assert_non_null(out);
	(void)fprintf(out, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, 0700), 0);
	r = slo_bcc_run_helper(&p, path, request, timeout_ms, err);
	if (!r)
		slo_bcc_program_fini(&p);
	(void)close(request);
	return r;
}

static void helper_that_says_nothing_is_an_error(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(run(*state, "exit 3", 20000, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "code 3"));
}

static void helper_that_talks_nonsense_is_an_error(void **state)
{
	struct slo_err err = { 0 };

	assert_true(run(*state, "echo hello >&3", 20000, &err) < 0);
}

static void helper_that_is_killed_is_an_error(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(run(*state, "kill -9 $$", 20000, &err), -EINTR);
	assert_non_null(strstr(err.msg, "signal 9"));
}

static void helper_that_hangs_is_ended(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(run(*state, "exec sleep 100", 300, &err), -ETIMEDOUT);
	/* Also one that has nothing more to say, and one that talks nonsense first. */
	assert_int_equal(run(*state, "exec 3>&-; exec sleep 100", 20000, &err), -EINTR);
	assert_int_equal(run(*state, "printf abc >&3; exec sleep 100", 20000, &err), -EINTR);
}

/* Records are written there. */
static void what_a_helper_prints_is_not_on_standard_output(void **state)
{
	slo_cleanup(slo_closep) int out = memfd_create("stdout", MFD_CLOEXEC);
	slo_cleanup(slo_closep) int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	struct slo_err err = { 0 };
	struct stat st;
	int r;

	assert_true(out >= 0 && kept >= 0 && dup2(out, STDOUT_FILENO) >= 0);
	r = run(*state, "echo not a record", 20000, &err);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	assert_int_equal(r, -ENOEXEC);
	assert_int_equal(fstat(out, &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* What ld.so ends with; a helper that is there must not be told to be installed. */
static void helper_without_its_library_names_the_librarys_package(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(run(*state, "exit 127", 20000, &err), -ENOEXEC);
	assert_non_null(strstr(err.msg, "libbpfcc"));
	assert_null(strstr(err.msg, "not there"));
}

/* Not one that is dead and not yet waited for. */
static bool is_running(const char *pid)
{
	char path[64], text[256] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%.*s/stat", (int)strcspn(pid, "\n"), pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)!read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return *text && !strstr(text, ") Z");
}

/* The child holds the socket, as the compiler did. */
static void what_a_helper_started_ends_with_it(void **state)
{
	const struct folder *f = *state;
	struct slo_err err = { 0 };
	char script[200], path[64], text[16] = "";
	int fd;

	(void)snprintf(path, sizeof(path), "%s/pid", f->path);
	(void)snprintf(script, sizeof(script), "sleep 100 & echo $! > %s; wait", path);
	assert_int_equal(run(f, script, 1000, &err), -ETIMEDOUT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
	/* Whose child it became reaps it when it comes to it. */
	for (int i = 0; i < 100 && is_running(text); i++)
		(void)usleep(20000);
	assert_false(is_running(text));
}

static void helper_that_is_not_there_names_the_package(void **state)
{
	struct slo_err err = { 0 };
	struct slo_bcc_program p;
	int request = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(slo_bcc_run_helper(&p, "/nonexistent/llm-slo-bcc", request, 20000, &err),
	                 -ENOENT);
	assert_non_null(strstr(err.msg, "package"));
	(void)close(request);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_names_flags_kernel_and_build),
		cmocka_unit_test(headers_and_root_are_no_part_of_the_key),
		cmocka_unit_test(request_holds_every_text),
		IN_FOLDER(what_was_stored_is_loaded),
		IN_FOLDER(entry_of_another_key_is_refused),
		IN_FOLDER(entry_of_another_kernel_is_refused),
		cmocka_unit_test_setup_teardown(entry_of_another_configuration_is_refused,
		                                scratch_setup, scratch_teardown),
		IN_FOLDER(corrupted_entry_is_refused_and_then_replaced),
		IN_FOLDER(entry_that_was_cut_short_is_refused),
		IN_FOLDER(two_agents_at_once_never_see_half_an_entry),
		IN_FOLDER(entry_that_others_may_write_is_refused),
		IN_FOLDER(no_entry_is_no_error_of_its_own),
		IN_FOLDER(helper_that_says_nothing_is_an_error),
		IN_FOLDER(helper_that_talks_nonsense_is_an_error),
		IN_FOLDER(helper_that_is_killed_is_an_error),
		IN_FOLDER(helper_that_hangs_is_ended),
		IN_FOLDER(what_a_helper_prints_is_not_on_standard_output),
		IN_FOLDER(helper_without_its_library_names_the_librarys_package),
		IN_FOLDER(what_a_helper_started_ends_with_it),
		IN_FOLDER(entry_without_a_file_is_made_anew_when_headers_change),
		cmocka_unit_test(entry_without_a_file_stays_where_headers_are_gone),
		cmocka_unit_test(folder_that_cannot_be_made_is_told),
		cmocka_unit_test(helper_that_is_not_there_names_the_package),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
