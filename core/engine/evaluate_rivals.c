/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/evaluate_rivals.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/engine/stats.h"

#define RAISED_AT 3.0 /* standard deviations, or IQRs */

static const struct {
	const char *name;
	const char *help;
} rivals[] = {
	[SLO_RIVAL_UNKNOWN] = { "always-unknown", "asserts no fault, ever" },
	[SLO_RIVAL_MAJORITY] = { "majority", "the commonest fault set of the other folds" },
	[SLO_RIVAL_THRESHOLD] = { "threshold-rule",
	                          "each kind of evidence at its warning threshold names its fault" },
	[SLO_RIVAL_N_SIGMA] = { "n-sigma",
	                        "each kind 3 standard deviations above its mean in the other folds names its fault" },
	[SLO_RIVAL_MEDIAN_IQR] = { "median-iqr",
	                           "each kind 3 IQRs above its median in the other folds names its fault (BARO)" },
};
SLO_TABLE_COMPLETE(rivals, SLO_RIVAL_MAX_);

const char *slo_eval_rival_name(enum slo_eval_rival rival)
{
	assert(rival < SLO_RIVAL_MAX_);
	return rivals[rival].name;
}

const char *slo_eval_rival_help(enum slo_eval_rival rival)
{
	assert(rival < SLO_RIVAL_MAX_);
	return rivals[rival].help;
}

enum slo_domain slo_eval_rival_domain(unsigned int evid)
{
	struct slo_evidence_desc desc = slo_evidence_desc(evid);
	enum slo_evidence_role want[] = { SLO_EVID_ROLE_SPECIFIC, SLO_EVID_ROLE_SHARED };

	for (size_t w = 0; w < SLO_ARRAY_SIZE(want); w++) {
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			if (desc.role[f] == want[w])
				return (enum slo_domain)f;
		}
	}
	return SLO_DOMAIN_UNKNOWN;
}

/* --- one set for everybody ----------------------------------------------------------------------------------- */

/* A hard verdict: 1 for what it names, 0 for the rest; none of it a probability. */
static void say(struct slo_eval_case *c, uint32_t set, enum slo_domain top)
{
	*c = (struct slo_eval_case){
		.truth = c->truth, .set = set, .asserted = set, .top = top, .likely = top
	};
	for (unsigned int f = 0; f < SLO_FAULT_MAX; f++)
		c->posterior[f] = set & SLO_DOMAIN_BIT(f) ? 1 : 0;
	c->posterior[SLO_DOMAIN_UNKNOWN] = set ? 0 : 1;
}

static enum slo_domain first_of(uint32_t set)
{
	return set ? (enum slo_domain)__builtin_ctz(set) : SLO_DOMAIN_UNKNOWN;
}

/* The commonest set outside @fold; of equals the smallest, with nothing learnt the empty one. */
static uint32_t majority(const struct slo_eval_sample *samples, size_t n, unsigned int fold)
{
	uint64_t count[SLO_FAULT_SETS] = { 0 };
	uint32_t best = 0;

	for (size_t i = 0; i < n; i++) {
		if (samples[i].labelled && samples[i].fold != fold)
			count[samples[i].truth % SLO_FAULT_SETS]++;
	}
	for (uint32_t set = 1; set < SLO_FAULT_SETS; set++) {
		if (count[set] > count[best])
			best = set;
	}
	return best;
}

static void predict_majority(const struct slo_eval_sample *samples, size_t n,
                             struct slo_eval_case *cases)
{
	uint32_t set[SLO_EVAL_FOLDS];

	for (unsigned int fold = 0; fold < SLO_EVAL_FOLDS; fold++)
		set[fold] = majority(samples, n, fold);
	for (size_t i = 0; i < n; i++)
		say(&cases[i], set[samples[i].fold], first_of(set[samples[i].fold]));
}

/* --- a score for each kind ----------------------------------------------------------------------------------- */

/* What is normal of a kind, as the other folds have it. */
struct normal {
	bool known;
	double middle, width; /* width > 0 */
};

struct value {
	double x;
	uint8_t fold;
	bool healthy;
};

static int rising(const void *a, const void *b)
{
	const struct value *x = a, *y = b;

	return (x->x > y->x) - (x->x < y->x);
}

static bool counts(const struct value *v, unsigned int fold, bool healthy_only)
{
	return v->fold != fold && (v->healthy || !healthy_only);
}

static size_t count_values(const struct value *v, size_t n, unsigned int fold, bool healthy_only)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		used += counts(&v[i], fold, healthy_only);
	return used;
}

/* As sklearn's scalers have it: what never varies has a width of 1. */
static double width_or_one(double width)
{
	return width > 0 ? width : 1;
}

