/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/feed.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/account.h"
#include "backends/decode.h"
#include "compat/host.h"
#include "core/base/clock.h"

/* --- from open to close ------------------------------------------------------------------------------------------ */

void slo_feed_init(struct slo_feed *f, const struct slo_backend_config *cfg)
{
	*f = (struct slo_feed){
		.on_event = cfg->on_event,
		.on_record = cfg->on_record,
		.user = cfg->user,
		.root = -1,
		.cost.stats_fd = -1,
	};
	slo_events_init(&f->events);
	for (int i = 0; i < SLO_SHARED_MAX_; i++)
		f->shared.map[i].fd = -1;
}

void slo_feed_fini(struct slo_feed *f)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		slo_agg_freep(&f->agg[i]);
	slo_events_close(&f->events);
	slo_cost_end(&f->cost);
	slo_closep(&f->root);
}

int slo_feed_open_root(struct slo_feed *f, const struct slo_backend_config *cfg,
                       struct slo_err *err)
{
	f->root = cfg->host_root >= 0 ? slo_host_open(cfg->host_root, ".", O_PATH | O_DIRECTORY)
	                              : slo_host_open_root(NULL, err);
	return f->root < 0 ? slo_err_set(err, f->root, "host root: %s", strerror(-f->root)) : 0;
}

int slo_feed_start(struct slo_feed *f, const struct slo_backend_config *cfg, struct slo_err *err)
{
	int r = f->served ? slo_events_open(&f->events, &f->shared, slo_feed_on_record, f, err) : 0;

	if (r < 0)
		return r;
	f->cfg = *cfg;
	f->enabled = f->served;
	if (cfg->measure_cost)
		slo_cost_begin(&f->cost, f->self_timed);
	f->interval_start_ns = slo_clock_monotonic_ns();
	if (f->served)
		slo_shared_limit(&f->shared, cfg->events_per_second, cfg->burst,
		                 f->interval_start_ns);
	(void)slo_clock_follow_realtime(&f->offset_ns);
	return 0;
}

/* --- what is given ----------------------------------------------------------------------------------------------- */

static void deliver(struct slo_feed *f, const void *record, size_t size)
{
	struct slo_probe_event ev;

	if (f->on_record)
		f->on_record(f->user, record, size);
	if (slo_decode(record, size, f->offset_ns, &ev, NULL)) {
		f->rejected++;
		return;
	}
	if (ev.signal == SLO_SIG_DISK_IO)
		slo_disk_name(&f->disks, f->root, ev.detail.disk.major, ev.detail.disk.minor,
		              ev.detail.disk.device);
	if (f->by_turns & SLO_SIG_BIT(ev.signal))
		ev.sample_weight = SLO_TURN_INTERVALS;
	if (ev.kind == SLO_EV_SAMPLE || ev.kind == SLO_EV_TIMEOUT)
		f->delivered[ev.signal]++;
	f->on_event(f->user, &ev);
}

void slo_feed_on_record(void *user, const void *record, size_t size)
{
	/* Perf buffers give it padded, and 4 bytes off the alignment of its fields. */
	struct slo_feed *f = user;
	struct slo_abi_event e;

	if (!f->shared.old) {
		deliver(f, record, size);
	} else if (size < sizeof(e)) {
		f->rejected++;
	} else {
		memcpy(&e, record, sizeof(e));
		deliver(f, &e, sizeof(e));
	}
}

void slo_feed_on_own(void *user, const struct slo_abi_event *e)
{
	deliver(user, e, e->size);
}

static void on_aggregate(void *user, const struct slo_abi_agg *agg)
{
	deliver(user, agg, sizeof(*agg));
}

/* --- control ----------------------------------------------------------------------------------------------------- */

void slo_feed_enable(struct slo_feed *f, enum slo_signal sig, bool on)
{
	int fd = f->shared.map[SLO_SHARED_CTL].fd;
	uint32_t key = (uint32_t)sig;
	struct slo_abi_ctl ctl;

	if (on)
		f->enabled |= SLO_SIG_BIT(sig);
	else
		f->enabled &= ~SLO_SIG_BIT(sig);
	if (bpf_map_lookup_elem(fd, &key, &ctl))
		return;
	ctl.off = !on;
	(void)bpf_map_update_elem(fd, &key, &ctl, BPF_ANY);
}

int slo_feed_retarget(struct slo_feed *f, const struct slo_backend_config *cfg, struct slo_err *err)
{
	if (!f->served)
		return 0;
	f->cfg.emit_all = cfg->emit_all;
	memcpy(f->cfg.threshold, cfg->threshold, sizeof(f->cfg.threshold));
	f->cfg.targets = cfg->targets;
	if (cfg->events_per_second != f->shared.rate || cfg->burst != f->shared.burst)
		slo_shared_limit(&f->shared, cfg->events_per_second, cfg->burst,
		                 slo_clock_monotonic_ns());
	return slo_shared_control(&f->shared, &f->cfg, f->enabled, f->epoch, err);
}

