/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every predictor over the samples and compares it with the truth. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/model_ini.h"
#include "core/engine/models.h"
#include "core/programs/sloctl/bench.h"

#define ROOM_MIN 256
#define REPLICATES_MAX 1000
#define REPLICATES_MIN 100
#define BOOT_STEPS 200000000.0 /* forecasts drawn in all: a second or two */

/* --- samples ------------------------------------------------------------------------------------------------- */

void bench_data_fini(struct bench_data *d)
{
	free(d->samples);
	free(d->id_at);
	free(d->ids);
	*d = (struct bench_data){ 0 };
}

static int grow(void **array, size_t *room, size_t need, size_t size)
{
	size_t want = *room ? *room : ROOM_MIN;
	void *more;

	while (want < need)
		want *= 2;
	if (want == *room)
		return 0;
	more = realloc(*array, want * size);
	if (!more)
		return -ENOMEM;
	*array = more;
	*room = want;
	return 0;
}

int bench_data_add(struct bench_data *d, const struct slo_eval_sample *sample, const char *id)
{
	size_t len = strlen(id) + 1, room = d->room;
	void *samples = d->samples, *at = d->id_at, *ids = d->ids;
	int r;

	if (d->count == BENCH_SAMPLES_MAX)
		return -ENOSPC;
	r = grow(&samples, &room, d->count + 1, sizeof(*d->samples));
	d->samples = samples;
	if (r < 0)
		return r;
	r = grow(&at, &d->room, d->count + 1, sizeof(*d->id_at));
	d->id_at = at;
	if (r < 0)
		return r;
	r = grow(&ids, &d->ids_room, d->ids_size + len, 1);
	d->ids = ids;
	if (r < 0)
		return r;
	memcpy(d->ids + d->ids_size, id, len);
	d->id_at[d->count] = d->ids_size;
	d->ids_size += len;
	d->samples[d->count++] = *sample;
	return 0;
}

/* --- predictors ---------------------------------------------------------------------------------------------- */

struct predictor {
	enum slo_attribution_mode mode;
	const struct slo_attr_model *model;
	uint32_t mask; /* kinds of evidence it may see */
};

void bench_observe(const struct slo_eval_sample *s, uint32_t mask, struct slo_observation *ret)
{
	*ret = (struct slo_observation){ 0 };
	for (unsigned int e = 0; e < SLO_EVID_MAX_; e++) {
		if (s->present & mask & SLO_EVID_BIT(e))
			slo_observation_set(ret, e, s->value[e]);
	}
}

static void take_verdict(const struct slo_attribution *a, struct slo_eval_case *c)
{
	*c = (struct slo_eval_case){
		.truth = c->truth,
		.set = a->set,
		.asserted = a->mode == SLO_ATTR_BAYES ? a->set : a->asserted,
		.top = a->top,
		.likely = a->top,
		.abstained = a->abstain != SLO_ABSTAIN_NONE,
		.probabilistic = true,
	};
	memcpy(c->posterior, a->posterior, sizeof(c->posterior));
	/* An abstention says "unknown"; the model behind it has a favourite all the same. */
	for (unsigned int d = 0; c->abstained && d < SLO_DOMAIN_MAX_; d++) {
		if (c->posterior[d] > c->posterior[c->likely])
			c->likely = (enum slo_domain)d;
	}
	c->confidence = c->posterior[c->likely];
}

static void predict(const struct predictor *p, const struct slo_eval_sample *samples, size_t n,
                    struct slo_eval_case *cases)
{
	struct slo_observation obs;
	struct slo_attribution a;

	for (size_t i = 0; i < n; i++) {
		bench_observe(&samples[i], p->mask, &obs);
		slo_attribute(p->mode, p->model, &obs, &a);
		take_verdict(&a, &cases[i]);
	}
}

/* --- figures of one predictor -------------------------------------------------------------------------------- */

/* Labelled samples only, and room for what is computed of them. */
struct work {
	struct slo_eval_sample *samples;
	struct slo_eval_case *cases, *some;
	struct slo_forecast *forecasts;
	struct slo_risk_point *points;
	size_t n;
};

