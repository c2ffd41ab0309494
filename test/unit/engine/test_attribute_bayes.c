/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/attribute.h"
#include "test/unit/base/near.h"

static struct slo_attribution bayes(const struct slo_observation *obs)
{
	struct slo_attribution a;

	slo_attribute_bayes(NULL, obs, &a);
	return a;
}

/* The check values of the reference model. */
static void nothing_elevated_is_unknown(void **state)
{
	const struct slo_observation none = { 0 };
	struct slo_attribution a = bayes(&none);

	(void)state;
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
	assert_near(a.posterior[SLO_DOMAIN_UNKNOWN], 0.7506, 5e-5);
	assert_near(a.posterior[SLO_DOMAIN_RETRIEVAL_BACKEND], 0.2154, 5e-5);
	assert_int_equal(a.abstain, SLO_ABSTAIN_NO_SIGNALS);
	assert_int_equal(a.asserted, 0);
}

static void dns_220_and_connect_130_is_network_dns(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;
	double sum = 0;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 220);
	slo_observation_set(&obs, SLO_SIG_CONNECT_LATENCY, 130);
	a = bayes(&obs);
	assert_int_equal(a.top, SLO_DOMAIN_NETWORK_DNS);
	assert_near(a.posterior[SLO_DOMAIN_NETWORK_DNS], 0.93327, 5e-6);
	assert_near(a.posterior[SLO_DOMAIN_RETRIEVAL_BACKEND], 0.03657, 5e-6);
	assert_near(a.posterior[SLO_DOMAIN_UNKNOWN], 0.02080, 5e-6);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++)
		sum += a.posterior[d];
	assert_near(sum, 1, 1e-12);
	assert_int_equal(a.asserted, SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_DNS));
	assert_int_equal(a.abstain, SLO_ABSTAIN_NONE);
}

/* The flaw that noisy-or does not have. */
static void a_missing_signal_counts_as_normal(void **state)
{
	struct slo_observation with = { 0 }, without = { 0 };
	struct slo_attribution a, b;

	(void)state;
	slo_observation_set(&without, SLO_SIG_DNS_LATENCY, 220);
	with = without;
	for (unsigned int i = 1; i < SLO_SIG_MAX_; i++)
		slo_observation_set(&with, i, 0);
	a = bayes(&with);
	b = bayes(&without);
	assert_memory_equal(a.posterior, b.posterior, sizeof(a.posterior));
}

static void a_value_at_its_threshold_is_elevated_and_thresholds_can_be_set(void **state)
{
	double thresholds[SLO_SIG_MAX_];
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 40);
	a = bayes(&obs);
	assert_true(a.evidence[SLO_SIG_DNS_LATENCY].raised);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++)
		thresholds[i] = 40.1;
	slo_attribute_bayes(thresholds, &obs, &a);
	assert_false(a.evidence[SLO_SIG_DNS_LATENCY].raised);
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
}

static void span_evidence_is_no_part_of_it(void **state)
{
	struct slo_observation obs = { 0 };

	(void)state;
	slo_observation_set(&obs, SLO_EVID_THROTTLED_RATIO, 0.9);
	assert_near(bayes(&obs).posterior[SLO_DOMAIN_UNKNOWN], 0.7506, 5e-5);
	assert_int_equal(bayes(&obs).abstain, SLO_ABSTAIN_NO_SIGNALS);
}

static void a_rule_repeats_the_label_and_has_no_set_for_unknown(void **state)
{
	struct slo_attribution a;

	(void)state;
	slo_attribute_rule("egress_drop", 0.8, &a);
	assert_int_equal(a.mode, SLO_ATTR_RULE);
	assert_int_equal(a.top, SLO_DOMAIN_NETWORK_EGRESS);
	assert_near(a.confidence, 0.8, 0);
	assert_int_equal(a.set, SLO_DOMAIN_BIT(SLO_DOMAIN_NETWORK_EGRESS));
	slo_attribute_rule("what", 0.8, &a);
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
	assert_int_equal(a.set, 0);
	assert_int_equal(a.asserted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_elevated_is_unknown),
		cmocka_unit_test(dns_220_and_connect_130_is_network_dns),
		cmocka_unit_test(a_missing_signal_counts_as_normal),
		cmocka_unit_test(a_value_at_its_threshold_is_elevated_and_thresholds_can_be_set),
		cmocka_unit_test(span_evidence_is_no_part_of_it),
		cmocka_unit_test(a_rule_repeats_the_label_and_has_no_set_for_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
