/* SPDX-License-Identifier: Apache-2.0 */
/* A tar archive, written member by member (POSIX.1-1988 ustar): any tar reads it. */
#ifndef SLO_SLOCTL_USTAR_H
#define SLO_SLOCTL_USTAR_H

#include <stddef.h>
#include <stdio.h>

/* A file of @len bytes, mode 0600, at @unix_s. @name: at most 99 bytes. 0, -ENAMETOOLONG or -EIO. */
int slo_ustar_add(FILE *out, const char *name, const void *data, size_t len, long long unix_s);
/* The end of the archive. 0 or -EIO. */
int slo_ustar_end(FILE *out);

#endif
