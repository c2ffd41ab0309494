/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/evidence_window.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/map.h"

#define QUANTILE 0.90

/* A slot of time of one place; of @index alone: a reader that finds another one takes it for empty. */
struct place_slot {
	int64_t index;
	struct slo_hist hist[SLO_SIG_MAX_]; /* of latencies */
	double sum
		[SLO_SIG_MAX_]; /* of counts and throttled ms; of percentages the sum of readings */
	uint32_t readings[SLO_SIG_MAX_];
};

struct service_slot {
	int64_t index;
	uint32_t seen, requests, bad, throttled, server_errors, stream_errors, queued;
	double latency_ms, queue_ms, queued_latency_ms, retrieval_ms;
};

struct service {
	bool retrieves; /* a retrieval was seen, ever: without one their share is missing, not zero */
	struct service_slot slot[SLO_EVIDENCE_SLOTS];
};

struct slo_evidence_windows {
	uint64_t slot_ns;
	int64_t set_ns; /* by how much the clock was set since the start: slots run on evenly */
	struct slo_map *places; /* uint64_t -> struct place_slot * (SLO_EVIDENCE_SLOTS) */
	struct slo_map *services; /* uint64_t -> struct service */
	uint64_t owned, unowned; /* SLO_SIG_BIT: records came with a cgroup, and without one */
	uint64_t dropped;
};

int slo_evidence_windows_new(struct slo_evidence_windows **ret,
                             const struct slo_evidence_config *cfg, struct slo_err *err)
{
	const struct slo_map_config places = { sizeof(uint64_t), sizeof(struct place_slot *),
		                               cfg->places + 1 };
	const struct slo_map_config services = { sizeof(uint64_t), sizeof(struct service),
		                                 cfg->services };
	slo_evidence_windows_auto struct slo_evidence_windows *w = NULL;
	int r;

	if (!cfg->slot_ns || !cfg->places || cfg->places > 4096 || !cfg->services ||
	    cfg->services > 4096)
		return slo_err_set(err, -EINVAL, "evidence: a size out of range");
	w = calloc(1, sizeof(*w));
	if (!w)
		return slo_err_set(err, -ENOMEM, "evidence: out of memory");
	w->slot_ns = cfg->slot_ns;
	r = slo_map_new(&w->places, &places, err);
	if (!r)
		r = slo_map_new(&w->services, &services, err);
	if (r < 0)
		return r;
	if (!slo_evidence_follow(w, SLO_EVIDENCE_NODE))
		return slo_err_set(err, -ENOMEM, "evidence: out of memory");
	*ret = slo_take_ptr(w);
	return 0;
}

void slo_evidence_windows_freep(struct slo_evidence_windows **w)
{
	struct place_slot **slots;
	size_t pos = 0;

	if (!*w)
		return;
	while ((*w)->places && (slots = slo_map_next((*w)->places, &pos, NULL)))
		free(*slots);
	slo_map_freep(&(*w)->places);
	slo_map_freep(&(*w)->services);
	slo_freep(w);
}

uint64_t slo_evidence_dropped(const struct slo_evidence_windows *w)
{
	return w->dropped;
}

bool slo_evidence_follow(struct slo_evidence_windows *w, uint64_t place)
{
	struct place_slot **slots = slo_map_get(w->places, &place, NULL);

	if (slots && !*slots)
		*slots = calloc(SLO_EVIDENCE_SLOTS, sizeof(**slots));
	if (slots && *slots)
		return true;
	if (slots)
		(void)slo_map_erase(w->places, &place);
	w->dropped++;
	return false;
}

void slo_evidence_forget(struct slo_evidence_windows *w, uint64_t place)
{
	struct place_slot **slots = slo_map_find(w->places, &place);

	if (!slots || place == SLO_EVIDENCE_NODE)
		return;
	free(*slots);
	(void)slo_map_erase(w->places, &place);
}

void slo_evidence_follow_clock(struct slo_evidence_windows *w, int64_t step_ns)
{
	w->set_ns += step_ns;
}

/* --- adding ----------------------------------------------------------------------------------------------------- */

static int64_t index_of(const struct slo_evidence_windows *w, int64_t unix_ns)
{
	int64_t even;

	/* 0: of no slot. Times of requests are whatever their sender wrote. */
	return __builtin_sub_overflow(unix_ns, w->set_ns, &even) ? 0 : even / (int64_t)w->slot_ns;
}

static size_t slot_of(int64_t index)
{
	return (size_t)(index % SLO_EVIDENCE_SLOTS);
}

