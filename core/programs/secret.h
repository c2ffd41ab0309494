/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets from files: keys and tokens that stand neither in arguments nor in logs. */
#ifndef SLO_PROGRAMS_SECRET_H
#define SLO_PROGRAMS_SECRET_H

#include <stddef.h>

#include "core/base/err.h"

/* The first line of @path into @buf; @buf stays as it is where @path is "". 0 or a negative errno with @err. */
int slo_secret_read(const char *path, char *buf, size_t size, struct slo_err *err);

#endif
