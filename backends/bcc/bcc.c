/* SPDX-License-Identifier: Apache-2.0 */
/* Programs compiled at run time for kernels without BTF: texts of bcc/, compiled by llm-slo-bcc or taken from the cache. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backends.h"
#include "backends/bcc/hooks.h"
#include "backends/bcc/obtain.h"
#include "backends/bcc/relieve.h"
#include "backends/dns.h"
#include "backends/feed.h"
#include "backends/shared.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/base/clock.h"

struct bcc_be {
	struct slo_feed feed; /* its maps are the program's */
	struct slo_bcc_program program;
	struct slo_bcc_hooks hooks;
	struct slo_dns dns;
	unsigned int relieved; /* turn of slo_bcc_relieve() */
};

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
	const struct slo_refusal_of of = { .backend = "bcc",
		                           .failed = "bcc",
		                           .can = all_signals(),
		                           .lacks = "no program of bcc's measures it" };

	slo_verdicts_refuse_rest(verdicts, wanted, &of, code, why);
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static void bcc_close(void *vbe)
{
	struct bcc_be *be = vbe;

	slo_bcc_hooks_fini(&be->hooks);
	slo_feed_fini(&be->feed);
	slo_bcc_program_fini(&be->program);
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
	slo_feed_init(&be->feed, cfg);
	be->feed.own[SLO_SIG_DNS_LATENCY] = &be->dns.stats;
	slo_bcc_hooks_init(&be->hooks);
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
		be->feed.shared.map[i].name = shared_names[i];
		be->feed.shared.map[i].fd = slo_bcc_program_map(&be->program, shared_names[i]);
	}
	be->feed.shared.cpus =
		stats >= 0 && is_percpu(img->maps[stats].type) ? (unsigned int)copies : 1;
	for (uint32_t i = 0; i < img->head->map_count; i++) {
		const struct slo_bcc_image_map *m = &img->maps[i];

		be->feed.shared.bytes +=
			(uint64_t)(m->key + m->value) * m->max * (is_percpu(m->type) ? copies : 1);
	}
	be->feed.shared.old = true;
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
			be->feed.served |= signals;
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (signals & SLO_SIG_BIT(sig))
				verdicts[sig] = v;
		}
	}
	be->dns = (struct slo_dns){ .queries = slo_bcc_program_map(&be->program, "dns_queries"),
		                    .unread = slo_bcc_program_map(&be->program, "dns_unread"),
		                    .hist = -1,
		                    .source = SLO_ABI_SRC_BCC,
		                    .shared = &be->feed.shared };
	if (be->feed.served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY))
		slo_dns_seed_resolvers(slo_bcc_program_map(&be->program, "dns_resolvers"),
		                       be->feed.root);
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
		r = slo_feed_open_root(&be->feed, cfg, &local);
	if (!r)
		slo_bcc_hooks_start(&be->hooks, be->feed.root);
	if (!r && (cfg->signals & all_signals()))
		r = slo_bcc_obtain(cfg, be->feed.root, lives_in_v1(be->feed.root), &be->program,
		                   note, &local);
	if (!r && be->program.bytes) {
		borrow_maps(be);
		r = slo_shared_control(&be->feed.shared, cfg, cfg->signals, 0, &local);
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

static int bcc_probe(const struct slo_backend_config *cfg,
                     struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	slo_cleanup(closep) struct bcc_be *be = NULL;

	slo_verdicts_clear(verdicts);
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

		if (!(be->feed.served & SLO_SIG_BIT(sig)))
			continue;
		name = is_hist ? "slo_hist" : slo_bcc_obj_row(object_of(sig))->counts;
		map = slo_bcc_image_find_map(&be->program.image, name);
		if (map < 0)
			return slo_err_set(err, -ENOENT, "bcc: no map %s", name);
		cfg.fd = be->program.map[map];
		cfg.max = be->program.image.maps[map].max;
		r = slo_agg_new(&be->feed.agg[sig], &cfg, err);
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

	slo_verdicts_clear(verdicts);
	r = attach(&be, cfg, verdicts, err);
	if (r < 0)
		return r;
	if (cfg->signals && !be->feed.served)
		return slo_err_set(err, -ENOTSUP, "bcc: none of the signals can be had here: %s",
		                   first_refusal(verdicts));
	r = open_aggregates(be, err);
	if (!r)
		r = slo_feed_start(&be->feed, cfg, err);
	if (r < 0)
		return r;
	*ret_be = slo_take_ptr(be);
	return 0;
}

static bool is_used(const struct bcc_be *be, const char *flight)
{
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		const struct slo_bcc_obj_row *row = slo_bcc_obj_row((enum slo_bcc_obj)i);

		if ((be->feed.enabled & row->signals) && row->flight &&
		    strcmp(row->flight, flight) == 0)
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

	if (!(be->feed.served & SLO_SIG_BIT(sig)))
		return slo_err_set(err, -ENOTSUP, "bcc: %s is not served on this host",
		                   slo_signal_desc(sig)->name);
	if (on)
		forget_flight(be, sig);
	slo_feed_enable(&be->feed, sig, on);
	for (int i = 0; i < SLO_BCC_OBJ_MAX_; i++) {
		if (be->feed.enabled & slo_bcc_obj_row((enum slo_bcc_obj)i)->signals)
			objects |= 1U << i;
	}
	return slo_bcc_hooks_apply(&be->hooks, objects, err);
}

static int bcc_retarget(void *vbe, const struct slo_backend_config *cfg, struct slo_err *err)
{
	struct bcc_be *be = vbe;

	return slo_feed_retarget(&be->feed, cfg, err);
}

static int bcc_fd(void *vbe)
{
	const struct bcc_be *be = vbe;

	return be->feed.events.epoll;
}

static int bcc_poll(void *vbe, struct slo_err *err)
{
	struct bcc_be *be = vbe;

	return slo_feed_poll(&be->feed, slo_clock_monotonic_ns(), err);
}

static int bcc_interval(void *vbe, uint64_t now_ns, struct slo_err *err)
{
	struct bcc_be *be = vbe;
	int count = slo_feed_interval(&be->feed, now_ns);

	(void)err;
	if (be->feed.served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY))
		count += (int)slo_dns_sweep(&be->dns, now_ns, slo_feed_on_own, &be->feed);
	if (be->program.bytes)
		(void)slo_bcc_relieve(&be->program, be->feed.root, &be->relieved);
	return count;
}

/* --- accounts --------------------------------------------------------------------------------------------------- */

/* A program is counted with the first object that uses it. */
static void add_cost(const struct bcc_be *be, enum slo_signal sig, struct slo_backend_stats *ret)
{
	enum slo_bcc_obj obj = object_of(sig);
	uint64_t hooks = slo_bcc_hooks_of(&be->hooks, obj);
	struct slo_cost_of cost = { 0 };

	for (int i = 0; i < (int)obj; i++)
		hooks &= ~slo_bcc_hooks_of(&be->hooks, (enum slo_bcc_obj)i);
	for (int i = 0; i < SLO_BCC_HOOK_MAX_; i++) {
		if (hooks & 1ULL << i)
			slo_cost_add(&cost, be->hooks.hook[i].prog);
	}
	slo_feed_add_cost(&be->feed, sig, be->feed.served & slo_bcc_obj_row(obj)->signals, cost,
	                  ret);
}

static void bcc_stats(void *vbe, struct slo_backend_stats *ret)
{
	struct bcc_be *be = vbe;

	slo_feed_stats(&be->feed, ret);
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (be->feed.served & SLO_SIG_BIT(i))
			add_cost(be, (enum slo_signal)i, ret);
	}
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
