/* SPDX-License-Identifier: Apache-2.0 */
/* Requests against objectives, and what becomes of a burning one. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/config/model_ini.h"
#include "core/programs/agent/live.h"

#define HALF_LIFE 360.0 /* evaluations: an hour of the default ones */
#define LEARN_LATER 3 /* slots: time for requests to end and for their spans to be sent */

/* --- life ------------------------------------------------------------------------------------------------------- */

/* Slots of evidence: the evaluation's rhythm, wider where the longest short window would not fit. */
static uint64_t slot_ns(const struct slo_config *cfg)
{
	uint64_t ns = cfg->agent.evaluation_ms * SLO_NS_PER_MS;
	uint64_t window = cfg->attribution.window_ms * SLO_NS_PER_MS;

	if (window / (SLO_EVIDENCE_SLOTS - 4) > ns)
		ns = window / (SLO_EVIDENCE_SLOTS - 4);
	return ns;
}

int slo_live_slo_init(struct slo_live *l, struct slo_err *err)
{
	const struct slo_evidence_config evidence = {
		.places = 4UL * SLO_LIVE_SERVICES,
		.services = SLO_LIVE_SERVICES,
		.slot_ns = slot_ns(l->cfg),
	};
	/* Those of this run, and those known of earlier ones. */
	const struct slo_baselines_config baselines = { .workloads = 2UL * SLO_LIVE_SERVICES,
		                                        .half_life = HALF_LIFE };
	int r;

	l->slot_ns = evidence.slot_ns;
	l->model = calloc(1, sizeof(*l->model));
	if (!l->model)
		return slo_err_set(err, -ENOMEM, "model: out of memory");
	r = slo_model_load(l->model, l->cfg->attribution.model, err);
	if (r < 0)
		return slo_err_wrap(err, r, "[attribution] model");
	r = slo_evidence_windows_new(&l->evidence, &evidence, err);
	if (!r)
		r = slo_baselines_new(&l->baselines, &baselines, err);
	if (!r)
		r = slo_live_objectives_load(l, err);
	return r;
}

void slo_live_slo_fini(struct slo_live *l)
{
	for (size_t i = 0; i < l->objective_count; i++)
		slo_live_objective_close(&l->objective[i]);
	slo_evidence_windows_freep(&l->evidence);
	slo_baselines_freep(&l->baselines);
	slo_freep(&l->model);
}

/* --- requests --------------------------------------------------------------------------------------------------- */

/* NaN: this span is no valid event of that indicator. */
static double sli_value(enum slo_sli sli, const struct slo_span *span)
{
	const struct slo_llm_request *r = &span->llm;
	bool failed = r->error != SLO_LLM_OK || span->is_error;
	double ms = (double)(span->end_ns - span->start_ns) / 1e6;

	if (r->is_retrieval)
		return sli == SLO_SLI_RETRIEVAL_LATENCY ? ms : NAN;
	switch (sli) {
	case SLO_SLI_TTFT:
		return r->ttft_ms;
	case SLO_SLI_REQUEST_LATENCY:
		if (failed)
			return NAN;
		return isnan(r->latency_ms) ? ms : r->latency_ms;
	case SLO_SLI_TOKEN_THROUGHPUT:
		return r->tokens_per_sec;
	case SLO_SLI_ERROR_RATE:
		return failed;
	case SLO_SLI_PROVIDER_ERROR_RATE:
		return r->error == SLO_LLM_THROTTLED || r->error == SLO_LLM_SERVER_ERROR ||
		       r->error == SLO_LLM_STREAM_ERROR;
	case SLO_SLI_RETRIEVAL_LATENCY:
	case SLO_SLI_MAX_:
		break;
	}
	return NAN;
}

/* Whether it was good; a time that cannot be is refused and counted. */
static bool count_one(struct slo_live *l, struct slo_live_objective *o, int64_t unix_ns,
                      double value)
{
	bool good = slo_sli_is_good(o->sli, value, o->threshold);

	if (!slo_burn_add(&o->ring, unix_ns, good)) {
		l->count.late_requests++;
		return true;
	}
	o->valid++;
	o->bad += !good;
	return good;
}

