/* SPDX-License-Identifier: Apache-2.0 */
/* External BTF of the running kernel: a file in one of some folders, by the kernel's release. */
#ifndef SLO_COMPAT_BTF_H
#define SLO_COMPAT_BTF_H

#include <stdbool.h>
#include <stddef.h>

struct slo_btf_search {
	const char *const *dirs; /* paths of this process */
	size_t count;
	const char *release, *machine; /* as uname says; NULL: the running kernel's */
	bool (*is_good)(void *user, const char *path); /* asked of each file that is there */
	void *user;
};

/*
 * The first good one of DIR/RELEASE.btf, DIR/MACHINE/RELEASE.btf and DIR/vmlinux-RELEASE in each of the folders in turn. 0 and
 * @ret, or -ENOENT with @ret untouched.
 */
int slo_btf_find(const struct slo_btf_search *search, char *ret, size_t size);

/*
 * Whether a type or a member of the BTF file at @path (NULL: the running kernel's) is called @name, of at most 61 bytes; not
 * where the file cannot be read.
 */
bool slo_btf_has_name(const char *path, const char *name);

#endif
