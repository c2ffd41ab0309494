/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "core/engine/evidence_window.h"
#include "test/unit/engine/near.h"

#define SECOND ((int64_t)SLO_NS_PER_SEC)
#define T0 (INT64_C(1000000) * SECOND)
#define PLACE 42U
#define SERVICE 7U
#define ALL_SIGNALS SLO_SIG_ALL

static struct slo_evidence_windows *windows(uint64_t slot_s)
{
	const struct slo_evidence_config cfg = { .places = 4,
		                                 .services = 2,
		                                 .slot_ns = slot_s * SLO_NS_PER_SEC };
	struct slo_evidence_windows *w = NULL;

	assert_int_equal(slo_evidence_windows_new(&w, &cfg, NULL), 0);
	assert_true(slo_evidence_follow(w, PLACE));
	return w;
}

/* One aggregate that ends at @at_s after T0. */
static void latencies_at(struct slo_evidence_windows *w, uint64_t place, enum slo_signal sig,
                         int64_t at_s, uint64_t ms, unsigned int n)
{
	struct slo_probe_event ev = { .signal = sig,
		                      .kind = SLO_EV_HIST,
		                      .start_ns = (uint64_t)(T0 + (at_s - 1) * SECOND),
		                      .interval_ns = SLO_NS_PER_SEC };

	for (unsigned int i = 0; i < n; i++)
		slo_hist_add(&ev.hist, ms * SLO_NS_PER_MS);
	slo_evidence_event(w, place, &ev);
}

static void latencies(struct slo_evidence_windows *w, enum slo_signal sig, int64_t at_s,
                      uint64_t ms, unsigned int n)
{
	latencies_at(w, PLACE, sig, at_s, ms, n);
}

static void count(struct slo_evidence_windows *w, int64_t at_s, uint64_t n)
{
	const struct slo_probe_event ev = { .signal = SLO_SIG_TCP_RETRANSMITS,
		                            .kind = SLO_EV_COUNT,
		                            .start_ns = (uint64_t)(T0 + (at_s - 1) * SECOND),
		                            .interval_ns = SLO_NS_PER_SEC,
		                            .count = n };

	slo_evidence_event(w, PLACE, &ev);
}

static void request(struct slo_evidence_windows *w, int64_t begin_s, int64_t end_s, bool bad,
                    enum slo_llm_error error)
{
	const struct slo_llm_request r = {
		.is_request = true, .latency_ms = NAN, .queue_ms = NAN, .error = error
	};

	slo_evidence_request(w, SERVICE, T0 + begin_s * SECOND, T0 + end_s * SECOND, &r, bad);
}

static struct slo_observation look(const struct slo_evidence_windows *w, int64_t from_s,
                                   int64_t to_s, bool bad_only)
{
	static const uint64_t place = PLACE;
	const struct slo_evidence_query q = { .service = SERVICE,
		                              .places = &place,
		                              .place_count = 1,
		                              .from_ns = T0 + from_s * SECOND,
		                              .to_ns = T0 + to_s * SECOND,
		                              .measured = ALL_SIGNALS,
		                              .bad_only = bad_only };
	struct slo_observation obs = { 0 };

	assert_true(slo_evidence_observe(w, &q, &obs) > 0);
	return obs;
}

static void latencies_of_the_window_give_their_p90(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation obs;

	(void)state;
	latencies(w, SLO_SIG_DNS_LATENCY, 5, 1, 50);
	latencies(w, SLO_SIG_DNS_LATENCY, 15, 300, 50);
	latencies(w, SLO_SIG_DNS_LATENCY, 95, 2, 500); /* outside */
	obs = look(w, 0, 20, false);
	/* A log2 histogram: at most a factor of two off. */
	assert_in_range((uint64_t)obs.value[SLO_SIG_DNS_LATENCY], 150, 600);
}

static void silence_of_a_measured_signal_is_zero_and_of_another_is_missing(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	static const uint64_t place = PLACE;
	struct slo_evidence_query q = { .places = &place,
		                        .place_count = 1,
		                        .from_ns = T0,
		                        .to_ns = T0,
		                        .measured = SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM) };
	struct slo_observation obs = { 0 };

	(void)state;
	(void)slo_evidence_observe(w, &q, &obs);
	assert_int_equal(obs.present, SLO_EVID_BIT(SLO_SIG_MEM_RECLAIM));
	assert_true(obs.value[SLO_SIG_MEM_RECLAIM] == 0);
	/* A service of which no place is known has no kernel evidence at all: not "nothing happened". */
	q.place_count = 0;
	obs = (struct slo_observation){ 0 };
	(void)slo_evidence_observe(w, &q, &obs);
	assert_int_equal(obs.present, 0);
}

