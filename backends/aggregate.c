/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/aggregate.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "backends/map_keys.h"
#include "core/base/map.h"

/* A key idle for so many reads is removed from the kernel's map: its cgroup or remote is gone. */
#define IDLE_READS 300

struct seen {
	uint64_t count;
	uint64_t sum;
	uint32_t slot[SLO_ABI_SLOTS];
	uint32_t idle;
};

struct slo_agg {
	struct slo_agg_config cfg;
	struct slo_map *seen; /* key -> struct seen */
	struct slo_abi_hist_val *percpu; /* cfg.cpus values: one lookup */
};

union agg_key {
	struct slo_abi_hist_key hist;
	struct slo_abi_count_key count;
};

static size_t key_size(const struct slo_agg *a)
{
	return a->cfg.is_hist ? sizeof(struct slo_abi_hist_key) : sizeof(struct slo_abi_count_key);
}

int slo_agg_new(struct slo_agg **ret_agg, const struct slo_agg_config *cfg, struct slo_err *err)
{
	slo_cleanup(slo_agg_freep) struct slo_agg *a = calloc(1, sizeof(*a));
	struct slo_map_config map = { .value_size = sizeof(struct seen), .max = cfg->max };
	int r;

	if (!a)
		return slo_err_set(err, -ENOMEM, "aggregate: out of memory");
	a->cfg = *cfg;
	a->percpu = calloc(cfg->cpus, sizeof(*a->percpu));
	if (!a->percpu)
		return slo_err_set(err, -ENOMEM, "aggregate: out of memory");
	map.key_size = key_size(a);
	r = slo_map_new(&a->seen, &map, err);
	if (r < 0)
		return r;
	*ret_agg = slo_take_ptr(a);
	return 0;
}

void slo_agg_freep(struct slo_agg **agg)
{
	if (*agg) {
		slo_map_freep(&(*agg)->seen);
		free((*agg)->percpu);
	}
	free(*agg);
	*agg = NULL;
}

static void take_worst(struct slo_abi_agg *rec, const struct slo_abi_worst *w, uint32_t epoch)
{
	if (w->epoch != epoch || w->value < rec->max)
		return;
	rec->max = w->value;
	rec->head.tgid = w->tgid;
	memcpy(rec->head.comm, w->comm, sizeof(rec->head.comm));
}

/* Sums the CPUs and subtracts what was seen before; unsigned, so that wrapping slots stay right. */
static void hist_delta(struct slo_agg *a, struct seen *s, uint32_t epoch, struct slo_abi_agg *rec)
{
	struct seen now = { 0 };

	for (unsigned int cpu = 0; cpu < a->cfg.cpus; cpu++) {
		const struct slo_abi_hist_val *v = &a->percpu[cpu];

		now.count += v->count;
		now.sum += v->sum;
		for (int i = 0; i < SLO_ABI_SLOTS; i++)
			now.slot[i] += v->slot[i];
		take_worst(rec, &v->worst, epoch);
	}
	rec->head.kind = SLO_ABI_HIST;
	rec->head.value = now.sum - s->sum;
	/* The kernel adds slot, count and sum one by one: the slots are what a histogram's count must equal. */
	for (int i = 0; i < SLO_ABI_SLOTS; i++) {
		rec->slot[i] = now.slot[i] - s->slot[i];
		rec->count += rec->slot[i];
	}
	now.idle = s->idle;
	*s = now;
}

static void tls_tag(uint8_t tag, struct slo_abi_tls *ret)
{
	ret->reason = tag & (SLO_ABI_TLS_TAG_SERVER - 1);
	ret->flags = tag & SLO_ABI_TLS_TAG_SERVER ? SLO_ABI_TLS_F_SERVER : 0;
}

