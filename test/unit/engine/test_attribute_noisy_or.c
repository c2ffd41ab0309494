/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/attribute_sets.h"
#include "test/random.h"
#include "test/unit/base/near.h"
#include "test/unit/engine/model.h"

#define BIT(d) SLO_DOMAIN_BIT(SLO_DOMAIN_##d)

static struct slo_attr_model model; /* 20 KiB: not on the stack of every test */

static int load_default(void **state)
{
	(void)state;
	load_model(&model, "default");
	return 0;
}

static struct slo_attribution judge(const struct slo_observation *obs)
{
	struct slo_attribution a;

	slo_attribute_noisy_or(&model, obs, &a);
	return a;
}

/* Every signal measured and far below its threshold. */
static struct slo_observation all_normal(void)
{
	struct slo_observation obs = { 0 };

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		slo_observation_set(&obs, i, model.evidence[i].median);
	return obs;
}

/* --- against the formulas, written down once more ------------------------------------------------------------ */

static double weight_of(uint32_t present, const struct slo_attribution *a, unsigned int i)
{
	enum slo_evidence_group g = slo_evidence_desc(i).group;
	unsigned int members = 0;

	for (unsigned int k = 0; k < SLO_EVID_MAX_; k++)
		members += (present >> k & 1) && slo_evidence_desc(k).group == g &&
		           a->evidence[k].raised == a->evidence[i].raised;
	return 1 / (1 + (members - 1) * model.rho[g]);
}

static double joint(const struct slo_observation *obs, const struct slo_attribution *a,
                    unsigned int set)
{
	double log_p = 0;

	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		log_p += log(set >> f & 1 ? model.prior[f] : 1 - model.prior[f]);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		double silent = 1 - model.evidence[i].leak, lr = exp(a->evidence[i].log_lr);

		if (!(obs->present >> i & 1))
			continue;
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			silent *= set >> f & 1 ? 1 - model.evidence[i].lambda[f] : 1;
		log_p += weight_of(obs->present, a, i) * log((1 - silent) * lr + silent);
	}
	return log_p;
}

static void check_against_formulas(const struct slo_observation *obs)
{
	struct slo_attribution a = judge(obs);
	double p[SLO_FAULT_SETS], sum = 0, marginal[SLO_FAULT_MAX] = { 0 };

	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		p[set] = exp(joint(obs, &a, set) / model.temperature);
		sum += p[set];
	}
	for (unsigned int set = 0; set < SLO_FAULT_SETS; set++) {
		assert_true(p[set] <= p[a.set] * (1 + 1e-9));
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
			marginal[f] += set >> f & 1 ? p[set] / sum : 0;
	}
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		assert_near(a.posterior[f], marginal[f], 1e-9);
	assert_near(a.posterior[SLO_DOMAIN_UNKNOWN], p[0] / sum, 1e-9);
	assert_near(a.set_probability, p[a.set] / sum, 1e-9);
	assert_near(a.second_set_probability, p[a.second_set] / sum, 1e-9);
}

/*
 * What is measured, quiet, and no business of the only fault that anything speaks for, is no reason to believe in it less:
 * it leaves the sign as specific as it was.
 */
static void quiet_neighbours_take_nothing_from_a_clear_sign(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			struct slo_observation obs = { 0 };
			double alone;

			if (!model.evidence[i].used || model.evidence[i].lambda[f] < 0.9)
				continue;
			slo_observation_set(
				&obs, i, fmin(slo_evidence_max(i), 50 * model.evidence[i].floor));
			alone = judge(&obs).posterior[f];
			for (unsigned int k = 0; k < SLO_EVID_MAX_; k++) {
				if (k != i && model.evidence[k].used &&
				    model.evidence[k].lambda[f] == 0)
					slo_observation_set(&obs, k, model.evidence[k].median);
			}
			assert_true(judge(&obs).posterior[f] >= alone - 1e-9);
		}
	}
}

static struct slo_observation any_observation(uint64_t *seed)
{
	struct slo_observation obs = { 0 };

	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (test_random(seed) % 2)
			slo_observation_set(&obs, i,
			                    fmin(slo_evidence_max(i),
			                         model.evidence[i].floor *
			                                 (double)(test_random(seed) % 100) / 20));
	}
	return obs;
}

static void posteriors_are_those_of_the_formulas_on_random_observations(void **state)
{
	uint64_t seed = TEST_RANDOM_SEED + 11;

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		struct slo_observation obs = any_observation(&seed);

		model.temperature = i % 3 ? 1 : 1.7;
		check_against_formulas(&obs);
	}
}

