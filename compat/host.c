/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/io.h"

int slo_host_open_root(const char *path, struct slo_err *err)
{
	int fd = open(path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return slo_err_set(err, -errno, "host root %s: %s", path, strerror(errno));
	return fd;
}

static const char *below_root(const char *path)
{
	path += strspn(path, "/");
	return *path ? path : ".";
}

int slo_host_open(int root, const char *path, int flags)
{
	int fd = openat(root, below_root(path), flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

ssize_t slo_host_read(int root, const char *path, char *buf, size_t size)
{
	slo_cleanup(slo_closep) int fd = slo_host_open(root, path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : slo_read_full(fd, buf, size - 1);

	if (n >= 0)
		buf[n] = '\0';
	return n;
}

unsigned long slo_host_inode(int root, const char *path)
{
	struct stat st;

	return fstatat(root, below_root(path), &st, 0) ? 0 : st.st_ino;
}
