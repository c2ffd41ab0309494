/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again: exponential with full jitter (AWS Architecture Blog, 2015), or later where the other side says so. */
#ifndef SLO_NET_BACKOFF_H
#define SLO_NET_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Set the first two; the rest is the module's own, zero at first. */
struct slo_backoff {
	uint64_t base_ms, cap_ms; /* the nth wait is up to base * 2^(n-1), at most cap */
	unsigned int failures; /* in a row */
	uint64_t not_before_ns; /* CLOCK_MONOTONIC */
	uint64_t asked_ns; /* the same, as the other side has it (Retry-After): only time ends it */
	uint64_t random; /* state of the jitter; seed it where several start alike */
};

/* @retry_after_ms -1: not said. Failures while one waits already count as one. */
void slo_backoff_fail(struct slo_backoff *b, uint64_t now_ns, int64_t retry_after_ms);
/* Before the time that was asked for it is of a request that was under way already, and says nothing. */
void slo_backoff_succeed(struct slo_backoff *b, uint64_t now_ns);
/* At the end nothing is waited for but what was asked for. */
void slo_backoff_hurry(struct slo_backoff *b);
bool slo_backoff_waits(const struct slo_backoff *b, uint64_t now_ns);

#endif
