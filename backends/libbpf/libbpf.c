/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that libbpf loads: one object per signal family, one buffer for all events. Backends differ by
 * the flavour of the objects: CO-RE with the kernel's BTF or a file's (libbpf), and programs that need none (btf_free).
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backends.h"
#include "backends/dns.h"
#include "backends/feed.h"
#include "backends/libbpf/object.h"
#include "backends/libbpf/route.h"
#include "backends/libbpf/tls.h"
#include "backends/map_keys.h"
#include "backends/shared.h"
#include "backends/traces.h"
#include "compat/cgroup.h"
#include "compat/host.h"
#include "core/base/clock.h"

/* Where so many things are under way, they are looked through once an interval only: some system calls each. */
#define SWEPT_MANY 512
/* Of the 32 MB that all maps may take. */
#define PERCPU_HIST_BYTES (8U << 20)

struct libbpf_be {
	struct slo_feed feed;
	struct slo_attach_env env;
	struct slo_bpf_obj obj[SLO_OBJ_MAX_];
	struct slo_route route;
	enum slo_flavour flavour;
	int cgroup;
	uint64_t
		connects_since_ns; /* all that began later have been seen; while connects are measured */
	struct slo_dns dns;
	struct slo_tls tls;
	struct slo_traces traces;
	unsigned int swept; /* things under way that the last sweep looked at */
};

static bool has_sched_info(int root)
{
	char text[128];
	const char *slices;

	if (slo_host_read(root, "/proc/self/schedstat", text, sizeof(text)) <= 0)
		return false;
	/* "ran waited slices"; counted for every task since boot where it is on, so our own are never zero. */
	slices = strrchr(text, ' ');
	return slices && strtoull(slices, NULL, 10) > 0;
}

static bool has_targets(const struct slo_targets *t)
{
	return t->cgroup_count || t->tgid_count || t->comm_count;
}

static void look_around(struct libbpf_be *be, const struct slo_backend_config *cfg)
{
	struct slo_cgroups cgroups = { 0 };
	struct slo_err err = { 0 };

	be->cgroup = slo_cgroup2_open_root(be->feed.root, NULL, 0, &err);
	if (be->cgroup < 0)
		(void)snprintf(be->env.cgroup_why, sizeof(be->env.cgroup_why), "%.159s", err.msg);
	be->env.targeted = has_targets(&cfg->targets);
	be->env.by_cgroup = cfg->targets.cgroup_count > 0;
	be->env.by_turns = cfg->by_turns;
	be->env.know_owner = be->env.targeted;
	if (slo_cgroups_read(be->feed.root, &cgroups, NULL) == 0) {
		be->env.know_owner |= slo_cgroups_mount(&cgroups, "blkio") != NULL;
		be->env.cgroup_v1 =
			cgroups.layout == SLO_CGROUP_V1 && slo_cgroups_mount(&cgroups, "pids");
	}
	be->env.root = be->feed.root;
	be->env.flavour = be->flavour;
	be->env.wanted = cfg->signals;
	be->env.cgroup_fd = be->cgroup;
	be->env.shared = be->feed.shared.map;
	be->env.btf_path = cfg->btf_path;
	be->env.sched_info = has_sched_info(be->feed.root);
	be->env.percpu_hist_max = PERCPU_HIST_BYTES / (uint32_t)sizeof(struct slo_abi_hist_val) /
	                          be->feed.shared.cpus;
	if (be->env.percpu_hist_max > 4096)
		be->env.percpu_hist_max = 4096;
	if (be->env.percpu_hist_max < 64)
		be->env.percpu_hist_max = 64;
}

static enum slo_obj object_of(const struct libbpf_be *be, enum slo_signal sig)
{
	for (int i = 0; i < SLO_OBJ_MAX_; i++) {
		if (slo_obj_row(be->flavour, (enum slo_obj)i)->signals & SLO_SIG_BIT(sig))
			return (enum slo_obj)i;
	}
	return SLO_OBJ_MAX_;
}

