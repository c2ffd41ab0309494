/* SPDX-License-Identifier: Apache-2.0 */
/* What of the configuration decides which backend serves: the agent opens by it, `sloctl prereq` asks by it. */
#ifndef SLO_PROGRAMS_SESSION_CONFIG_H
#define SLO_PROGRAMS_SESSION_CONFIG_H

#include "core/backend.h"
#include "core/config/config.h"

#define SLO_SESSION_BTF_LEN 1024

/*
 * Fills host_root, btf_path, state_dir, bcc_helper, kernel_headers, trace_map and thread_context of @be; nothing else of it changes. Strings
 * borrow from @cfg, and from @btf where a file of [btf] search is taken, which is looked for where the kernel has no BTF of its own.
 */
void slo_session_config(const struct slo_config *cfg, int host_root, char btf[SLO_SESSION_BTF_LEN],
                        struct slo_backend_config *be);

/* [agent] backend, as slo_session_open() takes it. */
const char *slo_session_backend(const struct slo_config *cfg);

#endif
