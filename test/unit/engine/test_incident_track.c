/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/incident_track.h"
#include "core/model/domain.h"

#define SECOND INT64_C(1000000000)
#define T0 (INT64_C(1800000000) * SECOND)

static const struct slo_incident_scope scope = { "c", "ns", "chat", "chat.ttft", "node-1" };

static enum slo_incident_step at(struct slo_incident_track *t, int64_t s, enum slo_burn_state state,
                                 double burn, uint32_t set)
{
	const struct slo_incident_now now = {
		.unix_ns = T0 + s * SECOND, .state = state, .burn = burn, .set = set
	};

	return slo_incident_track_step(t, &scope, &now);
}

static void calm_opens_nothing(void **state)
{
	struct slo_incident_track t = { 0 };

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_OK, 0, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 10, SLO_BURN_INSUFFICIENT, 0, 0), SLO_INCIDENT_NOTHING);
	assert_false(t.open);
}

static void one_incident_from_open_to_resolve_under_one_key(void **state)
{
	struct slo_incident_track t = { 0 };
	char key[SLO_DEDUP_KEY_LEN], id[48], first[48];

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	memcpy(key, t.dedup_key, sizeof(key));
	assert_int_equal(strlen(key), 32);
	slo_incident_notice_id(&t, first, sizeof(first));
	/* The verdict comes: told at once. */
	assert_int_equal(at(&t, 10, SLO_BURN_PAGE, 20, SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS)),
	                 SLO_INCIDENT_UPDATE);
	slo_incident_notice_id(&t, id, sizeof(id));
	assert_string_not_equal(id, first);
	/* The same again, and a verdict lost again, are no news. */
	assert_int_equal(at(&t, 20, SLO_BURN_PAGE, 20, SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS)),
	                 SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 30, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_NOTHING);
	/* One quiet evaluation is not the end; the second is. */
	assert_int_equal(at(&t, 40, SLO_BURN_OK, 0, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 50, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 60, SLO_BURN_OK, 0, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 70, SLO_BURN_OK, 0, 0), SLO_INCIDENT_RESOLVE);
	assert_string_equal(t.dedup_key, key);
	assert_false(t.open);
}

static void a_clock_set_back_does_not_keep_news_back(void **state)
{
	struct slo_incident_track t = { 0 };

	(void)state;
	assert_int_equal(at(&t, 3600, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	assert_int_equal(at(&t, 10, SLO_BURN_PAGE, 50, 0), SLO_INCIDENT_UPDATE);
	assert_int_equal(at(&t, 20, SLO_BURN_PAGE, 200, 0), SLO_INCIDENT_NOTHING);
}

static void a_burn_that_moves_is_told_once_a_minute(void **state)
{
	struct slo_incident_track t = { 0 };
	int told = 0;

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_TICKET, 1, 0), SLO_INCIDENT_OPEN);
	for (int s = 10; s <= 300; s += 10)
		told += at(&t, s, SLO_BURN_PAGE, s % 20 ? 5 : 20, 0) == SLO_INCIDENT_UPDATE;
	assert_in_range(told, 2, 5);
}

static void what_goes_on_unchanged_is_told_again(void **state)
{
	struct slo_incident_track t = { 0 };
	char id[48], last[48] = "";
	int told = 0;

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	for (int s = 10; s <= 4 * 7200; s += 10) {
		enum slo_incident_step step = at(&t, s, SLO_BURN_PAGE, 20, 0);

		if (step == SLO_INCIDENT_NOTHING)
			continue;
		assert_int_equal(step, SLO_INCIDENT_REMIND);
		assert_int_equal(s % 7200, 0);
		slo_incident_notice_id(&t, id, sizeof(id));
		assert_string_not_equal(id, last);
		memcpy(last, id, sizeof(id));
		told++;
	}
	assert_int_equal(told, 4);
	/* Not twice as far off as it was said to be: still no news. Then it is. */
	assert_int_equal(at(&t, 28900, SLO_BURN_PAGE, 39, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 28910, SLO_BURN_PAGE, 41, 0), SLO_INCIDENT_UPDATE);
}

