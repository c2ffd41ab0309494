/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked over the local socket, as JSON documents. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/codec/incident_json.h"
#include "core/programs/agent/agent.h"
#include "core/programs/explain.h"

static void put_agent(const struct slo_agent *a, struct slo_jsonw *w)
{
	slo_jsonw_key(w, "agent");
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "version", SLO_VERSION);
	slo_jsonw_member_str(w, "node", a->node);
	slo_jsonw_member_str(w, "mode", slo_session_mode(a->session));
	slo_jsonw_member_double(w, "uptime_s", (double)(a->now_ns - a->begin_ns) / 1e9);
	if (a->guard.guard)
		slo_jsonw_member_double(w, "overhead_pct", slo_guard_overhead_pct(a->guard.guard));
	slo_jsonw_object_end(w);
}

static void put_windows(const struct slo_live_objective *o, struct slo_jsonw *w)
{
	slo_jsonw_key(w, "windows");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < o->burn.window_count; i++) {
		const struct slo_burn_window_result *r = &o->result.window[i];

		slo_jsonw_object_begin(w);
		slo_jsonw_member_double(w, "window_ms", (double)o->burn.window_ms[i]);
		slo_jsonw_member_double(w, "burn", r->burn);
		slo_jsonw_member_double(w, "valid", (double)r->valid);
		slo_jsonw_member_double(w, "bad", (double)(r->valid - r->good));
		slo_jsonw_member_bool(w, "sufficient", r->sufficient);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

static void put_objectives(const struct slo_live *l, struct slo_jsonw *w)
{
	slo_jsonw_key(w, "slos");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; l && i < l->objective_count; i++) {
		const struct slo_live_objective *o = &l->objective[i];

		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "name", o->name);
		slo_jsonw_member_str(w, "service", o->service->name);
		slo_jsonw_member_str(w, "namespace", o->service->namespace_);
		slo_jsonw_member_str(w, "sli", slo_sli_desc(o->sli)->name);
		slo_jsonw_member_str(w, "unit", slo_sli_desc(o->sli)->unit);
		slo_jsonw_member_double(w, "threshold", o->threshold);
		slo_jsonw_member_double(w, "objective", o->burn.objective);
		slo_jsonw_member_str(w, "state", slo_burn_state_name(o->result.state));
		slo_jsonw_member_double(w, "budget_remaining", o->result.budget_remaining);
		slo_jsonw_member_bool(w, "shortened", o->burn.shortened);
		put_windows(o, w);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

static int put_incident(const struct slo_live *l, const struct slo_live_incident *in,
                        struct slo_jsonw *w)
{
	char json[SLO_INCIDENT_JSON_MAX];
	struct slo_incident record;
	ssize_t len;

	slo_live_incident_record(l, in, &record);
	len = slo_incident_json_write(json, sizeof(json), &record, false);
	if (len < 0)
		return (int)len;
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "state", in->open ? "open" : "resolved");
	if (in->silent)
		slo_jsonw_member_bool(w, "silent", true);
	slo_jsonw_key(w, "incident");
	slo_jsonw_raw(w, json, (size_t)len - 1);
	slo_jsonw_object_end(w);
	return 0;
}

/* Newest first. */
static int put_incidents(const struct slo_live *l, struct slo_jsonw *w)
{
	size_t n = l ? l->history_count : 0;
	int r = 0;

	slo_jsonw_key(w, "incidents");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; !r && i < n; i++)
		r = put_incident(l, &l->history[n - 1 - i], w);
	slo_jsonw_array_end(w);
	return r;
}

static int text_form(FILE *out, const struct slo_attr_model *m, const struct slo_incident *in)
{
	slo_explain_text(out, m, in, false);
	return 0;
}

