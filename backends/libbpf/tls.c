/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/libbpf/tls.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "backends/account.h"
#include "backends/map_keys.h"
#include "core/base/clock.h"

/* A retransmission renews the time of the last segment: TCP repeats after 0.2, 0.4, ... 3.2, 6.4 s. */
#define TIMEOUT_NS (10 * SLO_NS_PER_SEC)
/* A server refuses a certificate at once: one round trip. */
#define VERDICT_NS (3 * SLO_NS_PER_SEC)
#define SWEEP_MAX 8192
#define NETWORK_TCP 6

int slo_tls_init(struct slo_tls *ret, const struct slo_bpf_obj *o, const struct slo_shared *shared)
{
	struct slo_tls t = {
		.conns = slo_bpf_obj_map_fd(o, "tls_conns"),
		.counts = slo_bpf_obj_map_fd(o, "slo_counts"),
		.hist = slo_bpf_obj_map_fd(o, "slo_hist"),
		.ctl = shared->map[SLO_SHARED_CTL].fd,
		.tgt_cgroups = shared->map[SLO_SHARED_TGT_CGROUPS].fd,
		.shared = shared,
		.cold = slo_bpf_obj_map_fd(o, "tls_cold"),
	};
	void *mem;

	memset(ret, 0, sizeof(*ret));
	if (t.cold >= 0) {
		t.left_here = true;
		t.ended = calloc(1, sizeof(*t.ended));
		if (!t.ended)
			return -ENOMEM;
	} else {
		mem = mmap(NULL, sizeof(*t.hot), PROT_READ | PROT_WRITE, MAP_SHARED,
		           slo_bpf_obj_map_fd(o, "tls_hot"), 0);
		if (mem == MAP_FAILED)
			return -errno;
		t.hot = mem;
	}
	*ret = t;
	return 0;
}

void slo_tls_fini(struct slo_tls *t)
{
	if (t->hot)
		(void)munmap(t->hot, sizeof(*t->hot));
	free(t->ended);
	memset(t, 0, sizeof(*t));
}

/* One handshake less under way in @bucket. */
static void cool(struct slo_tls *t, uint32_t bucket)
{
	bucket %= SLO_ABI_TLS_BUCKETS;
	if (t->hot) {
		(void)__atomic_fetch_sub(&t->hot->count[bucket], 1, __ATOMIC_RELAXED);
		return;
	}
	t->ended->count[bucket]++;
	(void)bpf_map_update_elem(t->cold, &bucket, &t->ended->count[bucket], BPF_ANY);
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

/*
 * Nobody else writes values of the reason timeout: the programs do not know it, and those that leave what is over to us
 * write none.
 */
static int count(const struct slo_tls *t, const struct slo_abi_tls_head *h)
{
	struct slo_abi_count_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.family = h->family,
		.netns = h->owner.netns,
		.tag = h->reason,
	};

	memcpy(key.daddr, h->raddr, sizeof(key.daddr));
	if (h->flags & SLO_ABI_TLS_F_SERVER)
		key.tag |= SLO_ABI_TLS_TAG_SERVER;
	else
		key.dport = h->rport;
	return slo_account_count(t->counts, &key, &h->owner);
}

/* Nobody else writes values with this bit of the tag. */
static int aggregate(const struct slo_tls *t, const struct slo_abi_ctl *ctl,
                     const struct slo_abi_tls_head *h)
{
	struct slo_abi_hist_key key = {
		.cgroup_id = h->owner.cgroup_id,
		.tag = (h->flags & SLO_ABI_TLS_F_SERVER) | SLO_ABI_TLS_TAG_USER,
	};

	return slo_account_hist(t->hist, &key, h->end_ns - h->start_ns, ctl->epoch, &h->owner);
}