static enum slo_incident_step silent_at(struct slo_incident_track *t, int64_t s)
{
	const struct slo_incident_now now = { .unix_ns = T0 + s * SECOND,
		                              .state = SLO_BURN_INSUFFICIENT,
		                              .silent = true };

	return slo_incident_track_step(t, &scope, &now);
}

/* Told a minute after the last word at the soonest, and once. */
static void silence_is_not_calm(void **state)
{
	struct slo_incident_track t = { 0 };

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	assert_int_equal(silent_at(&t, 10), SLO_INCIDENT_NOTHING);
	assert_int_equal(silent_at(&t, 60), SLO_INCIDENT_UPDATE);
	for (int s = 70; s < 3600; s += 10)
		assert_int_equal(silent_at(&t, s), SLO_INCIDENT_NOTHING);
	assert_true(t.open);
	/* Requests come again, bad ones: the hour begins anew. */
	assert_int_equal(at(&t, 3600, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(silent_at(&t, 3610), SLO_INCIDENT_UPDATE);
	/* A clock that was set back does not shorten it. */
	for (int s = 10; s < 3610; s += 10)
		assert_int_equal(silent_at(&t, s), SLO_INCIDENT_NOTHING);
	assert_int_equal(silent_at(&t, 3610), SLO_INCIDENT_RESOLVE);
	assert_false(t.open);
}

static void good_requests_after_silence_are_calm(void **state)
{
	struct slo_incident_track t = { 0 };

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	assert_int_equal(silent_at(&t, 60), SLO_INCIDENT_UPDATE);
	assert_int_equal(at(&t, 70, SLO_BURN_OK, 0, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(silent_at(&t, 80), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 90, SLO_BURN_OK, 0, 0), SLO_INCIDENT_NOTHING);
	assert_int_equal(at(&t, 100, SLO_BURN_OK, 0, 0), SLO_INCIDENT_RESOLVE);
}

static void the_next_incident_is_another(void **state)
{
	struct slo_incident_track t = { 0 };
	char id[33];

	(void)state;
	assert_int_equal(at(&t, 0, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	memcpy(id, t.id, sizeof(id));
	(void)at(&t, 10, SLO_BURN_OK, 0, 0);
	assert_int_equal(at(&t, 20, SLO_BURN_OK, 0, 0), SLO_INCIDENT_RESOLVE);
	assert_int_equal(at(&t, 30, SLO_BURN_PAGE, 20, 0), SLO_INCIDENT_OPEN);
	assert_string_not_equal(t.id, id);
}

/* sha256("c|ns|chat|chat.ttft|unknown"), by sha256sum. */
static void the_key_is_the_one_of_the_contract(void **state)
{
	struct slo_incident_track t = { 0 };

	(void)state;
	(void)at(&t, 0, SLO_BURN_PAGE, 20, 0);
	assert_string_equal(t.dedup_key, "6fe60cafe01342e1b67eadbe809555fb");
}

static void severity_follows_the_burn(void **state)
{
	(void)state;
	assert_int_equal(slo_incident_severity(SLO_BURN_PAGE, 14.4), SLO_SEVERITY_CRITICAL);
	assert_int_equal(slo_incident_severity(SLO_BURN_PAGE, 6), SLO_SEVERITY_ERROR);
	assert_int_equal(slo_incident_severity(SLO_BURN_TICKET, 3), SLO_SEVERITY_WARNING);
	assert_int_equal(slo_incident_severity(SLO_BURN_OK, 0), SLO_SEVERITY_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calm_opens_nothing),
		cmocka_unit_test(one_incident_from_open_to_resolve_under_one_key),
		cmocka_unit_test(a_clock_set_back_does_not_keep_news_back),
		cmocka_unit_test(a_burn_that_moves_is_told_once_a_minute),
		cmocka_unit_test(what_goes_on_unchanged_is_told_again),
		cmocka_unit_test(silence_is_not_calm),
		cmocka_unit_test(good_requests_after_silence_are_calm),
		cmocka_unit_test(the_next_incident_is_another),
		cmocka_unit_test(the_key_is_the_one_of_the_contract),
		cmocka_unit_test(severity_follows_the_burn),
	};

	return cmocka_run_group_tests_name("incident_track", tests, NULL, NULL);
}