/* A reader of counters knows no owners: what it saw is not "nothing happened" to each of them. */
static void what_no_record_owns_is_everybodys(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_evidence_query q = { .from_ns = T0,
		                        .to_ns = T0 + 20 * SECOND,
		                        .measured = SLO_SIG_BIT(SLO_SIG_DNS_LATENCY) };
	struct slo_observation obs = { 0 };

	(void)state;
	latencies_at(w, SLO_EVIDENCE_NODE, SLO_SIG_DNS_LATENCY, 5, 300, 50);
	assert_true(look(w, 0, 20, false).value[SLO_SIG_DNS_LATENCY] > 150);
	/* A service without a place, too. */
	(void)slo_evidence_observe(w, &q, &obs);
	assert_int_equal(obs.present, SLO_EVID_BIT(SLO_SIG_DNS_LATENCY));
	/* Of another signal this says nothing. */
	assert_true(look(w, 0, 20, false).value[SLO_SIG_DISK_IO] == 0);
}

static void what_has_owners_is_theirs_alone(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);

	(void)state;
	latencies_at(w, SLO_EVIDENCE_NODE, SLO_SIG_DISK_IO, 5, 300, 50);
	/* Of a cgroup that nobody asks about: the mechanism tells owners. */
	latencies_at(w, PLACE + 1, SLO_SIG_DISK_IO, 5, 1, 1);
	assert_true(look(w, 0, 20, false).value[SLO_SIG_DISK_IO] == 0);
}

static void only_the_times_of_bad_requests_count_when_asked(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation all, bad;

	(void)state;
	latencies(w, SLO_SIG_DNS_LATENCY, 5, 1, 1000);
	latencies(w, SLO_SIG_DNS_LATENCY, 25, 400, 20);
	request(w, 1, 2, false, SLO_LLM_OK);
	request(w, 24, 26, true, SLO_LLM_OK);
	all = look(w, 0, 30, false);
	bad = look(w, 0, 30, true);
	assert_true(all.value[SLO_SIG_DNS_LATENCY] < 10);
	assert_true(bad.value[SLO_SIG_DNS_LATENCY] > 100);
}

/* Also of what is summed: segments sent again while all went well are no evidence against the network. */
static void sums_are_of_the_times_of_bad_requests_when_asked(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation all, bad;

	(void)state;
	for (int64_t at_s = 5; at_s < 80; at_s += 10) {
		count(w, at_s, 5);
		request(w, at_s, at_s + 1, false, SLO_LLM_OK);
	}
	request(w, 111, 112, true, SLO_LLM_OK);
	all = look(w, 0, 119, false);
	bad = look(w, 0, 119, true);
	assert_near(all.value[SLO_SIG_TCP_RETRANSMITS], 5, 1e-9);
	assert_near(bad.value[SLO_SIG_TCP_RETRANSMITS], 0, 1e-9);
}

static void counts_are_sums_over_ten_seconds_whatever_the_slot(void **state)
{
	(void)state;
	for (uint64_t slot = 1; slot <= 20; slot += slot == 1 ? 1 : 8) {
		slo_evidence_windows_auto struct slo_evidence_windows *w = windows(slot);

		for (int64_t s = 1; s <= 40; s++)
			count(w, s, 3);
		/* 3 a second are 30 in ten; a slot at either end may hold a part only. */
		assert_in_range((uint64_t)look(w, 12, 38, false).value[SLO_SIG_TCP_RETRANSMITS], 24,
		                36);
	}
}

static void a_slot_of_a_turn_ago_is_empty(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);

	(void)state;
	count(w, 5, 100);
	assert_true(look(w, 10L * SLO_EVIDENCE_SLOTS, 10L * SLO_EVIDENCE_SLOTS + 5, false)
	                    .value[SLO_SIG_TCP_RETRANSMITS] == 0);
	/* And what comes late does not overwrite what is newer. */
	count(w, 10L * SLO_EVIDENCE_SLOTS + 5, 7);
	count(w, 5, 100);
	assert_true(look(w, 10L * SLO_EVIDENCE_SLOTS, 10L * SLO_EVIDENCE_SLOTS + 5, false)
	                    .value[SLO_SIG_TCP_RETRANSMITS] == 7);
}