void slo_evidence_event(struct slo_evidence_windows *w, uint64_t place,
                        const struct slo_probe_event *ev)
{
	struct place_slot **slots = slo_map_find(w->places, &place);
	int64_t index = index_of(w, (int64_t)slo_event_realtime_ns(ev));
	struct place_slot *s;

	if (place == SLO_EVIDENCE_NODE)
		w->unowned |= SLO_SIG_BIT(ev->signal);
	else
		w->owned |= SLO_SIG_BIT(ev->signal);
	if (!slots || ev->kind == SLO_EV_SAMPLE || index <= 0)
		return;
	s = &(*slots)[slot_of(index)];
	/* Later than a whole turn of the ring: its slot is another's by now. */
	if (s->index > index)
		return;
	if (s->index < index)
		*s = (struct place_slot){ .index = index };
	switch (ev->kind) {
	case SLO_EV_TIMEOUT:
		slo_hist_add(&s->hist[ev->signal], ev->value_ns);
		break;
	case SLO_EV_HIST:
		slo_hist_merge(&s->hist[ev->signal], &ev->hist);
		break;
	case SLO_EV_COUNT:
		s->sum[ev->signal] += (double)ev->count;
		break;
	case SLO_EV_GAUGE:
		s->sum[ev->signal] += ev->gauge;
		break;
	case SLO_EV_SAMPLE:
	case SLO_EV_KIND_MAX_:
		break;
	}
	s->readings[ev->signal]++;
}

static struct service_slot *service_slot(struct service *s, int64_t index)
{
	struct service_slot *slot = index > 0 ? &s->slot[slot_of(index)] : NULL;

	if (!slot || slot->index > index)
		return NULL;
	if (slot->index < index)
		*slot = (struct service_slot){ .index = index };
	return slot;
}

static void count_reply(struct service_slot *slot, const struct slo_llm_request *req,
                        double latency_ms)
{
	slot->throttled += req->error == SLO_LLM_THROTTLED;
	slot->server_errors += req->error == SLO_LLM_SERVER_ERROR;
	slot->stream_errors += req->error == SLO_LLM_STREAM_ERROR;
	if (!req->is_request)
		return;
	slot->requests++;
	slot->latency_ms += latency_ms;
	if (!isnan(req->queue_ms)) {
		slot->queued++;
		slot->queue_ms += req->queue_ms;
		slot->queued_latency_ms += latency_ms;
	}
}

/* What made a request bad happened while it ran: every slot it touched is suspect. */
static void mark_bad(const struct slo_evidence_windows *w, struct service *s, int64_t start_ns,
                     int64_t end_ns)
{
	int64_t last = index_of(w, end_ns);
	int64_t first = index_of(w, start_ns);

	if (last - first >= SLO_EVIDENCE_SLOTS)
		first = last - SLO_EVIDENCE_SLOTS + 1;
	for (int64_t i = first; i <= last; i++) {
		struct service_slot *slot = service_slot(s, i);

		if (slot)
			slot->bad++;
	}
}

void slo_evidence_request(struct slo_evidence_windows *w, uint64_t service, int64_t start_ns,
                          int64_t end_ns, const struct slo_llm_request *req, bool bad)
{
	struct service *s = slo_map_get(w->services, &service, NULL);
	double ms = (double)(end_ns - start_ns) / 1e6;
	struct service_slot *slot;

	if (!s) {
		w->dropped++;
		return;
	}
	slot = service_slot(s, index_of(w, end_ns));
	/* A reply that was retried belongs to a request that is counted itself. */
	if (slot)
		slot->seen += req->is_request || req->is_retrieval || req->error == SLO_LLM_OK;
	if (slot && req->is_retrieval) {
		slot->retrieval_ms += ms;
		s->retrieves = true;
	}
	if (slot && !req->is_retrieval)
		count_reply(slot, req, isnan(req->latency_ms) ? ms : req->latency_ms);
	if (bad)
		mark_bad(w, s, start_ns, end_ns);
}

/* --- looking ---------------------------------------------------------------------------------------------------- */

/* Slots of the query: a bit each, from the one of from_ns on. */
struct span_of_slots {
	int64_t first;
	unsigned int count;
	uint64_t take; /* bit i: slot first + i counts */
};

static uint64_t bad_slots(const struct service *s, const struct span_of_slots *span)
{
	uint64_t bad = 0;

	for (unsigned int i = 0; s && i < span->count; i++) {
		const struct service_slot *slot = &s->slot[slot_of(span->first + i)];

		if (slot->index == span->first + i && slot->bad)
			bad |= UINT64_C(1) << i;
	}
	return bad;
}

