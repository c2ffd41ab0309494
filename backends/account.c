/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/account.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

static unsigned int slot_of(uint64_t ns)
{
	unsigned int slot = ns < 1024 ? 0 : 63 - (unsigned int)__builtin_clzll(ns) - 9;

	return slot < SLO_ABI_SLOTS ? slot : SLO_ABI_SLOTS - 1;
}

int slo_account_hist(int fd, const struct slo_abi_hist_key *key, uint64_t ns, uint32_t epoch,
                     const struct slo_abi_owner *o)
{
	struct slo_abi_hist_val v = { 0 };

	(void)bpf_map_lookup_elem(fd, key, &v);
	v.slot[slot_of(ns)]++;
	v.count++;
	v.sum += ns;
	if (v.worst.epoch != epoch || ns > v.worst.value) {
		v.worst = (struct slo_abi_worst){ .value = ns, .epoch = epoch, .tgid = o->tgid };
		memcpy(v.worst.comm, o->comm, sizeof(v.worst.comm));
	}
	return bpf_map_update_elem(fd, key, &v, BPF_ANY) ? -errno : 0;
}

int slo_account_count(int fd, const struct slo_abi_count_key *key, const struct slo_abi_owner *o)
{
	struct slo_abi_count_val v = { 0 };

	(void)bpf_map_lookup_elem(fd, key, &v);
	v.count++;
	v.tgid = o->tgid;
	memcpy(v.comm, o->comm, sizeof(v.comm));
	return bpf_map_update_elem(fd, key, &v, BPF_ANY) ? -errno : 0;
}

bool slo_account_dispose(struct slo_abi_stats *st, bool aggregated, bool wanted,
                         const struct slo_shared *shared)
{
	bool shed = wanted && !slo_shared_may_send(shared);

	st->made++;
	st->agg_lost += !aggregated;
	st->shed += shed;
	st->sent += wanted && !shed;
	st->aggregated += !wanted && aggregated;
	st->lost_map += !wanted && !aggregated;
	return wanted && !shed;
}

void slo_account_losses(uint64_t lost[SLO_SIG_MAX_], const uint64_t sent[SLO_SIG_MAX_],
                        const uint64_t delivered[SLO_SIG_MAX_])
{
	for (int i = 0; i < SLO_SIG_MAX_; i++) {
		if (sent[i] > delivered[i] + lost[i])
			lost[i] = sent[i] - delivered[i];
	}
}
