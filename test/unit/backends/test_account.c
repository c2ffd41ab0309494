/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/account.h"

static void what_was_sent_and_never_came_is_lost(void **state)
{
	uint64_t lost[SLO_SIG_MAX_] = { 0 };
	uint64_t sent[SLO_SIG_MAX_] = { [SLO_SIG_DISK_IO] = 9000, [SLO_SIG_DNS_LATENCY] = 4 };
	uint64_t delivered[SLO_SIG_MAX_] = { [SLO_SIG_DISK_IO] = 2340, [SLO_SIG_DNS_LATENCY] = 4 };

	(void)state;
	slo_account_losses(lost, sent, delivered);
	assert_int_equal(lost[SLO_SIG_DISK_IO], 6660);
	assert_int_equal(lost[SLO_SIG_DNS_LATENCY], 0);
	/* What came since the count was read says nothing, and what is lost stays so. */
	delivered[SLO_SIG_DISK_IO] += 10;
	slo_account_losses(lost, sent, delivered);
	assert_int_equal(lost[SLO_SIG_DISK_IO], 6660);
	sent[SLO_SIG_DISK_IO] += 11;
	slo_account_losses(lost, sent, delivered);
	assert_int_equal(lost[SLO_SIG_DISK_IO], 6661);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sent_and_never_came_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
