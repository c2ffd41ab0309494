/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/agent/view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/programs/markup.h"

#define WINDOW 10

/* One signal over some time. Samples and aggregates hold the same measurements: never both are added up. */
struct tally {
	struct slo_hist hist; /* from aggregates: complete */
	struct slo_hist samples; /* from single events; used where no aggregate came (recordings) */
	uint64_t count; /* counts from aggregates */
	uint64_t count_samples;
	uint64_t timeouts;
	double gauge_sum;
	uint64_t gauges;
	double worst; /* in the signal's unit */
	uint32_t tgid;
	char comm[SLO_COMM_LEN + 1];
	char who[80]; /* container, pod or unit */
	uint64_t ns; /* time covered */
};

struct slo_view {
	FILE *out;
	bool ansi, color;
	unsigned int lines; /* of the table on screen */
	double overhead_pct; /* below 0: not known */
	uint64_t shed;
	unsigned int at; /* slot of the running interval */
	struct tally recent[WINDOW][SLO_SIG_MAX_];
	struct tally total[SLO_SIG_MAX_];
};

int slo_view_new(struct slo_view **ret_view, FILE *out, bool ansi, bool color, struct slo_err *err)
{
	struct slo_view *v = calloc(1, sizeof(*v));

	if (!v)
		return slo_err_set(err, -ENOMEM, "table: out of memory");
	v->out = out;
	v->ansi = ansi;
	v->color = color;
	v->overhead_pct = -1;
	*ret_view = v;
	return 0;
}

void slo_view_freep(struct slo_view **view)
{
	free(*view);
	*view = NULL;
}

void slo_view_overhead(struct slo_view *v, double pct, uint64_t shed)
{
	v->overhead_pct = pct;
	v->shed = shed;
}

static void name_owner(char *buf, size_t size, const struct slo_identity *who)
{
	if (*who->container_id)
		(void)snprintf(buf, size, "%s %.12s", *who->runtime ? who->runtime : "container",
		               who->container_id);
	else if (*who->pod_uid)
		(void)snprintf(buf, size, "pod %s", who->pod_uid);
	else
		(void)snprintf(buf, size, "%s", *who->unit ? who->unit : "-");
}

static void offer_worst(struct tally *t, const struct slo_probe_event *ev, double value,
                        const struct slo_identity *who)
{
	if (value < t->worst || (value == t->worst && t->tgid))
		return;
	t->worst = value;
	t->tgid = ev->tgid;
	memcpy(t->comm, ev->comm, sizeof(t->comm));
	name_owner(t->who, sizeof(t->who), who);
}

static void add(struct tally *t, const struct slo_probe_event *ev, const struct slo_identity *who)
{
	bool in_ms = slo_signal_desc(ev->signal)->unit == SLO_UNIT_MS;
	double value = slo_event_value(ev);

	switch (ev->kind) {
	case SLO_EV_HIST:
		slo_hist_merge(&t->hist, &ev->hist);
		value = (double)ev->hist.max_ns / 1e6;
		break;
	case SLO_EV_COUNT:
		t->count += ev->count;
		break;
	case SLO_EV_GAUGE:
		t->gauge_sum += value;
		t->gauges++;
		break;
	case SLO_EV_TIMEOUT:
		t->timeouts++;
		break;
	case SLO_EV_SAMPLE:
		if (in_ms)
			slo_hist_add(&t->samples, ev->value_ns);
		else
			t->count_samples += ev->count;
		break;
	case SLO_EV_KIND_MAX_:
		return;
	}
	offer_worst(t, ev, value, who);
}

void slo_view_add(struct slo_view *v, const struct slo_probe_event *ev,
                  const struct slo_identity *who)
{
	add(&v->recent[v->at][ev->signal], ev, who);
	add(&v->total[ev->signal], ev, who);
}

static void merge(struct tally *into, const struct tally *t)
{
	slo_hist_merge(&into->hist, &t->hist);
	slo_hist_merge(&into->samples, &t->samples);
	into->count += t->count;
	into->count_samples += t->count_samples;
	into->timeouts += t->timeouts;
	into->gauge_sum += t->gauge_sum;
	into->gauges += t->gauges;
	into->ns += t->ns;
	if (t->worst > into->worst || !into->tgid) {
		into->worst = t->worst;
		into->tgid = t->tgid;
		memcpy(into->comm, t->comm, sizeof(into->comm));
		memcpy(into->who, t->who, sizeof(into->who));
	}
}

