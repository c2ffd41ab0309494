/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes own a local port, by /proc/net and the processes' descriptors. */
#ifndef SLO_COMPAT_PROCS_H
#define SLO_COMPAT_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Processes with a socket bound to local @port (TCP: listening) in any network namespace that a process is in,
 * ascending, each once, @max at most. Their number, or a negative errno where no socket table could be read. Reads every
 * process's descriptors, so for start-up and rare refreshes: it ends after about 100 ms with what it has so far, and
 * processes whose descriptors may not be read are passed over.
 */
ssize_t slo_procs_port_owners(int root, unsigned int port, bool udp, uint32_t *tgids, size_t max);

#endif
