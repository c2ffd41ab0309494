/* SPDX-License-Identifier: Apache-2.0 */
/* Against plain arrays: whatever comes and goes, each queue keeps its order, and the pool is as large as it must be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/slot_queues.h"
#include "test/random.h"
#include "test/unit/base/fail_alloc.h"

#define QUEUES 7
#define SLOTS 100
#define ROUNDS 20000

static uint64_t state_ = TEST_RANDOM_SEED;

static uint32_t rnd(uint32_t n)
{
	return (uint32_t)test_random_below(&state_, n);
}

struct model {
	uint32_t slot[QUEUES][SLOTS];
	size_t n[QUEUES], total;
};

static void take(struct slo_slot_queues *q, struct model *m, size_t queue, size_t max)
{
	size_t expected = m->n[queue] < max ? m->n[queue] : max;
	uint32_t got[SLOTS];

	assert_int_equal(slo_slot_queues_take(q, queue, got, max), expected);
	assert_memory_equal(got, m->slot[queue], expected * sizeof(*got));
	m->n[queue] -= expected;
	m->total -= expected;
	memmove(m->slot[queue], m->slot[queue] + expected, m->n[queue] * sizeof(*got));
}

static void each_queue_keeps_its_order(void **state)
{
	slo_slot_queues_auto struct slo_slot_queues *q = NULL;
	static struct model m;

	(void)state;
	assert_int_equal(slo_slot_queues_new(&q, QUEUES, SLOTS, NULL), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		size_t queue = rnd(QUEUES);

		/* Full for long stretches, so that want of a chunk would show: it is an assertion. */
		if (m.total < SLOTS && rnd(8)) {
			m.slot[queue][m.n[queue]++] = i;
			m.total++;
			slo_slot_queues_push(q, queue, i);
		} else {
			take(q, &m, queue, 1 + rnd(rnd(4) ? 2 : SLOTS));
		}
	}
	for (size_t i = 0; i < QUEUES; i++) {
		take(q, &m, i, SLOTS);
		take(q, &m, i, 1);
	}
}

static void sizes_out_of_range_and_want_of_memory_are_told(void **state)
{
	slo_slot_queues_auto struct slo_slot_queues *q = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_slot_queues_new(&q, 0, 1, &err), -EINVAL);
	assert_int_equal(slo_slot_queues_new(&q, 1, (size_t)1 << 27, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "allowed"));
	for (int n = 0; FAIL_ALLOC && n < 3; n++) {
		fail_alloc_after = n;
		assert_int_equal(slo_slot_queues_new(&q, 4, 4, &err), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_queue_keeps_its_order),
		cmocka_unit_test(sizes_out_of_range_and_want_of_memory_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
