/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/map.h"
#include "core/engine/buckets.h"
#include "core/engine/metrics_rows.h"

#define WORKLOADS 128
#define SERIES 1024
#define OTHER "other"
#define KEPT(field) sizeof(((struct slo_metric_workload *)NULL)->field)
#define IDLE_NS (600 * (int64_t)SLO_NS_PER_SEC) /* then another workload may have the place */

/* --- life ----------------------------------------------------------------------------------------------------- */

int slo_metrics_new(struct slo_metrics **ret, const struct slo_metrics_config *cfg,
                    struct slo_err *err)
{
	slo_metrics_auto struct slo_metrics *m = calloc(1, sizeof(*m));
	struct slo_map_config index = { .key_size = 16, .value_size = sizeof(uint32_t) };
	int r;

	if (!m)
		return slo_err_set(err, -ENOMEM, "metrics: out of memory");
	m->cfg = *cfg;
	m->cfg.max_workloads = cfg->max_workloads ? cfg->max_workloads : WORKLOADS;
	m->cfg.max_series = cfg->max_series ? cfg->max_series : SERIES;
	index.max = m->cfg.max_workloads;
	r = slo_map_new(&m->index, &index, err);
	if (r < 0)
		return slo_err_wrap(err, r, "metrics");
	m->workload = calloc(m->cfg.max_workloads + 1, sizeof(*m->workload));
	m->scalar = calloc(m->cfg.max_series, sizeof(*m->scalar));
	if (!m->workload || !m->scalar)
		return slo_err_set(err, -ENOMEM, "metrics: out of memory");
	for (size_t i = m->cfg.max_series; i; i--) {
		m->scalar[i - 1].next = m->free;
		m->free = &m->scalar[i - 1];
	}
	for (unsigned int i = 0; i < SLO_FAMILY_MAX_; i++)
		slo_metric_family(i, &m->family[i]);
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		m->aggregated[i] = cfg->aggregates;
	m->seed = slo_hash_mix((uint64_t)cfg->start_unix_ns ^ (uint64_t)(uintptr_t)m);
	*ret = slo_take_ptr(m);
	return 0;
}

void slo_metrics_freep(struct slo_metrics **mp)
{
	struct slo_metrics *m = *mp;

	if (!m)
		return;
	slo_map_freep(&m->index);
	free(m->workload);
	free(m->scalar);
	free(m);
	*mp = NULL;
}

/* --- workloads ------------------------------------------------------------------------------------------------ */

/*
 * By what the labels tell apart, so as far as settle() keeps it: series of one name and the same labels are what Prometheus
 * takes one of. Two hashes of 64 bits: that two workloads share both is not going to happen.
 */
static void key_of(const struct slo_metrics *m, const struct slo_workload *who, uint64_t key[2])
{
	const struct {
		const char *text;
		size_t size;
	} part[] = {
		{ who->namespace_, KEPT(namespace_) },
		{ who->pod, KEPT(pod) },
		{ who->container, KEPT(container) },
		{ who->service, KEPT(service) },
	};

	key[0] = m->seed;
	key[1] = ~m->seed;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(part); i++) {
		size_t len = strnlen(part[i].text, part[i].size - 1);

		key[0] = slo_hash_bytes(key[0] + i, part[i].text, len);
		key[1] = slo_hash_bytes(key[1] - i, part[i].text, len);
	}
}

#define COPY(to, from) (void)snprintf((to), sizeof(to), "%s", (from))

static void settle(struct slo_metric_workload *w, const struct slo_workload *who, int64_t unix_ns)
{
	memset(w, 0, sizeof(*w));
	w->used = true;
	w->start_unix_ns = unix_ns;
	COPY(w->cluster, who->cluster);
	COPY(w->node, who->node);
	COPY(w->namespace_, who->namespace_);
	COPY(w->pod, who->pod);
	COPY(w->pod_uid, who->pod_uid);
	COPY(w->container, who->container);
	COPY(w->container_id, who->container_id);
	COPY(w->service, who->service);
}

/* A place that nobody has used for long; NULL: none. */
static struct slo_metric_workload *idle_one(struct slo_metrics *m, int64_t unix_ns)
{
	struct slo_metric_workload *oldest = NULL;

	for (size_t i = 0; i < m->cfg.max_workloads; i++) {
		struct slo_metric_workload *w = &m->workload[i];

		if (unix_ns - w->seen_unix_ns > IDLE_NS &&
		    (!oldest || w->seen_unix_ns < oldest->seen_unix_ns))
			oldest = w;
	}
	if (oldest)
		(void)slo_map_erase(m->index, oldest->key);
	return oldest;
}

/* A service may be called that, too: its labels are the same, so it has the same place. */
static bool is_other(const struct slo_workload *who)
{
	return !*who->namespace_ && !*who->pod && !*who->container &&
	       strcmp(who->service, OTHER) == 0;
}

static struct slo_metric_workload *others(struct slo_metrics *m, int64_t unix_ns)
{
	static const struct slo_workload who = { "", "", "", "", "", "", "", OTHER };
	struct slo_metric_workload *w = m->workload + m->cfg.max_workloads;

