/* SPDX-License-Identifier: Apache-2.0 */
/* `sloctl prereq check`: loads and attaches for real what the agent would, tells how each signal would be measured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat/host.h"
#include "core/base/plain.h"
#include "core/programs/options.h"
#include "core/programs/session_config.h"
#include "core/programs/sloctl/commands.h"
#include "core/programs/sloctl/load_config.h"
#include "core/programs/sloctl/prereq.h"
#include "core/programs/sloctl/prereq_traces.h"
#include "core/programs/sloctl/selftest.h"

#define PROG "sloctl prereq"
#define JSON_MAX ((size_t)256 * 1024)

struct prereq {
	unsigned int json; /* index of --output */
	bool strict;
	bool self_test;
	const char *config;
	struct slo_overrides overrides;
	const char *backend; /* as the configuration says */
	struct slo_host_features features;
	struct slo_check checks[SLO_CHECKS_MAX + 2];
	unsigned int check_count;
	struct slo_backend_report reports[SLO_SESSION_BACKENDS];
	unsigned int report_count;
	struct slo_trace_way ways[SLO_TRACE_WAYS];
	struct slo_selftest_result results[SLO_SIG_MAX_];
	int result_count;
};

static const char *const outputs[] = { "text", "json", NULL };

#define AGENT(key_name) .type = SLO_OPT_CONFIG, .section = "agent", .key = key_name
#define BCC(key_name) .type = SLO_OPT_CONFIG, .section = "bcc", .key = key_name

static const struct slo_option rows[] = {
	{ .name = "output",
	  .type = SLO_OPT_ENUM,
	  .arg = "text|json",
	  .help = "form of the report",
	  .offset = offsetof(struct prereq, json),
	  .names = outputs },
	{ .name = "strict",
	  .type = SLO_OPT_BOOL,
	  .help = "exit 1 on any failed check, not only on blockers",
	  .offset = offsetof(struct prereq, strict) },
	{ .name = "self-test",
	  .type = SLO_OPT_BOOL,
	  .help = "make one known event per signal here and compare (about 6 s)",
	  .offset = offsetof(struct prereq, self_test) },
	{ .name = "config",
	  .letter = 'c',
	  .type = SLO_OPT_STRING,
	  .arg = "FILE",
	  .help = "the agent's configuration (" SLO_CONFIG_DEFAULT_PATH ")",
	  .offset = offsetof(struct prereq, config) },
	{ .name = "backend", .arg = "NAME", AGENT("backend"), .help = "ask this backend only" },
	{ .name = "btf", .arg = "FILE", AGENT("btf"), .help = "external BTF of this kernel" },
	{ .name = "bcc-helper", .arg = "FILE", BCC("helper"), .help = "path of llm-slo-bcc" },
	{ .name = "kernel-headers",
	  .arg = "DIR",
	  BCC("kernel_headers"),
	  .help = "headers of this kernel, for llm-slo-bcc" },
	{ .name = "host-root",
	  .arg = "DIR",
	  AGENT("host_root"),
	  .help = "where the host's / is mounted" },
	{ .name = "trace-map",
	  .arg = "PATH",
	  AGENT("trace_map"),
	  .help = "map pinned by others, for trace ids" },
};

static const struct slo_verb verbs[] = {
	{ .name = "check", .help = "probe this host and report" },
	{ .name = NULL },
};

const struct slo_options slo_cmd_prereq_options = {
	.prog = PROG,
	.usage = "check [options]",
	.about =
		"Tells what this host lets us measure, by which mechanism, and why not by a better one.\n"
		"Programs are really loaded and attached, then removed, by the agent's configuration.\n"
		"Exit: 0 fine, 1 a blocker.",
	.rows = rows,
	.count = SLO_ARRAY_SIZE(rows),
	.operands_max = 1,
	.verbs = verbs,
};

static const struct slo_check *failed_check(const struct prereq *p)
{
	for (unsigned int i = 0; i < p->check_count; i++) {
		if (!p->checks[i].pass &&
		    (p->strict || p->checks[i].severity == SLO_SEVERITY_BLOCKER))
			return &p->checks[i];
	}
	return NULL;
}

static bool self_test_failed(const struct prereq *p)
{
	return p->self_test && !slo_selftest_is_passed(p->results, p->result_count);
}

