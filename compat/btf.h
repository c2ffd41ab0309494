/* SPDX-License-Identifier: Apache-2.0 */
/* External BTF of the running kernel: a file in one of some folders, by the kernel's release. */
#ifndef SLO_COMPAT_BTF_H
#define SLO_COMPAT_BTF_H

#include <stddef.h>

/*
 * First file of DIR/RELEASE.btf, DIR/MACHINE/RELEASE.btf and DIR/vmlinux-RELEASE in each of @dirs in turn (paths of this
 * process), which may be read. 0 and @ret, or -ENOENT with @ret untouched.
 */
int slo_btf_find(const char *const *dirs, size_t count, char *ret, size_t size);

/* As slo_btf_find(), for the kernel @release of @machine (uname -m). */
int slo_btf_find_for(const char *const *dirs, size_t count, const char *release,
                     const char *machine, char *ret, size_t size);

#endif
