/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps what the agent costs below a limit: decides which program to shed, and when to try it again. Pure. */
#ifndef SLO_ENGINE_GUARD_H
#define SLO_ENGINE_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/signal.h"

#define SLO_GUARD_PROGRAMS_MAX SLO_SIG_MAX_
/* Readings that a decision is taken on; a decision starts them anew. */
#define SLO_GUARD_READINGS 3
/* A program is tried again below this part of the limit. */
#define SLO_GUARD_RESTORE_PART 0.7
/* So long after the last shed at the earliest; twice as long each time that it had to be shed again, up to the maximum. */
#define SLO_GUARD_HOLD_NS UINT64_C(10000000000)
#define SLO_GUARD_HOLD_MAX_NS UINT64_C(640000000000)

/* What is switched as one: a program may measure several signals. */
struct slo_guard_program {
	uint64_t signals; /* SLO_SIG_BIT of each, not 0; the same in every reading */
	bool on;
	uint64_t cost_ns; /* cumulative; stands still where it cannot be measured */
};

struct slo_guard_reading {
	uint64_t now_ns; /* CLOCK_MONOTONIC */
	uint64_t cpu_ns; /* cumulative CPU time of the process and of its programs */
	unsigned int count;
	struct slo_guard_program program[SLO_GUARD_PROGRAMS_MAX];
};

enum slo_guard_action {
	SLO_GUARD_NOTHING,
	SLO_GUARD_SHED, /* switch @signals off */
	SLO_GUARD_RESTORE, /* switch them on again */
};

struct slo_guard_step {
	enum slo_guard_action action;
	uint64_t signals;
	double overhead_pct; /* of one core, mean of the readings decided on */
	double program_pct; /* of that, the shed program's part; 0 unknown */
};

struct slo_guard;

/* @max_pct of one core; 0: never sheds. 0 or -ENOMEM. */
int slo_guard_new(struct slo_guard **ret_guard, double max_pct, struct slo_err *err);
void slo_guard_freep(struct slo_guard **guard);
#define slo_guard_auto slo_cleanup(slo_guard_freep)

/* The limit may change at run time. */
void slo_guard_set_limit(struct slo_guard *guard, double max_pct);

/*
 * Takes one reading; the first only begins. What comes back is to be done by the caller, who says in the next reading
 * what is on. The costliest program is shed first; those whose cost is not known, and ties, in the order of shed_order[]
 * in guard.c. What was to be restored and is not on in the next reading is tried again after its hold, the others before it.
 */
struct slo_guard_step slo_guard_take(struct slo_guard *guard, const struct slo_guard_reading *now);

/* Percent of one core over the last interval; 0 before the second reading. */
double slo_guard_overhead_pct(const struct slo_guard *guard);

#endif
