/* SPDX-License-Identifier: Apache-2.0 */
/* User space's part of DNS latency: queries that nobody answered, and who is a resolver already. */
#ifndef SLO_BACKENDS_DNS_H
#define SLO_BACKENDS_DNS_H

#include <stdint.h>

#include "bpf/slo_abi.h"

/* Takes a borrowed event of kind TIMEOUT and the socket's cookie in the key. */
typedef void (*slo_dns_timeout_fn)(void *user, uint64_t cookie, const struct slo_abi_event *e);

/* Removes from the map of queries what waits for 6 s since it was last sent, and gives each to @fn. */
void slo_dns_sweep(int queries_fd, uint64_t now_ns, enum slo_abi_source source,
                   slo_dns_timeout_fn fn, void *user);

/* Marks the processes that own port 53 on this host: what they ask is the upstream hop of somebody else's lookup. */
void slo_dns_seed_resolvers(int resolvers_fd, int host_root);

#endif
