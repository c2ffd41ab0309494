/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/throttle.h"

#include <stdlib.h>
#include <unistd.h>

#include "backends/backends.h"
#include "backends/procfs/reader.h"
#include "compat/cgroup.h"
#include "core/base/clock.h"
#include "test/unit/compat/fixture.h"

#define V2_STAT(periods, throttled, usec)                                      \
	"usage_usec 900\nuser_usec 500\nsystem_usec 400\nnr_periods " #periods \
	"\nnr_throttled " #throttled "\nthrottled_usec " #usec "\nnr_bursts 0\nburst_usec 0\n"
#define V1_STAT(periods, throttled, ns) \
	"nr_periods " #periods "\nnr_throttled " #throttled "\nthrottled_time " #ns "\n"
#define WALK_NS (11 * SLO_NS_PER_SEC) /* beyond it new quotas are looked for */
#define MAX_GROUPS 512

static void both_versions_are_parsed(void **state)
{
	struct slo_throttle_stat st;

	(void)state;
	assert_int_equal(slo_throttle_parse(V2_STAT(7, 3, 1234), &st, NULL), 0);
	assert_int_equal(st.periods, 7);
	assert_int_equal(st.throttled, 3);
	assert_int_equal(st.throttled_ns, 1234000);
	assert_int_equal(slo_throttle_parse(V1_STAT(8, 4, 1234), &st, NULL), 0);
	assert_int_equal(st.periods, 8);
	assert_int_equal(st.throttled, 4);
	assert_int_equal(st.throttled_ns, 1234);
	/* In another order, the last line without its end. */
	assert_int_equal(
		slo_throttle_parse("throttled_time 5\nnr_throttled 1\nnr_periods 2", &st, NULL), 0);
	assert_int_equal(st.throttled_ns, 5);
}

static void damaged_text_is_refused_and_leaves_result(void **state)
{
	static const struct {
		const char *text;
		int code;
	} bad[] = {
		{ "", -ENODATA },
		{ "\n\n", -ENODATA },
		/* the controller is off */
		{ "usage_usec 900\nuser_usec 500\nsystem_usec 400\n", -ENODATA },
		{ "nr_periods 1\nnr_throttled 1\n", -ENODATA },
		{ "nr_periods 1\nthrottled_usec 1\n", -ENODATA },
		{ "xnr_periods 1\nnr_throttled 1\nthrottled_usec 1\n", -ENODATA },
		{ "nr_periodsx 1\nnr_throttled 1\nthrottled_usec 1\n", -ENODATA },
		{ "nr_periods\nnr_throttled 1\nthrottled_usec 1\n", -ENODATA },
		{ "nr_periods \nnr_throttled 1\nthrottled_usec 1\n", -EBADMSG },
		{ "nr_periods -1\nnr_throttled 1\nthrottled_usec 1\n", -EBADMSG },
		{ "nr_periods x\nnr_throttled 1\nthrottled_usec 1\n", -EBADMSG },
		{ "nr_periods 1\nnr_throttled 1x\nthrottled_usec 1\n", -EBADMSG },
		{ "nr_periods 1\nnr_throttled 1\nthrottled_usec 99999999999999999999999\n",
		  -EBADMSG },
	};
	struct slo_throttle_stat st, untouched;

	(void)state;
	memset(&st, 0xa5, sizeof(st));
	memset(&untouched, 0xa5, sizeof(untouched));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(slo_throttle_parse(bad[i].text, &st, &err), bad[i].code);
		assert_non_null(strstr(err.msg, "cpu.stat"));
		assert_memory_equal(&st, &untouched, sizeof(st));
	}
}

static void microseconds_do_not_wrap_into_nanoseconds(void **state)
{
	struct slo_throttle_stat st = { 0 };

	(void)state;
	/* 2^64 / 1000 us is the first that does not fit. */
	assert_int_equal(slo_throttle_parse(V2_STAT(1, 1, 18446744073709551), &st, NULL), 0);
	assert_int_equal(st.throttled_ns, UINT64_C(18446744073709551000));
	assert_int_equal(slo_throttle_parse(V2_STAT(1, 1, 18446744073709552), &st, NULL), -EBADMSG);
}

static void every_cut_of_the_file_is_survived(void **state)
{
	static const char text[] = V2_STAT(7, 3, 1234);

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		char *part = strndup(text, cut);
		struct slo_throttle_stat st;

		assert_non_null(part);
		(void)slo_throttle_parse(part, &st, NULL);
		free(part);
	}
}

/* A host's root, and what the reader gave since the last reading. */
struct host {
	struct scratch *scratch;
	int root;
	void *reader;
	uint64_t now_ns;
	unsigned int events;
	struct slo_probe_event last;
};

