/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/time_index.h"
#include "test/random.h"
#include "test/unit/base/fail_alloc.h"

#define N 6000
#define KEYS 5

/* The same in a plain array. */
static struct {
	bool there;
	uint64_t key;
	int64_t time;
	uint32_t note;
} truth[N];

static uint64_t state_ = TEST_RANDOM_SEED;

static uint64_t rnd(uint64_t n)
{
	return test_random_below(&state_, n);
}

static struct slo_time_index *make(size_t max)
{
	struct slo_time_index *ix = NULL;

	assert_int_equal(slo_time_index_new(&ix, max, NULL), 0);
	return ix;
}

/* Count and walk of one range against the array. */
static void check_range(const struct slo_time_index *ix, uint64_t key, int64_t from, int64_t to)
{
	struct slo_time_cursor c = slo_time_index_seek(ix, key, from);
	uint64_t expected = 0, walked = 0;
	int64_t last = from;
	struct slo_time_entry e;

	for (size_t i = 0; i < N; i++)
		expected += truth[i].there && truth[i].key == key && truth[i].time >= from &&
		            truth[i].time <= to;
	while (slo_time_index_next(ix, &c, to, &e)) {
		assert_true(truth[e.id].there && truth[e.id].key == key && e.key == key);
		assert_true(truth[e.id].time == e.time && truth[e.id].note == e.note);
		assert_true(e.time >= last && e.time <= to);
		last = e.time;
		walked++;
	}
	assert_int_equal(walked, expected);
	assert_int_equal(slo_time_index_count(ix, key, from, to), expected);
}

/* The same range by its entries without a note; the walk is cut in two and goes on. */
static void check_bare(const struct slo_time_index *ix, uint64_t key, int64_t from, int64_t to)
{
	struct slo_time_cursor c = slo_time_index_seek(ix, key, from);
	struct slo_time_passed expected = { .note = 1 + (uint32_t)rnd(2) }, passed = expected;
	uint64_t bare = 0, walked = 0;
	uint32_t id;

	for (size_t i = 0; i < N; i++) {
		if (!truth[i].there || truth[i].key != key || truth[i].time < from ||
		    truth[i].time > to)
			continue;
		expected.noted += truth[i].note != 0;
		expected.same += truth[i].note == expected.note;
		bare += truth[i].note == 0;
	}
	for (int64_t end = from + (to - from) / 2; end != to + 1; end = end == to ? to + 1 : to) {
		while (slo_time_index_next_bare(ix, &c, end, &id, &passed)) {
			assert_true(truth[id].there && truth[id].key == key && !truth[id].note);
			assert_true(truth[id].time >= from && truth[id].time <= end);
			walked++;
		}
	}
	assert_int_equal(walked, bare);
	assert_int_equal(passed.noted, expected.noted);
	assert_int_equal(passed.same, expected.same);
}

/* However many there are, it is the last ones without a gap. */
static void check_latest(const struct slo_time_index *ix, uint64_t key, int64_t to)
{
	struct slo_time_entry e[4];
	size_t n = slo_time_index_latest(ix, key, to, e, SLO_ARRAY_SIZE(e));

	assert_true(n <= SLO_ARRAY_SIZE(e));
	for (size_t i = 0; i < n; i++) {
		assert_true(truth[e[i].id].there && truth[e[i].id].key == key);
		assert_true(truth[e[i].id].time == e[i].time && e[i].time <= to);
	}
	for (size_t i = 1; i < n; i++) {
		assert_true(e[i].time <= e[i - 1].time);
		assert_int_equal(slo_time_index_count(ix, key, e[i].time + 1, e[i - 1].time - 1),
		                 0);
	}
	if (n)
		assert_int_equal(slo_time_index_count(ix, key, e[0].time + 1, to), 0);
}

static void check_all(const struct slo_time_index *ix)
{
	for (int i = 0; i < 20; i++) {
		int64_t from = (int64_t)rnd(1100) - 50;

		check_range(ix, rnd(KEYS + 2), from, from + (int64_t)rnd(500));
		check_bare(ix, rnd(KEYS + 2), from, from + (int64_t)rnd(500));
		check_latest(ix, rnd(KEYS + 2), from);
	}
	check_range(ix, rnd(KEYS), INT64_MIN, INT64_MAX);
}

