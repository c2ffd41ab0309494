/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets of this network namespace with their TCP_INFO, by netlink (sock_diag, any kernel we know). */
#ifndef SLO_PROCFS_SOCKDIAG_H
#define SLO_PROCFS_SOCKDIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/event.h"

struct slo_sockdiag {
	uint64_t cookie; /* of the socket, until the machine is restarted */
	struct slo_conn_tuple tuple;
	uint8_t state; /* TCP_* */
	bool has_info; /* else what follows is unknown: a connection the kernel keeps a stub of, and no TCP_INFO */
	uint32_t total_retrans; /* segments sent again since it was made */
	uint32_t rtt_us; /* smoothed; 0 unknown */
	uint32_t inode;
};

typedef void (*slo_sockdiag_fn)(void *user, const struct slo_sockdiag *s);

/* A netlink socket, or negative errno. */
int slo_sockdiag_open(struct slo_err *err);
/*
 * Gives every TCP socket in one of @states (bits 1 << TCP_*), IPv4 and IPv6. 0 or negative errno; -ENOENT: the kernel's
 * tcp_diag is missing, which is not the same as no sockets.
 */
int slo_sockdiag_dump(int fd, uint32_t states, slo_sockdiag_fn fn, void *user, struct slo_err *err);

#endif
