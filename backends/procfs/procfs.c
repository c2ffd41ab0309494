/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel counts anyway: read once an interval, no BPF. DNS packets are heard as they pass. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/backends.h"
#include "backends/decode.h"
#include "backends/procfs/reader.h"
#include "compat/host.h"
#include "core/base/clock.h"

/* One row a signal. */
static const struct slo_procfs_reader *const readers[] = {
	&slo_procfs_dns,      &slo_procfs_retransmit,     &slo_procfs_runqueue,
	&slo_procfs_connect,  &slo_procfs_connect_errors, &slo_procfs_steal,
	&slo_procfs_throttle, &slo_procfs_reclaim,        &slo_procfs_disk,
};

struct row {
	void *state; /* NULL: not served, or switched off and not merely muted */
	bool serves;
	int told; /* error of the last reading, told once; 0 it went well */
	uint64_t singles; /* single events since the last histogram, which has them too */
};

struct procfs {
	int root;
	slo_event_fn on_event;
	slo_record_fn on_record;
	void *user;
	struct row rows[SLO_ARRAY_SIZE(readers)];
	uint64_t *cgroups; /* targets, sorted */
	size_t cgroup_count;
	struct slo_backend_config cfg; /* for events; pointers in it are not used after open */
	struct slo_backend_stats stats;
	uint64_t delivered; /* of all signals */
};

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of the targets only cgroups apply: nothing is counted here for a process. */
static int keep_targets(struct procfs *be, const struct slo_targets *targets, struct slo_err *err)
{
	size_t count = targets->cgroup_count;
	uint64_t *ids = NULL;

	if (count) {
		ids = calloc(count, sizeof(*ids));
		if (!ids)
			return slo_err_set(err, -ENOMEM, "procfs: out of memory");
		memcpy(ids, targets->cgroup_ids, count * sizeof(*ids));
		qsort(ids, count, sizeof(*ids), compare_ids);
	}
	free(be->cgroups);
	be->cgroups = ids;
	be->cgroup_count = count;
	return 0;
}

/* What names neither cgroup nor process is of the whole machine, and everybody's. */
static bool is_wanted(const struct procfs *be, const struct slo_probe_event *ev)
{
	if (!be->cgroup_count || (!ev->cgroup_id && !ev->tgid))
		return true;
	return bsearch(&ev->cgroup_id, be->cgroups, be->cgroup_count, sizeof(*be->cgroups),
	               compare_ids) != NULL;
}

/* The caller's descriptor may be closed after open(). */
static int open_root(int root, struct slo_err *err)
{
	if (root < 0)
		return slo_host_open_root(NULL, err);
	root = slo_host_open(root, ".", O_PATH | O_DIRECTORY);
	if (root < 0)
		return slo_err_set(err, root, "procfs: host root: %s", strerror(-root));
	return root;
}

static const struct slo_procfs_reader *reader_of(enum slo_signal sig)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		if (readers[i]->signal == sig)
			return readers[i];
	}
	return NULL;
}

static uint64_t fill_verdicts(uint64_t signals, int root, const struct slo_err *root_err,
                              struct slo_verdict verdicts[SLO_SIG_MAX_])
{
	uint64_t served = 0;

	for (unsigned int s = 0; s < SLO_SIG_MAX_; s++) {
		const struct slo_procfs_reader *reader = reader_of((enum slo_signal)s);

		if (!(signals & SLO_SIG_BIT(s)))
			continue;
		verdicts[s] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
		if (!reader)
			slo_verdict_refuse(&verdicts[s], "procfs", -ENOTSUP,
			                   "no file of the kernel's tells it");
		else if (root < 0)
			slo_verdict_refuse(&verdicts[s], "procfs", root, "%s", root_err->msg);
		else
			reader->probe(root, &verdicts[s]);
		if (verdicts[s].serves)
			served |= SLO_SIG_BIT(s);
	}
	return served;
}

static int procfs_probe(const struct slo_backend_config *cfg,
                        struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	struct slo_err why = { 0 };
	slo_cleanup(slo_closep) int root = open_root(cfg->host_root, &why);

	(void)fill_verdicts(cfg->signals, root, &why, verdicts);
	return root < 0 ? slo_err_set(err, root, "%s", why.msg) : 0;
}

