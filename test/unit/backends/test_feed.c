/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "backends/feed.h"

struct seen {
	size_t record_bytes;
	unsigned int events;
	double weight;
};

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct seen *seen = user;

	seen->events++;
	seen->weight = ev->sample_weight;
}

static void on_record(void *user, const void *record, size_t size)
{
	(void)record;
	((struct seen *)user)->record_bytes = size;
}

static struct slo_abi_event an_event(void)
{
	return (struct slo_abi_event){ .version = SLO_ABI_VERSION,
		                       .size = sizeof(struct slo_abi_event),
		                       .kind = SLO_ABI_SAMPLE,
		                       .signal = SLO_ABI_RUNQUEUE_DELAY,
		                       .source = SLO_ABI_SRC_BCC,
		                       .start_ns = 1000,
		                       .value = 5000 };
}

static void begin(struct slo_feed *f, struct seen *seen)
{
	const struct slo_backend_config cfg = { .on_event = on_event,
		                                .on_record = on_record,
		                                .user = seen };

	slo_feed_init(f, &cfg);
	f->served = SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY) | SLO_SIG_BIT(SLO_SIG_DNS_LATENCY);
}

/* The kernel fills a perf record up to 8 bytes, its length's 4 among them. */
static void a_padded_record_is_given_as_long_as_it_is(void **state)
{
	const struct slo_abi_event e = an_event();
	_Alignas(8) unsigned char perf[4 + sizeof(e) + 4] = { 0 };
	struct seen seen = { 0 };
	struct slo_feed f;

	(void)state;
	begin(&f, &seen);
	f.shared.old = true;
	memcpy(perf + 4, &e, sizeof(e));
	slo_feed_on_record(&f, perf + 4, sizeof(perf) - 4);
	assert_int_equal(seen.record_bytes, sizeof(e));
	assert_int_equal(seen.events, 1);
	assert_int_equal(f.delivered[SLO_SIG_RUNQUEUE_DELAY], 1);
	slo_feed_on_record(&f, perf + 4, sizeof(e) - 1);
	assert_int_equal(seen.events, 1);
	assert_int_equal(f.rejected, 1);
	slo_feed_fini(&f);
}

static void what_is_measured_by_turns_stands_for_all_of_them(void **state)
{
	const struct slo_abi_event e = an_event();
	struct seen seen = { 0 };
	struct slo_feed f;

	(void)state;
	begin(&f, &seen);
	slo_feed_on_own(&f, &e);
	assert_true(seen.weight < 2);
	f.by_turns = SLO_SIG_BIT(SLO_SIG_RUNQUEUE_DELAY);
	slo_feed_on_own(&f, &e);
	assert_true(seen.weight == SLO_TURN_INTERVALS);
	slo_feed_fini(&f);
}

/* Without a kernel's maps nothing else counts. */
static void what_user_space_counted_is_in_the_account(void **state)
{
	const struct slo_abi_stats own = {
		.made = 9, .sent = 4, .aggregated = 3, .lost_map = 2, .unmatched = 7
	};
	struct slo_backend_stats stats;
	struct seen seen = { 0 };
	struct slo_feed f;

	(void)state;
	begin(&f, &seen);
	f.own[SLO_SIG_DNS_LATENCY] = &own;
	slo_feed_stats(&f, &stats);
	assert_int_equal(stats.signal[SLO_SIG_DNS_LATENCY].made, 9);
	assert_int_equal(stats.signal[SLO_SIG_DNS_LATENCY].sent, 4);
	assert_int_equal(stats.signal[SLO_SIG_DNS_LATENCY].aggregated, 3);
	assert_int_equal(stats.signal[SLO_SIG_DNS_LATENCY].lost_map, 2);
	assert_int_equal(stats.signal[SLO_SIG_DNS_LATENCY].unmatched, 7);
	assert_int_equal(stats.signal[SLO_SIG_RUNQUEUE_DELAY].made, 0);
	assert_null(stats.cost_by);
	slo_feed_fini(&f);
}

static void the_cost_of_a_program_is_its_first_signals(void **state)
{
	const uint64_t all =
		SLO_SIG_BIT(SLO_SIG_CONNECT_LATENCY) | SLO_SIG_BIT(SLO_SIG_CONNECT_ERRORS);
	const struct slo_cost_of cost = { .runs = 10, .run_ns = 1000, .missed = 2 };
	struct slo_backend_stats stats = { .cost_by = "bpf_stats" };
	struct seen seen = { 0 };
	uint64_t runs = 0;
	struct slo_feed f;

	(void)state;
	begin(&f, &seen);
	f.cost.entry_ns = 50;
	slo_feed_add_cost(&f, SLO_SIG_CONNECT_LATENCY, all, cost, &stats);
	slo_feed_add_cost(&f, SLO_SIG_CONNECT_ERRORS, all, cost, &stats);
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		runs += stats.signal[i].run_count;
	assert_int_equal(runs, 10);
	assert_int_equal(stats.signal[__builtin_ctzll(all)].cost_ns, 1500);
	assert_int_equal(stats.signal[SLO_SIG_CONNECT_LATENCY].missed, 2);
	assert_int_equal(stats.signal[SLO_SIG_CONNECT_ERRORS].missed, 2);
	assert_int_equal(stats.program[SLO_SIG_CONNECT_ERRORS], all);
	slo_feed_fini(&f);
}

static void a_signal_is_refused_for_what_keeps_it(void **state)
{
	const struct slo_refusal_of of = { .backend = "b",
		                           .failed = "bpf(2)",
		                           .can = SLO_SIG_BIT(SLO_SIG_DNS_LATENCY),
		                           .lacks = "no row" };
	const uint64_t wanted = SLO_SIG_BIT(SLO_SIG_DNS_LATENCY) | SLO_SIG_BIT(SLO_SIG_DISK_IO) |
	                        SLO_SIG_BIT(SLO_SIG_CPU_STEAL);
	struct slo_verdict v[SLO_SIG_MAX_];

	(void)state;
	slo_verdicts_clear(v);
	v[SLO_SIG_MEM_RECLAIM].serves = true;
	slo_verdicts_refuse_rest(v, wanted | SLO_SIG_BIT(SLO_SIG_MEM_RECLAIM), &of, -EPERM,
	                         "denied");
	assert_string_equal(v[SLO_SIG_DNS_LATENCY].refused[0].why, "denied");
	assert_string_equal(v[SLO_SIG_DNS_LATENCY].refused[0].mechanism, "bpf(2)");
	assert_string_equal(v[SLO_SIG_DISK_IO].refused[0].why, "no row");
	assert_non_null(strstr(v[SLO_SIG_CPU_STEAL].refused[0].why, "procfs"));
	assert_int_equal(v[SLO_SIG_MEM_RECLAIM].refused_count, 0);
	assert_int_equal(v[SLO_SIG_RUNQUEUE_DELAY].refused_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_padded_record_is_given_as_long_as_it_is),
		cmocka_unit_test(what_is_measured_by_turns_stands_for_all_of_them),
		cmocka_unit_test(what_user_space_counted_is_in_the_account),
		cmocka_unit_test(the_cost_of_a_program_is_its_first_signals),
		cmocka_unit_test(a_signal_is_refused_for_what_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
