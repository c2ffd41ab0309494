/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/engine/guard.h"

#define RUNQ SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY)
#define DNS SLO_SIG_BIT(SLO_SIG_DNS_LATENCY)
#define TLS (SLO_SIG_BIT(SLO_SIG_TLS_HANDSHAKE) | SLO_SIG_BIT(SLO_SIG_TLS_FAIL))

/* A host of three programs; percents are of one core. */
struct host {
	struct slo_guard_reading r;
	double own_pct;
	double cost_pct[3];
	bool blind; /* the programs' costs are not known */
};

static struct host new_host(void)
{
	struct host h = { .own_pct = 0.1, .cost_pct = { 0.5, 0.1, 0.2 } };

	h.r.count = 3;
	h.r.program[0] = (struct slo_guard_program){ .signals = RUNQ, .on = true };
	h.r.program[1] = (struct slo_guard_program){ .signals = DNS, .on = true };
	h.r.program[2] = (struct slo_guard_program){ .signals = TLS, .on = true };
	return h;
}

static struct slo_guard *new_guard(double max_pct)
{
	struct slo_guard *g = NULL;

	assert_int_equal(slo_guard_new(&g, max_pct, NULL), 0);
	return g;
}

/* One second passes; what the guard decides is done. */
static struct slo_guard_step second(struct slo_guard *g, struct host *h)
{
	struct slo_guard_step step;

	h->r.now_ns += SLO_NS_PER_SEC;
	h->r.cpu_ns += (uint64_t)(h->own_pct * 1e7);
	for (unsigned int i = 0; i < h->r.count; i++) {
		if (!h->r.program[i].on)
			continue;
		h->r.cpu_ns += (uint64_t)(h->cost_pct[i] * 1e7);
		if (!h->blind)
			h->r.program[i].cost_ns += (uint64_t)(h->cost_pct[i] * 1e7);
	}
	step = slo_guard_take(g, &h->r);
	for (unsigned int i = 0; i < h->r.count; i++) {
		if (step.action != SLO_GUARD_NOTHING && h->r.program[i].signals == step.signals)
			h->r.program[i].on = step.action == SLO_GUARD_RESTORE;
	}
	return step;
}

/* Seconds until something is done; at most @max. */
static unsigned int until(struct slo_guard *g, struct host *h, struct slo_guard_step *ret,
                          unsigned int max)
{
	for (unsigned int i = 1; i <= max; i++) {
		*ret = second(g, h);
		if (ret->action != SLO_GUARD_NOTHING)
			return i;
	}
	return 0;
}

static void below_the_limit_nothing_is_shed(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	assert_int_equal(until(g, &h, &step, 100), 0);
	assert_true(slo_guard_overhead_pct(g) > 0.89 && slo_guard_overhead_pct(g) < 0.91);
}

static void the_costliest_program_is_shed_first(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	h.cost_pct[1] = 4;
	assert_int_equal(until(g, &h, &step, 10), SLO_GUARD_READINGS + 1);
	assert_int_equal(step.action, SLO_GUARD_SHED);
	assert_int_equal(step.signals, DNS);
	assert_true(step.overhead_pct > 4.7 && step.overhead_pct < 4.9);
	assert_true(step.program_pct > 3.9 && step.program_pct < 4.1);
}

static void one_is_shed_after_the_other_until_it_suffices(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	h.cost_pct[0] = 5;
	h.cost_pct[1] = 4;
	assert_true(until(g, &h, &step, 10) > 0);
	assert_int_equal(step.signals, RUNQ);
	assert_int_equal(until(g, &h, &step, 10), SLO_GUARD_READINGS);
	assert_int_equal(step.signals, DNS);
	assert_int_equal(until(g, &h, &step, 9), 0);
}

static void unknown_costs_are_shed_in_the_stated_order(void **state)
{
	static const uint64_t order[] = { TLS, RUNQ, DNS };
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	h.blind = true;
	h.own_pct = 10;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(order); i++) {
		assert_true(until(g, &h, &step, 5) > 0);
		assert_int_equal(step.action, SLO_GUARD_SHED);
		assert_int_equal(step.signals, order[i]);
	}
	/* Nothing is left to shed: it is still over, and says so. */
	assert_int_equal(until(g, &h, &step, 10), 0);
	assert_true(slo_guard_overhead_pct(g) > 9);
}

