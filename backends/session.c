/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/backends.h"
#include "backends/btf_choice.h"
#include "backends/shared.h"

struct opened {
	const struct slo_backend_ops *ops;
	void *be;
	uint64_t served;
	const char *full, *partial; /* capability modes, see ladder */
	unsigned int enough;
};

struct slo_session {
	struct opened opened[SLO_SESSION_BACKENDS];
	unsigned int count;
	struct slo_backend_report reports[SLO_SESSION_BACKENDS];
	unsigned int report_count;
	struct slo_choice choice[SLO_SIG_MAX_];
	uint64_t wanted;
	struct slo_btf_choice btf; /* the backends borrow its path */
};

/* Signals of this version that only a kernel hook can give: what core_full is measured against. */
static uint64_t hooked_signals(void)
{
	uint64_t set = 0;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		const struct slo_signal_desc *d = slo_signal_desc((enum slo_signal)i);

		if (d->built && !d->counted)
			set |= SLO_SIG_BIT(i);
	}
	return set;
}

enum btf_need {
	BTF_NONE,
	BTF_OWN, /* the kernel's */
	BTF_EXTERNAL, /* a file, or the kernel's where programs of BTF_OWN have no ring buffer */
};

/*
 * The ladder, best first. Each rung is asked for the signals that those above did not give. A rung that is not built keeps
 * its place with no ops.
 */
static const struct ladder_rung {
	const char *name;
	const struct slo_backend_ops *ops;
	const char *full,
		*partial; /* capability modes where it serves all hooked signals, or some */
	const char *needs, *delivers;
	enum btf_need btf;
	unsigned int enough; /* so many signals are called full; 0: all that were asked for */
} ladder[] = {
	{ "BTF", &slo_backend_libbpf, "core_full", "core_partial",
	  "Linux 5.8 with CONFIG_DEBUG_INFO_BTF (/sys/kernel/btf/vmlinux), CAP_BPF, CAP_PERFMON",
	  "every signal with a hook, with owner and cause", BTF_OWN, 0 },
	{ "external BTF", &slo_backend_libbpf_ext, "core_full", "core_partial",
	  "Linux 4.18, this kernel's BTF, own or in a file (--btf FILE, [btf] search), CAP_SYS_ADMIN",
	  "every signal, of system calls some; waits for a quota are not told apart", BTF_EXTERNAL,
	  0 },
	{ "btf_free", &slo_backend_btf_free, "btf_free", "btf_free",
	  "Linux 4.15, tracefs, cgroup2, CAP_SYS_ADMIN (from 5.8 CAP_BPF, CAP_PERFMON)",
	  "every signal, of system calls some, with what tracepoints and packets tell", BTF_NONE,
	  0 },
	{ "bcc", &slo_backend_bcc, "bcc_full", "bcc_degraded",
	  "Linux 4.4, kprobes, kernel headers or a cached compile",
	  "what needs structures or kprobes; all of 4.4 to 4.14", BTF_NONE, 7 },
	{ "procfs", &slo_backend_procfs, "minimal", "minimal", "/proc",
	  "all but TLS and system calls, by counters: coarser, and weighed less", BTF_NONE, 0 },
};

static bool is_auto(const char *only)
{
	return !only || strcmp(only, "auto") == 0;
}

static int check_name(const char *only, struct slo_err *err)
{
	if (is_auto(only))
		return 0;
	for (size_t i = 0; slo_backends[i]; i++) {
		if (strcmp(slo_backends[i]->name, only) == 0)
			return 0;
	}
	return slo_err_set(err, -EINVAL, "no backend '%s'", only);
}

/* The rungs to try with @only; replay and null are a ladder of one. Number written. */
static unsigned int choose_rungs(const char *only, struct ladder_rung ret[SLO_SESSION_BACKENDS])
{
	unsigned int count = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(ladder); i++) {
		if (is_auto(only) || (ladder[i].ops && strcmp(ladder[i].ops->name, only) == 0))
			ret[count++] = ladder[i];
	}
	for (size_t i = 0; !count && slo_backends[i]; i++) {
		const struct ladder_rung alone = { .name = "",
			                           .ops = slo_backends[i],
			                           .full = only,
			                           .partial = only,
			                           .needs = "",
			                           .delivers = "" };

		if (strcmp(slo_backends[i]->name, only) == 0)
			ret[count++] = alone;
	}
	return count;
}
static_assert(SLO_ARRAY_SIZE(ladder) <= SLO_SESSION_BACKENDS, "room for every rung");

