/* SPDX-License-Identifier: Apache-2.0 */
/* The live table: per signal its mechanism, rate, percentiles and worst offender of the last 10 s, and of the whole run. */
#ifndef SLO_AGENT_VIEW_H
#define SLO_AGENT_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "backends/session.h"
#include "compat/identity.h"
#include "core/base/jsonw.h"

struct slo_view;

/* @out NULL: nothing is printed, but for slo_view_json(). @ansi: redraw in place, with colour where @color; else plain lines. */
int slo_view_new(struct slo_view **ret_view, FILE *out, bool ansi, bool color, struct slo_err *err);
void slo_view_freep(struct slo_view **view);

/* @who borrowed during the call. */
void slo_view_add(struct slo_view *v, const struct slo_probe_event *ev,
                  const struct slo_identity *who);

/* Percent of one core that the agent costs, and which signals are shed for it (SLO_SIG_BIT of each). */
void slo_view_overhead(struct slo_view *v, double pct, uint64_t shed);

/* Ends the current interval and prints the table. */
void slo_view_tick(struct slo_view *v, const struct slo_session *s, uint64_t interval_ns);

/* The last 10 s as an array of one object a signal, for those who ask over the local socket. */
void slo_view_json(const struct slo_view *v, const struct slo_session *s, struct slo_jsonw *w);

/* Totals of the run. */
void slo_view_summary(struct slo_view *v, const struct slo_session *s, uint64_t run_ns);

#endif
