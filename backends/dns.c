/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/dns.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "compat/procs.h"
#include "core/base/base.h"
#include "core/base/clock.h"

/* glibc waits 5 s before it asks again, which renews the query's last transmission. */
#define TIMEOUT_NS (6 * SLO_NS_PER_SEC)
#define SWEEP_MAX 8192
#define RESOLVERS_MAX 32
#define DNS_PORT 53

static void fill(struct slo_abi_event *ret, const struct slo_abi_dns_key *key,
                 const struct slo_abi_dns_query *q, uint64_t now_ns)
{
	struct slo_abi_event e = {
		.version = SLO_ABI_VERSION,
		.size = sizeof(e),
		.signal = SLO_ABI_DNS_LATENCY,
		.kind = SLO_ABI_TIMEOUT,
		.family = key->family,
		.start_ns = q->first_ns,
		.value = now_ns - q->first_ns,
		.tgid = q->owner.tgid,
		.tid = q->owner.tid,
		.cgroup_id = q->owner.cgroup_id,
		.netns = q->owner.netns,
		.err = ETIMEDOUT,
		.sport = key->lport,
		.dport = key->rport,
		.proto = key->proto,
		.flags = q->upstream ? SLO_ABI_F_UPSTREAM : 0,
	};

	memcpy(e.saddr, key->laddr, sizeof(e.saddr));
	memcpy(e.daddr, key->raddr, sizeof(e.daddr));
	memcpy(e.comm, q->owner.comm, sizeof(e.comm));
	e.extra.dns.last_ns = q->last_ns;
	e.extra.dns.id = key->id;
	e.extra.dns.retries = (uint16_t)q->retries;
	e.extra.dns.name_len = q->name_len;
	memcpy(e.extra.dns.name, q->name, sizeof(e.extra.dns.name));
	*ret = e;
}

void slo_dns_sweep(int queries_fd, uint64_t now_ns, enum slo_abi_source source,
                   slo_dns_timeout_fn fn, void *user)
{
	struct slo_abi_dns_key key, next;
	struct slo_abi_dns_query q;
	struct slo_abi_event e;
	bool more = bpf_map_get_next_key(queries_fd, NULL, &next) == 0;

	for (int i = 0; more && i < SWEEP_MAX; i++) {
		key = next;
		more = bpf_map_get_next_key(queries_fd, &key, &next) == 0;
		if (bpf_map_lookup_elem(queries_fd, &key, &q) || now_ns < q.last_ns + TIMEOUT_NS)
			continue;
		/* Deleted by an answer just now: then it is no timeout. */
		if (bpf_map_delete_elem(queries_fd, &key) == 0) {
			fill(&e, &key, &q, now_ns);
			e.source = (uint8_t)source;
			fn(user, key.cookie, &e);
		}
	}
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
