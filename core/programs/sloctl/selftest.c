/* SPDX-License-Identifier: Apache-2.0 */
#include "core/programs/sloctl/selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "compat/host.h"
#include "core/programs/sloctl/selftest_case.h"

/* From the last cause to giving up on its event. */
#define SEEN_NS (3 * SLO_NS_PER_SEC)
/* Of all causes and waits; attaching takes its own time before. */
#define RUN_NS (6 * SLO_NS_PER_SEC)
/* Of a signal's second try. */
#define RETRY_NS (2 * SLO_NS_PER_SEC)
/* Once all is seen: longer than a backend's drain timer, so that an event too many shows. */
#define SETTLE_MS 150
#define POLL_MS 50
/* fs/nsfs.c, PROC_PID_INIT_INO: the inode number of the first pid namespace is fixed. */
#define INIT_PID_NS 0xeffffffcUL

/* In order of the causes: steal is a mean and needs the longest interval, so it begins first and ends last. */
static const struct slo_selftest_case *const cases[] = {
	&slo_selftest_steal,    &slo_selftest_throttle,    &slo_selftest_dns,
	&slo_selftest_refusals, &slo_selftest_runqueue,    &slo_selftest_connects,
	&slo_selftest_reclaim,  &slo_selftest_retransmits, &slo_selftest_disk,
	&slo_selftest_calls,    &slo_selftest_tls,         &slo_selftest_tls_refused,
};

static const struct slo_selftest_case *case_of(enum slo_signal sig)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		if (cases[i]->signal == sig)
			return cases[i];
	}
	return NULL;
}

static struct slo_selftest_result *result_of(struct slo_selftest_result *results, int count,
                                             enum slo_signal sig)
{
	for (int i = 0; i < count; i++) {
		if (results[i].signal == sig)
			return &results[i];
	}
	return NULL;
}

static void skip(struct slo_selftest_result *r, const char *why)
{
	r->ran = false;
	(void)snprintf(r->text, sizeof(r->text), "%s", why);
}

int slo_selftest_wait_ms(const struct slo_selftest *t, int max_ms)
{
	uint64_t now = slo_clock_monotonic_ns();
	uint64_t left = now < t->deadline_ns ? (t->deadline_ns - now) / SLO_NS_PER_MS : 0;

	return left < (uint64_t)max_ms ? (int)left : max_ms;
}

static void on_event(void *user, const struct slo_probe_event *ev)
{
	struct slo_selftest *t = user;

	if (ev->kind != SLO_EV_SAMPLE && ev->kind != SLO_EV_GAUGE)
		return;
	if (t->count < SLO_SELFTEST_EVENTS)
		t->events[t->count++] = *ev;
	else
		t->overflow++;
}

/* How far off, in tolerances; not seen is the furthest. */
static double badness(bool seen, double value, double truth, double tolerance)
{
	if (!seen)
		return INFINITY;
	return fabs(value - truth) / (tolerance + 1e-9);
}

void slo_selftest_check(struct slo_selftest_result *r, const struct slo_selftest_check *c)
{
	double diff = fabs(c->value - c->truth);
	bool passed = c->seen && diff <= c->tolerance && !c->fault;
	const char *colon = c->which[0] ? ": " : "";

	if (badness(c->seen, c->value, c->truth, c->tolerance) >=
	    badness(r->seen, r->value, r->truth, r->tolerance)) {
		r->value = c->value;
		r->truth = c->truth;
		r->tolerance = c->tolerance;
	}
	r->seen &= c->seen;
	if (passed)
		return;
	r->passed = false;
	if (r->text[0])
		return;
	if (!c->seen)
		(void)snprintf(r->text, sizeof(r->text), "%s%snot delivered", c->which, colon);
	else if (c->fault)
		(void)snprintf(r->text, sizeof(r->text), "%s%s%s", c->which, colon, c->fault);
	else
		(void)snprintf(r->text, sizeof(r->text), "%s%soff by %.4g, %.4g allowed", c->which,
		               colon, diff, c->tolerance);
}

static void judge(const struct slo_selftest *t, struct slo_selftest_result *r)
{
	const struct slo_selftest_case *c = case_of(r->signal);
	size_t used;

	r->passed = r->seen = true;
	r->value = r->truth = r->tolerance = 0;
	r->text[0] = '\0';
	c->judge(t, r);
	used = strlen(r->what);
	if (c->net && t->lo_up)
		(void)snprintf(r->what + used, sizeof(r->what) - used, "; brought lo up for it");
}

/* Ends with true where every event has come. */
static bool judge_all(const struct slo_selftest *t, struct slo_selftest_result *results, int count)
{
	bool all = true;

	for (int i = 0; i < count; i++) {
		if (!results[i].ran)
			continue;
		judge(t, &results[i]);
		all &= results[i].seen;
	}
	return all;
}