static void restored_when_the_storm_is_over_and_held_longer_each_time(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;
	unsigned int first, second_time;

	(void)state;
	h.cost_pct[0] = 5;
	assert_true(until(g, &h, &step, 10) > 0);
	first = until(g, &h, &step, 60);
	assert_int_equal(step.action, SLO_GUARD_RESTORE);
	assert_int_equal(step.signals, RUNQ);
	assert_true(first >= 10 && first <= 10 + SLO_GUARD_READINGS);
	/* Still as dear: out again, and held twice as long. */
	assert_int_equal(until(g, &h, &step, 10), SLO_GUARD_READINGS);
	assert_int_equal(step.action, SLO_GUARD_SHED);
	second_time = until(g, &h, &step, 60);
	assert_true(second_time >= 20 && second_time <= 20 + SLO_GUARD_READINGS);
	h.cost_pct[0] = 0.5;
	assert_int_equal(until(g, &h, &step, 300), 0);
}

static void what_did_not_come_back_is_tried_again_after_the_others(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;
	unsigned int waited;

	(void)state;
	h.cost_pct[0] = 5;
	h.cost_pct[1] = 4;
	assert_true(until(g, &h, &step, 10) > 0);
	assert_true(until(g, &h, &step, 10) > 0);
	h.cost_pct[0] = h.cost_pct[1] = 0.1;
	assert_true(until(g, &h, &step, 60) > 0);
	assert_int_equal(step.action, SLO_GUARD_RESTORE);
	assert_int_equal(step.signals, DNS);
	h.r.program[1].on = false; /* it was refused */
	assert_int_equal(until(g, &h, &step, 60), SLO_GUARD_READINGS);
	assert_int_equal(step.signals, RUNQ);
	waited = until(g, &h, &step, 60);
	assert_int_equal(step.action, SLO_GUARD_RESTORE);
	assert_int_equal(step.signals, DNS);
	assert_true(waited >= 7 && waited <= 10);
	assert_int_equal(until(g, &h, &step, 300), 0);
}

static void between_the_two_limits_nothing_changes(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	h.cost_pct[0] = 5;
	assert_true(until(g, &h, &step, 10) > 0);
	h.own_pct = 2.4; /* with the others 2.7 %: below the limit, above 70 % of it */
	assert_int_equal(until(g, &h, &step, 300), 0);
	h.own_pct = 1;
	assert_true(until(g, &h, &step, 10) > 0);
	assert_int_equal(step.action, SLO_GUARD_RESTORE);
}

static void a_limit_of_zero_never_sheds(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(0);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	h.cost_pct[0] = 90;
	assert_int_equal(until(g, &h, &step, 50), 0);
	slo_guard_set_limit(g, 3);
	assert_true(until(g, &h, &step, 10) > 0);
}

static void a_clock_that_stands_still_begins_anew(void **state)
{
	slo_guard_auto struct slo_guard *g = new_guard(3);
	struct host h = new_host();
	struct slo_guard_step step;

	(void)state;
	(void)second(g, &h);
	h.r.cpu_ns += SLO_NS_PER_SEC;
	step = slo_guard_take(g, &h.r);
	assert_int_equal(step.action, SLO_GUARD_NOTHING);
	assert_int_equal(until(g, &h, &step, 20), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_the_limit_nothing_is_shed),
		cmocka_unit_test(the_costliest_program_is_shed_first),
		cmocka_unit_test(one_is_shed_after_the_other_until_it_suffices),
		cmocka_unit_test(unknown_costs_are_shed_in_the_stated_order),
		cmocka_unit_test(restored_when_the_storm_is_over_and_held_longer_each_time),
		cmocka_unit_test(what_did_not_come_back_is_tried_again_after_the_others),
		cmocka_unit_test(between_the_two_limits_nothing_changes),
		cmocka_unit_test(a_limit_of_zero_never_sheds),
		cmocka_unit_test(a_clock_that_stands_still_begins_anew),
	};

	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
