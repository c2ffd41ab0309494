/* SPDX-License-Identifier: Apache-2.0 */
/* Programs compiled at run time for kernels without BTF: texts of bcc/, compiled by llm-slo-bcc or taken from the cache. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/account.h"
#include "backends/aggregate.h"
#include "backends/backends.h"
#include "backends/bcc/hooks.h"
#include "backends/bcc/obtain.h"
#include "backends/cost.h"
#include "backends/decode.h"
#include "backends/disk.h"
#include "backends/dns.h"
#include "backends/events.h"
#include "backends/shared.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/base/clock.h"

struct bcc_be {
	slo_event_fn on_event;
	slo_record_fn on_record;
	void *user;
	struct slo_backend_config cfg; /* for retarget; pointers in it are not used after open */
	struct slo_bcc_program program;
	struct slo_bcc_hooks hooks;
	struct slo_shared shared; /* borrows the program's maps */
	struct slo_agg *agg[SLO_SIG_MAX_];
	struct slo_events events;
	struct slo_dns dns;
	int root;
	uint64_t served, enabled;
	uint32_t epoch;
	uint64_t interval_start_ns;
	uint64_t offset_ns; /* read at each poll: the clock may have been set */
	uint64_t delivered[SLO_SIG_MAX_];
	uint64_t lost[SLO_SIG_MAX_]; /* of what the buffers lost, what the programs took for sent */
	struct slo_disks disks;
	uint64_t rejected;
	struct slo_cost cost;
};

static void deliver(struct bcc_be *be, const void *record, size_t size)
{
	struct slo_probe_event ev;

	if (be->on_record)
		be->on_record(be->user, record, size);
	if (slo_decode(record, size, be->offset_ns, &ev, NULL)) {
		be->rejected++;
		return;
	}
	if (ev.signal == SLO_SIG_DISK_IO)
		slo_disk_name(&be->disks, be->root, ev.detail.disk.major, ev.detail.disk.minor,
		              ev.detail.disk.device);
	if (ev.kind == SLO_EV_SAMPLE || ev.kind == SLO_EV_TIMEOUT)
		be->delivered[ev.signal]++;
	be->on_event(be->user, &ev);
}

static void on_event(void *user, const void *record, size_t size)
{
	/* Perf buffers give it 4 bytes off the alignment of its fields. */
	struct slo_abi_event e;

	if (size < sizeof(e)) {
		((struct bcc_be *)user)->rejected++;
		return;
	}
	memcpy(&e, record, sizeof(e));
	deliver(user, &e, sizeof(e));
}

static void on_aggregate(void *user, const struct slo_abi_agg *agg)
{
	deliver(user, agg, sizeof(*agg));
}

static bool lives_in_v1(int root)
{
	struct slo_cgroups cgroups = { 0 };

	return slo_cgroups_read(root, &cgroups, NULL) == 0 && cgroups.layout == SLO_CGROUP_V1 &&
	       slo_cgroups_mount(&cgroups, "pids");
}

static uint64_t all_signals(void)
{
	uint64_t set = 0;

	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++)
		set |= slo_bcc_obj_row((enum slo_bcc_obj)i)->signals;
	return set;
}

static void refuse_rest(uint64_t wanted, struct slo_verdict *verdicts, int code, const char *why)
{
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (!(wanted & SLO_SIG_BIT(sig)) || verdicts[sig].serves ||
		    verdicts[sig].refused_count)
			continue;
		if (slo_signal_desc((enum slo_signal)sig)->counted)
			slo_verdict_refuse(&verdicts[sig], "bcc", -ENOTSUP,
			                   "the kernel counts it by itself; procfs serves it");
		else if (code && (all_signals() & SLO_SIG_BIT(sig)))
			slo_verdict_refuse(&verdicts[sig], "bcc", code, "%s", why);
		else
			slo_verdict_refuse(&verdicts[sig], "bcc", -ENOTSUP,
			                   "no program of bcc's measures it");
	}
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static void bcc_close(void *vbe)
{
	struct bcc_be *be = vbe;

	for (int i = 0; i < SLO_SIG_MAX_; i++)
		slo_agg_freep(&be->agg[i]);
	slo_bcc_hooks_fini(&be->hooks);
	slo_events_close(&be->events);
	slo_bcc_program_fini(&be->program);
	slo_cost_end(&be->cost);
	slo_closep(&be->root);
	free(be);
}