static void replies_give_ratios(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation obs;

	(void)state;
	for (int i = 0; i < 6; i++)
		request(w, 2, 3, false, SLO_LLM_OK);
	request(w, 2, 3, true, SLO_LLM_THROTTLED);
	request(w, 2, 3, true, SLO_LLM_SERVER_ERROR);
	obs = look(w, 0, 9, false);
	assert_true(fabs(obs.value[SLO_EVID_THROTTLED_RATIO] - 0.125) < 1e-9);
	assert_true(fabs(obs.value[SLO_EVID_SERVER_ERROR_RATIO] - 0.125) < 1e-9);
	/* Nobody said how long requests queued, and no retrieval was ever seen: missing, not zero. */
	assert_false(obs.present & SLO_EVID_BIT(SLO_EVID_QUEUE_SHARE));
	assert_false(obs.present & SLO_EVID_BIT(SLO_EVID_RETRIEVAL_SHARE));
}

static void no_steal_does_not_speak_for_an_idle_run_queue(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_evidence_query q = { .from_ns = T0,
		                        .to_ns = T0 + 9 * SECOND,
		                        .measured = SLO_SIG_BIT(SLO_SIG_CPU_STEAL) };
	struct slo_observation obs = { 0 };
	static const uint64_t place = PLACE;

	(void)state;
	(void)slo_evidence_observe(w, &q, &obs);
	assert_int_equal(obs.present,
	                 SLO_EVID_BIT(SLO_SIG_CPU_STEAL)); /* nothing better is at hand */
	q.measured |= SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY);
	q.places = &place;
	q.place_count = 1;
	obs = (struct slo_observation){ 0 };
	(void)slo_evidence_observe(w, &q, &obs);
	assert_int_equal(obs.present, SLO_EVID_BIT(SLO_SIG_RUNQUEUE_DELAY));
}

static void room_is_bounded_and_refusals_counted(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);

	(void)state;
	for (uint64_t p = 100; p < 103; p++)
		assert_true(slo_evidence_follow(w, p));
	assert_false(slo_evidence_follow(w, 200));
	assert_int_equal(slo_evidence_dropped(w), 1);
	slo_evidence_forget(w, 100);
	assert_true(slo_evidence_follow(w, 200));
}

/* Evidence of 50 ms, then the clock is set by @step s; asked for the same minute under its new name. */
static double p90_after(int64_t step)
{
	const struct slo_evidence_query q = {
		.places = (const uint64_t[]){ PLACE },
		.place_count = 1,
		.from_ns = T0 + step * SECOND,
		.to_ns = T0 + (step + 60) * SECOND,
		.measured = SLO_SIG_BIT(SLO_SIG_DNS_LATENCY),
	};
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation obs = { 0 };

	for (int64_t s = 0; s < 30; s += 10)
		latencies(w, SLO_SIG_DNS_LATENCY, s, 50, 5);
	slo_evidence_follow_clock(w, step * SECOND);
	latencies(w, SLO_SIG_DNS_LATENCY, step + 40, 1, 5);
	(void)slo_evidence_observe(w, &q, &obs);
	return obs.value[SLO_SIG_DNS_LATENCY];
}

static void what_is_kept_keeps_its_age_when_the_clock_is_set(void **state)
{
	(void)state;
	assert_true(p90_after(0) > 40);
	assert_true(p90_after(3600) > 40);
	assert_true(p90_after(-3600) > 40);
	assert_true(p90_after(-86400) > 40);
}

static void bad_requests_are_found_when_the_clock_was_set(void **state)
{
	const struct slo_llm_request req = { .is_request = true };
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation obs;

	(void)state;
	slo_evidence_follow_clock(w, -3600 * SECOND);
	latencies(w, SLO_SIG_DNS_LATENCY, -3600 + 10, 50, 1);
	latencies(w, SLO_SIG_DNS_LATENCY, -3600 + 50, 1, 100);
	request(w, -3600 + 10, -3600 + 11, true, SLO_LLM_OK);
	obs = look(w, -3600, -3500, true);
	assert_true(obs.value[SLO_SIG_DNS_LATENCY] > 40);
	/* The end of time is no time. */
	slo_evidence_request(w, SERVICE, INT64_MAX - SECOND, INT64_MAX, &req, true);
}

