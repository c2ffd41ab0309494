/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "backends/backends.h"
#include "backends/procfs/steal.h"
#include "core/base/clock.h"

static const char stat_text[] = "cpu  100 20 30 4000 50 6 7 80 9 1\n"
				"cpu0 100 20 30 4000 50 6 7 80 9 1\n"
				"intr 1 2 3\n";

static void the_total_line_is_parsed(void **state)
{
	struct slo_steal_ticks t;

	(void)state;
	assert_int_equal(slo_steal_parse(stat_text, &t, NULL), 0);
	assert_int_equal(t.field[SLO_CPU_USER], 100);
	assert_int_equal(t.field[SLO_CPU_IOWAIT], 50);
	assert_int_equal(t.field[SLO_CPU_STEAL], 80);
	/* Not the first line, and no guest columns. */
	assert_int_equal(slo_steal_parse("x\ncpu 1 2 3 4 5 6 7 8\n", &t, NULL), 0);
	assert_int_equal(t.field[SLO_CPU_STEAL], 8);
}

static void damaged_text_is_refused_and_leaves_result(void **state)
{
	const struct {
		const char *text;
		int code;
	} bad[] = {
		{ "", -EBADMSG },
		{ "\n\n", -EBADMSG },
		{ "cpu0 1 2 3 4 5 6 7 8 9\n", -EBADMSG },
		{ "cpu", -EBADMSG },
		{ "cpu ", -EBADMSG },
		{ "cpu  1 2 3", -EBADMSG },
		{ "cpu  1 2 3 4\n", -EBADMSG },
		{ "cpu  1 2 3 4 5 6 7\n", -ENOTSUP },
		{ "cpu  1 2 3 4 5 6 7 \n", -ENOTSUP },
		{ "cpu  1 2 3 4 5 6 7 8", -EBADMSG },
		{ "cpu  1 2 -3 4 5 6 7 8\n", -EBADMSG },
		{ "cpu  1 2 x 4 5 6 7 8\n", -EBADMSG },
		{ "cpu  1 2 3x 4 5 6 7 8\n", -EBADMSG },
		{ "cpu  1 2 99999999999999999999999 4 5 6 7 8\n", -EBADMSG },
	};
	struct slo_steal_ticks t, untouched;

	(void)state;
	memset(&t, 0xa5, sizeof(t));
	memset(&untouched, 0xa5, sizeof(untouched));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(bad); i++) {
		struct slo_err err = { 0 };

		assert_int_equal(slo_steal_parse(bad[i].text, &t, &err), bad[i].code);
		assert_non_null(strstr(err.msg, "/proc/stat"));
		assert_memory_equal(&t, &untouched, sizeof(t));
	}
}

static void every_cut_of_the_file_is_survived(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(stat_text); cut++) {
		char *text = strndup(stat_text, cut);
		struct slo_steal_ticks t;

		assert_non_null(text);
		(void)slo_steal_parse(text, &t, NULL);
		free(text);
	}
}

static void steal_is_a_part_of_all_time(void **state)
{
	struct slo_steal_ticks from = { { 100, 0, 0, 1000, 0, 0, 0, 10 } };
	struct slo_steal_ticks to = { { 130, 0, 10, 1050, 0, 0, 0, 20 } };
	double pct = -1;

	(void)state;
	assert_int_equal(slo_steal_pct(&from, &to, &pct), 1);
	assert_true(pct == 10);
	to.field[SLO_CPU_STEAL] = 10;
	assert_int_equal(slo_steal_pct(&from, &to, &pct), 1);
	assert_true(pct == 0);
}

static void idle_going_back_is_no_time(void **state)
{
	struct slo_steal_ticks from = { { 100, 0, 0, 1000, 500, 0, 0, 10 } };
	struct slo_steal_ticks to = { { 180, 0, 0, 400, 100, 0, 0, 30 } };
	double pct = -1;

	(void)state;
	assert_int_equal(slo_steal_pct(&from, &to, &pct), 1);
	assert_true(pct == 20);
}

static void counters_set_back_begin_anew(void **state)
{
	struct slo_steal_ticks from = { { 100, 0, 0, 1000, 0, 0, 0, 10 } };
	double pct = -1;

	(void)state;
	for (int i = 0; i < SLO_CPU_MAX_; i++) {
		struct slo_steal_ticks base = from, to;

		base.field[i] = 50;
		to = base;
		to.field[i] = 49;
		assert_int_equal(slo_steal_pct(&base, &to, &pct),
		                 i == SLO_CPU_IDLE || i == SLO_CPU_IOWAIT ? 0 : -ERANGE);
	}
	assert_int_equal(slo_steal_pct(&from, &from, &pct), 0);
	assert_true(pct == -1);
}