/* Additive: the prior and all nats are the log odds of a fault, given the rest of the best set. */
static void nats_add_up_to_the_log_odds(void **state)
{
	uint64_t seed = TEST_RANDOM_SEED + 5;

	(void)state;
	for (unsigned int k = 0; k < 200; k++) {
		struct slo_observation obs = any_observation(&seed);
		struct slo_attribution a = judge(&obs);

		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			double sum = a.prior_nats[f];

			for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
				sum += a.nats[f][i];
			assert_near(sum,
			            joint(&obs, &a, a.set | SLO_DOMAIN_BIT(f)) -
			                    joint(&obs, &a, a.set & ~SLO_DOMAIN_BIT(f)),
			            1e-9);
		}
	}
}

/* --- what it must do ------------------------------------------------------------------------------------------ */

static void nothing_measured_is_the_prior_and_all_is_unobservable(void **state)
{
	const struct slo_observation none = { 0 };
	struct slo_attribution a = judge(&none);

	(void)state;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		assert_near(a.posterior[f], model.prior[f], 1e-12);
	assert_int_equal(a.abstain, SLO_ABSTAIN_NO_SIGNALS);
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
	assert_int_equal(a.asserted, 0);
	assert_int_equal(a.unobservable, SLO_FAULT_SETS - 1);
}

/* Unlike in the reference model. */
static void a_missing_signal_says_nothing(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_MEM_RECLAIM, 60);
	a = judge(&obs);
	assert_near(a.posterior[SLO_DOMAIN_NETWORK_DNS], model.prior[SLO_DOMAIN_NETWORK_DNS], 1e-9);
	assert_true(a.unobservable & BIT(NETWORK_DNS));
	assert_false(a.unobservable & BIT(MEMORY_PRESSURE));
}

static void a_healthy_host_with_a_broken_slo_is_unknown(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution a = judge(&obs);

	(void)state;
	assert_int_equal(a.set, 0);
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
	assert_int_equal(a.abstain, SLO_ABSTAIN_NO_EVIDENCE);
	assert_true(a.posterior[SLO_DOMAIN_UNKNOWN] > 0.6);
	assert_near(a.confidence, a.posterior[SLO_DOMAIN_UNKNOWN], 0);
	assert_int_equal(a.unobservable, 0);
}

static void each_fault_is_found_by_its_own_evidence(void **state)
{
	static const struct {
		enum slo_domain domain;
		struct {
			unsigned int evid;
			double value;
		} raised[4];
	} rows[] = {
		{ SLO_DOMAIN_NETWORK_DNS, { { SLO_SIG_DNS_LATENCY, 5000 } } },
		{ SLO_DOMAIN_NETWORK_EGRESS,
		  { { SLO_SIG_TCP_RETRANSMITS, 30 }, { SLO_SIG_CONNECT_LATENCY, 1000 } } },
		{ SLO_DOMAIN_CPU_THROTTLE,
		  { { SLO_SIG_RUNQUEUE_DELAY, 60 }, { SLO_SIG_CFS_THROTTLED, 400 } } },
		{ SLO_DOMAIN_MEMORY_PRESSURE,
		  { { SLO_SIG_MEM_RECLAIM, 60 }, { SLO_SIG_DISK_IO, 40 } } },
		{ SLO_DOMAIN_PROVIDER_THROTTLE,
		  { { SLO_EVID_THROTTLED_RATIO, 0.4 }, { SLO_EVID_SERVER_THINK, 3000 } } },
		{ SLO_DOMAIN_PROVIDER_ERROR,
		  { { SLO_EVID_SERVER_ERROR_RATIO, 0.3 }, { SLO_EVID_STREAM_ERROR_RATIO, 0.1 } } },
		{ SLO_DOMAIN_RETRIEVAL_BACKEND,
		  { { SLO_EVID_RETRIEVAL_SHARE, 0.8 }, { SLO_EVID_SERVER_THINK, 3000 } } },
	};

	(void)state;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++) {
		struct slo_observation obs = all_normal();
		struct slo_attribution a;

		for (unsigned int k = 0; k < 4 && rows[i].raised[k].value > 0; k++)
			slo_observation_set(&obs, rows[i].raised[k].evid, rows[i].raised[k].value);
		a = judge(&obs);
		assert_int_equal(a.top, rows[i].domain);
		assert_int_equal(a.set, SLO_DOMAIN_BIT(rows[i].domain));
		assert_int_equal(a.asserted, SLO_DOMAIN_BIT(rows[i].domain));
		assert_int_equal(a.abstain, SLO_ABSTAIN_NONE);
	}
}

