/* SPDX-License-Identifier: Apache-2.0 */
/* Which BTF file is taken, and what is said of one that is not: missing, broken, of another kernel. */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/btf_choice.h"
#include "backends/libbpf/btf_file.h"
#include "backends/session.h"

#define OWN "/sys/kernel/btf/vmlinux"

static char tmp[] = "/tmp/slo-btf-choice.XXXXXX";
static char first[256], second[256]; /* folders */
static struct utsname host;

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

/* Valid BTF: nothing but a structure called @name, with the ids and the name of a task where no kernel has them. */
static void write_btf(const char *path, const char *name)
{
	struct btf *btf = btf__new_empty();
	uint32_t size;
	const void *data;
	int id, chars;

	assert_non_null(btf);
	id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	chars = btf__add_array(btf, id, btf__add_int(btf, "char", 1, 0), 16);
	assert_true(btf__add_struct(btf, name, 32) > 0);
	assert_int_equal(btf__add_field(btf, "comm", chars, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "tgid", id, (uint32_t)128, 0), 0);
	assert_int_equal(btf__add_field(btf, "pid", id, (uint32_t)160, 0), 0);
	data = btf__raw_data(btf, &size);
	assert_non_null(data);
	write_file(path, data, size);
	btf__free(btf);
}

static const char *in(const char *dir, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static const char *release_file(const char *dir)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s.btf", host.release);
	return in(dir, name);
}

static void expect(const char *path, int code, const char *words)
{
	struct slo_err err = { 0 };
	char wanted[512];

	(void)snprintf(wanted, sizeof(wanted), "%s: %s", path, words);
	assert_int_equal(slo_btf_file_check(path, &err), code);
	if (strncmp(err.msg, wanted, strlen(wanted)) != 0)
		fail_msg("'%s' does not begin with '%s'", err.msg, wanted);
}

static void what_is_no_btf_of_a_kernel_is_named_with_its_cause(void **state)
{
	static unsigned char garbage[100000];
	const char *path;

	(void)state;
	expect("/nonexistent.btf", -ENOENT, "No such file or directory");
	expect(tmp, -EINVAL, "no BTF (not a file)");
	expect("/dev/zero", -EINVAL, "no BTF (not a file)");
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (unsigned char)(i * i >> 3);
	path = in(tmp, "garbage");
	write_file(path, garbage, sizeof(garbage));
	expect(path, -EINVAL, "no BTF (");
	path = in(tmp, "empty");
	write_file(path, "", 0);
	expect(path, -EINVAL, "no BTF (");
	expect("/proc/self/exe", -EINVAL, "no BTF (");
	path = in(tmp, "other");
	write_btf(path, "no_task_struct");
	expect(path, -EINVAL, "no BTF of a kernel (no task_struct)");
}

static void of_a_long_path_the_end_is_shown_and_what_is_wrong(void **state)
{
	struct slo_err err = { 0 };
	char path[400];

	(void)state;
	memset(path, 'x', sizeof(path));
	(void)snprintf(path + 200, sizeof(path) - 200, "/the_end.btf");
	assert_true(slo_btf_file_check(path, &err) < 0);
	assert_true(strlen(err.msg) < 200);
	assert_non_null(strstr(err.msg, "/the_end.btf: No such file or directory"));
}

/* Without the right to load programs nothing is known, and the mechanisms refuse themselves. */
static void btf_of_another_kernel_is_refused(void **state)
{
	const char *path = in(tmp, "alien");
	struct slo_err err = { 0 };

	(void)state;
	write_btf(path, "task_struct");
	if (slo_btf_file_check(path, &err) == 0) {
		print_message("skipped: no program can look at tasks here\n");
		skip();
	}
	expect(path, -ESTALE, "is of another kernel than the running ");
	assert_non_null(strstr(err.msg, host.release));
}

static void the_kernels_own_is_good(void **state)
{
	struct slo_err err = { 0 };

	(void)state;
	if (access(OWN, R_OK))
		skip();
	assert_int_equal(slo_btf_file_check(OWN, &err), 0);
	assert_string_equal(err.msg, "");
}

/* @root: a host without BTF. */
static struct slo_backend_config config(int root)
{
	static const char *const dirs[] = { first, second };

	return (struct slo_backend_config){
		.signals = SLO_SIG_ALL, .host_root = root, .btf_dirs = dirs, .btf_dir_count = 2
	};
}

