/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Non-inferiority: a release passes where it is shown to be at most a margin slower, not where nothing was shown. On
 * logarithms, so that the margin is a ratio and a long tail weighs no more than it should.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/release_gate.h"
#include "core/engine/stats_boot.h"
#include "core/engine/stats_rank.h"

#define TAIL 0.95
#define TTFT_FLOOR_MS 1e-3

static const char *const figure_names[] = {
	[SLO_NI_TTFT] = "ttft",
	[SLO_NI_TTFT_P95] = "ttft_p95",
};
SLO_TABLE_COMPLETE(figure_names, SLO_NI_MAX_);

const char *slo_ni_figure_name(enum slo_ni_figure f)
{
	return figure_names[f];
}

/* --- one scenario -------------------------------------------------------------------------------------------------- */

static size_t runs_with_samples(const struct slo_gate_side *side)
{
	size_t count = 0;

	for (size_t r = 0; r < side->runs; r++)
		count += side->run_sizes[r] > 0;
	return count;
}

static int median_of(const double *values, size_t n, double *ret)
{
	double *sorted slo_cleanup(slo_freep) = calloc(n + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	/* A side without samples may have no array. */
	if (n)
		memcpy(sorted, values, n * sizeof(*values));
	slo_stats_sort(sorted, n);
	*ret = slo_stats_quantile(sorted, n, 0.5);
	return 0;
}

static double floored(double ms)
{
	return ms > TTFT_FLOOR_MS ? ms : TTFT_FLOOR_MS;
}

/* Sorted, above the floor; with @ret_median. */
static double *sorted_ttft(const struct slo_gate_side *side, double *ret_median)
{
	double *values = calloc(side->n, sizeof(*values));

	if (!values)
		return NULL;
	for (size_t i = 0; i < side->n; i++)
		values[i] = floored(side->ttft_ms[i]);
	slo_stats_sort(values, side->n);
	*ret_median = slo_stats_harrell_davis(values, side->n, 0.5);
	return values;
}

static void take_logarithms(double *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		values[i] = log(values[i]);
}

/* Ranks of milliseconds and of their logarithms are the same. */
static int measure_location(const struct slo_gate_side *candidate,
                            const struct slo_gate_side *baseline, double alpha,
                            struct slo_ni_result *ret)
{
	struct slo_ni_outcome *out = &ret->figures[SLO_NI_TTFT];
	double *x slo_cleanup(slo_freep) = sorted_ttft(candidate, &out->candidate_ms);
	double *y slo_cleanup(slo_freep) = sorted_ttft(baseline, &out->baseline_ms);
	const struct slo_stats_pair pair = { x, y, candidate->n, baseline->n };
	struct slo_stats_mann_whitney test;
	int r = x && y ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	take_logarithms(x, candidate->n);
	take_logarithms(y, baseline->n);
	if (candidate->n + baseline->n <= SLO_STATS_EXACT_MAX) {
		r = slo_stats_mann_whitney_exact(&pair, &test);
	} else {
		slo_stats_mann_whitney(&pair, &test);
	}
	if (r < 0)
		return r;
	ret->delta = slo_stats_cliffs_delta(&pair);
	ret->p_two_sided = test.p_two_sided;
	ret->exact = test.exact;
	out->p = test.p_greater;
	return slo_stats_hodges_lehmann(&pair, alpha, &out->log_ratio);
}

/* Of the logarithms, as they came. */
static int measure_spread(const struct slo_gate_side *candidate,
                          const struct slo_gate_side *baseline, double alpha,
                          struct slo_stats_spread *ret)
{
	const struct slo_gate_side *sides[] = { candidate, baseline };
	struct slo_stats_runs runs[SLO_ARRAY_SIZE(sides)];
	double *logs slo_cleanup(slo_freep) = calloc(candidate->n + baseline->n + 1, sizeof(*logs));
	double *at = logs;

	if (!logs)
		return -ENOMEM;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(sides); i++) {
		runs[i] = (struct slo_stats_runs){ at, sides[i]->run_sizes, sides[i]->runs };
		for (size_t k = 0; k < sides[i]->n; k++)
			*at++ = log(floored(sides[i]->ttft_ms[k]));
	}
	slo_stats_run_spread(runs, SLO_ARRAY_SIZE(runs), alpha, ret);
	return 0;
}

/*
 * Runs that differ: a comparison is known no better than they let it. The p-value is Student's of the distance that
 * the bounds leave.
 */
static void widen(const struct slo_stats_spread *spread, double widening, double alpha,
                  struct slo_ni_outcome *o)
{
	struct slo_stats_interval *i = &o->log_ratio;
	double scale;

	if (!(widening > 1))
		return;
	i->lower = i->estimate - widening * (i->estimate - i->lower);
	i->upper = i->estimate + widening * (i->upper - i->estimate);
	scale = widening * slo_stats_normal_quantile(1 - alpha) /
	        slo_stats_student_quantile(alpha, spread->df);
	o->p = slo_stats_student_tail(-slo_stats_normal_quantile(o->p) / scale, spread->df);
}