static void work_fini(struct work *w)
{
	free(w->samples);
	free(w->cases);
	free(w->some);
	free(w->forecasts);
	free(w->points);
}

static int work_init(struct work *w, const struct bench_data *d)
{
	size_t room = d->count ? d->count : 1;

	w->samples = calloc(room, sizeof(*w->samples));
	w->cases = calloc(room, sizeof(*w->cases));
	w->some = calloc(room, sizeof(*w->some));
	w->forecasts = calloc(room * SLO_FAULT_MAX, sizeof(*w->forecasts));
	w->points = calloc(room, sizeof(*w->points));
	if (!w->samples || !w->cases || !w->some || !w->forecasts || !w->points)
		return -ENOMEM;
	for (size_t i = 0; i < d->count; i++) {
		if (!d->samples[i].labelled)
			continue;
		w->cases[w->n].truth = d->samples[i].truth;
		w->samples[w->n++] = d->samples[i];
	}
	return 0;
}

static size_t top_forecasts(const struct work *w)
{
	for (size_t i = 0; i < w->n; i++)
		w->forecasts[i] =
			(struct slo_forecast){ .p = fmin(w->cases[i].confidence, 1),
			                       .unit = (uint32_t)i,
			                       .hit = slo_eval_likely_right(&w->cases[i]) };
	return w->n;
}

static size_t fault_forecasts(const struct work *w)
{
	size_t used = 0;

	for (size_t i = 0; i < w->n; i++) {
		for (unsigned int f = 0; f < SLO_FAULT_MAX; f++) {
			w->forecasts[used++] = (struct slo_forecast){
				.p = fmin(w->cases[i].posterior[f], 1),
				.unit = (uint32_t)i,
				.hit = w->cases[i].truth >> f & 1,
			};
		}
	}
	return used;
}

static uint32_t replicates(size_t n)
{
	double most = BOOT_STEPS / ((double)n * SLO_FAULT_MAX);

	return (uint32_t)fmax(REPLICATES_MIN, fmin(REPLICATES_MAX, most));
}

/* Only of the method asked for are intervals drawn: that is the costly part. */
static int probabilities(struct bench *b, struct bench_method *m, struct work *w,
                         struct slo_err *err)
{
	const struct slo_calibration_config cfg = {
		.units = (uint32_t)w->n,
		.replicates = m == b->method ? replicates(w->n) : 0,
		.seed = b->seed,
	};
	int r = slo_calibration_of(w->forecasts, fault_forecasts(w), &cfg, &m->faults, err);

	if (r < 0)
		return r;
	r = slo_calibration_of(w->forecasts, top_forecasts(w), &cfg, &m->top, err);
	if (r < 0)
		return r;
	r = slo_risk_curve_of(w->forecasts, w->n, w->points, &m->risk);
	if (r < 0 || m != b->method)
		return r;
	b->risk = calloc(m->risk.points, sizeof(*b->risk));
	if (!b->risk)
		return slo_err_set(err, -ENOMEM, "out of memory");
	memcpy(b->risk, w->points, m->risk.points * sizeof(*b->risk));
	return 0;
}

static double single_macro_f1(const struct work *w)
{
	struct slo_eval_average macro;
	struct slo_eval_sets sets;
	size_t used = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (__builtin_popcount(w->cases[i].truth) == 1)
			w->some[used++] = w->cases[i];
	}
	slo_eval_sets_of(w->some, used, SLO_EVAL_FORCED, &sets);
	slo_eval_macro(&sets, &macro);
	return macro.f1;
}

static void abstentions(const struct work *w, struct bench_method *m)
{
	uint64_t faulty = 0, silent = 0, healthy = 0, accused = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct slo_eval_case *c = &w->cases[i];

		faulty += c->truth != 0;
		silent += c->truth != 0 && c->abstained;
		healthy += c->truth == 0;
		accused += c->truth == 0 && !c->abstained && c->asserted != 0;
	}
	m->abstain = slo_eval_ratio(silent, faulty);
	m->accused = slo_eval_ratio(accused, healthy);
}