static struct slo_verdict judge(enum slo_hypervisor hv, bool kvm_steal, uint64_t ticks)
{
	struct slo_steal_facts facts = { .hypervisor = hv, .kvm_steal = kvm_steal };
	struct slo_steal_ticks now = { .field = { [SLO_CPU_STEAL] = ticks } };
	struct slo_verdict v = { 0 };

	slo_steal_verdict(&facts, &now, &v);
	if (!v.serves)
		assert_true(v.refused_count == 1 && v.refused[0].why[0]);
	else
		assert_int_equal(v.source, SLO_SRC_PROCFS);
	return v;
}

static void zero_steal_is_not_taken_for_a_measurement(void **state)
{
	struct slo_verdict v = judge(SLO_HV_NONE, false, 0);

	(void)state;
	assert_false(v.serves);
	assert_non_null(strstr(v.refused[0].why, "bare metal"));
	v = judge(SLO_HV_KVM, false, 0);
	assert_false(v.serves);
	assert_non_null(strstr(v.refused[0].why, "not reported"));
	assert_true(v.needs[0]);
	v = judge(SLO_HV_KVM, true, 0);
	assert_true(v.serves);
	assert_string_equal(v.note, "");
	for (int hv = SLO_HV_XEN; hv <= SLO_HV_OTHER; hv++) {
		v = judge((enum slo_hypervisor)hv, false, 0);
		assert_true(v.serves && v.note[0]);
	}
	v = judge(SLO_HV_UNKNOWN, false, 0);
	assert_true(v.serves && v.note[0]);
}

static void steal_seen_once_is_reported_whoever_runs_us(void **state)
{
	(void)state;
	for (int hv = SLO_HV_UNKNOWN; hv <= SLO_HV_OTHER; hv++) {
		struct slo_verdict v = judge((enum slo_hypervisor)hv, false, 1);

		assert_true(v.serves);
		assert_string_equal(v.note, "");
	}
}

static void this_machine_can_be_asked(void **state)
{
	struct slo_steal_facts f;

	(void)state;
	memset(&f, 0xa5, sizeof(f));
	slo_steal_facts_read(&f);
	assert_in_range(f.hypervisor, SLO_HV_UNKNOWN, SLO_HV_OTHER);
	assert_true(strnlen(f.signature, sizeof(f.signature)) < sizeof(f.signature));
	assert_true(f.hypervisor == SLO_HV_KVM || !f.kvm_steal);
	print_message("hypervisor %d \"%s\" steal %d\n", f.hypervisor, f.signature, f.kvm_steal);
}

/* A host's root with /proc/stat in it. */
struct fixture {
	char dir[32];
	int root;
	struct slo_probe_event last;
	unsigned int events;
	unsigned int records;
	void *be;
};

static void put_stat(const struct fixture *f, const char *text)
{
	int fd = openat(f->root, "proc/stat", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct fixture *f = user;

	f->last = *ev;
	f->events++;
}

static void on_record(void *user, const void *record, size_t size)
{
	struct fixture *f = user;

	assert_non_null(record);
	assert_int_equal(size, 344);
	f->records++;
}

static int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memcpy(f->dir, "/tmp/slo-steal-XXXXXX", 22);
	assert_non_null(mkdtemp(f->dir));
	f->root = open(f->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->root >= 0);
	assert_int_equal(mkdirat(f->root, "proc", 0700), 0);
	put_stat(f, stat_text);
	*state = f;
	return 0;
}

static int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	if (f->be)
		slo_backend_procfs.close(f->be);
	(void)unlinkat(f->root, "proc/stat", 0);
	(void)unlinkat(f->root, "proc", AT_REMOVEDIR);
	(void)close(f->root);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static int open_procfs(struct fixture *f, struct slo_err *err)
{
	struct slo_verdict verdicts[SLO_SIG_MAX_] = { 0 };
	struct slo_backend_config cfg = {
		.signals = SLO_SIG_BIT(SLO_SIG_CPU_STEAL),
		.on_event = on_event,
		.on_record = on_record,
		.user = f,
		.host_root = f->root,
	};

	return slo_backend_procfs.open(&cfg, verdicts, &f->be, err);
}

static int tick(struct fixture *f, uint64_t now_ns, struct slo_err *err)
{
	return slo_backend_procfs.interval(f->be, now_ns, err);
}

