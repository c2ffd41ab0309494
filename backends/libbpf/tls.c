/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/tls.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/clock.h"

/* A retransmission renews the time of the last segment: TCP repeats after 0.2, 0.4, ... 3.2, 6.4 s. */
#define TIMEOUT_NS (10 * SLO_NS_PER_SEC)
/* A server refuses a certificate at once: one round trip. */
#define VERDICT_NS (3 * SLO_NS_PER_SEC)
#define SWEEP_MAX 8192
#define NETWORK_TCP 6

int slo_tls_init(struct slo_tls *ret, const struct slo_bpf_obj *o, const struct slo_shared *shared)
{
	int hot = slo_bpf_obj_map_fd(o, "tls_hot");
	void *mem = mmap(NULL, sizeof(*ret->hot), PROT_READ | PROT_WRITE, MAP_SHARED, hot, 0);

	memset(ret, 0, sizeof(*ret));
	if (mem == MAP_FAILED)
		return -errno;
	*ret = (struct slo_tls){
		.conns = slo_bpf_obj_map_fd(o, "tls_conns"),
		.counts = slo_bpf_obj_map_fd(o, "slo_counts"),
		.hist = slo_bpf_obj_map_fd(o, "slo_hist"),
		.ctl = shared->map[SLO_SHARED_CTL].fd,
		.tgt_cgroups = shared->map[SLO_SHARED_TGT_CGROUPS].fd,
		.hot = mem,
	};
	return 0;
}

void slo_tls_fini(struct slo_tls *t)
{
	if (t->hot)
		(void)munmap(t->hot, sizeof(*t->hot));
	memset(t, 0, sizeof(*t));
}

static bool is_target(const struct slo_tls *t, const struct slo_abi_ctl *ctl,
                      const struct slo_abi_tls_head *h)
{
	unsigned char v;

	if (h->admitted || !ctl->targets)
		return true;
	/* A server that never answered: its process is not known. */
	return ctl->targets == SLO_ABI_TGT_CGROUP &&
	       bpf_map_lookup_elem(t->tgt_cgroups, &h->owner.cgroup_id, &v) == 0;
}

static void fill(struct slo_abi_event *e, const struct slo_abi_tls_head *h)
{
	*e = (struct slo_abi_event){
		.version = SLO_ABI_VERSION,
		.size = sizeof(*e),
		.kind = SLO_ABI_SAMPLE,
		.source = SLO_ABI_SRC_CGROUP_SKB,
		.family = h->family,
		.tgid = h->owner.tgid,
		.tid = h->owner.tid,
		.cgroup_id = h->owner.cgroup_id,
		.netns = h->owner.netns,
		.sport = h->lport,
		.dport = h->rport,
		.proto = NETWORK_TCP,
	};
	memcpy(e->saddr, h->laddr, sizeof(e->saddr));
	memcpy(e->daddr, h->raddr, sizeof(e->daddr));
	memcpy(e->comm, h->owner.comm, sizeof(e->comm));
	if (h->server_ns)
		e->extra.tls.server_ns = h->server_ns - h->start_ns;
	e->extra.tls.version = h->version;
	e->extra.tls.alert = h->alert;
	e->extra.tls.flags = h->flags;
	e->extra.tls.sni_len = h->sni_len;
	memcpy(e->extra.tls.sni, h->sni, sizeof(e->extra.tls.sni));
}

/* Nobody else writes values of this reason: the kernel's programs do not know it. */
static int count(const struct slo_tls *t, const struct slo_abi_tls_head *h)
{
	struct slo_abi_count_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.family = h->family,
		.netns = h->owner.netns,
		.tag = SLO_ABI_TLS_TIMEOUT,
	};
	struct slo_abi_count_val v = { 0 };

	memcpy(key.daddr, h->raddr, sizeof(key.daddr));
	if (h->flags & SLO_ABI_TLS_F_SERVER)
		key.tag |= SLO_ABI_TLS_TAG_SERVER;
	else
		key.dport = h->rport;
	(void)bpf_map_lookup_elem(t->counts, &key, &v);
	v.count++;
	v.tgid = h->owner.tgid;
	memcpy(v.comm, h->owner.comm, sizeof(v.comm));
	return bpf_map_update_elem(t->counts, &key, &v, BPF_ANY);
}

static unsigned int slot_of(uint64_t ns)
{
	unsigned int slot = ns < 1024 ? 0 : 63 - (unsigned int)__builtin_clzll(ns) - 9;

	return slot < SLO_ABI_SLOTS ? slot : SLO_ABI_SLOTS - 1;
}

