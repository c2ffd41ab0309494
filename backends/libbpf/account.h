/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs' slo_latency() and slo_dispose() do, for measurements that user space finishes. */
#ifndef SLO_LIBBPF_ACCOUNT_H
#define SLO_LIBBPF_ACCOUNT_H

#include <stdbool.h>

#include "backends/libbpf/maps.h"
#include "bpf/slo_abi.h"

/* Adds @ns to @key of the histogram map @fd, which no program writes. 0 or negative errno. */
int slo_account_hist(int fd, const struct slo_abi_hist_key *key, uint64_t ns, uint32_t epoch,
                     const struct slo_abi_owner *o);

/* Adds one to @key of the count map @fd, which no program writes. 0 or negative errno. */
int slo_account_count(int fd, const struct slo_abi_count_key *key, const struct slo_abi_owner *o);

/* Counts the fate of one measurement; true where its event is to be given. */
bool slo_account_dispose(struct slo_abi_stats *st, bool aggregated, bool wanted,
                         const struct slo_shared *shared);

#endif
