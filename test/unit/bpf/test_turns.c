/* SPDX-License-Identifier: Apache-2.0 */
/* Who is to blame for a wait for a CPU, by the programs of kernels without BTF: bpf/slo_turns.h, run here. */
#include <linux/types.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define slo_opaque(v) (void)(v)
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#include "bpf/slo_turns.h"

#define US 1000ULL
#define MS 1000000ULL
enum {
	HOG = 7,
	SLEEPER = 8,
	KERNEL = 1
};

static const struct spell {
	__u64 holder, ns;
} none = { 0 };

/* The CPU is given to each of @spells in turn, again and again for @ns; returns when. */
static __u64 run(struct slo_turns *t, __u64 now, __u64 ns, const struct spell *spells)
{
	for (__u64 end = now + ns; now < end;) {
		for (const struct spell *s = spells; s->ns; s++) {
			slo_turns_take(t, s->holder, now);
			now += s->ns;
		}
	}
	return now;
}

static void the_longer_part_is_blamed(void **state)
{
	static const struct spell spells[] = { { HOG, 6 * MS }, { SLEEPER, 4 * MS }, none };
	struct slo_turns t = { 0 };
	__u64 now = run(&t, 1, 10 * MS, spells);

	(void)state;
	assert_true(slo_turns_own(&t, HOG, now, 10 * MS));
	assert_false(slo_turns_own(&t, SLEEPER, now, 10 * MS));
	/* The end of it alone. */
	assert_true(slo_turns_own(&t, SLEEPER, now, 7 * MS));
	assert_false(slo_turns_own(&t, HOG, now, 7 * MS));
	assert_false(slo_turns_own(&t, KERNEL, now, 10 * MS));
}

/* Seen on an emulated 5.10: of a wait with 95 % of its own cgroup's hog only what came after the last moments was counted. */
static void who_cuts_in_for_moments_ends_no_turn(void **state)
{
	static const struct spell spells[] = { { HOG, 2 * MS }, { KERNEL, 100 * US }, none };
	struct slo_turns t = { 0 };
	__u64 now = run(&t, 1, 40 * MS, spells);

	(void)state;
	for (__u64 wait = 2 * MS; wait <= 40 * MS; wait += MS)
		assert_true(slo_turns_own(&t, HOG, now, wait));
	assert_false(slo_turns_own(&t, KERNEL, now, 40 * MS));
}

static void moments_that_add_up_are_no_moments(void **state)
{
	static const struct spell spells[] = { { HOG, 300 * US }, { SLEEPER, 900 * US }, none };
	struct slo_turns t = { 0 };
	__u64 now;

	(void)state;
	slo_turns_take(&t, HOG, 1);
	now = run(&t, 1 + 4 * MS, 60 * MS, spells);
	assert_false(slo_turns_own(&t, HOG, now, 40 * MS));
}

/*
 * Seen by bcc on an emulated 5.10: of waits of four hogs of one cgroup beside a task that had the CPU for 1.6 ms each 5 the
 * last 9 were known, and 85 % were blamed on others.
 */
static void who_cuts_in_for_longer_takes_no_older_turns_away(void **state)
{
	static const struct spell third[] = { { HOG, 3 * MS }, { KERNEL, 1600 * US }, none };
	static const struct spell dense[] = { { HOG, 1 * MS }, { KERNEL, 500 * US }, none };
	static const struct spell two[] = { { HOG, 3 * MS },
		                            { KERNEL, 100 * US },
		                            { SLEEPER, 1300 * US },
		                            { KERNEL, 200 * US },
		                            none };
	static const struct spell *const each[] = { third, dense, two };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct slo_turns t = { 0 };
		__u64 now = run(&t, 1, 200 * MS, each[i]);

		for (__u64 wait = 7 * MS; wait <= 100 * MS; wait += MS)
			assert_true(slo_turns_own(&t, HOG, now, wait));
		assert_false(slo_turns_own(&t, KERNEL, now, 100 * MS));
	}
}