static void print_checks(const struct prereq *p)
{
	bool color = slo_wants_colour(STDOUT_FILENO);

	for (unsigned int i = 0; i < p->check_count; i++) {
		const struct slo_check *c = &p->checks[i];
		const char *mark = c->pass                               ? "ok"
		                   : c->severity == SLO_SEVERITY_BLOCKER ? "FAIL"
		                                                         : "warn";
		const char *on = !color ? "" : c->pass ? "\033[32m" : "\033[31m";

		(void)printf("%s%-5s%s %-22s %s\n", on, mark, color ? "\033[0m" : "", c->name,
		             c->current);
		if (!c->pass)
			(void)printf("      %-22s needs %s; %s\n", "", c->required, c->remediation);
	}
}

/* Measured by programs in a kernel that interprets them? */
static bool is_slow(const struct prereq *p, const struct slo_verdict *v)
{
	const struct slo_fact *jit = &p->features.facts[SLO_FEAT_BPF_JIT];

	return v->serves && v->source >= SLO_SRC_CGROUP_SKB && v->source <= SLO_SRC_BCC &&
	       jit->known && jit->number == 0;
}

static void print_verdict(const struct prereq *p, enum slo_signal sig, const struct slo_verdict *v)
{
	if (v->serves)
		(void)printf("  ok    %-25s %s (%s)\n", slo_signal_desc(sig)->name, v->mechanism,
		             *v->hooks ? v->hooks : slo_source_name(v->source));
	else
		(void)printf("  no    %-25s\n", slo_signal_desc(sig)->name);
	for (unsigned int i = 0; i < v->refused_count; i++)
		(void)printf("        %25s %s %s: %s\n", "",
		             v->serves ? "better, refused:" : "refused:", v->refused[i].mechanism,
		             v->refused[i].why);
	if (*v->note)
		(void)printf("        %25s limit: %s\n", "", v->note);
	if (is_slow(p, v))
		(void)printf("        %25s slow: the kernel interprets its programs, see bpf_jit\n",
		             "");
	if (!v->serves && *v->needs)
		(void)printf("        %25s needs: %s\n", "", v->needs);
}

static unsigned int served_by(const struct slo_backend_report *r)
{
	unsigned int n = 0;

	for (int sig = 0; sig < SLO_SIG_MAX_; sig++)
		n += r->verdict[sig].serves;
	return n;
}

/* Each signal comes from the first rung that has it. */
static void print_ladder(const struct prereq *p)
{
	bool here = false;

	(void)printf("\nladder, best first (mode %s)\n",
	             slo_session_mode_probed(p->reports, p->report_count));
	for (unsigned int b = 0; b < p->report_count; b++) {
		const struct slo_backend_report *r = &p->reports[b];
		unsigned int n = served_by(r);

		if (!*r->rung)
			continue;
		(void)printf("  %-5s %-13s %2u signals%s\n", n ? "ok" : "-", r->rung, n,
		             n && !here ? "  <- this host" : "");
		here |= n > 0;
		if (!n && *r->why)
			(void)printf("        missing: %s\n", r->why);
		if (!n)
			(void)printf("        needs: %s\n", r->needs);
		(void)printf("        %s: %s\n", n ? "delivers" : "would deliver", r->delivers);
	}
}

static void print_signals(const struct prereq *p)
{
	for (unsigned int b = 0; b < p->report_count; b++) {
		const struct slo_backend_report *r = &p->reports[b];

		/* A rung that was not tried is told of in the ladder. */
		if (*r->rung && !r->tried)
			continue;
		(void)printf("\nbackend %s%s%s%s%s\n", r->name, *r->rung ? ", by " : "", r->rung,
		             *r->why ? ": " : "", r->why);
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (slo_signal_desc((enum slo_signal)sig)->built)
				print_verdict(p, (enum slo_signal)sig, &r->verdict[sig]);
		}
	}
}

static void print_ways(const struct prereq *p)
{
	bool used = false;

	(void)printf("\ntrace ids of kernel events, best first\n");
	for (unsigned int i = 0; i < SLO_TRACE_WAYS; i++) {
		const struct slo_trace_way *w = &p->ways[i];

		(void)printf("  %-5s %-15s %s%s\n", w->used ? "ok" : "-", w->name, w->current,
		             w->used && !used ? "  <- this host" : "");
		if (!w->used)
			(void)printf("        needs: %s\n", w->needs);
		used |= w->used;
	}
}