static void remember_trace(struct slo_live *l, const struct slo_span *span)
{
	for (size_t i = 0; i < SLO_TRACE_ID_LEN; i++)
		(void)snprintf(l->trace_id + 2 * i, 3, "%02x", span->trace_id[i]);
}

/* Of a clock that is ahead: what it says would hide all that comes until then. */
static bool is_future(int64_t unix_ns)
{
	return unix_ns > (int64_t)slo_clock_realtime_ns() + SLO_LIVE_FUTURE_NS;
}

void slo_live_count(struct slo_live *l, struct slo_live_service *s, const struct slo_span *span)
{
	int64_t end_ns = slo_live_time(l, span->end_ns);
	int64_t start_ns = end_ns - (span->end_ns - span->start_ns);
	bool bad = false;

	if (is_future(end_ns)) {
		l->count.late_requests += span->llm.is_request || span->llm.is_retrieval;
		return;
	}
	/* A reply that was retried inside a request is no request of its own, but it is evidence. */
	if (!span->llm.is_request && !span->llm.is_retrieval) {
		if (s && span->llm.error != SLO_LLM_OK)
			slo_evidence_request(l->evidence, s->key, start_ns, end_ns, &span->llm,
			                     false);
		return;
	}
	if (!s) {
		l->count.unowned_requests++;
		return;
	}
	l->count.requests += span->llm.is_request;
	l->count.retrievals += span->llm.is_retrieval;
	s->requests += span->llm.is_request;
	if (end_ns > s->last_ns)
		s->last_ns = end_ns;
	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];
		double value = o->service == s ? sli_value(o->sli, span) : NAN;

		if (!isnan(value) && !count_one(l, o, end_ns, value))
			bad = true;
	}
	slo_evidence_request(l->evidence, s->key, start_ns, end_ns, &span->llm, bad);
	if (bad)
		remember_trace(l, span);
}

void slo_live_sli(struct slo_live *l, const struct slo_sli_event *ev)
{
	struct slo_live_service *s = slo_live_service(l, ev->service, ev->k8s_namespace);
	struct slo_llm_request req = { .ttft_ms = NAN,
		                       .tokens_per_sec = NAN,
		                       .latency_ms = NAN,
		                       .queue_ms = NAN,
		                       .output_tokens = NAN };
	bool bad = false;
	int64_t end = slo_live_time(l, ev->unix_ns), start;

	if (!s) {
		l->count.unowned_requests++;
		return;
	}
	l->count.sli_events++;
	if (is_future(end)) {
		l->count.late_requests++;
		return;
	}
	if (end > s->last_ns)
		s->last_ns = end;
	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];

		if (o->service == s && o->sli == ev->sli && !count_one(l, o, end, ev->value))
			bad = true;
	}
	if (strcmp(slo_sli_desc(ev->sli)->unit, "ms") == 0)
		req.latency_ms = ev->value;
	req.is_retrieval = ev->sli == SLO_SLI_RETRIEVAL_LATENCY;
	start = end - (isnan(req.latency_ms) ? 0 : (int64_t)(req.latency_ms * 1e6));
	slo_evidence_request(l->evidence, s->key, start, end, &req, bad);
	if (bad)
		(void)snprintf(l->trace_id, sizeof(l->trace_id), "%.32s", ev->trace_id);
}

/* --- evaluation ------------------------------------------------------------------------------------------------- */

static const struct slo_burn_pair *firing(const struct slo_live_objective *o)
{
	for (size_t i = 0; i < o->burn.pair_count; i++) {
		if (o->result.pair[i] == o->result.state && o->result.state != SLO_BURN_OK &&
		    o->result.state != SLO_BURN_INSUFFICIENT)
			return &o->burn.pair[i];
	}
	return NULL;
}

static void observe(struct slo_live *l, const struct slo_live_service *s, int64_t from, int64_t to,
                    bool bad_only, struct slo_observation *ret)
{
	const struct slo_evidence_query q = {
		.service = s->key,
		.places = s->place,
		.place_count = s->place_count,
		.from_ns = from,
		.to_ns = to,
		.measured = l->c.measured(l->c.user),
		.bad_only = bad_only,
	};

	*ret = (struct slo_observation){ 0 };
	(void)slo_evidence_observe(l->evidence, &q, ret);
	for (unsigned int i = 0; i < SLO_SIG_MAX_; i++)
		slo_observation_source(ret, i, l->c.source(l->c.user, (enum slo_signal)i));
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++)
		ret->learnt[i] = slo_baselines_get(l->baselines, s->key, i);
}