static int poll_session(struct slo_selftest *t, int wait_ms, struct slo_err *err)
{
	int fds[SLO_SESSION_BACKENDS], r;
	unsigned int count = slo_session_fds(t->session, fds);
	struct pollfd p[SLO_SESSION_BACKENDS];

	for (unsigned int i = 0; i < count; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	(void)poll(p, count, wait_ms);
	r = slo_session_poll(t->session, err);
	return r < 0 && r != -ENODATA ? r : 0;
}

static int collect(struct slo_selftest *t, struct slo_selftest_result *results, int count,
                   struct slo_err *err)
{
	uint64_t until = slo_clock_monotonic_ns() + SEEN_NS, settled;
	int r;

	do {
		r = poll_session(t, slo_selftest_wait_ms(t, POLL_MS), err);
		if (r < 0)
			return r;
	} while (!judge_all(t, results, count) && slo_clock_monotonic_ns() < until &&
	         slo_selftest_wait_ms(t, POLL_MS) > 0);
	settled = slo_clock_monotonic_ns() + SETTLE_MS * SLO_NS_PER_MS;
	while (slo_clock_monotonic_ns() < settled) {
		r = poll_session(t, POLL_MS, err);
		if (r < 0)
			return r;
	}
	(void)judge_all(t, results, count);
	return 0;
}

/* What the backend counted tells a probe that never ran from one that was not listened to. */
static void explain(struct slo_selftest *t, struct slo_selftest_result *r)
{
	struct slo_backend_stats stats;
	const struct slo_signal_stats *st = &stats.signal[r->signal];
	size_t used = strlen(r->text);

	if (!r->ran || r->passed)
		return;
	slo_session_stats(t->session, &stats);
	(void)snprintf(r->text + used, sizeof(r->text) - used,
	               " (%s counted made=%" PRIu64 " filtered=%" PRIu64 " unmatched=%" PRIu64
	               " lost=%" PRIu64 ")",
	               slo_session_choice(t->session, r->signal)->backend, st->made, st->filtered,
	               st->unmatched, st->lost_ring + st->shed + t->overflow);
}

static void apply(struct slo_selftest *t, struct slo_selftest_result *r,
                  int (*step)(struct slo_selftest *t, struct slo_err *err))
{
	struct slo_err err = { 0 };

	if (r && r->ran && step && step(t, &err) < 0)
		skip(r, err.msg);
}

static void prepare(struct slo_selftest *t, struct slo_selftest_result *results, int count)
{
	struct slo_err lo = { 0 };
	bool net = false;

	for (int i = 0; i < count; i++)
		net |= results[i].ran && case_of(results[i].signal)->net;
	if (net)
		(void)slo_selftest_lo_begin(t, &lo);
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		struct slo_selftest_result *r = result_of(results, count, cases[i]->signal);

		if (r && r->ran && cases[i]->net && lo.code)
			skip(r, lo.msg);
		apply(t, r, cases[i]->prepare);
	}
}

/*
 * Events are taken after each step, for the kernel's buffer is bounded. Those before the first are of no use: the system
 * calls by which a session opens, thousands where they are measured, fill the buffer to the brim.
 */
static void make_causes(struct slo_selftest *t, struct slo_selftest_result *results, int count)
{
	(void)slo_session_poll(t->session, NULL);
	t->count = t->overflow = 0;
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		apply(t, result_of(results, count, cases[i]->signal), cases[i]->cause);
		(void)slo_session_poll(t->session, NULL);
	}
	for (size_t i = 0; i < SLO_ARRAY_SIZE(cases); i++) {
		apply(t, result_of(results, count, cases[i]->signal), cases[i]->finish);
		(void)slo_session_poll(t->session, NULL);
	}
}

/* Of a signal that nobody serves: the first reason is that of the best backend. */
static void skip_unserved(struct slo_selftest_result *r, const struct slo_verdict *v,
                          const struct slo_backend_report *reports, unsigned int count)
{
	if (v && v->refused_count) {
		skip(r, v->refused[0].why);
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (reports[i].why[0]) {
			skip(r, reports[i].why);
			return;
		}
	}
	skip(r, "no backend serves it");
}

/* Not served outweighs that the cause could not be prepared. */
static void skip_what_is_unserved(const struct slo_session *s, uint64_t asked,
                                  struct slo_selftest_result *results, int count)
{
	unsigned int reports;
	const struct slo_backend_report *report = slo_session_reports(s, &reports);

	for (int i = 0; i < count; i++) {
		const struct slo_choice *c = slo_session_choice(s, results[i].signal);

		if ((asked & SLO_SIG_BIT(results[i].signal)) && !c->backend)
			skip_unserved(&results[i], &c->verdict, report, reports);
	}
}

