/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/agent/live.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "core/base/clock.h"
#include "core/base/log.h"

#define STORM_PODS 1024
#define STATE_EVERY_NS (300 * SLO_NS_PER_SEC)
#define DRAIN_MS 2000

static int make_correlator(struct slo_live *l, struct slo_err *err)
{
	const struct slo_correlator_config cfg = {
		.rule = { .window_ns = (int64_t)(l->cfg->correlation.window_ms * SLO_NS_PER_MS),
		          .threshold = SLO_CORR_THRESHOLD,
		          .distance = SLO_CORR_INTERVAL },
		.max_signals = (size_t)l->cfg->receiver.retain_signals,
		.max_spans = (size_t)l->cfg->receiver.retain_spans,
		.retain_ns = SLO_CORR_RETAIN_NS,
	};
	int r = slo_correlator_new(&l->correlator, &cfg, err);

	return r < 0 ? r : slo_storms_new(&l->storms, STORM_PODS, err);
}

int slo_live_new(struct slo_live **ret, const struct slo_live_config *c, struct slo_err *err)
{
	slo_live_auto struct slo_live *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return slo_err_set(err, -ENOMEM, "live pipeline: out of memory");
	l->c = *c;
	l->lock = l->timer = -1;
	l->cfg = malloc(sizeof(*l->cfg));
	if (!l->cfg)
		return slo_err_set(err, -ENOMEM, "live pipeline: out of memory");
	memcpy(l->cfg, c->cfg, sizeof(*l->cfg));
	l->c.cfg = l->cfg;
	l->self = (struct slo_workload){ .cluster = l->cfg->agent.cluster,
		                         .node = c->node,
		                         .namespace_ = "",
		                         .pod = "",
		                         .pod_uid = "",
		                         .container = "",
		                         .container_id = "",
		                         .service = "llm-slo-agent" };
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer < 0)
		return slo_err_set(err, -errno, "timer: %s", strerror(errno));
	r = slo_live_state_open(l, err);
	slo_live_state_sweep(l);
	if (!r)
		r = make_correlator(l, err);
	if (!r)
		r = slo_live_spans_init(l, err);
	if (!r)
		r = slo_live_slo_init(l, err);
	if (r < 0)
		return r;
	slo_live_state_read(l);
	r = slo_live_tell_init(l, err);
	if (!r)
		r = slo_live_pods_init(l, err);
	if (!r)
		r = slo_live_metrics_init(l, err);
	if (!r)
		r = slo_live_input_open(l, err);
	if (r < 0)
		return r;
	slo_live_tell_again(l);
	*ret = slo_take_ptr(l);
	return 0;
}

void slo_live_freep(struct slo_live **live)
{
	struct slo_live *l = *live;

	if (!l)
		return;
	slo_otlp_receiver_freep(&l->receiver);
	slo_live_input_close(l);
	if (l->correlator && l->wait)
		slo_live_release(l, true);
	if (l->held)
		slo_live_release_held(l, true);
	if (l->baselines && l->model)
		slo_live_state_write(l);
	slo_live_metrics_stop(l, DRAIN_MS);
	if (l->webhook)
		slo_webhook_drain(l->webhook, DRAIN_MS);
	l->now_ns = slo_clock_monotonic_ns();
	slo_live_tell_tick(l);
	slo_otlp_exporter_freep(&l->exporter);
	slo_webhook_freep(&l->webhook);
	slo_http_server_freep(&l->http);
	slo_kubernetes_freep(&l->pods);
	slo_http_client_freep(&l->client);
	slo_metrics_freep(&l->metrics);
	slo_container_index_freep(&l->containers);
	slo_live_spans_fini(l);
	slo_live_slo_fini(l);
	slo_correlator_freep(&l->correlator);
	slo_storms_freep(&l->storms);
	slo_closep(&l->timer);
	slo_closep(&l->lock);
	slo_freep(&l->cfg);
	slo_freep(live);
}

