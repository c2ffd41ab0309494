/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent costs, once a tick, and what the guard wants done about it. */
#include "core/engine/guard.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/programs/agent/agent.h"

static uint64_t process_ns(void)
{
	struct rusage use;

	if (getrusage(RUSAGE_SELF, &use))
		return 0;
	return (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * SLO_NS_PER_SEC +
	       (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000;
}

/* The process' own time since the last tick goes to the signals whose events it was busy with. */
static void share_out(struct slo_agent_guard *g, const struct slo_backend_stats *st,
                      uint64_t own_ns)
{
	uint64_t sum = 0, delta[SLO_SIG_MAX_];

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		uint64_t now = st->signal[i].delivered;

		delta[i] = now > g->delivered[i] ? now - g->delivered[i] : 0;
		g->delivered[i] = now;
		sum += delta[i];
	}
	for (int i = 0; sum && i < SLO_SIG_MAX_; i++)
		g->own_ns[i] += (uint64_t)((double)own_ns * (double)delta[i] / (double)sum);
}

static void add_program(struct slo_agent *a, const struct slo_backend_stats *st,
                        enum slo_signal sig, struct slo_guard_reading *r)
{
	uint64_t all = st->program[sig] ? st->program[sig] : SLO_SIG_BIT(sig);
	struct slo_guard_program *p;

	if (!slo_session_choice(a->session, sig)->backend || (all & (SLO_SIG_BIT(sig) - 1)))
		return;
	p = &r->program[r->count++];
	*p = (struct slo_guard_program){ .signals = all, .on = !(a->guard.shed & all) };
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(all & SLO_SIG_BIT(i)))
			continue;
		p->cost_ns += st->signal[i].cost_ns + a->guard.own_ns[i];
		r->cpu_ns += st->signal[i].cost_ns;
	}
}

static void name_signals(uint64_t signals, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (int i = 0; i < SLO_SIG_MAX_ && used < size; i++) {
		if (signals & SLO_SIG_BIT(i))
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? "," : "",
			                         slo_signal_desc((enum slo_signal)i)->name);
	}
}

/* The signals that could be switched. What cannot be switched on again says why the first time. */
static uint64_t switch_all(struct slo_agent *a, uint64_t signals, bool on)
{
	uint64_t done = 0;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const uint64_t bit = SLO_SIG_BIT(i);
		struct slo_err err = { 0 };

		if (!(signals & bit))
			continue;
		if (slo_session_enable(a->session, (enum slo_signal)i, on, &err) >= 0) {
			done |= bit;
			continue;
		}
		if (!on || !(a->guard.stuck & bit))
			slo_log_err("overhead: %s", err.msg);
		if (on)
			a->guard.stuck |= bit;
	}
	return done;
}

static void restore(struct slo_agent *a, const struct slo_guard_step *step)
{
	uint64_t back = switch_all(a, step->signals, true) & a->guard.shed;
	char names[128];

	a->guard.shed &= ~back;
	a->guard.stuck &= ~back;
	if (!back)
		return;
	a->guard.restores++;
	name_signals(back, names, sizeof(names));
	slo_log_write(NULL, SLO_LOG_INFO,
	              "overhead: measured again signals=%s overhead_pct=%.2f limit_pct=%g", names,
	              step->overhead_pct, a->cfg->safety.max_overhead_pct);
}

static void apply(struct slo_agent *a, const struct slo_guard_step *step)
{
	char names[128];

	if (step->action == SLO_GUARD_RESTORE) {
		restore(a, step);
		return;
	}
	(void)switch_all(a, step->signals, false);
	a->guard.shed |= step->signals;
	a->guard.sheds++;
	name_signals(step->signals, names, sizeof(names));
	slo_log_write(NULL, SLO_LOG_WARN,
	              "overhead: shed signals=%s overhead_pct=%.2f limit_pct=%g program_pct=%.2f",
	              names, step->overhead_pct, a->cfg->safety.max_overhead_pct,
	              step->program_pct);
}

void slo_agent_guard_tick(struct slo_agent *a)
{
	struct slo_agent_guard *g = &a->guard;
	struct slo_guard_reading now = { .now_ns = a->now_ns, .cpu_ns = process_ns() };
	struct slo_backend_stats st;
	struct slo_guard_step step;

	if (!g->guard)
		return;
	slo_session_stats(a->session, &st);
	slo_agent_tell_traces(a, &st.traces);
	if (!g->told) {
		g->told = true;
		g->process_ns = now.cpu_ns; /* starting up is not overhead */
		if (!st.cost_by && a->cfg->safety.max_overhead_pct > 0)
			slo_log_warn(
				"overhead is known by process CPU time only: the kernel's "
				"account of BPF run time needs Linux 5.8, and CAP_SYS_ADMIN at start");
	}
	share_out(g, &st, now.cpu_ns - g->process_ns);
	g->process_ns = now.cpu_ns;
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		add_program(a, &st, (enum slo_signal)i, &now);
	slo_guard_set_limit(g->guard, a->cfg->safety.max_overhead_pct);
	step = slo_guard_take(g->guard, &now);
	if (step.action != SLO_GUARD_NOTHING)
		apply(a, &step);
	if (a->view)
		slo_view_overhead(a->view, slo_guard_overhead_pct(g->guard), g->shed);
}

void slo_agent_guard_stats(const struct slo_agent *a)
{
	struct slo_backend_stats st;

	if (!a->guard.guard)
		return;
	slo_session_stats(a->session, &st);
	slo_log_write(NULL, SLO_LOG_INFO,
	              "overhead last_pct=%.3f limit_pct=%g sheds=%" PRIu64 " restores=%" PRIu64
	              " entry_ns=%.1f measured_by=process_cpu%s%s",
	              slo_guard_overhead_pct(a->guard.guard), a->cfg->safety.max_overhead_pct,
	              a->guard.sheds, a->guard.restores, st.entry_ns, st.cost_by ? "," : "",
	              st.cost_by ? st.cost_by : "");
}