static void set_epoch(struct slo_feed *f, uint32_t epoch)
{
	int fd = f->shared.map[SLO_SHARED_CTL].fd;

	f->epoch = epoch;
	for (uint32_t sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct slo_abi_ctl ctl;

		if (bpf_map_lookup_elem(fd, &sig, &ctl))
			continue;
		ctl.epoch = epoch;
		(void)bpf_map_update_elem(fd, &sig, &ctl, BPF_ANY);
	}
}

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static void read_stats(const struct slo_feed *f, enum slo_signal sig, struct slo_abi_stats *ret)
{
	const uint64_t *own = (const uint64_t *)f->own[sig];
	uint64_t *sum = (uint64_t *)ret;

	slo_shared_stats(&f->shared, sig, ret);
	for (size_t i = 0; own && i < sizeof(*ret) / sizeof(*sum); i++)
		sum[i] += own[i];
}

static int settle_losses(struct slo_feed *f)
{
	uint64_t sent[SLO_SIG_MAX_] = { 0 };
	int n;

	if (!f->shared.old)
		return 0;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		struct slo_abi_stats k;

		if (!(f->served & SLO_SIG_BIT(i)))
			continue;
		read_stats(f, (enum slo_signal)i, &k);
		sent[i] = k.sent;
	}
	n = slo_events_poll(&f->events, NULL);
	slo_account_losses(f->lost, sent, f->delivered);
	return n > 0 ? n : 0;
}

int slo_feed_poll(struct slo_feed *f, uint64_t now_ns, struct slo_err *err)
{
	if (!f->served)
		return 0;
	(void)slo_clock_follow_realtime(&f->offset_ns);
	slo_shared_refill(&f->shared, now_ns);
	return slo_events_poll(&f->events, err);
}

int slo_feed_interval(struct slo_feed *f, uint64_t now_ns)
{
	uint64_t start = f->interval_start_ns;
	uint32_t epoch = f->epoch;
	int count;

	if (!f->served)
		return 0;
	(void)slo_clock_follow_realtime(&f->offset_ns);
	count = settle_losses(f);
	set_epoch(f, epoch + 1);
	f->interval_start_ns = now_ns;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (f->agg[sig])
			count += slo_agg_read(f->agg[sig], start, now_ns - start, epoch,
			                      on_aggregate, f);
	}
	return count;
}

void slo_feed_stats(const struct slo_feed *f, struct slo_backend_stats *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->map_bytes = f->shared.bytes;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		struct slo_abi_stats k;

		if (!(f->served & SLO_SIG_BIT(i)))
			continue;
		read_stats(f, (enum slo_signal)i, &k);
		ret->signal[i] = (struct slo_signal_stats){
			.made = k.made,
			.sent = k.sent - f->lost[i],
			.aggregated = k.aggregated,
			.lost_ring = k.lost_ring + f->lost[i],
			.lost_map = k.lost_map,
			.shed = k.shed,
			.agg_lost = k.agg_lost,
			.inflight_full = k.inflight_full,
			.unmatched = k.unmatched,
			.filtered = k.filtered,
			.delivered = f->delivered[i],
		};
	}
	ret->rejected = f->rejected;
	ret->cost_by = f->cost.by;
	ret->entry_ns = f->cost.entry_ns;
}

void slo_feed_add_cost(const struct slo_feed *f, enum slo_signal sig, uint64_t all,
                       struct slo_cost_of cost, struct slo_backend_stats *ret)
{
	struct slo_signal_stats *st = &ret->signal[sig];

	ret->program[sig] = all;
	/* A bound, not a sum: what was left out may have been of any of them. */
	st->missed = cost.missed;
	if (sig != (enum slo_signal)__builtin_ctzll(all))
		return;
	st->run_count = cost.runs;
	st->run_ns = cost.run_ns;
	st->cost_ns = cost.run_ns + (uint64_t)((double)cost.runs * f->cost.entry_ns);
}

/* --- verdicts ---------------------------------------------------------------------------------------------------- */

void slo_verdicts_clear(struct slo_verdict verdicts[SLO_SIG_MAX_])
{
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		verdicts[i] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
}

void slo_verdicts_refuse_rest(struct slo_verdict verdicts[SLO_SIG_MAX_], uint64_t wanted,
                              const struct slo_refusal_of *of, int code, const char *why)
{
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct slo_verdict *v = &verdicts[sig];

		if (!(wanted & SLO_SIG_BIT(sig)) || v->serves || v->refused_count)
			continue;
		if (slo_signal_desc((enum slo_signal)sig)->counted)
			slo_verdict_refuse(v, of->backend, -ENOTSUP,
			                   "the kernel counts it by itself; procfs serves it");
		else if (code && (of->can & SLO_SIG_BIT(sig)))
			slo_verdict_refuse(v, of->failed, code, "%s", why);
		else
			slo_verdict_refuse(v, of->backend, -ENOTSUP, "%s",
			                   slo_signal_desc((enum slo_signal)sig)->built
			                           ? of->lacks
			                           : "not built in this version");
	}
}
