/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks in nanoseconds, the distance between two of them, and the text form of a point in time.
 */
#ifndef SLO_BASE_CLOCK_H
#define SLO_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define SLO_NS_PER_US UINT64_C(1000)
#define SLO_NS_PER_MS UINT64_C(1000000)
#define SLO_NS_PER_SEC UINT64_C(1000000000)

/*
 * CLOCK_MONOTONIC: what BPF programs stamp (bpf_ktime_get_ns). Stands still while the machine is
 * suspended.
 */
uint64_t slo_clock_monotonic_ns(void);

/* CLOCK_REALTIME, ns since 1970. */
uint64_t slo_clock_realtime_ns(void);

/* As CLOCK_MONOTONIC, but it goes on while the machine is suspended: CLOCK_BOOTTIME, Linux 2.6.39. */
uint64_t slo_clock_boottime_ns(void);

/* CPU time used by the calling thread. */
uint64_t slo_clock_thread_cpu_ns(void);

/*
 * CLOCK_REALTIME - CLOCK_MONOTONIC now: of several readings the one with the narrowest bracket, so
 * that a preemption between two clock reads does not show. Changes when the clock is set or the
 * machine was suspended: read it again from time to time.
 */
uint64_t slo_clock_realtime_offset_ns(void);

/*
 * As above for who asks at each turn: two readings, and where the clock was set, *@offset_ns anew. How far it was set
 * in ns, 0 where it was not (as far as a preemption between the two readings leaves that open).
 */
int64_t slo_clock_follow_realtime(uint64_t *offset_ns);

/*
 * As above, of CLOCK_REALTIME - CLOCK_BOOTTIME: a suspend, after which every clock but CLOCK_MONOTONIC is right, is no
 * step. *@offset_ns 0: not known yet, the step is 0.
 */
int64_t slo_clock_follow_set(uint64_t *offset_ns);

/* "2026-01-02T03:04:05.678Z" and a NUL. */
#define SLO_CLOCK_RFC3339_SIZE 25

/* RFC 3339 in UTC, cut to milliseconds. Returns @buf. Any @realtime_ns has a four-digit year. */
const char *slo_clock_rfc3339(uint64_t realtime_ns, char buf[SLO_CLOCK_RFC3339_SIZE]);

#endif