/* Milliseconds with three significant digits, or "-". */
static const char *ms(char buf[16], double ns)
{
	double v = ns / 1e6;

	if (ns <= 0)
		return "-";
	(void)snprintf(buf, 16, v < 1 ? "%.3f" : v < 100 ? "%.1f" : "%.0f", v);
	return buf;
}

static void print_refusal(FILE *out, const struct slo_choice *c)
{
	const struct slo_verdict *v = &c->verdict;
	const char *why = v->refused_count ? v->refused[0].why : "not asked for";

	(void)fprintf(out, "not measured: %s", why);
}

static void print_worst(FILE *out, const struct tally *t, enum slo_unit unit)
{
	if (t->worst <= 0)
		return;
	(void)fprintf(out, unit == SLO_UNIT_MS ? "  %.3f ms" : "  %.0f", t->worst);
	if (t->tgid) {
		(void)fprintf(out, " pid %u ", t->tgid);
		slo_markup_put_plain(out, t->comm);
	}
	if (*t->who && strcmp(t->who, "-") != 0) {
		(void)fputs(" [", out);
		slo_markup_put_plain(out, t->who);
		(void)fputc(']', out);
	}
}

/* @weight: one interval of so many was measured. */
static void print_latency(FILE *out, const struct tally *t, unsigned int weight)
{
	const struct slo_hist *h = t->hist.count ? &t->hist : &t->samples;
	double seconds = (double)t->ns / 1e9;
	char p50[16], p95[16], p99[16];

	(void)fprintf(out, "%9.1f/s %9s %9s %9s",
	              seconds > 0 ? (double)h->count * weight / seconds : 0,
	              ms(p50, slo_hist_quantile(h, 0.5)), ms(p95, slo_hist_quantile(h, 0.95)),
	              ms(p99, slo_hist_quantile(h, 0.99)));
	if (t->timeouts)
		(void)fprintf(out, "  %" PRIu64 " unanswered", t->timeouts);
	print_worst(out, t, SLO_UNIT_MS);
}

static void print_count(FILE *out, const struct tally *t)
{
	uint64_t n = t->count ? t->count : t->count_samples;
	double seconds = (double)t->ns / 1e9;

	(void)fprintf(out, "%9.1f/s %29s", seconds > 0 ? (double)n / seconds : 0, "");
	print_worst(out, t, SLO_UNIT_COUNT);
}

/* Means of intervals: percent of all time, or of milliseconds the sum per second. */
static void print_gauge(FILE *out, const struct tally *t, enum slo_unit unit)
{
	double seconds = (double)t->ns / 1e9;

	if (unit == SLO_UNIT_PCT) {
		(void)fprintf(out, "%9.2f %%", t->gauges ? t->gauge_sum / (double)t->gauges : 0);
		return;
	}
	(void)fprintf(out, "%9.1f ms a second %17s", seconds > 0 ? t->gauge_sum / seconds : 0, "");
	print_worst(out, t, unit);
}

static void print_row(struct slo_view *v, const struct slo_session *s, enum slo_signal sig,
                      const struct tally *t)
{
	const struct slo_signal_desc *d = slo_signal_desc(sig);
	const struct slo_choice *c = slo_session_choice(s, sig);

	if (v->ansi)
		(void)fputs("\033[K", v->out);
	(void)fprintf(v->out, "%-24s %-12s ", d->name,
	              c->backend ? slo_source_name(c->verdict.source) : "-");
	if (!c->backend)
		print_refusal(v->out, c);
	else if (v->shed & SLO_SIG_BIT(sig))
		(void)fputs("shed: the agent cost more than [safety] max_overhead_pct allows",
		            v->out);
	else if (d->counted)
		print_gauge(v->out, t, d->unit);
	else if (d->unit == SLO_UNIT_MS)
		print_latency(v->out, t, c->verdict.by_turns ? SLO_TURN_INTERVALS : 1);
	else
		print_count(v->out, t);
	(void)fputc('\n', v->out);
}

static void print_head(struct slo_view *v, const char *span)
{
	if (v->ansi)
		(void)fputs("\033[K", v->out);
	(void)fprintf(v->out, "%s%-24s %-12s %11s %9s %9s %9s  %s%s\n", v->color ? "\033[1m" : "",
	              "signal", "measured by", "rate", "p50 ms", "p95 ms", "p99 ms", span,
	              v->color ? "\033[0m" : "");
}

static void print_foot(struct slo_view *v)
{
	if (v->overhead_pct < 0)
		return;
	(void)fprintf(v->out, "%sthe agent and its BPF programs cost %.2f %% of one core\n",
	              v->ansi ? "\033[K" : "", v->overhead_pct);
	v->lines++;
}