static void two_faults_at_once_are_both_asserted(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 5000);
	slo_observation_set(&obs, SLO_SIG_MEM_RECLAIM, 60);
	slo_observation_set(&obs, SLO_SIG_DISK_IO, 60);
	a = judge(&obs);
	assert_int_equal(a.asserted, BIT(NETWORK_DNS) | BIT(MEMORY_PRESSURE));
	assert_int_equal(a.set, a.asserted);
}

static void normal_retransmits_speak_against_egress(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_CONNECT_LATENCY, 600);
	a = judge(&obs);
	assert_true(a.nats[SLO_DOMAIN_NETWORK_EGRESS][SLO_SIG_TCP_RETRANSMITS] < -0.5);
	assert_true(a.nats[SLO_DOMAIN_NETWORK_EGRESS][SLO_SIG_CONNECT_LATENCY] > 0.3);
}

/* From 12 to 14 us is many deviations where a run queue is that quiet, and hurts nobody. */
static void below_its_floor_nothing_is_raised(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_RUNQUEUE_DELAY, 9.9);
	obs.learnt[SLO_SIG_RUNQUEUE_DELAY] =
		(struct slo_baseline_stat){ .n = 1e6, .median = log1p(0.012), .spread = 0.001 };
	a = judge(&obs);
	assert_true(a.evidence[SLO_SIG_RUNQUEUE_DELAY].z > 10);
	assert_true(a.evidence[SLO_SIG_RUNQUEUE_DELAY].log_lr == 0);
	assert_false(a.evidence[SLO_SIG_RUNQUEUE_DELAY].raised);
	slo_observation_set(&obs, SLO_SIG_RUNQUEUE_DELAY, 10);
	assert_true(judge(&obs).evidence[SLO_SIG_RUNQUEUE_DELAY].raised);
}

static void a_learnt_baseline_takes_over_as_it_grows(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_baseline_stat *learnt = &obs.learnt[SLO_SIG_DNS_LATENCY];
	const struct slo_attr_model_evidence *e = &model.evidence[SLO_SIG_DNS_LATENCY];
	double shipped = log1p(e->median), here = log1p(300);

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 300);
	assert_near(judge(&obs).evidence[SLO_SIG_DNS_LATENCY].z, (here - shipped) / e->spread,
	            1e-9);
	*learnt = (struct slo_baseline_stat){ .n = 30, .median = here, .spread = 0.5 };
	assert_near(judge(&obs).evidence[SLO_SIG_DNS_LATENCY].z,
	            (here - shipped) / 2 / ((e->spread + 0.5) / 2), 1e-9);
	learnt->n = 1e9;
	assert_near(judge(&obs).evidence[SLO_SIG_DNS_LATENCY].z, 0, 1e-6);
	/* A workload that never varies must not make every hair a deviation. */
	*learnt = (struct slo_baseline_stat){ .n = 1e12, .median = here - 1, .spread = 0 };
	assert_near(judge(&obs).evidence[SLO_SIG_DNS_LATENCY].z, 1 / e->min_spread, 1e-6);
}

/* What the kernel alone cannot tell is named, neither asserted nor excluded. */
static void two_signals_leave_most_faults_unobservable(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 300);
	slo_observation_set(&obs, SLO_SIG_TCP_RETRANSMITS, 0.1);
	a = judge(&obs);
	assert_int_equal(a.unobservable,
	                 (SLO_FAULT_SETS - 1) & ~(BIT(NETWORK_DNS) | BIT(NETWORK_EGRESS)));
	assert_int_equal(a.asserted, BIT(NETWORK_DNS));
}

static void a_far_signal_that_nothing_explains_is_told(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution a;

	(void)state;
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		model.evidence[SLO_EVID_QUEUE_SHARE].lambda[f] = 0;
	assert_int_equal(slo_attr_model_finish(&model, NULL), 0);
	slo_observation_set(&obs, SLO_EVID_QUEUE_SHARE, 0.9);
	a = judge(&obs);
	assert_int_equal(a.abstain, SLO_ABSTAIN_UNEXPLAINED);
	assert_int_equal(a.unexplained, SLO_EVID_BIT(SLO_EVID_QUEUE_SHARE));
	/* Beside a fault that is clear it is told, but the fault is asserted all the same. */
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 5000);
	a = judge(&obs);
	assert_int_equal(a.abstain, SLO_ABSTAIN_NONE);
	assert_int_equal(a.asserted, BIT(NETWORK_DNS));
	assert_int_equal(a.unexplained, SLO_EVID_BIT(SLO_EVID_QUEUE_SHARE));
}