static int host_setup(void **state)
{
	struct host *h = calloc(1, sizeof(*h));
	void *scratch;

	if (!h || scratch_setup(&scratch))
		return -1;
	h->scratch = scratch;
	h->root = h->scratch->root;
	*state = h;
	return 0;
}

static int host_teardown(void **state)
{
	struct host *h = *state;
	void *scratch = h->scratch;

	slo_procfs_throttle.close(h->reader);
	free(h);
	return scratch_teardown(&scratch);
}

static void mount_v2(const struct host *h)
{
	make_dirs(h->root, "sys/fs/cgroup");
	put_file(h->root, "proc/1/mountinfo", "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 none rw\n");
}

static void mount_v1(const struct host *h, const char *names, const char *options)
{
	char text[256];

	make_dirs(h->root, "cg/cpu");
	make_dirs(h->root, "cg/names");
	(void)snprintf(text, sizeof(text),
	               "1 2 0:3 / /cg/cpu rw - cgroup none rw,cpu,cpuacct\n"
	               "3 2 0:4 / /cg/names rw - %s none %s\n",
	               names, options);
	put_file(h->root, "proc/1/mountinfo", text);
}

static void open_reader(struct host *h)
{
	struct slo_err err = { 0 };

	if (slo_procfs_throttle.open(h->root, &h->reader, &err))
		fail_msg("%s", err.msg);
	h->now_ns = slo_clock_monotonic_ns();
}

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct host *h = user;

	h->last = *ev;
	h->events++;
}

/* Reads after @ns more; the number of events. */
static unsigned int read_after(struct host *h, uint64_t ns)
{
	h->events = 0;
	h->now_ns += ns;
	assert_int_equal(slo_procfs_throttle.read(h->reader, h->now_ns, on_event, h, NULL), 0);
	return h->events;
}

static uint64_t id_of(const struct host *h, const char *path)
{
	uint64_t id = 0;

	assert_int_equal(slo_cgroup_id_at(h->root, path, &id), 0);
	return id;
}

static void a_quota_of_v2_gives_what_grew(void **state)
{
	struct host *h = *state;
	const char *stat = "sys/fs/cgroup/a/b/cpu.stat";

	mount_v2(h);
	put_file(h->root, "sys/fs/cgroup/a/b/cpu.max", "20000 100000\n");
	put_file(h->root, stat, V2_STAT(10, 4, 5000));
	put_file(h->root, "sys/fs/cgroup/free/cpu.max", "max 100000\n");
	put_file(h->root, "sys/fs/cgroup/free/cpu.stat", V2_STAT(10, 4, 5000));
	open_reader(h);
	/* What was before is nobody's news. */
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 0);
	put_file(h->root, stat, V2_STAT(20, 9, 85250));
	put_file(h->root, "sys/fs/cgroup/free/cpu.stat", V2_STAT(20, 9, 85250));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 80.25);
	assert_int_equal(h->last.detail.throttle.periods, 10);
	assert_int_equal(h->last.detail.throttle.throttled, 5);
	assert_int_equal(h->last.signal, SLO_SIG_CFS_THROTTLED);
	assert_int_equal(h->last.kind, SLO_EV_GAUGE);
	assert_int_equal(h->last.source, SLO_SRC_PROCFS);
	assert_int_equal(h->last.cgroup_id, id_of(h, "sys/fs/cgroup/a/b"));
	assert_int_equal(h->last.interval_ns, SLO_NS_PER_SEC);
	assert_int_equal(h->last.start_ns + h->last.interval_ns, h->now_ns);
	/* It ran, and was not throttled: zero is a measurement. */
	put_file(h->root, stat, V2_STAT(30, 9, 85250));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 0);
	/* It did not run. */
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 0);
}