static void closep(struct bcc_be **be)
{
	if (*be)
		bcc_close(*be);
	*be = NULL;
}

static struct bcc_be *new_be(const struct slo_backend_config *cfg)
{
	struct bcc_be *be = calloc(1, sizeof(*be));

	if (!be)
		return NULL;
	be->on_event = cfg->on_event;
	be->on_record = cfg->on_record;
	be->user = cfg->user;
	be->root = be->cost.stats_fd = -1;
	slo_events_init(&be->events);
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++)
		be->hooks.hook[i].prog = be->hooks.hook[i].link = -1;
	slo_bcc_program_init(&be->program);
	return be;
}

static const char *const shared_names[] = {
	[SLO_SHARED_EVENTS] = "slo_events",
	[SLO_SHARED_CTL] = "slo_ctl",
	[SLO_SHARED_STATS] = "slo_stats",
	[SLO_SHARED_BUCKET] = "slo_bucket",
	[SLO_SHARED_TGT_CGROUPS] = "slo_tgt_cgroups",
	[SLO_SHARED_TGT_PIDS] = "slo_tgt_pids",
	[SLO_SHARED_TGT_COMMS] = "slo_tgt_comms",
	[SLO_SHARED_SOCKS] = "slo_socks",
	[SLO_SHARED_LISTENERS] = "slo_listeners",
	[SLO_SHARED_TRACES] = "slo_traces", /* these two are not in the image: no descriptor */
	[SLO_SHARED_BEGUN] = "slo_begun",
};
SLO_TABLE_COMPLETE(shared_names, SLO_SHARED_MAX_);

static bool is_percpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH;
}

static void borrow_maps(struct bcc_be *be)
{
	const struct slo_bcc_image *img = &be->program.image;
	int cpus = libbpf_num_possible_cpus();
	uint64_t copies = cpus > 0 ? (uint64_t)cpus : 1;
	int stats = slo_bcc_image_find_map(img, "slo_stats");

	for (int i = 0; i < SLO_SHARED_MAX_; i++) {
		be->shared.map[i].name = shared_names[i];
		be->shared.map[i].fd = slo_bcc_program_map(&be->program, shared_names[i]);
	}
	be->shared.cpus = stats >= 0 && is_percpu(img->maps[stats].type) ? (unsigned int)copies : 1;
	for (uint32_t i = 0; i < img->head->map_count; i++) {
		const struct slo_bcc_image_map *m = &img->maps[i];

		be->shared.bytes +=
			(uint64_t)(m->key + m->value) * m->max * (is_percpu(m->type) ? copies : 1);
	}
	be->shared.old = true;
}

static void open_objects(struct bcc_be *be, uint64_t wanted, const char *note,
                         struct slo_verdict *verdicts)
{
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		uint64_t signals = wanted & slo_bcc_obj_row((enum slo_bcc_obj)i)->signals;
		struct slo_verdict v = { .mechanism = "", .hooks = "" };

		if (!signals)
			continue;
		(void)snprintf(v.needs, sizeof(v.needs),
		               "kprobes or tracepoints; llm-slo-bcc and kernel headers, or a "
		               "compiled program in state_dir/bcc");
		(void)snprintf(v.note, sizeof(v.note), "%s", note);
		if (slo_bcc_hooks_open(&be->hooks, (enum slo_bcc_obj)i, &be->program, &v) == 0)
			be->served |= signals;
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (signals & SLO_SIG_BIT(sig))
				verdicts[sig] = v;
		}
	}
	be->dns = (struct slo_dns){ .queries = slo_bcc_program_map(&be->program, "dns_queries"),
		                    .unread = slo_bcc_program_map(&be->program, "dns_unread"),
		                    .hist = -1,
		                    .source = SLO_ABI_SRC_BCC,
		                    .shared = &be->shared };
	if (be->served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY))
		slo_dns_seed_resolvers(slo_bcc_program_map(&be->program, "dns_resolvers"),
		                       be->root);
}

static int open_root(struct bcc_be *be, const struct slo_backend_config *cfg, struct slo_err *err)
{
	be->root = cfg->host_root >= 0 ? slo_host_open(cfg->host_root, ".", O_PATH | O_DIRECTORY)
	                               : slo_host_open_root(NULL, err);
	return be->root < 0 ? slo_err_set(err, be->root, "host root: %s", strerror(-be->root)) : 0;
}