static void two_sets_that_are_as_good_are_both_reported(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	/* Fails and slow handshakes: egress or the provider, with the same numbers here. */
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		model.evidence[i].lambda[SLO_DOMAIN_PROVIDER_ERROR] =
			model.evidence[i].lambda[SLO_DOMAIN_NETWORK_EGRESS];
	assert_int_equal(slo_attr_model_finish(&model, NULL), 0);
	slo_observation_set(&obs, SLO_SIG_CONNECT_ERRORS, 20);
	slo_observation_set(&obs, SLO_SIG_TLS_FAIL, 20);
	a = judge(&obs);
	assert_int_equal(a.abstain, SLO_ABSTAIN_AMBIGUOUS);
	assert_true(a.ambiguous);
	assert_int_equal(a.set | a.second_set, BIT(NETWORK_EGRESS) | BIT(PROVIDER_ERROR));
	assert_near(a.set_probability, a.second_set_probability, 1e-9);
}

static void low_confidence_is_a_reason_of_its_own(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	model.assert_at = 0.999;
	assert_int_equal(slo_attr_model_finish(&model, NULL), 0);
	slo_observation_set(&obs, SLO_SIG_MEM_RECLAIM, 60);
	slo_observation_set(&obs, SLO_SIG_DISK_IO, 40);
	a = judge(&obs);
	assert_int_equal(a.abstain, SLO_ABSTAIN_LOW_CONFIDENCE);
	assert_int_equal(a.set, BIT(MEMORY_PRESSURE));
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
}

static void a_temperature_softens_and_moves_no_order(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution sharp, soft;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 5000);
	sharp = judge(&obs);
	model.temperature = 3;
	soft = judge(&obs);
	assert_int_equal(sharp.set, soft.set);
	assert_true(soft.posterior[SLO_DOMAIN_NETWORK_DNS] <
	            sharp.posterior[SLO_DOMAIN_NETWORK_DNS]);
	assert_true(soft.set_probability < sharp.set_probability);
}

static void the_conformal_set_holds_what_the_quantile_lets_pass(void **state)
{
	struct slo_observation obs = all_normal();
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 5000);
	assert_false(judge(&obs).has_conformal);
	model.conformal_n = 100;
	model.conformal_alpha = 0.1;
	model.conformal_quantile = 0.5;
	a = judge(&obs);
	assert_true(a.has_conformal);
	assert_int_equal(a.conformal, BIT(NETWORK_DNS));
	model.conformal_quantile = 1;
	assert_int_equal(judge(&obs).conformal, (1U << SLO_DOMAIN_MAX_) - 1);
}

