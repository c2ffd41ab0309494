/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl slo burn`: slo-events of a file or a pipe, counted against objectives. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/jsonw.h"
#include "core/codec/record_time.h"
#include "core/codec/sli_event_json.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/slo.h"
#include "core/programs/sloctl/tool.h"

#define JSON_MAX ((size_t)128 * 1024)

static const char *const outputs[] = { "text", "json", NULL };

struct args {
	struct slo_objective_args objectives;
	const char *input;
	const char *at;
	unsigned int json; /* index of --output */
	uint64_t valid_min;
};

static const struct slo_option rows[] = {
	{ .name = "input",
	  .letter = 'i',
	  .arg = "FILE",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, input),
	  .help = "slo-events, JSON lines; - is stdin" },
	SLO_OBJECTIVE_ROWS(struct args, objectives),
	{ .name = "at",
	  .arg = "TIME",
	  .type = SLO_OPT_STRING,
	  .offset = offsetof(struct args, at),
	  .help = "as of then, RFC 3339 (the newest event)" },
	{ .name = "min-valid",
	  .arg = "N",
	  .type = SLO_OPT_UINT,
	  .offset = offsetof(struct args, valid_min),
	  .min = 1,
	  .max = UINT32_MAX,
	  .help = "requests that a window needs for a verdict (10)" },
	{ .name = "output",
	  .letter = 'o',
	  .arg = "text|json",
	  .type = SLO_OPT_ENUM,
	  .names = outputs,
	  .offset = offsetof(struct args, json),
	  .help = "form of the report" },
};

const struct slo_options slo_cmd_slo_burn_options = {
	.prog = "sloctl slo burn",
	.usage = "--input FILE|- [options]",
	.about =
		"How fast requests use up the error budget, by multi-window burn rates.\n"
		"Exit: 0 ok, 1 a page or ticket fires, 3 too little data, 5 ok but lines were rejected.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
};

struct burn {
	const struct args *args;
	struct slo_tool tool;
	size_t count;
	struct slo_objective objective[SLO_OBJECTIVES_MAX];
	struct slo_burn_ring ring[SLO_OBJECTIVES_MAX];
	struct slo_burn_result result[SLO_OBJECTIVES_MAX];
	struct slo_burn_bucket *buckets; /* of all rings */
	int64_t at_ns; /* the verdict's time */
	bool fixed; /* by --at; else @at_ns is that of the newest event so far */
	uint64_t after; /* events later than --at */
	uint64_t used; /* events that belong to an objective */
};

/* --- counting ------------------------------------------------------------------------------------------------ */

static void count_event(struct burn *b, const struct slo_sli_event *ev)
{
	bool used = false;

	if (b->fixed && ev->unix_ns > b->at_ns) {
		b->after++;
		return;
	}
	if (!b->fixed && ev->unix_ns > b->at_ns)
		b->at_ns = ev->unix_ns;
	for (size_t i = 0; i < b->count; i++) {
		const struct slo_objective *o = &b->objective[i];

		if (o->sli != ev->sli || (*o->service && strcmp(o->service, ev->service) != 0))
			continue;
		used = true;
		(void)slo_burn_add(&b->ring[i], ev->unix_ns,
		                   slo_sli_is_good(o->sli, ev->value, o->threshold));
	}
	b->used += used;
}

static int read_events(struct burn *b, struct slo_jsonl *lines, struct slo_err *err)
{
	for (;;) {
		struct slo_sli_event ev;
		json_t *object = NULL;
		int r = slo_jsonl_next(lines, &object, err);

		if (r == 0)
			return 0;
		if (r == 1) {
			r = slo_sli_event_from_json(object, &ev, err);
			if (r == 0)
				count_event(b, &ev);
			else
				r = slo_jsonl_reject(lines, err);
			json_decref(object);
		}
		if (r < 0 && r != -EBADMSG)
			return r;
		if (r < 0)
			slo_tool_bad_line(&b->tool, err);
		slo_tool_progress(&b->tool, lines);
	}
}

/* --- text ---------------------------------------------------------------------------------------------------- */

static void print_pair(const struct slo_burn_config *cfg, const struct slo_burn_pair *pair,
                       enum slo_burn_state state)
{
	char l[24], s[24];

	(void)printf("  %-7s %4g times over %s and %s: %s\n", slo_burn_state_name(pair->state),
	             pair->factor, slo_window_text(cfg->window_ms[pair->long_window], l),
	             slo_window_text(cfg->window_ms[pair->short_window], s),
	             state == pair->state ? "FIRES" : slo_burn_state_name(state));
}

static void print_slo(const struct burn *b, size_t i)
{
	const struct slo_objective *o = &b->objective[i];
	const struct slo_burn_result *r = &b->result[i];
	uint64_t longest = o->burn.window_ms[o->burn.window_count - 1];
	char text[24];

	(void)printf("%sslo %s: %g %% of requests with %s %s %g %s, %s%s\n", i ? "\n" : "", o->name,
	             o->burn.objective * 100, slo_sli_desc(o->sli)->name,
	             slo_sli_desc(o->sli)->more_is_better ? ">=" : "<=", o->threshold,
	             slo_sli_desc(o->sli)->unit, *o->service ? "service " : "all services",
	             o->service);
	if (o->burn.shortened)
		(void)printf("  windows are shortened: not those of an alert in production\n");
	(void)printf("  %-8s %12s %12s %10s\n", "window", "valid", "bad", "burn");
	for (size_t w = 0; w < o->burn.window_count; w++)
		(void)printf("  %-8s %12" PRIu64 " %12" PRIu64 " %10.3f%s\n",
		             slo_window_text(o->burn.window_ms[w], text), r->window[w].valid,
		             r->window[w].valid - r->window[w].good, r->window[w].burn,
		             r->window[w].sufficient ? "" : "  too little data");
	for (size_t p = 0; p < o->burn.pair_count; p++)
		print_pair(&o->burn, &o->burn.pair[p], r->pair[p]);
	(void)printf("  budget  %.1f %% left of %s", r->budget_remaining * 100,
	             slo_window_text(longest, text));
	if (r->data_ms < longest)
		(void)printf(", going by the %s that there are", slo_window_text(r->data_ms, text));
	(void)fputc('\n', stdout);
	(void)printf("  state   %s\n", slo_burn_state_name(r->state));
	if (b->ring[i].late)
		(void)printf("  %" PRIu64 " requests were too old to count\n", b->ring[i].late);
}

/* --- JSON ---------------------------------------------------------------------------------------------------- */

static void json_windows(struct slo_jsonw *w, const struct slo_burn_config *cfg,
                         const struct slo_burn_result *r)
{
	slo_jsonw_key(w, "windows");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < cfg->window_count; i++) {
		slo_jsonw_object_begin(w);
		slo_jsonw_member_u64(w, "window_ms", cfg->window_ms[i]);
		slo_jsonw_member_u64(w, "valid", r->window[i].valid);
		slo_jsonw_member_u64(w, "bad", r->window[i].valid - r->window[i].good);
		slo_jsonw_member_double(w, "burn_rate", r->window[i].burn);
		slo_jsonw_member_bool(w, "sufficient", r->window[i].sufficient);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
	slo_jsonw_key(w, "alerts");
	slo_jsonw_array_begin(w);
	for (size_t i = 0; i < cfg->pair_count; i++) {
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "severity", slo_burn_state_name(cfg->pair[i].state));
		slo_jsonw_member_double(w, "factor", cfg->pair[i].factor);
		slo_jsonw_member_u64(w, "long_ms", cfg->window_ms[cfg->pair[i].long_window]);
		slo_jsonw_member_u64(w, "short_ms", cfg->window_ms[cfg->pair[i].short_window]);
		slo_jsonw_member_str(w, "state", slo_burn_state_name(r->pair[i]));
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

static void json_slo(struct slo_jsonw *w, const struct burn *b, size_t i)
{
	const struct slo_objective *o = &b->objective[i];
	const struct slo_burn_result *r = &b->result[i];

	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "name", o->name);
	slo_jsonw_member_str(w, "service", o->service);
	slo_jsonw_member_str(w, "sli", slo_sli_desc(o->sli)->name);
	slo_jsonw_member_double(w, "threshold", o->threshold);
	slo_jsonw_member_double(w, "objective", o->burn.objective);
	slo_jsonw_member_str(w, "state", slo_burn_state_name(r->state));
	slo_jsonw_member_double(w, "budget_remaining", r->budget_remaining);
	slo_jsonw_member_u64(w, "data_ms", r->data_ms);
	slo_jsonw_member_u64(w, "late", b->ring[i].late);
	slo_jsonw_member_bool(w, "windows_shortened", o->burn.shortened);
	json_windows(w, &o->burn, r);
	slo_jsonw_object_end(w);
}

static int print_json(const struct burn *b, const char *at)
{
	slo_cleanup(slo_freep) char *buf = malloc(JSON_MAX);
	struct slo_jsonw w;

	if (!buf)
		return -ENOMEM;
	slo_jsonw_init(&w, buf, JSON_MAX);
	slo_jsonw_object_begin(&w);
	slo_jsonw_key(&w, "at");
	if (b->at_ns)
		slo_jsonw_str(&w, at);
	else
		slo_jsonw_null(&w);
	slo_jsonw_member_u64(&w, "events_used", b->used);
	slo_jsonw_member_u64(&w, "events_after", b->after);
	slo_jsonw_key(&w, "slos");
	slo_jsonw_array_begin(&w);
	for (size_t i = 0; i < b->count; i++)
		json_slo(&w, b, i);
	slo_jsonw_array_end(&w);
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) < 0)
		return -ENOSPC;
	(void)puts(buf);
	return 0;
}

/* --- command ------------------------------------------------------------------------------------------------- */

static int report(struct burn *b, uint64_t rejected, struct slo_err *err)
{
	char at[SLO_RECORD_TIME_SIZE];
	bool fires = false, judged = false;
	int code;

	(void)slo_record_time_print(b->at_ns, at);
	for (size_t i = 0; i < b->count; i++) {
		slo_burn_evaluate(&b->objective[i].burn, &b->ring[i], b->at_ns, &b->result[i]);
		fires |= b->result[i].state == SLO_BURN_PAGE ||
		         b->result[i].state == SLO_BURN_TICKET;
		judged |= b->result[i].state != SLO_BURN_INSUFFICIENT;
	}
	if (b->args->json) {
		if (print_json(b, at) < 0) {
			(void)slo_err_set(err, -ENOMEM, "the report does not fit into memory");
			return slo_tool_fail(&b->tool, err);
		}
	} else {
		(void)printf("%s%s, %" PRIu64 " events\n", b->at_ns ? "as of " : "as of no time",
		             b->at_ns ? at : "", b->used);
		for (size_t i = 0; i < b->count; i++)
			print_slo(b, i);
		if (b->after)
			(void)printf("\n%" PRIu64 " events are later and were left out\n",
			             b->after);
	}
	if (fflush(stdout) != 0) {
		(void)slo_err_set(err, -errno, "standard output: %s", strerror(errno));
		return slo_tool_fail(&b->tool, err);
	}
	code = fires ? SLO_EXIT_NEGATIVE : judged ? SLO_EXIT_OK : SLO_EXIT_NO_DATA;
	return slo_tool_exit(&b->tool, rejected, code);
}

static int run(struct burn *b)
{
	struct slo_jsonl *lines slo_jsonl_auto = NULL;
	struct slo_err err = { 0 };
	int r;

	b->buckets = calloc(b->count * SLO_BURN_BUCKETS, sizeof(*b->buckets));
	if (!b->buckets) {
		(void)slo_err_set(&err, -ENOMEM, "out of memory");
		return slo_tool_fail(&b->tool, &err);
	}
	for (size_t i = 0; i < b->count; i++) {
		if (b->args->valid_min)
			b->objective[i].burn.valid_min = b->args->valid_min;
		slo_burn_ring_init(&b->ring[i], &b->buckets[i * SLO_BURN_BUCKETS],
		                   b->objective[i].burn.bucket_ms);
	}
	r = slo_jsonl_open(&lines, b->args->input, &err);
	if (r == 0)
		r = read_events(b, lines, &err);
	if (r < 0)
		return slo_tool_fail(&b->tool, &err);
	return report(b, slo_jsonl_rejected(lines), &err);
}

int slo_cmd_slo_burn(int argc, char **argv)
{
	const struct slo_options *spec = &slo_cmd_slo_burn_options;
	slo_cleanup(slo_freep) struct burn *b = calloc(1, sizeof(*b));
	struct args args = { 0 };
	struct slo_err err = { 0 };
	int first;
	int r = slo_options_parse(spec, argc, argv, &args, NULL, &first);

	if (r != 0)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!b)
		return SLO_EXIT_BACKEND;
	b->args = &args;
	b->tool.prog = spec->prog;
	b->fixed = args.at != NULL;
	if (!args.input)
		return slo_options_usage_error(spec->prog, "--input is needed");
	if (args.at && slo_record_time_parse(args.at, &b->at_ns, &err) < 0)
		return slo_options_usage_error(spec->prog, "--at: %s", err.msg);
	r = slo_objectives_load(&args.objectives, spec->prog, b->objective, &b->count);
	if (r == 0)
		r = run(b);
	free(b->buckets);
	return r;
}
