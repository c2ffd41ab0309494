/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "compat/host.h"
#include "compat/perfhook.h"
#include "compat/tracefs.h"
#include "test/unit/compat/fixture.h"

#define PARANOID "proc/sys/kernel/perf_event_paranoid"

/* A real tracepoint of this machine; the test ends here where none can be had. */
static int real_event(void)
{
	slo_cleanup(slo_closep) int root = slo_host_open_root(NULL, NULL);
	int id = slo_tracefs_event_id(root, "sched", "sched_process_exit", NULL);
	int fd = id < 0 ? -1 : slo_tracefs_perf_open(id);

	if (fd < 0)
		skip();
	(void)close(fd);
	return id;
}

static void spares_are_held_where_new_events_will_be_refused(void **state)
{
	const struct scratch *s = *state;
	struct slo_perf_spares perf;
	int id = real_event(), fd;

	put_file(s->root, PARANOID, "3\n");
	slo_perf_spares_init(&perf, s->root, id);
	assert_int_equal(perf.count, SLO_PERF_SPARES);
	/* As if refused now: no tracepoint has this id. */
	perf.id = 0;
	for (unsigned int left = SLO_PERF_SPARES; left; left--) {
		assert_true(slo_perf_spares_can_take(&perf));
		fd = slo_perf_spares_take(&perf);
		assert_true(fd >= 0);
		assert_int_equal(perf.count, left - 1);
		(void)close(fd);
	}
	assert_false(slo_perf_spares_can_take(&perf));
	assert_true(slo_perf_spares_take(&perf) < 0);
	slo_perf_spares_fini(&perf);
}

static void none_are_held_where_a_capability_that_is_kept_serves(void **state)
{
	const struct scratch *s = *state;
	struct slo_perf_spares perf;
	int id = real_event(), fd;

	put_file(s->root, PARANOID, "2\n");
	slo_perf_spares_init(&perf, s->root, id);
	assert_int_equal(perf.count, 0);
	put_file(s->root, PARANOID, "-1\n");
	slo_perf_spares_init(&perf, s->root, id);
	assert_int_equal(perf.count, 0);
	assert_true(slo_perf_spares_can_take(&perf));
	fd = slo_perf_spares_take(&perf);
	assert_true(fd >= 0);
	(void)close(fd);
	slo_perf_spares_fini(&perf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(spares_are_held_where_new_events_will_be_refused,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
			none_are_held_where_a_capability_that_is_kept_serves, scratch_setup,
			scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