/* @x sorted. */
static struct normal normal_of(const double *x, size_t n, enum slo_eval_rival rival)
{
	struct normal normal = { .known = true };
	double sum = 0, squares = 0;

	if (rival == SLO_RIVAL_MEDIAN_IQR) {
		normal.middle = slo_stats_quantile(x, n, 0.5);
		normal.width = width_or_one(slo_stats_quantile(x, n, 0.75) -
		                            slo_stats_quantile(x, n, 0.25));
		return normal;
	}
	for (size_t i = 0; i < n; i++)
		sum += x[i];
	normal.middle = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (x[i] - normal.middle) * (x[i] - normal.middle);
	normal.width = width_or_one(sqrt(squares / (double)(n - 1)));
	return normal;
}

/* @v sorted; @x is scratch for as many. */
static void learn_kind(const struct value *v, size_t n, double *x, enum slo_eval_rival rival,
                       struct normal normal[SLO_EVAL_FOLDS])
{
	for (unsigned int fold = 0; fold < SLO_EVAL_FOLDS; fold++) {
		bool healthy = count_values(v, n, fold, true) >= SLO_RIVAL_TRAIN_MIN;
		size_t used = 0;

		for (size_t i = 0; i < n; i++) {
			if (counts(&v[i], fold, healthy))
				x[used++] = v[i].x;
		}
		normal[fold] = (struct normal){ 0 };
		if (used >= SLO_RIVAL_TRAIN_MIN)
			normal[fold] = normal_of(x, used, rival);
	}
}

static int learn(enum slo_eval_rival rival, const struct slo_eval_sample *samples, size_t n,
                 struct normal normal[SLO_EVID_MAX_][SLO_EVAL_FOLDS])
{
	struct value *v slo_cleanup(slo_freep) = calloc(n ? n : 1, sizeof(*v));
	double *x slo_cleanup(slo_freep) = calloc(n ? n : 1, sizeof(*x));

	if (!v || !x)
		return -ENOMEM;
	for (unsigned int e = 0; e < SLO_EVID_MAX_; e++) {
		size_t used = 0;

		for (size_t i = 0; i < n; i++) {
			const struct slo_eval_sample *s = &samples[i];

			if (s->present & SLO_EVID_BIT(e))
				v[used++] = (struct value){ s->value[e], s->fold,
					                    s->labelled && s->truth == 0 };
		}
		qsort(v, used, sizeof(*v), rising);
		learn_kind(v, used, x, rival, normal[e]);
	}
	return 0;
}

/* At least 1 where @evid is raised; negative where it is not judged. */
static double score(const struct slo_eval_sample *s, unsigned int evid,
                    const struct normal normal[SLO_EVID_MAX_][SLO_EVAL_FOLDS])
{
	double floor = slo_evidence_desc(evid).floor;

	if (!(s->present & SLO_EVID_BIT(evid)))
		return -1;
	if (normal) {
		const struct normal *is = &normal[evid][s->fold];

		return is->known ? fmax((s->value[evid] - is->middle) / is->width / RAISED_AT, 0)
		                 : -1;
	}
	return floor > 0 ? s->value[evid] / floor : -1;
}

static void judge(const struct slo_eval_sample *s,
                  const struct normal normal[SLO_EVID_MAX_][SLO_EVAL_FOLDS],
                  struct slo_eval_case *c)
{
	enum slo_domain top = SLO_DOMAIN_UNKNOWN;
	bool judged = false;
	uint32_t set = 0;
	double best = 0;

	for (unsigned int e = 0; e < SLO_EVID_MAX_; e++) {
		enum slo_domain domain = slo_eval_rival_domain(e);
		double v = score(s, e, normal);

		judged = judged || v >= 0;
		if (v < 1 || domain == SLO_DOMAIN_UNKNOWN)
			continue;
		set |= SLO_DOMAIN_BIT(domain);
		if (v > best) {
			best = v;
			top = domain;
		}
	}
	say(c, set, top);
	c->abstained = !judged;
}

int slo_eval_rival_predict(enum slo_eval_rival rival, const struct slo_eval_sample *samples,
                           size_t n, struct slo_eval_case *cases)
{
	struct normal normal[SLO_EVID_MAX_][SLO_EVAL_FOLDS];
	bool learns = rival == SLO_RIVAL_N_SIGMA || rival == SLO_RIVAL_MEDIAN_IQR;
	int r;

	if (rival == SLO_RIVAL_MAJORITY) {
		predict_majority(samples, n, cases);
		return 0;
	}
	if (learns) {
		r = learn(rival, samples, n, normal);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		if (rival == SLO_RIVAL_UNKNOWN)
			say(&cases[i], 0, SLO_DOMAIN_UNKNOWN);
		else
			judge(&samples[i], learns ? normal : NULL, &cases[i]);
	}
	return 0;
}
