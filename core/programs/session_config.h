/* SPDX-License-Identifier: Apache-2.0 */
/* What of the configuration decides which backend serves: the agent opens by it, `sloctl prereq` asks by it. */
#ifndef SLO_PROGRAMS_SESSION_CONFIG_H
#define SLO_PROGRAMS_SESSION_CONFIG_H

#include "core/backend.h"
#include "core/config/config.h"

/*
 * Fills host_root, btf_path, btf_dirs, state_dir, bcc_helper, kernel_headers, trace_map and thread_context of @be; nothing else
 * of it changes. Strings borrow from @cfg, the folders are listed in @dirs.
 */
void slo_session_config(const struct slo_config *cfg, int host_root,
                        const char *dirs[SLO_CONFIG_LIST_MAX], struct slo_backend_config *be);

/* [agent] backend, as slo_session_open() takes it. */
const char *slo_session_backend(const struct slo_config *cfg);

#endif
