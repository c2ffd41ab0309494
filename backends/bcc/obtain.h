/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the programs for this kernel: from the cache, or from llm-slo-bcc, and then into the cache. */
#ifndef SLO_BCC_OBTAIN_H
#define SLO_BCC_OBTAIN_H

#include "backends/bcc/handover.h"
#include "core/backend.h"

/*
 * @root: dirfd of the host's root. 0 with *@ret filled and @ret_note what is worth saying ("" nothing): compiled just now, not
 * kept. Else negative errno, and @err has what is missing and how to get it.
 */
int slo_bcc_obtain(const struct slo_backend_config *cfg, int root, bool cgroup_v1,
                   struct slo_bcc_program *ret, char ret_note[160], struct slo_err *err);

#endif
