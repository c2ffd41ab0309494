/* SPDX-License-Identifier: Apache-2.0 */
/* Readers whose tables are full: what finds room later is old, and its total is nobody's news. */
#include "backends/procfs/reader.h"

#include <errno.h>
#include <unistd.h>

#include "backends/procfs/interval.h"
#include "backends/procfs/sockdiag.h"
#include "core/base/clock.h"
#include "test/unit/compat/fixture.h"

#define ROOM 16384 /* of each table */
#define BEYOND 100
#define TIME_WAIT 6

/* The kernel's sockets, in place of sockdiag.c; and what the reader gave since the last reading. */
static struct {
	uint32_t first, count; /* cookies */
	uint32_t stubs; /* without TCP_INFO, before them */
	uint32_t retrans; /* of each since it was made */
	uint32_t asked; /* states, of all questions */
} kernel;
static uint64_t told, told_peers;

int slo_sockdiag_open(struct slo_err *err)
{
	(void)err;
	return dup(0);
}

int slo_sockdiag_dump(int fd, uint32_t states, slo_sockdiag_fn fn, void *user, struct slo_err *err)
{
	(void)fd;
	(void)err;
	kernel.asked |= states;
	if (states == 1U << 10) /* none listens */
		return 0;
	for (uint32_t i = 0; i < kernel.stubs; i++) {
		const struct slo_sockdiag s = { .cookie = 1U << 30 | i, .state = 5 };

		fn(user, &s);
	}
	for (uint32_t i = 0; i < kernel.count; i++) {
		const struct slo_sockdiag s = { .cookie = kernel.first + i,
			                        .state = 1,
			                        .has_info = true,
			                        .tuple = { .family = 4, .sport = 1, .dport = 2 },
			                        .total_retrans = kernel.retrans,
			                        .rtt_us = 40000 };

		fn(user, &s);
	}
	return 0;
}

static void on_event(void *user, const struct slo_probe_event *ev)
{
	(void)user;
	told += ev->count;
	if (ev->tuple.dport)
		told_peers += ev->count;
}

struct rig {
	struct scratch *scratch;
	const struct slo_procfs_reader *reader;
	void *state;
	uint64_t now_ns;
};

/* What is told in the next interval. @r: what reading returns. */
static uint64_t next(struct rig *rig, int r)
{
	struct slo_err err = { 0 };

	told = told_peers = 0;
	rig->now_ns += SLO_NS_PER_SEC;
	assert_int_equal(rig->reader->read(rig->state, rig->now_ns, on_event, NULL, &err), r);
	if (r)
		assert_non_null(strstr(err.msg, "beyond the first 16384 are not read"));
	return told;
}

static void begin(struct rig *rig, void **state, const struct slo_procfs_reader *reader)
{
	struct slo_err err = { 0 };

	*rig = (struct rig){ .scratch = *state, .reader = reader };
	if (reader->open(rig->scratch->root, &rig->state, &err))
		fail_msg("%s", err.msg);
	rig->now_ns = slo_clock_monotonic_ns();
}

static void put_counter(const struct scratch *s, unsigned int total)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "Tcp: RetransSegs\nTcp: %u\n", total);
	put_file(s->root, "proc/net/snmp", text);
}

static void retransmits_of_a_life_are_not_one_intervals(void **state)
{
	struct rig rig;

	kernel = (typeof(kernel)){ .count = ROOM + BEYOND, .retrans = 3 };
	put_counter(*state, 1000);
	begin(&rig, state, &slo_procfs_retransmit);
	assert_false(kernel.asked & 1U << TIME_WAIT);
	assert_int_equal(next(&rig, -ENOSPC), 0);
	/* Half are gone, after that pass there is room. What was sent again meanwhile has a number and no peer. */
	kernel.first = kernel.count = ROOM / 2;
	kernel.count += BEYOND;
	assert_int_equal(next(&rig, -ENOSPC), 0);
	put_counter(*state, 1007);
	assert_int_equal(next(&rig, 0), 7);
	assert_int_equal(told_peers, 0);
	/* All are known by now: a new one's is the interval's. */
	put_counter(*state, 1010);
	kernel.count++;
	assert_int_equal(next(&rig, 0), 3);
	assert_int_equal(told_peers, 3);
	rig.reader->close(rig.state);
}