static int boot_of(const struct slo_gate_side *side, struct slo_boot **ret)
{
	const struct slo_boot_config cfg = { .values = side->ttft_ms,
		                             .run_sizes = side->run_sizes,
		                             .runs = side->runs,
		                             .kind = SLO_QUANTILE_HARRELL_DAVIS,
		                             .q = TAIL };

	return slo_boot_new(ret, &cfg);
}

/* @b candidate and baseline. */
static int bootstrap(struct slo_boot *b[2], const struct slo_gate_limits *limits, uint64_t seed,
                     struct slo_ni_outcome *out)
{
	const size_t count = limits->bootstrap;
	double *ratios slo_cleanup(slo_freep) = calloc(count, sizeof(*ratios));
	struct slo_random random;
	size_t not_slower = 0;

	if (!ratios)
		return -ENOMEM;
	slo_random_init(&random, seed);
	for (size_t i = 0; i < count; i++) {
		double value = floored(slo_boot_draw(b[0], &random));

		ratios[i] = log(value / floored(slo_boot_draw(b[1], &random)));
		not_slower += ratios[i] <= 0;
	}
	slo_stats_sort(ratios, count);
	out->log_ratio.lower = slo_stats_quantile(ratios, count, limits->alpha);
	out->log_ratio.upper = slo_stats_quantile(ratios, count, 1 - limits->alpha);
	/* The sample itself counts as one of its resamples: p is never 0 (Davison and Hinkley 1997, 4.11). */
	out->p = (double)(1 + not_slower) / (double)(1 + count);
	return 0;
}

static int measure_tail(const struct slo_gate_side *candidate, const struct slo_gate_side *baseline,
                        const struct slo_gate_limits *limits, uint64_t seed,
                        struct slo_ni_outcome *out)
{
	slo_boot_auto struct slo_boot *c = NULL;
	slo_boot_auto struct slo_boot *b = NULL;
	struct slo_boot *both[2];
	int r = boot_of(candidate, &c);

	if (r == 0)
		r = boot_of(baseline, &b);
	if (r < 0)
		return r;
	both[0] = c;
	both[1] = b;
	out->candidate_ms = slo_boot_estimate(c);
	out->baseline_ms = slo_boot_estimate(b);
	out->log_ratio.estimate = log(floored(out->candidate_ms) / floored(out->baseline_ms));
	return bootstrap(both, limits, seed, out);
}

int slo_ni_measure(const struct slo_gate_side *candidate, const struct slo_gate_side *baseline,
                   const struct slo_gate_limits *limits, uint64_t seed, struct slo_ni_result *ret)
{
	struct slo_ni_result result = {
		.candidate_n = candidate->n,
		.baseline_n = baseline->n,
		.candidate_runs = runs_with_samples(candidate),
		.baseline_runs = runs_with_samples(baseline),
		.delta = NAN,
		.p_two_sided = NAN,
		.spread = { .f = NAN, .p = 1, .widening = 1, .bootstrap_widening = 1 },
	};
	int r = median_of(candidate->tokens_per_sec, candidate->n, &result.candidate_tokens_p50);

	for (int f = 0; f < SLO_NI_MAX_; f++) {
		result.figures[f] =
			(struct slo_ni_outcome){ .candidate_ms = NAN,
			                         .baseline_ms = NAN,
			                         .p = NAN,
			                         .log_ratio = { NAN, -INFINITY, INFINITY } };
	}
	if (r == 0)
		r = median_of(baseline->tokens_per_sec, baseline->n, &result.baseline_tokens_p50);
	if (r == 0 && candidate->n && baseline->n) {
		r = measure_spread(candidate, baseline, limits->alpha, &result.spread);
		if (r == 0)
			r = measure_location(candidate, baseline, limits->alpha, &result);
		if (r == 0)
			widen(&result.spread, result.spread.widening, limits->alpha,
			      &result.figures[SLO_NI_TTFT]);
		if (r == 0)
			r = measure_tail(candidate, baseline, limits, seed,
			                 &result.figures[SLO_NI_TTFT_P95]);
		if (r == 0)
			widen(&result.spread, result.spread.bootstrap_widening, limits->alpha,
			      &result.figures[SLO_NI_TTFT_P95]);
	}
	if (r == 0)
		*ret = result;
	return r;
}

/* --- verdicts ------------------------------------------------------------------------------------------------------ */

/* What prints as 0.0 has no sign. */
static double percent(double log_ratio)
{
	const double value = 100 * expm1(log_ratio);

	return fabs(value) < 0.05 ? 0 : value;
}

/* "between -1.2 % and +14.0 %" */
static void print_range(const struct slo_ni_outcome *o, char *buf, size_t size)
{
	if (isfinite(o->log_ratio.lower) && isfinite(o->log_ratio.upper)) {
		(void)snprintf(buf, size, "between %+.1f %% and %+.1f %%",
		               percent(o->log_ratio.lower), percent(o->log_ratio.upper));
	} else {
		(void)snprintf(buf, size, "too few samples for bounds");
	}
}