static void recent(const struct slo_view *v, int sig, struct tally *ret)
{
	*ret = (struct tally){ 0 };
	for (int i = 0; i < WINDOW; i++)
		merge(ret, &v->recent[i][sig]);
}

static void print_table(struct slo_view *v, const struct slo_session *s)
{
	/* Redraw over the last table; the cursor stands below it. */
	if (v->ansi && v->lines)
		(void)fprintf(v->out, "\033[%uA", v->lines);
	/* A line that wraps would be two, and the next table stand askew below its first half: the terminal cuts it. */
	if (v->ansi)
		(void)fputs("\033[?7l", v->out);
	print_head(v, "worst of the last 10 s");
	v->lines = 1;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct tally t;

		recent(v, sig, &t);
		print_row(v, s, (enum slo_signal)sig, &t);
		v->lines++;
	}
	print_foot(v);
	(void)fputs(v->ansi ? "\033[?7h" : "\n", v->out);
	(void)fflush(v->out);
}

void slo_view_tick(struct slo_view *v, const struct slo_session *s, uint64_t interval_ns)
{
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		v->recent[v->at][sig].ns = interval_ns;
		v->total[sig].ns += interval_ns;
	}
	if (v->out)
		print_table(v, s);
	v->at = (v->at + 1) % WINDOW;
	memset(v->recent[v->at], 0, sizeof(v->recent[v->at]));
}

static void json_values(const struct tally *t, enum slo_unit unit, bool counted,
                        struct slo_jsonw *w)
{
	const struct slo_hist *h = t->hist.count ? &t->hist : &t->samples;
	double seconds = t->ns ? (double)t->ns / 1e9 : 1;

	if (counted) {
		slo_jsonw_member_double(w, "mean",
		                        t->gauges ? t->gauge_sum / (double)t->gauges : 0);
	} else if (unit == SLO_UNIT_MS) {
		slo_jsonw_member_double(w, "rate", (double)h->count / seconds);
		slo_jsonw_member_double(w, "p50", slo_hist_quantile(h, 0.5) / 1e6);
		slo_jsonw_member_double(w, "p95", slo_hist_quantile(h, 0.95) / 1e6);
		slo_jsonw_member_double(w, "p99", slo_hist_quantile(h, 0.99) / 1e6);
		slo_jsonw_member_double(w, "unanswered", (double)t->timeouts);
	} else {
		slo_jsonw_member_double(w, "rate",
		                        (double)(t->count ? t->count : t->count_samples) / seconds);
	}
}

static void json_row(const struct slo_view *v, const struct slo_choice *c, int sig,
                     struct slo_jsonw *w)
{
	const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)sig);
	const char *status = "measured";
	struct tally t;

	recent(v, sig, &t);
	if (!c->backend)
		status = "refused";
	else if (v->shed & SLO_SIG_BIT(sig))
		status = "shed";
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "name", d->name);
	slo_jsonw_member_str(w, "unit", slo_unit_name(d->unit));
	slo_jsonw_member_str(w, "mechanism", c->backend ? slo_source_name(c->verdict.source) : "");
	slo_jsonw_member_str(w, "status", status);
	if (!c->backend)
		slo_jsonw_member_str(w, "why",
		                     c->verdict.refused_count ? c->verdict.refused[0].why
		                                              : "not asked for");
	json_values(&t, d->unit, d->counted, w);
	if (t.worst > 0) {
		slo_jsonw_key(w, "worst");
		slo_jsonw_object_begin(w);
		slo_jsonw_member_double(w, "value", t.worst);
		slo_jsonw_member_double(w, "pid", t.tgid);
		slo_jsonw_member_str(w, "comm", t.comm);
		slo_jsonw_member_str(w, "container", t.who);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_object_end(w);
}

void slo_view_json(const struct slo_view *v, const struct slo_session *s, struct slo_jsonw *w)
{
	slo_jsonw_array_begin(w);
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++)
		json_row(v, slo_session_choice(s, (enum slo_signal)sig), sig, w);
	slo_jsonw_array_end(w);
}

void slo_view_summary(struct slo_view *v, const struct slo_session *s, uint64_t run_ns)
{
	if (!v->out)
		return;
	(void)fprintf(v->out, "\nwhole run, %.1f s\n", (double)run_ns / 1e9);
	print_head(v, "worst");
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct tally t = v->total[sig];

		t.ns = run_ns;
		print_row(v, s, (enum slo_signal)sig, &t);
	}
	(void)fflush(v->out);
}
