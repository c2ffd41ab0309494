/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/btf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/base.h"

/* Length, or negative where @ret is too small. */
static int name_file(int form, const char *dir, const char *release, const char *machine, char *ret,
                     size_t size)
{
	int n = form == 0   ? snprintf(ret, size, "%s/%s.btf", dir, release)
	        : form == 1 ? snprintf(ret, size, "%s/%s/%s.btf", dir, machine, release)
	                    : snprintf(ret, size, "%s/vmlinux-%s", dir, release);

	return n >= 0 && (size_t)n < size ? n : -ENAMETOOLONG;
}

int slo_btf_find(const struct slo_btf_search *search, char *ret, size_t size)
{
	const char *release = search->release, *machine = search->machine;
	char path[1024];
	struct utsname u;

	if (uname(&u))
		return -errno;
	release = release ? release : u.release;
	machine = machine ? machine : u.machine;
	for (size_t i = 0; i < search->count; i++) {
		for (int form = 0; form < 3; form++) {
			int n = name_file(form, search->dirs[i], release, machine, path,
			                  sizeof(path));

			if (n < 0 || (size_t)n >= size || access(path, F_OK) ||
			    !search->is_good(search->user, path))
				continue;
			(void)snprintf(ret, size, "%s", path);
			return 0;
		}
	}
	return -ENOENT;
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
