/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/programs/agent/agent.h"

/* A folder of our own first: a service whose root is read-only may write there, and a container may mount it. */
static const char *const folders[] = { "/run/llm-slo", "/run", "/var/run", "/tmp" };

static int open_lock(const char *instance, char *path, size_t size)
{
	int code = -ENOENT;

	(void)mkdir(folders[0], 0755);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(folders); i++) {
		int fd;

		(void)snprintf(path, size, "%s/llm-slo-agent%s%s.lock", folders[i],
		               *instance ? "-" : "", instance);
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd >= 0)
			return fd;
		code = -errno;
	}
	return code;
}

int slo_agent_lock(const char *instance, struct slo_err *err)
{
	char path[320], first[32] = "";
	slo_cleanup(slo_closep) int fd = -1;

	if (strchr(instance, '/'))
		return slo_err_set(err, -EINVAL, "instance '%s': must not hold a '/'", instance);
	fd = open_lock(instance, path, sizeof(path));
	if (fd == -ENOENT || fd == -EROFS) {
		return slo_err_set(
			err, -EROFS,
			"no folder for a lock (%s, ...): a second agent here would go unnoticed; "
			"mount one that can be written",
			folders[0]);
	}
	if (fd < 0)
		return slo_err_set(err, fd, "lock %s: %s", path, strerror(-fd));
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ssize_t n = read(fd, first, sizeof(first) - 1);

		first[n > 0 ? strcspn(first, "\n") : 0] = '\0';
		return slo_err_set(err, -EBUSY,
		                   "another agent runs on this host: pid %s, instance '%s' (%s); "
		                   "stop it, or give --instance NAME to run both",
		                   *first ? first : "unknown", *instance ? instance : "default",
		                   path);
	}
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%d\n", (int)getpid());
	return slo_take_fd(fd);
}