static void open_objects(struct libbpf_be *be, uint64_t wanted, struct slo_verdict *verdicts)
{
	for (int i = 0; i < SLO_OBJ_MAX_; i++) {
		const struct slo_obj_row *row = slo_obj_row(be->flavour, (enum slo_obj)i);
		struct slo_verdict v = { .mechanism = "", .hooks = "" };

		if (!(wanted & row->signals))
			continue;
		if (slo_bpf_obj_open(&be->obj[i], (enum slo_obj)i, &be->env, &v) == 0)
			be->feed.served |= wanted & row->signals;
		for (int sig = 0; sig < SLO_SIG_MAX_; sig++) {
			if (wanted & row->signals & SLO_SIG_BIT(sig))
				verdicts[sig] = v;
			if (v.by_turns)
				be->feed.by_turns |= wanted & row->signals;
		}
	}
	if (be->feed.served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY)) {
		be->dns.queries = slo_bpf_obj_map_fd(&be->obj[SLO_OBJ_DNS], "dns_queries");
		be->dns.hist = slo_bpf_obj_map_fd(&be->obj[SLO_OBJ_DNS], "slo_hist");
		be->dns.shared = &be->feed.shared;
		be->dns.source = SLO_ABI_SRC_CGROUP_SKB;
		be->dns.unread = -1;
		slo_dns_seed_resolvers(slo_bpf_obj_map_fd(&be->obj[SLO_OBJ_DNS], "dns_resolvers"),
		                       be->feed.root);
	}
	/* Without it what nobody ends stays uncounted; the kernel that has the map lets it be mapped. */
	if (be->obj[SLO_OBJ_TLS].obj)
		(void)slo_tls_init(&be->tls, &be->obj[SLO_OBJ_TLS], &be->feed.shared);
}

/* One program on each packet where two would be. */
static int keep_one_router(struct libbpf_be *be, struct slo_err *err)
{
	struct slo_bpf_obj *dns = &be->obj[SLO_OBJ_DNS], *tls = &be->obj[SLO_OBJ_TLS];

	if (be->flavour == SLO_FLAVOUR_CORE && slo_bpf_obj_is_attached(dns) &&
	    slo_bpf_obj_is_attached(tls))
		return slo_route_on(&be->route, dns, tls, &be->env, err);
	return slo_route_off(&be->route, dns, tls, &be->env, err);
}

static int keep_one_tracker(struct libbpf_be *be, struct slo_err *err)
{
	return slo_bpf_obj_stand_in(&be->obj[SLO_OBJ_RETRANSMIT], !be->obj[SLO_OBJ_CONNECT].links,
	                            &be->env, err);
}

static const char *name_of(enum slo_flavour flavour)
{
	return flavour == SLO_FLAVOUR_FREE ? "btf_free" : "libbpf";
}

static void refuse_rest(enum slo_flavour flavour, uint64_t wanted, struct slo_verdict *verdicts,
                        int code, const char *why)
{
	const struct slo_refusal_of of = { .backend = name_of(flavour),
		                           .failed = "bpf(2)",
		                           .can = ~0ULL,
		                           .lacks = "needs kernel structures: BTF, or bcc" };

	slo_verdicts_refuse_rest(verdicts, wanted, &of, code, why);
}

static uint32_t map_max(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.max_entries;
}