static struct span_of_slots span_of(const struct slo_evidence_windows *w,
                                    const struct slo_evidence_query *q, const struct service *s)
{
	struct span_of_slots span = { .first = index_of(w, q->from_ns) };
	int64_t last = index_of(w, q->to_ns);
	uint64_t bad;

	if (last < span.first)
		last = span.first;
	if (last - span.first >= SLO_EVIDENCE_SLOTS)
		span.first = last - SLO_EVIDENCE_SLOTS + 1;
	span.count = (unsigned int)(last - span.first + 1);
	span.take = span.count == 64 ? UINT64_MAX : (UINT64_C(1) << span.count) - 1;
	bad = q->bad_only ? bad_slots(s, &span) : 0;
	if (bad)
		span.take = bad;
	return span;
}

static const struct place_slot *place_slot(const struct slo_evidence_windows *w, uint64_t place,
                                           int64_t index)
{
	struct place_slot **slots = slo_map_find(w->places, &place);
	const struct place_slot *s = slots ? &(*slots)[slot_of(index)] : NULL;

	return s && s->index == index ? s : NULL;
}

static bool is_pct(unsigned int sig)
{
	return slo_signal_desc((enum slo_signal)sig)->unit == SLO_UNIT_PCT;
}

static bool is_of_node(const struct slo_evidence_windows *w, unsigned int sig)
{
	return is_pct(sig) || ((w->unowned & ~w->owned) & SLO_SIG_BIT(sig));
}

/* The query's own, and the node behind them where it counts. */
static size_t places_of(const struct slo_evidence_windows *w, const struct slo_evidence_query *q,
                        unsigned int sig)
{
	return q->place_count + is_of_node(w, sig);
}

static uint64_t place_of(const struct slo_evidence_query *q, size_t p)
{
	return p < q->place_count ? q->places[p] : SLO_EVIDENCE_NODE;
}

static double latency_ms(const struct slo_evidence_windows *w, const struct slo_evidence_query *q,
                         const struct span_of_slots *span, unsigned int sig)
{
	struct slo_hist all = { 0 };

	for (unsigned int i = 0; i < span->count; i++) {
		for (size_t p = 0; (span->take >> i & 1) && p < places_of(w, q, sig); p++) {
			const struct place_slot *s = place_slot(w, place_of(q, p), span->first + i);

			if (s)
				slo_hist_merge(&all, &s->hist[sig]);
		}
	}
	/* A request is hundreds of turns on a CPU, most of which need not be waited for. */
	if (sig == SLO_SIG_RUNQUEUE_DELAY)
		return slo_hist_time_quantile(&all, 0.5) / 1e6;
	return slo_hist_quantile(&all, QUANTILE) / 1e6;
}

/* Sum (or of percentages the mean) over the 10 s that end with slot @index. */
static double sum_to(const struct slo_evidence_windows *w, const struct slo_evidence_query *q,
                     int64_t index, unsigned int sig)
{
	int64_t back = (int64_t)((SLO_EVIDENCE_SUM_NS + w->slot_ns - 1) / w->slot_ns);
	double sum = 0;
	uint64_t readings = 0;

	for (int64_t i = index - back + 1; i <= index; i++) {
		for (size_t p = 0; p < places_of(w, q, sig); p++) {
			const struct place_slot *s = place_slot(w, place_of(q, p), i);

			if (!s)
				continue;
			sum += s->sum[sig];
			readings += s->readings[sig];
		}
	}
	if (is_pct(sig))
		return readings ? sum / (double)readings : 0;
	/* Slots longer than 10 s hold more than 10 s. */
	return sum * fmin(1, (double)SLO_EVIDENCE_SUM_NS / (double)w->slot_ns);
}

static double summed(const struct slo_evidence_windows *w, const struct slo_evidence_query *q,
                     const struct span_of_slots *span, unsigned int sig)
{
	double value[SLO_EVIDENCE_SLOTS], at;
	unsigned int n = 0;

	for (unsigned int i = 0; i < span->count; i++) {
		double v;
		unsigned int k;

		if (!(span->take >> i & 1))
			continue;
		v = sum_to(w, q, span->first + i, sig);
		for (k = n++; k > 0 && value[k - 1] > v; k--)
			value[k] = value[k - 1];
		value[k] = v;
	}
	if (!n)
		return 0;
	at = QUANTILE * (n - 1);
	return value[(unsigned int)ceil(at)];
}

static double ratio(double part, double whole)
{
	return whole > 0 ? fmin(part / whole, 1) : 0;
}

/* A reply of 429 or 5xx never began to stream: where most are such, that no stream broke says nothing of the provider. */
static bool most_streamed(const struct service_slot *all)
{
	return all->requests >= 2 * ((uint64_t)all->throttled + all->server_errors);
}