/* One form of the explanation, in memory; *@ret is the caller's, also on failure. */
static int
explain_in(int (*form)(FILE *, const struct slo_attr_model *, const struct slo_incident *),
           const struct slo_live *l, const struct slo_incident *record, char **ret, size_t *ret_len)
{
	FILE *out = open_memstream(ret, ret_len);
	int r;

	if (!out)
		return -ENOMEM;
	r = form(out, l->model, record);
	return fclose(out) ? -ENOMEM : r;
}

/* The same forms as of `sloctl explain --input`: {"text": ..., "svg": ..., "explanation": {...}}. */
static int put_explanation(struct slo_live *l, const char *id, struct slo_jsonw *w)
{
	const struct slo_live_incident *in = l && *id ? slo_live_incident_find(l, id) : NULL;
	slo_cleanup(slo_freep) char *page = NULL;
	slo_cleanup(slo_freep) char *svg = NULL;
	slo_cleanup(slo_freep) char *json = NULL;
	size_t page_len = 0, svg_len = 0, json_len = 0;
	struct slo_incident record;
	int r;

	if (l && !*id && l->history_count)
		in = &l->history[l->history_count - 1];
	if (!in)
		return -ENOENT;
	slo_live_incident_record(l, in, &record);
	r = explain_in(text_form, l, &record, &page, &page_len);
	if (!r)
		r = explain_in(slo_explain_svg, l, &record, &svg, &svg_len);
	if (!r)
		r = explain_in(slo_explain_json, l, &record, &json, &json_len);
	if (r)
		return r;
	slo_jsonw_object_begin(w);
	slo_jsonw_key(w, "text");
	slo_jsonw_strn(w, page, page_len);
	slo_jsonw_key(w, "svg");
	slo_jsonw_strn(w, svg, svg_len);
	slo_jsonw_key(w, "explanation");
	slo_jsonw_raw(w, json, json_len - 1);
	slo_jsonw_object_end(w);
	return 0;
}

static struct slo_live_input_stats input_stats(const struct slo_live *l)
{
	struct slo_live_input_stats st = { 0 };

	if (l->input)
		slo_live_input_stats(l, &st);
	return st;
}

static void put_counts(const struct slo_live *l, struct slo_jsonw *w)
{
	const struct slo_live_input_stats in = input_stats(l);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "spans", l->count.spans },
		{ "requests", l->count.requests },
		{ "retrievals", l->count.retrievals },
		{ "slo_events", in.events },
		{ "slo_events_rejected", in.rejected },
		{ "enriched_spans", l->count.enriched_spans },
		{ "late_requests", l->count.late_requests },
		{ "clock_steps", l->count.clock_steps },
		{ "unowned_requests", l->count.unowned_requests },
		{ "throttled_batches", l->count.throttled_batches },
		{ "events_sent_before_their_span", l->count.held_lost },
		{ "spans_lost", l->count.splice_failed },
		{ "incidents_opened", l->count.opened },
		{ "incidents_resolved", l->count.resolved },
	};

	slo_jsonw_key(w, "counts");
	slo_jsonw_object_begin(w);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(rows); i++)
		slo_jsonw_member_double(w, rows[i].name, (double)rows[i].value);
	slo_jsonw_object_end(w);
}

int slo_agent_answer(void *user, const char *cmd, const char *id, struct slo_jsonw *w)
{
	struct slo_agent *a = user;
	bool top = strcmp(cmd, "top") == 0;
	int r = 0;

	if (strcmp(cmd, "explain") == 0)
		return put_explanation(a->live, id, w);
	if (!top && strcmp(cmd, "status") != 0 && strcmp(cmd, "incidents") != 0)
		return -ENOTSUP;
	slo_jsonw_object_begin(w);
	put_agent(a, w);
	if (a->live && !top)
		put_counts(a->live, w);
	if (top) {
		slo_jsonw_key(w, "signals");
		slo_view_json(a->view, a->session, w);
	}
	if (strcmp(cmd, "incidents") != 0)
		put_objectives(a->live, w);
	if (strcmp(cmd, "status") != 0)
		r = put_incidents(a->live, w);
	slo_jsonw_object_end(w);
	return r;
}
