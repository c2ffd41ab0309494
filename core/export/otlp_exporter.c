/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export/otlp_exporter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/export/otlp_logs.h"
#include "core/export/otlp_metrics.h"
#include "core/export/otlp_sender.h"

#define LOGS_MAX 512 /* records of one request */
#define LOGS_WAIT_NS SLO_NS_PER_SEC
#define GATHER_MAX ((size_t)8 << 20) /* bytes: then a request is made, however few records it has */

struct slo_otlp_exporter {
	struct slo_otlp_sender *sender;
	const struct slo_workload *self; /* borrowed */
	char version[64];
	struct slo_otlp_groups logs;
	size_t log_items;
	uint64_t logs_since_ns; /* when the first of them came */
	struct slo_otlp_metrics metrics;
};

int slo_otlp_exporter_new(struct slo_otlp_exporter **ret,
                          const struct slo_otlp_exporter_config *cfg, struct slo_err *err)
{
	slo_otlp_exporter_auto struct slo_otlp_exporter *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return slo_err_set(err, -ENOMEM, "otlp: no memory");
	x->self = cfg->self;
	(void)snprintf(x->version, sizeof(x->version), "%s", cfg->version);
	if (slo_otlp_groups_init(&x->logs, x->version) < 0 ||
	    slo_otlp_metrics_init(&x->metrics, x->version) < 0)
		return slo_err_set(err, -ENOMEM, "otlp: no memory");
	r = slo_otlp_sender_new(&x->sender, cfg, err);
	if (r < 0)
		return r;
	*ret = slo_take_ptr(x);
	return 0;
}

/* What @body is, or why there is none. */
static void put(struct slo_otlp_exporter *x, enum slo_otlp_kind kind, uint8_t *body, size_t len,
                size_t items)
{
	if (!body && len) {
		slo_otlp_sender_drop(x->sender, kind, items);
		return;
	}
	slo_otlp_sender_put(x->sender, kind, body, len, items);
}

static void flush_logs(struct slo_otlp_exporter *x)
{
	size_t len, items = x->log_items;
	uint8_t *body = slo_otlp_groups_take(&x->logs, &len);

	x->log_items = 0;
	put(x, SLO_OTLP_LOGS, body, len, items);
}

static void flush_metrics(struct slo_otlp_exporter *x)
{
	size_t len, items = x->metrics.items;
	uint8_t *body = slo_otlp_metrics_take(&x->metrics, &len);

	put(x, SLO_OTLP_METRICS, body, len, items);
}

void slo_otlp_exporter_freep(struct slo_otlp_exporter **xp)
{
	struct slo_otlp_exporter *x = *xp;

	if (!x)
		return;
	if (x->sender)
		flush_logs(x);
	slo_otlp_sender_freep(&x->sender);
	slo_otlp_groups_fini(&x->logs);
	slo_otlp_metrics_fini(&x->metrics);
	free(x);
	*xp = NULL;
}

void slo_otlp_exporter_traces(struct slo_otlp_exporter *x, uint8_t *body, size_t len, size_t spans)
{
	slo_otlp_sender_put(x->sender, SLO_OTLP_TRACES, body, len, spans);
}

/* --- log records ---------------------------------------------------------------------------------------------- */

/* NULL: no memory, or nobody wants log records. */
static struct slo_otlp_group *group_of(struct slo_otlp_exporter *x, const struct slo_workload *who)
{
	struct slo_otlp_group *g;

	if (!slo_otlp_sender_wants(x->sender, SLO_OTLP_LOGS))
		return NULL;
	g = slo_otlp_groups_of(&x->logs, who, "", "");
	if (g)
		return g;
	flush_logs(x);
	g = slo_otlp_groups_of(&x->logs, who, "", "");
	if (!g)
		slo_otlp_sender_drop(x->sender, SLO_OTLP_LOGS, 1);
	return g;
}

static void added(struct slo_otlp_exporter *x, int r)
{
	if (r < 0) {
		slo_otlp_sender_drop(x->sender, SLO_OTLP_LOGS, 1);
		return;
	}
	if (!x->log_items++)
		x->logs_since_ns = slo_clock_monotonic_ns();
	if (x->log_items >= LOGS_MAX || slo_otlp_groups_bytes(&x->logs) > GATHER_MAX)
		flush_logs(x);
}

void slo_otlp_exporter_event(struct slo_otlp_exporter *x, const struct slo_probe_event *ev,
                             enum slo_status status, const struct slo_workload *who,
                             const struct slo_otlp_link *link, bool names)
{
	struct slo_otlp_group *g = group_of(x, who);

	if (g)
		added(x, slo_otlp_log_event(g, ev, status, link, names));
}

void slo_otlp_exporter_sli(struct slo_otlp_exporter *x, const struct slo_sli_event *ev,
                           const struct slo_workload *who)
{
	struct slo_otlp_group *g = group_of(x, who);

	if (g)
		added(x, slo_otlp_log_sli(g, ev));
}

void slo_otlp_exporter_notice(struct slo_otlp_exporter *x, const struct slo_notice *n,
                              const struct slo_workload *who)
{
	struct slo_otlp_group *g = group_of(x, who);

	if (g)
		added(x, slo_otlp_log_notice(g, n));
}

/* --- metrics -------------------------------------------------------------------------------------------------- */

void slo_otlp_exporter_metrics_begin(struct slo_otlp_exporter *x, int64_t unix_ns)
{
	x->metrics.unix_ns = unix_ns;
}

void slo_otlp_exporter_metric(void *exporter, const struct slo_metric_desc *desc,
                              const struct slo_metric_series *series)
{
	struct slo_otlp_exporter *x = exporter;
	int r;

	if (!slo_otlp_sender_wants(x->sender, SLO_OTLP_METRICS))
		return;
	r = slo_otlp_metrics_add(&x->metrics, desc, series, x->self, x->version);
	if (r == -ENOSPC) {
		flush_metrics(x);
		r = slo_otlp_metrics_add(&x->metrics, desc, series, x->self, x->version);
	}
	if (r < 0)
		slo_otlp_sender_drop(x->sender, SLO_OTLP_METRICS, 1);
}

void slo_otlp_exporter_metrics_end(struct slo_otlp_exporter *x)
{
	flush_metrics(x);
}

/* --- time ----------------------------------------------------------------------------------------------------- */

void slo_otlp_exporter_tick(struct slo_otlp_exporter *x, uint64_t now_ns)
{
	if (x->log_items && now_ns >= x->logs_since_ns + LOGS_WAIT_NS)
		flush_logs(x);
	slo_otlp_sender_tick(x->sender, now_ns);
}

void slo_otlp_exporter_drain(struct slo_otlp_exporter *x, uint64_t timeout_ms)
{
	flush_logs(x);
	slo_otlp_sender_drain(x->sender, timeout_ms);
}

void slo_otlp_exporter_stats(const struct slo_otlp_exporter *x, struct slo_otlp_exporter_stats *ret)
{
	slo_otlp_sender_stats(x->sender, ret);
}