static void json_check(struct slo_jsonw *w, const struct slo_check *c)
{
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "name", c->name);
	slo_jsonw_member_bool(w, "pass", c->pass);
	slo_jsonw_member_str(w, "severity", slo_severity_name(c->severity));
	slo_jsonw_member_str(w, "current", c->current);
	slo_jsonw_member_str(w, "required", c->required);
	slo_jsonw_member_str(w, "remediation", c->remediation);
	slo_jsonw_object_end(w);
}

static void json_verdict(struct slo_jsonw *w, const struct prereq *p, enum slo_signal sig,
                         const struct slo_verdict *v)
{
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "signal", slo_signal_desc(sig)->name);
	slo_jsonw_member_bool(w, "serves", v->serves);
	slo_jsonw_member_str(w, "source", slo_source_name(v->serves ? v->source : SLO_SRC_NONE));
	slo_jsonw_member_str(w, "mechanism", v->mechanism);
	slo_jsonw_member_str(w, "hooks", v->hooks);
	slo_jsonw_member_str(w, "needs", v->needs);
	slo_jsonw_member_str(w, "note", v->note);
	slo_jsonw_member_bool(w, "slow", is_slow(p, v));
	slo_jsonw_key(w, "refused");
	slo_jsonw_array_begin(w);
	for (unsigned int i = 0; i < v->refused_count; i++) {
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "mechanism", v->refused[i].mechanism);
		slo_jsonw_key(w, "errno");
		slo_jsonw_i64(w, -v->refused[i].code);
		slo_jsonw_member_str(w, "why", v->refused[i].why);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

static void json_backend(struct slo_jsonw *w, const struct prereq *p,
                         const struct slo_backend_report *r)
{
	slo_jsonw_object_begin(w);
	slo_jsonw_member_str(w, "name", r->name);
	slo_jsonw_member_str(w, "rung", r->rung);
	slo_jsonw_member_str(w, "needs", r->needs);
	slo_jsonw_member_str(w, "delivers", r->delivers);
	slo_jsonw_member_bool(w, "works", !*r->why);
	slo_jsonw_member_str(w, "why", r->why);
	slo_jsonw_key(w, "signals");
	slo_jsonw_array_begin(w);
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (slo_signal_desc((enum slo_signal)sig)->built)
			json_verdict(w, p, (enum slo_signal)sig, &r->verdict[sig]);
	}
	slo_jsonw_array_end(w);
	slo_jsonw_object_end(w);
}

static void json_ways(struct slo_jsonw *w, const struct prereq *p)
{
	slo_jsonw_key(w, "trace_ids");
	slo_jsonw_array_begin(w);
	for (unsigned int i = 0; i < SLO_TRACE_WAYS; i++) {
		slo_jsonw_object_begin(w);
		slo_jsonw_member_str(w, "way", p->ways[i].name);
		slo_jsonw_member_bool(w, "here", p->ways[i].here);
		slo_jsonw_member_bool(w, "used", p->ways[i].used);
		slo_jsonw_member_str(w, "current", p->ways[i].current);
		slo_jsonw_member_str(w, "needs", p->ways[i].needs);
		slo_jsonw_object_end(w);
	}
	slo_jsonw_array_end(w);
}

static int print_json(const struct prereq *p, bool pass)
{
	slo_cleanup(slo_freep) char *buf = malloc(JSON_MAX);
	struct slo_jsonw w;

	if (!buf)
		return -ENOMEM;
	slo_jsonw_init(&w, buf, JSON_MAX);
	slo_jsonw_object_begin(&w);
	slo_jsonw_member_bool(&w, "pass", pass);
	slo_jsonw_member_str(&w, "mode", slo_session_mode_probed(p->reports, p->report_count));
	slo_jsonw_key(&w, "checks");
	slo_jsonw_array_begin(&w);
	for (unsigned int i = 0; i < p->check_count; i++)
		json_check(&w, &p->checks[i]);
	slo_jsonw_array_end(&w);
	slo_jsonw_key(&w, "backends");
	slo_jsonw_array_begin(&w);
	for (unsigned int i = 0; i < p->report_count; i++)
		json_backend(&w, p, &p->reports[i]);
	slo_jsonw_array_end(&w);
	json_ways(&w, p);
	if (p->self_test) {
		slo_jsonw_key(&w, "self_test");
		slo_selftest_json(&w, p->results, p->result_count);
	}
	slo_jsonw_object_end(&w);
	if (slo_jsonw_finish(&w) < 0)
		return -ENOSPC;
	return puts(buf) == EOF ? -EIO : 0;
}