static bool is_burning(const struct slo_live *l, const struct slo_live_service *s)
{
	for (size_t i = 0; i < l->objective_count; i++) {
		const struct slo_live_objective *o = &l->objective[i];

		if (o->service == s && (o->track.open || o->result.state == SLO_BURN_PAGE ||
		                        o->result.state == SLO_BURN_TICKET))
			return true;
	}
	return false;
}

/* What its strictest objective lets go bad: 0 to 1. */
static double budget_of(const struct slo_live *l, const struct slo_live_service *s)
{
	double budget = 1;

	for (size_t i = 0; i < l->objective_count; i++) {
		if (l->objective[i].service == s)
			budget = fmin(budget, 1 - l->objective[i].burn.objective);
	}
	return budget;
}

/*
 * What is normal: a slot outside incidents, in which no more requests went bad than may. An incident opens some slots
 * after its fault began, and a slow request is known only after it ended: learnt at once, the first slots of every fault
 * would be part of what is normal.
 */
static void learn(struct slo_live *l, struct slo_live_service *s, int64_t now_ns)
{
	int64_t slot = now_ns / (int64_t)l->slot_ns - 1 - LEARN_LATER;
	int64_t at_ns = slot * (int64_t)l->slot_ns;
	struct slo_observation obs;

	if (slot <= s->learnt_slot || is_burning(l, s) ||
	    now_ns - s->last_ns > (int64_t)(600 * SLO_NS_PER_SEC))
		return;
	s->learnt_slot = slot;
	if (slo_evidence_bad_share(l->evidence, s->key, at_ns) > budget_of(l, s))
		return;
	observe(l, s, at_ns, at_ns, false, &obs);
	for (unsigned int i = 0; i < SLO_EVID_MAX_; i++) {
		if (obs.present & SLO_EVID_BIT(i))
			(void)slo_baselines_add(l->baselines, s->key, i, obs.value[i]);
	}
}

static int64_t evidence_from(const struct slo_live *l, const struct slo_live_objective *o,
                             const struct slo_burn_pair *pair, int64_t now_ns)
{
	uint64_t ms = l->cfg->attribution.window_ms;

	if (!ms && pair)
		ms = o->burn.window_ms[pair->short_window];
	if (ms < SLO_EVIDENCE_SUM_NS / SLO_NS_PER_MS)
		ms = SLO_EVIDENCE_SUM_NS / SLO_NS_PER_MS;
	return now_ns - (int64_t)(ms * SLO_NS_PER_MS);
}

/* What is known now, into the incident's row; the row keeps what it had where nothing fires any more. */
static void judge(struct slo_live *l, const struct slo_live_objective *o,
                  const struct slo_burn_pair *pair, int64_t now_ns, struct slo_live_incident *in)
{
	if (!pair)
		return;
	observe(l, o->service, evidence_from(l, o, pair, now_ns), now_ns, true, &in->observation);
	slo_attribute_noisy_or(l->model, &in->observation, &in->verdict);
	in->ticket = o->result.state == SLO_BURN_TICKET;
	in->burn = o->result.window[pair->long_window].burn;
	in->window_minutes = (int64_t)((o->burn.window_ms[pair->long_window] + 59999) / 60000);
}

static void begin(const struct slo_live *l, const struct slo_live_objective *o,
                  struct slo_live_incident *in)
{
	*in = (struct slo_live_incident){ .open = true };
	(void)snprintf(in->service, sizeof(in->service), "%s", o->service->name);
	(void)snprintf(in->namespace_, sizeof(in->namespace_), "%s", o->service->namespace_);
	(void)snprintf(in->objective, sizeof(in->objective), "%s", o->name);
	(void)snprintf(in->sli, sizeof(in->sli), "%s", slo_sli_desc(o->sli)->name);
	(void)snprintf(in->trace_id, sizeof(in->trace_id), "%s", l->trace_id);
}

