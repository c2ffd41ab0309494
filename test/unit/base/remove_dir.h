/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLO_TEST_BASE_REMOVE_DIR_H
#define SLO_TEST_BASE_REMOVE_DIR_H

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* The files of a folder. */
static inline void empty_dir(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		(void)unlinkat(dirfd(d), e->d_name, 0);
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
