/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as a command of sloctl wants it: every problem told on standard error. */
#ifndef SLO_SLOCTL_LOAD_CONFIG_H
#define SLO_SLOCTL_LOAD_CONFIG_H

#include "core/programs/options.h"

/*
 * Of @path (NULL: the default file), the environment, and @flags (nullable). 0, or an exit code: SLO_EXIT_USAGE for a bad
 * or missing file, SLO_EXIT_BACKEND for one that cannot be read.
 */
int slo_tool_load_config(const char *prog, const char *path, const struct slo_overrides *flags,
                         struct slo_config **ret);

#endif
