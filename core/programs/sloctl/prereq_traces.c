/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/prereq_traces.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/traces.h"
#include "compat/thread_ctx.h"

#define SAY(way, ...) ((void)snprintf((way)->current, sizeof((way)->current), __VA_ARGS__))

static void thread_context(int root, bool on, bool asked, struct slo_trace_way *w)
{
	struct slo_thread_ctx c;
	char unread[48] = "";
	int r = slo_thread_ctx_find(root, &c);

	*w = (struct slo_trace_way){
		.name = "thread_context",
		.needs =
			"an SDK that exports " SLO_THREAD_CTX_SYMBOL
			" (OTEP 4947), [agent] thread_context = on with CAP_SYS_PTRACE, signals by BTF",
	};
	if (r < 0) {
		SAY(w, "unknown: the processes cannot be listed: %s", strerror(-r));
		return;
	}
	w->here = c.publishers > 0;
	w->used = w->here && on && asked;
	if (c.unreadable)
		(void)snprintf(unread, sizeof(unread), ", %u not to be read in full", c.unreadable);
	if (w->here) {
		SAY(w, "%u of %u processes publish theirs (pid %u first)%s%s%s", c.publishers,
		    c.processes, c.first, unread, c.all ? "" : ", not all looked at",
		    w->used ? ""
		    : on    ? "; no signal is served by BTF here, and other programs do not ask"
		            : "; not asked: [agent] thread_context is off");
	} else {
		SAY(w, "none of %u processes publishes one%s%s", c.processes, unread,
		    c.all ? "" : ", not all looked at");
	}
}

static bool asks_a_map(const struct slo_backend_report *reports, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		for (int sig = 0; strcmp(reports[i].rung, "BTF") == 0 && sig < SLO_SIG_MAX_;
		     sig++) {
			if (reports[i].verdict[sig].serves)
				return true;
		}
	}
	return false;
}

static void pinned_map(int root, const char *map, bool asked, struct slo_trace_way *w)
{
	struct slo_trace_source s;
	bool filled;

	*w = (struct slo_trace_way){
		.name = "pinned_map",
		.needs = "OpenTelemetry's eBPF instrumentation, told to fill its map where it asks "
			 "(OTEL_EBPF_BPF_POPULATE_TRACE_CONTEXT), and signals by BTF",
	};
	if (!map) {
		SAY(w, "not asked: [agent] trace_map is empty");
		return;
	}
	slo_traces_probe(root, map, &s, &filled);
	w->here = s.state == SLO_TRACES_USED;
	w->used = w->here && asked;
	if (s.state == SLO_TRACES_REFUSED)
		SAY(w, "%s: %s", map, s.why);
	else if (!w->here)
		SAY(w, "nothing at %s", map);
	else
		SAY(w, "%s, map %u, %s%s", map, s.map_id,
		    filled ? "in use" : "empty: nobody has put a thread into it",
		    asked ? ""
		          : "; no signal is served by BTF here, and other programs do not ask");
}

void slo_prereq_traces(int root, const char *map, bool threads,
                       const struct slo_backend_report *reports, unsigned int count,
                       struct slo_trace_way ways[SLO_TRACE_WAYS])
{
	bool asked = asks_a_map(reports, count);

	thread_context(root, threads, asked, &ways[0]);
	pinned_map(root, map, asked, &ways[1]);
	ways[2] = (struct slo_trace_way){
		.name = "connection_time", .here = true, .used = true, .needs = ""
	};
	SAY(&ways[2], "process, connection and time: a guess that says its confidence");
}
