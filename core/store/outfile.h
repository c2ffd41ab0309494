/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file written in one go: it appears under its name by rename, whole or not at all. What stood
 * there before stays until then.
 */
#ifndef SLO_STORE_OUTFILE_H
#define SLO_STORE_OUTFILE_H

#include <stdio.h>

#include "core/base/err.h"

struct slo_outfile;

/*
 * @path "-" or NULL is standard output. A symbolic link is followed; a device or pipe is written
 * directly. A new file has mode 0666 less the umask, a replaced one keeps its mode. 0, or a
 * negative errno: -ENOENT (no such folder), -EACCES, -EISDIR, -ENOMEM, ...
 */
int slo_outfile_open(struct slo_outfile **ret, const char *path, struct slo_err *err);

/* Fully buffered; borrowed until commit or free. Failed writes are told by commit. */
FILE *slo_outfile_stream(struct slo_outfile *o);

/*
 * Flush, fsync, rename. 0 or a negative errno; in both cases *@o is freed and NULL, on failure no
 * new file is left.
 */
int slo_outfile_commit(struct slo_outfile **o, struct slo_err *err);

/* Not committed: what was written is removed, the old file stays. NULL-safe, sets *o = NULL. */
void slo_outfile_freep(struct slo_outfile **o);
#define slo_outfile_auto slo_cleanup(slo_outfile_freep)

#endif