static void where_replies_are_refused_no_broken_stream_is_missing_not_zero(void **state)
{
	slo_evidence_windows_auto struct slo_evidence_windows *w = windows(10);
	struct slo_observation obs;

	(void)state;
	for (int i = 0; i < 3; i++)
		request(w, 2, 3, false, SLO_LLM_OK);
	for (int i = 0; i < 3; i++)
		request(w, 2, 3, true, i ? SLO_LLM_SERVER_ERROR : SLO_LLM_THROTTLED);
	obs = look(w, 0, 9, false);
	assert_true(obs.present & SLO_EVID_BIT(SLO_EVID_STREAM_ERROR_RATIO));
	request(w, 2, 3, true, SLO_LLM_SERVER_ERROR);
	obs = look(w, 0, 9, false);
	assert_false(obs.present & SLO_EVID_BIT(SLO_EVID_STREAM_ERROR_RATIO));
	/* One that did break is known whatever the others did. */
	request(w, 2, 3, true, SLO_LLM_STREAM_ERROR);
	obs = look(w, 0, 9, false);
	assert_near(obs.value[SLO_EVID_STREAM_ERROR_RATIO], 0.125, 1e-9);
}

static void a_slot_knows_the_share_of_its_requests_that_went_bad(void **state)
{
	struct slo_evidence_windows *w = windows(10);

	(void)state;
	assert_near(slo_evidence_bad_share(w, SERVICE, T0), 0, 1e-9);
	for (int i = 0; i < 3; i++)
		request(w, 1, 2, false, SLO_LLM_OK);
	request(w, 1, 2, true, SLO_LLM_OK);
	assert_near(slo_evidence_bad_share(w, SERVICE, T0), 0.25, 1e-9);
	assert_near(slo_evidence_bad_share(w, SERVICE, T0 + 9 * SECOND), 0.25, 1e-9);
	/* It ended in another slot: here it is known by its being bad alone. */
	request(w, 15, 25, true, SLO_LLM_OK);
	assert_near(slo_evidence_bad_share(w, SERVICE, T0 + 15 * SECOND), 1, 1e-9);
	assert_near(slo_evidence_bad_share(w, SERVICE, T0 + 25 * SECOND), 1, 1e-9);
	/* Of an slo-event nobody knows whether it is a request of its own: it is one that was seen. */
	for (int i = 0; i < 8; i++) {
		const struct slo_llm_request event = { .latency_ms = 1, .queue_ms = NAN };

		slo_evidence_request(w, SERVICE, T0 + 45 * SECOND, T0 + 45 * SECOND, &event,
		                     i == 0);
	}
	assert_near(slo_evidence_bad_share(w, SERVICE, T0 + 45 * SECOND), 0.125, 1e-9);
	/* Neither another service, nor a slot of another turn of the ring. */
	assert_near(slo_evidence_bad_share(w, SERVICE + 1, T0), 0, 1e-9);
	assert_near(slo_evidence_bad_share(w, SERVICE, T0 + 640 * SECOND), 0, 1e-9);
	assert_near(slo_evidence_bad_share(w, SERVICE, 0), 0, 1e-9);
	slo_evidence_windows_freep(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latencies_of_the_window_give_their_p90),
		cmocka_unit_test(silence_of_a_measured_signal_is_zero_and_of_another_is_missing),
		cmocka_unit_test(what_no_record_owns_is_everybodys),
		cmocka_unit_test(what_has_owners_is_theirs_alone),
		cmocka_unit_test(only_the_times_of_bad_requests_count_when_asked),
		cmocka_unit_test(sums_are_of_the_times_of_bad_requests_when_asked),
		cmocka_unit_test(counts_are_sums_over_ten_seconds_whatever_the_slot),
		cmocka_unit_test(a_slot_of_a_turn_ago_is_empty),
		cmocka_unit_test(replies_give_ratios),
		cmocka_unit_test(where_replies_are_refused_no_broken_stream_is_missing_not_zero),
		cmocka_unit_test(a_slot_knows_the_share_of_its_requests_that_went_bad),
		cmocka_unit_test(no_steal_does_not_speak_for_an_idle_run_queue),
		cmocka_unit_test(room_is_bounded_and_refusals_counted),
		cmocka_unit_test(what_is_kept_keeps_its_age_when_the_clock_is_set),
		cmocka_unit_test(bad_requests_are_found_when_the_clock_was_set),
	};

	return cmocka_run_group_tests_name("evidence_window", tests, NULL, NULL);
}