static void the_same_observation_gives_the_same_bits(void **state)
{
	struct slo_attribution a, b;
	uint64_t seed = TEST_RANDOM_SEED + 3;

	(void)state;
	for (unsigned int k = 0; k < 50; k++) {
		struct slo_observation obs = any_observation(&seed);

		memset(&a, 0xa5, sizeof(a));
		memset(&b, 0x5a, sizeof(b));
		slo_attribute(SLO_ATTR_NOISY_OR, &model, &obs, &a);
		slo_attribute(SLO_ATTR_NOISY_OR, &model, &obs, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

static void evidence_is_ranked_by_what_it_weighs(void **state)
{
	struct slo_observation obs = all_normal();
	unsigned int order[SLO_EVID_MAX_], n;
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_DNS_LATENCY, 5000);
	a = judge(&obs);
	n = slo_attribution_rank(&a, SLO_DOMAIN_NETWORK_DNS, SLO_EVID_ALL, order);
	assert_int_equal(n, SLO_EVID_MAX_);
	assert_int_equal(order[0], SLO_SIG_DNS_LATENCY);
	for (unsigned int k = 1; k < n; k++)
		assert_true(fabs(a.nats[SLO_DOMAIN_NETWORK_DNS][order[k]]) <=
		            fabs(a.nats[SLO_DOMAIN_NETWORK_DNS][order[k - 1]]));
	assert_int_equal(slo_attribution_rank(&a, SLO_DOMAIN_NETWORK_DNS, 0, order), 0);
}

/* The same figures off the kernel's counters: half the evidence, of the network's faults too little to tell. */
static void evidence_of_counters_counts_half(void **state)
{
	struct slo_observation hooks = { 0 }, counters = { 0 };
	struct slo_attribution by_hooks, by_counters;

	(void)state;
	slo_observation_set(&hooks, SLO_SIG_DNS_LATENCY, 300);
	slo_observation_source(&hooks, SLO_SIG_DNS_LATENCY, SLO_SRC_CGROUP_SKB);
	counters = hooks;
	slo_observation_source(&counters, SLO_SIG_DNS_LATENCY, SLO_SRC_PROCFS);
	by_hooks = judge(&hooks);
	by_counters = judge(&counters);
	assert_near(by_counters.evidence[SLO_SIG_DNS_LATENCY].log_lr,
	            by_hooks.evidence[SLO_SIG_DNS_LATENCY].log_lr / 2, 1e-12);
	assert_near(by_counters.observability[SLO_DOMAIN_NETWORK_DNS],
	            by_hooks.observability[SLO_DOMAIN_NETWORK_DNS] / 2, 1e-12);
	assert_true(by_counters.posterior[SLO_DOMAIN_NETWORK_DNS] <
	            by_hooks.posterior[SLO_DOMAIN_NETWORK_DNS]);
}

/* Throttling has no hook: its counter is the measurement. */
static void what_only_counters_tell_counts_whole(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a, b;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_CFS_THROTTLED, 400);
	a = judge(&obs);
	slo_observation_source(&obs, SLO_SIG_CFS_THROTTLED, SLO_SRC_PROCFS);
	b = judge(&obs);
	assert_near(a.evidence[SLO_SIG_CFS_THROTTLED].log_lr,
	            b.evidence[SLO_SIG_CFS_THROTTLED].log_lr, 0);
}

/* A host that refuses BPF, and a slow provider: what cannot be seen is named, and nothing is asserted in its place. */
static void a_degraded_host_names_what_it_cannot_see_and_abstains(void **state)
{
	struct slo_observation obs = { 0 };
	struct slo_attribution a;

	(void)state;
	slo_observation_set(&obs, SLO_SIG_TCP_RETRANSMITS, 0.1);
	slo_observation_source(&obs, SLO_SIG_TCP_RETRANSMITS, SLO_SRC_NETLINK);
	slo_observation_set(&obs, SLO_SIG_RUNQUEUE_DELAY, 0.2);
	slo_observation_source(&obs, SLO_SIG_RUNQUEUE_DELAY, SLO_SRC_PROCFS);
	a = judge(&obs);
	assert_int_equal(a.asserted, 0);
	assert_int_equal(a.top, SLO_DOMAIN_UNKNOWN);
	assert_int_not_equal(a.abstain, SLO_ABSTAIN_NONE);
	assert_true(a.unobservable & BIT(PROVIDER_THROTTLE));
	assert_true(a.unobservable & BIT(NETWORK_DNS));
	assert_true(a.unobservable & BIT(MEMORY_PRESSURE));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, load_default)
	const struct CMUnitTest tests[] = {
		TEST(quiet_neighbours_take_nothing_from_a_clear_sign),
		TEST(posteriors_are_those_of_the_formulas_on_random_observations),
		TEST(nats_add_up_to_the_log_odds),
		TEST(nothing_measured_is_the_prior_and_all_is_unobservable),
		TEST(a_missing_signal_says_nothing),
		TEST(a_healthy_host_with_a_broken_slo_is_unknown),
		TEST(each_fault_is_found_by_its_own_evidence),
		TEST(two_faults_at_once_are_both_asserted),
		TEST(normal_retransmits_speak_against_egress),
		TEST(below_its_floor_nothing_is_raised),
		TEST(a_learnt_baseline_takes_over_as_it_grows),
		TEST(two_signals_leave_most_faults_unobservable),
		TEST(a_far_signal_that_nothing_explains_is_told),
		TEST(two_sets_that_are_as_good_are_both_reported),
		TEST(low_confidence_is_a_reason_of_its_own),
		TEST(a_temperature_softens_and_moves_no_order),
		TEST(the_conformal_set_holds_what_the_quantile_lets_pass),
		TEST(the_same_observation_gives_the_same_bits),
		TEST(evidence_is_ranked_by_what_it_weighs),
		TEST(evidence_of_counters_counts_half),
		TEST(what_only_counters_tell_counts_whole),
		TEST(a_degraded_host_names_what_it_cannot_see_and_abstains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
