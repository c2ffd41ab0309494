/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/btf.h"

#include <errno.h>
#include <stdio.h>
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