/* All but the events' way to user space; with it, open() is complete. */
static int attach(struct bcc_be **ret_be, const struct slo_backend_config *cfg,
                  struct slo_verdict *verdicts, struct slo_err *err)
{
	slo_cleanup(closep) struct bcc_be *be = new_be(cfg);
	struct slo_err local = { 0 };
	char note[160] = "";
	int r = be ? 0 : slo_err_set(&local, -ENOMEM, "bcc: out of memory");

	if (!r)
		r = open_root(be, cfg, &local);
	if (!r)
		slo_bcc_hooks_init(&be->hooks, be->root);
	if (!r && (cfg->signals & all_signals()))
		r = slo_bcc_obtain(cfg, be->root, lives_in_v1(be->root), &be->program, note,
		                   &local);
	if (!r && be->program.bytes) {
		borrow_maps(be);
		r = slo_shared_control(&be->shared, cfg, cfg->signals, 0, &local);
	}
	if (r < 0) {
		refuse_rest(cfg->signals, verdicts, r, local.msg);
		return slo_err_set(err, r, "%s", local.msg);
	}
	if (be->program.bytes)
		open_objects(be, cfg->signals, note, verdicts);
	refuse_rest(cfg->signals, verdicts, 0, "");
	*ret_be = slo_take_ptr(be);
	return 0;
}

static void clear_verdicts(struct slo_verdict *verdicts)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++)
		verdicts[i] = (struct slo_verdict){ .mechanism = "", .hooks = "" };
}

static int bcc_probe(const struct slo_backend_config *cfg,
                     struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	slo_cleanup(closep) struct bcc_be *be = NULL;

	clear_verdicts(verdicts);
	return attach(&be, cfg, verdicts, err);
}

static enum slo_bcc_obj object_of(enum slo_signal sig)
{
	int i = 0;

	while (i < SLO_BCC_OBJ_MAX_ &&
	       !(slo_bcc_obj_row((enum slo_bcc_obj)i)->signals & SLO_SIG_BIT(sig)))
		i++;
	return (enum slo_bcc_obj)i;
}

static int open_aggregates(struct bcc_be *be, struct slo_err *err)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		enum slo_signal sig = (enum slo_signal)i;
		bool is_hist = slo_signal_desc(sig)->unit == SLO_UNIT_MS;
		struct slo_agg_config cfg = { .is_hist = is_hist,
			                      .by_signal = is_hist,
			                      .cpus = 1,
			                      .signal = (uint8_t)sig,
			                      .source = SLO_ABI_SRC_BCC };
		const char *name;
		int map, r;

		if (!(be->served & SLO_SIG_BIT(sig)))
			continue;
		name = is_hist ? "slo_hist" : slo_bcc_obj_row(object_of(sig))->counts;
		map = slo_bcc_image_find_map(&be->program.image, name);
		if (map < 0)
			return slo_err_set(err, -ENOENT, "bcc: no map %s", name);
		cfg.fd = be->program.map[map];
		cfg.max = be->program.image.maps[map].max;
		r = slo_agg_new(&be->agg[sig], &cfg, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *first_refusal(const struct slo_verdict *verdicts)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (verdicts[i].refused_count)
			return verdicts[i].refused[0].why;
	}
	return "nothing was asked for";
}

static int bcc_open(const struct slo_backend_config *cfg, struct slo_verdict verdicts[SLO_SIG_MAX_],
                    void **ret_be, struct slo_err *err)
{
	slo_cleanup(closep) struct bcc_be *be = NULL;
	int r;

	clear_verdicts(verdicts);
	r = attach(&be, cfg, verdicts, err);
	if (r < 0)
		return r;
	if (cfg->signals && !be->served)
		return slo_err_set(err, -ENOTSUP, "bcc: none of the signals can be had here: %s",
		                   first_refusal(verdicts));
	if (be->served) {
		r = open_aggregates(be, err);
		if (!r)
			r = slo_events_open(&be->events, &be->shared, on_event, be, err);
	}
	if (r < 0)
		return r;
	be->cfg = *cfg;
	be->enabled = be->served;
	if (cfg->measure_cost)
		slo_cost_begin(&be->cost);
	be->interval_start_ns = slo_clock_monotonic_ns();
	if (be->served)
		slo_shared_limit(&be->shared, cfg->events_per_second, cfg->burst,
		                 be->interval_start_ns);
	(void)slo_clock_follow_realtime(&be->offset_ns);
	*ret_be = slo_take_ptr(be);
	return 0;
}