static void procfs_close(void *vbe)
{
	struct procfs *be = vbe;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(be->rows); i++)
		readers[i]->close(be->rows[i].state);
	slo_closep(&be->root);
	free(be->cgroups);
	free(be);
}

static void procfs_closep(struct procfs **be)
{
	if (*be)
		procfs_close(*be);
	*be = NULL;
}

static int make(const struct slo_backend_config *cfg, struct procfs **ret_be, struct slo_err *err)
{
	slo_cleanup(procfs_closep) struct procfs *be = calloc(1, sizeof(*be));
	int r;

	if (!be)
		return slo_err_set(err, -ENOMEM, "procfs: out of memory");
	be->root = open_root(cfg->host_root, err);
	if (be->root < 0)
		return be->root;
	r = keep_targets(be, &cfg->targets, err);
	if (r < 0)
		return r;
	be->on_event = cfg->on_event;
	be->on_record = cfg->on_record;
	be->user = cfg->user;
	be->cfg = *cfg;
	*ret_be = slo_take_ptr(be);
	return 0;
}

static void tune(const struct procfs *be, size_t row)
{
	const enum slo_signal sig = readers[row]->signal;
	const struct slo_procfs_options options = {
		.threshold_ns = (uint64_t)(be->cfg.threshold[sig] * (double)SLO_NS_PER_MS),
		.emit_all = be->cfg.emit_all,
	};

	if (readers[row]->tune && be->rows[row].state)
		readers[row]->tune(be->rows[row].state, &options);
}

/* Opens what the verdicts promised; a file that is gone by now takes its promise back. */
static uint64_t open_rows(struct procfs *be, uint64_t served,
                          struct slo_verdict verdicts[SLO_SIG_MAX_], int *ret_failed)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		struct slo_verdict *v = &verdicts[readers[i]->signal];
		struct slo_err err = { 0 };
		int r;

		if (!(served & SLO_SIG_BIT(readers[i]->signal)))
			continue;
		r = readers[i]->open(be->root, &be->rows[i].state, &err);
		if (r) {
			*v = (struct slo_verdict){ .mechanism = "", .hooks = "" };
			slo_verdict_refuse(v, "procfs", r, "%s", err.msg);
			served &= ~SLO_SIG_BIT(readers[i]->signal);
			*ret_failed = r;
		}
		be->rows[i].serves = !r;
		tune(be, i);
	}
	return served;
}

/* The first refusal's reason: the signals asked for are refused one by one in the verdicts. */
static int refuse_all(uint64_t signals, int code, const struct slo_verdict verdicts[SLO_SIG_MAX_],
                      struct slo_err *err)
{
	unsigned int s = (unsigned int)__builtin_ctzll(signals);

	return slo_err_set(err, code, "procfs: serves no signal asked for; %s: %s",
	                   slo_signal_desc((enum slo_signal)s)->name, verdicts[s].refused[0].why);
}

static int procfs_open(const struct slo_backend_config *cfg,
                       struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be,
                       struct slo_err *err)
{
	slo_cleanup(procfs_closep) struct procfs *be = NULL;
	struct slo_err why = { 0 };
	int failed = -ENOTSUP;
	uint64_t served;
	int r = 0;

	if (cfg->signals & ~SLO_SIG_ALL)
		r = slo_err_set(&why, -EINVAL, "procfs: signal set %#llx has unknown signals",
		                (unsigned long long)cfg->signals);
	else if (!cfg->on_event)
		r = slo_err_set(&why, -EINVAL, "procfs: no receiver of events");
	else
		r = make(cfg, &be, &why);
	served = fill_verdicts(cfg->signals, be ? be->root : r, &why, verdicts);
	if (!be)
		return slo_err_set(err, r, "%s", why.msg);
	served = open_rows(be, served, verdicts, &failed);
	if (cfg->signals && !served)
		return refuse_all(cfg->signals, failed, verdicts, err);
	*ret_be = slo_take_ptr(be);
	return 0;
}

static int enable_row(struct procfs *be, size_t row, bool on, struct slo_err *err)
{
	const struct slo_procfs_reader *reader = readers[row];
	void **state = &be->rows[row].state;
	int r = 0;

	/* Of its histogram nothing is left. */
	be->rows[row].singles = 0;
	if (*state && reader->mute)
		return reader->mute(*state, !on, err);
	/* Opened anew, so that the time switched off is not averaged in. */
	if (on) {
		r = *state ? 0 : reader->open(be->root, state, err);
		tune(be, row);
		return r;
	}
	reader->close(*state);
	*state = NULL;
	return 0;
}

