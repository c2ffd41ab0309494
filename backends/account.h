/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs' slo_latency() and slo_dispose() do, for measurements that user space finishes. */
#ifndef SLO_BACKENDS_ACCOUNT_H
#define SLO_BACKENDS_ACCOUNT_H

#include <stdbool.h>

#include "backends/shared.h"
#include "bpf/slo_abi.h"
#include "core/model/signal.h"

/* Adds @ns to @key of the histogram map @fd, which no program writes. 0 or negative errno. */
int slo_account_hist(int fd, const struct slo_abi_hist_key *key, uint64_t ns, uint32_t epoch,
                     const struct slo_abi_owner *o);

/* Adds one to @key of the count map @fd, which no program writes. 0 or negative errno. */
int slo_account_count(int fd, const struct slo_abi_count_key *key, const struct slo_abi_owner *o);

/* Counts the fate of one measurement; true where its event is to be given. */
bool slo_account_dispose(struct slo_abi_stats *st, bool aggregated, bool wanted,
                         const struct slo_shared *shared);

/*
 * Before 5.1 a program does not learn that a perf buffer was full, and counts what was lost as sent. Of each signal, @sent as it
 * was before the buffers were emptied and @delivered after that: what is missing is lost. @lost: so far, brought up to date.
 */
void slo_account_losses(uint64_t lost[SLO_SIG_MAX_], const uint64_t sent[SLO_SIG_MAX_],
                        const uint64_t delivered[SLO_SIG_MAX_]);

#endif