/* --- running ---------------------------------------------------------------------------------------------------- */

static int write_control(struct bcc_be *be, struct slo_err *err)
{
	return slo_shared_control(&be->shared, &be->cfg, be->enabled, be->epoch, err);
}

static bool is_used(const struct bcc_be *be, const char *flight)
{
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		const struct slo_bcc_obj_row *row = slo_bcc_obj_row((enum slo_bcc_obj)i);

		if ((be->enabled & row->signals) && row->flight && strcmp(row->flight, flight) == 0)
			return true;
	}
	return false;
}

/* What was under way when nobody measured it any more ended unseen, and its place belongs to others by now. */
static void forget_flight(const struct bcc_be *be, enum slo_signal sig)
{
	const char *flight = slo_bcc_obj_row(object_of(sig))->flight;
	const struct slo_bcc_image *img = &be->program.image;
	int i = flight && !is_used(be, flight) ? slo_bcc_image_find_map(img, flight) : -1;

	if (i >= 0)
		slo_shared_forget(slo_bcc_program_map(&be->program, flight), img->maps[i].key,
		                  img->maps[i].max);
}

static int bcc_enable(void *vbe, enum slo_signal sig, bool on, struct slo_err *err)
{
	struct bcc_be *be = vbe;
	unsigned int objects = 0;
	struct slo_abi_ctl ctl;
	uint32_t key = (uint32_t)sig;
	int fd = be->shared.map[SLO_SHARED_CTL].fd;

	if (!(be->served & SLO_SIG_BIT(sig)))
		return slo_err_set(err, -ENOTSUP, "bcc: %s is not served on this host",
		                   slo_signal_desc(sig)->name);
	if (on)
		forget_flight(be, sig);
	if (on)
		be->enabled |= SLO_SIG_BIT(sig);
	else
		be->enabled &= ~SLO_SIG_BIT(sig);
	if (bpf_map_lookup_elem(fd, &key, &ctl) == 0) {
		ctl.off = !on;
		(void)bpf_map_update_elem(fd, &key, &ctl, BPF_ANY);
	}
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		if (be->enabled & slo_bcc_obj_row((enum slo_bcc_obj)i)->signals)
			objects |= 1U << i;
	}
	return slo_bcc_hooks_apply(&be->hooks, objects, err);
}

static int bcc_retarget(void *vbe, const struct slo_backend_config *cfg, struct slo_err *err)
{
	struct bcc_be *be = vbe;

	if (!be->served)
		return 0;
	be->cfg.emit_all = cfg->emit_all;
	memcpy(be->cfg.threshold, cfg->threshold, sizeof(be->cfg.threshold));
	be->cfg.targets = cfg->targets;
	if (cfg->events_per_second != be->shared.rate || cfg->burst != be->shared.burst)
		slo_shared_limit(&be->shared, cfg->events_per_second, cfg->burst,
		                 slo_clock_monotonic_ns());
	return write_control(be, err);
}

static int bcc_fd(void *vbe)
{
	const struct bcc_be *be = vbe;

	return be->events.epoll;
}

static int bcc_poll(void *vbe, struct slo_err *err)
{
	struct bcc_be *be = vbe;

	if (!be->served)
		return 0;
	(void)slo_clock_follow_realtime(&be->offset_ns);
	slo_shared_refill(&be->shared, slo_clock_monotonic_ns());
	return slo_events_poll(&be->events, err);
}

static void on_dns_timeout(void *user, const struct slo_abi_event *e)
{
	deliver(user, e, sizeof(*e));
}

static void set_epoch(struct bcc_be *be, uint32_t epoch)
{
	int fd = be->shared.map[SLO_SHARED_CTL].fd;

	be->epoch = epoch;
	for (uint32_t sig = 0; sig < SLO_SIG_MAX_; sig++) {
		struct slo_abi_ctl ctl;

		if (bpf_map_lookup_elem(fd, &sig, &ctl))
			continue;
		ctl.epoch = epoch;
		(void)bpf_map_update_elem(fd, &sig, &ctl, BPF_ANY);
	}
}