static void observe_spans(const struct service *s, const struct span_of_slots *span,
                          struct slo_observation *ret)
{
	struct service_slot all = { 0 };

	for (unsigned int i = 0; i < span->count; i++) {
		const struct service_slot *t = &s->slot[slot_of(span->first + i)];

		if (!(span->take >> i & 1) || t->index != span->first + i)
			continue;
		all.requests += t->requests;
		all.throttled += t->throttled;
		all.server_errors += t->server_errors;
		all.stream_errors += t->stream_errors;
		all.queued += t->queued;
		all.latency_ms += t->latency_ms;
		all.queue_ms += t->queue_ms;
		all.queued_latency_ms += t->queued_latency_ms;
		all.retrieval_ms += t->retrieval_ms;
	}
	if (!all.requests)
		return;
	slo_observation_set(ret, SLO_EVID_THROTTLED_RATIO, ratio(all.throttled, all.requests));
	slo_observation_set(ret, SLO_EVID_SERVER_ERROR_RATIO,
	                    ratio(all.server_errors, all.requests));
	if (all.stream_errors || most_streamed(&all))
		slo_observation_set(ret, SLO_EVID_STREAM_ERROR_RATIO,
		                    ratio(all.stream_errors, all.requests));
	if (all.queued)
		slo_observation_set(ret, SLO_EVID_QUEUE_SHARE,
		                    ratio(all.queue_ms, all.queued_latency_ms));
	if (s->retrieves)
		slo_observation_set(ret, SLO_EVID_RETRIEVAL_SHARE,
		                    ratio(all.retrieval_ms, all.latency_ms));
}

double slo_evidence_bad_share(const struct slo_evidence_windows *w, uint64_t service,
                              int64_t unix_ns)
{
	const struct service *s = slo_map_find(w->services, &service);
	int64_t index = index_of(w, unix_ns);
	const struct service_slot *t;

	if (!s || index <= 0)
		return 0;
	t = &s->slot[slot_of(index)];
	/* One that goes on into the next slot is bad in both, and counted where it ends. */
	return t->index == index ? ratio(t->bad, fmax(t->seen, t->bad)) : 0;
}

static bool is_silent(const struct slo_evidence_windows *w, const struct slo_evidence_query *q,
                      const struct span_of_slots *span, unsigned int sig)
{
	for (unsigned int i = 0; i < span->count; i++) {
		for (size_t p = 0; p < places_of(w, q, sig); p++) {
			const struct place_slot *s = place_slot(w, place_of(q, p), span->first + i);

			if (s && s->readings[sig])
				return false;
		}
	}
	return true;
}

/*
 * A CPU is kept from somebody by a quota, by the hypervisor or by neighbours, and the run queue sees all three. That it
 * was not this one of them speaks against none of the others: only where nobody looks at the run queue does it count.
 */
static void drop_silent_causes(struct slo_observation *obs)
{
	static const enum slo_signal causes[] = { SLO_SIG_CFS_THROTTLED, SLO_SIG_CPU_STEAL };

	if (!(obs->present & SLO_EVID_BIT(SLO_SIG_RUNQUEUE_DELAY)))
		return;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(causes); i++) {
		if (obs->value[causes[i]] < slo_signal_desc(causes[i])->warn)
			obs->present &= ~SLO_EVID_BIT(causes[i]);
	}
}

/* A cgroup that was never throttled may have no quota, one without handshakes may not speak TLS at all: no zeros. */
static bool needs_activity(unsigned int sig)
{
	return sig == SLO_SIG_CFS_THROTTLED || sig == SLO_SIG_TLS_HANDSHAKE;
}

/* Throttled time is a latency by its unit and a sum by its nature. */
static bool is_summed(unsigned int sig)
{
	const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)sig);

	return d->unit != SLO_UNIT_MS || d->windowed;
}

unsigned int slo_evidence_observe(const struct slo_evidence_windows *w,
                                  const struct slo_evidence_query *q, struct slo_observation *ret)
{
	const struct service *s = slo_map_find(w->services, &q->service);
	struct span_of_slots span = span_of(w, q, s);

	for (unsigned int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (!(q->measured & SLO_SIG_BIT(sig)) || !places_of(w, q, sig))
			continue;
		if (needs_activity(sig) && is_silent(w, q, &span, sig))
			continue;
		slo_observation_set(ret, sig,
		                    is_summed(sig) ? summed(w, q, &span, sig)
		                                   : latency_ms(w, q, &span, sig));
	}
	drop_silent_causes(ret);
	if (s)
		observe_spans(s, &span, ret);
	return (unsigned int)__builtin_popcountll(span.take);
}