static void a_quota_of_v1_is_named_by_the_other_hierarchy(void **state)
{
	struct host *h = *state;

	mount_v1(h, "cgroup2", "rw");
	put_file(h->root, "cg/cpu/pod/cpu.cfs_quota_us", "20000\n");
	put_file(h->root, "cg/cpu/pod/cpu.stat", V1_STAT(1, 1, 1000000));
	put_file(h->root, "cg/cpu/free/cpu.cfs_quota_us", "-1\n");
	put_file(h->root, "cg/cpu/free/cpu.stat", V1_STAT(1, 1, 1000000));
	make_dirs(h->root, "cg/names/pod");
	open_reader(h);
	put_file(h->root, "cg/cpu/pod/cpu.stat", V1_STAT(2, 2, 3500000));
	put_file(h->root, "cg/cpu/free/cpu.stat", V1_STAT(2, 2, 3500000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 2.5);
	assert_int_equal(h->last.cgroup_id, id_of(h, "cg/names/pod"));
	assert_int_equal(h->last.tgid, 0);
}

static void without_a_name_its_first_process_stands_for_it(void **state)
{
	struct host *h = *state;

	mount_v1(h, "cgroup", "rw,pids");
	put_file(h->root, "cg/cpu/pod/cpu.cfs_quota_us", "20000\n");
	put_file(h->root, "cg/cpu/pod/cpu.stat", V1_STAT(1, 1, 1000000));
	put_file(h->root, "cg/cpu/pod/cgroup.procs", "4711\n4712\n");
	open_reader(h);
	put_file(h->root, "cg/cpu/pod/cpu.stat", V1_STAT(2, 2, 2000000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_int_equal(h->last.cgroup_id, 0);
	assert_int_equal(h->last.tgid, 4711);
	put_file(h->root, "cg/cpu/pod/cgroup.procs", "");
	put_file(h->root, "cg/cpu/pod/cpu.stat", V1_STAT(3, 2, 2000000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_int_equal(h->last.tgid, 0);
}

static void counters_that_go_back_begin_anew(void **state)
{
	struct host *h = *state;
	const char *stat = "sys/fs/cgroup/a/cpu.stat";

	mount_v2(h);
	put_file(h->root, "sys/fs/cgroup/a/cpu.max", "20000 100000\n");
	put_file(h->root, stat, V2_STAT(100, 40, 5000));
	open_reader(h);
	put_file(h->root, stat, V2_STAT(10, 4, 6000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 0);
	put_file(h->root, stat, V2_STAT(11, 5, 7000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 1);
	put_file(h->root, stat, V2_STAT(12, 6, 500));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 0);
	/* The throttled periods alone: must not be told as four thousand million of them. */
	put_file(h->root, stat, V2_STAT(13, 2, 600));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 0);
}

static void a_damaged_number_costs_that_cgroup_only(void **state)
{
	struct host *h = *state;

	mount_v2(h);
	for (int i = 0; i < 2; i++) {
		put_file(h->root, i ? "sys/fs/cgroup/b/cpu.max" : "sys/fs/cgroup/a/cpu.max",
		         "20000 100000\n");
		put_file(h->root, i ? "sys/fs/cgroup/b/cpu.stat" : "sys/fs/cgroup/a/cpu.stat",
		         V2_STAT(1, 1, 1000));
	}
	open_reader(h);
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat",
	         "nr_periods 2\nnr_throttled x\nthrottled_usec 1\n");
	put_file(h->root, "sys/fs/cgroup/b/cpu.stat", V2_STAT(2, 2, 3000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_int_equal(h->last.cgroup_id, id_of(h, "sys/fs/cgroup/b"));
	/* Whole again, it is found by the next walk, and begins from there. */
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat", V2_STAT(5, 5, 9000));
	assert_int_equal(read_after(h, WALK_NS), 0);
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat", V2_STAT(6, 6, 9500));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 0.5);
}

static void quotas_come_and_go(void **state)
{
	struct host *h = *state;

	mount_v2(h);
	put_file(h->root, "sys/fs/cgroup/old/cpu.max", "20000 100000\n");
	put_file(h->root, "sys/fs/cgroup/old/cpu.stat", V2_STAT(1, 1, 1000));
	put_file(h->root, "sys/fs/cgroup/new/cpu.max", "max 100000\n");
	put_file(h->root, "sys/fs/cgroup/new/cpu.stat", V2_STAT(0, 0, 0));
	open_reader(h);
	put_file(h->root, "sys/fs/cgroup/new/cpu.max", "30000 100000\n");
	assert_int_equal(read_after(h, WALK_NS), 0);
	put_file(h->root, "sys/fs/cgroup/new/cpu.stat", V2_STAT(1, 1, 70000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 70);
	/* Removed: in a fixture the open file outlives it, until the walk. */
	assert_int_equal(unlinkat(h->root, "sys/fs/cgroup/old/cpu.max", 0), 0);
	assert_int_equal(unlinkat(h->root, "sys/fs/cgroup/old/cpu.stat", 0), 0);
	assert_int_equal(unlinkat(h->root, "sys/fs/cgroup/old", AT_REMOVEDIR), 0);
	assert_int_equal(read_after(h, WALK_NS), 0);
	put_file(h->root, "sys/fs/cgroup/old/cpu.max", "20000 100000\n");
	put_file(h->root, "sys/fs/cgroup/old/cpu.stat", V2_STAT(1, 1, 50000));
	assert_int_equal(read_after(h, WALK_NS), 0);
	put_file(h->root, "sys/fs/cgroup/old/cpu.stat", V2_STAT(2, 2, 51000));
	assert_int_equal(read_after(h, SLO_NS_PER_SEC), 1);
	assert_true(h->last.gauge == 1);
}

static void what_finds_no_room_is_told(void **state)
{
	struct host *h = *state;
	struct slo_err err = { 0 };
	char path[64];

	mount_v2(h);
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < MAX_GROUPS + 3; i++) {
			(void)snprintf(path, sizeof(path), "sys/fs/cgroup/%d/cpu.max", i);
			put_file(h->root, path, "20000 100000\n");
			(void)snprintf(path, sizeof(path), "sys/fs/cgroup/%d/cpu.stat", i);
			put_file(h->root, path, round == 1 ? V2_STAT(1, 1, 1) : V2_STAT(2, 2, 2));
		}
		if (round == 1)
			open_reader(h);
	}
	h->now_ns += SLO_NS_PER_SEC;
	assert_int_equal(slo_procfs_throttle.read(h->reader, h->now_ns, on_event, h, &err),
	                 -ENOSPC);
	assert_non_null(strstr(err.msg, "3 cgroups"));
	assert_int_equal(h->events, MAX_GROUPS);
}

static void probe_says_what_is_read_or_why_not(void **state)
{
	struct host *h = *state;
	struct slo_verdict v = { 0 };

	slo_procfs_throttle.probe(h->root, &v);
	assert_false(v.serves);
	assert_true(v.refused_count == 1 && v.refused[0].why[0] && v.needs[0]);
	mount_v2(h);
	v = (struct slo_verdict){ 0 };
	slo_procfs_throttle.probe(h->root, &v);
	assert_true(v.serves);
	assert_non_null(strstr(v.hooks, "cpu.max"));
	mount_v1(h, "cgroup2", "rw");
	v = (struct slo_verdict){ 0 };
	slo_procfs_throttle.probe(h->root, &v);
	assert_true(v.serves);
	assert_non_null(strstr(v.hooks, "cpu.cfs_quota_us"));
}

static void a_cgroup_target_keeps_the_others_out(void **state)
{
	struct host *h = *state;
	const struct slo_backend_ops *ops = &slo_backend_procfs;
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct slo_backend_stats stats;
	uint64_t ids[2] = { UINT64_MAX };
	struct slo_backend_config cfg = { .signals = SLO_SIG_BIT(SLO_SIG_CFS_THROTTLED),
		                          .on_event = on_event,
		                          .user = h,
		                          .host_root = h->root,
		                          .targets = { .cgroup_ids = ids, .cgroup_count = 2 } };
	void *be = NULL;

	mount_v2(h);
	put_file(h->root, "sys/fs/cgroup/a/cpu.max", "20000 100000\n");
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat", V2_STAT(1, 1, 1000));
	put_file(h->root, "sys/fs/cgroup/b/cpu.max", "20000 100000\n");
	put_file(h->root, "sys/fs/cgroup/b/cpu.stat", V2_STAT(1, 1, 1000));
	ids[1] = id_of(h, "sys/fs/cgroup/b");
	assert_int_equal(ops->open(&cfg, verdicts, &be, NULL), 0);
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat", V2_STAT(2, 2, 2000));
	put_file(h->root, "sys/fs/cgroup/b/cpu.stat", V2_STAT(2, 2, 2000));
	h->now_ns = slo_clock_monotonic_ns() + SLO_NS_PER_SEC;
	assert_int_equal(ops->interval(be, h->now_ns, NULL), 1);
	assert_int_equal(h->last.cgroup_id, ids[1]);
	ops->stats(be, &stats);
	assert_int_equal(stats.signal[SLO_SIG_CFS_THROTTLED].filtered, 1);
	assert_int_equal(stats.signal[SLO_SIG_CFS_THROTTLED].made, 1);
	/* No target any more: both. */
	cfg.targets = (struct slo_targets){ 0 };
	assert_int_equal(ops->retarget(be, &cfg, NULL), 0);
	put_file(h->root, "sys/fs/cgroup/a/cpu.stat", V2_STAT(3, 3, 3000));
	put_file(h->root, "sys/fs/cgroup/b/cpu.stat", V2_STAT(3, 3, 3000));
	assert_int_equal(ops->interval(be, h->now_ns + SLO_NS_PER_SEC, NULL), 2);
	ops->close(be);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_setup, host_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_are_parsed),
		cmocka_unit_test(damaged_text_is_refused_and_leaves_result),
		cmocka_unit_test(microseconds_do_not_wrap_into_nanoseconds),
		cmocka_unit_test(every_cut_of_the_file_is_survived),
		WITH_HOST(a_quota_of_v2_gives_what_grew),
		WITH_HOST(a_quota_of_v1_is_named_by_the_other_hierarchy),
		WITH_HOST(without_a_name_its_first_process_stands_for_it),
		WITH_HOST(counters_that_go_back_begin_anew),
		WITH_HOST(a_damaged_number_costs_that_cgroup_only),
		WITH_HOST(quotas_come_and_go),
		WITH_HOST(a_cgroup_target_keeps_the_others_out),
		WITH_HOST(what_finds_no_room_is_told),
		WITH_HOST(probe_says_what_is_read_or_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