static int procfs_enable(void *vbe, enum slo_signal sig, bool on, struct slo_err *err)
{
	struct procfs *be = vbe;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		if (readers[i]->signal == sig && be->rows[i].serves)
			return enable_row(be, i, on, err);
	}
	return slo_err_set(err, -ENOTSUP, "procfs: cannot give %s", slo_signal_desc(sig)->name);
}

/* Thresholds concern readers of single events only; the others give one an interval, whatever it is. */
static int procfs_retarget(void *vbe, const struct slo_backend_config *cfg, struct slo_err *err)
{
	struct procfs *be = vbe;

	be->cfg.emit_all = cfg->emit_all;
	memcpy(be->cfg.threshold, cfg->threshold, sizeof(be->cfg.threshold));
	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++)
		tune(be, i);
	return keep_targets(be, &cfg->targets, err);
}

/* One reader has one. */
static int procfs_fd(void *vbe)
{
	const struct procfs *be = vbe;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		if (readers[i]->fd && be->rows[i].state)
			return readers[i]->fd(be->rows[i].state);
	}
	return -1;
}

/* made = sent + aggregated: of a histogram what was not given singly. */
static void count(struct procfs *be, const struct slo_probe_event *ev)
{
	struct slo_signal_stats *st = &be->stats.signal[ev->signal];
	size_t i = 0;

	while (readers[i]->signal != ev->signal)
		i++;
	if (ev->kind != SLO_EV_HIST) {
		st->made++;
		st->sent++;
		st->delivered++;
		be->rows[i].singles += ev->kind == SLO_EV_SAMPLE;
		return;
	}
	if (ev->count > be->rows[i].singles) {
		st->made += ev->count - be->rows[i].singles;
		st->aggregated += ev->count - be->rows[i].singles;
	}
	be->rows[i].singles = 0;
}

static void deliver(void *user, const struct slo_probe_event *ev)
{
	struct procfs *be = user;
	struct slo_signal_stats *st = &be->stats.signal[ev->signal];

	if (!is_wanted(be, ev)) {
		st->filtered++;
		return;
	}
	count(be, ev);
	if (be->on_record) {
		struct slo_abi_agg rec;
		size_t size = slo_encode(ev, &rec);

		be->on_record(be->user, &rec, size);
	}
	be->delivered++;
	be->on_event(be->user, ev);
}

static int procfs_poll(void *vbe, struct slo_err *err)
{
	struct procfs *be = vbe;
	int total = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		int r = readers[i]->poll && be->rows[i].state
		                ? readers[i]->poll(be->rows[i].state, deliver, be, err)
		                : 0;

		if (r < 0)
			return r;
		total += r;
	}
	return total;
}

static int procfs_interval(void *vbe, uint64_t now_ns, struct slo_err *err)
{
	struct procfs *be = vbe;
	uint64_t before = be->delivered;
	int failed = 0;

	for (size_t i = 0; i < SLO_ARRAY_SIZE(readers); i++) {
		struct slo_err why = { 0 };
		struct row *row = &be->rows[i];
		int r = row->state ? readers[i]->read(row->state, now_ns, deliver, be, &why) : 0;

		if (row->state && readers[i]->account)
			readers[i]->account(row->state, &be->stats.signal[readers[i]->signal]);
		if (r < 0)
			be->stats.rejected++;
		if (r < 0 && row->told != r)
			failed = slo_err_set(err, r, "procfs: %s: %s",
			                     slo_signal_desc(readers[i]->signal)->name, why.msg);
		row->told = r < 0 ? r : 0;
	}
	return failed ? failed : (int)(be->delivered - before);
}

static void procfs_stats(void *vbe, struct slo_backend_stats *ret)
{
	const struct procfs *be = vbe;

	*ret = be->stats;
}

const struct slo_backend_ops slo_backend_procfs = {
	.name = "procfs",
	.probe = procfs_probe,
	.open = procfs_open,
	.enable = procfs_enable,
	.retarget = procfs_retarget,
	.fd = procfs_fd,
	.poll = procfs_poll,
	.interval = procfs_interval,
	.stats = procfs_stats,
	.close = procfs_close,
};
