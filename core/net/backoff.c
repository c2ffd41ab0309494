/* SPDX-License-Identifier: Apache-2.0 */
#include "core/net/backoff.h"

#include "core/base/clock.h"
#include "core/base/hash.h"

#define DOUBLINGS_MAX 20

void slo_backoff_fail(struct slo_backoff *b, uint64_t now_ns, int64_t retry_after_ms)
{
	bool waits = slo_backoff_waits(b, now_ns);
	uint64_t most = b->base_ms, asked;

	if (!waits)
		b->failures++;
	for (unsigned int i = 1; i < b->failures && i < DOUBLINGS_MAX && most < b->cap_ms; i++)
		most *= 2;
	if (most > b->cap_ms)
		most = b->cap_ms;
	b->random = slo_hash_mix(b->random ^ now_ns);
	if (!waits)
		b->not_before_ns = now_ns + b->random % (most + 1) * SLO_NS_PER_MS;
	if (retry_after_ms <= 0)
		return;
	asked = now_ns + (uint64_t)retry_after_ms * SLO_NS_PER_MS;
	if (asked > b->asked_ns)
		b->asked_ns = asked;
}

void slo_backoff_succeed(struct slo_backoff *b, uint64_t now_ns)
{
	if (now_ns < b->asked_ns)
		return;
	b->failures = 0;
	b->not_before_ns = 0;
}

void slo_backoff_hurry(struct slo_backoff *b)
{
	b->not_before_ns = 0;
}

bool slo_backoff_waits(const struct slo_backoff *b, uint64_t now_ns)
{
	return now_ns < b->not_before_ns || now_ns < b->asked_ns;
}