static void put_track(const struct slo_incident_track *track, int64_t now_ns,
                      struct slo_live_incident *row)
{
	row->open = track->open;
	row->opened_ns = track->opened_ns;
	row->updated_ns = now_ns;
	/* Nothing ends before it began, whatever the clock was set to meanwhile. */
	row->ended_ns = now_ns > row->opened_ns ? now_ns : row->opened_ns;
	if (track->open)
		row->ended_ns = 0;
	memcpy(row->id, track->id, sizeof(row->id));
	memcpy(row->dedup_key, track->dedup_key, sizeof(row->dedup_key));
}

static void step(struct slo_live *l, struct slo_live_objective *o, int64_t now_ns)
{
	struct slo_live_incident *row =
		o->track.open ? slo_live_incident_find(l, o->track.id) : NULL;
	const struct slo_incident_scope scope = { .cluster = l->cfg->agent.cluster,
		                                  .namespace_ = o->service->namespace_,
		                                  .service = o->service->name,
		                                  .slo = o->name,
		                                  .node = l->c.node };
	const struct slo_burn_pair *pair = firing(o);
	struct slo_live_incident fresh;
	struct slo_incident_now now = {
		.unix_ns = now_ns,
		.state = o->result.state,
		.pair = pair ? (uint32_t)(pair - o->burn.pair) : 0,
		.silent = slo_burn_is_silent(&o->burn, &o->result, o->track.pair),
	};
	enum slo_incident_step what;

	if (row)
		fresh = *row;
	else
		begin(l, o, &fresh);
	judge(l, o, pair, now_ns, &fresh);
	now.burn = fresh.burn;
	now.set = fresh.verdict.asserted;
	what = slo_incident_track_step(&o->track, &scope, &now);
	if (what == SLO_INCIDENT_NOTHING)
		return;
	if (what == SLO_INCIDENT_OPEN || !row)
		row = slo_live_incident_add(l);
	/* At the end the verdict that was told last stands: the calm says nothing of the storm. */
	*row = fresh;
	row->silent = !pair && now.silent;
	put_track(&o->track, now_ns, row);
	/* First what is to be told, then the telling: killed between, the next start tells it under the same id. */
	o->telling = what;
	slo_live_state_write(l);
	slo_live_tell(l, &o->track, what, row);
	o->telling = SLO_INCIDENT_NOTHING;
	slo_live_state_write(l);
}

/* Nobody asks for its objective any more: it would stay open for ever. Written down before it is told, as any step. */
static void end_left(struct slo_live *l, struct slo_live_track *t)
{
	struct slo_live_incident *row = slo_live_incident_find(l, t->track.id);
	int64_t now_ns = (int64_t)slo_clock_realtime_ns();

	if (row && t->telling)
		slo_live_tell(l, &t->track, (enum slo_incident_step)t->telling, row);
	t->telling = slo_incident_track_end(&t->track);
	if (!row || !t->telling)
		return;
	row->open = false;
	row->withdrawn = true;
	row->updated_ns = row->ended_ns = now_ns;
	slo_live_state_write(l);
	slo_live_tell(l, &t->track, SLO_INCIDENT_RESOLVE, row);
}

void slo_live_tell_again(struct slo_live *l)
{
	bool any = l->left_count > 0;

	for (size_t i = 0; i < l->left_count; i++)
		end_left(l, &l->left[i]);
	l->left_count = 0;
	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];
		const struct slo_live_incident *row =
			o->telling ? slo_live_incident_find(l, o->track.id) : NULL;

		if (row)
			slo_live_tell(l, &o->track, o->telling, row);
		any |= o->telling != SLO_INCIDENT_NOTHING;
		o->telling = SLO_INCIDENT_NOTHING;
	}
	if (any)
		slo_live_state_write(l);
}

void slo_live_evaluate(struct slo_live *l)
{
	int64_t now_ns = (int64_t)slo_clock_realtime_ns();

	for (size_t i = 0; i < l->objective_count; i++) {
		struct slo_live_objective *o = &l->objective[i];

		slo_burn_evaluate(&o->burn, &o->ring, now_ns, &o->result);
		step(l, o, now_ns);
	}
	for (size_t i = 0; i < l->service_count; i++)
		learn(l, &l->service[i], now_ns);
}
