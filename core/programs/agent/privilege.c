/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "compat/caps.h"
#include "core/programs/agent/agent.h"

int slo_agent_drop_privileges(int host_root, bool sees_processes, struct slo_err *err)
{
	struct slo_caps caps;
	uint64_t keep = SLO_CAP_BIT(SLO_CAP_BPF) | SLO_CAP_BIT(SLO_CAP_PERFMON) |
	                SLO_CAP_BIT(SLO_CAP_NET_ADMIN);
	int r = slo_caps_read(host_root, &caps, err);

	if (r < 0)
		return r;
	/* Mappings of processes with more rights than ours, or of other users. */
	if (sees_processes)
		keep |= SLO_CAP_BIT(SLO_CAP_SYS_PTRACE);
	return slo_caps_drop_all_but(slo_caps_to_keep(&caps, keep), err);
}