static int open_aggregates(struct libbpf_be *be, struct slo_err *err)
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		enum slo_signal sig = (enum slo_signal)i;
		bool is_hist = slo_signal_desc(sig)->unit == SLO_UNIT_MS;
		const struct slo_bpf_obj *o;
		struct slo_agg_config cfg;
		int r;

		if (!(be->feed.served & SLO_SIG_BIT(sig)))
			continue;
		o = &be->obj[object_of(be, sig)];
		cfg = (struct slo_agg_config){
			.fd = slo_bpf_obj_map_fd(o, is_hist ? "slo_hist" : "slo_counts"),
			.is_hist = is_hist,
			.cpus = is_hist && o->row->hist_percpu ? be->feed.shared.cpus : 1,
			.signal = (uint8_t)sig,
			.source = (uint8_t)o->rung->source,
		};
		cfg.max = map_max(cfg.fd);
		r = slo_agg_new(&be->feed.agg[sig], &cfg, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void libbpf_close(void *vbe)
{
	struct libbpf_be *be = vbe;

	slo_tls_fini(&be->tls);
	slo_route_close(&be->route);
	for (int i = 0; i < SLO_OBJ_MAX_; i++)
		slo_bpf_obj_close(&be->obj[i]);
	slo_feed_fini(&be->feed);
	slo_traces_fini(&be->traces);
	slo_shared_close(&be->feed.shared);
	slo_closep(&be->cgroup);
	free(be);
}

static void closep(struct libbpf_be **be)
{
	if (*be)
		libbpf_close(*be);
	*be = NULL;
}

static struct libbpf_be *new_be(const struct slo_backend_config *cfg, enum slo_flavour flavour)
{
	struct libbpf_be *be = calloc(1, sizeof(*be));

	if (!be)
		return NULL;
	slo_feed_init(&be->feed, cfg);
	be->flavour = flavour;
	be->feed.self_timed = flavour == SLO_FLAVOUR_CORE;
	be->cgroup = -1;
	be->feed.own[SLO_SIG_DNS_LATENCY] = &be->dns.stats;
	be->feed.own[SLO_SIG_TLS_HANDSHAKE] = &be->tls.handshake;
	be->feed.own[SLO_SIG_TLS_FAIL] = &be->tls.failure;
	return be;
}

/* All but the events' way to user space; with it, open() is complete. */
static int attach(struct libbpf_be **ret_be, enum slo_flavour flavour,
                  const struct slo_backend_config *cfg, struct slo_verdict *verdicts,
                  struct slo_err *err)
{
	slo_cleanup(closep) struct libbpf_be *be = new_be(cfg, flavour);
	struct slo_err local = { 0 };
	int r;

	if (!be) {
		refuse_rest(flavour, cfg->signals, verdicts, -ENOMEM, "out of memory");
		return slo_err_set(err, -ENOMEM, "%s: out of memory", name_of(flavour));
	}
	r = slo_feed_open_root(&be->feed, cfg, &local);
	if (!r)
		r = slo_shared_open(&be->feed.shared, flavour != SLO_FLAVOUR_CORE, &local);
	if (!r)
		r = slo_shared_control(&be->feed.shared, cfg, cfg->signals, 0, &local);
	if (r < 0) {
		refuse_rest(flavour, cfg->signals, verdicts, r, local.msg);
		return slo_err_set(err, r, "%s", local.msg);
	}
	look_around(be, cfg);
	open_objects(be, cfg->signals, verdicts);
	refuse_rest(flavour, cfg->signals, verdicts, 0, "");
	*ret_be = slo_take_ptr(be);
	return 0;
}

static int probe_flavour(enum slo_flavour flavour, const struct slo_backend_config *cfg,
                         struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	slo_cleanup(closep) struct libbpf_be *be = NULL;

	slo_verdicts_clear(verdicts);
	return attach(&be, flavour, cfg, verdicts, err);
}

static int open_flavour(enum slo_flavour flavour, const struct slo_backend_config *cfg,
                        struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be,
                        struct slo_err *err)
{
	slo_cleanup(closep) struct libbpf_be *be = NULL;
	int r;

	slo_verdicts_clear(verdicts);
	r = attach(&be, flavour, cfg, verdicts, err);
	if (r < 0)
		return r;
	if (cfg->signals && !be->feed.served)
		return slo_err_set(err, -ENOTSUP, "%s: none of the signals can be had here",
		                   name_of(flavour));
	r = keep_one_tracker(be, err);
	if (!r)
		r = keep_one_router(be, err);
	if (!r)
		r = open_aggregates(be, err);
	if (!r)
		r = slo_feed_start(&be->feed, cfg, err);
	if (r < 0)
		return r;
	slo_traces_init(&be->traces, be->feed.root, be->feed.shared.map[SLO_SHARED_TRACES].fd,
	                cfg->trace_map, cfg->thread_context);
	slo_traces_look(&be->traces, be->feed.interval_start_ns);
	*ret_be = slo_take_ptr(be);
	return 0;
}

/*
 * While nobody asked for owners they were not removed with their sockets, whose memory others have by now. A connect that
 * began at @since_ns or later is under way: its socket lives.
 */
static void forget_owners(const struct libbpf_be *be, uint64_t since_ns)
{
	int fd = be->feed.shared.map[SLO_SHARED_SOCKS].fd;
	struct slo_abi_sock sock;
	struct slo_map_keys keys;
	uint64_t key;

	slo_map_keys_begin(&keys, fd, sizeof(key), map_max(fd));
	while (slo_map_keys_next(&keys, &key)) {
		if (bpf_map_lookup_elem(fd, &key, &sock) == 0 &&
		    (!sock.start_ns || sock.start_ns < since_ns))
			(void)bpf_map_delete_elem(fd, &key);
	}
}

/* Before @sig is measured again, the programs not yet attached. */
static void forget_stale_owners(struct libbpf_be *be, enum slo_signal sig)
{
	const struct slo_bpf_obj *conn = &be->obj[SLO_OBJ_CONNECT];
	const uint64_t owners = SLO_SIG_BIT(SLO_SIG_TCP_RETRANSMITS);

	if (conn->row && (conn->row->signals & SLO_SIG_BIT(sig)) && !conn->links)
		be->connects_since_ns = slo_clock_monotonic_ns();
	else if (sig != SLO_SIG_TCP_RETRANSMITS)
		return;
	/* Closes are seen while retransmits are measured. */
	if (!(be->feed.enabled & owners))
		forget_owners(be, conn->links ? be->connects_since_ns : UINT64_MAX);
}

static int libbpf_enable(void *vbe, enum slo_signal sig, bool on, struct slo_err *err)
{
	struct libbpf_be *be = vbe;
	struct slo_bpf_obj *o;
	int r;

	if (!(be->feed.served & SLO_SIG_BIT(sig)))
		return slo_err_set(err, -ENOTSUP, "%s: %s is not served on this host",
		                   name_of(be->flavour), slo_signal_desc(sig)->name);
	o = &be->obj[object_of(be, sig)];
	if (on)
		forget_stale_owners(be, sig);
	slo_feed_enable(&be->feed, sig, on);
	if (on && !o->links)
		(void)slo_bpf_obj_set_global(o, "sys_since_ns", slo_clock_monotonic_ns());
	/* The hook stays while another signal of the object needs it. */
	if (be->feed.enabled & o->row->signals) {
		r = slo_bpf_obj_attach(o, &be->env, err);
		if (r < 0)
			return r;
	} else if (slo_bpf_obj_can_return(o)) {
		slo_bpf_obj_detach(o);
	}
	r = keep_one_router(be, err);
	return r < 0 ? r : keep_one_tracker(be, err);
}

/* Targets that came later: from now on owners have to be known. */
static int know_owners(struct libbpf_be *be, struct slo_err *err)
{
	int r = 0;

	if (be->env.know_owner || !has_targets(&be->feed.cfg.targets))
		return 0;
	be->env.know_owner = true;
	for (int i = 0; !r && i < SLO_OBJ_MAX_; i++)
		r = slo_bpf_obj_know_owner(&be->obj[i], &be->env, err);
	return r;
}

static int libbpf_retarget(void *vbe, const struct slo_backend_config *cfg, struct slo_err *err)
{
	struct libbpf_be *be = vbe;
	int r;

	r = slo_feed_retarget(&be->feed, cfg, err);
	slo_traces_look_now(&be->traces, slo_clock_monotonic_ns());
	return r < 0 ? r : know_owners(be, err);
}

static int libbpf_fd(void *vbe)
{
	const struct libbpf_be *be = vbe;

	return be->feed.events.epoll;
}

/* Queries and handshakes that nobody ends, and all that are over where the programs leave that to us. */
static void sweep(struct libbpf_be *be, uint64_t now_ns)
{
	be->swept = slo_tls_sweep(&be->tls, now_ns, slo_feed_on_own, &be->feed);
	if (be->feed.served & SLO_SIG_BIT(SLO_SIG_DNS_LATENCY))
		be->swept += slo_dns_sweep(&be->dns, now_ns, slo_feed_on_own, &be->feed);
}

static int libbpf_poll(void *vbe, struct slo_err *err)
{
	struct libbpf_be *be = vbe;
	uint64_t now_ns = slo_clock_monotonic_ns();
	int r;

	r = slo_feed_poll(&be->feed, now_ns, err);
	if (be->flavour != SLO_FLAVOUR_CORE && be->swept < SWEPT_MANY)
		sweep(be, now_ns);
	return r;
}

/* A disk whose requests carry no times was met: from now on they are kept for it. */
static int follow_disks(struct libbpf_be *be, struct slo_err *err)
{
	struct slo_bpf_obj *o = &be->obj[SLO_OBJ_DISK];

	if (!o->links || o->late ||
	    !slo_map_has_keys(slo_bpf_obj_map_fd(o, "disk_unstamped"), sizeof(uint32_t)))
		return 0;
	return slo_bpf_obj_attach_late(o, &be->env, err);
}

static int libbpf_interval(void *vbe, uint64_t now_ns, struct slo_err *err)
{
	struct libbpf_be *be = vbe;
	int count = slo_feed_interval(&be->feed, now_ns), r;

	sweep(be, now_ns);
	slo_traces_look(&be->traces, now_ns);
	r = follow_disks(be, err);
	return r < 0 ? r : count;
}

static void add_route(struct slo_cost_of *cost, struct slo_cost_of more)
{
	cost->runs += more.runs;
	cost->run_ns += more.run_ns;
}

/* A program that measures several signals is counted with the first one that is served. */
static void add_cost(const struct libbpf_be *be, enum slo_signal sig, struct slo_backend_stats *ret)
{
	const struct slo_bpf_obj *o = &be->obj[object_of(be, sig)];
	struct slo_cost_of cost = slo_cost_object(o->obj);

	if (o->row == slo_obj_row(be->flavour, SLO_OBJ_DNS) ||
	    o->row == slo_obj_row(be->flavour, SLO_OBJ_TLS))
		add_route(&cost, slo_route_cost(&be->route));
	slo_feed_add_cost(&be->feed, sig, be->feed.served & o->row->signals, cost, ret);
}

static void libbpf_stats(void *vbe, struct slo_backend_stats *ret)
{
	struct libbpf_be *be = vbe;

	slo_feed_stats(&be->feed, ret);
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (be->feed.served & SLO_SIG_BIT(i))
			add_cost(be, (enum slo_signal)i, ret);
	}
	ret->traces = be->traces.source;
}