static int gather(struct prereq *p, struct slo_backend_config *cfg, struct slo_err *err)
{
	int r;

	slo_host_features_read(cfg->host_root, &p->features);
	p->check_count = slo_prereq_checks(&p->features, p->checks);
	r = slo_session_probe(cfg, p->backend, p->reports, &p->report_count, err);
	if (r < 0)
		return r;
	if (slo_prereq_file_check(p->reports, p->report_count, &p->checks[p->check_count]))
		p->check_count++;
	slo_prereq_signals_check(p->reports, p->report_count, &p->checks[p->check_count++]);
	slo_prereq_traces(cfg->host_root, cfg->trace_map, cfg->thread_context, p->reports,
	                  p->report_count, p->ways);
	if (!p->self_test)
		return 0;
	p->result_count = slo_selftest_run(cfg, p->backend, SLO_SIG_ALL, p->results, err);
	return p->result_count < 0 ? p->result_count : 0;
}

static void ignore_event(void *user, const struct slo_probe_event *ev)
{
	(void)user;
	(void)ev;
}

static int report(const struct prereq *p)
{
	const struct slo_check *failed = failed_check(p);
	bool pass = !failed && !self_test_failed(p);

	if (p->json) {
		if (print_json(p, pass) < 0)
			return SLO_EXIT_BACKEND;
		return pass ? SLO_EXIT_OK : SLO_EXIT_NEGATIVE;
	}
	print_checks(p);
	print_ladder(p);
	print_signals(p);
	print_ways(p);
	if (p->self_test) {
		(void)printf("\nself-test\n");
		slo_selftest_print(stdout, p->results, p->result_count);
	}
	if (failed)
		(void)printf("\nresult: fail, %s: %s\n", failed->name, failed->remediation);
	else
		(void)printf("\nresult: %s\n", pass ? "pass" : "fail, see the self-test");
	return pass ? SLO_EXIT_OK : SLO_EXIT_NEGATIVE;
}

/* What the agent would do with @config, of every signal. */
static int ask(struct prereq *p, const struct slo_config *config)
{
	/* As on a terminal, where it is left open; what that means elsewhere the verdict's note says. */
	const bool table = slo_config_output_kind(config, true) == SLO_CONFIG_OUTPUT_TABLE;
	struct slo_backend_config cfg = { .signals = SLO_SIG_ALL,
		                          .on_event = ignore_event,
		                          .by_turns = table };
	slo_cleanup(slo_closep) int root = -1;
	const char *dirs[SLO_CONFIG_LIST_MAX];
	struct slo_err err = { 0 };
	int r;

	p->backend = slo_session_backend(config);
	root = slo_host_open_root(*config->agent.host_root ? config->agent.host_root : NULL, &err);
	if (root >= 0)
		slo_session_config(config, root, dirs, &cfg);
	r = root < 0 ? root : gather(p, &cfg, &err);
	if (r < 0) {
		(void)fprintf(stderr, PROG ": %s\n", err.msg);
		return r == -EINVAL ? SLO_EXIT_USAGE : SLO_EXIT_BACKEND;
	}
	return report(p);
}

int slo_cmd_prereq(int argc, char **argv)
{
	slo_cleanup(slo_freep) struct prereq *p = calloc(1, sizeof(*p));
	slo_config_auto struct slo_config *config = NULL;
	int first, r;

	if (!p)
		return SLO_EXIT_BACKEND;
	r = slo_options_parse(&slo_cmd_prereq_options, argc, argv, p, &p->overrides, &first);
	if (r)
		return r == SLO_OPTIONS_DONE ? SLO_EXIT_OK : SLO_EXIT_USAGE;
	if (!slo_options_verb(&slo_cmd_prereq_options, argv[first]))
		return SLO_EXIT_USAGE;
	r = slo_tool_load_config(PROG, p->config, &p->overrides, &config);
	return r ? r : ask(p, config);
}