static int settle_losses(struct bcc_be *be)
{
	uint64_t sent[SLO_SIG_MAX_] = { [SLO_SIG_DNS_LATENCY] = be->dns.stats.sent };
	int n;

	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		struct slo_abi_stats k;

		if (!(be->served & SLO_SIG_BIT(i)))
			continue;
		slo_shared_stats(&be->shared, (enum slo_signal)i, &k);
		sent[i] += k.sent;
	}
	n = slo_events_poll(&be->events, NULL);
	slo_account_losses(be->lost, sent, be->delivered);
	return n > 0 ? n : 0;
}

static int bcc_interval(void *vbe, uint64_t now_ns, struct slo_err *err)
{
	struct bcc_be *be = vbe;
	uint64_t start = be->interval_start_ns;
	uint32_t epoch = be->epoch;
	int count;

	(void)err;
	if (!be->served)
		return 0;
	(void)slo_clock_follow_realtime(&be->offset_ns);
	count = settle_losses(be);
	set_epoch(be, epoch + 1);
	be->interval_start_ns = now_ns;
	for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
		if (be->agg[sig])
			count += slo_agg_read(be->agg[sig], start, now_ns - start, epoch,
			                      on_aggregate, be);
	}
	if (be->served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY))
		count += (int)slo_dns_sweep(&be->dns, now_ns, on_dns_timeout, be);
	return count;
}

/* --- accounts --------------------------------------------------------------------------------------------------- */

/* A program is counted with the first object that uses it. */
static void add_cost(const struct bcc_be *be, enum slo_signal sig, struct slo_backend_stats *ret)
{
	enum slo_bcc_obj obj = object_of(sig);
	uint64_t all = be->served & slo_bcc_obj_row(obj)->signals;
	uint64_t hooks = slo_bcc_hooks_of(&be->hooks, obj);
	struct slo_signal_stats *st = &ret->signal[sig];
	struct slo_cost_of cost = { 0 };

	ret->program[sig] = all;
	for (int i = 0; i < (int)obj; i++)
		hooks &= ~slo_bcc_hooks_of(&be->hooks, (enum slo_bcc_obj)i);
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		if (hooks & 1ULL << i)
			slo_cost_add(&cost, be->hooks.hook[i].prog);
	}
	st->missed = cost.missed;
	if (sig != (enum slo_signal)__builtin_ctzll(all))
		return;
	st->run_count = cost.runs;
	st->run_ns = cost.run_ns;
	st->cost_ns = cost.run_ns + (uint64_t)((double)cost.runs * be->cost.entry_ns);
}

static void bcc_stats(void *vbe, struct slo_backend_stats *ret)
{
	struct slo_abi_stats k[SLO_SIG_MAX_] = { 0 };
	struct bcc_be *be = vbe;

	memset(ret, 0, sizeof(*ret));
	ret->map_bytes = be->shared.bytes;
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (be->served & SLO_SIG_BIT(i))
			slo_shared_stats(&be->shared, (enum slo_signal)i, &k[i]);
	}
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (!(be->served & SLO_SIG_BIT(i)))
			continue;
		ret->signal[i] = (struct slo_signal_stats){
			.made = k[i].made,
			.sent = k[i].sent - be->lost[i],
			.aggregated = k[i].aggregated,
			.lost_ring = k[i].lost_ring + be->lost[i],
			.lost_map = k[i].lost_map,
			.shed = k[i].shed,
			.agg_lost = k[i].agg_lost,
			.inflight_full = k[i].inflight_full,
			.unmatched = k[i].unmatched,
			.filtered = k[i].filtered,
			.delivered = be->delivered[i],
		};
		add_cost(be, (enum slo_signal)i, ret);
	}
	ret->signal[SLO_SIG_DNS_LATENCY].made += be->dns.stats.made;
	ret->signal[SLO_SIG_DNS_LATENCY].sent += be->dns.stats.sent;
	ret->signal[SLO_SIG_DNS_LATENCY].unmatched += be->dns.stats.unmatched;
	ret->rejected = be->rejected;
	ret->cost_known = be->cost.stats_fd >= 0;
	ret->entry_ns = be->cost.entry_ns;
}

const struct slo_backend_ops slo_backend_bcc = {
	.name = "bcc",
	.probe = bcc_probe,
	.open = bcc_open,
	.enable = bcc_enable,
	.retarget = bcc_retarget,
	.fd = bcc_fd,
	.poll = bcc_poll,
	.interval = bcc_interval,
	.stats = bcc_stats,
	.close = bcc_close,
};
