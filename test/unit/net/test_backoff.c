/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/base/clock.h"

#define SECOND SLO_NS_PER_SEC

static void wait_grows_up_to_its_cap(void **state)
{
	struct slo_backoff b = { .base_ms = 1000, .cap_ms = 30000 };
	uint64_t now = SECOND, longest = 0;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t most = i < 5 ? SECOND << i : 30 * SECOND;

		slo_backoff_fail(&b, now, -1);
		assert_int_equal(b.failures, i + 1);
		assert_true(!slo_backoff_waits(&b, now + most));
		if (b.not_before_ns > now + longest)
			longest = b.not_before_ns - now;
		now += 30 * SECOND;
	}
	assert_true(longest > 20 * SECOND);
}

static void what_is_asked_for_outlives_success_and_hurry(void **state)
{
	struct slo_backoff b = { .base_ms = 1000, .cap_ms = 30000 };

	(void)state;
	slo_backoff_fail(&b, SECOND, 60000);
	slo_backoff_fail(&b, 2 * SECOND, 5000); /* of another, which asks for less */
	slo_backoff_succeed(&b, 3 * SECOND);
	slo_backoff_hurry(&b);
	assert_true(slo_backoff_waits(&b, 61 * SECOND - 1));
	assert_false(slo_backoff_waits(&b, 61 * SECOND));
	assert_int_equal(b.failures, 1);
	/* The jitter is ours to forget. */
	slo_backoff_fail(&b, 61 * SECOND, -1);
	slo_backoff_hurry(&b);
	assert_false(slo_backoff_waits(&b, 61 * SECOND));
	slo_backoff_succeed(&b, 61 * SECOND);
	assert_int_equal(b.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wait_grows_up_to_its_cap),
		cmocka_unit_test(what_is_asked_for_outlives_success_and_hurry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
