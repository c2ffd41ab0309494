/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's notification protocol (sd_notify(3)): one datagram a message, without libsystemd. */
#ifndef SLO_COMPAT_NOTIFY_H
#define SLO_COMPAT_NOTIFY_H

#include <stdint.h>

#include "core/base/base.h"
#include "core/base/err.h"

struct slo_notify {
	int fd; /* connected to the manager; -1: nobody asked to be told */
	uint64_t watchdog_ns; /* a message at least this often; 0: not asked for */
};

#define SLO_NOTIFY_NONE  \
	{                \
		.fd = -1 \
	}

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child inherits them. Nothing set:
 * 0 with fd -1. Negative errno with @err where a socket is named but cannot be had; *@ret is untouched then.
 */
int slo_notify_open(struct slo_notify *ret, struct slo_err *err);

/* "READY=1\nSTATUS=..." without waiting. 0 also where nobody asked; negative errno where the datagram did not go. */
int slo_notify_send(const struct slo_notify *n, const char *fmt, ...) slo_printf(2, 3);

void slo_notify_close(struct slo_notify *n);

#endif
