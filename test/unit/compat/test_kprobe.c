/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no kernel: the rest is test/vm/truth/bcc.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/kprobe.h"
#include "compat/tracefs.h"
#include "test/unit/compat/fixture.h"

/* The symbols are megabytes that the kernel prints anew for each reader. */
static void where_there_are_no_kprobes_no_symbol_is_looked_for(void **state)
{
	const struct scratch *s = *state;
	struct slo_err err = { 0 };
	struct slo_kprobe k;
	int fd = -1;

	put_file(s->root, "proc/kallsyms", "ffffffff810a1b20 t nowhere.isra.0\n");
	assert_int_equal(slo_kprobe_define(&k, s->root, -1, "nowhere", &fd, &err), -ENOTSUP);
	assert_null(strstr(err.msg, "nowhere.isra"));
	assert_non_null(strstr(err.msg, "CONFIG_KPROBE_EVENTS"));
}

static void of_a_function_gcc_may_have_made_a_variant(void **state)
{
	const struct scratch *s = *state;
	slo_cleanup(slo_closep) int tracefs = -1;
	struct slo_err err = { 0 };
	struct slo_kprobe k;
	char text[512];
	int fd = -1;

	put_file(s->root, "proc/kallsyms", "ffffffff810a1b20 t nowhere.isra.0\n");
	/* Tracefs is here, and not to be looked for by a mount. It takes any line, and no event comes of it. */
	put_file(s->root, "sys/kernel/tracing/events/sched/sched_switch/id", "1\n");
	put_file(s->root, "sys/kernel/tracing/kprobe_events", "");
	tracefs = slo_tracefs_dir(s->root, NULL);
	assert_true(slo_kprobe_define(&k, s->root, tracefs, "nowhere", &fd, &err) < 0);
	assert_true(slo_host_read(s->root, "sys/kernel/tracing/kprobe_events", text, sizeof(text)) >
	            0);
	assert_non_null(strstr(text, " nowhere\n"));
	assert_non_null(strstr(text, " nowhere.isra.0\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(where_there_are_no_kprobes_no_symbol_is_looked_for,
		                                scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(of_a_function_gcc_may_have_made_a_variant,
		                                scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
