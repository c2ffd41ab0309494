/* SPDX-License-Identifier: Apache-2.0 */
/* Joins DNS queries and answers into lookups; without a socket, so that tests give it packets of their own. */
#ifndef SLO_PROCFS_DNS_LOOKUPS_H
#define SLO_PROCFS_DNS_LOOKUPS_H

#include "backends/procfs/dns.h"
#include "backends/procfs/reader.h"
#include "core/base/map.h"

/* The last answers: one that passes a second device is not one without a query. */
#define SLO_DNS_ANSWERED 16

struct slo_dns_answered {
	uint8_t key[40];
	int ifindex;
	uint64_t at_ns;
};

/* Zero before slo_dns_lookups_init(). */
struct slo_dns_lookups {
	struct slo_map *queries;
	struct slo_procfs_options options;
	struct slo_hist hist; /* of answers, until the owner takes it */
	slo_procfs_event_fn fn; /* receives single events; set by the owner before take and sweep */
	void *user;
	uint64_t
		lost_ns; /* what had begun by then may have lost its answer; set by the owner, 0 nothing was lost */
	uint64_t inflight_full, unmatched; /* as of struct slo_signal_stats; the owner takes them */
	struct slo_dns_answered answered[SLO_DNS_ANSWERED];
	unsigned int next; /* of them to be overwritten */
};

int slo_dns_lookups_init(struct slo_dns_lookups *d, struct slo_err *err);
void slo_dns_lookups_fini(struct slo_dns_lookups *d);
void slo_dns_lookups_clear(struct slo_dns_lookups *d);
/* A query that left by device @ifindex, or an answer that came in by it. Number of events given. */
int slo_dns_lookups_take(struct slo_dns_lookups *d, const struct slo_dns_packet *p, int ifindex,
                         uint64_t now_ns);
/* Gives the timeouts as of @now_ns; every answer up to then has been taken, or lost. */
void slo_dns_lookups_sweep(struct slo_dns_lookups *d, uint64_t now_ns);

#endif