static int libbpf_probe(const struct slo_backend_config *cfg,
                        struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	return probe_flavour(SLO_FLAVOUR_CORE, cfg, verdicts, err);
}

static int libbpf_open(const struct slo_backend_config *cfg,
                       struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be,
                       struct slo_err *err)
{
	return open_flavour(SLO_FLAVOUR_CORE, cfg, verdicts, ret_be, err);
}

static int ext_probe(const struct slo_backend_config *cfg,
                     struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	return probe_flavour(SLO_FLAVOUR_EXT, cfg, verdicts, err);
}

static int ext_open(const struct slo_backend_config *cfg, struct slo_verdict verdicts[SLO_SIG_MAX_],
                    void **ret_be, struct slo_err *err)
{
	return open_flavour(SLO_FLAVOUR_EXT, cfg, verdicts, ret_be, err);
}

static int free_probe(const struct slo_backend_config *cfg,
                      struct slo_verdict verdicts[SLO_SIG_MAX_], struct slo_err *err)
{
	return probe_flavour(SLO_FLAVOUR_FREE, cfg, verdicts, err);
}

static int free_open(const struct slo_backend_config *cfg,
                     struct slo_verdict verdicts[SLO_SIG_MAX_], void **ret_be, struct slo_err *err)
{
	return open_flavour(SLO_FLAVOUR_FREE, cfg, verdicts, ret_be, err);
}

#define COMMON                                                                   \
	.enable = libbpf_enable, .retarget = libbpf_retarget, .fd = libbpf_fd,   \
	.poll = libbpf_poll, .interval = libbpf_interval, .stats = libbpf_stats, \
	.close = libbpf_close

const struct slo_backend_ops slo_backend_libbpf = {
	.name = "libbpf",
	.probe = libbpf_probe,
	.open = libbpf_open,
	COMMON,
};

const struct slo_backend_ops slo_backend_libbpf_ext = {
	.name = "libbpf",
	.probe = ext_probe,
	.open = ext_open,
	COMMON,
};

const struct slo_backend_ops slo_backend_btf_free = {
	.name = "btf_free",
	.probe = free_probe,
	.open = free_open,
	COMMON,
};
