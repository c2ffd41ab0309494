/* SPDX-License-Identifier: Apache-2.0 */
/* External BTF of the running kernel: a file in one of some folders, by the kernel's release. */
#ifndef SLO_COMPAT_BTF_H
#define SLO_COMPAT_BTF_H

#include <stdbool.h>
#include <stddef.h>

/*
 * First file of DIR/RELEASE.btf, DIR/MACHINE/RELEASE.btf and DIR/vmlinux-RELEASE in each of @dirs in turn (paths of this
 * process), which may be read. 0 and @ret, or -ENOENT with @ret untouched.
 */
int slo_btf_find(const char *const *dirs, size_t count, char *ret, size_t size);

/* As slo_btf_find(), for the kernel @release of @machine (uname -m). */
int slo_btf_find_for(const char *const *dirs, size_t count, const char *release,
                     const char *machine, char *ret, size_t size);

/*
 * Whether a type or a member of the BTF file at @path (NULL: the running kernel's) is called @name, of at most 61 bytes; not
 * where the file cannot be read.
 */
bool slo_btf_has_name(const char *path, const char *name);

#endif