static void count_delta(struct seen *s, const struct slo_abi_count_key *key,
                        const struct slo_abi_count_val *v, struct slo_abi_agg *rec)
{
	rec->head.kind = SLO_ABI_COUNT;
	rec->count = v->count - s->count;
	rec->head.value = rec->count;
	rec->head.tgid = v->tgid;
	memcpy(rec->head.comm, v->comm, sizeof(rec->head.comm));
	rec->head.family = key->family;
	rec->head.proto = 6;
	rec->head.dport = key->dport;
	rec->head.netns = key->netns;
	memcpy(rec->head.daddr, key->daddr, sizeof(rec->head.daddr));
	if (rec->head.signal == SLO_ABI_TCP_RETRANSMITS)
		rec->head.extra.retr.kind = key->tag;
	else if (rec->head.signal == SLO_ABI_TLS_FAIL)
		tls_tag(key->tag, &rec->head.extra.tls);
	else
		rec->head.err = key->tag;
	s->count = v->count;
}

/* The key's tag as the record's own facts. */
static void hist_tag(const struct slo_abi_hist_key *key, struct slo_abi_event *h)
{
	uint32_t tag = key->tag & ((1U << SLO_ABI_TAG_SIGNAL_SHIFT) - 1);

	switch (h->signal) {
	case SLO_ABI_DNS_LATENCY:
		h->flags = (uint8_t)tag;
		break;
	case SLO_ABI_RUNQUEUE_DELAY:
		h->extra.runq.cause = tag;
		break;
	case SLO_ABI_TLS_HANDSHAKE:
		h->extra.tls.flags = tag & SLO_ABI_TLS_F_SERVER;
		break;
	case SLO_ABI_MEM_RECLAIM:
		h->extra.reclaim.kind = tag;
		break;
	case SLO_ABI_DISK_IO:
		h->extra.disk.op = tag;
		h->extra.disk.dev = key->dev;
		break;
	case SLO_ABI_SYSCALL:
		h->extra.sys.family = tag & 0xff;
		h->extra.sys.fclass = tag >> 8;
		break;
	default:
		break;
	}
}

/* 1: changed, 0: not, or negative errno. */
static int read_key(struct slo_agg *a, const union agg_key *key, uint32_t epoch,
                    struct slo_abi_agg *rec)
{
	struct seen *s = slo_map_get(a->seen, key, NULL);

	if (!s)
		return -ENOSPC;
	/* Erased between the walk and the look-up: nothing new. */
	if (bpf_map_lookup_elem(a->cfg.fd, key, a->percpu))
		return 0;
	rec->head.cgroup_id = key->hist.cgroup_id;
	if (a->cfg.is_hist) {
		hist_tag(&key->hist, &rec->head);
		hist_delta(a, s, epoch, rec);
	} else {
		count_delta(s, &key->count, (const void *)a->percpu, rec);
	}
	s->idle = rec->count ? 0 : s->idle + 1;
	return rec->count ? 1 : 0;
}

int slo_agg_read(struct slo_agg *a, uint64_t start_ns, uint64_t interval_ns, uint32_t epoch,
                 slo_agg_fn fn, void *user)
{
	union agg_key key;
	struct slo_map_keys keys;
	int count = 0;

	slo_map_keys_begin(&keys, a->cfg.fd, key_size(a), UINT32_MAX);
	while (slo_map_keys_next(&keys, &key)) {
		struct slo_abi_agg rec = {
			.head = { .version = SLO_ABI_VERSION,
			          .size = sizeof(rec),
			          .signal = a->cfg.signal,
			          .source = a->cfg.source,
			          .start_ns = start_ns },
			.interval_ns = interval_ns,
		};
		struct seen *s;

		if (a->cfg.by_signal && key.hist.tag >> SLO_ABI_TAG_SIGNAL_SHIFT != a->cfg.signal)
			continue;
		if (read_key(a, &key, epoch, &rec) > 0) {
			fn(user, &rec);
			count++;
			continue;
		}
		s = slo_map_find(a->seen, &key);
		if (s && s->idle >= IDLE_READS) {
			(void)bpf_map_delete_elem(a->cfg.fd, &key);
			(void)slo_map_erase(a->seen, &key);
		}
	}
	return count;
}
