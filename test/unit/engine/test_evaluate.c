/* SPDX-License-Identifier: Apache-2.0 */
/* Expected figures: scikit-learn 1.9 (precision_recall_fscore_support, confusion_matrix) on the same cases. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/evaluate.h"

#define CASES 60
#define EPSILON 1e-12

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= EPSILON)

/* All kinds of agreement and error, by a formula that the script of the expected figures has too. */
static void make_cases(struct slo_eval_case cases[CASES])
{
	for (unsigned int i = 0; i < CASES; i++) {
		struct slo_eval_case *c = &cases[i];
		unsigned int t = (i * 29 + 3) % 41, s = i % 3 ? t : (i * 17 + 5) % 37;

		*c = (struct slo_eval_case){
			.truth = i % 7 ? t & 0x1f : 0,
			.set = s & 0x3f,
			.asserted = s & 0x3f,
			.abstained = i % 11 == 4,
			.probabilistic = true,
		};
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			c->posterior[f] = (double)((i * 13 + f * 31) % 97) / 96;
		c->posterior[SLO_DOMAIN_UNKNOWN] = (double)(i * 5 % 89) / 88;
		for (unsigned int d = 0; d < SLO_DOMAIN_MAX_; d++) {
			if (c->posterior[d] > c->posterior[c->top])
				c->top = (enum slo_domain)d;
		}
		c->confidence = c->posterior[c->top];
	}
}

struct expected {
	enum slo_eval_view view;
	double micro[3], macro[3]; /* precision, recall, F1 */
	uint64_t cases, exact;
	double f1[5];
};

static void check_view(const struct slo_eval_case *cases, const struct expected *e)
{
	struct slo_eval_average micro, macro;
	struct slo_eval_sets sets;

	slo_eval_sets_of(cases, CASES, e->view, &sets);
	slo_eval_micro(&sets, &micro);
	slo_eval_macro(&sets, &macro);
	assert_near(micro.precision, e->micro[0]);
	assert_near(micro.recall, e->micro[1]);
	assert_near(micro.f1, e->micro[2]);
	assert_near(macro.precision, e->macro[0]);
	assert_near(macro.recall, e->macro[1]);
	assert_near(macro.f1, e->macro[2]);
	assert_int_equal(macro.faults, 6);
	assert_int_equal(sets.cases, e->cases);
	assert_int_equal(sets.exact, e->exact);
	assert_int_equal(sets.none.cases + sets.single.cases + sets.multi.cases, e->cases);
	assert_int_equal(sets.none.exact + sets.single.exact + sets.multi.exact, e->exact);
	for (unsigned int f = 0; f < SLO_ARRAY_SIZE(e->f1); f++)
		assert_near(slo_eval_f1(&sets.fault[f]), e->f1[f]);
	assert_true(isnan(slo_eval_f1(&sets.fault[6])));
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
		const struct slo_eval_counts *c = &sets.fault[f];

		assert_int_equal(c->tp + c->fp + c->fn + c->tn, e->cases);
	}
}

static void set_figures_are_those_of_scikit_learn_in_every_view(void **state)
{
	static const struct expected expected[] = {
		{ SLO_EVAL_FORCED,
		  { 0.6216216216216216, 0.7931034482758621, 0.696969696969697 },
		  { 0.565421923755257, 0.6576326585384557, 0.6078659596800695 },
		  60,
		  27,
		  { 0.807017543859649123, 0.76, 0.730769230769230769, 0.638297872340425532,
		    0.711111111111111111 } },
		{ SLO_EVAL_ASSERTED,
		  { 0.6194029850746269, 0.7155172413793104, 0.664 },
		  { 0.5621358231140839, 0.5956310865731156, 0.5774478866800791 },
		  60,
		  25,
		  { 0.730769230769230769, 0.723404255319148936, 0.72, 0.608695652173913043,
		    0.681818181818181818 } },
		{ SLO_EVAL_SELECTIVE,
		  { 0.6194029850746269, 0.7980769230769231, 0.6974789915966386 },
		  { 0.5621358231140839, 0.6633513956168419, 0.6079785954785955 },
		  54,
		  25,
		  { 0.791666666666666667, 0.755555555555555556, 0.75, 0.636363636363636364,
		    0.714285714285714286 } },
	};
	struct slo_eval_case cases[CASES];

	(void)state;
	make_cases(cases);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(expected); i++)
		check_view(cases, &expected[i]);
}

static void partial_and_coverage_accuracy_follow_their_definition(void **state)
{
	struct slo_eval_case cases[CASES];

	(void)state;
	make_cases(cases);
	assert_near(slo_eval_partial_accuracy(cases, CASES), 0.31666666666666665);
	assert_near(slo_eval_coverage_accuracy(cases, CASES, 0.1), 0.9166666666666666);
	assert_near(slo_eval_coverage_accuracy(cases, CASES, 0.6), 0.3975);
}