/* A session that could not be opened keeps no reports: ask again, for the reasons alone. */
static void skip_all(const struct slo_backend_config *cfg, const char *only,
                     struct slo_selftest_result *results, int count)
{
	struct slo_backend_report *reports = calloc(SLO_SESSION_BACKENDS, sizeof(*reports));
	unsigned int n = 0;

	if (reports && slo_session_probe(cfg, only, reports, &n, NULL) < 0)
		n = 0;
	for (int i = 0; i < count; i++) {
		enum slo_signal sig = results[i].signal;

		if (cfg->signals & SLO_SIG_BIT(sig))
			skip_unserved(&results[i], n ? &reports[0].verdict[sig] : NULL, reports, n);
	}
	free(reports);
}

/*
 * One wait that nobody was told of is bad luck, for a kernel may hide switches of its own from every tracer; two in a row
 * are a finding.
 */
static void retry_runqueue(struct slo_selftest *t, struct slo_selftest_result *results, int count)
{
	struct slo_selftest_result *r = result_of(results, count, SLO_SIG_RUNQUEUE_DELAY);

	if (!r || !r->ran || r->passed || !r->seen)
		return;
	t->count = 0;
	t->deadline_ns = slo_clock_monotonic_ns() + RETRY_NS;
	if (slo_selftest_runqueue_again(t, NULL) == 0)
		(void)collect(t, r, 1, NULL);
}

/*
 * Where a mechanism knows no task, a filter by process holds its events back. Asked again with nobody filtered (and all
 * else off, for the host's own events would crowd in), the signal itself is still tested, and the result says so.
 */
static void retry_dns_unfiltered(struct slo_selftest *t, struct slo_backend_config *cfg,
                                 struct slo_selftest_result *results, int count)
{
	struct slo_selftest_result *r = result_of(results, count, SLO_SIG_DNS_LATENCY);

	if (!r || !r->ran || r->seen)
		return;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (sig != SLO_SIG_DNS_LATENCY &&
		    slo_session_choice(t->session, (enum slo_signal)sig)->backend)
			(void)slo_session_enable(t->session, (enum slo_signal)sig, false, NULL);
	}
	cfg->targets = (struct slo_targets){ 0 };
	t->count = 0;
	if (slo_session_retarget(t->session, cfg, NULL) < 0)
		return;
	t->deadline_ns = slo_clock_monotonic_ns() + RETRY_NS;
	if (slo_selftest_dns_again(t, NULL) == 0)
		(void)collect(t, r, 1, NULL);
}

/* What a mechanism cannot show one by one, or not of one process, is no finding against it. */
static void skip_untold(struct slo_selftest *t, struct slo_selftest_result *results, int count)
{
	for (int i = 0; i < count; i++) {
		struct slo_selftest_result *r = &results[i];
		const struct slo_choice *c = slo_session_choice(t->session, r->signal);
		bool counted =
			c->verdict.source == SLO_SRC_PROCFS || c->verdict.source == SLO_SRC_NETLINK;

		if (!r->ran || r->seen || !c->backend)
			continue;
		if (counted && r->signal != SLO_SIG_DNS_LATENCY &&
		    !slo_signal_desc(r->signal)->counted)
			skip(r, "its mechanism counts by the interval: no single event to compare");
		else if (strstr(c->verdict.note, "pid and comm unknown") ||
		         strstr(c->verdict.note, "pid, comm and cgroup unknown"))
			skip(r, "its mechanism knows no process: not told from others'");
	}
}

static int run(struct slo_selftest *t, struct slo_backend_config *cfg, const char *only,
               struct slo_selftest_result *results, int count, struct slo_err *err)
{
	int r = slo_session_open(&t->session, cfg, only, err);

	if (r == -EINVAL)
		return r;
	if (r < 0) {
		skip_all(cfg, only, results, count);
		return 0;
	}
	skip_what_is_unserved(t->session, cfg->signals, results, count);
	t->deadline_ns = slo_clock_monotonic_ns() + RUN_NS;
	make_causes(t, results, count);
	r = collect(t, results, count, err);
	if (r < 0)
		return r;
	retry_runqueue(t, results, count);
	retry_dns_unfiltered(t, cfg, results, count);
	skip_untold(t, results, count);
	for (int i = 0; i < count; i++)
		explain(t, &results[i]);
	return 0;
}

#define HELPERS 6

/* All processes that a run forks. */
static struct slo_selftest_child *helper(struct slo_selftest *t, size_t i)
{
	struct slo_selftest_child *const all[HELPERS] = {
		&t->dns.responder,  &t->sched.child[0], &t->sched.child[1],
		&t->throttle.child, &t->reclaim.child,  &t->tls.server,
	};