static void a_broken_file_hides_none_behind_it(void **state)
{
	slo_cleanup(slo_closep) int root = open(tmp, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct slo_backend_config cfg = config(root);
	struct slo_btf_choice c;

	(void)state;
	write_file(release_file(first), "broken", 6);
	slo_btf_choose(&cfg, &c);
	assert_string_equal(c.path, "");
	assert_ptr_equal(strstr(c.why, release_file(first)), c.why);
	assert_non_null(strstr(c.why, ": no BTF ("));
	if (access(OWN, R_OK)) {
		print_message("skipped in part: no BTF of this kernel\n");
		return;
	}
	assert_int_equal(symlink(OWN, release_file(second)), 0);
	slo_btf_choose(&cfg, &c);
	assert_string_equal(c.path, release_file(second));
	assert_string_equal(c.why, "");
}

/* A file of none of the folders is taken for the one that was named, nor is any where the kernel has its own. */
static void a_file_that_is_named_is_the_only_one_asked(void **state)
{
	slo_cleanup(slo_closep) int root = open(tmp, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct slo_backend_config cfg = config(root);
	struct slo_btf_choice c;

	(void)state;
	cfg.btf_path = "/nonexistent.btf";
	slo_btf_choose(&cfg, &c);
	assert_string_equal(c.path, "");
	assert_string_equal(c.why, "/nonexistent.btf: No such file or directory");
	cfg.btf_path = NULL;
	cfg.host_root = -1;
	if (access(OWN, F_OK))
		skip();
	slo_btf_choose(&cfg, &c);
	assert_string_equal(c.path, "");
	assert_string_equal(c.why, "");
}

static const struct slo_backend_report *rung(const struct slo_backend_report *reports,
                                             unsigned int count, const char *name)
{
	for (unsigned int i = 0; i < count; i++) {
		if (strcmp(reports[i].rung, name) == 0)
			return &reports[i];
	}
	fail_msg("no rung %s", name);
	return NULL;
}

static void the_ladder_says_which_file_is_of_no_use(void **state)
{
	slo_cleanup(slo_closep) int root = open(tmp, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	struct slo_backend_report *reports = calloc(SLO_SESSION_BACKENDS, sizeof(*reports));
	struct slo_backend_config cfg = config(root);
	slo_session_auto struct slo_session *s = NULL;
	const struct slo_backend_report *ext;
	struct slo_err err = { 0 };
	unsigned int count = 0;

	(void)state;
	assert_non_null(reports);
	cfg.btf_path = "/nonexistent.btf";
	assert_int_equal(slo_session_probe(&cfg, "libbpf", reports, &count, NULL), 0);
	ext = rung(reports, count, "external BTF");
	assert_false(ext->tried);
	assert_string_equal(ext->bad_file, "/nonexistent.btf: No such file or directory");
	assert_string_equal(ext->why, ext->bad_file);
	/* Not that --btf names another one. */
	assert_non_null(strstr(rung(reports, count, "BTF")->why, "no BTF at /sys/kernel"));
	assert_string_equal(rung(reports, count, "BTF")->bad_file, "");
	assert_int_equal(slo_session_open(&s, &cfg, "libbpf", &err), -ENOTSUP);
	assert_string_equal(err.msg, ext->why);
	cfg.btf_path = NULL;
	cfg.btf_dir_count = 0;
	assert_int_equal(slo_session_probe(&cfg, "libbpf", reports, &count, NULL), 0);
	ext = rung(reports, count, "external BTF");
	assert_string_equal(ext->bad_file, "");
	assert_non_null(strstr(ext->why, "no file given"));
	free(reports);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(tmp) || uname(&host))
		return -1;
	(void)snprintf(first, sizeof(first), "%s/first", tmp);
	(void)snprintf(second, sizeof(second), "%s/second", tmp);
	return mkdir(first, 0700) || mkdir(second, 0700) ? -1 : 0;
}

static int clean(void **state)
{
	static const char *const names[] = { "garbage", "empty", "other", "alien" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)remove(in(tmp, names[i]));
	(void)remove(release_file(first));
	(void)remove(release_file(second));
	(void)remove(first);
	(void)remove(second);
	(void)remove(tmp);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_btf_of_a_kernel_is_named_with_its_cause),
		cmocka_unit_test(of_a_long_path_the_end_is_shown_and_what_is_wrong),
		cmocka_unit_test(btf_of_another_kernel_is_refused),
		cmocka_unit_test(the_kernels_own_is_good),
		cmocka_unit_test(a_broken_file_hides_none_behind_it),
		cmocka_unit_test(a_file_that_is_named_is_the_only_one_asked),
		cmocka_unit_test(the_ladder_says_which_file_is_of_no_use),
	};

	return cmocka_run_group_tests(tests, begin, clean);
}