/* What rules @rung out before it is asked; NULL nothing. */
static const char *rule_out(const struct ladder_rung *rung, const struct slo_backend_config *cfg,
                            const struct slo_btf_choice *btf)
{
	if (!rung->ops)
		return "not built in this version";
	switch (rung->btf) {
	case BTF_OWN:
		if (cfg->btf_path && *btf->path)
			return "--btf names another one";
		return slo_btf_has_own(cfg)
		               ? NULL
		               : "no BTF at /sys/kernel/btf/vmlinux (needs "
		                 "CONFIG_DEBUG_INFO_BTF, usual from Linux 5.8, or --btf FILE)";
	case BTF_EXTERNAL:
		/* Objects that need no ring buffer are as good with the kernel's own. */
		if (*btf->path || (slo_btf_has_own(cfg) && slo_shared_lacks_ring()))
			return NULL;
		return *btf->why ? btf->why : "no file given (--btf FILE), none found";
	case BTF_NONE:
		break;
	}
	return NULL;
}

/* Begins @rep; false where @rung is not to be asked: @rep says why. */
static bool begin_report(struct slo_backend_report *rep, const struct ladder_rung *rung,
                         const struct slo_backend_config *cfg, uint64_t asked,
                         const struct slo_btf_choice *btf)
{
	const char *why = rule_out(rung, cfg, btf);

	*rep = (struct slo_backend_report){ .name = rung->ops ? rung->ops->name : rung->name,
		                            .rung = rung->name,
		                            .needs = rung->needs,
		                            .delivers = rung->delivers,
		                            .asked = asked,
		                            .tried = !why };
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		rep->verdict[i] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
	if (rung->btf == BTF_EXTERNAL)
		(void)snprintf(rep->bad_file, sizeof(rep->bad_file), "%s", btf->why);
	if (!why)
		return true;
	(void)snprintf(rep->why, sizeof(rep->why), "%s", why);
	/* That there is no file, or no bcc, is no reason of its own beside the kernel's lack of BTF. */
	if (rung->btf != BTF_OWN || *btf->path)
		return false;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (asked & SLO_SIG_BIT(i))
			slo_verdict_refuse(&rep->verdict[i], rung->name, -ENOENT, "%s", why);
	}
	return false;
}

/* What @rung is asked with: a file is for its rung alone. */
static struct slo_backend_config config_of(const struct slo_backend_config *cfg,
                                           const struct ladder_rung *rung, uint64_t signals,
                                           const struct slo_btf_choice *btf)
{
	struct slo_backend_config own = *cfg;

	own.signals = signals;
	own.btf_path = rung->btf == BTF_EXTERNAL && *btf->path ? btf->path : NULL;
	return own;
}

/* No file is looked at for those that need none. */
static void choose_btf(const struct ladder_rung *rungs, unsigned int count,
                       const struct slo_backend_config *cfg, struct slo_btf_choice *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < count; i++) {
		if (rungs[i].btf == BTF_EXTERNAL)
			slo_btf_choose(cfg, ret);
	}
}

int slo_session_probe(const struct slo_backend_config *cfg, const char *only,
                      struct slo_backend_report reports[SLO_SESSION_BACKENDS],
                      unsigned int *ret_count, struct slo_err *err)
{
	struct ladder_rung rungs[SLO_SESSION_BACKENDS];
	struct slo_btf_choice btf;
	unsigned int count;
	int r = check_name(only, err);

	if (r < 0)
		return r;
	count = choose_rungs(only, rungs);
	choose_btf(rungs, count, cfg, &btf);
	for (unsigned int i = 0; i < count; i++) {
		struct slo_backend_report *rep = &reports[i];
		struct slo_backend_config own = config_of(cfg, &rungs[i], cfg->signals, &btf);
		struct slo_err local = { 0 };

		if (begin_report(rep, &rungs[i], cfg, cfg->signals, &btf) &&
		    rungs[i].ops->probe(&own, rep->verdict, &local) < 0)
			(void)snprintf(rep->why, sizeof(rep->why), "%.255s", local.msg);
	}
	*ret_count = count;
	return 0;
}