/* Nobody else writes values with this bit of the tag. */
static int aggregate(const struct slo_tls *t, const struct slo_abi_ctl *ctl,
                     const struct slo_abi_tls_head *h)
{
	struct slo_abi_hist_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.tag = (h->flags & SLO_ABI_TLS_F_SERVER) | SLO_ABI_TLS_TAG_USER,
	};
	uint64_t ns = h->end_ns - h->start_ns;
	struct slo_abi_hist_val v = { 0 };

	(void)bpf_map_lookup_elem(t->hist, &key, &v);
	v.slot[slot_of(ns)]++;
	v.count++;
	v.sum += ns;
	if (v.worst.epoch != ctl->epoch || ns > v.worst.value) {
		v.worst = (struct slo_abi_worst){ .value = ns,
			                          .epoch = ctl->epoch,
			                          .tgid = h->owner.tgid };
		memcpy(v.worst.comm, h->owner.comm, sizeof(v.worst.comm));
	}
	return bpf_map_update_elem(t->hist, &key, &v, BPF_ANY);
}

/* As slo_dispose() of the programs; true where an event is wanted. */
static bool dispose(struct slo_abi_stats *st, bool aggregated, bool wanted)
{
	st->made++;
	st->agg_lost += !aggregated;
	st->sent += wanted;
	st->aggregated += !wanted && aggregated;
	st->lost_map += !wanted && !aggregated;
	return wanted;
}

static void give_failure(struct slo_tls *t, const struct slo_abi_tls_head *h, uint64_t now_ns,
                         slo_tls_fn fn, void *user)
{
	const uint32_t sig = SLO_ABI_TLS_FAIL;
	struct slo_abi_event e;
	struct slo_abi_ctl ctl;

	if (bpf_map_lookup_elem(t->ctl, &sig, &ctl) || ctl.off || !is_target(t, &ctl, h))
		return;
	if (!dispose(&t->failure, count(t, h) == 0, ctl.emit_all || ctl.threshold <= 1))
		return;
	fill(&e, h);
	e.signal = SLO_ABI_TLS_FAIL;
	e.start_ns = now_ns;
	e.value = 1;
	e.extra.tls.reason = SLO_ABI_TLS_TIMEOUT;
	e.extra.tls.after_ns = now_ns - h->start_ns;
	fn(user, &e);
}

static void give_handshake(struct slo_tls *t, const struct slo_abi_tls_head *h, slo_tls_fn fn,
                           void *user)
{
	const uint32_t sig = SLO_ABI_TLS_HANDSHAKE;
	uint64_t ns = h->end_ns - h->start_ns;
	struct slo_abi_event e;
	struct slo_abi_ctl ctl;

	if (bpf_map_lookup_elem(t->ctl, &sig, &ctl) || ctl.off || !is_target(t, &ctl, h))
		return;
	if (!dispose(&t->handshake, aggregate(t, &ctl, h) == 0,
	             ctl.emit_all || ns >= ctl.threshold))
		return;
	fill(&e, h);
	e.signal = SLO_ABI_TLS_HANDSHAKE;
	e.start_ns = h->start_ns;
	e.value = ns;
	fn(user, &e);
}

static bool is_over(const struct slo_abi_tls_head *h, uint64_t now_ns)
{
	if (!h->last_ns)
		return false;
	if (h->state == SLO_ABI_TLS_FINISHED)
		return now_ns > h->end_ns + VERDICT_NS;
	return now_ns > h->last_ns + TIMEOUT_NS;
}

void slo_tls_sweep(struct slo_tls *t, uint64_t now_ns, slo_tls_fn fn, void *user)
{
	uint64_t key, next;
	struct slo_abi_tls_conn c;
	bool more = t->hot && bpf_map_get_next_key(t->conns, NULL, &next) == 0;

	for (int i = 0; more && i < SWEEP_MAX; i++) {
		key = next;
		more = bpf_map_get_next_key(t->conns, &key, &next) == 0;
		/* Deleted by its end just now: then that counts. */
		if (bpf_map_lookup_elem(t->conns, &key, &c) || !is_over(&c.head, now_ns) ||
		    bpf_map_delete_elem(t->conns, &key))
			continue;
		(void)__atomic_fetch_sub(&t->hot->count[c.head.bucket % SLO_ABI_TLS_BUCKETS], 1,
		                         __ATOMIC_RELAXED);
		if (c.head.state == SLO_ABI_TLS_FINISHED)
			give_handshake(t, &c.head, fn, user);
		else if (c.head.state != SLO_ABI_TLS_CANDIDATE)
			give_failure(t, &c.head, now_ns, fn, user);
	}
}
