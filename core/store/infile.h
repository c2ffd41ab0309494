/* SPDX-License-Identifier: Apache-2.0 */
/* A small file read whole: tables and manifests; records are read line by line (codec/jsonl.h). */
#ifndef SLO_STORE_INFILE_H
#define SLO_STORE_INFILE_H

#include <stddef.h>

#include "core/base/err.h"

/*
 * *@ret_text (the caller's to free) holds *@ret_len bytes and a NUL behind them. 0, or a negative errno with @err
 * "cannot read PATH: ...": -ENOENT, -EACCES, -EISDIR, -ENOMEM, -EFBIG where it is longer than @max bytes.
 */
int slo_infile_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                    struct slo_err *err);

#endif
