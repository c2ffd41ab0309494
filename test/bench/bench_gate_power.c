/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the reference rule and the non-inferiority gate catch a slower release: bench_gate_power [ROUNDS]. Both
 * judge the same simulated samples, log-normal with sigma(log) .5; a rate of 1000 rounds errs by 1.6 % (one sd) at most.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/release_gate.h"
#include "core/engine/stats_random.h"

#define SAMPLES_MAX 600
#define SIGMA 0.5

struct rates {
	size_t reference_fails;
	size_t location_fails; /* of the new gate: by the typical request alone */
	size_t verdicts[SLO_GATE_VERDICT_MAX_];
};

/* Box and Muller 1958; two uniforms a value keep it simple. */
static double normal(struct slo_random *random)
{
	double radius = sqrt(-2 * log(1 - slo_random_unit(random)));

	return radius * cos(2 * M_PI * slo_random_unit(random));
}

struct design {
	size_t n, runs; /* a side */
	double run_sigma; /* of ln between runs */
};

static void fill(struct slo_random *random, const struct design *d, double factor, double *values)
{
	double run = 1;

	for (size_t i = 0; i < d->n; i++) {
		if (d->run_sigma > 0 && i % (d->n / d->runs) == 0)
			run = exp(d->run_sigma * normal(random));
		values[i] = 300 * factor * run * exp(SIGMA * normal(random));
	}
}

static void die(void)
{
	(void)fprintf(stderr, "bench_gate_power: out of memory\n");
	exit(4);
}

static void round_of(struct slo_random *random, const struct design *d, double factor,
                     struct rates *rates)
{
	static const double zeros[SAMPLES_MAX];
	static double values[2][SAMPLES_MAX];
	const struct slo_gate_limits *limits = &slo_gate_limits_default;
	struct slo_gate_side sides[2];
	const uint64_t seed = slo_random_u64(random);
	struct slo_significance_result reference;
	struct slo_ni_result ni;

	for (size_t i = 0; i < 2; i++) {
		sides[i] = (struct slo_gate_side){ .ttft_ms = values[i],
			                           .tokens_per_sec = zeros,
			                           .error_rate = zeros,
			                           .n = d->n,
			                           .runs = d->runs };
		for (size_t r = 0; r < d->runs; r++)
			sides[i].run_sizes[r] = d->n / d->runs;
		fill(random, d, i == 0 ? factor : 1, values[i]);
	}
	if (slo_significance_judge(&sides[0], &sides[1], limits, seed, &reference) < 0 ||
	    slo_ni_measure(&sides[0], &sides[1], limits, seed, &ni) < 0 ||
	    slo_ni_decide(&ni, 1, limits) < 0)
		die();
	rates->reference_fails += reference.verdict == SLO_GATE_FAIL;
	rates->location_fails += ni.figures[SLO_NI_TTFT].verdict == SLO_GATE_FAIL;
	rates->verdicts[ni.verdict]++;
}

static double share(size_t count, size_t rounds)
{
	return 100 * (double)count / (double)rounds;
}

int main(int argc, char **argv)
{
	static const double changes_pct[] = { 0, 5, 10, 20, 50 };
	static const struct design designs[] = { { 30, 1, 0 }, { 300, 3, 0 }, { 600, 3, 0.08 } };
	const size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	struct slo_random random;

	if (rounds == 0) {
		(void)fprintf(stderr, "usage: bench_gate_power [ROUNDS]\n");
		return 2;
	}
	slo_random_init(&random, 20260101);
	(void)printf("simulated, sigma(log) %.1f, %zu rounds, %% of them\n", SIGMA, rounds);
	(void)printf("%13s  %10s  %8s %8s %8s %8s\n", "true change", "reference", "new:", "fails",
	             "open", "passes");
	(void)printf("%13s  %10s  %8s\n", "", "fails", "by TTFT");
	for (size_t k = 0; k < SLO_ARRAY_SIZE(designs); k++) {
		const struct design *d = &designs[k];

		(void)printf("%zu samples in %zu run%s a side, runs differ by %.0f %%\n", d->n,
		             d->runs, d->runs == 1 ? "" : "s", 100 * d->run_sigma);
		for (size_t i = 0; i < SLO_ARRAY_SIZE(changes_pct); i++) {
			struct rates r = { 0 };

			for (size_t round = 0; round < rounds; round++)
				round_of(&random, d, 1 + changes_pct[i] / 100, &r);
			(void)printf("%+12.0f%%  %10.1f  %8.1f %8.1f %8.1f %8.1f\n", changes_pct[i],
			             share(r.reference_fails, rounds),
			             share(r.location_fails, rounds),
			             share(r.verdicts[SLO_GATE_FAIL], rounds),
			             share(r.verdicts[SLO_GATE_INCONCLUSIVE], rounds),
			             share(r.verdicts[SLO_GATE_PASS], rounds));
		}
	}
	return 0;
}
