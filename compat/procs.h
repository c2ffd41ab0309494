/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a host, and which of them own a local port, by /proc/net and their descriptors. */
#ifndef SLO_COMPAT_PROCS_H
#define SLO_COMPAT_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Calls @fn for each process until it returns false or about @budget_ms are over; *@ret_all (nullable): neither happened. 0 or
 * negative errno.
 */
int slo_procs_each(int root, unsigned int budget_ms, bool (*fn)(void *user, uint32_t pid),
                   void *user, bool *ret_all);

/*
 * Processes with a socket bound to local @port (TCP: listening) in any network namespace that a process is in,
 * ascending, each once, @max at most. Their number, or a negative errno where no socket table could be read. Reads every
 * process's descriptors, so for start-up and rare refreshes: it ends after about 100 ms with what it has so far, and
 * processes whose descriptors may not be read are passed over.
 */
ssize_t slo_procs_port_owners(int root, unsigned int port, bool udp, uint32_t *tgids, size_t max);

#endif