/* @end_ns: when it was known to have failed. */
static void give_failure(struct slo_tls *t, uint64_t cookie, const struct slo_abi_tls_head *h,
                         uint64_t end_ns, slo_tls_fn fn, void *user)
{
	const uint32_t sig = SLO_ABI_TLS_FAIL;
	struct slo_abi_traced e;
	struct slo_abi_ctl ctl;

	if (bpf_map_lookup_elem(t->ctl, &sig, &ctl) || ctl.off || !is_target(t, &ctl, h))
		return;
	if (!slo_account_dispose(&t->failure, count(t, h) == 0, ctl.emit_all || ctl.threshold <= 1,
	                         t->shared))
		return;
	fill(&e.event, h);
	e.event.signal = SLO_ABI_TLS_FAIL;
	e.event.start_ns = end_ns;
	e.event.value = 1;
	e.event.extra.tls.reason = h->reason;
	e.event.extra.tls.after_ns = end_ns - h->start_ns;
	slo_shared_trace(t->shared, cookie, h->start_ns, &e);
	fn(user, &e.event);
}

static void give_handshake(struct slo_tls *t, uint64_t cookie, const struct slo_abi_tls_head *h,
                           slo_tls_fn fn, void *user)
{
	const uint32_t sig = SLO_ABI_TLS_HANDSHAKE;
	uint64_t ns = h->end_ns - h->start_ns;
	struct slo_abi_traced e;
	struct slo_abi_ctl ctl;

	if (bpf_map_lookup_elem(t->ctl, &sig, &ctl) || ctl.off || !is_target(t, &ctl, h))
		return;
	if (!slo_account_dispose(&t->handshake, aggregate(t, &ctl, h) == 0,
	                         ctl.emit_all || ns >= ctl.threshold, t->shared))
		return;
	fill(&e.event, h);
	e.event.signal = SLO_ABI_TLS_HANDSHAKE;
	e.event.start_ns = h->start_ns;
	e.event.value = ns;
	slo_shared_trace(t->shared, cookie, h->start_ns, &e);
	fn(user, &e.event);
}

static bool is_over(const struct slo_abi_tls_head *h, uint64_t now_ns)
{
	if (!h->last_ns)
		return false;
	if (h->state == SLO_ABI_TLS_FINISHED)
		return now_ns > h->end_ns + VERDICT_NS;
	return h->state >= SLO_ABI_TLS_OVER_DONE || now_ns > h->last_ns + TIMEOUT_NS;
}

static void give(struct slo_tls *t, uint64_t cookie, struct slo_abi_tls_head *h, slo_tls_fn fn,
                 void *user)
{
	switch (h->state) {
	case SLO_ABI_TLS_FINISHED:
	case SLO_ABI_TLS_OVER_DONE:
		give_handshake(t, cookie, h, fn, user);
		break;
	case SLO_ABI_TLS_OVER_FAILED:
		give_failure(t, cookie, h, h->last_ns, fn, user);
		break;
	case SLO_ABI_TLS_OVER_LOST:
		t->handshake.unmatched++;
		break;
	case SLO_ABI_TLS_CANDIDATE:
	case SLO_ABI_TLS_OVER_NOTHING:
		break;
	default:
		h->reason = SLO_ABI_TLS_TIMEOUT;
		give_failure(t, cookie, h, h->last_ns + TIMEOUT_NS, fn, user);
	}
}

unsigned int slo_tls_sweep(struct slo_tls *t, uint64_t now_ns, slo_tls_fn fn, void *user)
{
	struct slo_abi_tls_conn c;
	struct slo_map_keys keys;
	unsigned int seen = 0;
	uint64_t key;

	if (!t->hot && !t->ended)
		return 0;
	slo_map_keys_begin(&keys, t->conns, sizeof(key), SWEEP_MAX);
	for (; slo_map_keys_next(&keys, &key); seen++) {
		/* Deleted by its end just now: then that counts. */
		if (bpf_map_lookup_elem(t->conns, &key, &c) || !is_over(&c.head, now_ns) ||
		    bpf_map_delete_elem(t->conns, &key))
			continue;
		cool(t, c.head.bucket);
		give(t, key, &c.head, fn, user);
	}
	return seen;
}
