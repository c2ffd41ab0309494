/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "compat/tracefs.h"
#include "test/unit/compat/fixture.h"

/* As 5.10 has it; a realtime kernel puts a word more in front. */
#define FORMAT(first)                                                            \
	"name: tcp_retransmit_skb\nID: 1422\nformat:\n"                          \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"   \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"             \
	"\tfield:const void * skbaddr;\toffset:" first ";\tsize:8;\tsigned:0;\n" \
	"\tfield:const void * skaddr;\toffset:24;\tsize:8;\tsigned:0;\n"         \
	"\tfield:__u8 saddr[4];\toffset:40;\tsize:4;\tsigned:0;\n\n"             \
	"print fmt: \"sport=%hu err=%d\", REC->sport, REC->err\n"

#define EVENTS "sys/kernel/debug/tracing/events/"

static int make(void **state)
{
	const struct scratch *s;
	int r = scratch_setup(state);

	s = *state;
	put_file(s->root, EVENTS "tcp/tcp_retransmit_skb/format", FORMAT("16"));
	put_file(s->root, EVENTS "tcp/tcp_retransmit_skb/id", "1422\n");
	put_file(s->root, EVENTS "sched/sched_switch/id", "300\n");
	return r;
}

static int field(void **state, const char *name, struct slo_err *err)
{
	slo_cleanup(slo_closep) int tracefs =
		slo_tracefs_dir(((struct scratch *)*state)->root, err);

	return slo_tracefs_field_in(tracefs, "tcp", "tcp_retransmit_skb", name, err);
}

static void fields_are_found_by_their_whole_name(void **state)
{
	struct slo_err err = { 0 };

	assert_int_equal(field(state, "skbaddr", NULL), 16);
	assert_int_equal(field(state, "skaddr", NULL), 24);
	assert_int_equal(field(state, "saddr", NULL), 40);
	assert_int_equal(field(state, "addr", NULL), -ENOENT);
	/* Only in what is printed. */
	assert_int_equal(field(state, "err", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no field err"));
}

static void event_is_read_where_tracefs_is_below_debugfs(void **state)
{
	int root = ((struct scratch *)*state)->root;
	struct slo_err err = { 0 };

	assert_int_equal(slo_tracefs_event_id(root, "tcp", "tcp_retransmit_skb", NULL), 1422);
	assert_int_equal(slo_tracefs_event_id(root, "tcp", "tcp_none", &err), -ENOENT);
	assert_non_null(strstr(err.msg, "tcp/tcp_none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fields_are_found_by_their_whole_name, make,
		                                scratch_teardown),
		cmocka_unit_test_setup_teardown(event_is_read_where_tracefs_is_below_debugfs, make,
		                                scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
