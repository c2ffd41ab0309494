/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "compat/btf.h"

static char tmp[] = "/tmp/slo-btf.XXXXXX";

static void touch(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", tmp, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static bool is_any(void *user, const char *path)
{
	unsigned int *asked = user;

	assert_int_equal(access(path, F_OK), 0);
	(*asked)++;
	return true;
}

static bool is_no_first(void *user, const char *path)
{
	return is_any(user, path) && *(unsigned int *)user > 1;
}

static bool is_none(void *user, const char *path)
{
	return !is_any(user, path);
}

static const char *const dirs[] = { "/nonexistent", tmp };
static unsigned int asked;

static struct slo_btf_search search(const char *release, const char *machine)
{
	asked = 0;
	return (struct slo_btf_search){ .dirs = dirs,
		                        .count = 2,
		                        .release = release,
		                        .machine = machine,
		                        .is_good = is_any,
		                        .user = &asked };
}

static int find(const char *release, const char *machine, char found[256])
{
	const struct slo_btf_search s = search(release, machine);

	return slo_btf_find(&s, found, 256);
}

static void only_the_running_release_is_taken(void **state)
{
	char machine[128], found[256] = "untouched";
	struct slo_btf_search s;

	(void)state;
	assert_non_null(mkdtemp(tmp));
	(void)snprintf(machine, sizeof(machine), "%s/x86_64", tmp);
	assert_int_equal(mkdir(machine, 0700), 0);
	touch("4.19.0-1.btf");
	touch("x86_64/4.19.0-2.btf");
	touch("vmlinux-5.4.0-3");
	assert_int_equal(find("4.19.0-9", "x86_64", found), -ENOENT);
	assert_string_equal(found, "untouched");
	assert_int_equal(find("4.19.0-1", "x86_64", found), 0);
	assert_non_null(strstr(found, "/4.19.0-1.btf"));
	assert_int_equal(find("4.19.0-2", "x86_64", found), 0);
	assert_non_null(strstr(found, "/x86_64/4.19.0-2.btf"));
	assert_int_equal(find("4.19.0-2", "aarch64", found), -ENOENT);
	assert_int_equal(find("5.4.0-3", "x86_64", found), 0);
	assert_non_null(strstr(found, "/vmlinux-5.4.0-3"));
	assert_int_equal(find(NULL, NULL, found), -ENOENT);
	s = search("5.4.0-3", "x86_64");
	assert_int_equal(slo_btf_find(&s, found, 8), -ENOENT);
	s.count = 0;
	assert_int_equal(slo_btf_find(&s, found, sizeof(found)), -ENOENT);
}

static void a_file_that_is_no_good_hides_none_behind_it(void **state)
{
	struct slo_btf_search s = search("4.19.0-1", "x86_64");
	char found[256] = "untouched";

	(void)state;
	touch("vmlinux-4.19.0-1");
	s.is_good = is_no_first;
	assert_int_equal(slo_btf_find(&s, found, sizeof(found)), 0);
	assert_non_null(strstr(found, "/vmlinux-4.19.0-1"));
	assert_int_equal(asked, 2);
	s = search("4.19.0-1", "x86_64");
	s.is_good = is_none;
	(void)snprintf(found, sizeof(found), "untouched");
	assert_int_equal(slo_btf_find(&s, found, sizeof(found)), -ENOENT);
	assert_string_equal(found, "untouched");
	assert_int_equal(asked, 2);
}

static int clean(void **state)
{
	static const char *const names[] = { "4.19.0-1.btf",    "x86_64/4.19.0-2.btf",
		                             "vmlinux-5.4.0-3", "vmlinux-4.19.0-1",
		                             "x86_64",          "" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", tmp, names[i]);
		(void)remove(path);
	}
	return 0;
}

/* A name may lie where one part of the file ends and the next begins, anywhere. */
static void a_name_is_found_wherever_it_lies_in_the_file(void **state)
{
	static char bytes[70000];
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/named", tmp);
	for (size_t at = 32768 - 20; at < 32768 + 4; at++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		memset(bytes, 'x', sizeof(bytes));
		memcpy(bytes + at, "\0sched_delayed", sizeof("\0sched_delayed"));
		assert_int_equal(fwrite(bytes, sizeof(bytes), 1, f), 1);
		assert_int_equal(fclose(f), 0);
		assert_true(slo_btf_has_name(path, "sched_delayed"));
		assert_false(slo_btf_has_name(path, "sched_delay"));
		assert_false(slo_btf_has_name(path, "delayed"));
	}
	assert_int_equal(unlink(path), 0);
	assert_false(slo_btf_has_name(path, "sched_delayed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_running_release_is_taken),
		cmocka_unit_test(a_file_that_is_no_good_hides_none_behind_it),
		cmocka_unit_test(a_name_is_found_wherever_it_lies_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
