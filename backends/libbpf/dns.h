/* SPDX-License-Identifier: Apache-2.0 */
/* User space's part of DNS latency: queries that nobody answered, and who is a resolver already. */
#ifndef SLO_LIBBPF_DNS_H
#define SLO_LIBBPF_DNS_H

#include <stdint.h>

#include "backends/libbpf/maps.h"
#include "bpf/slo_abi.h"

struct slo_dns {
	int queries, hist; /* maps of the object, borrowed */
	const struct slo_shared *shared; /* borrowed */
	struct slo_abi_stats stats; /* what was counted here and not in the kernel */
};

/* Takes a borrowed event of kind SAMPLE or TIMEOUT. */
typedef void (*slo_dns_fn)(void *user, const struct slo_abi_event *e);

/*
 * Removes from the map of queries those that programs left as answered, and those that wait for 6 s since they were last
 * sent. Counts them; gives each timeout, and of the answers what the control map asks for. Number of queries looked at.
 */
unsigned int slo_dns_sweep(struct slo_dns *d, uint64_t now_ns, slo_dns_fn fn, void *user);

/* Marks the processes that own port 53 on this host: what they ask is the upstream hop of somebody else's lookup. */
void slo_dns_seed_resolvers(int resolvers_fd, int host_root);

#endif