static int measure(struct bench *b, struct bench_method *m, struct work *w, struct slo_err *err)
{
	const struct slo_eval_sets *kept = &m->sets[SLO_EVAL_SELECTIVE];

	for (unsigned int v = 0; v < SLO_EVAL_VIEW_MAX_; v++)
		slo_eval_sets_of(w->cases, w->n, (enum slo_eval_view)v, &m->sets[v]);
	slo_eval_micro(&m->sets[SLO_EVAL_FORCED], &m->micro);
	slo_eval_macro(&m->sets[SLO_EVAL_FORCED], &m->macro);
	m->single_macro_f1 = single_macro_f1(w);
	m->partial = slo_eval_partial_accuracy(w->cases, w->n);
	m->coverage = slo_eval_coverage_accuracy(w->cases, w->n, BENCH_COVERAGE_AT);
	m->selective_right = slo_eval_ratio(kept->top_right, kept->cases);
	abstentions(w, m);
	m->probabilistic = w->cases[0].probabilistic;
	return m->probabilistic ? probabilities(b, m, w, err) : 0;
}

/* --- all of them --------------------------------------------------------------------------------------------- */

static struct bench_method *new_method(struct bench *b, const char *name, const char *help)
{
	struct bench_method *m = &b->method[b->methods];

	assert(b->methods < BENCH_METHODS_MAX);
	if (b->progress)
		b->progress(b->progress_user, name);
	*m = (struct bench_method){ 0 };
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	(void)snprintf(m->help, sizeof(m->help), "%s", help);
	b->methods++;
	return m;
}

static int add_predictor(struct bench *b, struct work *w, const struct predictor *p,
                         const char *name, const char *help, struct slo_err *err)
{
	struct bench_method *m = new_method(b, name, help);

	predict(p, w->samples, w->n, w->cases);
	if (m == b->method)
		slo_eval_confusion_of(w->cases, w->n, &b->confusion);
	return measure(b, m, w, err);
}

