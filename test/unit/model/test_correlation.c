/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/correlation.h"

static void every_tier_is_complete_and_weaker_than_the_one_before(void **state)
{
	(void)state;
	for (int t = 0; t < SLO_TIER_MAX_; t++) {
		const struct slo_corr_tier_desc *d = slo_corr_tier_desc((enum slo_corr_tier)t);
		enum slo_corr_tier found = SLO_TIER_NONE;

		assert_true(d->name && *d->name && d->limit_ns > 0);
		assert_true(d->confidence > 0 && d->confidence <= 1);
		assert_true(t == 0 || d->confidence < slo_corr_tier_desc(t - 1)->confidence);
		assert_int_equal(slo_corr_tier_from_name(d->name, &found), 0);
		assert_int_equal(found, t);
	}
	assert_string_equal(slo_corr_tier_desc(SLO_TIER_NONE)->name, "");
	assert_true(slo_corr_tier_desc(SLO_TIER_NONE)->confidence == 0);
}

static void older_tier_name_is_read(void **state)
{
	enum slo_corr_tier tier = SLO_TIER_TRACE;

	(void)state;
	assert_int_equal(slo_corr_tier_from_name("svc_node_500ms", &tier), 0);
	assert_int_equal(tier, SLO_TIER_SERVICE_NODE);
	assert_int_equal(slo_corr_tier_from_name("service_node", &tier), -ENOENT);
	assert_int_equal(slo_corr_tier_from_name("", &tier), -ENOENT);
	assert_int_equal(tier, SLO_TIER_SERVICE_NODE);
}

static void attribute_names_are_unique_and_ours(void **state)
{
	const char *names[SLO_SIG_MAX_ + SLO_ATTR_MAX_];
	size_t n = 0;

	(void)state;
	for (int s = 0; s < SLO_SIG_MAX_; s++)
		names[n++] = slo_signal_attr_name((enum slo_signal)s);
	for (int a = 0; a < SLO_ATTR_MAX_; a++)
		names[n++] = slo_span_attr_name((enum slo_span_attr)a);
	for (size_t i = 0; i < n; i++) {
		assert_true(strncmp(names[i], "llm.ebpf.", 9) == 0 ||
		            strncmp(names[i], "llm.slo.", 8) == 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	assert_string_equal(slo_signal_attr_name(SLO_SIG_MEM_RECLAIM),
	                    "llm.ebpf.mm.reclaim_latency_ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tier_is_complete_and_weaker_than_the_one_before),
		cmocka_unit_test(older_tier_name_is_read),
		cmocka_unit_test(attribute_names_are_unique_and_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
