/* SPDX-License-Identifier: Apache-2.0 */
#include "core/model/signal.h"

#include <errno.h>
#include <string.h>

/*
 * Thresholds are bounds, and so are the kernel's constants: SYN retries end 1, 3, 7 s after the first (RFC 6298, doubled).
 * A run queue and a disk are good or bad in microseconds.
 */
/* clang-format off */
static const double dns[]      = { 1, 2, 5, 10, 20, 40, 80, 120, 200, 400, 800, 1600, 3200, 6400, 10000 };
static const double runqueue[] = { .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 25, 50, 100, 250, 1000 };
static const double conn[]     = { .1, .5, 1, 2, 5, 10, 20, 40, 80, 180, 400, 1000, 3000, 7000, 15000 };
static const double tls[]      = { 1, 2, 5, 10, 20, 40, 60, 100, 160, 300, 500, 1000, 3000, 7000, 15000 };
static const double reclaim[]  = { .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 250, 1000 };
static const double disk[]     = { .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 250, 1000 };
static const double calls[]    = { .01, .05, .1, .5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 };
#define BUCKETS(b) (b), SLO_ARRAY_SIZE(b)

static const struct slo_signal_desc signals[] = {
	[SLO_SIG_DNS_LATENCY]     = { "dns_latency_ms", "DNS query to answer, or to giving up", SLO_UNIT_MS, 40, 120, false, true, false, BUCKETS(dns) },
	[SLO_SIG_TCP_RETRANSMITS] = { "tcp_retransmits_total", "TCP segments sent again", SLO_UNIT_COUNT, 2, 5, true, true, false, NULL, 0 },
	[SLO_SIG_RUNQUEUE_DELAY]  = { "runqueue_delay_ms", "Runnable but waiting for a CPU", SLO_UNIT_MS, 10, 25, false, true, false, BUCKETS(runqueue) },
	[SLO_SIG_CONNECT_LATENCY] = { "connect_latency_ms", "TCP SYN to ESTABLISHED", SLO_UNIT_MS, 80, 180, false, true, false, BUCKETS(conn) },
	[SLO_SIG_CONNECT_ERRORS]  = { "connect_errors_total", "TCP connects that failed", SLO_UNIT_COUNT, 1, 3, true, true, false, NULL, 0 },
	[SLO_SIG_TLS_HANDSHAKE]   = { "tls_handshake_ms", "TLS ClientHello to Finished", SLO_UNIT_MS, 60, 160, false, true, false, BUCKETS(tls) },
	[SLO_SIG_TLS_FAIL]        = { "tls_handshake_fail_total", "TLS handshakes that failed", SLO_UNIT_COUNT, 1, 3, true, true, false, NULL, 0 },
	[SLO_SIG_CPU_STEAL]       = { "cpu_steal_pct", "CPU time taken by the hypervisor", SLO_UNIT_PCT, 2, 8, true, true, true, NULL, 0 },
	[SLO_SIG_CFS_THROTTLED]   = { "cfs_throttled_ms", "Time throttled by a CPU quota", SLO_UNIT_MS, 40, 120, true, true, true, NULL, 0 },
	[SLO_SIG_MEM_RECLAIM]     = { "mem_reclaim_latency_ms", "Stalled in memory reclaim or compaction", SLO_UNIT_MS, 5, 20, false, true, false, BUCKETS(reclaim) },
	[SLO_SIG_DISK_IO]         = { "disk_io_latency_ms", "Block I/O, queue and device", SLO_UNIT_MS, 10, 50, false, true, false, BUCKETS(disk) },
	[SLO_SIG_SYSCALL]         = { "syscall_latency_ms", "read and write on storage", SLO_UNIT_MS, 50, 200, false, true, false, BUCKETS(calls) },
};
/* clang-format on */
SLO_TABLE_COMPLETE(signals, SLO_SIG_MAX_);

static const char *const unit_names[] = {
	[SLO_UNIT_MS] = "ms",
	[SLO_UNIT_COUNT] = "count",
	[SLO_UNIT_PCT] = "pct",
};
SLO_TABLE_COMPLETE(unit_names, SLO_UNIT_MAX_);

static const char *const status_names[] = {
	[SLO_STATUS_OK] = "ok",
	[SLO_STATUS_WARNING] = "warning",
	[SLO_STATUS_ERROR] = "error",
};
SLO_TABLE_COMPLETE(status_names, SLO_STATUS_MAX_);

const struct slo_signal_desc *slo_signal_desc(enum slo_signal sig)
{
	assert((unsigned int)sig < SLO_SIG_MAX_);
	return &signals[sig];
}

int slo_signal_from_name(const char *name, enum slo_signal *ret_sig)
{
	for (size_t i = 0; i < SLO_ARRAY_SIZE(signals); i++) {
		if (strcmp(signals[i].name, name) == 0) {
			*ret_sig = (enum slo_signal)i;
			return 0;
		}
	}
	return -ENOENT;
}

const char *slo_unit_name(enum slo_unit unit)
{
	assert((unsigned int)unit < SLO_UNIT_MAX_);
	return unit_names[unit];
}

enum slo_status slo_signal_status(enum slo_signal sig, double value)
{
	const struct slo_signal_desc *d = slo_signal_desc(sig);

	if (value >= d->crit)
		return SLO_STATUS_ERROR;
	return value >= d->warn ? SLO_STATUS_WARNING : SLO_STATUS_OK;
}

const char *slo_status_name(enum slo_status status)
{
	assert((unsigned int)status < SLO_STATUS_MAX_);
	return status_names[status];
}
