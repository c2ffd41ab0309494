/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent does about the guard's decisions, over a session that refuses as it is told to. */
#include "core/programs/agent/guard.c" /* NOLINT(bugprone-suspicious-include) */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DNS SLO_SIG_BIT(SLO_SIG_DNS_LATENCY)
#define STEAL SLO_SIG_BIT(SLO_SIG_CPU_STEAL)

static uint64_t refused; /* cannot be switched on */
static uint64_t on;
static unsigned int messages; /* of refusals, as read by the agent */

int slo_session_enable(struct slo_session *s, enum slo_signal sig, bool yes, struct slo_err *err)
{
	(void)s;
	if (yes && (refused & SLO_SIG_BIT(sig)))
		return slo_err_set(err, -EPERM, "refused");
	on = yes ? on | SLO_SIG_BIT(sig) : on & ~SLO_SIG_BIT(sig);
	return 0;
}

void slo_session_stats(struct slo_session *s, struct slo_backend_stats *ret)
{
	(void)s;
	*ret = (struct slo_backend_stats){ 0 };
}

const struct slo_choice *slo_session_choice(const struct slo_session *s, enum slo_signal sig)
{
	static const struct slo_choice served = { .backend = "procfs" }, none = { 0 };

	(void)s;
	return SLO_SIG_BIT(sig) & (DNS | STEAL) ? &served : &none;
}

void slo_agent_tell_traces(struct slo_agent *a, const struct slo_trace_source *now)
{
	(void)a;
	(void)now;
}

void slo_view_overhead(struct slo_view *v, double pct, uint64_t shed)
{
	(void)v;
	(void)pct;
	(void)shed;
}

static void step(struct slo_agent *a, enum slo_guard_action action, uint64_t signals)
{
	const struct slo_guard_step s = { .action = action, .signals = signals };
	uint64_t before = a->guard.stuck;

	apply(a, &s);
	messages += a->guard.stuck & ~before ? 1 : 0;
}

static void what_cannot_be_switched_on_again_stays_shed(void **state)
{
	struct slo_config cfg = { .safety.max_overhead_pct = 3 };
	struct slo_agent a = { .cfg = &cfg };
	struct slo_guard_reading now = { 0 };
	const struct slo_backend_stats st = { 0 };

	(void)state;
	on = DNS | STEAL;
	step(&a, SLO_GUARD_SHED, DNS);
	assert_int_equal(a.guard.shed, DNS);
	assert_int_equal(on, STEAL);
	refused = DNS;
	for (int i = 0; i < 3; i++) {
		step(&a, SLO_GUARD_RESTORE, DNS);
		assert_int_equal(a.guard.shed, DNS);
		assert_int_equal(a.guard.restores, 0);
	}
	assert_int_equal(messages, 1);
	/* The guard hears that it is still off, and tries it again. */
	add_program(&a, &st, SLO_SIG_DNS_LATENCY, &now);
	assert_int_equal(now.count, 1);
	assert_false(now.program[0].on);
	refused = 0;
	step(&a, SLO_GUARD_RESTORE, DNS);
	assert_int_equal(a.guard.shed, 0);
	assert_int_equal(a.guard.stuck, 0);
	assert_int_equal(a.guard.restores, 1);
	assert_int_equal(on, DNS | STEAL);
}

static void of_a_program_the_signals_that_came_back_are_on(void **state)
{
	struct slo_config cfg = { .safety.max_overhead_pct = 3 };
	struct slo_agent a = { .cfg = &cfg };

	(void)state;
	refused = 0;
	step(&a, SLO_GUARD_SHED, DNS | STEAL);
	refused = STEAL;
	step(&a, SLO_GUARD_RESTORE, DNS | STEAL);
	assert_int_equal(a.guard.shed, STEAL);
	assert_int_equal(a.guard.restores, 1);
	/* DNS is no news the second time. */
	step(&a, SLO_GUARD_RESTORE, DNS | STEAL);
	assert_int_equal(a.guard.restores, 1);
	refused = 0;
	step(&a, SLO_GUARD_RESTORE, DNS | STEAL);
	assert_int_equal(a.guard.shed, 0);
	assert_int_equal(a.guard.restores, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_switched_on_again_stays_shed),
		cmocka_unit_test(of_a_program_the_signals_that_came_back_are_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
