/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/guard.h"

#include <errno.h>

/* Dearest first by what such programs cost on busy hosts; contracts of the earlier design. */
static const enum slo_signal shed_order[] = {
	SLO_SIG_TLS_HANDSHAKE,   SLO_SIG_SYSCALL,       SLO_SIG_RUNQUEUE_DELAY, SLO_SIG_DISK_IO,
	SLO_SIG_CONNECT_LATENCY, SLO_SIG_MEM_RECLAIM,   SLO_SIG_CPU_STEAL,      SLO_SIG_DNS_LATENCY,
	SLO_SIG_TCP_RETRANSMITS, SLO_SIG_CFS_THROTTLED, SLO_SIG_CONNECT_ERRORS, SLO_SIG_TLS_FAIL,
};
SLO_TABLE_COMPLETE(shed_order, SLO_SIG_MAX_);

/* What is remembered of a program that was shed, by its first signal. */
struct shed {
	bool is_shed;
	uint64_t hold_ns; /* 0: never shed yet */
	uint64_t tried_ns; /* to restore it */
	unsigned int turn; /* of the sheds: the last one is restored first */
};

struct slo_guard {
	double max_pct;
	bool begun;
	struct slo_guard_reading first; /* of the readings decided on */
	struct slo_guard_reading last;
	unsigned int taken; /* intervals since @first */
	double overhead_pct;
	unsigned int turns;
	uint64_t last_shed_ns; /* of any program: what was left was too much then */
	struct shed shed[SLO_SIG_MAX_];
};

int slo_guard_new(struct slo_guard **ret_guard, double max_pct, struct slo_err *err)
{
	struct slo_guard *g = calloc(1, sizeof(*g));

	if (!g)
		return slo_err_set(err, -ENOMEM, "overhead guard: out of memory");
	g->max_pct = max_pct;
	*ret_guard = g;
	return 0;
}

void slo_guard_freep(struct slo_guard **guard)
{
	free(*guard);
	*guard = NULL;
}

void slo_guard_set_limit(struct slo_guard *guard, double max_pct)
{
	guard->max_pct = max_pct;
}

double slo_guard_overhead_pct(const struct slo_guard *guard)
{
	return guard->overhead_pct;
}

static unsigned int slot_of(uint64_t signals)
{
	return (unsigned int)__builtin_ctzll(signals);
}

static unsigned int rank_of(uint64_t signals)
{
	unsigned int i = 0;

	while (!(signals & SLO_SIG_BIT(shed_order[i])))
		i++;
	return i;
}

static double pct(uint64_t from, uint64_t to, uint64_t wall_ns)
{
	return to > from && wall_ns ? 100.0 * (double)(to - from) / (double)wall_ns : 0;
}

static const struct slo_guard_program *find(const struct slo_guard_reading *r, uint64_t signals)
{
	for (unsigned int i = 0; i < r->count; i++) {
		if (r->program[i].signals == signals)
			return &r->program[i];
	}
	return NULL;
}

/* A program that was not there in the first reading has cost nothing that is known. */
static double program_pct(const struct slo_guard *g, const struct slo_guard_reading *now,
                          const struct slo_guard_program *p)
{
	const struct slo_guard_program *before = find(&g->first, p->signals);

	return before ? pct(before->cost_ns, p->cost_ns, now->now_ns - g->first.now_ns) : 0;
}

static const struct slo_guard_program *costliest(const struct slo_guard *g,
                                                 const struct slo_guard_reading *now)
{
	const struct slo_guard_program *worst = NULL;

	for (unsigned int i = 0; i < now->count; i++) {
		const struct slo_guard_program *p = &now->program[i];
		double mine, most;

		if (!p->on)
			continue;
		mine = program_pct(g, now, p);
		most = worst ? program_pct(g, now, worst) : -1;
		if (mine > most ||
		    (mine >= most && worst && rank_of(p->signals) < rank_of(worst->signals)))
			worst = p;
	}
	return worst;
}

/* The last one shed, of those whose time has come. */
static const struct slo_guard_program *restorable(const struct slo_guard *g,
                                                  const struct slo_guard_reading *now)
{
	const struct slo_guard_program *best = NULL;

	for (unsigned int i = 0; i < now->count; i++) {
		const struct slo_guard_program *p = &now->program[i];
		const struct shed *s = &g->shed[slot_of(p->signals)];

		if (p->on || !s->is_shed || now->now_ns - g->last_shed_ns < s->hold_ns ||
		    now->now_ns - s->tried_ns < s->hold_ns)
			continue;
		if (!best || s->turn > g->shed[slot_of(best->signals)].turn)
			best = p;
	}
	return best;
}

static void remember_shed(struct slo_guard *g, uint64_t signals, uint64_t now_ns)
{
	struct shed *s = &g->shed[slot_of(signals)];

	s->hold_ns = s->hold_ns ? s->hold_ns * 2 : SLO_GUARD_HOLD_NS;
	if (s->hold_ns > SLO_GUARD_HOLD_MAX_NS)
		s->hold_ns = SLO_GUARD_HOLD_MAX_NS;
	s->is_shed = true;
	g->last_shed_ns = now_ns;
	s->turn = ++g->turns;
}

static void decide(struct slo_guard *g, const struct slo_guard_reading *now,
                   struct slo_guard_step *step)
{
	const struct slo_guard_program *p = NULL;

	if (step->overhead_pct > g->max_pct) {
		p = costliest(g, now);
		step->action = p ? SLO_GUARD_SHED : SLO_GUARD_NOTHING;
	} else if (step->overhead_pct <= g->max_pct * SLO_GUARD_RESTORE_PART) {
		p = restorable(g, now);
		step->action = p ? SLO_GUARD_RESTORE : SLO_GUARD_NOTHING;
	}
	if (!p)
		return;
	step->signals = p->signals;
	step->program_pct = program_pct(g, now, p);
	if (step->action == SLO_GUARD_SHED)
		remember_shed(g, p->signals, now->now_ns);
	else
		g->shed[slot_of(p->signals)].tried_ns = now->now_ns;
}

struct slo_guard_step slo_guard_take(struct slo_guard *g, const struct slo_guard_reading *now)
{
	struct slo_guard_step step = { .action = SLO_GUARD_NOTHING };

	if (!g->begun || now->now_ns <= g->last.now_ns) {
		g->begun = true;
		g->first = g->last = *now;
		g->taken = 0;
		return step;
	}
	g->overhead_pct = pct(g->last.cpu_ns, now->cpu_ns, now->now_ns - g->last.now_ns);
	g->last = *now;
	if (++g->taken < SLO_GUARD_READINGS || g->max_pct <= 0)
		return step;
	step.overhead_pct = pct(g->first.cpu_ns, now->cpu_ns, now->now_ns - g->first.now_ns);
	decide(g, now, &step);
	g->first = *now;
	g->taken = 0;
	return step;
}
