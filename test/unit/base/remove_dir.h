/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLO_TEST_BASE_REMOVE_DIR_H
#define SLO_TEST_BASE_REMOVE_DIR_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The files of a folder, and of the folders in it. */
static inline void empty_dir(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;
	char below[512];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    unlinkat(dirfd(d), e->d_name, 0) == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%.200s/%.255s", path, e->d_name);
		empty_dir(below);
		(void)rmdir(below);
	}
	if (d)
		(void)closedir(d);
}

/* And itself. */
static inline void remove_dir(const char *path)
{
	empty_dir(path);
	(void)rmdir(path);
}

#endif