/* Of some keys nearly all have the same, so that whole blocks do. */
static uint32_t random_note(uint64_t key)
{
	return key <= 2 && rnd(1000) ? (uint32_t)key : (uint32_t)rnd(4);
}

static void ranges_are_those_of_a_plain_array(void **state)
{
	slo_time_index_auto struct slo_time_index *ix = make(N);
	size_t size = 0;

	(void)state;
	memset(truth, 0, sizeof(truth));
	check_all(ix);
	for (int round = 0; round < 60000; round++) {
		uint32_t id = (uint32_t)rnd(N);
		/* Grow, then shrink, then hover. */
		bool add = round < 20000 ? rnd(10) < 8 : round < 40000 ? rnd(10) < 2 : rnd(2) == 0;

		if (add && !truth[id].there) {
			truth[id].there = true;
			truth[id].key = 1 + rnd(KEYS);
			truth[id].time = (int64_t)rnd(1000);
			truth[id].note = random_note(truth[id].key);
			assert_true(slo_time_index_add(ix, truth[id].key, truth[id].time, id,
			                               truth[id].note));
			size++;
		} else if (truth[id].there && rnd(2)) {
			truth[id].note = random_note(truth[id].key);
			assert_true(slo_time_index_note(ix, truth[id].key, truth[id].time, id,
			                                truth[id].note));
		} else if (!add && truth[id].there) {
			assert_true(slo_time_index_remove(ix, truth[id].key, truth[id].time, id));
			truth[id].there = false;
			assert_false(slo_time_index_remove(ix, truth[id].key, truth[id].time, id));
			assert_false(slo_time_index_note(ix, truth[id].key, truth[id].time, id, 1));
			size--;
		}
		assert_int_equal(slo_time_index_size(ix), size);
		if (round % 1000 == 0)
			check_all(ix);
	}
	for (uint32_t id = 0; id < N; id++) {
		if (truth[id].there)
			assert_true(slo_time_index_remove(ix, truth[id].key, truth[id].time, id));
		truth[id].there = false;
	}
	assert_int_equal(slo_time_index_size(ix), 0);
	check_all(ix);
}

/* What expires goes from the front while new ones come at the back: blocks must be found for ever. */
static void moving_window_never_runs_out_of_blocks(void **state)
{
	enum {
		WINDOW = 1000
	};
	slo_time_index_auto struct slo_time_index *ix = make(WINDOW);

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		if (i >= WINDOW)
			assert_true(slo_time_index_remove(ix, (i - WINDOW) % 97, i - WINDOW,
			                                  (i - WINDOW) % WINDOW));
		assert_true(slo_time_index_add(ix, i % 97, i, i % WINDOW, i % 3));
	}
	assert_int_equal(slo_time_index_size(ix), WINDOW);
}

static void full_index_takes_no_more(void **state)
{
	slo_time_index_auto struct slo_time_index *ix = make(2);

	(void)state;
	assert_true(slo_time_index_add(ix, 1, 1, 1, 0) && slo_time_index_add(ix, 1, 1, 0, 0));
	assert_false(slo_time_index_add(ix, 1, 1, 2, 0));
	assert_true(slo_time_index_remove(ix, 1, 1, 1));
	assert_true(slo_time_index_add(ix, 1, 1, 2, 0));
	assert_int_equal(slo_time_index_count(ix, 1, 1, 1), 2);
	assert_int_equal(slo_time_index_count(ix, 1, 2, 1), 0);
}

static void sizes_out_of_range_and_want_of_memory_are_told(void **state)
{
	struct slo_time_index *ix = NULL;
	struct slo_err err = { 0 };

	(void)state;
	assert_int_equal(slo_time_index_new(&ix, 0, &err), -EINVAL);
	assert_int_equal(slo_time_index_new(&ix, SLO_TIME_INDEX_MAX + 1, &err), -EINVAL);
	for (int n = 0; FAIL_ALLOC && n < 4; n++) {
		fail_alloc_after = n;
		assert_int_equal(slo_time_index_new(&ix, 10, &err), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(ix);
	}
	slo_time_index_freep(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_those_of_a_plain_array),
		cmocka_unit_test(moving_window_never_runs_out_of_blocks),
		cmocka_unit_test(full_index_takes_no_more),
		cmocka_unit_test(sizes_out_of_range_and_want_of_memory_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
