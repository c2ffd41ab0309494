/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec/wire_names.h"

static void every_number_reads_back_the_same(void **state)
{
	(void)state;
	for (int set = 0; set < SLO_WIRE_SET_MAX_; set++) {
		for (unsigned int v = 0; v <= UINT16_MAX; v++) {
			char text[SLO_WIRE_TEXT_SIZE];
			const char *s = slo_wire_text((enum slo_wire_set)set, v, text);

			assert_int_equal(slo_wire_value((enum slo_wire_set)set, s), v);
		}
	}
}

static void known_names_are_right(void **state)
{
	char text[SLO_WIRE_TEXT_SIZE];

	(void)state;
	assert_string_equal(slo_wire_name(SLO_WIRE_ERRNO, ECONNREFUSED), "ECONNREFUSED");
	assert_string_equal(slo_wire_name(SLO_WIRE_ERRNO, EHWPOISON), "EHWPOISON");
	assert_string_equal(slo_wire_name(SLO_WIRE_ERRNO, EAGAIN), "EAGAIN");
	assert_string_equal(slo_wire_name(SLO_WIRE_ERRNO, EOPNOTSUPP), "EOPNOTSUPP");
	assert_string_equal(slo_wire_text(SLO_WIRE_QTYPE, 65, text), "HTTPS");
	assert_string_equal(slo_wire_text(SLO_WIRE_QTYPE, 65280, text), "TYPE65280");
	assert_string_equal(slo_wire_text(SLO_WIRE_RCODE, 23, text), "23");
	assert_string_equal(slo_wire_text(SLO_WIRE_TCP_STATE, 2, text), "SYN_SENT");
	assert_string_equal(slo_wire_text(SLO_WIRE_PROTO, 17, text), "udp");
	assert_null(slo_wire_name(SLO_WIRE_RCODE, 23));
}

/* The errno of this libc are all there: strerror() knows what the table does not. */
static void every_errno_of_this_libc_has_a_name(void **state)
{
	(void)state;
	for (int e = 1; e < 134; e++) {
		if (strncmp(strerror(e), "Unknown error", 13) == 0 ||
		    strcmp(strerror(e), "No error information") == 0)
			continue;
		if (!slo_wire_name(SLO_WIRE_ERRNO, (unsigned int)e))
			fail_msg("errno %d (%s) has no name", e, strerror(e));
	}
}

static void other_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "TYPE", "TYPE-1", "TYPE65536", "TYPE1x", "28", " A"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(slo_wire_value(SLO_WIRE_QTYPE, bad[i]), -ENOENT);
	assert_int_equal(slo_wire_value(SLO_WIRE_PROTO, "TCP"), 6);
	assert_int_equal(slo_wire_value(SLO_WIRE_PROTO, "+6"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_reads_back_the_same),
		cmocka_unit_test(known_names_are_right),
		cmocka_unit_test(every_errno_of_this_libc_has_a_name),
		cmocka_unit_test(other_text_is_refused),
	};

	return cmocka_run_group_tests_name("wire_names", tests, NULL, NULL);
}
