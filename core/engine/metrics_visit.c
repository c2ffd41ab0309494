/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/clock.h"
#include "core/engine/metrics_rows.h"

#define LEVEL_NS (15 * (int64_t)SLO_NS_PER_SEC) /* a level is of now, or it is none */

static const char *const error_names[] = {
	[SLO_LLM_OK] = "ok",
	[SLO_LLM_THROTTLED] = "throttled",
	[SLO_LLM_SERVER_ERROR] = "server_error",
	[SLO_LLM_STREAM_ERROR] = "stream_error",
	[SLO_LLM_CLIENT_ERROR] = "client_error",
	[SLO_LLM_OTHER_ERROR] = "other_error",
};
SLO_TABLE_COMPLETE(error_names, SLO_LLM_ERROR_MAX_);

static const struct slo_metric_desc events_desc = { "llm_ebpf_probe_events_total",
	                                            "Measurements of kernel signals, by status",
	                                            "{event}", SLO_METRIC_COUNTER };
static const struct slo_metric_desc requests_desc = { "llm_slo_requests_total",
	                                              "LLM requests, by outcome", "{request}",
	                                              SLO_METRIC_COUNTER };
static const struct slo_metric_desc errors_desc = { "llm_slo_errors_total",
	                                            "LLM requests that did not end well",
	                                            "{request}", SLO_METRIC_COUNTER };

struct visit {
	const struct slo_metrics *m;
	int64_t unix_ns;
	slo_metric_fn fn;
	void *user;
};

static void add_label(struct slo_metric_series *s, const char *name, const char *value)
{
	if (*value)
		s->label[s->label_count++] = (struct slo_metric_label){ name, value };
}

static void show(const struct visit *v, const struct slo_metric_desc *desc,
                 struct slo_metric_series *s)
{
	if (!s->start_unix_ns)
		s->start_unix_ns = v->m->cfg.start_unix_ns;
	v->fn(v->user, desc, s);
}

/* @who is filled, and borrowed by @ret. */
static void of_workload(const struct slo_metric_workload *w, struct slo_workload *who,
                        struct slo_metric_series *ret)
{
	*who = (struct slo_workload){ w->cluster, w->node,      w->namespace_,   w->pod,
		                      w->pod_uid, w->container, w->container_id, w->service };
	*ret = (struct slo_metric_series){ .workload = who, .start_unix_ns = w->start_unix_ns };
	add_label(ret, "service", w->service);
	add_label(ret, "namespace", w->namespace_);
	add_label(ret, "pod", w->pod);
	add_label(ret, "container", w->container);
}

static void show_scalars(const struct visit *v)
{
	for (int id = 0; id < SLO_MET_MAX_; id++) {
		const struct slo_metric_row *row = slo_metric_row((enum slo_metric)id);

		for (const struct slo_metric_scalar *c = v->m->first[id]; c; c = c->next) {
			struct slo_metric_series s = { .value = c->value };

			for (size_t i = 0; i < SLO_METRIC_VALUES_MAX && row->label[i]; i++)
				add_label(&s, row->label[i], c->label[i]);
			show(v, &row->desc, &s);
		}
	}
}

/* All of them from the beginning: what is 0 says so. */
static void show_events(const struct visit *v)
{
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		for (int status = 0; status < SLO_STATUS_MAX_; status++) {
			struct slo_metric_series s = {
				.value = (double)v->m->status[sig][status],
			};

			add_label(&s, "signal", slo_signal_desc((enum slo_signal)sig)->name);
			add_label(&s, "status", slo_status_name((enum slo_status)status));
			show(v, &events_desc, &s);
		}
	}
}

static bool is_shown(const struct visit *v, const struct slo_metric_desc *desc,
                     const struct slo_metric_tally *t)
{
	return t->used &&
	       (desc->type != SLO_METRIC_GAUGE || v->unix_ns - t->level_unix_ns <= LEVEL_NS);
}

static void show_family(const struct visit *v, unsigned int family)
{
	const struct slo_metric_family *f = &v->m->family[family];

	for (size_t i = 0; i <= v->m->cfg.max_workloads; i++) {
		const struct slo_metric_workload *w = &v->m->workload[i];
		const struct slo_metric_tally *t = &w->tally[family];
		struct slo_metric_series s;
		struct slo_workload who;

		if (!w->used || !is_shown(v, &f->desc, t))
			continue;
		of_workload(w, &who, &s);
		s.value = f->desc.type == SLO_METRIC_GAUGE ? t->level : (double)t->count;
		s.bounds = f->bounds;
		s.bound_count = f->bound_count;
		s.buckets = t->bucket;
		s.count = t->count;
		s.sum = t->sum;
		s.exemplars = t->exemplar;
		show(v, &f->desc, &s);
	}
}

static void show_request(const struct visit *v, const struct slo_metric_workload *w, bool errors)
{
	struct slo_metric_series s;
	struct slo_workload who;
	uint64_t bad = 0;

	for (int e = 0; e < SLO_LLM_ERROR_MAX_; e++) {
		bad += e == SLO_LLM_OK ? 0 : w->requests[e];
		if (errors)
			continue;
		of_workload(w, &who, &s);
		add_label(&s, "status", error_names[e]);
		s.value = (double)w->requests[e];
		show(v, &requests_desc, &s);
	}
	if (!errors)
		return;
	of_workload(w, &who, &s);
	s.value = (double)bad;
	show(v, &errors_desc, &s);
}

/* Before the first request there is a 0 without labels: a rate is known from the first one on. */
static void show_requests(const struct visit *v, bool errors)
{
	static const struct slo_metric_workload nobody;
	bool any = false;

	for (size_t i = 0; i <= v->m->cfg.max_workloads; i++) {
		if (!v->m->workload[i].has_requests)
			continue;
		show_request(v, &v->m->workload[i], errors);
		any = true;
	}
	if (!any)
		show_request(v, &nobody, errors);
}

void slo_metrics_visit(const struct slo_metrics *m, int64_t unix_ns, slo_metric_fn fn, void *user)
{
	const struct visit v = { m, unix_ns, fn, user };

	show_scalars(&v);
	show_events(&v);
	for (unsigned int i = 0; i < SLO_FAMILY_MAX_; i++)
		show_family(&v, i);
	show_requests(&v, false);
	show_requests(&v, true);
}