	return all[i];
}

/* Who makes the causes: by pid, or by name where our pids are not those that the kernel's programs see. */
struct who {
	uint32_t tgids[HELPERS + 1];
	size_t count;
	char comms[3][SLO_COMM_LEN];
	char own_comm[SLO_COMM_LEN]; /* before we took another; "" unchanged */
};

static void add_pid(struct who *w, pid_t pid)
{
	if (pid > 0)
		w->tgids[w->count++] = (uint32_t)pid;
}

static void aim(struct slo_selftest *t, struct who *w, struct slo_targets *ret)
{
	unsigned long pid_ns = slo_host_inode(t->root, "/proc/self/ns/pid");

	*w = (struct who){ .comms = { SLO_SELFTEST_COMM, SLO_SELFTEST_COMM_SPIN,
		                      SLO_SELFTEST_COMM_RIVAL } };
	if (pid_ns && pid_ns != INIT_PID_NS) {
		(void)prctl(PR_GET_NAME, w->own_comm);
		(void)prctl(PR_SET_NAME, SLO_SELFTEST_COMM);
		*ret = (struct slo_targets){ .comms = w->comms,
			                     .comm_count = SLO_ARRAY_SIZE(w->comms) };
		return;
	}
	add_pid(w, getpid());
	for (size_t i = 0; i < HELPERS; i++)
		add_pid(w, helper(t, i)->pid);
	*ret = (struct slo_targets){ .tgids = w->tgids, .tgid_count = w->count };
}

static int begin_results(uint64_t signals, struct slo_selftest_result *results, uint64_t *ret_asked)
{
	int count = 0;

	*ret_asked = 0;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct slo_selftest_result *r = &results[count];

		if (!(signals & SLO_SIG_BIT(sig)))
			continue;
		count++;
		*r = (struct slo_selftest_result){ .signal = (enum slo_signal)sig, .ran = true };
		if (!slo_signal_desc(r->signal)->built || !case_of(r->signal))
			skip(r, "not built in this version");
		else
			*ret_asked |= SLO_SIG_BIT(sig);
	}
	return count;
}

static void freep(struct slo_selftest **t)
{
	struct slo_selftest *s = *t;

	if (!s)
		return;
	slo_session_freep(&s->session);
	for (size_t i = 0; i < HELPERS; i++)
		slo_selftest_reap(helper(s, i));
	slo_selftest_cgroup_remove(&s->throttle.cgroup);
	slo_selftest_cgroup_remove(&s->reclaim.cgroup);
	slo_selftest_lo_end(s);
	slo_selftest_disk_end(s);
	free(s);
	*t = NULL;
}

static int run_whole(const struct slo_backend_config *cfg, const char *only, uint64_t signals,
                     struct slo_selftest_result results[SLO_SIG_MAX_], struct slo_err *err)
{
	slo_cleanup(slo_closep) int own_root = -1;
	slo_cleanup(freep) struct slo_selftest *t = calloc(1, sizeof(*t));
	struct slo_backend_config own = { .emit_all = true, .on_event = on_event, .user = t };
	struct who who;
	int count, r;

	if (!t)
		return slo_err_set(err, -ENOMEM, "self-test: out of memory");
	t->disk.fd = -1;
	for (size_t i = 0; i < HELPERS; i++)
		helper(t, i)->ctl = -1;
	t->throttle.cgroup.base = t->reclaim.cgroup.base = -1;
	if (cfg->host_root < 0)
		own_root = slo_host_open_root(NULL, err);
	t->root = cfg->host_root < 0 ? own_root : cfg->host_root;
	if (t->root < 0)
		return t->root;
	own.host_root = cfg->host_root;
	own.btf_path = cfg->btf_path;
	own.btf_dirs = cfg->btf_dirs;
	own.btf_dir_count = cfg->btf_dir_count;
	own.state_dir = cfg->state_dir;
	count = begin_results(signals, results, &own.signals);
	if (!own.signals)
		return count;
	t->deadline_ns = slo_clock_monotonic_ns() + RUN_NS;
	prepare(t, results, count);
	aim(t, &who, &own.targets);
	r = run(t, &own, only, results, count, err);
	if (who.own_comm[0])
		(void)prctl(PR_SET_NAME, who.own_comm);
	return r < 0 ? r : count;
}

/* Who asks for an early end gets it when cgroups and interfaces are as they were. */
int slo_selftest_run(const struct slo_backend_config *cfg, const char *only, uint64_t signals,
                     struct slo_selftest_result results[SLO_SIG_MAX_], struct slo_err *err)
{
	sigset_t ends, before;
	int r;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &ends, &before);
	r = run_whole(cfg, only, signals, results, err);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
