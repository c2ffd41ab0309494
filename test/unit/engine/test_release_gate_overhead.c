/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/release_gate.h"
#include "test/unit/base/fail_alloc.h"
#include "test/unit/engine/near.h"

static void overhead_is_judged_by_the_worst_node_and_the_mean(void **state)
{
	const struct {
		double a, b;
		enum slo_gate_verdict verdict;
		const char *reason;
	} rows[] = {
		{ 2, 3, SLO_GATE_PASS, "" },
		{ 2, 3.5, SLO_GATE_FAIL, "node b p95 overhead 3.5000 exceeds 3.0000" },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		slo_overhead_auto struct slo_overhead *o = NULL;
		struct slo_overhead_result r;

		assert_int_equal(slo_overhead_new(&o), 0);
		assert_int_equal(slo_overhead_add(o, "b", rows[i].b), 0);
		for (int k = 0; k < 3; k++)
			assert_int_equal(slo_overhead_add(o, "a", rows[i].a), 0);
		slo_overhead_judge(o, &slo_gate_limits_default, &r);
		assert_int_equal(r.verdict, rows[i].verdict);
		assert_string_equal(r.reason, rows[i].reason);
		assert_near(r.max_pct, rows[i].b, 0);
		assert_near(r.mean_pct, (3 * rows[i].a + rows[i].b) / 4, 1e-12);
		assert_int_equal(r.node_count, 2);
		assert_string_equal(r.nodes[0].name, "a");
		assert_string_equal(r.worst->name, "b");
	}
}

/* One outlier above p95 on each node passes the nodes, but not the mean. */
static void a_mean_above_the_limit_fails_too(void **state)
{
	slo_overhead_auto struct slo_overhead *o = NULL;
	struct slo_overhead_result r;

	(void)state;
	assert_int_equal(slo_overhead_new(&o), 0);
	for (int i = 0; i < 99; i++)
		assert_int_equal(slo_overhead_add(o, "a", 2.9), 0);
	assert_int_equal(slo_overhead_add(o, "a", 100), 0);
	slo_overhead_judge(o, &slo_gate_limits_default, &r);
	assert_near(r.nodes[0].p95_pct, 2.9, 1e-12);
	assert_int_equal(r.verdict, SLO_GATE_FAIL);
	assert_string_equal(r.reason, "mean overhead 3.8710 exceeds 3.0000");
}

static void no_overhead_samples_decide_nothing(void **state)
{
	slo_overhead_auto struct slo_overhead *o = NULL;
	struct slo_overhead_result r;

	(void)state;
	assert_int_equal(slo_overhead_new(&o), 0);
	slo_overhead_judge(o, &slo_gate_limits_default, &r);
	assert_int_equal(r.verdict, SLO_GATE_INCONCLUSIVE);
	assert_true(isnan(r.mean_pct) && isnan(r.max_pct));
	assert_null(r.worst);
}

static void overhead_is_bounded(void **state)
{
	slo_overhead_auto struct slo_overhead *o = NULL;
	char name[SLO_GATE_NODE_SIZE + 1];

	(void)state;
	assert_int_equal(slo_overhead_new(&o), 0);
	memset(name, 'n', sizeof(name));
	name[SLO_GATE_NODE_SIZE] = '\0';
	assert_int_equal(slo_overhead_add(o, name, 1), -ENAMETOOLONG);
	for (int i = 0; i < SLO_GATE_NODES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "node-%d", i);
		assert_int_equal(slo_overhead_add(o, name, 1), 0);
	}
	assert_int_equal(slo_overhead_add(o, "one more", 1), -E2BIG);
	assert_int_equal(slo_overhead_add(o, "node-7", 1), 0);
}

static void each_allocation_may_fail(void **state)
{
	struct slo_overhead *o = NULL;

	(void)state;
	if (!FAIL_ALLOC)
		skip();
	for (int n = 0; n < 2; n++) {
		fail_alloc_after = n;
		assert_int_equal(slo_overhead_new(&o), -ENOMEM);
		fail_alloc_after = -1;
		assert_null(o);
	}
	assert_int_equal(slo_overhead_new(&o), 0);
	fail_alloc_after = 0;
	assert_int_equal(slo_overhead_add(o, "a", 1), -ENOMEM);
	fail_alloc_after = -1;
	for (int i = 0; i < 3000; i++)
		assert_int_equal(slo_overhead_add(o, "a", i), 0);
	slo_overhead_freep(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overhead_is_judged_by_the_worst_node_and_the_mean),
		cmocka_unit_test(a_mean_above_the_limit_fails_too),
		cmocka_unit_test(no_overhead_samples_decide_nothing),
		cmocka_unit_test(overhead_is_bounded),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("release_gate_overhead", tests, NULL, NULL);
}