/* Takes what @rep's backend serves out of @left and keeps the verdicts. */
static void take_choices(struct slo_session *s, const struct slo_backend_report *rep,
                         uint64_t *left, uint64_t *ret_served)
{
	*ret_served = 0;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(rep->asked & SLO_SIG_BIT(i)))
			continue;
		s->choice[i].verdict = rep->verdict[i];
		if (!rep->verdict[i].serves)
			continue;
		s->choice[i].backend = rep->name;
		*ret_served |= SLO_SIG_BIT(i);
		*left &= ~SLO_SIG_BIT(i);
	}
}

/* A later backend's "not built" must not hide why the first one could not: keep the earlier refusals in front. */
static void keep_refusals(struct slo_session *s, const struct slo_verdict *before, int sig)
{
	struct slo_verdict *v = &s->choice[sig].verdict;
	struct slo_verdict joined = *v;

	joined.refused_count = 0;
	for (unsigned int i = 0; i < before->refused_count; i++)
		joined.refused[joined.refused_count++] = before->refused[i];
	for (unsigned int i = 0;
	     i < v->refused_count && joined.refused_count < SLO_VERDICT_REFUSED_MAX; i++)
		joined.refused[joined.refused_count++] = v->refused[i];
	*v = joined;
}

static void open_one(struct slo_session *s, const struct ladder_rung *rung,
                     const struct slo_backend_config *cfg, uint64_t *left)
{
	struct slo_backend_report *rep = &s->reports[s->report_count++];
	struct slo_choice before[SLO_SIG_MAX_];
	struct slo_backend_config own = config_of(cfg, rung, *left, &s->btf);
	struct slo_err local = { 0 };
	uint64_t served;
	void *be = NULL;

	memcpy(before, s->choice, sizeof(before));
	if (begin_report(rep, rung, cfg, *left, &s->btf) &&
	    rung->ops->open(&own, rep->verdict, &be, &local) < 0)
		(void)snprintf(rep->why, sizeof(rep->why), "%.255s", local.msg);
	take_choices(s, rep, left, &served);
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (rep->asked & SLO_SIG_BIT(i))
			keep_refusals(s, &before[i].verdict, i);
	}
	if (be)
		s->opened[s->count++] =
			(struct opened){ rung->ops,     be,          served, rung->full,
			                 rung->partial, rung->enough };
}

int slo_session_open(struct slo_session **ret_session, const struct slo_backend_config *cfg,
                     const char *only, struct slo_err *err)
{
	slo_session_auto struct slo_session *s = NULL;
	struct ladder_rung rungs[SLO_SESSION_BACKENDS];
	uint64_t left = cfg->signals;
	unsigned int count;
	int r = check_name(only, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return slo_err_set(err, -ENOMEM, "session: out of memory");
	s->wanted = cfg->signals;
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		s->choice[i].verdict = (struct slo_verdict){ .mechanism = "", .hooks = "" };
	count = choose_rungs(only, rungs);
	choose_btf(rungs, count, cfg, &s->btf);
	for (unsigned int i = 0; i < count; i++) {
		/* A file that is of no use is told of though nobody needs it. */
		if (left || !cfg->signals || (rungs[i].btf == BTF_EXTERNAL && *s->btf.why))
			open_one(s, &rungs[i], cfg, &left);
	}
	if (!s->count)
		return slo_err_set(err, -ENOTSUP, "%s",
		                   *s->btf.why       ? s->btf.why
		                   : s->report_count ? s->reports[0].why
		                                     : "no backend to try");
	*ret_session = slo_take_ptr(s);
	return 0;
}

void slo_session_freep(struct slo_session **session)
{
	struct slo_session *s = *session;

	while (s && s->count) {
		s->count--;
		s->opened[s->count].ops->close(s->opened[s->count].be);
	}
	free(s);
	*session = NULL;
}

const struct slo_choice *slo_session_choice(const struct slo_session *s, enum slo_signal sig)
{
	assert((unsigned int)sig < SLO_SIG_MAX_);
	return &s->choice[sig];
}

const struct slo_backend_report *slo_session_reports(const struct slo_session *s,
                                                     unsigned int *ret_count)
{
	*ret_count = s->report_count;
	return s->reports;
}

static bool is_full(uint64_t served, uint64_t hooked, unsigned int enough)
{
	if (enough)
		return (unsigned int)__builtin_popcountll(served & hooked_signals()) >= enough;
	return (served & hooked) == hooked;
}

const char *slo_session_mode(const struct slo_session *s)
{
	uint64_t hooked = s->wanted & hooked_signals();

	for (unsigned int i = 0; i < s->count; i++) {
		const struct opened *o = &s->opened[i];

		if (is_full(o->served, hooked, o->enough))
			return o->full;
		if (o->served)
			return o->partial;
	}
	return s->count ? s->opened[0].partial : "minimal";
}

const char *slo_session_mode_probed(const struct slo_backend_report *reports, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t hooked = reports[i].asked & hooked_signals(), served = 0;

		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (reports[i].verdict[sig].serves)
				served |= SLO_SIG_BIT(sig);
		}
		for (size_t r = 0; served && r < SLO_ARRAY_SIZE(ladder); r++) {
			if (strcmp(ladder[r].name, reports[i].rung) == 0)
				return is_full(served, hooked, ladder[r].enough)
				               ? ladder[r].full
				               : ladder[r].partial;
		}
		if (served)
			return reports[i].name;
	}
	return "minimal";
}

