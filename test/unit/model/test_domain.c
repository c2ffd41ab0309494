/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/domain.h"

static void names_are_found_again_in_the_order_of_the_contract(void **state)
{
	static const char *const order[] = { "network_dns",       "network_egress",
		                             "cpu_throttle",      "memory_pressure",
		                             "provider_throttle", "provider_error",
		                             "retrieval_backend", "unknown" };

	(void)state;
	assert_int_equal(SLO_ARRAY_SIZE(order), SLO_DOMAIN_MAX_);
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		enum slo_domain found = SLO_DOMAIN_MAX_;

		assert_string_equal(slo_domain_name((enum slo_domain)d), order[d]);
		assert_int_equal(slo_domain_from_name(order[d], &found), 0);
		assert_int_equal(found, d);
	}
}

static void every_domain_has_help_and_next_steps(void **state)
{
	(void)state;
	for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
		const struct slo_domain_desc *desc = slo_domain_desc((enum slo_domain)d);

		assert_true(strlen(desc->help) > 0);
		assert_non_null(desc->steps[0]);
		for (unsigned int i = 0; i < SLO_DOMAIN_STEPS_MAX && desc->steps[i]; i++)
			assert_in_range(strlen(desc->steps[i]), 10, 100);
	}
}

static void unknown_name_leaves_result(void **state)
{
	enum slo_domain found = SLO_DOMAIN_PROVIDER_ERROR;

	(void)state;
	assert_int_equal(slo_domain_from_name("network", &found), -ENOENT);
	assert_int_equal(slo_domain_from_name("", &found), -ENOENT);
	assert_int_equal(found, SLO_DOMAIN_PROVIDER_ERROR);
}

static void the_mapper_knows_the_labels_of_the_scenarios_and_no_other(void **state)
{
	static const struct {
		const char *label;
		enum slo_domain domain;
	} rows[] = {
		{ "dns_latency", SLO_DOMAIN_NETWORK_DNS },
		{ "egress_drop", SLO_DOMAIN_NETWORK_EGRESS },
		{ "network_partition", SLO_DOMAIN_NETWORK_EGRESS },
		{ "cpu_throttle", SLO_DOMAIN_CPU_THROTTLE },
		{ "memory_pressure", SLO_DOMAIN_MEMORY_PRESSURE },
		{ "provider_throttle", SLO_DOMAIN_PROVIDER_THROTTLE },
		{ "provider_error", SLO_DOMAIN_PROVIDER_ERROR },
		{ "retrieval_slowdown", SLO_DOMAIN_RETRIEVAL_BACKEND },
		{ "network_dns", SLO_DOMAIN_UNKNOWN }, /* a domain, not a label */
		{ "mixed", SLO_DOMAIN_UNKNOWN },
		{ "", SLO_DOMAIN_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		assert_int_equal(slo_domain_of_label(rows[i].label), rows[i].domain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_again_in_the_order_of_the_contract),
		cmocka_unit_test(every_domain_has_help_and_next_steps),
		cmocka_unit_test(unknown_name_leaves_result),
		cmocka_unit_test(the_mapper_knows_the_labels_of_the_scenarios_and_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
