/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/base.h"

int slo_btf_find_for(const char *const *dirs, size_t count, const char *release,
                     const char *machine, char *ret, size_t size)
{
	char path[1024];

	for (size_t i = 0; i < count; i++) {
		for (int form = 0; form < 3; form++) {
			int n = form == 0   ? snprintf(path, sizeof(path), "%s/%s.btf", dirs[i],
			                               release)
			        : form == 1 ? snprintf(path, sizeof(path), "%s/%s/%s.btf", dirs[i],
			                               machine, release)
			                    : snprintf(path, sizeof(path), "%s/vmlinux-%s", dirs[i],
			                               release);

			if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= size ||
			    access(path, R_OK))
				continue;
			(void)snprintf(ret, size, "%s", path);
			return 0;
		}
	}
	return -ENOENT;
}

int slo_btf_find(const char *const *dirs, size_t count, char *ret, size_t size)
{
	struct utsname u;

	if (uname(&u))
		return -errno;
	return slo_btf_find_for(dirs, count, u.release, u.machine, ret, size);
}

/* Names are strings that end in 0, one behind the other; of a file of megabytes, read in parts that overlap by a name. */
bool slo_btf_has_name(const char *path, const char *name)
{
	char buf[32768], wanted[64];
	size_t size = strlen(name) + 2, have = 0;
	bool found = false;
	ssize_t n;
	int fd;

	if (size > sizeof(wanted))
		return false;
	wanted[0] = '\0';
	memcpy(wanted + 1, name, size - 1);
	fd = open(path ? path : "/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (!found && (n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		size_t end = have + (size_t)n;

		found = memmem(buf, end, wanted, size) != NULL;
		have = end < size - 1 ? end : size - 1;
		memmove(buf, buf + end - have, have);
	}
	(void)close(fd);
	return found;
}