unsigned int slo_live_fds(const struct slo_live *l, int fds[SLO_LIVE_FDS])
{
	unsigned int n = 0;

	fds[n++] = l->timer;
	if (l->client)
		fds[n++] = slo_http_client_fd(l->client);
	if (l->receiver)
		fds[n++] = slo_otlp_receiver_fd(l->receiver);
	if (l->http)
		fds[n++] = slo_http_server_fd(l->http);
	if (l->input)
		fds[n++] = slo_live_input_fd(l);
	return n;
}

static void take_timer(struct slo_live *l)
{
	uint64_t expirations;

	l->timer_ns = 0;
	if (read(l->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		slo_log_err("timer: %s", strerror(errno));
}

/* A look at what has nothing to say costs more calls into the kernel than a piece of a body. */
void slo_live_run(struct slo_live *l, int fd, uint64_t now_ns)
{
	bool all = fd == SLO_LIVE_ALL;

	l->now_ns = now_ns;
	if (all || fd == l->timer)
		take_timer(l);
	if (l->client && (all || fd == slo_http_client_fd(l->client)))
		slo_http_client_run(l->client);
	if (l->receiver && (all || fd == slo_otlp_receiver_fd(l->receiver)))
		slo_otlp_receiver_run(l->receiver);
	if (l->http && (all || fd == slo_http_server_fd(l->http)))
		slo_http_server_run(l->http);
	if (l->input && (all || fd == slo_live_input_fd(l)))
		slo_live_input_run(l);
	slo_live_release(l, false);
	slo_live_metrics_tick(l);
	if (l->exporter)
		slo_otlp_exporter_tick(l->exporter, now_ns);
	if (l->webhook)
		slo_webhook_tick(l->webhook, now_ns);
	slo_live_tell_tick(l);
}

void slo_live_tick(struct slo_live *l, uint64_t now_ns)
{
	slo_live_run(l, SLO_LIVE_ALL, now_ns);
	slo_correlator_advance(l->correlator, now_ns);
	slo_storms_expire(l->storms, (int64_t)(slo_clock_realtime_ns() - SLO_CORR_RETAIN_NS));
	slo_live_release_held(l, false);
	if (l->pods)
		slo_kubernetes_tick(l->pods, now_ns);
	if (now_ns >= l->next_evaluation_ns) {
		slo_live_evaluate(l);
		l->next_evaluation_ns = now_ns + l->cfg->agent.evaluation_ms * SLO_NS_PER_MS;
	}
	if (now_ns >= l->next_state_ns) {
		if (l->next_state_ns)
			slo_live_state_write(l);
		l->next_state_ns = now_ns + STATE_EVERY_NS;
	}
}

static void keep_exemplar(struct slo_live *l, const struct slo_probe_event *ev,
                          const struct slo_workload *who)
{
	struct slo_exemplar e = { .value = slo_event_value(ev),
		                  .unix_ns = (int64_t)slo_event_realtime_ns(ev) };

	memcpy(e.trace_id, ev->trace_id, sizeof(e.trace_id));
	memcpy(e.span_id, ev->span_id, sizeof(e.span_id));
	slo_metrics_exemplar(l->metrics, ev->signal, who, &e);
}

void slo_live_event(struct slo_live *l, const struct slo_probe_event *ev,
                    const struct slo_identity *who, enum slo_status status)
{
	struct slo_workload names;

	if (ev->cgroup_id && !*slo_live_service_at(l, ev->cgroup_id))
		slo_live_recognise(l, ev->cgroup_id, who);
	slo_evidence_event(l->evidence, ev->cgroup_id, ev);
	slo_live_workload(l, who, &names);
	slo_metrics_event(l->metrics, ev, status, &names, (int64_t)slo_event_realtime_ns(ev));
	if (slo_event_is_traced(ev))
		keep_exemplar(l, ev, &names);
	if (ev->kind == SLO_EV_SAMPLE || ev->kind == SLO_EV_TIMEOUT)
		slo_live_hold(l, ev, status);
}