	assert(m->workload);
	if (!w->used)
		settle(w, &who, unix_ns);
	return w;
}

static struct slo_metric_workload *workload_of(struct slo_metrics *m,
                                               const struct slo_workload *who, int64_t unix_ns)
{
	struct slo_metric_workload *w;
	uint64_t key[2];
	uint32_t *at;

	if (is_other(who))
		return others(m, unix_ns);
	key_of(m, who, key);
	at = slo_map_find(m->index, key);
	if (at) {
		w = &m->workload[*at];
		w->seen_unix_ns = unix_ns;
		return w;
	}
	w = m->count < m->cfg.max_workloads ? &m->workload[m->count] : idle_one(m, unix_ns);
	if (!w) {
		m->dropped++;
		return others(m, unix_ns);
	}
	if (m->count < m->cfg.max_workloads)
		m->count++;
	settle(w, who, unix_ns);
	memcpy(w->key, key, sizeof(key));
	at = slo_map_get(m->index, key, NULL);
	assert(at);
	*at = (uint32_t)(w - m->workload);
	w->seen_unix_ns = unix_ns;
	return w;
}

void slo_metrics_follow_clock(struct slo_metrics *m, int64_t step_ns)
{
	m->cfg.start_unix_ns += step_ns;
	/* The others' place is behind the last. */
	for (size_t i = 0; m->workload && i <= m->cfg.max_workloads; i++) {
		struct slo_metric_workload *w = &m->workload[i];

		w->start_unix_ns += w->used ? step_ns : 0;
		w->seen_unix_ns += w->used ? step_ns : 0;
	}
}

/* --- measurements --------------------------------------------------------------------------------------------- */

static void count_hist(struct slo_metrics *m, struct slo_metric_tally *t, enum slo_signal sig,
                       const struct slo_hist *h, uint64_t weight)
{
	const struct slo_signal_desc *d = slo_signal_desc(sig);
	const double limit[] = { d->warn, d->crit };
	struct slo_buckets b = { d->buckets, d->bucket_count, 1e6, t->bucket, t->owed };
	struct slo_buckets by_status = { limit, 2, 1e6, m->status[sig], m->status_owed[sig] };

	slo_buckets_add(&b, h, weight);
	slo_buckets_add(&by_status, h, weight);
	t->count += h->count * weight;
	t->sum += (double)h->sum_ns / 1e6 * (double)weight;
}

static void count_one(struct slo_metric_tally *t, enum slo_signal sig, double ms, uint64_t weight)
{
	const struct slo_signal_desc *d = slo_signal_desc(sig);

	t->bucket[slo_buckets_find(d->buckets, d->bucket_count, ms)] += weight;
	t->count += weight;
	t->sum += ms * (double)weight;
}

/* From now on aggregates are what counts: what single events said before is in them or before their time. */
static void forget_singles(struct slo_metrics *m, enum slo_signal sig)
{
	m->aggregated[sig] = true;
	memset(m->status[sig], 0, sizeof(m->status[sig]));
	for (size_t i = 0; i <= m->cfg.max_workloads; i++) {
		if (m->workload[i].used)
			memset(&m->workload[i].tally[sig], 0, sizeof(struct slo_metric_tally));
	}
}

static bool is_counted(struct slo_metrics *m, const struct slo_probe_event *ev)
{
	switch (ev->kind) {
	case SLO_EV_HIST:
	case SLO_EV_COUNT:
		if (!m->aggregated[ev->signal])
			forget_singles(m, ev->signal);
		return true;
	case SLO_EV_SAMPLE:
		return !m->aggregated[ev->signal];
	case SLO_EV_TIMEOUT: /* in no aggregate */
	case SLO_EV_GAUGE:
		return true;
	case SLO_EV_KIND_MAX_:
		break;
	}
	return false;
}

void slo_metrics_event(struct slo_metrics *m, const struct slo_probe_event *ev,
                       enum slo_status status, const struct slo_workload *who, int64_t unix_ns)
{
	uint64_t weight = ev->sample_weight > 1 ? ev->sample_weight : 1;
	bool in_ms = slo_signal_desc(ev->signal)->buckets;
	struct slo_metric_tally *t;

	if (!is_counted(m, ev))
		return;
	t = &workload_of(m, who, unix_ns)->tally[ev->signal];
	t->used = true;
	if (ev->kind == SLO_EV_HIST && in_ms) {
		count_hist(m, t, ev->signal, &ev->hist, weight);
		return;
	}
	if (ev->kind == SLO_EV_GAUGE) {
		t->level = ev->gauge;
		t->level_unix_ns = unix_ns;
		weight = 1;
	} else if (in_ms) {
		count_one(t, ev->signal, (double)ev->value_ns / 1e6, weight);
	} else {
		weight *= ev->count;
		t->count += weight;
	}
	m->status[ev->signal][status] += weight;
}