unsigned int slo_session_fds(const struct slo_session *s, int fds[SLO_SESSION_BACKENDS])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < s->count; i++) {
		int fd = s->opened[i].ops->fd(s->opened[i].be);

		if (fd >= 0)
			fds[count++] = fd;
	}
	return count;
}

/* One backend's failure keeps no other from its turn; the first failure is the one told. */
int slo_session_poll(struct slo_session *s, struct slo_err *err)
{
	int total = 0, failed = 0;

	for (unsigned int i = 0; i < s->count; i++) {
		int r = s->opened[i].ops->poll(s->opened[i].be, failed ? NULL : err);

		if (r >= 0)
			total += r;
		else if (!failed)
			failed = r;
	}
	return failed ? failed : total;
}

int slo_session_interval(struct slo_session *s, uint64_t now_ns, struct slo_err *err)
{
	int total = 0, failed = 0;

	for (unsigned int i = 0; i < s->count; i++) {
		int r = s->opened[i].ops->interval(s->opened[i].be, now_ns, failed ? NULL : err);

		if (r >= 0)
			total += r;
		else if (!failed)
			failed = r;
	}
	return failed ? failed : total;
}

int slo_session_enable(struct slo_session *s, enum slo_signal sig, bool on, struct slo_err *err)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->opened[i].served & SLO_SIG_BIT(sig))
			return s->opened[i].ops->enable(s->opened[i].be, sig, on, err);
	}
	return slo_err_set(err, -ENOTSUP, "no backend serves %s", slo_signal_desc(sig)->name);
}

int slo_session_retarget(struct slo_session *s, const struct slo_backend_config *cfg,
                         struct slo_err *err)
{
	for (unsigned int i = 0; i < s->count; i++) {
		int r = s->opened[i].ops->retarget(s->opened[i].be, cfg, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void add_stats(struct slo_signal_stats *to, const struct slo_signal_stats *from)
{
	const uint64_t *src = (const uint64_t *)from;
	uint64_t *dst = (uint64_t *)to;

	static_assert(sizeof(*to) % sizeof(uint64_t) == 0, "all counters are 64 bits");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*dst); i++)
		dst[i] += src[i];
}

void slo_session_stats(struct slo_session *s, struct slo_backend_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned int i = 0; i < s->count; i++) {
		struct slo_backend_stats one;

		s->opened[i].ops->stats(s->opened[i].be, &one);
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++)
			add_stats(&ret->signal[sig], &one.signal[sig]);
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++)
			ret->program[sig] |= one.program[sig];
		ret->cost_by = one.cost_by ? one.cost_by : ret->cost_by;
		ret->entry_ns = one.entry_ns > 0 ? one.entry_ns : ret->entry_ns;
		ret->map_bytes += one.map_bytes;
		ret->rejected += one.rejected;
		/* The best rung is the first; others do not ask. */
		if (ret->traces.state == SLO_TRACES_UNASKED)
			ret->traces = one.traces;
	}
}
