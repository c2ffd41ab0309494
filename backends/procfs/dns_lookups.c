/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/procfs/dns_lookups.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "backends/decode.h"
#include "core/base/clock.h"

#define DNS_PORT 53
#define QUERIES_MAX 4096
/* glibc waits 5 s before it asks again, which renews the query's last transmission. */
#define TIMEOUT_NS (6 * SLO_NS_PER_SEC)
/* A packet is on the next device of its way within this, and nobody asks again so soon. */
#define COPY_NS SLO_NS_PER_MS

struct key {
	uint8_t laddr[16];
	uint8_t raddr[16];
	uint16_t lport;
	uint16_t id;
	uint32_t family;
};

struct query {
	uint64_t first_ns, last_ns; /* CLOCK_MONOTONIC */
	uint32_t retries;
	int ifindex; /* of the first packet */
	uint8_t name_len;
	uint8_t name[SLO_ABI_NAME_LEN];
};

int slo_dns_lookups_init(struct slo_dns_lookups *d, struct slo_err *err)
{
	const struct slo_map_config map = { sizeof(struct key), sizeof(struct query), QUERIES_MAX };

	return slo_map_new(&d->queries, &map, err);
}

void slo_dns_lookups_fini(struct slo_dns_lookups *d)
{
	slo_map_freep(&d->queries);
}

void slo_dns_lookups_clear(struct slo_dns_lookups *d)
{
	slo_map_clear(d->queries);
	d->hist = (struct slo_hist){ 0 };
}

static void key_of(const struct slo_dns_packet *p, struct key *k)
{
	*k = (struct key){ .id = p->id,
		           .family = p->family,
		           .lport = p->answer ? p->dport : p->sport };
	memcpy(k->laddr, p->answer ? p->daddr : p->saddr, 16);
	memcpy(k->raddr, p->answer ? p->saddr : p->daddr, 16);
}

static void on_query(struct slo_dns_lookups *d, const struct slo_dns_packet *p, int ifindex,
                     uint64_t now)
{
	struct query *q;
	struct key key;
	bool fresh;

	key_of(p, &key);
	q = slo_map_get(d->queries, &key, &fresh);
	if (!q) {
		d->inflight_full++;
		return;
	}
	if (!fresh) {
		/* The same packet on the next device of its way: a bridge's port, a bond's. */
		if (ifindex != q->ifindex && now < q->last_ns + COPY_NS)
			return;
		q->last_ns = now;
		q->retries++;
		return;
	}
	q->first_ns = q->last_ns = now;
	q->ifindex = ifindex;
	q->name_len =
		(uint8_t)(p->question_len < sizeof(q->name) ? p->question_len : sizeof(q->name));
	memcpy(q->name, p->question, q->name_len);
}

/* By way of the wire's record, so that names are read in one place. */
static void give(struct slo_dns_lookups *d, const struct key *k, const struct query *q,
                 struct slo_abi_event *e)
{
	struct slo_probe_event ev;

	e->version = SLO_ABI_VERSION;
	e->size = sizeof(*e);
	e->signal = SLO_ABI_DNS_LATENCY;
	e->source = SLO_ABI_SRC_PROCFS;
	e->family = (uint8_t)k->family;
	e->proto = IPPROTO_UDP;
	e->start_ns = q->first_ns;
	e->sport = k->lport;
	e->dport = DNS_PORT;
	memcpy(e->saddr, k->laddr, sizeof(e->saddr));
	memcpy(e->daddr, k->raddr, sizeof(e->daddr));
	e->extra.dns.last_ns = q->last_ns;
	e->extra.dns.id = k->id;
	e->extra.dns.retries = (uint16_t)q->retries;
	e->extra.dns.name_len = q->name_len;
	memcpy(e->extra.dns.name, q->name, q->name_len);
	if (slo_decode(e, sizeof(*e), slo_clock_realtime_offset_ns(), &ev, NULL) == 0)
		d->fn(d->user, &ev);
}

/* An answer that was just taken, on the next device of its way. */
static bool is_copy(const struct slo_dns_lookups *d, const struct key *key, int ifindex,
                    uint64_t now)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(d->answered); i++) {
		const struct slo_dns_answered *a = &d->answered[i];

		if (ifindex != a->ifindex && now < a->at_ns + COPY_NS &&
		    memcmp(a->key, key, sizeof(*key)) == 0)
			return true;
	}
	return false;
}

static void remember(struct slo_dns_lookups *d, const struct key *key, int ifindex, uint64_t now)
{
	struct slo_dns_answered *a = &d->answered[d->next++ % SLO_ARRAY_SIZE(d->answered)];

	static_assert(sizeof(a->key) == sizeof(*key), "a key is kept whole");
	memcpy(a->key, key, sizeof(*key));
	a->ifindex = ifindex;
	a->at_ns = now;
}

static int on_answer(struct slo_dns_lookups *d, const struct slo_dns_packet *p, int ifindex,
                     uint64_t now)
{
	const struct query *found;
	struct slo_abi_event e = { .kind = SLO_ABI_SAMPLE };
	struct query q;
	struct key key;

	key_of(p, &key);
	found = slo_map_find(d->queries, &key);
	if (!found) {
		d->unmatched += !is_copy(d, &key, ifindex, now);
		return 0;
	}
	q = *found;
	remember(d, &key, ifindex, now);
	(void)slo_map_erase(d->queries, &key);
	e.value = now > q.first_ns ? now - q.first_ns : 0;
	slo_hist_add(&d->hist, e.value);
	if (!d->options.emit_all && e.value < d->options.threshold_ns && !p->rcode && !q.retries)
		return 0;
	e.extra.dns.rcode = p->rcode;
	e.flags = p->truncated ? SLO_ABI_F_TRUNCATED : 0;
	give(d, &key, &q, &e);
	return 1;
}

int slo_dns_lookups_take(struct slo_dns_lookups *d, const struct slo_dns_packet *p, int ifindex,
                         uint64_t now)
{
	if (p->answer)
		return on_answer(d, p, ifindex, now);
	on_query(d, p, ifindex, now);
	return 0;
}

void slo_dns_lookups_sweep(struct slo_dns_lookups *d, uint64_t now)
{
	const struct query *q;
	const void *key;
	size_t pos = 0;

	while ((q = slo_map_next(d->queries, &pos, &key))) {
		struct slo_abi_event e = { .kind = SLO_ABI_TIMEOUT, .err = ETIMEDOUT };
		struct key k;

		if (now < q->last_ns + TIMEOUT_NS)
			continue;
		/* Perhaps its answer was lost. */
		if (q->first_ns <= d->lost_ns) {
			d->unmatched++;
			(void)slo_map_erase(d->queries, key);
			continue;
		}
		memcpy(&k, key, sizeof(k));
		e.value = q->last_ns + TIMEOUT_NS - q->first_ns;
		give(d, &k, q, &e);
		(void)slo_map_erase(d->queries, key);
	}
}