void slo_metrics_exemplar(struct slo_metrics *m, enum slo_signal sig,
                          const struct slo_workload *who, const struct slo_exemplar *e)
{
	const struct slo_signal_desc *d = slo_signal_desc(sig);
	uint64_t key[2];
	uint32_t *at;

	if (!d->buckets)
		return;
	key_of(m, who, key);
	at = slo_map_find(m->index, key);
	if (at && m->workload[*at].tally[sig].used)
		m->workload[*at]
			.tally[sig]
			.exemplar[slo_buckets_find(d->buckets, d->bucket_count, e->value)] = *e;
}

static void count_request(struct slo_metric_tally *t, const struct slo_metric_family *f,
                          double value, const struct slo_exemplar *e)
{
	size_t i;

	if (!(value >= 0) || !isfinite(value))
		return;
	i = slo_buckets_find(f->bounds, f->bound_count, value);
	t->used = true;
	t->bucket[i]++;
	t->count++;
	t->sum += value;
	if (e->unix_ns) {
		t->exemplar[i] = *e;
		t->exemplar[i].value = value;
	}
}

void slo_metrics_request(struct slo_metrics *m, const struct slo_span *span,
                         const struct slo_workload *who, int64_t unix_ns)
{
	static const uint8_t none[SLO_TRACE_ID_LEN];
	struct slo_metric_workload *w = workload_of(m, who, unix_ns);
	struct slo_exemplar e = { .unix_ns = span->end_ns };

	memcpy(e.trace_id, span->trace_id, sizeof(e.trace_id));
	memcpy(e.span_id, span->span_id, sizeof(e.span_id));
	if (memcmp(none, e.trace_id, sizeof(none)) == 0)
		e.unix_ns = 0;
	count_request(&w->tally[SLO_FAMILY_TTFT], &m->family[SLO_FAMILY_TTFT], span->llm.ttft_ms,
	              &e);
	count_request(&w->tally[SLO_FAMILY_TPS], &m->family[SLO_FAMILY_TPS],
	              span->llm.tokens_per_sec, &e);
	w->has_requests = true;
	w->requests[span->llm.error]++;
}

void slo_metrics_sli(struct slo_metrics *m, const struct slo_sli_event *ev,
                     const struct slo_workload *who, int64_t unix_ns)
{
	const struct slo_exemplar none = { 0 };
	struct slo_metric_workload *w = workload_of(m, who, unix_ns);

	if (ev->sli == SLO_SLI_TTFT) {
		count_request(&w->tally[SLO_FAMILY_TTFT], &m->family[SLO_FAMILY_TTFT], ev->value,
		              &none);
	} else if (ev->sli == SLO_SLI_TOKEN_THROUGHPUT) {
		count_request(&w->tally[SLO_FAMILY_TPS], &m->family[SLO_FAMILY_TPS], ev->value,
		              &none);
	} else if (ev->sli == SLO_SLI_ERROR_RATE) {
		w->has_requests = true;
		w->requests[ev->value >= 0.5 ? SLO_LLM_OTHER_ERROR : SLO_LLM_OK]++;
	}
}

/* --- counters and gauges -------------------------------------------------------------------------------------- */

static bool has_values(const struct slo_metric_scalar *s,
                       const char *const values[SLO_METRIC_VALUES_MAX])
{
	for (size_t i = 0; i < SLO_METRIC_VALUES_MAX; i++) {
		if (strncmp(s->label[i], values[i] ? values[i] : "", SLO_METRIC_VALUE_LEN - 1) != 0)
			return false;
	}
	return true;
}

static struct slo_metric_scalar *scalar_of(struct slo_metrics *m, enum slo_metric id,
                                           const char *const values[SLO_METRIC_VALUES_MAX])
{
	struct slo_metric_scalar *s = m->first[id];

	assert((unsigned int)id < SLO_MET_MAX_);
	while (s && !has_values(s, values))
		s = s->next;
	if (s)
		return s;
	s = m->free;
	if (!s) {
		m->dropped++;
		return NULL;
	}
	m->free = s->next;
	*s = (struct slo_metric_scalar){ .id = id };
	for (size_t i = 0; i < SLO_METRIC_VALUES_MAX; i++)
		COPY(s->label[i], values[i] ? values[i] : "");
	if (m->last[id])
		m->last[id]->next = s;
	else
		m->first[id] = s;
	m->last[id] = s;
	return s;
}

bool slo_metrics_set(struct slo_metrics *m, enum slo_metric id,
                     const char *const values[SLO_METRIC_VALUES_MAX], double value)
{
	struct slo_metric_scalar *s = scalar_of(m, id, values);

	if (s)
		s->value = value;
	return s;
}

bool slo_metrics_add(struct slo_metrics *m, enum slo_metric id,
                     const char *const values[SLO_METRIC_VALUES_MAX], double delta)
{
	struct slo_metric_scalar *s = scalar_of(m, id, values);

	if (s)
		s->value += delta;
	return s;
}

void slo_metrics_clear(struct slo_metrics *m, enum slo_metric id)
{
	if (!m->first[id])
		return;
	m->last[id]->next = m->free;
	m->free = m->first[id];
	m->first[id] = m->last[id] = NULL;
}

uint64_t slo_metrics_dropped(const struct slo_metrics *m)
{
	return m->dropped;
}
