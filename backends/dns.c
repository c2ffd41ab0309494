/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/dns.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "backends/account.h"
#include "backends/map_keys.h"
#include "compat/procs.h"
#include "core/base/base.h"
#include "core/base/clock.h"

/* glibc waits 5 s before it asks again, which renews the query's last transmission. */
#define TIMEOUT_NS (6 * SLO_NS_PER_SEC)
#define SWEEP_MAX 8192
#define RESOLVERS_MAX 32
#define DNS_PORT 53

static void fill(struct slo_abi_event *e, enum slo_abi_source source,
                 const struct slo_abi_dns_key *key, const struct slo_abi_dns_query *q)
{
	*e = (struct slo_abi_event){
		.version = SLO_ABI_VERSION,
		.size = sizeof(*e),
		.signal = SLO_ABI_DNS_LATENCY,
		.source = (uint8_t)source,
		.family = key->family,
		.start_ns = q->first_ns,
		.tgid = q->owner.tgid,
		.tid = q->owner.tid,
		.cgroup_id = q->owner.cgroup_id,
		.netns = q->owner.netns,
		.sport = key->lport,
		.dport = key->rport,
		.proto = key->proto,
		.flags = q->upstream ? SLO_ABI_F_UPSTREAM : 0,
	};
	memcpy(e->saddr, key->laddr, sizeof(e->saddr));
	memcpy(e->daddr, key->raddr, sizeof(e->daddr));
	memcpy(e->comm, q->owner.comm, sizeof(e->comm));
	e->extra.dns.last_ns = q->last_ns;
	e->extra.dns.id = key->id;
	e->extra.dns.retries = (uint16_t)q->retries;
	e->extra.dns.name_len = q->name_len;
	memcpy(e->extra.dns.name, q->name, sizeof(e->extra.dns.name));
}

static void give_timeout(struct slo_dns *d, const struct slo_abi_dns_key *key,
                         const struct slo_abi_dns_query *q, slo_dns_fn fn, void *user)
{
	const uint32_t sig = SLO_ABI_DNS_LATENCY;
	struct slo_abi_traced e;
	struct slo_abi_ctl ctl;
	uint8_t yes;

	/* While nobody looked it may have been answered. */
	if (bpf_map_lookup_elem(d->shared->map[SLO_SHARED_CTL].fd, &sig, &ctl) || ctl.off)
		return;
	/* It has been answered: no timeout, but not measured either. */
	if (d->unread >= 0 && bpf_map_lookup_elem(d->unread, &key->cookie, &yes) == 0) {
		d->stats.unmatched++;
		return;
	}
	fill(&e.event, d->source, key, q);
	e.event.kind = SLO_ABI_TIMEOUT;
	/* Not up to now: an agent that is late for want of a CPU makes nobody wait longer. */
	e.event.value = q->last_ns + TIMEOUT_NS - q->first_ns;
	e.event.err = ETIMEDOUT;
	slo_shared_trace(d->shared, SLO_ABI_BEGUN_DNS(key->cookie, key->id), q->first_ns, &e);
	d->stats.made++;
	d->stats.sent++;
	fn(user, &e.event);
}

static void give_answer(struct slo_dns *d, const struct slo_abi_dns_key *key,
                        const struct slo_abi_dns_query *q, slo_dns_fn fn, void *user)
{
	const uint32_t sig = SLO_ABI_DNS_LATENCY;
	struct slo_abi_hist_key hist = { .cgroup_id = q->owner.cgroup_id,
		                         .tag = q->upstream ? SLO_ABI_F_UPSTREAM : 0 };
	uint64_t ns = q->answered_ns - q->first_ns;
	struct slo_abi_event e;
	struct slo_abi_ctl ctl;
	bool added;

	if (bpf_map_lookup_elem(d->shared->map[SLO_SHARED_CTL].fd, &sig, &ctl) || ctl.off)
		return;
	added = slo_account_hist(d->hist, &hist, ns, ctl.epoch, &q->owner) == 0;
	if (!slo_account_dispose(&d->stats, added,
	                         ctl.emit_all || ns >= ctl.threshold || q->rcode || q->retries,
	                         d->shared))
		return;
	fill(&e, d->source, key, q);
	e.kind = SLO_ABI_SAMPLE;
	e.value = ns;
	e.flags |= q->truncated ? SLO_ABI_F_TRUNCATED : 0;
	e.extra.dns.rcode = q->rcode;
	fn(user, &e);
}

unsigned int slo_dns_sweep(struct slo_dns *d, uint64_t now_ns, slo_dns_fn fn, void *user)
{
	struct slo_abi_dns_key key;
	struct slo_abi_dns_query q;
	struct slo_map_keys keys;
	unsigned int seen = 0;

	slo_map_keys_begin(&keys, d->queries, sizeof(key), SWEEP_MAX);
	for (; slo_map_keys_next(&keys, &key); seen++) {
		if (bpf_map_lookup_elem(d->queries, &key, &q) ||
		    (!q.answered_ns && now_ns < q.last_ns + TIMEOUT_NS))
			continue;
		/* Deleted by an answer just now: then it is no timeout. */
		if (bpf_map_delete_elem(d->queries, &key))
			continue;
		if (q.answered_ns)
			give_answer(d, &key, &q, fn, user);
		else
			give_timeout(d, &key, &q, fn, user);
	}
	return seen;
}

void slo_dns_seed_resolvers(int resolvers_fd, int host_root)
{
	uint32_t tgid[RESOLVERS_MAX];
	const unsigned char yes = 1;

	for (int udp = 0; udp < 2; udp++) {
		ssize_t n = slo_procs_port_owners(host_root, DNS_PORT, udp, tgid, RESOLVERS_MAX);

		for (ssize_t i = 0; i < n; i++)
			(void)bpf_map_update_elem(resolvers_fd, &tgid[i], &yes, BPF_ANY);
	}
}