static void confusion_has_a_column_for_abstentions_and_leaves_multi_faults_out(void **state)
{
	static const uint64_t expected[SLO_DOMAIN_MAX_][SLO_DOMAIN_MAX_ + 1] = {
		{ 0, 1, 0, 0, 0, 0, 0, 0, 2 },
		{ 0, 0, 1, 0, 0, 0, 0, 0, 0 },
		{ 1, 0, 0, 0, 0, 0, 0, 1, 0 },
		{ 1, 1, 0, 0, 0, 1, 0, 0, 0 },
		{ 0, 1, 0, 0, 0, 0, 0, 1, 0 },
		{ 0 },
		{ 0 },
		{ 4, 3, 2, 1, 1, 0, 0, 0, 0 },
	};
	struct slo_eval_case cases[CASES];
	struct slo_eval_confusion m;

	(void)state;
	make_cases(cases);
	slo_eval_confusion_of(cases, CASES, &m);
	assert_memory_equal(m.cell, expected, sizeof(expected));
	assert_int_equal(m.cases, 22);
}

static void nothing_measured_is_not_a_number(void **state)
{
	struct slo_eval_average a;
	struct slo_eval_sets sets;

	(void)state;
	slo_eval_sets_of(NULL, 0, SLO_EVAL_FORCED, &sets);
	slo_eval_macro(&sets, &a);
	assert_true(isnan(a.f1) && isnan(a.precision) && isnan(a.recall));
	slo_eval_micro(&sets, &a);
	assert_true(isnan(a.f1) && isnan(a.precision) && isnan(a.recall));
	assert_true(isnan(slo_eval_partial_accuracy(NULL, 0)));
	assert_true(isnan(slo_eval_coverage_accuracy(NULL, 0, 0.1)));
	assert_true(isnan(slo_eval_ratio(0, 0)));
}

static void silence_earns_no_precision_in_the_macro_average(void **state)
{
	const struct slo_eval_case cases[] = {
		{ .truth = SLO_DOMAIN_BIT(0), .set = SLO_DOMAIN_BIT(0), .top = 0 },
		{ .truth = SLO_DOMAIN_BIT(1), .set = 0, .top = SLO_DOMAIN_UNKNOWN },
	};
	struct slo_eval_average a;
	struct slo_eval_sets sets;

	(void)state;
	slo_eval_sets_of(cases, 2, SLO_EVAL_FORCED, &sets);
	slo_eval_macro(&sets, &a);
	assert_true(isnan(slo_eval_precision(&sets.fault[1])));
	assert_near(a.precision, 0.5);
	assert_near(a.f1, 0.5);
	assert_int_equal(a.faults, 2);
}

/* Behind an abstention stands a set, and a set may hold more than is asserted: three views, three answers. */
static void the_view_decides_which_set_counts(void **state)
{
	const struct slo_eval_case cases[] = {
		{ .truth = SLO_DOMAIN_BIT(0),
		  .set = SLO_DOMAIN_BIT(0) | SLO_DOMAIN_BIT(1),
		  .asserted = SLO_DOMAIN_BIT(0) },
		{ .truth = 0,
		  .set = SLO_DOMAIN_BIT(2),
		  .asserted = SLO_DOMAIN_BIT(2),
		  .abstained = true,
		  .top = SLO_DOMAIN_UNKNOWN,
		  .likely = 2 },
	};
	static const struct {
		uint64_t cases, exact, fp;
	} want[SLO_EVAL_VIEW_MAX_] = {
		[SLO_EVAL_FORCED] = { 2, 0, 2 },
		[SLO_EVAL_ASSERTED] = { 2, 2, 0 },
		[SLO_EVAL_SELECTIVE] = { 1, 0, 1 },
	};
	struct slo_eval_sets sets;

	(void)state;
	for (unsigned int v = 0; v < SLO_EVAL_VIEW_MAX_; v++) {
		slo_eval_sets_of(cases, 2, (enum slo_eval_view)v, &sets);
		assert_int_equal(sets.cases, want[v].cases);
		assert_int_equal(sets.exact, want[v].exact);
		assert_int_equal(sets.micro.fp, want[v].fp);
	}
	assert_true(slo_eval_top_right(&cases[1]));
	assert_false(slo_eval_likely_right(&cases[1]));
}

static void folds_keep_a_group_together_and_are_even(void **state)
{
	unsigned int count[5] = { 0 };
	char id[32];

	(void)state;
	for (unsigned int i = 0; i < 5000; i++) {
		unsigned int fold;

		(void)snprintf(id, sizeof(id), "inc-%u", i);
		fold = slo_eval_fold(NULL, id, 5);
		assert_in_range(fold, 0, 4);
		assert_int_equal(fold, slo_eval_fold("", id, 5));
		assert_int_equal(slo_eval_fold("burst", id, 5), slo_eval_fold("burst", "x", 5));
		count[fold]++;
	}
	/* 1000 each with a standard deviation of 28. */
	for (unsigned int f = 0; f < 5; f++)
		assert_in_range(count[f], 880, 1120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_figures_are_those_of_scikit_learn_in_every_view),
		cmocka_unit_test(partial_and_coverage_accuracy_follow_their_definition),
		cmocka_unit_test(
			confusion_has_a_column_for_abstentions_and_leaves_multi_faults_out),
		cmocka_unit_test(nothing_measured_is_not_a_number),
		cmocka_unit_test(silence_earns_no_precision_in_the_macro_average),
		cmocka_unit_test(the_view_decides_which_set_counts),
		cmocka_unit_test(folds_keep_a_group_together_and_are_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