static void stubs_without_tcp_info_take_no_room(void **state)
{
	struct rig rig;

	kernel = (typeof(kernel)){ .stubs = ROOM, .count = ROOM, .retrans = 1 };
	put_counter(*state, 1000);
	begin(&rig, state, &slo_procfs_retransmit);
	kernel.retrans = 2;
	put_counter(*state, 1000 + ROOM);
	assert_int_equal(next(&rig, 0), ROOM);
	assert_int_equal(told_peers, ROOM);
	rig.reader->close(rig.state);
}

static void an_old_connection_is_not_a_new_one(void **state)
{
	struct rig rig;

	kernel = (typeof(kernel)){ .count = ROOM + BEYOND };
	begin(&rig, state, &slo_procfs_connect);
	kernel.first = kernel.count = ROOM / 2;
	kernel.count += BEYOND;
	assert_int_equal(next(&rig, -ENOSPC), 0);
	assert_int_equal(next(&rig, 0), 0);
	kernel.count++;
	assert_true(next(&rig, 0) > 0);
	rig.reader->close(rig.state);
}

static void put_thread(const struct scratch *s, int tid, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/7/task/%d/schedstat", tid);
	put_file(s->root, path, text);
}

static void remove_thread(const struct scratch *s, int tid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "proc/7/task/%d/schedstat", tid);
	assert_int_equal(unlinkat(s->root, path, 0), 0);
}

static void waits_of_a_life_are_not_one_intervals(void **state)
{
	const struct scratch *s = *state;
	struct rig rig;

	put_file(s->root, "proc/self/schedstat", "1 1 1\n");
	for (int i = 0; i < ROOM + BEYOND; i++)
		put_thread(s, 100000 + i, "500 900000 7000\n");
	begin(&rig, state, &slo_procfs_runqueue);
	assert_int_equal(next(&rig, -ENOSPC), 0);
	/* Which ones found no room is the folder's order. */
	for (int i = 0; i < 2 * BEYOND; i++)
		remove_thread(s, 100000 + i * (ROOM / (2 * BEYOND)));
	assert_int_equal(next(&rig, -ENOSPC), 0);
	assert_int_equal(next(&rig, 0), 0);
	put_thread(s, 200000, "500 600000 6\n");
	assert_int_equal(next(&rig, 0), 6);
	rig.reader->close(rig.state);
}

/* A pass may take several intervals: until it is over the one before is what is known. */
static void what_lacks_room_is_told_by_whole_passes(void **state)
{
	struct slo_room room = { 0 };
	struct slo_err err = { 0 };

	(void)state;
	for (int pass = 0; pass < 3; pass++) {
		slo_room_begin(&room);
		assert_int_equal(slo_room_check(&room, "threads", 7, "", &err), pass ? -ENOSPC : 0);
		room.beyond += 5;
		if (pass)
			assert_string_equal(err.msg, "5 threads beyond the first 7 are not read");
		slo_room_end(&room);
		assert_int_equal(slo_room_check(&room, "threads", 7, "", &err), -ENOSPC);
	}
	slo_room_begin(&room);
	slo_room_end(&room);
	assert_int_equal(slo_room_check(&room, "threads", 7, "", &err), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(retransmits_of_a_life_are_not_one_intervals),
		IN_SCRATCH(stubs_without_tcp_info_take_no_room),
		IN_SCRATCH(an_old_connection_is_not_a_new_one),
		IN_SCRATCH(waits_of_a_life_are_not_one_intervals),
		cmocka_unit_test(what_lacks_room_is_told_by_whole_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
