/* SPDX-License-Identifier: Apache-2.0 */
/* Small typed reads below the host's root: numbers, namespace links, streams; and whether the root is a real host. */
#ifndef SLO_COMPAT_HOSTFILE_H
#define SLO_COMPAT_HOSTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/base.h"

/* The namespaces' inode numbers of the initial ones are fixed: include/linux/proc_ns.h. */
#define SLO_NS_CGROUP_INITIAL UINT64_C(0xEFFFFFFB)
#define SLO_NS_PID_INITIAL UINT64_C(0xEFFFFFFC)

/* True where <root>/proc is a procfs, so that the running kernel may be asked too; a fixture's is plain files. */
bool slo_hostfile_is_live(int root);

/* True where @path exists below @root. */
bool slo_hostfile_exists(int root, const char *path);

/* Next word of *@rest between blanks, cut off in place, *@rest set behind it; NULL at the end. */
char *slo_text_word(char **rest);

/* Unsigned number of base @base that ends at the end, a blank or a newline. 0 or -EINVAL (untouched @ret). */
int slo_text_u64(const char *text, int base, uint64_t *ret);

/* First number of the file (blanks in front allowed). 0, -EINVAL, or the errno of the read. */
int slo_hostfile_u64(int root, const char *path, uint64_t *ret);

/* First line without its newline, cut to @size - 1. 0 or negative errno. */
int slo_hostfile_line(int root, const char *path, char *buf, size_t size);

/* Inode number out of a namespace link such as "/proc/self/ns/pid" ("pid:[4026531836]"). 0 or negative errno. */
int slo_hostfile_ns(int root, const char *path, uint64_t *ret);

/* Stream for reading; the caller's, to be closed with fclose() or slo_fclosep. 0 or negative errno. */
int slo_hostfile_stream(int root, const char *path, FILE **ret);

static inline void slo_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
	*f = NULL;
}

#endif