static void the_backend_delivers_the_mean_of_each_interval(void **state)
{
	struct fixture *f = *state;
	struct slo_backend_stats st;
	uint64_t now = slo_clock_monotonic_ns();

	assert_int_equal(open_procfs(f, NULL), 0);
	/* Nothing has passed. */
	assert_int_equal(tick(f, now + SLO_NS_PER_SEC, NULL), 0);
	put_stat(f, "cpu  160 20 30 4010 50 6 7 110 9 1\n");
	assert_int_equal(tick(f, now + 2 * SLO_NS_PER_SEC, NULL), 1);
	assert_int_equal(f->events, 1);
	assert_int_equal(f->records, 1);
	assert_int_equal(f->last.signal, SLO_SIG_CPU_STEAL);
	assert_int_equal(f->last.kind, SLO_EV_GAUGE);
	assert_int_equal(f->last.source, SLO_SRC_PROCFS);
	assert_true(f->last.gauge == 30);
	assert_true(f->last.interval_ns <= 2 * SLO_NS_PER_SEC);
	assert_int_equal(f->last.start_ns + f->last.interval_ns, now + 2 * SLO_NS_PER_SEC);
	assert_true(f->last.realtime_offset_ns > 0);
	put_stat(f, "cpu  260 20 30 4010 50 6 7 110 9 1\n");
	assert_int_equal(tick(f, now + 3 * SLO_NS_PER_SEC, NULL), 1);
	assert_true(f->last.gauge == 0);
	assert_int_equal(f->last.interval_ns, SLO_NS_PER_SEC);
	slo_backend_procfs.stats(f->be, &st);
	assert_int_equal(st.signal[SLO_SIG_CPU_STEAL].made, 2);
	assert_int_equal(st.signal[SLO_SIG_CPU_STEAL].delivered, 2);
}

static void a_bad_reading_is_told_once_and_left_behind(void **state)
{
	struct fixture *f = *state;
	uint64_t now = slo_clock_monotonic_ns();
	struct slo_backend_stats st;
	struct slo_err err = { 0 };

	assert_int_equal(open_procfs(f, NULL), 0);
	put_stat(f, "cpu  160 20");
	assert_int_equal(tick(f, now + SLO_NS_PER_SEC, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "cpu_steal_pct: /proc/stat"));
	put_stat(f, "");
	assert_int_equal(tick(f, now + 2 * SLO_NS_PER_SEC, &err), 0);
	/* Set back: no event, and the next one is measured from here. */
	put_stat(f, "cpu  10 0 0 0 0 0 0 0 0 0\n");
	assert_int_equal(tick(f, now + 3 * SLO_NS_PER_SEC, &err), 0);
	put_stat(f, "cpu  11 0 0 2 0 0 0 1 0 0\n");
	assert_int_equal(tick(f, now + 4 * SLO_NS_PER_SEC, &err), 1);
	assert_true(f->last.gauge == 25);
	assert_int_equal(f->last.interval_ns, SLO_NS_PER_SEC);
	slo_backend_procfs.stats(f->be, &st);
	assert_int_equal(st.rejected, 2);
}

static void switched_off_it_reads_nothing(void **state)
{
	struct fixture *f = *state;
	const struct slo_backend_ops *ops = &slo_backend_procfs;
	uint64_t now = slo_clock_monotonic_ns();

	assert_int_equal(open_procfs(f, NULL), 0);
	assert_int_equal(ops->enable(f->be, SLO_SIG_CPU_STEAL, false, NULL), 0);
	put_stat(f, "cpu  160 20 30 4010 50 6 7 110 9 1\n");
	assert_int_equal(tick(f, now + SLO_NS_PER_SEC, NULL), 0);
	assert_int_equal(ops->enable(f->be, SLO_SIG_CPU_STEAL, true, NULL), 0);
	put_stat(f, "cpu  160 20 30 4020 50 6 7 110 9 1\n");
	assert_int_equal(tick(f, now + 2 * SLO_NS_PER_SEC, NULL), 1);
	assert_true(f->last.gauge == 0);
	assert_int_equal(ops->enable(f->be, SLO_SIG_DNS_LATENCY, true, NULL), -ENOTSUP);
}

static void a_host_without_the_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct slo_err err = { 0 };

	assert_int_equal(unlinkat(f->root, "proc/stat", 0), 0);
	assert_int_equal(open_procfs(f, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "/proc/stat"));
	assert_null(f->be);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_total_line_is_parsed),
		cmocka_unit_test(damaged_text_is_refused_and_leaves_result),
		cmocka_unit_test(every_cut_of_the_file_is_survived),
		cmocka_unit_test(steal_is_a_part_of_all_time),
		cmocka_unit_test(idle_going_back_is_no_time),
		cmocka_unit_test(counters_set_back_begin_anew),
		cmocka_unit_test(zero_steal_is_not_taken_for_a_measurement),
		cmocka_unit_test(steal_seen_once_is_reported_whoever_runs_us),
		cmocka_unit_test(this_machine_can_be_asked),
		WITH_FIXTURE(the_backend_delivers_the_mean_of_each_interval),
		WITH_FIXTURE(a_bad_reading_is_told_once_and_left_behind),
		WITH_FIXTURE(switched_off_it_reads_nothing),
		WITH_FIXTURE(a_host_without_the_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