static void print_needed(const struct slo_ni_outcome *o, char *buf, size_t size)
{
	if (isfinite(o->needed_runs) && o->needed_runs > 0) {
		(void)snprintf(buf, size, "runs differ, about %.0f of them a side would decide",
		               o->needed_runs);
	} else if (isfinite(o->needed_n)) {
		(void)snprintf(buf, size, "about %.0f samples a side would decide", o->needed_n);
	} else {
		(void)snprintf(buf, size, "no number of samples can be told that would decide");
	}
}

static void leave_open(struct slo_ni_outcome *o, const struct slo_gate_limits *limits,
                       const char *why)
{
	char range[64];
	char needed[80];

	o->verdict = SLO_GATE_INCONCLUSIVE;
	print_range(o, range, sizeof(range));
	print_needed(o, needed, sizeof(needed));
	if (!isfinite(o->log_ratio.estimate)) {
		(void)snprintf(o->reason, sizeof(o->reason), "%s", why);
		return;
	}
	(void)snprintf(o->reason, sizeof(o->reason), "%+.1f %%, %s; margin %g %%: %s; %s",
	               percent(o->log_ratio.estimate), range, limits->margin_pct, why, needed);
}

/* What growth of the sample decides; a tail that passes needs SLO_NI_TAIL_MIN at least. */
static void set_needed(const struct slo_ni_result *r, struct slo_ni_outcome *o, bool tail,
                       const struct slo_gate_limits *limits)
{
	const size_t larger = r->candidate_n > r->baseline_n ? r->candidate_n : r->baseline_n;
	const double growth = slo_stats_required_growth(
		&o->log_ratio, log1p(limits->margin_pct / 100), limits->alpha, limits->power);
	double n = ceil(growth * (double)larger);

	if (tail && n < SLO_NI_TAIL_MIN)
		n = SLO_NI_TAIL_MIN;
	o->needed_n = n;
	/* More samples of the same runs would not help. */
	if (r->spread.widening > 1)
		o->needed_runs = ceil(growth * (double)(r->candidate_runs > r->baseline_runs
		                                                ? r->candidate_runs
		                                                : r->baseline_runs));
}

static void decide(const struct slo_ni_result *r, struct slo_ni_outcome *o, bool tail,
                   const struct slo_gate_limits *limits)
{
	const double margin = log1p(limits->margin_pct / 100);
	const bool slower = o->log_ratio.lower > 0 && o->log_ratio.estimate > margin;
	const size_t smaller = r->candidate_n < r->baseline_n ? r->candidate_n : r->baseline_n;

	set_needed(r, o, tail, limits);
	if (smaller == 0) {
		leave_open(o, limits,
		           r->candidate_n ? "the baseline has no samples"
		                          : "the candidate has no samples");
	} else if (tail && smaller < SLO_NI_TAIL_MIN) {
		leave_open(o, limits, "too few samples to speak of the tail");
	} else if (o->log_ratio.upper <= margin) {
		o->verdict = SLO_GATE_PASS;
		o->needed_n = o->needed_runs = 0;
		(void)snprintf(o->reason, sizeof(o->reason),
		               "%+.1f %%, at most %+.1f %%; margin %g %%",
		               percent(o->log_ratio.estimate), percent(o->log_ratio.upper),
		               limits->margin_pct);
	} else if (slower && o->adjusted_p <= limits->alpha) {
		o->verdict = SLO_GATE_FAIL;
		o->needed_n = o->needed_runs = 0;
		(void)snprintf(o->reason, sizeof(o->reason),
		               "%+.1f %%, at least %+.1f %%; margin %g %%, adjusted p %.2g",
		               percent(o->log_ratio.estimate), percent(o->log_ratio.lower),
		               limits->margin_pct, o->adjusted_p);
	} else if (slower) {
		leave_open(o, limits, "slower, but not beyond chance among so many scenarios");
	} else {
		leave_open(o, limits, "it may be slower than that, or not");
	}
}

int slo_ni_decide(struct slo_ni_result *results, size_t count, const struct slo_gate_limits *limits)
{
	double *p slo_cleanup(slo_freep) = calloc(count + 1, sizeof(*p));
	int r = 0;

	if (!p)
		return -ENOMEM;
	for (int f = 0; f < SLO_NI_MAX_; f++) {
		for (size_t i = 0; i < count; i++)
			p[i] = results[i].figures[f].p;
		r = slo_stats_benjamini_hochberg(p, count, p);
		if (r < 0)
			return r;
		for (size_t i = 0; i < count; i++)
			results[i].figures[f].adjusted_p = p[i];
	}
	for (size_t i = 0; i < count; i++) {
		results[i].verdict = SLO_GATE_PASS;
		for (int f = 0; f < SLO_NI_MAX_; f++) {
			struct slo_ni_outcome *o = &results[i].figures[f];

			decide(&results[i], o, f == SLO_NI_TTFT_P95, limits);
			results[i].verdict = slo_gate_worse(results[i].verdict, o->verdict);
		}
	}
	return 0;
}
