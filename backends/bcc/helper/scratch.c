/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/bcc/helper/helper.h"

#define NAME "llm-slo-bcc."
#define TRIES 3

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

static void remove_all(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool is_still(const char *path, int fd)
{
	struct stat a, b;

	return lstat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int slo_scratch_make(const char *parent, char path[PATH_MAX])
{
	for (int i = 0; i < TRIES; i++) {
		slo_cleanup(slo_closep) int fd = -1;

		(void)snprintf(path, PATH_MAX, "%s/" NAME "XXXXXX", parent);
		if (!mkdtemp(path))
			return -errno;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && flock(fd, LOCK_EX) == 0 && is_still(path, fd))
			return slo_take_fd(fd);
		/* Another's sweep was quicker than the lock. */
		remove_all(path);
	}
	return -EBUSY;
}

void slo_scratch_remove(const char *path, int *lock)
{
	remove_all(path);
	slo_closep(lock);
}

void slo_scratch_sweep(const char *parent)
{
	char path[PATH_MAX];
	const struct dirent *e;
	DIR *d = opendir(parent);

	while (d && (e = readdir(d))) {
		slo_cleanup(slo_closep) int fd = -1;
		struct stat st;

		if (strncmp(e->d_name, NAME, strlen(NAME)) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		/* Who lives holds the lock. */
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
		    flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_all(path);
	}
	if (d)
		(void)closedir(d);
}