static void who_has_it_for_the_smaller_part_is_not_blamed(void **state)
{
	static const struct spell spells[] = { { HOG, 2 * MS }, { SLEEPER, 3 * MS }, none };
	struct slo_turns t = { 0 };
	__u64 now = run(&t, 1, 200 * MS, spells);

	(void)state;
	for (__u64 wait = 5 * MS; wait <= 100 * MS; wait += MS)
		assert_false(slo_turns_own(&t, HOG, now, wait));
	assert_true(slo_turns_own(&t, SLEEPER, now, 100 * MS));
}

/* The turn that a moment's end leaves twice is told once: its moments were subtracted again and again, and the share wrapped. */
static void moments_in_the_turns_of_two(void **state)
{
	static const struct spell hog[] = { { HOG, 500 * US }, { KERNEL, 50 * US }, none };
	static const struct spell sleeper[] = { { SLEEPER, 500 * US }, { KERNEL, 50 * US }, none };
	struct slo_turns t = { 0 };
	__u64 now = 1;

	(void)state;
	for (int round = 0; round < 100; round++)
		now = run(&t, run(&t, now, 20 * MS, hog), 6 * MS, sleeper);
	for (int i = 0; i < 2; i++)
		assert_in_range(t.past.share[i].had_ns, 0, t.past.span_ns);
	for (__u64 wait = 52 * MS; wait <= 260 * MS; wait += 13 * MS) {
		assert_true(slo_turns_own(&t, HOG, now, wait));
		assert_false(slo_turns_own(&t, SLEEPER, now, wait));
	}
}

static void turns_as_long_as_the_scheduler_gives_them(void **state)
{
	static const struct spell spells[] = { { HOG, 12 * MS }, { SLEEPER, 8 * MS }, none };
	struct slo_turns t = { 0 };
	__u64 now = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		now = run(&t, now, 20 * MS, spells);
		for (__u64 rounds = 3; round > 20 && rounds < 20; rounds++) {
			assert_true(slo_turns_own(&t, HOG, now, rounds * 20 * MS));
			assert_false(slo_turns_own(&t, SLEEPER, now, rounds * 20 * MS));
		}
	}
}

/* How the past was shared counts for less with time. */
static void a_neighbour_that_comes_later_is_blamed(void **state)
{
	static const struct spell before[] = { { HOG, 10 * MS }, { KERNEL, 1500 * US }, none };
	static const struct spell after[] = { { HOG, 1 * MS }, { SLEEPER, 4 * MS }, none };
	struct slo_turns t = { 0 };
	__u64 now = run(&t, run(&t, 1, 1000 * MS, before), 40 * MS, after);

	(void)state;
	for (__u64 wait = 5 * MS; wait <= 40 * MS; wait += MS)
		assert_false(slo_turns_own(&t, HOG, now, wait));
}

static void a_short_turn_at_first_is_kept(void **state)
{
	struct slo_turns t = { 0 };

	(void)state;
	slo_turns_take(&t, HOG, 10 * MS);
	slo_turns_take(&t, SLEEPER, 10 * MS + 100 * US);
	slo_turns_take(&t, HOG, 10 * MS + 900 * US);
	assert_int_equal(t.turn[1].holder, SLEEPER);
	assert_true(slo_turns_own(&t, SLEEPER, 10 * MS + 910 * US, 900 * US));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longer_part_is_blamed),
		cmocka_unit_test(who_cuts_in_for_moments_ends_no_turn),
		cmocka_unit_test(moments_that_add_up_are_no_moments),
		cmocka_unit_test(who_cuts_in_for_longer_takes_no_older_turns_away),
		cmocka_unit_test(who_has_it_for_the_smaller_part_is_not_blamed),
		cmocka_unit_test(moments_in_the_turns_of_two),
		cmocka_unit_test(turns_as_long_as_the_scheduler_gives_them),
		cmocka_unit_test(a_neighbour_that_comes_later_is_blamed),
		cmocka_unit_test(a_short_turn_at_first_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
