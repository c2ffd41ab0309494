/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/backends.h"
#include "compat/host.h"

/* So many signals of programs compiled at run time are called full; two (DNS, retransmits) are the floor. */
#define BCC_FULL 7

struct opened {
	const struct slo_backend_ops *ops;
	void *be;
	uint64_t served;
};

struct slo_session {
	struct opened opened[SLO_SESSION_BACKENDS];
	unsigned int count;
	struct slo_backend_report reports[SLO_SESSION_BACKENDS];
	unsigned int report_count;
	struct slo_choice choice[SLO_SIG_MAX_];
	uint64_t wanted;
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

static bool is_candidate(const struct slo_backend_ops *ops, const char *only)
{
	if (!is_auto(only))
		return strcmp(ops->name, only) == 0;
	return ops == &slo_backend_libbpf || ops == &slo_backend_bcc || ops == &slo_backend_procfs;
}

static bool has_btf(const struct slo_backend_config *cfg)
{
	slo_cleanup(slo_closep) int own = -1;

	if (cfg->btf_path)
		return true;
	if (cfg->host_root < 0)
		own = slo_host_open_root(NULL, NULL);
	return slo_host_inode(cfg->host_root >= 0 ? cfg->host_root : own,
	                      "/sys/kernel/btf/vmlinux") != 0;
}

/* The start-up rule: no BTF, no libbpf; and with it nothing is compiled at run time unless asked for by name. */
static bool skip_for_btf(const struct slo_backend_ops *ops, const struct slo_backend_config *cfg,
                         const char *only, struct slo_backend_report *rep)
{
	if (ops == &slo_backend_bcc && is_auto(only) && has_btf(cfg))
		(void)snprintf(rep->why, sizeof(rep->why), "not needed, for there is BTF");
	else if (ops == &slo_backend_libbpf && !has_btf(cfg))
		(void)snprintf(rep->why, sizeof(rep->why),
		               "no BTF at /sys/kernel/btf/vmlinux (needs CONFIG_DEBUG_INFO_BTF, "
		               "usual from Linux 5.8, or --btf FILE)");
	else
		return false;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		rep->verdict[i] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
		if (rep->asked & SLO_SIG_BIT(i))
			slo_verdict_refuse(&rep->verdict[i], ops->name, -ENOENT, "%.150s",
			                   rep->why);
	}
	return true;
}

int slo_session_probe(const struct slo_backend_config *cfg, const char *only,
                      struct slo_backend_report reports[SLO_SESSION_BACKENDS],
                      unsigned int *ret_count, struct slo_err *err)
{
	unsigned int count = 0;
	int r = check_name(only, err);

	if (r < 0)
		return r;
	for (size_t i = 0; slo_backends[i] && count < SLO_SESSION_BACKENDS; i++) {
		const struct slo_backend_ops *ops = slo_backends[i];
		struct slo_backend_report *rep = &reports[count];
		struct slo_err local = { 0 };

		if (!is_candidate(ops, only))
			continue;
		count++;
		*rep = (struct slo_backend_report){ .name = ops->name, .asked = cfg->signals };
		if (skip_for_btf(ops, cfg, only, rep))
			continue;
		rep->tried = true;
		if (ops->probe(cfg, rep->verdict, &local) < 0)
			(void)snprintf(rep->why, sizeof(rep->why), "%.199s", local.msg);
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

static void open_one(struct slo_session *s, const struct slo_backend_ops *ops,
                     const struct slo_backend_config *cfg, const char *only, uint64_t *left)
{
	struct slo_backend_report *rep = &s->reports[s->report_count++];
	struct slo_choice before[SLO_SIG_MAX_];
	struct slo_backend_config own = *cfg;
	struct slo_err local = { 0 };
	uint64_t served;
	void *be = NULL;

	*rep = (struct slo_backend_report){ .name = ops->name, .asked = *left };
	own.signals = *left;
	memcpy(before, s->choice, sizeof(before));
	if (!skip_for_btf(ops, cfg, only, rep)) {
		rep->tried = true;
		if (ops->open(&own, rep->verdict, &be, &local) < 0)
			(void)snprintf(rep->why, sizeof(rep->why), "%.199s", local.msg);
	}
	take_choices(s, rep, left, &served);
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (rep->asked & SLO_SIG_BIT(i))
			keep_refusals(s, &before[i].verdict, i);
	}
	if (be)
		s->opened[s->count++] = (struct opened){ ops, be, served };
}

int slo_session_open(struct slo_session **ret_session, const struct slo_backend_config *cfg,
                     const char *only, struct slo_err *err)
{
	slo_session_auto struct slo_session *s = NULL;
	uint64_t left = cfg->signals;
	int r = check_name(only, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return slo_err_set(err, -ENOMEM, "session: out of memory");
	s->wanted = cfg->signals;
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		s->choice[i].verdict = (struct slo_verdict){ .mechanism = "", .hooks = "" };
	for (size_t i = 0; slo_backends[i] && s->report_count < SLO_SESSION_BACKENDS; i++) {
		if (is_candidate(slo_backends[i], only) && (left || !cfg->signals))
			open_one(s, slo_backends[i], cfg, only, &left);
	}
	if (!s->count)
		return slo_err_set(err, -ENOTSUP, "%s",
		                   s->report_count ? s->reports[0].why : "no backend to try");
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

const char *slo_session_mode(const struct slo_session *s)
{
	uint64_t hooked = s->wanted & hooked_signals();

	for (unsigned int i = 0; i < s->count; i++) {
		const struct opened *o = &s->opened[i];

		if (o->ops == &slo_backend_replay || o->ops == &slo_backend_null)
			return o->ops->name;
		if (o->ops == &slo_backend_libbpf && o->served)
			return (o->served & hooked) == hooked ? "core_full" : "core_partial";
		if (o->ops == &slo_backend_bcc && o->served)
			return __builtin_popcountll(o->served) >= BCC_FULL ? "bcc_full"
			                                                   : "bcc_degraded";
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
		ret->cost_known |= one.cost_known;
		ret->entry_ns = one.entry_ns > 0 ? one.entry_ns : ret->entry_ns;
		ret->map_bytes += one.map_bytes;
		ret->rejected += one.rejected;
	}
}
