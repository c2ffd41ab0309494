/* SPDX-License-Identifier: Apache-2.0 */
/* What of this host can tell which request a kernel event belongs to: a part of `sloctl prereq check`. */
#ifndef SLO_SLOCTL_PREREQ_TRACES_H
#define SLO_SLOCTL_PREREQ_TRACES_H

#include "backends/session.h"

#define SLO_TRACE_WAYS 3

struct slo_trace_way {
	const char *name; /* static; stable, for machines */
	bool here; /* this host offers it */
	bool used; /* and the agent would go by it */
	char current[240];
	const char *needs; /* static; "" for what is always there */
};

/*
 * Best first: thread context (OTEP 4947), the map pinned at @map (NULL: none is asked) below @root (a dirfd), and what is always there. @threads: the
 * agent would read contexts. @reports as slo_session_probe() gave them: only programs with BTF ask.
 */
void slo_prereq_traces(int root, const char *map, bool threads,
                       const struct slo_backend_report *reports, unsigned int count,
                       struct slo_trace_way ways[SLO_TRACE_WAYS]);

#endif
