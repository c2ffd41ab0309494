/* SPDX-License-Identifier: Apache-2.0 */
/* The twelve signals this agent knows, one row each in signal.c. Adding a signal is adding a row. */
#ifndef SLO_MODEL_SIGNAL_H
#define SLO_MODEL_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/base.h"

enum slo_signal {
	SLO_SIG_DNS_LATENCY,
	SLO_SIG_TCP_RETRANSMITS,
	SLO_SIG_RUNQUEUE_DELAY,
	SLO_SIG_CONNECT_LATENCY,
	SLO_SIG_CONNECT_ERRORS,
	SLO_SIG_TLS_HANDSHAKE,
	SLO_SIG_TLS_FAIL,
	SLO_SIG_CPU_STEAL,
	SLO_SIG_CFS_THROTTLED,
	SLO_SIG_MEM_RECLAIM,
	SLO_SIG_DISK_IO,
	SLO_SIG_SYSCALL,
	SLO_SIG_MAX_,
};

/* Bit of a signal in a signal set. */
#define SLO_SIG_BIT(s) (UINT64_C(1) << (s))
#define SLO_SIG_ALL (SLO_SIG_BIT(SLO_SIG_MAX_) - 1)

enum slo_unit {
	SLO_UNIT_MS,
	SLO_UNIT_COUNT,
	SLO_UNIT_PCT,
	SLO_UNIT_MAX_,
};

#define SLO_SIG_BUCKETS_MAX 24

struct slo_signal_desc {
	const char *name; /* wire and metric name; unique, never renamed */
	const char *help; /* one line, printed by tools and /metrics */
	enum slo_unit unit;
	double warn; /* in @unit; status is "warning" at or above */
	double crit; /* in @unit; >= warn; status is "error" at or above */
	bool windowed; /* thresholds apply to the sum (counts) or mean (pct) over 10 s, not to one value */
	bool built; /* measured by this version; the others are refused with that reason */
	bool counted; /* read from the kernel's own counters: there is no hook to have */
	const double *
		buckets; /* upper bounds of its histogram, in @unit, ascending; NULL: it has none */
	size_t bucket_count; /* at most SLO_SIG_BUCKETS_MAX */
};

/* Never NULL for a valid @sig. */
const struct slo_signal_desc *slo_signal_desc(enum slo_signal sig);

/* 0 and *@ret_sig, or -ENOENT with *@ret_sig untouched. */
int slo_signal_from_name(const char *name, enum slo_signal *ret_sig);

/* "ms", "count" or "pct". */
const char *slo_unit_name(enum slo_unit unit);

enum slo_status {
	SLO_STATUS_OK,
	SLO_STATUS_WARNING,
	SLO_STATUS_ERROR,
	SLO_STATUS_MAX_,
};

/* @value in the signal's unit. */
enum slo_status slo_signal_status(enum slo_signal sig, double value);
const char *slo_status_name(enum slo_status status);

#endif
