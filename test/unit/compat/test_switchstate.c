/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/perf_event.h>

#include "compat/host.h"
#include "compat/switchstate.h"
#include "test/unit/compat/fixture.h"

/* As perf writes a record of sched_switch: a header, the size of what follows, that. */
struct record {
	struct perf_event_header head;
	uint32_t size;
	unsigned char raw[52];
};

#define PID_AT 24
#define STATE_AT 32

static struct record left(int32_t pid, uint64_t state)
{
	struct record r = { .head = { .type = PERF_RECORD_SAMPLE, .size = sizeof(r) },
		            .size = sizeof(r.raw) };

	memcpy(r.raw + PID_AT, &pid, sizeof(pid));
	memcpy(r.raw + STATE_AT, &state, sizeof(state));
	return r;
}

static void one_thread_is_counted_by_its_lowest_bits(void **state)
{
	const struct record r[] = { left(7, 2),     left(7, 1), left(7, 2), left(8, 2),
		                    left(7, 0x100), left(7, 0), left(7, 3) };
	unsigned int seen[2];

	(void)state;
	slo_switch_state_count((const unsigned char *)r, sizeof(r), PID_AT, STATE_AT, 7, seen);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], 2);
}

static void what_is_cut_short_or_of_another_kind_is_left_out(void **state)
{
	struct record r[] = { left(7, 2), left(7, 2), left(7, 2) };
	unsigned int seen[2];

	(void)state;
	r[0].head.type = PERF_RECORD_LOST;
	r[1].size = sizeof(r);
	slo_switch_state_count((const unsigned char *)r, sizeof(r) - 1, PID_AT, STATE_AT, 7, seen);
	assert_int_equal(seen[0] + seen[1], 0);
	slo_switch_state_count((const unsigned char *)r, sizeof(r), PID_AT, STATE_AT, 7, seen);
	assert_int_equal(seen[1], 1);
	r[0].head.size = 0;
	slo_switch_state_count((const unsigned char *)r, sizeof(r), PID_AT, STATE_AT, 7, seen);
	assert_int_equal(seen[1], 0);
}

/* No kernel since 4.20. */
static void this_kernels_states_are_not_shifted(void **state)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);

	(void)state;
	assert_false(slo_switch_state_is_shifted(root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_is_counted_by_its_lowest_bits),
		cmocka_unit_test(what_is_cut_short_or_of_another_kind_is_left_out),
		cmocka_unit_test(this_kernels_states_are_not_shifted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
