/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/scenario.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "core/programs/options.h"
#include "core/programs/sloctl/generate.h"

static void every_fault_means_its_domain(void **state)
{
	const struct slo_scenario_fault *f;

	(void)state;
	for (size_t i = 1; (f = slo_scenario_fault_at(i)); i++) {
		assert_int_equal(slo_domain_of_label(f->label), f->domain);
		assert_true(f->ttft_ms > 0 && f->error_rate <= 1);
	}
	assert_int_equal(slo_scenario_fault_at(0)->domain, SLO_DOMAIN_UNKNOWN);
}

/* All domains but unknown have a scenario, and its signals are elevated. */
static void every_domain_can_be_made_up(void **state)
{
	uint32_t seen = 0;
	const struct slo_scenario *s;

	(void)state;
	for (size_t i = 0; (s = slo_scenario_at(i)); i++) {
		struct slo_random random;
		struct slo_scenario_record r;
		bool elevated = false;

		assert_ptr_equal(slo_scenario_find(s->name), s);
		slo_random_init(&random, 1);
		slo_scenario_next(s, 0, &random, &r);
		seen |= r.domains;
		for (unsigned int sig = 0; sig < SLO_SIG_MAX_; sig++)
			elevated |= r.signal[sig] >= slo_signal_desc((enum slo_signal)sig)->warn;
		assert_int_equal(elevated, r.domains != 0);
	}
	assert_int_equal(seen, SLO_FAULT_SETS - 1);
	assert_null(slo_scenario_find("none"));
}

static void help_names_every_scenario(void **state)
{
	const struct slo_scenario *s;

	(void)state;
	for (size_t i = 0; (s = slo_scenario_at(i)); i++)
		assert_non_null(strstr(SLO_GENERATE_NOTES, s->name));
}

static void same_seed_gives_the_same_records(void **state)
{
	const struct slo_scenario *s = slo_scenario_find("mixed_multi");
	struct slo_random a, b, c;
	int differ = 0;

	(void)state;
	slo_random_init(&a, 9);
	slo_random_init(&b, 9);
	slo_random_init(&c, 10);
	for (uint64_t i = 0; i < 100; i++) {
		struct slo_scenario_record x, y, z;

		memset(&x, 0, sizeof(x));
		memset(&y, 0, sizeof(y));
		slo_scenario_next(s, i, &a, &x);
		slo_scenario_next(s, i, &b, &y);
		slo_scenario_next(s, i, &c, &z);
		assert_true(x.ttft_ms == y.ttft_ms && x.domains == y.domains);
		assert_memory_equal(x.signal, y.signal, sizeof(x.signal));
		differ += x.ttft_ms != z.ttft_ms;
	}
	assert_true(differ > 90);
}

static void values_are_possible_and_rounded(void **state)
{
	const struct slo_scenario *s;

	(void)state;
	for (size_t i = 0; (s = slo_scenario_at(i)); i++) {
		struct slo_random random;

		slo_random_init(&random, 3);
		for (uint64_t n = 0; n < 2000; n++) {
			struct slo_scenario_record r;

			slo_scenario_next(s, n, &random, &r);
			assert_true(r.ttft_ms > 0 && r.request_latency_ms > 0 &&
			            r.tokens_per_sec > 0);
			assert_true(r.error_rate >= 0 && r.error_rate <= 1);
			assert_true(fabs(r.ttft_ms * 1000 - round(r.ttft_ms * 1000)) < 1e-6);
			assert_true(s->at_once || !(r.domains & (r.domains - 1)));
		}
	}
}

static void mixed_multi_has_several_faults(void **state)
{
	const struct slo_scenario *s = slo_scenario_find("mixed_multi");
	struct slo_random random;
	int several = 0;

	(void)state;
	slo_random_init(&random, 4);
	for (uint64_t n = 0; n < 300; n++) {
		struct slo_scenario_record r;
		bool mixed;

		slo_scenario_next(s, n, &random, &r);
		mixed = (r.domains & (r.domains - 1)) != 0;
		several += mixed;
		assert_int_equal(mixed, strcmp(r.label, "mixed") == 0);
	}
	assert_in_range(several, 100, 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_means_its_domain),
		cmocka_unit_test(every_domain_can_be_made_up),
		cmocka_unit_test(help_names_every_scenario),
		cmocka_unit_test(same_seed_gives_the_same_records),
		cmocka_unit_test(values_are_possible_and_rounded),
		cmocka_unit_test(mixed_multi_has_several_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
