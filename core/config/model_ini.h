/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of the noisy-or model as a readable INI file: [model], [prior], [group], [conformal], one section a kind. */
#ifndef SLO_CONFIG_MODEL_INI_H
#define SLO_CONFIG_MODEL_INI_H

#include <stdio.h>

#include "core/engine/attribute_model.h"

/* Of which the name of a set is made. */
#define SLO_MODEL_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/*
 * @name_or_file is the name of an embedded set ("default", "reference") or, where it is none, a file. 0 and a finished
 * *@ret; or, *@ret untouched, -EINVAL ("FILE:LINE: [section] key = value: what is wrong (accepted: ...)"), -ENOENT,
 * -ENOMEM or why the file cannot be read. The first problem is told.
 */
int slo_model_load(struct slo_attr_model *ret, const char *name_or_file, struct slo_err *err);

/* The same of a text in memory; @name is the file's in messages. */
int slo_model_parse(struct slo_attr_model *ret, const char *name, const char *text, size_t len,
                    struct slo_err *err);

/*
 * Writes all parameters as a file that slo_model_parse() reads back to the same numbers. 0, -ENOMEM, or -EIO where @out
 * failed.
 */
int slo_model_print(FILE *out, const struct slo_attr_model *m);

#endif