static int add_rivals(struct bench *b, struct work *w, struct slo_err *err)
{
	for (unsigned int i = 0; i < SLO_RIVAL_MAX_; i++) {
		enum slo_eval_rival rival = (enum slo_eval_rival)i;
		struct bench_method *m =
			new_method(b, slo_eval_rival_name(rival), slo_eval_rival_help(rival));
		int r = slo_eval_rival_predict(rival, w->samples, w->n, w->cases);

		if (r < 0)
			return slo_err_set(err, r, "out of memory");
		r = measure(b, m, w, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the same model makes of a part of the evidence. */
static int add_views(struct bench *b, struct work *w, const struct slo_attr_model *model,
                     struct slo_err *err)
{
	const uint32_t kernel = SLO_EVID_BIT(SLO_SIG_MAX_) - 1;
	/* The reference model reads no spans at all. */
	const bool both = b->has_kernel && b->has_span && b->mode == SLO_ATTR_NOISY_OR;
	const struct {
		const char *name, *help;
		uint32_t mask;
		bool use;
	} views[] = {
		{ "kernel evidence only", "the model asked for, without what spans tell", kernel,
		  both },
		{ "span evidence only", "the model asked for, without the kernel's signals",
		  SLO_EVID_ALL & ~kernel, both },
		{ "two signals only", "the model asked for, on DNS latency and retransmits",
		  SLO_EVID_BIT(SLO_SIG_DNS_LATENCY) | SLO_EVID_BIT(SLO_SIG_TCP_RETRANSMITS),
		  b->has_kernel },
	};

	for (size_t i = 0; i < SLO_ARRAY_SIZE(views); i++) {
		const struct predictor p = { b->mode, model, views[i].mask };
		int r = views[i].use ? add_predictor(b, w, &p, views[i].name, views[i].help, err)
		                     : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* Every other model that is built in, and the earlier design's. */
static int add_models(struct bench *b, struct work *w, struct slo_attr_model *scratch,
                      struct slo_err *err)
{
	const struct predictor bayes = { SLO_ATTR_BAYES, NULL, SLO_EVID_ALL };
	const struct slo_model_text *text;
	char name[64];
	int r = 0;

	for (size_t i = 0; r == 0 && (text = slo_model_text_at(i)); i++) {
		const struct predictor p = { SLO_ATTR_NOISY_OR, scratch, SLO_EVID_ALL };

		if (b->mode == SLO_ATTR_NOISY_OR && strcmp(b->model, text->name) == 0)
			continue;
		r = slo_model_load(scratch, text->name, err);
		(void)snprintf(name, sizeof(name), "noisy-or %s", text->name);
		if (r == 0)
			r = add_predictor(b, w, &p, name, text->help, err);
	}
	if (r == 0 && b->mode != SLO_ATTR_BAYES)
		r = add_predictor(b, w, &bayes, "bayes",
		                  "the earlier design's model: one fault at a time", err);
	return r;
}

static int measure_all(struct bench *b, struct work *w, const struct slo_attr_model *model,
                       struct slo_err *err)
{
	const struct predictor asked = { b->mode, model, SLO_EVID_ALL };
	struct slo_attr_model *scratch slo_cleanup(slo_freep) = calloc(1, sizeof(*scratch));
	char name[64];
	int r;

	if (!scratch)
		return slo_err_set(err, -ENOMEM, "out of memory");
	(void)snprintf(name, sizeof(name), "%s%s%.40s", slo_attribution_mode_name(b->mode),
	               *b->model ? " " : "", b->model);
	r = add_predictor(b, w, &asked, name, "the one asked for", err);
	if (r == 0)
		r = add_views(b, w, model, err);
	if (r == 0)
		r = add_models(b, w, scratch, err);
	return r == 0 ? add_rivals(b, w, err) : r;
}

/* --- incidents to draw --------------------------------------------------------------------------------------- */

enum turn {
	TURN_WRONG, /* differs from the truth: up to half of the room */
	TURN_ASSERTED, /* says something */
	TURN_REST, /* rightly says nothing, or nobody knows */
	TURN_MAX_,
};

static enum turn turn_of(const struct slo_eval_sample *s, const struct slo_attribution *a)
{
	if (s->labelled && a->asserted != s->truth)
		return TURN_WRONG;
	return a->asserted ? TURN_ASSERTED : TURN_REST;
}

/* Within a turn in the order of the input. */
static int choose_shown(struct bench *b, const struct bench_data *d,
                        const struct slo_attr_model *model)
{
	struct slo_observation obs;

	b->shown = calloc(BENCH_SHOWN_MAX, sizeof(*b->shown));
	if (!b->shown)
		return -ENOMEM;
	for (unsigned int turn = 0; turn < TURN_MAX_; turn++) {
		unsigned int room = turn == TURN_WRONG ? BENCH_SHOWN_MAX / 2 : BENCH_SHOWN_MAX;

		for (size_t i = 0; i < d->count && b->shown_count < room; i++) {
			const struct slo_eval_sample *s = &d->samples[i];
			struct bench_incident *to = &b->shown[b->shown_count];

			if (s->present == 0)
				continue;
			bench_observe(s, SLO_EVID_ALL, &obs);
			slo_attribute(b->mode, model, &obs, &to->verdict);
			if (turn_of(s, &to->verdict) != turn)
				continue;
			(void)snprintf(to->id, sizeof(to->id), "%s", d->ids + d->id_at[i]);
			to->labelled = s->labelled;
			to->truth = s->truth;
			b->shown_count++;
		}
	}
	return 0;
}

int bench_measure(struct bench *b, const struct bench_data *d, const struct slo_attr_model *model,
                  struct slo_err *err)
{
	struct work w slo_cleanup(work_fini) = { 0 };
	int r = 0;

	if (!b->predicts)
		return 0;
	/* The other models give no reasons to draw. */
	if (b->mode == SLO_ATTR_NOISY_OR)
		r = choose_shown(b, d, model);
	if (r == 0)
		r = work_init(&w, d);
	if (r < 0)
		return slo_err_set(err, r, "out of memory for %zu samples", d->count);
	return w.n ? measure_all(b, &w, model, err) : 0;
}

void bench_fini(struct bench *b)
{
	slo_freep(&b->risk);
	slo_freep(&b->shown);
	b->shown_count = 0;
}
