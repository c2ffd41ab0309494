/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/libbpf/patch.h"

/* As Linux 5.4 and a vendor's kernel with one common field more say it. */
static const char retransmit[] =
	"name: tcp_retransmit_skb\nID: 1420\nformat:\n"
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
	"\tfield:const void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
	"\tfield:const void * skaddr;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:int state;\toffset:24;\tsize:4;\tsigned:1;\n"
	"\tfield:__u16 sport;\toffset:28;\tsize:2;\tsigned:0;\n"
	"\tfield:__u8 saddr[4];\toffset:34;\tsize:4;\tsigned:0;\n"
	"\tfield:__u8 saddr_v6[16];\toffset:42;\tsize:16;\tsigned:0;\n\n"
	"print fmt: \"sport=%hu saddr=%pI4\", REC->sport, REC->saddr\n";

static void fields_are_found_by_their_whole_name(void **state)
{
	(void)state;
	assert_int_equal(slo_patch_find_field(retransmit, "skaddr", 8), 16);
	assert_int_equal(slo_patch_find_field(retransmit, "sport", 2), 28);
	assert_int_equal(slo_patch_find_field(retransmit, "saddr", 4), 34);
	assert_int_equal(slo_patch_find_field(retransmit, "saddr_v6", 16), 42);
	assert_int_equal(slo_patch_find_field(retransmit, "state", 0), 24);
}

static void what_is_missing_or_of_another_size_is_refused(void **state)
{
	(void)state;
	assert_int_equal(slo_patch_find_field(retransmit, "family", 2), -ENOENT);
	assert_int_equal(slo_patch_find_field(retransmit, "addr", 4), -ENOENT);
	assert_int_equal(slo_patch_find_field(retransmit, "state", 8), -EMSGSIZE);
	assert_int_equal(slo_patch_find_field("", "state", 4), -ENOENT);
	assert_int_equal(slo_patch_find_field("field:int state", "state", 4), -ENOENT);
	assert_int_equal(slo_patch_find_field("field:int state;\tsize:4;\n", "state", 4), -EBADMSG);
	assert_int_equal(
		slo_patch_find_field("field:int state;\toffset:99999;\tsize:4;\n", "state", 4),
		-EBADMSG);
}

static void constants_are_known_by_name(void **state)
{
	(void)state;
	assert_int_equal(slo_patch_const_from_name("slo_skb_cgroup"), SLO_K_SKB_CGROUP);
	assert_int_equal(slo_patch_const_from_name("slo_cgroup"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_by_their_whole_name),
		cmocka_unit_test(what_is_missing_or_of_another_size_is_refused),
		cmocka_unit_test(constants_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
