/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/evidence.h"
#include "test/unit/base/near.h"

static void signals_come_first_under_their_own_numbers_and_thresholds(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_desc *sig = slo_signal_desc((enum slo_signal)i);
		struct slo_evidence_desc d = slo_evidence_desc(i);

		assert_string_equal(d.name, sig->name);
		assert_string_equal(d.help, sig->help);
		assert_true(d.floor == sig->warn);
		assert_false(d.span);
		assert_string_equal(slo_evidence_unit_name(d.unit), slo_unit_name(sig->unit));
	}
}

static void every_row_is_whole_and_found_by_its_name(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		struct slo_evidence_desc d = slo_evidence_desc(i);
		unsigned int found = SLO_EVID_MAX_;

		assert_true(strlen(d.help) > 0);
		assert_true(d.floor > 0 && d.floor <= slo_evidence_max(i));
		assert_int_equal(d.span, i >= SLO_SIG_MAX_);
		assert_int_equal(d.group == SLO_EVID_GROUP_SPAN, d.span);
		assert_ptr_equal(slo_evidence_name(i), d.name);
		assert_int_equal(slo_evidence_from_name(d.name, &found), 0);
		assert_int_equal(found, i);
	}
	for (unsigned int g = 0; g < SLO_EVID_GROUP_MAX_; g++)
		assert_true(strlen(slo_evidence_group_name((enum slo_evidence_group)g)) > 0);
}

static void every_fault_has_specific_evidence(void **state)
{
	(void)state;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		unsigned int specific = 0;

		for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
			specific += slo_evidence_desc(i).role[f] == SLO_EVID_ROLE_SPECIFIC;
		assert_true(specific > 0);
	}
}

/* The kernel has nothing that tells a provider's fault: spans must. */
static void providers_and_retrieval_are_told_by_spans_alone(void **state)
{
	(void)state;
	for (unsigned int f = SLO_DOMAIN_PROVIDER_THROTTLE; f < SLO_FAULT_MAX; f++) {
		for (unsigned int i = 0; i < SLO_SIG_MAX_; i++)
			assert_int_not_equal(slo_evidence_desc(i).role[f], SLO_EVID_ROLE_SPECIFIC);
	}
	assert_int_equal(
		slo_evidence_desc(SLO_SIG_TCP_RETRANSMITS).role[SLO_DOMAIN_PROVIDER_THROTTLE],
		SLO_EVID_ROLE_EXCULPATES);
}

static void unknown_name_leaves_result(void **state)
{
	unsigned int found = 3;

	(void)state;
	assert_int_equal(slo_evidence_from_name("dns_latency", &found), -ENOENT);
	assert_int_equal(found, 3);
}

static void the_scale_rises_and_is_finite_from_0_to_the_largest_value(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		double last = slo_evidence_scale(i, 0);

		assert_true(isfinite(last));
		for (unsigned int k = 1; k <= 1000; k++) {
			double g = slo_evidence_scale(i, slo_evidence_max(i) * k / 1000.0);

			assert_true(isfinite(g) && g >= last);
			last = g;
		}
	}
	assert_near(slo_evidence_scale(SLO_SIG_DNS_LATENCY, 40), log(41), 1e-12);
	assert_near(slo_evidence_scale(SLO_SIG_CPU_STEAL, 50), 0, 1e-12);
	assert_near(slo_evidence_scale(SLO_SIG_CPU_STEAL, 10), log(0.1 / 0.9), 1e-12);
	assert_near(slo_evidence_scale(SLO_EVID_QUEUE_SHARE, 0.1), log(0.1 / 0.9), 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_come_first_under_their_own_numbers_and_thresholds),
		cmocka_unit_test(every_row_is_whole_and_found_by_its_name),
		cmocka_unit_test(every_fault_has_specific_evidence),
		cmocka_unit_test(providers_and_retrieval_are_told_by_spans_alone),
		cmocka_unit_test(unknown_name_leaves_result),
		cmocka_unit_test(the_scale_rises_and_is_finite_from_0_to_the_largest_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
