/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file holds the BTF of the running kernel. */
#ifndef SLO_LIBBPF_BTF_FILE_H
#define SLO_LIBBPF_BTF_FILE_H

#include "core/base/err.h"

/*
 * Reads the BTF at @path (of this process; raw, or in an ELF file) and has a program compare the running tasks with it: some
 * milliseconds. 0 also where the kernel takes no such program (before 4.17, no privilege); -ENOENT and the like where there
 * is no file; -EINVAL: no BTF of a kernel; -ESTALE: of another kernel; -EPERM: the kernel lets programs read no structures.
 */
int slo_btf_file_check(const char *path, struct slo_err *err);

#endif
