/* SPDX-License-Identifier: Apache-2.0 */
/* Host roots for the tests of compat: checked-in ones, and throw-away ones. */
#ifndef SLO_TEST_COMPAT_FIXTURE_H
#define SLO_TEST_COMPAT_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "compat/host.h"
#include "core/base/base.h"

/* 64 hexadecimal digits each. */
#define ID1 "1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f"
#define ID2 "2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e"
#define ID3 "3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d3d"
#define POD "0d4e2a1c-7b3f-4c55-9a0e-5f6a7b8c9d01"
#define POD_ "0d4e2a1c_7b3f_4c55_9a0e_5f6a7b8c9d01"
#define POD2 "ffffffff-7b3f-4c55-9a0e-5f6a7b8c9d02"
#define STATIC_POD "9c2a7e5f0d4b4e6f8a1b2c3d4e5f6a7b"

static inline int fixture(const char *name)
{
	struct slo_err err = { 0 };
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/fixtures/%s", SLO_TEST_DIR, name);
	fd = slo_host_open_root(path, &err);
	if (fd < 0)
		fail_msg("%s", err.msg);
	return fd;
}

/* Makes all directories of @path below @root. */
static inline void make_dirs(int root, const char *path)
{
	char part[1200];

	(void)snprintf(part, sizeof(part), "%s/", path);
	for (char *p = part; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			fail_msg("mkdir %s: %s", part, strerror(errno));
		*p = '/';
	}
}

static inline void put_file(int root, const char *path, const char *text)
{
	char dir[1024];
	ssize_t len = (ssize_t)strlen(text);
	int fd;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	if (strchr(dir, '/')) {
		*strrchr(dir, '/') = '\0';
		make_dirs(root, dir);
	}
	fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, (size_t)len), len);
	assert_int_equal(close(fd), 0);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

struct scratch {
	char path[64];
	int root;
};

static inline int scratch_setup(void **state)
{
	static struct scratch s;

	(void)snprintf(s.path, sizeof(s.path), "/tmp/slo-test-XXXXXX");
	if (!mkdtemp(s.path))
		return -1;
	s.root = slo_host_open_root(s.path, NULL);
	*state = &s;
	return s.root < 0 ? -1 : 0;
}

static inline int scratch_teardown(void **state)
{
	struct scratch *s = *state;

	slo_closep(&s->root);
	/* musl goes no deeper than the number of descriptors it may use. */
	return nftw(s->path, remove_one, 128, FTW_DEPTH | FTW_PHYS);
}

#endif
